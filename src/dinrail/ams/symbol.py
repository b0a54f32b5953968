"""Symbol entries (index groups F009 and F00B), and what an upload will bring (F00C and F00F).

    u32 entryLength | u32 group | u32 offset | u32 size | u32 data type id | u16 flags | u16 array dimensions (legacy)
    u16 x 3 lengths of name, type, comment, without NUL | the three, a NUL behind each
    array bounds, as many as dimensions | GUID if flag TYPE_GUID | u16 count and attributes if flag ATTRIBUTES
    u32 flags2 if flag EXTENDED | more that nobody outside knows | zeros up to a multiple of 8

A reader steps by entryLength, whatever the entry holds.

Source: TwinCAT SDK Ads.h (AdsSymbolEntry, AdsSymbolUploadInfo2); Beckhoff Information System, tc3_adsdll2.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from dinrail.ams.cursor import unpack
from dinrail.ams.entry import (
    GUID_BYTES,
    ArrayBound,
    Attribute,
    build_attributes,
    build_bounds,
    close_entry,
    long_text,
    open_entry,
    parse_attributes,
    parse_bounds,
)
from dinrail.ams.text import CP1252
from dinrail.errors import FormatError

_FIXED = struct.Struct("<IIIIHHHHH")
_FIXED_BYTES = 4 + _FIXED.size
MAX_DIMENSIONS = 16
MAX_SYMBOLS = 1 << 20


class SymbolFlag(enum.IntFlag):
    """Flags of a symbol entry."""

    PERSISTENT = 0x0001
    BIT_VALUE = 0x0002  # size and offset in bits, group one higher
    REFERENCE = 0x0004
    TYPE_GUID = 0x0008
    TCCOM_POINTER = 0x0010
    READ_ONLY = 0x0020
    METHOD_ACCESS = 0x0040
    METHOD_DEREF = 0x0080
    CONTEXT_MASK = 0x0F00
    ATTRIBUTES = 0x1000
    STATIC = 0x2000
    INIT_ON_RESET = 0x4000
    EXTENDED = 0x8000


_BY_CONTENT = SymbolFlag.TYPE_GUID | SymbolFlag.ATTRIBUTES | SymbolFlag.EXTENDED


@dataclass(frozen=True, slots=True)
class SymbolEntry:
    """One symbol. TYPE_GUID, ATTRIBUTES and EXTENDED of `flags` follow from what is there when it is built.

    data_type: a DataTypeId, or a number that it does not know.
    bounds:    legacy servers only.
    tail:      what follows flags2 (refactoring information), as it came.
    """

    name: str
    type_name: str
    group: int
    offset: int
    size_bytes: int
    data_type: int
    comment: str = ""
    flags: int = 0
    guid: bytes = b""
    attributes: tuple[Attribute, ...] = ()
    flags2: int = 0
    bounds: tuple[ArrayBound, ...] = ()
    tail: bytes = b""

    @property
    def context(self) -> int:
        return (self.flags & SymbolFlag.CONTEXT_MASK) >> 8

    def encode(self, code_page: int = CP1252) -> bytes:
        """The whole entry. Raises BadRequest for a name that the code page cannot say."""
        has_flags2 = bool(self.flags2 or self.tail)
        flags = self.flags & ~_BY_CONTENT & 0xFFFF
        flags |= (SymbolFlag.TYPE_GUID if self.guid else 0) | (SymbolFlag.ATTRIBUTES if self.attributes else 0)
        flags |= SymbolFlag.EXTENDED if has_flags2 else 0
        texts = [long_text(text, code_page) for text in (self.name, self.type_name, self.comment)]
        fixed = _FIXED.pack(
            self.group, self.offset, self.size_bytes, self.data_type, flags, len(self.bounds), *map(len, texts)
        )
        parts = [fixed, *(text + b"\0" for text in texts), build_bounds(self.bounds), self.guid]
        if self.attributes:
            parts += (len(self.attributes).to_bytes(2, "little"), build_attributes(self.attributes, code_page))
        if has_flags2:
            parts += (self.flags2.to_bytes(4, "little"), self.tail)
        return close_entry(b"".join(parts))

    @classmethod
    def parse(cls, data: bytes, at: int = 0, code_page: int = CP1252) -> tuple[SymbolEntry, int]:
        """The entry at `at`, and where the next one starts. Raises FormatError."""
        cursor = open_entry(data, at, "symbol entry", _FIXED_BYTES, end=len(data), code_page=code_page)
        group, offset, size_bytes, data_type, flags, dimensions, name, kind, comment = cursor.fields(_FIXED, "group")
        if dimensions > MAX_DIMENSIONS:
            raise FormatError(
                f"{dimensions} dimensions, {MAX_DIMENSIONS} are allowed", structure="symbol entry", field="arrayDim"
            )
        texts = [cursor.text(size, what) for size, what in ((name, "name"), (kind, "type"), (comment, "comment"))]
        bounds = parse_bounds(cursor, dimensions)
        guid = cursor.take(GUID_BYTES, "typeGuid") if flags & SymbolFlag.TYPE_GUID else b""
        has_attributes = flags & SymbolFlag.ATTRIBUTES
        attributes = parse_attributes(cursor, cursor.u16("nAttributes")) if has_attributes else ()
        # Optional, and newer than many servers that set the flag: its absence is no fault.
        has_flags2 = flags & SymbolFlag.EXTENDED and cursor.left >= 4
        flags2 = cursor.u32("flags2") if has_flags2 else 0
        tail = cursor.take(cursor.left, "tail").rstrip(b"\0") if has_flags2 else b""
        entry = cls(
            name=texts[0],
            type_name=texts[1],
            comment=texts[2],
            group=group,
            offset=offset,
            size_bytes=size_bytes,
            data_type=data_type,
            flags=flags,
            guid=guid,
            attributes=attributes,
            flags2=flags2,
            bounds=bounds,
            tail=tail,
        )
        return entry, cursor.end


def parse_symbols(data: bytes, *, code_page: int = CP1252, count: int = MAX_SYMBOLS) -> list[SymbolEntry]:
    """All entries of an upload, `count` at most (from the upload info). Raises FormatError."""
    found: list[SymbolEntry] = []
    at = 0
    while at < len(data) and len(found) < count:
        entry, at = SymbolEntry.parse(data, at, code_page)
        found.append(entry)
    return found


def build_symbols(entries: Iterable[SymbolEntry], *, code_page: int = CP1252) -> bytes:
    """An upload."""
    return b"".join([entry.encode(code_page) for entry in entries])


PLACE = struct.Struct("<III")
"""Info by name: group, offset, size"""
LONG_HANDLE = struct.Struct("<IIIH")
"""Handle by name, when there is room: handle, size, data type, length of the type's name, which follows with a NUL"""
UPLOAD_1 = struct.Struct("<II")
UPLOAD_2 = struct.Struct("<IIIIII")
UPLOAD_3 = struct.Struct("<IIIIIIIII28s")


class UploadFlag(enum.IntFlag):
    """Flags of the upload info."""

    TARGET_64_BIT = 1
    BASE_TYPES_INCLUDED = 2
    UTF_8_STRINGS = 4


@dataclass(frozen=True, slots=True)
class UploadInfo:
    """Counts and sizes in bytes of both uploads, and how many dynamic symbols (handles) there can be."""

    symbols: int
    symbol_bytes: int
    data_types: int = 0
    data_type_bytes: int = 0
    max_dynamic: int = 0
    used_dynamic: int = 0
    invalid_dynamic: int = 0
    code_page: int = CP1252
    flags: int = 0

    def encode(self, size_bytes: int = UPLOAD_3.size) -> bytes:
        """As much of it as was asked for: 8 bytes (F00C), 24 or 64 (F00F) are its versions."""
        return UPLOAD_3.pack(
            self.symbols,
            self.symbol_bytes,
            self.data_types,
            self.data_type_bytes,
            self.max_dynamic,
            self.used_dynamic,
            self.invalid_dynamic,
            self.code_page,
            self.flags,
            bytes(28),
        )[:size_bytes]

    @classmethod
    def parse(cls, data: bytes) -> UploadInfo:
        """The version follows from the length. Raises Truncated below 8 bytes."""
        if len(data) >= UPLOAD_3.size:
            *words, _ = UPLOAD_3.unpack_from(data)
            return cls(*words)
        if len(data) >= UPLOAD_2.size:
            return cls(*UPLOAD_2.unpack_from(data))
        return cls(*unpack(UPLOAD_1, data, 0, "upload info"))
