"""Where a path leads, and how a path is cut: `MAIN.aAxes[1,2].p^.bits.3` and `MAIN.fbDrive#Start`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dinrail.ams.errors import AdsError, AdsFault
from dinrail.iec.types import (
    ArrayType,
    Elementary,
    ElementaryType,
    IecType,
    Member,
    Method,
    OpaqueType,
    PointerType,
    StructType,
    resolve,
)

MAX_PATH_CHARS = 1024
"""A client sends any path it likes. TwinCAT's own instance paths end well below this."""
MAX_STEPS = 128
Named = Callable[[str], IecType | None]
"""A type of the table by its name."""
_CUTS = ".[^"
_BIT = ElementaryType(Elementary.BIT)
_WITH_BITS = frozenset(
    {
        Elementary.BYTE,
        Elementary.WORD,
        Elementary.DWORD,
        Elementary.LWORD,
        Elementary.SINT,
        Elementary.USINT,
        Elementary.INT,
        Elementary.UINT,
        Elementary.DINT,
        Elementary.UDINT,
        Elementary.LINT,
        Elementary.ULINT,
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """One dereference: read an address of `pointer_bytes` bytes, then go on `add_bytes` behind where it points."""

    pointer_bytes: int
    add_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names.

    path:       the path in the declared spelling.
    group:      index group and byte offset; where `steps` has any, those of the first pointer.
    size_bytes: of the value; 1 for a single bit, which is transferred as one byte.
    bit:        position in the byte at `offset`, for a BIT and for a bit of an integer.
    steps:      pointers to follow, in order; empty for what lies at its place for good.
    method:     the method of a function block that `path#Method` names; the place is then the instance's.
    """

    path: str
    type: IecType
    group: int
    offset: int
    size_bytes: int
    bit: int | None = None
    read_only: bool = False
    steps: tuple[Step, ...] = ()
    method: Method | None = None

    @property
    def address(self) -> tuple[int, int]:
        """(index group, index offset) as clients are told it: a bit is addressed in the next group, counted in bits."""
        return (self.group, self.offset) if self.bit is None else (self.group + 1, self.offset * 8 + self.bit)


def not_found(path: str) -> AdsFault:
    """The fault for a path that leads nowhere."""
    return AdsFault(AdsError.SYMBOL_NOT_FOUND, where=path[:100])


def bad_index(path: str) -> AdsFault:
    """The fault for an index out of its bounds, or of the wrong number."""
    return AdsFault(AdsError.INVALID_ARRAY_INDEX, where=path[:100])


def cuts(path: str) -> list[int]:
    """Where a symbol's own name may end, longest first: symbols of I/O tasks have dots and brackets in their names."""
    found = [at for at, char in enumerate(path) if char in _CUTS and at]
    if len(path) > MAX_PATH_CHARS or len(found) > MAX_STEPS or "\0" in path:
        raise not_found(path)
    return found[::-1]


class Walk:
    """Walks from a symbol along the rest of a path. `rest` is in lower case; `path` grows in declared spelling.

    type: what is declared there; `kind` is the same without aliases.
    """

    __slots__ = ("_members", "_named", "bit", "kind", "offset", "path", "rest", "steps", "type")

    def __init__(self, path: str, kind: IecType, offset: int, rest: str, members: MemberIndex, named: Named) -> None:
        self.path = path
        self._named = named
        self._become(kind)
        self.offset = offset
        self.rest = rest
        self.bit: int | None = None
        self.steps: list[Step] = []
        self._members = members

    def run(self) -> None:
        """To the end of the path. Raises AdsFault SYMBOL_NOT_FOUND or INVALID_ARRAY_INDEX."""
        while self.rest:
            before = len(self.rest)
            if self.bit is not None:
                raise not_found(self.path + self.rest)
            if self.rest[0] == "^":
                self._follow("^")
                self.rest = self.rest[1:]
            elif self.rest[0] == "[":
                self._index()
            elif self.rest[0] == ".":
                self._member()
            if len(self.rest) == before:
                raise not_found(self.path + self.rest)

    def _become(self, kind: IecType) -> None:
        # A structure that points to itself mentions itself by name only (iec.book).
        named = self._named(kind.name) if isinstance(kind, OpaqueType) else None
        self.type = named or kind
        self.kind = resolve(self.type)

    def _go(self, bytes_on: int) -> None:
        if self.steps:
            last = self.steps[-1]
            self.steps[-1] = Step(last.pointer_bytes, last.add_bytes + bytes_on)
        else:
            self.offset += bytes_on

    def _follow(self, spelling: str) -> None:
        if not isinstance(self.kind, PointerType):
            raise not_found(self.path + self.rest)
        self.steps.append(Step(self.kind.size_bytes, 0))
        self._become(self.kind.target)
        self.path += spelling

    def _through_reference(self) -> None:
        """A REFERENCE needs no ^ : what follows it is meant for what it refers to."""
        if isinstance(self.kind, PointerType) and self.kind.is_reference:
            self._follow("")

    def _index(self) -> None:
        """All brackets that follow each other: `[1,2]` and `[1][2]` are the same."""
        self._through_reference()
        indexes: list[int] = []
        while self.rest.startswith("["):
            inside, closed, after = self.rest[1:].partition("]")
            if not closed:
                raise not_found(self.path + self.rest)
            indexes += [_index_number(part, self.path) for part in inside.split(",")]
            self.rest = after
        while indexes:
            if not isinstance(self.kind, ArrayType):
                raise not_found(self.path)
            bounds = self.kind.bounds
            if len(indexes) < len(bounds):
                raise bad_index(self.path)
            at = 0
            for index, bound in zip(indexes, bounds, strict=False):
                if not 0 <= index - bound.lower < bound.count:
                    raise bad_index(self.path)
                at = at * bound.count + index - bound.lower
            self._go(at * self.kind.element.size_bytes)
            self.path += f"[{','.join(map(str, indexes[: len(bounds)]))}]"
            self._become(self.kind.element)
            indexes = indexes[len(bounds) :]

    def _member(self) -> None:
        self._through_reference()
        end = min((at for char in _CUTS if (at := self.rest.find(char, 1)) > 0), default=len(self.rest))
        name, self.rest = self.rest[1:end], self.rest[end:]
        if isinstance(self.kind, StructType):
            member = self._members.of(self.kind).get(name)
            if member is None:
                raise not_found(f"{self.path}.{name}")
            self._go(member.offset_bytes)
            self.path += f".{member.name}"
            self._become(member.type)
            self.bit = member.bit
            return
        # A bit of an integer, `nStatus.3`.
        is_whole = isinstance(self.kind, ElementaryType) and self.kind.kind in _WITH_BITS
        number = int(name) if is_whole and name.isascii() and name.isdigit() and len(name) <= 2 else -1
        if not 0 <= number < 8 * self.kind.size_bytes:
            raise not_found(f"{self.path}.{name}")
        self._go(number // 8)
        self.path += f".{number}"
        self._become(_BIT)
        self.bit = number % 8


class MemberIndex:
    """Members of structures by lower-case name. By identity: hashing a structure would walk all that is in it."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[StructType, dict[str, Member]]] = {}

    def of(self, kind: StructType) -> dict[str, Member]:
        """The members of `kind`."""
        known = self._by_id.get(id(kind))
        if known is None:
            known = self._by_id[id(kind)] = (kind, {member.name.lower(): member for member in kind.members})
        return known[1]


def _index_number(text: str, path: str) -> int:
    digits = text.strip()
    body = digits[1:] if digits[:1] in ("-", "+") else digits
    if not (body.isascii() and body.isdigit() and len(body) <= 10):
        raise bad_index(path)
    return int(digits)
