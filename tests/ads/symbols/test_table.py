"""Paths to places, and addresses back to paths."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from build_iec import ADDER, AXIS, BOOL, BYTE, DINT, INT, LREAL, MODE, POINT, WORD, array, struct_of, types
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.symbols.place import MAX_PATH_CHARS, Step
from dinrail.ads.symbols.table import MAX_CACHED, SymbolTable
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import AliasType, ArrayType, Elementary, IecType, OpaqueType, PointerType, StructType, resolve

LINKED = struct_of("ST_Linked", ("n", INT), ("pAxis", PointerType(AXIS)), ("ref", PointerType(POINT, True)))
PERCENT = AliasType("T_Percent", INT, 0, 100)


def table() -> SymbolTable:
    return SymbolTable(
        [
            Symbol("MAIN.nCount", INT, 0x4040, 1000),
            Symbol("MAIN.axis", AXIS, 0x4040, 1008),
            Symbol("MAIN.axes", array(array(AXIS, (1, 2)), (0, 1), (-1, 0)), 0x4040, 4000),
            Symbol("MAIN.linked", LINKED, 0x4040, 2000),
            Symbol("MAIN.percent", PERCENT, 0x4040, 2100, read_only=True),
            Symbol("MAIN.fbAdder", ADDER, 0x4040, 2200),
            Symbol(".nOld", WORD, 0x4040, 2300),
            Symbol("Term 1 (EK1100).Channel[2].Value", INT, 0xF020, 4),
            Symbol("Box #1.[Odd^name", INT, 0xF020, 8),
            Symbol("Long." + "x" * MAX_PATH_CHARS, INT, 0xF020, 10),
            Symbol("GVL.Lib.x", DINT, 0x4040, 2400),
            Symbol("GVL", POINT, 0x4040, 2500),
            Symbol("M.bytes", array(BYTE, (0, 99)), 0x4020, 0),
            Symbol("M.word", WORD, 0x4020, 10),
            Symbol("M.point", POINT, 0x4020, 10),
            Symbol("M.last", BOOL, 0x4020, 99),
        ]
    )


def test_a_symbol_is_found_in_any_case() -> None:
    """A name matches whatever its case, and the place tells the declared spelling."""
    place = table().find("main.NCOUNT")
    assert (place.path, place.type, place.address, place.size_bytes) == ("MAIN.nCount", INT, (0x4040, 1000), 2)


@pytest.mark.parametrize(
    ("path", "kind", "offset"),
    [
        ("MAIN.axis.fPosition", LREAL, 1008 + 8),
        ("MAIN.axis.eMode", MODE, 1008 + 16),
        ("MAIN.axis.aPoints[2]", POINT, 1008 + 18 + 4),
        ("MAIN.axis.aPoints[3].y", INT, 1008 + 18 + 8 + 2),
        ("MAIN.axis.aGrid[1,5]", INT, 1008 + 30 + 6),
        ("MAIN.axis.aGrid[1][5]", INT, 1008 + 30 + 6),
        ("MAIN.axis.aGrid[ 1 , 5 ]", INT, 1008 + 30 + 6),
        ("MAIN.axes[0,0][2].bOn", BOOL, 4000 + 3 * AXIS.size_bytes),
        ("MAIN.axes[0][0][2].bOn", BOOL, 4000 + 3 * AXIS.size_bytes),
        ("MAIN.axes[1,-1]", array(AXIS, (1, 2)), 4000 + 4 * AXIS.size_bytes),
        ("MAIN.percent", PERCENT, 2100),
        (".nOld", WORD, 2300),
        ("Term 1 (EK1100).Channel[2].Value", INT, 4),
        ("Box #1.[Odd^name", INT, 8),
        ("Long." + "x" * MAX_PATH_CHARS, INT, 10),
        ("GVL.Lib.x", DINT, 2400),
        ("GVL.x", INT, 2500),
    ],
)
def test_members_and_elements_have_their_offsets(path: str, kind: IecType, offset: int) -> None:
    """Members, elements by either spelling, negative bounds and the longest symbol name are resolved."""
    place = table().find(path)
    assert (place.type, place.offset, place.size_bytes, place.steps) == (kind, offset, kind.size_bytes, ())
    assert place.bit is None


def test_a_bit_has_its_address_in_the_next_group() -> None:
    """A BIT, and a bit of an integer, is addressed in the area's bit group at byte * 8 + bit."""
    bit = table().find("MAIN.axis.bit1")
    assert (bit.bit, bit.address, bit.size_bytes) == (1, (0x4041, bit.offset * 8 + 1), 1)
    of_integer = table().find("MAIN.nCount.9")
    assert (of_integer.path, of_integer.address) == ("MAIN.nCount.9", (0x4041, 1001 * 8 + 1))


def test_a_pointer_is_a_list_of_steps() -> None:
    """`p^` says how often an address has to be read and what is added; a reference needs no `^`."""
    find = table().find
    assert find("MAIN.linked.pAxis").steps == ()
    assert find("MAIN.linked.pAxis").size_bytes == 8
    plain = find("main.linked.paxis^")
    assert (plain.path, plain.type, plain.offset, plain.steps) == ("MAIN.linked.pAxis^", AXIS, 2008, (Step(8, 0),))
    deep = find("MAIN.linked.pAxis^.pNext^.y")
    assert deep.steps == (Step(8, AXIS.members[8].offset_bytes), Step(8, 2))
    assert (deep.offset, deep.type) == (2008, INT)
    assert find("MAIN.linked.pAxis^.bit1").bit == 1
    assert find("MAIN.linked.ref.y") == find("MAIN.linked.ref.Y")
    assert find("MAIN.linked.ref.y").steps == (Step(8, 2),)


def test_a_method_is_named_behind_a_hash_sign() -> None:
    """`instance#method` names a method of the instance, in any case."""
    place = table().find("main.fbadder#ADD")
    assert place.method == ADDER.methods[0]
    assert (place.path, place.type, place.offset, place.size_bytes) == ("MAIN.fbAdder#Add", ADDER, 2200, 0)


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "[", "^", "#", "MAIN", "MAIN.", "MAIN.nope", "MAIN.nCount.", "MAIN.nCount.x", "MAIN.nCount.16",
        "MAIN.nCount.-1", "MAIN.nCount.1.1", "MAIN.nCount^", "MAIN.nCount[0]", "MAIN.axis.nope", "MAIN.axis.bit1.0",
        "MAIN.axis.aPoints[1", "MAIN.axis.aPoints[1]x", "MAIN.axis.aPoints[1]y", "MAIN.linked.pAxis.bOn",
        "MAIN.axis#Add",
        "MAIN.fbAdder#", "MAIN.fbAdder#nope", "MAIN.fbAdder#Add#Add", "MAIN.nCount\0", "MAIN.axis.fPosition.1",
        "MAIN.axis.aPoints[1][1]", "MAIN.linked.pAxis^^", "x" * (MAX_PATH_CHARS + 1), "MAIN.axis" + ".a" * 400,
    ],
)  # fmt: skip
def test_what_names_nothing_is_symbol_not_found(path: str) -> None:
    """A path that leads nowhere, however it is wrong, is 0x710."""
    with pytest.raises(AdsFault) as fault:
        table().find(path)
    assert fault.value.code == AdsError.SYMBOL_NOT_FOUND


@pytest.mark.parametrize("index", ["[0]", "[4]", "[-1]", "[]", "[x]", "[1.5]", "[99999999999999999999]", "[²]", "[1,]"])
def test_an_index_out_of_its_bounds_is_told_as_one(index: str) -> None:
    """An index outside its bounds, of the wrong number, or that is no number, is 0x721."""
    with pytest.raises(AdsFault) as fault:
        table().find("MAIN.axis.aPoints" + index)
    assert fault.value.code == AdsError.INVALID_ARRAY_INDEX
    with pytest.raises(AdsFault) as fault:
        table().find("MAIN.axis.aGrid[1]")
    assert fault.value.code == AdsError.INVALID_ARRAY_INDEX


@given(st.text("MAINaxisGrdPoet.[]^#,0123 -\0", max_size=40))
def test_any_path_gives_a_place_or_a_fault(path: str) -> None:
    """No path raises anything else."""
    for whole in (path, "MAIN.axis" + path):
        with contextlib.suppress(AdsFault):
            assert table().find(whole).path


def test_read_only_holds_for_all_parts() -> None:
    """A place inside a read-only symbol is read-only."""
    assert table().find("MAIN.percent").read_only
    assert table().find("MAIN.percent.3").read_only
    assert not table().find("MAIN.nCount").read_only


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=8), st.integers(0, 40), st.integers(1, 9))
def test_a_range_is_read_only_when_any_byte_of_it_is(
    places: list[tuple[int, bool]], offset: int, size_bytes: int
) -> None:
    """Exactly the ranges that share a byte with a read-only symbol are, also where symbols overlap."""
    symbols = [Symbol(f"s{at}", DINT, 7, start, read_only=locked) for at, (start, locked) in enumerate(places)]
    locked = {start + at for start, is_locked in places if is_locked for at in range(4)}
    expected = bool(locked.intersection(range(offset, offset + size_bytes)))
    assert SymbolTable(symbols).is_read_only(7, offset, size_bytes) == expected
    assert not SymbolTable(symbols).is_read_only(8, offset, size_bytes)


def test_remembered_places_are_bounded() -> None:
    """Asking for more paths than the cache holds costs no more memory than it does, and answers stay right."""
    symbols = SymbolTable([Symbol("a", array(INT, (0, 20_000)), 0x4040, 0)])
    for at in range(MAX_CACHED + 100):
        assert symbols.find(f"a[{at}]").offset == 2 * at
    assert len(symbols._cache) == MAX_CACHED


def test_two_symbols_of_one_name_are_refused() -> None:
    """A table with the same name twice, in whatever case, cannot be made."""
    with pytest.raises(ValueError, match="same name"):
        SymbolTable([Symbol("a", INT, 0, 0), Symbol("A", INT, 0, 2)])


def test_an_address_belongs_to_all_that_contains_it() -> None:
    """Paths run from the outermost symbol to the innermost member or element that contains the whole range."""
    containing = table().containing
    assert containing(0x4040, 1000, 2) == ("MAIN.nCount",)
    assert containing(0x4040, 1008 + 8, 8) == ("MAIN.axis", "MAIN.axis.fPosition")
    assert containing(0x4040, 1008 + 18 + 4, 4) == ("MAIN.axis", "MAIN.axis.aPoints", "MAIN.axis.aPoints[2]")
    assert containing(0x4040, 1008 + 18 + 6, 4) == ("MAIN.axis", "MAIN.axis.aPoints")
    assert containing(0x4040, 1008 + 30 + 6, 2)[-1] == "MAIN.axis.aGrid[1,5]"
    assert containing(0x4040, 1001, 2) == ()
    assert containing(0x4040, 999, 2) == ()
    assert containing(0x4041, 1000, 2) == ()
    assert containing(0x4040, 1000, 0) == ("MAIN.nCount",)


def test_a_bit_contains_only_an_access_to_itself() -> None:
    """A BIT is named for an access to that bit, not for one to its byte."""
    offset = table().find("MAIN.axis.bit1").offset
    assert table().containing(0x4040, offset, 1, bit=1) == ("MAIN.axis", "MAIN.axis.bit1")
    assert table().containing(0x4040, offset, 1) == ("MAIN.axis",)


def test_a_symbol_at_a_bit_belongs_to_its_byte() -> None:
    """`AT %MX1.3` is told in bits and lies in its byte: an access to that bit names it, one to another does not."""
    symbols = SymbolTable([Symbol("M.b", BOOL, 0x4021, 11), Symbol("M.n", BYTE, 0x4020, 1)])
    place = symbols.find("m.b")
    assert (place.group, place.offset, place.bit, place.address) == (0x4020, 1, 3, (0x4021, 11))
    assert symbols.containing(0x4020, 1, 1, bit=3) == ("M.b", "M.n")
    assert symbols.containing(0x4020, 1, 1, bit=2) == ("M.n",)
    assert symbols.containing(0x4020, 1, 1) == ("M.n",)
    assert set(symbols.touching(0x4020, 0, 2)) == {"M.b", "M.n"}


def test_symbols_that_overlap_are_all_named() -> None:
    """Where symbols share bytes, an address belongs to each of them, wider ones first."""
    assert table().containing(0x4020, 10, 2) == ("M.bytes", "M.point", "M.point.x", "M.word")
    assert table().containing(0x4020, 99, 1) == ("M.bytes", "M.bytes[99]", "M.last")
    assert table().containing(0x4020, 100, 1) == ()


def test_what_a_range_touches_is_named_with_its_parts() -> None:
    """Every symbol, member and element that shares a byte with the range is named, and no other."""
    touching = table().touching
    assert list(touching(0x4040, 1001, 8)) == ["MAIN.nCount", "MAIN.axis", "MAIN.axis.bOn"]
    assert list(touching(0x4020, 13, 1)) == ["M.bytes", "M.bytes[13]", "M.point", "M.point.y"]
    assert list(touching(0x4040, 0, 10)) == []
    assert next(iter(touching(0x4020, 0, 1 << 30))) == "M.bytes"


def leaves(path: str, kind: IecType) -> list[str]:
    kind = resolve(kind)
    if isinstance(kind, ArrayType):
        ranges = [range(bound.lower, bound.upper + 1) for bound in kind.bounds]
        indexes = [",".join(map(str, index)) for index in itertools.product(*ranges)]
        return [leaf for index in indexes for leaf in leaves(f"{path}[{index}]", kind.element)]
    if isinstance(kind, StructType):
        return [leaf for member in kind.members for leaf in leaves(f"{path}.{member.name}", member.type)]
    return [path]


@given(types, st.integers(0, 1000))
def test_every_path_and_its_address_lead_to_each_other(kind: IecType, offset: int) -> None:
    """For any type: each leaf's path resolves to an address that is contained in just that leaf."""
    symbols = SymbolTable([Symbol("MAIN.v", kind, 0x4040, offset)])
    for path in leaves("MAIN.v", kind)[:50]:
        place = symbols.find(path.upper())
        assert place.path == path
        assert offset <= place.offset < offset + max(kind.size_bytes, 1)
        assert symbols.containing(0x4040, place.offset, place.size_bytes, bit=place.bit)[-1] == path


def test_a_type_that_is_only_mentioned_gives_way_to_the_real_one() -> None:
    """What a pointer inside a structure mentions by name is listed with its real size, whichever came first."""
    mention = OpaqueType("ST_Point", 0)
    holder = struct_of("ST_Holder", ("p", PointerType(array(mention, (0, 1)))), ("q", PointerType(mention)))
    for more in ([POINT], [array(POINT, (0, 1))]):
        for order in ([holder, *more], [*more, holder]):
            found = SymbolTable([], extra_types=order).types
            assert found["st_point"] == POINT
            assert found["array [0..1] of st_point"] == array(POINT, (0, 1))
            assert found["pointer to st_point"] == PointerType(POINT)
            assert found["pointer to array [0..1] of st_point"] == PointerType(array(POINT, (0, 1)))


def test_all_types_are_collected_once() -> None:
    """Elementary types, and whatever symbols, members, pointers and methods are made of, each under one name."""
    symbols = SymbolTable([Symbol("a", LINKED, 0, 0), Symbol("b", ADDER, 0, 100)], extra_types=[PERCENT])
    found = symbols.types
    assert {code.value[0].lower() for code in Elementary} <= set(found)
    assert {"st_linked", "st_axis", "pointer to st_axis", "reference to st_point", "st_point", "e_mode"} <= set(found)
    assert {"array [1..3] of st_point", "array [0..1,5..7] of int", "string(20)", "fb_adder", "t_percent"} <= set(found)
    order = list(found)
    assert order.index("st_point") < order.index("array [1..3] of st_point") < order.index("st_axis")
