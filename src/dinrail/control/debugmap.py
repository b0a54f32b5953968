"""From machine addresses to places in the sources: the debug map of an image, and a fault told with its call path.

The map is one line of JSON (an image's section compresses it):

    {"functions": [low, size, name]..., "lines": [address, source, line]..., "files": {source: name},
     "inlined": [low, size, depth, name, source, line]..., "names": [...]}

Addresses are offsets from where the shared object is loaded; in each list the first column is the difference to the
row before. names are numbers in "names". A place's source and line are plc.source's.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dinrail.errors import FormatError


@dataclass(frozen=True, slots=True)
class FunctionRange:
    """A function as it lies in the object: from low to high (not included). name "": it is no POU's."""

    low: int
    high: int
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """From `address` on, up to the next row, code is of this line."""

    address: int
    source: int
    line: int


@dataclass(frozen=True, slots=True)
class Inlined:
    """Code of `name` inside its caller, called there at source and line. depth: 0 for the outermost of several."""

    low: int
    high: int
    depth: int
    name: str
    source: int
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    """One step of a call path: the POU, and where in it."""

    name: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.name} line {self.line} ({self.file}:{self.line})" if self.file else self.name


def write_map(
    functions: Sequence[FunctionRange], lines: Sequence[Line], inlined: Sequence[Inlined], files: dict[int, str]
) -> bytes:
    """The map as bytes. All rows in the order of their addresses."""
    names: dict[str, int] = {}

    def number(name: str) -> int:
        return names.setdefault(name, len(names))

    def apart(rows: Iterable[list[int]]) -> list[list[int]]:
        out, before = [], 0
        for first, *rest in rows:
            out.append([first - before, *rest])
            before = first
        return out

    ordered = sorted(inlined, key=lambda each: (each.low, each.depth))
    used = {each.source for each in lines} | {each.source for each in inlined}
    table = {
        "functions": apart([each.low, each.high - each.low, number(each.name)] for each in functions),
        "lines": apart([each.address, each.source, each.line] for each in lines),
        "inlined": apart(
            [each.low, each.high - each.low, each.depth, number(each.name), each.source, each.line] for each in ordered
        ),
        "files": {str(index): name for index, name in sorted(files.items()) if index in used},
    }
    table["names"] = list(names)
    return json.dumps(table, separators=(",", ":"), sort_keys=True).encode()


class DebugMap:
    """A map, ready to look addresses up."""

    def __init__(self, data: bytes) -> None:
        try:
            table = json.loads(data or b"{}")
            names = table.get("names", [])
            self._files = {int(key): str(name) for key, name in table.get("files", {}).items()}
            self._functions = [
                FunctionRange(low, low + size, names[name]) for low, size, name in _summed(table.get("functions", []))
            ]
            self._lines = [Line(*row) for row in _summed(table.get("lines", []))]
            self._inlined = [
                Inlined(low, low + size, depth, names[name], source, line)
                for low, size, depth, name, source, line in _summed(table.get("inlined", []))
            ]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as fault:
            raise FormatError("it cannot be read", structure="debug map", why=str(fault)) from fault
        self._function_lows = [each.low for each in self._functions]
        self._line_addresses = [each.address for each in self._lines]

    def file(self, source: int) -> str:
        """A source's file name; "" for one that the map does not know."""
        return self._files.get(source, "")

    def calls_at(self, address: int) -> list[Call]:
        """The calls that stand at an address, innermost first; nothing outside of the application's own functions."""
        at = bisect.bisect_right(self._function_lows, address) - 1
        if at < 0 or address >= self._functions[at].high:
            return []
        function = self._functions[at]
        row = bisect.bisect_right(self._line_addresses, address) - 1
        if row < 0 or self._lines[row].address < function.low:
            return []
        source, line = self._lines[row].source, self._lines[row].line
        out = []
        chain = [each for each in self._inlined if each.low <= address < each.high]
        for each in sorted(chain, key=lambda one: -one.depth):
            out.append(Call(each.name, self.file(source), line))
            source, line = each.source, each.line
        out.append(Call(function.name, self.file(source), line))
        return [call for call in out if call.name and call.line]


def _summed(rows: list[list[int]]) -> list[list[int]]:
    out, before = [], 0
    for first, *rest in rows:
        before += first
        out.append([before, *rest])
    return out


def describe(debug_map: DebugMap, frames: Sequence[int], place: int, base: int = 0) -> list[str]:
    """A fault's call path, innermost first, one line for each call.

    frames: of the fault's record (control.context). base: where the object was loaded.
    place:  of the record; it is the innermost line's when there is one (0: a trap, told by its address).
    """
    calls: list[Call] = []
    for frame in frames:
        calls += debug_map.calls_at(frame - 1 - base)
    if place and calls:
        calls[0] = Call(calls[0].name, debug_map.file(place >> 40), place >> 12 & 0xFFFFFFF)
    return [str(call) for call in calls]
