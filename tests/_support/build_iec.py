"""IEC types for tests: a few by hand, and any at all for hypothesis."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from dinrail.iec.structure import structure
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Attribute,
    Bound,
    Elementary,
    ElementaryType,
    Encoding,
    EnumType,
    IecType,
    Member,
    Method,
    Parameter,
    Passing,
    PointerType,
    StringType,
    StructType,
    WStringType,
)
from dinrail.iec.value import limits

BOOL = ElementaryType(Elementary.BOOL)
BIT = ElementaryType(Elementary.BIT)
BYTE = ElementaryType(Elementary.BYTE)
WORD = ElementaryType(Elementary.WORD)
INT = ElementaryType(Elementary.INT)
DINT = ElementaryType(Elementary.DINT)
UDINT = ElementaryType(Elementary.UDINT)
REAL = ElementaryType(Elementary.REAL)
LREAL = ElementaryType(Elementary.LREAL)
TIME = ElementaryType(Elementary.TIME)
MODE = EnumType("E_Mode", (("Off", 0), ("Manual", 1), ("Automatic", 2), ("Fault", -1)))


def array(element: IecType, *ranges: tuple[int, int]) -> ArrayType:
    """ARRAY [ranges] OF element, with IEC's own inclusive bounds."""
    return ArrayType(element, tuple(Bound(low, high - low + 1) for low, high in ranges))


def struct_of(name: str, *members: tuple[str, IecType], **more: object) -> StructType:
    """A structure laid out as TwinCAT 3 does it."""
    placed = [Member(member, kind, 0) for member, kind in members]
    return structure(name, placed, **more)  # type: ignore[arg-type]  # named fields of `structure`


POINT = struct_of("ST_Point", ("x", INT), ("y", INT))
AXIS = struct_of(
    "ST_Axis",
    ("bOn", BOOL),
    ("fPosition", LREAL),
    ("eMode", MODE),
    ("aPoints", array(POINT, (1, 3))),
    ("aGrid", array(INT, (0, 1), (5, 7))),
    ("sName", StringType(20)),
    ("bit0", BIT),
    ("bit1", BIT),
    ("pNext", PointerType(POINT)),
    ("refPoint", PointerType(POINT, is_reference=True)),
)
ADDER = struct_of(
    "FB_Adder",
    ("nCalls", UDINT),
    methods=(
        Method("Add", DINT, (Parameter("a", DINT), Parameter("b", DINT), Parameter("even", BOOL, Passing.OUT))),
        Method("Nothing", None),
    ),
)

names = st.text("abcdefgXYZ_0123", min_size=1, max_size=8).map(lambda text: "n" + text)
elementary = st.sampled_from([kind for kind in Elementary if kind is not Elementary.BIT]).map(ElementaryType)
attributes = st.lists(st.builds(Attribute, names, st.text("abc ä€", max_size=9)), max_size=2).map(tuple)
bounds = st.lists(st.builds(Bound, st.integers(-5, 5), st.integers(1, 3)), min_size=1, max_size=3).map(tuple)


@st.composite
def enums(draw: st.DrawFn) -> EnumType:
    base = ElementaryType(draw(st.sampled_from([Elementary.INT, Elementary.BYTE, Elementary.DINT, Elementary.LINT])))
    low, high = limits(base.kind)
    members = draw(st.lists(names, min_size=1, max_size=4, unique_by=str.lower))
    numbers = draw(st.lists(st.integers(low, high), min_size=len(members), max_size=len(members), unique=True))
    return EnumType(
        "E_" + draw(names), tuple(zip(members, numbers, strict=True)), base, draw(st.text("cd", max_size=3))
    )


@st.composite
def aliases(draw: st.DrawFn, target: st.SearchStrategy[IecType]) -> AliasType:
    return AliasType(
        "T_" + draw(names), draw(target), comment=draw(st.text("cd", max_size=3)), attributes=draw(attributes)
    )


@st.composite
def subranges(draw: st.DrawFn) -> AliasType:
    low = draw(st.integers(-1000, 1000))
    return AliasType("R_" + draw(names), INT, low, low + draw(st.integers(0, 1000)))


@st.composite
def structs(draw: st.DrawFn, member: st.SearchStrategy[IecType]) -> StructType:
    inside = draw(st.lists(st.one_of(member, st.just(BIT)), min_size=1, max_size=5))
    labels = draw(st.lists(names, min_size=len(inside), max_size=len(inside), unique_by=str.lower))
    pairs = zip(labels, inside, strict=True)
    return struct_of("ST_" + draw(names), *pairs, comment=draw(st.text("cd", max_size=3)), attributes=draw(attributes))


leaves = st.one_of(
    elementary,
    st.builds(StringType, st.integers(0, 20), st.sampled_from(Encoding)),
    st.builds(WStringType, st.integers(0, 20)),
    enums(),
    subranges(),
)
types: st.SearchStrategy[IecType] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(ArrayType, inner, bounds),
        st.builds(PointerType, inner, st.booleans()),
        aliases(inner),
        structs(inner),
    ),
    max_leaves=8,
)


def values(kind: IecType) -> st.SearchStrategy[object]:
    """Any value of a type, as `decode` would give it."""
    match kind:
        case AliasType():
            return values(kind.target) if kind.low is None else st.integers(kind.low, kind.high)
        case ElementaryType() if kind.kind in (Elementary.BOOL, Elementary.BIT):
            return st.booleans()
        case ElementaryType() if kind.kind in (Elementary.REAL, Elementary.LREAL):
            return st.floats(width=32 if kind.kind is Elementary.REAL else 64, allow_nan=False)
        case ElementaryType():
            return st.integers(*limits(kind.kind))
        case EnumType():
            return st.integers(*limits(kind.base.kind))
        case StringType():
            alphabet = st.characters(codec=kind.encoding.value, exclude_characters="\0\ufffd")
            fits = st.text(alphabet, max_size=kind.length)
            return fits.filter(lambda text: len(text.encode(kind.encoding.value)) <= kind.length)
        case WStringType():
            return st.text(st.characters(codec="utf-16-le", exclude_characters="\0"), max_size=kind.length // 2)
        case PointerType():
            return st.integers(0, (1 << 64) - 1)
        case ArrayType():
            return _rows(kind.element, [bound.count for bound in kind.bounds])
        case StructType():
            return st.fixed_dictionaries({member.name: values(member.type) for member in kind.members})
    raise AssertionError(kind)


def _rows(element: IecType, counts: list[int]) -> st.SearchStrategy[object]:
    inner = _rows(element, counts[1:]) if len(counts) > 1 else values(element)
    return st.lists(inner, min_size=counts[0], max_size=counts[0])


def le(code: str, *numbers: float) -> bytes:
    """Little-endian bytes by struct codes."""
    return struct.pack("<" + code, *numbers)
