"""Data type entries: members, methods, enumerations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ams_values import ATTRIBUTES, BOUNDS, GUIDS, TEXT, U16, U32, value_or_format_error
from hypothesis import given, settings
from hypothesis import strategies as st

from dinrail.ams.datatype import (
    MAX_DEPTH,
    DataTypeEntry,
    EnumValue,
    TypeFlag,
    build_types,
    parse_types,
)
from dinrail.ams.entry import BASE_TYPE_GUIDS, ArrayBound, Attribute, DataTypeId
from dinrail.ams.method import MethodEntry, MethodParameter, ParameterFlag
from dinrail.errors import FormatError

MEMBER = bytes.fromhex(
    "48000000 01000000 00000000 00000000 04000000 02000000"  # 72 bytes, version 1, no hashes, size 4, offset 2
    "02000000 02000000"  # INT16, DATA_ITEM
    "0100 0300 0000 0100 0000"  # a, INT, no comment; one dimension, no members
    "6100 494e5400 00"
    "00000000 02000000"  # [0..1]
    "0000000000000000 00000000000000"  # padding to 72 (TwinCAT pads to 8; a reader does not care)
)
STRUCT = (
    bytes.fromhex(
        "a8000000 01000000 00000000 00000000 08000000 00000000"  # 168 bytes, size 8
        "41000000 81100000"  # BIGTYPE, DATA_TYPE | TYPE_GUID | ATTRIBUTES
        "0400 0000 0100 0000 0100"  # ST_A, no base, a comment of one byte; one member
        "53545f4100 00 6300"
    )
    + MEMBER
    + bytes.fromhex(
        "11111111 2222 3333 4444 5555555555550100 09 01 7061636b5f6d6f646500 3100"  # pack_mode := 1
    )
    + bytes(14)
)


def test_a_structure_is_read_with_its_members() -> None:
    """One written by hand: an array member inside, GUID and attribute behind it, padding in both."""
    (entry,) = parse_types(STRUCT)
    assert (entry.name, entry.type_name, entry.comment, entry.size_bytes) == ("ST_A", "", "c", 8)
    assert (entry.data_type, entry.flags) == (DataTypeId.BIGTYPE, 0x1081)
    assert entry.guid == bytes.fromhex("11111111222233334444555555555555")
    assert entry.attributes == (Attribute("pack_mode", "1"),)
    (member,) = entry.sub_items
    assert (member.name, member.type_name, member.offset, member.size_bytes) == ("a", "INT", 2, 4)
    assert member.bounds == (ArrayBound(0, 2),)
    # Our own padding is shorter, the values are the same.
    assert parse_types(entry.encode()) == [entry]
    assert len(entry.encode()) < len(STRUCT)


def test_an_elementary_type_has_the_bytes_that_the_table_says() -> None:
    """BOOL, built: no members, the well-known GUID, 8 bytes aligned."""
    entry = DataTypeEntry("BOOL", "", 1, DataTypeId.BIT, guid=BASE_TYPE_GUIDS["BOOL"])
    assert entry.encode() == bytes.fromhex(
        "48000000 01000000 00000000 00000000 01000000 00000000 21000000 81000000"
        "0400 0000 0000 0000 0000  424f4f4c00 00 00"
        "95190718 0000 0000 0000 000000000030  00000000000000"
    )


def test_an_enumeration_is_read_with_comments_and_attributes() -> None:
    """Values as long as the type; their comments come far behind them."""
    values = (EnumValue("Red", b"\1\0", "stop", (Attribute("rgb", "f00"),)), EnumValue("Green", b"\2\0"))
    entry = DataTypeEntry("E_Color", "INT", 2, DataTypeId.INT16, enums=values, flags2=5)
    data = entry.encode()
    assert bytes.fromhex("0200 03 52656400 0100 05 477265656e00 0200  05000000  1300 04 01 73746f7000 03 03") in data
    (read,) = parse_types(data)
    assert read.enums == values
    assert read.flags == TypeFlag.DATA_TYPE | TypeFlag.ENUMS | TypeFlag.ENUM_INFOS | TypeFlag.EXTENDED


def test_methods_are_read_with_their_parameters() -> None:
    """An input by value, an output array, a return value."""
    method = MethodEntry(
        name="M_Add",
        return_type="DINT",
        return_bytes=4,
        return_data_type=DataTypeId.INT32,
        parameters=(
            MethodParameter("nA", "INT", 2, DataTypeId.INT16, guid=BASE_TYPE_GUIDS["INT"]),
            MethodParameter(
                "aOut", "BYTE", 8, DataTypeId.UINT8, flags=ParameterFlag.OUT, bounds=(ArrayBound(1, 8),), length_is=1
            ),
        ),
        return_guid=BASE_TYPE_GUIDS["DINT"],
    )
    (read,) = parse_types(DataTypeEntry("FB", "", 8, DataTypeId.BIGTYPE, methods=(method,)).encode())
    assert read.flags & TypeFlag.METHODS
    (found,) = read.methods
    assert (found.name, found.return_type, found.return_bytes) == ("M_Add", "DINT", 4)
    assert [(p.name, p.flags & 3, p.bounds) for p in found.parameters] == [
        ("nA", ParameterFlag.IN, ()),
        ("aOut", ParameterFlag.OUT, (ArrayBound(1, 8),)),
    ]


@pytest.mark.parametrize("flag", [TypeFlag.EXTENDED, TypeFlag.DEREF_TYPES, TypeFlag.ENUM_INFOS])
def test_optional_tails_may_be_missing(flag: TypeFlag) -> None:
    """A server that sets a flag of the tail and sends nothing is read all the same."""
    entry = DataTypeEntry("E", "", 1, DataTypeId.UINT8, comment="1234567", enums=(EnumValue("A", b"\7"),))
    data = bytearray(entry.encode())
    used = len(data.rstrip(b"\0"))
    data[0:4] = used.to_bytes(4, "little")
    data[28:32] = (entry.flags | TypeFlag.ENUMS | flag).to_bytes(4, "little")
    (read,) = parse_types(bytes(data[:used]))
    assert (read.enums, read.flags2, read.deref_types) == (entry.enums, 0, ())


def test_what_nobody_can_read_is_kept_as_it_came() -> None:
    """Refactoring information hides all that follows; it is written back where it was."""
    entry = DataTypeEntry("T", "", 1, 0, flags=TypeFlag.DATA_TYPE | TypeFlag.REFACTORED, tail=b"secretive")
    (read,) = parse_types(entry.encode())
    assert read.tail.startswith(b"secretive")
    assert parse_types(read.encode()) == [read]


def test_flags_that_nobody_knows_are_kept() -> None:
    """Only flags that announce a part follow from the parts; every other bit is the sender's."""
    (read,) = parse_types(DataTypeEntry("A", "", 1, 0, flags=0x0E00_C001 | TypeFlag.METHODS).encode())
    assert read.flags == 0x0E00_C001


def nested(depth: int) -> DataTypeEntry:
    entry = DataTypeEntry("leaf", "", 1, 0)
    for _ in range(depth):
        entry = DataTypeEntry("node", "", 1, 0, sub_items=(entry,))
    return entry


def test_nesting_has_an_end() -> None:
    """Sixteen levels are read, a seventeenth is refused, before Python's own stack ends."""
    assert parse_types(nested(MAX_DEPTH).encode())
    with pytest.raises(FormatError, match="nested deeper"):
        parse_types(nested(MAX_DEPTH + 1).encode())
    with pytest.raises(FormatError, match="nested deeper"):
        parse_types(nested(300).encode())


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, "29000000"),  # shorter than its own head
        (0, "ffffffff"),
        (32, "ffff"),  # name
        (38, "1100"),  # 17 dimensions
        (40, "ffff"),  # 65535 members
        (28, "81120000"),  # a copy mask of 8 bytes, so that attributes are read from the wrong place
        (28, "81180000"),  # methods
        (138, "ff00"),  # 255 attributes
        (50, "ffffff7f"),  # the member's entryLength
    ],
)
def test_lengths_that_lead_out_of_the_entry_are_refused(at: int, value: str) -> None:
    """Every count and length of an entry is held against its end."""
    data = bytearray(STRUCT)
    data[at : at + len(value) // 2] = bytes.fromhex(value)
    with pytest.raises(FormatError):
        parse_types(bytes(data))


def test_a_copy_mask_as_large_as_it_claims_to_be_is_not_made() -> None:
    """A type of 4 GiB with a copy mask is refused without taking memory."""
    data = bytearray(DataTypeEntry("T", "", 8, 0, copy_mask=bytes(8)).encode())
    assert parse_types(bytes(data))[0].copy_mask == bytes(8)
    data[16:20] = b"\xff\xff\xff\xff"
    with pytest.raises(FormatError, match="4294967295 bytes are needed"):
        parse_types(bytes(data))


PARAMETERS = st.builds(
    MethodParameter,
    name=TEXT,
    type_name=TEXT,
    size_bytes=U32,
    data_type=U32,
    flags=U32,
    align_bytes=U32,
    guid=GUIDS,
    length_is=U16,
    comment=TEXT,
    bounds=BOUNDS,
    attributes=ATTRIBUTES,
)
METHODS = st.builds(
    MethodEntry,
    name=TEXT,
    return_type=TEXT,
    return_bytes=U32,
    return_data_type=U32,
    parameters=st.lists(PARAMETERS, max_size=2).map(tuple),
    comment=TEXT,
    flags=U32,
    version=U32,
    vtable_index=U32,
    return_align_bytes=U32,
    return_guid=GUIDS,
    attributes=ATTRIBUTES,
)
SIZE = 3
LEAVES = st.builds(
    DataTypeEntry,
    name=TEXT,
    type_name=TEXT,
    size_bytes=st.just(SIZE),
    data_type=U32,
    flags=U32.map(lambda flags: flags & ~(TypeFlag.REFACTORED | TypeFlag.SP_LEVELS)),
    offset=U32,
    comment=TEXT,
    version=U32,
    hash=U32,
    type_hash=U32,
    bounds=BOUNDS,
    guid=st.just(b"") | GUIDS,
    copy_mask=st.just(b"") | st.binary(min_size=SIZE, max_size=SIZE),
    methods=st.lists(METHODS, max_size=2).map(tuple),
    attributes=ATTRIBUTES,
    enums=st.lists(
        st.builds(EnumValue, TEXT, st.binary(min_size=SIZE, max_size=SIZE), TEXT, ATTRIBUTES), max_size=3
    ).map(tuple),
    flags2=U32,
    deref_types=st.lists(GUIDS, max_size=2).map(tuple),
)
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.builds(replace, LEAVES, sub_items=st.lists(inner, max_size=2).map(tuple)),
    max_leaves=4,
)


@settings(max_examples=60)
@given(st.lists(TYPES, max_size=2))
def test_uploads_come_back_as_they_were(entries: list[DataTypeEntry]) -> None:
    """Any types: parsed and built again they are the same bytes, and the same values."""
    data = build_types(entries)
    found = parse_types(data)
    assert build_types(found) == data
    assert [(e.name, e.guid, e.enums, e.bounds, e.copy_mask, e.flags2, e.deref_types) for e in found] == [
        (e.name, e.guid, e.enums, e.bounds, e.copy_mask, e.flags2, e.deref_types) for e in entries
    ]
    assert [[(i.name, i.offset, len(i.sub_items)) for i in e.sub_items] for e in found] == [
        [(i.name, i.offset, len(i.sub_items)) for i in e.sub_items] for e in entries
    ]
    assert [[(m.name, len(m.parameters), m.attributes) for m in e.methods] for e in found] == [
        [(m.name, len(m.parameters), m.attributes) for m in e.methods] for e in entries
    ]


@settings(max_examples=60)
@given(TYPES, st.data())
def test_one_wrong_word_does_no_harm(entry: DataTypeEntry, data: st.DataObject) -> None:
    """A valid entry with any word overwritten, or cut anywhere, is an entry or a FormatError."""
    raw = entry.encode()
    at = data.draw(st.integers(0, len(raw) - 4))
    value_or_format_error(parse_types, raw[:at] + data.draw(U32).to_bytes(4, "little") + raw[at + 4 :])
    assert at == 0 or not value_or_format_error(parse_types, raw[:at])


@given(st.binary(max_size=150))
def test_any_bytes_are_types_or_a_format_error(data: bytes) -> None:
    """Also when the entry length makes sense."""
    value_or_format_error(parse_types, data)
    value_or_format_error(parse_types, (len(data) + 4).to_bytes(4, "little") + data)
