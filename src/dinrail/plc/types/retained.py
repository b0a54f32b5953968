"""RETAIN and PERSISTENT: which parts of the data outlive a restart.

A variable is kept by its path and the text of its type, part by part: a structure whose fields change keeps what it
still has. Neither addresses (pointers, references, interfaces) nor the numbers of classes are kept: they mean something
in one run only, so both stay as that run has made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dinrail.plc.core.program import Program
from dinrail.plc.types.model import (
    AliasType,
    ArrayType,
    EnumType,
    FunctionBlockType,
    InterfaceType,
    OpenArrayType,
    PointerType,
    StructType,
    Type,
)
from dinrail.plc.types.variable import Variable


@dataclass(frozen=True, slots=True)
class RetainedPart:
    """One part: its path (`MAIN.fb.list[2].x`), its type's text, and where it lies in the data."""

    path: str
    type: str
    offset_bytes: int
    size_bytes: int
    persistent: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an outer declaration says of all that lies in it."""

    retain: bool
    persistent: bool

    def inside(self, part: Variable) -> _Kept:
        return _Kept(self.retain or part.retain, self.persistent or part.persistent)


def retained_parts(program: Program) -> list[RetainedPart]:
    """All parts that are kept, in the data's declared order. The data has been placed."""
    out: list[RetainedPart] = []
    for variable in program.statics:
        kept = _Kept(variable.retain, variable.persistent)
        if not variable.constant:
            out += _parts(variable.path, variable.type, variable.offset_bytes, kept)
    return out


def _parts(path: str, kind: Type, offset_bytes: int, kept: _Kept) -> Iterator[RetainedPart]:
    while isinstance(kind, AliasType):
        kind = kind.target
    if isinstance(kind, PointerType | InterfaceType | OpenArrayType):
        return
    if isinstance(kind, StructType) and kind.is_union:
        if _is_kept(kept) and not _holds_addresses(kind):
            yield RetainedPart(path, _union_text(kind), offset_bytes, kind.size_bytes, kept.persistent)
    elif isinstance(kind, StructType | FunctionBlockType):
        yield from _fields(path, kind, offset_bytes, kept)
    elif isinstance(kind, ArrayType):
        yield from _elements(path, kind, offset_bytes, kept)
    elif _is_kept(kept):
        yield RetainedPart(path, _text(kind), offset_bytes, kind.size_bytes, kept.persistent)


def _is_kept(kept: _Kept) -> bool:
    return kept.retain or kept.persistent


def _fields(path: str, kind: StructType | FunctionBlockType, offset_bytes: int, kept: _Kept) -> Iterator[RetainedPart]:
    bits: set[int] = set()
    for name, part in kind.fields.items():
        inner = kept.inside(part)
        if part.is_reference_field or not (_is_kept(inner) or _may_keep(part.type)):
            continue
        place = offset_bytes + part.offset_bytes
        if part.bit >= 0:
            if place not in bits:  # BITs are kept with their byte
                bits.add(place)
                yield RetainedPart(f"{path}.{part.name}", "BIT", place, 1, inner.persistent)
            continue
        shown = name if "." in name else part.name  # VAR_INST: by its method's name too
        yield from _parts(f"{path}.{shown}", part.type, place, inner)


def _elements(path: str, kind: ArrayType, offset_bytes: int, kept: _Kept) -> Iterator[RetainedPart]:
    innermost: Type = kind
    while isinstance(innermost, ArrayType | AliasType):
        innermost = innermost.element if isinstance(innermost, ArrayType) else innermost.target
    if isinstance(innermost, StructType | FunctionBlockType):
        if _is_kept(kept) or _may_keep(innermost):
            for number in range(kind.count):
                place = offset_bytes + number * kind.element.size_bytes
                yield from _parts(f"{path}[{_index(kind, number)}]", kind.element, place, kept)
    elif _is_kept(kept) and not isinstance(innermost, PointerType | InterfaceType):
        yield RetainedPart(path, _text(kind), offset_bytes, kind.size_bytes, kept.persistent)


def _index(kind: ArrayType, number: int) -> str:
    out: list[str] = []
    for lower, upper in reversed(kind.dimensions):
        number, place = divmod(number, upper - lower + 1)
        out.append(str(lower + place))
    return ",".join(reversed(out))


def _may_keep(kind: Type) -> bool:
    """Whether a field inside of a type is declared RETAIN or PERSISTENT itself."""
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    if not isinstance(kind, StructType | FunctionBlockType):
        return False
    return any(
        part.retain or part.persistent or (not part.is_reference_field and _may_keep(part.type))
        for part in kind.fields.values()
    )


def _holds_addresses(kind: Type) -> bool:
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    if isinstance(kind, StructType):
        return any(_holds_addresses(part.type) for part in kind.fields.values())
    return isinstance(kind, PointerType | InterfaceType | FunctionBlockType)


def _text(kind: Type) -> str:
    """A type as it is compared: what its bytes mean, whatever it is called."""
    if isinstance(kind, AliasType):
        return _text(kind.target)
    if isinstance(kind, EnumType):
        return f"{kind.name} {kind.base.name}"
    if isinstance(kind, ArrayType):
        ranges = ",".join(f"{lower}..{upper}" for lower, upper in kind.dimensions)
        return f"ARRAY [{ranges}] OF {_text(kind.element)}"
    return kind.name


def _union_text(kind: StructType) -> str:
    return f"UNION {kind.name} {kind.size_bytes}"
