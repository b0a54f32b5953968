"""What symbol and data type entries have in common: type numbers, attributes, array bounds, GUIDs, padding.

Source: TwinCAT SDK Ads.h (AdsDatatypeId); reference of the base types' GUIDs: TMC files of TwinCAT 3.
"""

from __future__ import annotations

import enum
import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

from dinrail.ams.cursor import Cursor
from dinrail.ams.text import CP1252, fit_text
from dinrail.errors import BadRequest, FormatError

BOUND = struct.Struct("<iI")
"""lower bound, elements"""
GUID_BYTES = 16
MAX_ENTRY_BYTES = 4 << 20
"""No one entry is longer, and no string in it is longer than 65535 bytes."""
MAX_TEXT_BYTES = 0xFFFF
_MAX_SHORT_TEXT = 0xFF
_PAD_BYTES = 8


class DataTypeId(enum.IntEnum):
    """How a client may read the bytes of a symbol."""

    VOID = 0
    INT16 = 2
    INT32 = 3
    REAL32 = 4
    REAL64 = 5
    INT8 = 16
    UINT8 = 17
    UINT16 = 18
    UINT32 = 19
    INT64 = 20
    UINT64 = 21
    STRING = 30
    WSTRING = 31
    REAL80 = 32
    BIT = 33  # BOOL, too
    BIGTYPE = 65  # structures, function blocks, and all else


class Attribute(NamedTuple):
    """A pragma `{attribute 'name' := 'value'}`. 255 bytes each at most; more is cut when it is built."""

    name: str
    value: str = ""


class ArrayBound(NamedTuple):
    """One dimension: its first index and its number of elements."""

    lower: int
    elements: int


BASE_TYPE_GUIDS: dict[str, bytes] = {}
"""GUIDs that are the same on every target: {18071995-0000-0000-0000-0000000000xx}. Other types: see `string_guid`."""


def _base(number: int) -> bytes:
    return bytes.fromhex("95190718 0000 0000") + number.to_bytes(8, "big")


BASE_TYPE_GUIDS |= {
    "BIT": _base(0x10),
    "BOOL": _base(0x30),
    "SINT": _base(0x03),
    "USINT": _base(0x04),
    "BYTE": _base(0x04),
    "UINT": _base(0x05),
    "INT": _base(0x06),
    "UDINT": _base(0x08),
    "DINT": _base(0x09),
    "REAL": _base(0x0D),
    "LREAL": _base(0x0E),
    "OTCID": _base(0x0F),
    "GUID": _base(0x21),
    "DATE_AND_TIME": _base(0x4D),
}


def string_guid(length: int) -> bytes:
    """GUID of STRING(length)."""
    return _base(0x0001_0000_0000 | length)


def format_guid(guid: bytes) -> str:
    """`{18071995-0000-0000-0000-000000000030}` from its 16 bytes on the wire."""
    first, second, third = struct.unpack_from("<IHH", guid)
    return f"{{{first:08X}-{second:04X}-{third:04X}-{guid[8:10].hex().upper()}-{guid[10:16].hex().upper()}}}"


def parse_guid(text: str) -> bytes:
    """The other way round, with or without braces. Raises BadRequest."""
    if not re.fullmatch(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?", text):
        raise BadRequest(f"{text!r} is no GUID", hint="like {18071995-0000-0000-0000-000000000030}")
    digits = bytes.fromhex(text.strip("{}").replace("-", ""))
    return struct.pack("<IHH", *struct.unpack(">IHH", digits[:8])) + digits[8:]


def parse_attributes(cursor: Cursor, count: int) -> tuple[Attribute, ...]:
    """`count` attributes. Raises Truncated."""
    found: list[Attribute] = []
    for _ in range(count):
        name_bytes, value_bytes = cursor.take(2, "attribute lengths")
        found.append(Attribute(cursor.text(name_bytes, "attribute name"), cursor.text(value_bytes, "attribute value")))
    return tuple(found)


def build_attributes(attributes: Iterable[Attribute], code_page: int) -> bytes:
    """Attributes one after the other, without their count."""
    parts: list[bytes] = []
    for attribute in attributes:
        name, value = short_text(attribute.name, code_page), short_text(attribute.value, code_page)
        parts += (bytes((len(name), len(value))), name, b"\0", value, b"\0")
    return b"".join(parts)


def parse_bounds(cursor: Cursor, count: int) -> tuple[ArrayBound, ...]:
    """`count` dimensions. Raises Truncated."""
    raw = cursor.take(count * BOUND.size, "array bounds")
    return tuple(ArrayBound(*bound) for bound in BOUND.iter_unpack(raw))


def build_bounds(bounds: Iterable[ArrayBound]) -> bytes:
    """Dimensions one after the other."""
    return b"".join([BOUND.pack(*bound) for bound in bounds])


def short_text(text: str, code_page: int) -> bytes:
    """A text whose length travels in one byte."""
    return fit_text(text, _MAX_SHORT_TEXT, code_page)


def long_text(text: str, code_page: int = CP1252) -> bytes:
    """A text whose length travels in two bytes."""
    return fit_text(text, MAX_TEXT_BYTES, code_page)


def open_entry(data: bytes, at: int, structure: str, fixed_bytes: int, *, end: int, code_page: int) -> Cursor:
    """A cursor behind the entryLength at `at`, that ends where the entry ends.

    Raises FormatError unless fixed_bytes <= entryLength <= MAX_ENTRY_BYTES, and the entry is there whole.
    """
    cursor = Cursor(data, structure, at=at, end=end, code_page=code_page)
    length = cursor.u32("entryLength")
    if length < fixed_bytes or length > MAX_ENTRY_BYTES or at + length > cursor.end:
        raise FormatError(
            f"says {length} bytes, {fixed_bytes} to {min(cursor.end - at, MAX_ENTRY_BYTES)} are possible",
            structure=structure,
            field="entryLength",
            offset=at,
        )
    cursor.end = at + length
    return cursor


def close_entry(body: bytes, *, pad: bool = True) -> bytes:
    """An entry from all that follows its entryLength, filled up to a multiple of 8 as TwinCAT does."""
    length = 4 + len(body)
    padding = -length % _PAD_BYTES if pad else 0
    return (length + padding).to_bytes(4, "little") + body + bytes(padding)
