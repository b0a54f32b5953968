"""Bytes <-> Python values."""

from __future__ import annotations

import datetime

import pytest
from build_iec import AXIS, BIT, BOOL, BYTE, DINT, INT, LREAL, MODE, POINT, REAL, array, le, struct_of, types, values
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import BadRequest, FormatError
from dinrail.iec.times import LTime, Time
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Bound,
    Elementary,
    ElementaryType,
    Encoding,
    IecType,
    Member,
    OpaqueType,
    PointerType,
    StringType,
    StructType,
    WStringType,
)
from dinrail.iec.value import EnumValue, decode, encode


def elementary(kind: Elementary) -> ElementaryType:
    return ElementaryType(kind)


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (BOOL, b"\x01", True),
        (BOOL, b"\x80", True),
        (BYTE, b"\xff", 255),
        (elementary(Elementary.SINT), b"\xff", -1),
        (INT, b"\xfe\xff", -2),
        (elementary(Elementary.ULINT), b"\xff" * 8, 2**64 - 1),
        (elementary(Elementary.LINT), b"\xff" * 8, -1),
        (REAL, le("f", 1.5), 1.5),
        (LREAL, le("d", -0.1), -0.1),
        (elementary(Elementary.TIME), le("I", 1200), Time(1200)),
        (elementary(Elementary.LTIME), le("Q", 7), LTime(7)),
        (StringType(5), b"\xe4\x80c\0zz", "ä€c"),
        (StringType(5, Encoding.UTF_8), b"\xc3\xa4c\0zz", "äc"),
        (WStringType(3), "äb".encode("utf-16-le") + bytes(4), "äb"),
        (MODE, b"\x02\0", 2),
        (MODE, b"\xff\xff", -1),
        (PointerType(INT), le("Q", 0xFFFF), 0xFFFF),
        (OpaqueType("X", 3), b"abc", b"abc"),
        (array(INT, (1, 2), (0, 2)), le("6h", 1, 2, 3, 4, 5, 6), [[1, 2, 3], [4, 5, 6]]),
        (array(array(BYTE, (0, 1)), (0, 1)), b"\1\2\3\4", [[1, 2], [3, 4]]),
        (POINT, le("hh", 1, 2), {"x": 1, "y": 2}),
        (array(BOOL, (0, -1)), b"", []),
    ],
    ids=lambda part: part.name if hasattr(part, "size_bytes") else None,
)
def test_every_type_has_its_bytes(kind: IecType, data: bytes, value: object) -> None:
    """Each type's bytes give its value, and the value gives bytes that mean the same."""
    assert decode(kind, data) == value
    assert decode(kind, encode(kind, value)) == value


@given(st.data())
def test_any_value_of_any_type_comes_back(data: st.DataObject) -> None:
    """Encoding a value and decoding it gives the same value, for every type."""
    kind = data.draw(types)
    value = data.draw(values(kind))
    raw = encode(kind, value)
    assert len(raw) == kind.size_bytes
    assert decode(kind, raw) == value


@given(types, st.binary(max_size=300))
def test_reading_never_fails_for_bytes_of_the_right_length(kind: IecType, data: bytes) -> None:
    """Any bytes as long as the type are a value; any others are a FormatError."""
    decode(kind, (data * kind.size_bytes)[: kind.size_bytes].ljust(kind.size_bytes, b"\xff"))
    if len(data) != kind.size_bytes:
        with pytest.raises(FormatError):
            decode(kind, data)


def test_undefined_bytes_become_the_replacement_character() -> None:
    """A byte that cp1252 has not, invalid UTF-8 and half a surrogate pair read as U+FFFD."""
    assert decode(StringType(1), b"\x81\0") == "\ufffd"
    assert decode(StringType(2, Encoding.UTF_8), b"\xc3\x28\0") == "\ufffd("
    assert decode(WStringType(1), b"\x00\xd8\0\0") == "\ufffd"


def test_text_without_its_nul_is_read_to_the_end() -> None:
    """A STRING whose last byte is no NUL gives all of its bytes."""
    assert decode(StringType(2), b"abc") == "abc"
    assert decode(WStringType(0), b"a\0") == "a"


def test_bits_share_their_byte() -> None:
    """BIT members are read from and written to their own bit only."""
    kind = struct_of("ST", ("a", BIT), ("b", BIT), ("n", INT))
    assert decode(kind, b"\x02\0\5\0") == {"a": False, "b": True, "n": 5}
    assert encode(kind, {"a": True, "b": False, "n": 5}) == b"\x01\0\5\0"
    assert encode(kind, {"a": True}, base=b"\xf2\0\5\0") == b"\xf3\0\5\0"


def test_a_name_belongs_to_an_enumeration_s_number_where_there_is_one() -> None:
    """A known number has its name; an unknown one is only a number."""
    known, unknown = decode(MODE, b"\1\0"), decode(MODE, b"\x63\0")
    assert isinstance(known, EnumValue)
    assert isinstance(unknown, EnumValue)
    assert (known, known.name, str(known)) == (1, "Manual", "Manual")
    assert (unknown, unknown.name, str(unknown)) == (99, "", "99")


def test_enumerations_are_written_by_name_or_number() -> None:
    """`Manual`, `E_Mode.manual`, `E_Mode#Manual`, 1 and `1` are the same."""
    for value in ("Manual", "E_Mode.manual", "E_Mode#Manual", 1, "1"):
        assert encode(MODE, value) == b"\1\0"


def test_time_types_take_python_s_own_types() -> None:
    """A timedelta, date, time or datetime is what its literal is; one with a zone is taken to UTC."""
    zone = datetime.timezone(datetime.timedelta(hours=2))
    cases: list[tuple[Elementary, object, str]] = [
        (Elementary.TIME, datetime.timedelta(seconds=1, milliseconds=200), "T#1s200ms"),
        (Elementary.LTIME, datetime.timedelta(microseconds=3), "LTIME#3us"),
        (Elementary.DATE, datetime.date(2026, 1, 31), "D#2026-01-31"),
        (Elementary.TIME_OF_DAY, datetime.time(12, 30, 15, 250_000), "TOD#12:30:15.25"),
        (Elementary.DATE_AND_TIME, datetime.datetime(2026, 1, 31, 14, 0, tzinfo=zone), "DT#2026-01-31-12:00:00"),
    ]
    for code, rich, literal in cases:
        assert encode(elementary(code), rich) == encode(elementary(code), literal)


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (INT, 40_000, "range is -32768 to 32767"),
        (INT, "x", "'x' is no INT"),
        (INT, 1.5, "1.5 is no INT"),
        (INT, True, "True is no INT"),
        (BOOL, 2, "2 is no BOOL"),
        (BOOL, "maybe", "'maybe' is no BOOL"),
        (REAL, 1e300, "too large"),
        (REAL, None, "None is no REAL"),
        (elementary(Elementary.TIME), -1, "range is 0 to"),
        (elementary(Elementary.TIME), "T#60d", "range is 0 to"),
        (elementary(Elementary.TIME), datetime.date(2026, 1, 1), "is no TIME"),
        (StringType(2), "abc", "3 bytes of cp1252, there is room for 2"),
        (StringType(2, Encoding.UTF_8), "ää", "4 bytes of utf-8, there is room for 2"),
        (StringType(2), "Ω", "cp1252 has no 'Ω'"),
        (WStringType(1), "😀", "2 UTF-16 code units, there is room for 1"),
        (StringType(2), 5, "5 is no STRING(2)"),
        (MODE, "Wild", "one of: Off, Manual, Automatic, Fault"),
        (MODE, 70_000, "range is"),
        (PointerType(INT), -1, "an address has 8 bytes"),
        (OpaqueType("X", 2), b"abc", "it has 2 bytes"),
        (OpaqueType("X", 2), "zz", "hexadecimal"),
        (array(INT, (1, 2)), [1], "1 elements where 1..2 takes 2"),
        (array(INT, (1, 2)), 5, "5 is no ARRAY [1..2] OF INT"),
        (array(INT, (1, 2), (0, 1)), [[1, 2], [3]], "1 elements where 0..1 takes 2"),
        (array(INT, (1, 2)), [1, 99_999], "[2]: 99999 is no INT"),
        (array(INT, (1, 2), (0, 1)), [[1, 2], [3, "x"]], "[2,1]: 'x' is no INT"),
        (POINT, {"x": 1}, "lacks y"),
        (POINT, {"x": 1, "y": 2, "z": 3}, "has no z"),
        (POINT, {"x": 1, "y": "q"}, ".y: 'q' is no INT"),
        (POINT, 5, "5 is no ST_Point"),
        (AliasType("T_Percent", INT, 0, 100), 101, "range is 0 to 100"),
    ],
)
def test_what_cannot_be_written_is_told(kind: IecType, value: object, says: str) -> None:
    """A value that the type cannot hold is a BadRequest that names place, value and what the type takes."""
    with pytest.raises(BadRequest) as fault:
        encode(kind, value)
    assert says in "\n".join(fault.value.lines())


def test_the_path_of_the_variable_is_in_the_message() -> None:
    """The message begins with the whole path down to the member that was wrong."""
    with pytest.raises(BadRequest) as fault:
        encode(AXIS, {"aPoints": [{"x": 1}, {"x": "?"}, {}]}, base=bytes(AXIS.size_bytes), where="GVL.axis")
    assert str(fault.value) == "GVL.axis.aPoints[2].x: '?' is no INT"


def test_text_is_written_up_to_its_nul() -> None:
    """What follows a NUL in a text is not written, and does not count for its length."""
    assert encode(StringType(2), "ab\0cdef") == b"ab\0"


def test_members_are_found_in_any_case_and_the_rest_may_stay() -> None:
    """With the present bytes given, a part of a structure is enough; names match in any case."""
    assert encode(POINT, {"Y": 7}, base=le("hh", 1, 2)) == le("hh", 1, 7)


def test_a_union_is_written_by_any_of_its_members() -> None:
    """A union takes one of its members, and reads as all of them."""
    union = StructType("U", (Member("n", DINT, 0), Member("b", array(BYTE, (0, 3)), 0)), 4, 4)
    assert encode(union, {"n": 0x04030201}) == b"\1\2\3\4"
    assert decode(union, b"\1\2\3\4") == {"n": 0x04030201, "b": [1, 2, 3, 4]}


def test_an_array_of_bytes_takes_bytes_and_a_matrix_a_flat_list() -> None:
    """Bytes fill an ARRAY OF BYTE; a flat list fills all dimensions row by row."""
    assert encode(array(BYTE, (0, 2)), b"abc") == b"abc"
    assert encode(array(BYTE, (0, 1), (0, 1)), [1, 2, 3, 4]) == b"\1\2\3\4"


def test_elements_without_a_size_are_bounded() -> None:
    """An array that claims a billion empty elements is refused before any of them is made."""
    hostile = ArrayType(StructType("Empty", (), 0, 1), (Bound(0, 1 << 30),))
    with pytest.raises(FormatError):
        decode(hostile, b"")


def test_a_member_beyond_its_structure_is_a_format_error() -> None:
    """A layout whose member reaches past the structure's end is refused when it is read."""
    with pytest.raises(FormatError):
        decode(StructType("ST", (Member("n", DINT, 2),), 4, 4), bytes(4))
