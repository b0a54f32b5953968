"""All symbols of a device: paths to places, and addresses back to paths.

    find("main.aaxes[2].fPosition")  ->  Place(path="MAIN.aAxes[2].fPosition", type=LREAL, group, offset, ..)
    containing(0x4040, 1016, 8)      ->  ("MAIN.aAxes", "MAIN.aAxes[2]", "MAIN.aAxes[2].fPosition")

Paths come from clients and are hostile: bounded in length and in steps, and what they cost is remembered for a bounded
number of them. Symbols may overlap (`AT %MB0`), so an address can belong to several.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from dinrail.ads.symbols.place import MAX_PATH_CHARS, MemberIndex, Place, Walk, cuts, not_found
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Elementary,
    ElementaryType,
    Encoding,
    IecType,
    OpaqueType,
    PointerType,
    StructType,
    resolve,
)

MAX_CACHED = 8192
BIT_GROUPS = frozenset((0x4001, 0x4011, 0x4021, 0x4031, 0x4041, 0xF021, 0xF031))
"""Where a BOOL lies that was declared `AT %MX1.3` or alike: its offset counts bits, its bytes are one group below."""
_SINGLE = (Elementary.BOOL, Elementary.BIT)


class SymbolTable:
    """Symbols by name and by address.

    encoding:    of names and comments on the wire (TwinCAT 4026: UTF-8, said by code page 65001 in the upload info).
    extra_types: types that no symbol uses, and clients may ask for all the same.
    Two symbols of the same name are a ValueError: that is the description's fault, which its reader has to tell.
    """

    def __init__(
        self, symbols: Sequence[Symbol], *, encoding: Encoding = Encoding.UTF_8, extra_types: Sequence[IecType] = ()
    ) -> None:
        self.symbols = tuple(symbols)
        self.encoding = encoding
        self.extra_types = tuple(extra_types)
        self._by_name = {symbol.name.lower(): symbol for symbol in self.symbols}
        if len(self._by_name) != len(self.symbols):
            raise ValueError("two symbols have the same name")
        self._longest = max(MAX_PATH_CHARS, *map(len, self._by_name), 0)
        self._members = MemberIndex()
        self._cache: dict[str, Place] = {}
        self._areas: dict[int, _Area] | None = None
        self._types: dict[str, IecType] | None = None

    def __len__(self) -> int:
        return len(self.symbols)

    def symbol(self, name: str) -> Symbol | None:
        """The top-level symbol of that name, in any case."""
        return self._by_name.get(name.lower())

    def find(self, path: str) -> Place:
        """Where a path leads: members, elements, `^`, bits (`.3`), methods (`#`). Names match in any case.

        Raises AdsFault SYMBOL_NOT_FOUND, or INVALID_ARRAY_INDEX.
        """
        place = self._cache.get(path)
        if place is None:
            place = self._resolve(path)
            if len(self._cache) >= MAX_CACHED:
                del self._cache[next(iter(self._cache))]
            self._cache[path] = place
        return place

    def _resolve(self, path: str) -> Place:
        if len(path) > self._longest:
            raise not_found(path)
        symbol = self._by_name.get(path.strip().lower())
        if symbol is not None:  # whatever characters are in its name
            return self._place(symbol, "")
        instance, hash_sign, method_name = path.partition("#")
        key = instance.strip().lower()
        for end in (len(key), *cuts(key)):
            symbol = self._by_name.get(key[:end])
            if symbol is not None:
                place = self._place(symbol, key[end:])
                return _method_of(place, method_name.strip().lower()) if hash_sign else place
        raise not_found(path)

    def _place(self, symbol: Symbol, rest: str) -> Place:
        group, offset, bit = spot_of(symbol)
        walk = Walk(symbol.name, symbol.type, offset, rest, self._members, self._named)
        walk.run()
        return Place(
            path=walk.path,
            type=walk.type,
            group=group,
            offset=walk.offset,
            size_bytes=walk.type.size_bytes,
            bit=walk.bit if bit is None else bit,
            read_only=symbol.read_only,
            steps=tuple(walk.steps),
        )

    def _named(self, name: str) -> IecType | None:
        return self.types.get(name.lower())

    @property
    def types(self) -> dict[str, IecType]:
        """Every type that a client may ask for, by lower-case name; what a type is made of comes before it.

        All elementary types are among them, as on a device whose upload info says "base types included".
        """
        if self._types is None:
            found: dict[str, IecType] = {}
            for code in Elementary:
                _collect(ElementaryType(code), found)
            for kind in (*(symbol.type for symbol in self.symbols), *self.extra_types):
                _collect(kind, found)
            self._types = {name: _whole(kind, found) for name, kind in found.items()}
        return self._types

    def containing(self, group: int, offset: int, size_bytes: int, *, bit: int | None = None) -> tuple[str, ...]:
        """Paths of all that contains the whole range, outermost first, down to members and elements.

        A range of no bytes is a point. bit: for an access to one bit of the byte at `offset`; a BIT contains only that.
        """
        area = self._area(group)
        paths: list[str] = []
        for one in area.covering(offset) if area else ():
            if one.bit is not None:
                if one.bit == bit:
                    paths.append(one.symbol.name)
            elif offset + size_bytes <= one.end:
                _descend(one.symbol.name, one.symbol.type, offset - one.start, size_bytes, bit, paths)
        return tuple(paths)

    def touching(self, group: int, offset: int, size_bytes: int) -> Iterator[str]:
        """Paths of all that shares a byte with the range, each followed by its parts that do.

        An iterator, because a large array has many elements: who asks says how many are enough.
        """
        area = self._area(group)
        for one in area.overlapping(offset, offset + size_bytes) if area else ():
            yield from _parts(one.symbol.name, one.symbol.type, offset - one.start, offset + size_bytes - one.start)

    def is_read_only(self, group: int, offset: int, size_bytes: int) -> bool:
        """Whether any byte of the range belongs to a symbol that may not be written."""
        area = self._area(group)
        return area is not None and area.is_read_only(offset, offset + size_bytes)

    def _area(self, group: int) -> _Area | None:
        if self._areas is None:
            by_group: dict[int, list[_Lying]] = {}
            for symbol in self.symbols:
                group_of, start, bit = spot_of(symbol)
                if symbol.type.size_bytes:
                    one = _Lying(start, start + symbol.type.size_bytes, bit, symbol)
                    by_group.setdefault(group_of, []).append(one)
            self._areas = {number: _Area(members) for number, members in by_group.items()}
        return self._areas.get(group)


def spot_of(symbol: Symbol) -> tuple[int, int, int | None]:
    """(group, byte offset, bit) of a symbol: of one that lies at a bit (`AT %MX1.3`) those of its byte."""
    real = resolve(symbol.type)
    if symbol.group in BIT_GROUPS and isinstance(real, ElementaryType) and real.kind in _SINGLE:
        return symbol.group - 1, symbol.offset // 8, symbol.offset % 8
    return symbol.group, symbol.offset, None


class _Lying(NamedTuple):
    """A symbol and the bytes [start, end) that it has; of a single bit, those of its byte."""

    start: int
    end: int
    bit: int | None
    symbol: Symbol


class _Area:
    """The symbols of one index group, cut into stretches that the same symbols cover."""

    __slots__ = ("_covers", "_locked", "_locked_ends", "_starts")

    def __init__(self, symbols: list[_Lying]) -> None:
        # Stretches that may not be written, merged, so that the first that ends behind a range's start decides.
        self._locked: list[tuple[int, int]] = []
        for start, end in sorted((one.start, one.end) for one in symbols if one.symbol.read_only):
            if self._locked and start <= self._locked[-1][1]:
                self._locked[-1] = (self._locked[-1][0], max(end, self._locked[-1][1]))
            else:
                self._locked.append((start, end))
        self._locked_ends = [end for _, end in self._locked]
        ordered = sorted(symbols, key=lambda one: one.start)
        edges = sorted({edge for one in ordered for edge in (one.start, one.end)})
        covers: list[tuple[_Lying, ...]] = []
        active: list[_Lying] = []
        following = 0
        for edge in edges:
            active = [one for one in active if one.end > edge]
            while following < len(ordered) and ordered[following].start == edge:
                active.append(ordered[following])
                following += 1
            # Wider ones first, so that "outermost first" holds among symbols that overlap.
            covers.append(tuple(sorted(active, key=lambda one: one.start - one.end)))
        self._starts = edges
        self._covers = covers

    def is_read_only(self, start: int, end: int) -> bool:
        at = bisect_right(self._locked_ends, start)
        return at < len(self._locked) and self._locked[at][0] < end

    def covering(self, offset: int) -> tuple[_Lying, ...]:
        at = bisect_right(self._starts, offset) - 1
        return self._covers[at] if at >= 0 else ()

    def overlapping(self, start: int, end: int) -> list[_Lying]:
        first = max(bisect_right(self._starts, start) - 1, 0)
        last = bisect_right(self._starts, end - 1)
        seen = {id(one): one for cover in self._covers[first:last] for one in cover}
        return [one for one in seen.values() if one.start < end and one.end > start]


def _method_of(place: Place, name: str) -> Place:
    kind = resolve(place.type)
    for method in kind.methods if isinstance(kind, StructType) else ():
        if method.name.lower() == name:
            return replace(place, path=f"{place.path}#{method.name}", size_bytes=0, method=method)
    raise not_found(f"{place.path}#{name}")


def _descend(path: str, kind: IecType, at: int, size: int, bit: int | None, paths: list[str]) -> None:
    """Appends `path` and the paths of its parts that contain `size` bytes at `at`."""
    paths.append(path)
    kind = resolve(kind)
    if isinstance(kind, ArrayType):
        width = kind.element.size_bytes
        if width and at // width < kind.count and at % width + size <= width:
            _descend(f"{path}{element_index(kind, at // width)}", kind.element, at % width, size, bit, paths)
    elif isinstance(kind, StructType):
        for member in kind.members:
            inside = at - member.offset_bytes
            if member.bit is not None:
                if inside == 0 and member.bit == bit:
                    paths.append(f"{path}.{member.name}")
            elif 0 <= inside < member.type.size_bytes and inside + size <= member.type.size_bytes:
                _descend(f"{path}.{member.name}", member.type, inside, size, bit, paths)


def _parts(path: str, kind: IecType, start: int, end: int) -> Iterator[str]:
    """`path`, and the paths of its parts that share a byte with [start, end), which is relative to it."""
    yield path
    kind = resolve(kind)
    if isinstance(kind, ArrayType):
        width = kind.element.size_bytes
        for at in range(max(start, 0) // width, min(-(-end // width), kind.count)) if width else ():
            yield from _parts(f"{path}{element_index(kind, at)}", kind.element, start - at * width, end - at * width)
    elif isinstance(kind, StructType):
        for member in kind.members:
            size = 1 if member.bit is not None else member.type.size_bytes
            if member.offset_bytes < end and member.offset_bytes + size > start:
                inner = start - member.offset_bytes, end - member.offset_bytes
                yield from _parts(f"{path}.{member.name}", member.type, *inner)


def element_index(kind: ArrayType, at: int) -> str:
    """`[1,2]` for the `at`th element in memory."""
    parts: list[str] = []
    for bound in reversed(kind.bounds):
        at, index = divmod(at, bound.count)
        parts.append(str(bound.lower + index))
    return f"[{','.join(reversed(parts))}]"


def _collect(kind: IecType, found: dict[str, IecType]) -> None:
    """Adds a type and all that it is made of. A pointer's target may lead back, so a name is taken once."""
    name = kind.name.lower()
    if name in found and (_vague(kind) is not None or _vague(found[name]) is None):
        return
    if isinstance(kind, StructType):
        found[name] = kind  # before its members, which may point back to it
        for member in kind.members:
            _collect(member.type, found)
        for method in kind.methods:
            for part in (method.returns, *(parameter.type for parameter in method.parameters)):
                if part is not None:
                    _collect(part, found)
        found[name] = found.pop(name)
        return
    inner = kind.element if isinstance(kind, ArrayType) else None
    inner = kind.target if isinstance(kind, AliasType | PointerType) else inner
    if inner is not None:
        _collect(inner, found)
    found[name] = kind


def _vague(kind: IecType) -> OpaqueType | None:
    """The opaque type that this one is or is made of; what is inside of a structure does not count."""
    while isinstance(kind, ArrayType | AliasType | PointerType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    return kind if isinstance(kind, OpaqueType) else None


def _whole(kind: IecType, found: dict[str, IecType]) -> IecType:
    """An array or pointer whose innermost type was only mentioned by name (iec.book), with that type put in."""
    inner = _vague(kind)
    real = found.get(inner.name.lower()) if inner else None
    if real is None or _vague(real) is not None:
        return kind
    if isinstance(kind, ArrayType):
        return replace(kind, element=_whole(kind.element, found))
    if isinstance(kind, PointerType | AliasType):
        return replace(kind, target=_whole(kind.target, found))
    return real
