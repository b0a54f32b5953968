"""Symbol entries and upload information."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ams_values import ATTRIBUTES, BOUNDS, GUIDS, TEXT, U16, U32, WIDE_TEXT, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.entry import BASE_TYPE_GUIDS, Attribute, DataTypeId, format_guid, parse_guid, string_guid
from dinrail.ams.symbol import SymbolEntry, SymbolFlag, UploadFlag, UploadInfo, build_symbols, parse_symbols
from dinrail.ams.text import UTF_8
from dinrail.errors import BadRequest, FormatError

GOLDEN = bytes.fromhex(
    "48000000 20400000 04000000 02000000 02000000"  # 72 bytes, group 0x4020, offset 4, 2 bytes, INT16
    "0910 0000 0600 0300 0200"  # PERSISTENT | TYPE_GUID | ATTRIBUTES, no array, 6 + 3 + 2 characters
    "4d41494e2e6900 494e5400 686900"  # MAIN.i, INT, hi, a NUL behind each
    "95190718 0000 0000 0000 000000000006"  # GUID of INT
    "0100 01 01 6100 6200"  # one attribute, a := b
    "00000000"
)
ENTRY = SymbolEntry(
    name="MAIN.i",
    type_name="INT",
    group=0x4020,
    offset=4,
    size_bytes=2,
    data_type=DataTypeId.INT16,
    comment="hi",
    flags=SymbolFlag.PERSISTENT | SymbolFlag.TYPE_GUID | SymbolFlag.ATTRIBUTES,
    guid=BASE_TYPE_GUIDS["INT"],
    attributes=(Attribute("a", "b"),),
)


def test_a_symbol_entry_has_the_bytes_that_the_table_says() -> None:
    """Built and read against one written by hand: 68 bytes used, padded to 72."""
    assert ENTRY.encode() == GOLDEN
    assert SymbolEntry.parse(GOLDEN) == (ENTRY, 72)


def test_flags_follow_from_what_is_there() -> None:
    """An entry without GUID and attributes does not announce them, whatever it was made with."""
    bare = replace(ENTRY, guid=b"", attributes=())
    (read, _) = SymbolEntry.parse(bare.encode())
    assert read.flags == SymbolFlag.PERSISTENT
    assert replace(ENTRY, flags=0x0300).context == 3


def test_a_reader_steps_by_entry_length() -> None:
    """Bytes that nobody knows at an entry's end do not disturb the next one."""
    longer = bytearray(GOLDEN + b"\xaa" * 11)
    longer[0] = len(longer)
    assert parse_symbols(bytes(longer) + GOLDEN) == [ENTRY, ENTRY]
    assert parse_symbols(bytes(longer) + GOLDEN, count=1) == [ENTRY]
    assert parse_symbols(b"") == []


def test_missing_flags2_are_no_fault() -> None:
    """Servers that set EXTENDED and send nothing are read all the same."""
    data = bytearray(replace(ENTRY, attributes=(), comment="123456").encode())
    data[20:22] = (SymbolFlag.TYPE_GUID | SymbolFlag.EXTENDED).to_bytes(2, "little")
    entry, end = SymbolEntry.parse(bytes(data))
    assert (entry.flags2, entry.tail, end) == (0, b"", len(data))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, "1d000000"),  # shorter than its own head
        (0, "49000000"),  # one byte longer than the data
        (0, "ffffffff"),
        (22, "1100"),  # 17 dimensions
        (22, "0700"),  # 7 dimensions that are not there
        (24, "ffff"),  # a name of 65535 bytes
        (28, "2800"),  # a comment past the entry's end
        (60, "ff00"),  # 255 attributes
        (63, "ff"),  # a value of 255 bytes
    ],
)
def test_lengths_that_lead_out_of_the_entry_are_refused(at: int, value: str) -> None:
    """Every length of an entry is held against its end."""
    data = bytearray(GOLDEN)
    data[at : at + len(value) // 2] = bytes.fromhex(value)
    with pytest.raises(FormatError):
        SymbolEntry.parse(bytes(data))


ENTRIES = st.builds(
    SymbolEntry,
    name=TEXT,
    type_name=TEXT,
    group=U32,
    offset=U32,
    size_bytes=U32,
    data_type=U32,
    comment=TEXT,
    flags=U16,
    guid=st.just(b"") | GUIDS,
    attributes=ATTRIBUTES,
    flags2=U32,
    bounds=BOUNDS,
)


def unflagged(entry: SymbolEntry) -> SymbolEntry:
    parts = SymbolFlag.TYPE_GUID | SymbolFlag.ATTRIBUTES | SymbolFlag.EXTENDED
    return replace(entry, flags=entry.flags & ~parts)


@given(st.lists(ENTRIES, max_size=4))
def test_uploads_come_back_as_they_were(entries: list[SymbolEntry]) -> None:
    """Any entries, and each starts at a multiple of 8."""
    data = build_symbols(entries)
    found = parse_symbols(data)
    assert [unflagged(entry) for entry in found] == [unflagged(entry) for entry in entries]
    assert build_symbols(found) == data
    assert len(data) % 8 == 0


@given(WIDE_TEXT, WIDE_TEXT)
def test_utf_8_targets_are_read_as_such(name: str, comment: str) -> None:
    """The code page of the upload info decides how texts are read and written."""
    entry = replace(ENTRY, name=name, comment=comment)
    assert parse_symbols(entry.encode(UTF_8), code_page=UTF_8) == [entry]


def test_a_name_that_1252_cannot_say_is_refused_and_a_long_attribute_is_cut() -> None:
    """Names are never changed; attributes have one byte for their length."""
    with pytest.raises(BadRequest):
        replace(ENTRY, name="MAIN.電").encode()
    (read, _) = SymbolEntry.parse(replace(ENTRY, attributes=(Attribute("n", "x" * 300),)).encode())
    assert read.attributes == (Attribute("n", "x" * 255),)


@given(st.binary(max_size=100), U16, st.integers(0, 110))
def test_any_bytes_are_an_entry_or_a_format_error(data: bytes, flags: int, length: int) -> None:
    """Also when the entry length makes sense and any flags are set."""
    value_or_format_error(parse_symbols, data)
    value_or_format_error(parse_symbols, length.to_bytes(4, "little") + data)
    if len(data) > 20:
        value_or_format_error(parse_symbols, len(data).to_bytes(4, "little") + data[4:20] + bytes(14) + data[34:])


@given(st.integers(0, len(GOLDEN) - 4), U32)
def test_one_wrong_word_does_no_harm(at: int, word: int) -> None:
    """A real entry with any word overwritten is an entry or a FormatError."""
    value_or_format_error(parse_symbols, GOLDEN[:at] + word.to_bytes(4, "little") + GOLDEN[at + 4 :] + GOLDEN)


def test_upload_info_has_three_lengths() -> None:
    """8 bytes, 24 and 64: as many as were asked for, and read by how many came (numbers of a real target)."""
    info = UploadInfo(
        175, 18600, 160, 55208, 2000, 0, 0, UTF_8, UploadFlag.TARGET_64_BIT | UploadFlag.BASE_TYPES_INCLUDED
    )
    data = info.encode()
    assert data == bytes.fromhex(
        "af000000 a8480000 a0000000 a8d70000 d0070000 00000000 00000000 e9fd0000 03000000" + "00" * 28
    )
    assert UploadInfo.parse(data) == info
    assert UploadInfo.parse(info.encode(24)) == UploadInfo(175, 18600, 160, 55208, 2000, 0)
    assert UploadInfo.parse(info.encode(8)) == UploadInfo(175, 18600)
    assert len(info.encode(1025)) == 64
    with pytest.raises(FormatError):
        UploadInfo.parse(data[:7])


def test_base_types_have_guids_that_everyone_knows() -> None:
    """Written as Windows writes them, the first three groups turned round on the wire."""
    assert format_guid(BASE_TYPE_GUIDS["BOOL"]) == "{18071995-0000-0000-0000-000000000030}"
    assert format_guid(string_guid(255)) == "{18071995-0000-0000-0000-0001000000FF}"
    assert BASE_TYPE_GUIDS["DATE_AND_TIME"] == bytes.fromhex("95190718 0000 0000 000000000000004d")


@given(GUIDS)
def test_guids_come_back_as_they_were(guid: bytes) -> None:
    """Text and bytes lead to each other, with braces or without."""
    assert parse_guid(format_guid(guid)) == guid
    assert parse_guid(format_guid(guid)[1:-1].lower()) == guid


@pytest.mark.parametrize("text", ["", "{18071995}", "{18071995-0000-0000-0000-00000000003g}"])
def test_what_is_no_guid_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadRequest):
        parse_guid(text)
