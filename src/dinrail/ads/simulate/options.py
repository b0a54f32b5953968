"""Generators from what a description says, and everything that is wrong with it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping

from dinrail.ads.simulate.generators import (
    Constant,
    Counter,
    Generator,
    Playback,
    Ramp,
    Random,
    Sine,
    Toggle,
    range_of,
)
from dinrail.errors import BadRequest, DinrailError
from dinrail.iec.text import parse
from dinrail.iec.types import IecType
from dinrail.iec.value import encode
from dinrail.units import MS_NS, S_NS

MAX_CSV_ROWS = 1_000_000
ReadText = Callable[[str], str]
"""Gives the text of a file that a description names. Raises BadRequest or HostError."""
Faults = list[str]
_DEFAULT_SPAN = 100
_LARGEST_WHOLE = 1 << 64
_MAX_PERIOD_S = 86_400 * 366.0


class Options:
    """The options of one generator: taken one by one, and what is left over or wrong goes to `faults`."""

    def __init__(self, given: Mapping[str, object], where: str, faults: Faults) -> None:
        self._given = dict(given)
        self.where = where
        self.faults = faults

    def fault(self, text: str) -> None:
        self.faults.append(f"{self.where}: {text}")

    def take(self, name: str) -> object:
        return self._given.pop(name, None)

    def number(self, name: str, default: float, low: float = -math.inf, high: float = math.inf) -> float:
        """A number, within its bounds."""
        value = self.take(name)
        value = default if value is None else value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.fault(f"{name} has to be a number" + (f" from {low:g} to {high:g}" if low > -math.inf else ""))
            return default
        return value

    def whole(self, name: str, default: int) -> int:
        """An integer."""
        value = self.number(name, default)
        if value != int(value if math.isfinite(value) else 0):
            self.fault(f"{name} has to be a whole number")
            return default
        return int(value)

    def duration(self, name: str, default: float, unit_ns: int) -> int:
        """Nanoseconds, at least one microsecond and at most a year."""
        return max(round(self.number(name, default, 0.000_001, _MAX_PERIOD_S * S_NS / unit_ns) * unit_ns), 1000)

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            self.fault(f"{name} has to be a text")
        return value if isinstance(value, str) else default

    def flag(self, name: str, default: bool) -> bool:
        """true or false; as a word where the description has only words."""
        value = self.take(name)
        value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
        if value is not None and not isinstance(value, bool):
            self.fault(f"{name} has to be true or false")
        return value if isinstance(value, bool) else default

    def finish(self) -> None:
        """What nobody asked for is a mistake of the writer."""
        for name in self._given:
            self.fault(f"{name} is not known here")


def generator(
    given: object, kind: IecType, where: str, faults: Faults, read_text: ReadText, cycle_ns: int
) -> Generator | None:
    """The generator that a table (or a line like `sine low=0 high=10 period_s=2`) says, for a variable of this type.

    None when there is none, or something is wrong with it; then `faults` says what.
    """
    if isinstance(given, str):
        words = given.split()
        given = {"kind": words[0] if words else ""} | dict(word.partition("=")[::2] for word in words[1:])
    if not isinstance(given, Mapping):
        faults.append(f'{where}: a generator is a table like {{ kind = "sine", low = 0, high = 10 }}')
        return None
    options = Options(given, where, faults)
    name = options.text("kind")
    before = len(faults)
    make = _KINDS.get(name)
    if make is None:
        options.fault(f"{name!r} is no generator; there are: {', '.join(_KINDS)}")
        return None
    made = make(options, kind, read_text, cycle_ns)
    options.finish()
    return made if len(faults) == before else None


def _span(options: Options, kind: IecType, wide: bool) -> tuple[float, float]:
    """low and high, both within the type's range; by default its whole range (`wide`), or 0 to 100 of it."""
    bounds = range_of(kind)
    if bounds is None:
        options.fault(f"a {kind.name} is no number")
        return 0, 1
    wide = wide and bounds[1] <= _LARGEST_WHOLE
    low = options.number("low", bounds[0] if wide else 0)
    high = options.number("high", bounds[1] if wide else min(_DEFAULT_SPAN, bounds[1]))
    if not bounds[0] <= low <= high <= bounds[1]:
        options.fault(f"low and high have to be in the range of {kind.name}, low first")
        return 0, 1
    return low, high


def _constant(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator:
    del read_text, cycle_ns
    return Constant(value_of(options.take("value"), kind, options.where, options.faults))


def _counter(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator:
    del read_text
    low, high = _span(options, kind, wide=True)
    step = options.whole("step", 1)
    if step == 0:
        options.fault("step must not be 0")
    return Counter(math.ceil(low), max(math.floor(high), math.ceil(low)), step or 1, _every(options, cycle_ns))


def _ramp(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator:
    del read_text, cycle_ns
    low, high = _span(options, kind, wide=False)
    return Ramp(low, high, options.duration("period_s", 1, S_NS))


def _sine(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator:
    del read_text, cycle_ns
    low, high = _span(options, kind, wide=False)
    return Sine(low, high, options.duration("period_s", 1, S_NS), options.number("phase", 0, -1e6, 1e6))


def _toggle(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator:
    del read_text, cycle_ns
    if range_of(kind) != (0, 1):
        options.fault(f"a {kind.name} is no BOOL")
    return Toggle(options.duration("period_s", 1, S_NS))


def _random(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator:
    del read_text
    low, high = _span(options, kind, wide=False)
    return Random(low, high, _every(options, cycle_ns), options.whole("seed", 0))


def _every(options: Options, cycle_ns: int) -> int:
    return options.duration("every_ms", cycle_ns / MS_NS, MS_NS)


def _csv(options: Options, kind: IecType, read_text: ReadText, cycle_ns: int) -> Generator | None:
    del cycle_ns
    file, column = options.text("file"), options.text("column", "value")
    time, loop = options.text("time", "time_s"), options.flag("loop", True)
    try:
        text = read_text(file)
    except DinrailError as fault:
        options.fault(str(fault))
        return None
    rows = csv.DictReader(io.StringIO(text))
    if column not in (rows.fieldnames or ()) or time not in (rows.fieldnames or ()):
        options.fault(f"{file} has no columns {time!r} and {column!r}")
        return None
    times: list[int] = []
    values: list[object] = []
    for row in rows:
        place = f"{options.where}: {file}, line {rows.line_num}"
        try:
            times.append(round(float(row[time] or "") * S_NS))
            values.append(encode(kind, parse(kind, row[column] or "")))
        except (ValueError, OverflowError):
            options.faults.append(f"{place}: {row[time]!r} is no time in seconds")
        except BadRequest as fault:
            options.faults.append(f"{place}: {fault}")
        if len(times) > 1 and times[-1] < times[-2]:
            options.faults.append(f"{place}: the time goes back")
        if len(times) > MAX_CSV_ROWS or len(options.faults) > 1000:
            options.fault(f"{file} has more than {MAX_CSV_ROWS} rows, or faults without end")
            return None
    if not values or len(values) != len(times):
        options.fault(f"{file} has no rows that could be played")
        return None
    # One step after the last row the first one comes again, so that the last row is seen as long as the one before.
    step = times[-1] - times[-2] if len(times) > 1 else S_NS
    return Playback(tuple(times), tuple(values), times[-1] + max(step, MS_NS) if loop else 0)


def value_of(given: object, kind: IecType, where: str, faults: Faults) -> bytes:
    """The bytes of a value in a description: TOML's own values, or text in IEC notation. Zeros when it is wrong."""
    try:
        is_text = isinstance(given, str)
        return encode(
            kind, parse(kind, given) if is_text and isinstance(given, str) else given, base=bytes(kind.size_bytes)
        )
    except BadRequest as fault:
        faults.append(f"{where}: {fault}" + (f" ({fault.why})" if fault.why else ""))
        return bytes(kind.size_bytes)


_KINDS: dict[str, Callable[[Options, IecType, ReadText, int], Generator | None]] = {
    "constant": _constant,
    "counter": _counter,
    "ramp": _ramp,
    "sine": _sine,
    "toggle": _toggle,
    "random": _random,
    "csv": _csv,
}
