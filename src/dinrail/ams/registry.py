"""Registry keys and values on the wire (groups 200 to 208 of the system service).

    write a value     key NUL value NUL u32 type, data        (offset 0)
    read a value      key NUL, offset VALUE | index           ->  value NUL u32 type, data; NOT_FOUND behind the last
    read a sub key    key NUL, offset index                   ->  name NUL
    delete a key      key NUL

Source: Beckhoff/ADS AdsTool/RegistryAccess.cpp; Windows, winnt.h (types).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from dinrail.ams.cursor import Cursor
from dinrail.ams.text import cut_text, encode_text
from dinrail.errors import BadRequest, FormatError

VALUE = 0xC0000000
"""In the index offset: values are asked for, with name, type and data."""
INDEX_MASK = 0x3FFFFFFF
MAX_VALUE_BYTES = 1 << 20


class RegistryType(enum.IntEnum):
    """Type of a value."""

    NONE = 0
    TEXT = 1  # REG_SZ
    EXPANDED_TEXT = 2  # REG_EXPAND_SZ
    BINARY = 3
    DWORD = 4
    MULTI_TEXT = 7  # REG_MULTI_SZ
    QWORD = 11


class RegistryValue(NamedTuple):
    """One value: its type (a RegistryType or another number) and its data as it came."""

    name: str
    type: int
    data: bytes

    def encode(self) -> bytes:
        """As group 200 gives it back."""
        return _named(self.name) + self.type.to_bytes(4, "little") + self.data

    @classmethod
    def parse(cls, data: bytes) -> RegistryValue:
        """Raises FormatError."""
        cursor = Cursor(data, "registry value")
        return _value(cursor)


def write_value(key: str, value: RegistryValue) -> bytes:
    """What is written to set a value. Raises BadRequest."""
    return _named(key) + value.encode()


def parse_write(data: bytes) -> tuple[str, RegistryValue]:
    """Key and value of such a write. Raises FormatError."""
    cursor = Cursor(data, "registry write")
    key = cursor.text_to_nul("key")
    return key, _value(cursor)


def name_key(key: str) -> bytes:
    """What is written to delete or to enumerate a key. Raises BadRequest."""
    return _named(key)


def parse_key(data: bytes) -> str:
    """The key of a delete. Raises FormatError for a missing NUL or anything behind it."""
    cursor = Cursor(data, "registry key")
    key = cursor.text_to_nul("key")
    if cursor.left:
        raise FormatError(f"{cursor.left} bytes follow the key", structure="registry key", offset=cursor.at)
    return key


def of_python(name: str, value: str | int | bytes) -> RegistryValue:
    """REG_SZ, REG_DWORD (REG_QWORD from 2^32) or REG_BINARY, as the value is. Raises BadRequest."""
    if isinstance(value, bytes):
        return RegistryValue(name, RegistryType.BINARY, value)
    if isinstance(value, str):
        return RegistryValue(name, RegistryType.TEXT, _named(value))
    if not 0 <= value < 1 << 64:
        raise BadRequest(f"{value} does not fit a registry value", hint="0 to 2^64 - 1")
    is_long = value >= 1 << 32
    kind = RegistryType.QWORD if is_long else RegistryType.DWORD
    return RegistryValue(name, kind, value.to_bytes(8 if is_long else 4, "little"))


def to_python(value: RegistryValue) -> str | int | bytes:
    """The other way round; whatever is not understood stays bytes."""
    if value.type in (RegistryType.TEXT, RegistryType.EXPANDED_TEXT):
        return cut_text(value.data)
    if (value.type, len(value.data)) in ((RegistryType.DWORD, 4), (RegistryType.QWORD, 8)):
        return int.from_bytes(value.data, "little")
    return value.data


def _named(text: str) -> bytes:
    if "\0" in text:
        raise BadRequest(f"{text!r} has a NUL inside", hint="registry names and texts end with the first one")
    return encode_text(text) + b"\0"


def _value(cursor: Cursor) -> RegistryValue:
    name = cursor.text_to_nul("value")
    kind = cursor.u32("type")
    if cursor.left > MAX_VALUE_BYTES:
        raise FormatError(f"{cursor.left} bytes, {MAX_VALUE_BYTES} are allowed", structure=cursor.structure)
    return RegistryValue(name, kind, cursor.take(cursor.left, "data"))
