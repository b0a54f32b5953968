"""Data type entries (index groups F00E and F011): a type, its members, its methods. Members are entries themselves.

    u32 entryLength, version, hash, type hash, size, offset, data type id, flags
    u16 x 5 lengths of name, type, comment; array dimensions, sub items | the three texts, a NUL behind each
    bounds | sub items | GUID if flag 0x80 | copy mask, `size` bytes, if 0x200 | u16 count and methods if 0x800
    u16 count and attributes if 0x1000 | u16 count and enumeration values if 0x2000
    refactoring information if 0x01000000, of unknown form: everything from here on is `tail`, as it came
    u32 flags2 if 0x80000000 | u16 count and GUIDs of dereferenced types if 0x10000000
    comments and attributes of the enumeration's values, as many as values, if 0x20000000 | zeros up to 8

Everything up to the enumeration's values must be whole. What follows is younger than many servers: there a part that
is cut short counts as absent. A reader steps by entryLength.

Source: TwinCAT SDK Ads.h (AdsDatatypeEntry); jisotalo/ads-client and Beckhoff/ADS as readers of the same bytes.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from dinrail.ams.cursor import Cursor
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
    short_text,
)
from dinrail.ams.method import MethodEntry
from dinrail.ams.text import CP1252, decode_text
from dinrail.errors import FormatError, Truncated

_FIXED = struct.Struct("<IIIIIIIHHHHH")
_FIXED_BYTES = 4 + _FIXED.size
_ENUM_INFO = struct.Struct("<HBB")
_U32 = 0xFFFFFFFF
MAX_DEPTH = 16
MAX_DIMENSIONS = 16
MAX_TYPES = 1 << 20
_STRUCTURE = "data type entry"


class TypeFlag(enum.IntFlag):
    """Flags of a data type entry."""

    DATA_TYPE = 0x1
    DATA_ITEM = 0x2
    REFERENCE = 0x4
    METHOD_DEREF = 0x8
    OVERSAMPLE = 0x10
    BIT_VALUES = 0x20  # size and offset in bits
    PROPERTY = 0x40
    TYPE_GUID = 0x80
    PERSISTENT = 0x100
    COPY_MASK = 0x200
    INTERFACE_POINTER = 0x400
    METHODS = 0x800
    ATTRIBUTES = 0x1000
    ENUMS = 0x2000
    ALIGNED = 0x1_0000
    STATIC = 0x2_0000
    SP_LEVELS = 0x4_0000
    IGNORE_PERSISTENT = 0x8_0000
    ANY_SIZE_ARRAY = 0x10_0000
    PERSISTENT_TYPE = 0x20_0000
    INIT_ON_RESET = 0x40_0000
    PLC_POINTER = 0x80_0000
    REFACTORED = 0x100_0000
    DEREF_TYPES = 0x1000_0000
    ENUM_INFOS = 0x2000_0000
    EXTENDED = 0x8000_0000


_BY_CONTENT = (
    TypeFlag.TYPE_GUID
    | TypeFlag.COPY_MASK
    | TypeFlag.METHODS
    | TypeFlag.ATTRIBUTES
    | TypeFlag.ENUMS
    | TypeFlag.DEREF_TYPES
    | TypeFlag.ENUM_INFOS
    | TypeFlag.EXTENDED
)


class EnumValue(NamedTuple):
    """One value of an enumeration, little-endian, as long as the type."""

    name: str
    raw: bytes
    comment: str = ""
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class DataTypeEntry:
    """A type (TypeFlag.DATA_TYPE) or a member of one (DATA_ITEM: `type_name` is its type, `offset` where it lies).

    Flags that announce parts follow from what is there when an entry is built.

    name:      of the type or of the member.
    type_name: of what a type derives from or stands for (an alias's target, an array's element); may be empty.
    hash, type_hash: 0, or unions that servers use as they like.
    copy_mask: `size_bytes` bytes, or none.
    tail:      see the module; only with flag REFACTORED or SP_LEVELS.
    """

    name: str
    type_name: str
    size_bytes: int
    data_type: int
    flags: int = TypeFlag.DATA_TYPE.value
    offset: int = 0
    comment: str = ""
    version: int = 1
    hash: int = 0
    type_hash: int = 0
    bounds: tuple[ArrayBound, ...] = ()
    sub_items: tuple[DataTypeEntry, ...] = ()
    guid: bytes = b""
    copy_mask: bytes = b""
    methods: tuple[MethodEntry, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    enums: tuple[EnumValue, ...] = ()
    flags2: int = 0
    deref_types: tuple[bytes, ...] = ()
    tail: bytes = b""

    def encode(self, code_page: int = CP1252) -> bytes:
        """The whole entry with its sub items. Raises BadRequest for a name that the code page cannot say."""
        texts = [long_text(text, code_page) for text in (self.name, self.type_name, self.comment)]
        fixed = _FIXED.pack(
            self.version,
            self.hash,
            self.type_hash,
            self.size_bytes,
            self.offset,
            self.data_type,
            self._wire_flags(),
            *map(len, texts),
            len(self.bounds),
            len(self.sub_items),
        )
        parts = [fixed, *(text + b"\0" for text in texts), build_bounds(self.bounds)]
        parts += (item.encode(code_page) for item in self.sub_items)
        parts += (self.guid, self.copy_mask, _counted([method.encode(code_page) for method in self.methods]))
        if self.attributes:
            parts += (len(self.attributes).to_bytes(2, "little"), build_attributes(self.attributes, code_page))
        parts.append(_counted([_build_enum(value, code_page) for value in self.enums]))
        if not self.flags & TypeFlag.REFACTORED:
            parts.append(self.flags2.to_bytes(4, "little") if self.flags2 else b"")
            parts.append(_counted(list(self.deref_types)))
            if self._has_enum_infos():
                parts += (_build_enum_info(value, code_page) for value in self.enums)
        return close_entry(b"".join((*parts, self.tail)))

    def _has_enum_infos(self) -> bool:
        return any(value.comment or value.attributes for value in self.enums)

    def _wire_flags(self) -> int:
        if self.flags & TypeFlag.REFACTORED:  # what lies in the tail keeps its flags
            return self.flags & _U32
        present = (
            (TypeFlag.TYPE_GUID, self.guid),
            (TypeFlag.COPY_MASK, self.copy_mask),
            (TypeFlag.METHODS, self.methods),
            (TypeFlag.ATTRIBUTES, self.attributes),
            (TypeFlag.ENUMS, self.enums),
            (TypeFlag.EXTENDED, self.flags2),
            (TypeFlag.DEREF_TYPES, self.deref_types),
            (TypeFlag.ENUM_INFOS, self._has_enum_infos()),
        )
        return (self.flags & ~_BY_CONTENT & _U32) | sum(flag for flag, part in present if part)

    @classmethod
    def parse(cls, data: bytes, at: int = 0, code_page: int = CP1252) -> tuple[DataTypeEntry, int]:
        """The entry at `at`, and where the next one starts. Raises FormatError."""
        cursor = Cursor(data, _STRUCTURE, at=at, code_page=code_page)
        return _parse(cursor, 0), cursor.at


def _parse(outer: Cursor, depth: int) -> DataTypeEntry:
    if depth > MAX_DEPTH:
        raise FormatError(f"nested deeper than {MAX_DEPTH}", structure=_STRUCTURE, field="subItems", offset=outer.at)
    cursor = open_entry(outer.data, outer.at, _STRUCTURE, _FIXED_BYTES, end=outer.end, code_page=outer.code_page)
    outer.at = cursor.end
    version, hash_, type_hash, size, offset, data_type, flags, *lengths, dimensions, items = cursor.fields(
        _FIXED, "version"
    )
    if dimensions > MAX_DIMENSIONS:
        raise FormatError(
            f"{dimensions} dimensions, {MAX_DIMENSIONS} are allowed", structure=_STRUCTURE, field="arrayDim"
        )
    name, type_name, comment = (cursor.text(n, what) for n, what in zip(lengths, _TEXTS, strict=True))
    bounds = parse_bounds(cursor, dimensions)
    sub_items = tuple(_parse(cursor, depth + 1) for _ in range(items))
    guid = cursor.take(GUID_BYTES, "typeGuid") if flags & TypeFlag.TYPE_GUID else b""
    copy_mask = cursor.take(size, "copyMask") if flags & TypeFlag.COPY_MASK else b""
    methods = cursor.u16("nMethods") if flags & TypeFlag.METHODS else 0
    parsed_methods = tuple(MethodEntry.parse(cursor) for _ in range(methods))
    attributes = parse_attributes(cursor, cursor.u16("nAttributes")) if flags & TypeFlag.ATTRIBUTES else ()
    enums = _parse_enums(cursor, size) if flags & TypeFlag.ENUMS else ()
    flags2, deref_types, enums, tail = _parse_tail(cursor, flags, enums)
    return DataTypeEntry(
        name=name,
        type_name=type_name,
        size_bytes=size,
        data_type=data_type,
        flags=flags,
        offset=offset,
        comment=comment,
        version=version,
        hash=hash_,
        type_hash=type_hash,
        bounds=bounds,
        sub_items=sub_items,
        guid=guid,
        copy_mask=copy_mask,
        methods=parsed_methods,
        attributes=attributes,
        enums=enums,
        flags2=flags2,
        deref_types=deref_types,
        tail=tail,
    )


_TEXTS = ("name", "type", "comment")


def _parse_enums(cursor: Cursor, size: int) -> tuple[EnumValue, ...]:
    return tuple(
        EnumValue(cursor.text(cursor.u8("enum name length"), "enum name"), cursor.take(size, "enum value"))
        for _ in range(cursor.u16("nEnums"))
    )


def _parse_tail(
    cursor: Cursor, flags: int, enums: tuple[EnumValue, ...]
) -> tuple[int, tuple[bytes, ...], tuple[EnumValue, ...], bytes]:
    """flags2, dereferenced types, the values with their comments, and what nobody outside can read."""
    flags2 = 0
    deref_types: tuple[bytes, ...] = ()
    if not flags & TypeFlag.REFACTORED:
        try:
            flags2 = cursor.u32("flags2") if flags & TypeFlag.EXTENDED else 0
            if flags & TypeFlag.DEREF_TYPES:
                raw = cursor.take(cursor.u16("nDerefTypes") * GUID_BYTES, "derefTypes")
                deref_types = tuple(raw[at : at + GUID_BYTES] for at in range(0, len(raw), GUID_BYTES))
            if flags & TypeFlag.ENUM_INFOS:
                enums = tuple(_parse_enum_info(cursor, value) for value in enums)
        except Truncated:
            return flags2, deref_types, enums, b""
    unread = flags & (TypeFlag.REFACTORED | TypeFlag.SP_LEVELS)
    return flags2, deref_types, enums, cursor.take(cursor.left, "tail") if unread else b""


def _parse_enum_info(outer: Cursor, value: EnumValue) -> EnumValue:
    """{u16 entryLength, u8 comment length, u8 attributes, comment, NUL, attributes}"""
    start = outer.at
    length, comment_bytes, attributes = outer.fields(_ENUM_INFO, "enum info")
    if length < _ENUM_INFO.size or start + length > outer.end:
        raise Truncated(f"says {length} bytes", structure=_STRUCTURE, field="enum info", offset=start)
    cursor = Cursor(outer.data, _STRUCTURE, at=outer.at, end=start + length, code_page=outer.code_page)
    comment = decode_text(cursor.take(comment_bytes + 1, "enum comment")[:-1], cursor.code_page)
    outer.at = cursor.end
    return value._replace(comment=comment, attributes=parse_attributes(cursor, attributes))


def _build_enum(value: EnumValue, code_page: int) -> bytes:
    name = short_text(value.name, code_page)
    return bytes((len(name),)) + name + b"\0" + value.raw


def _build_enum_info(value: EnumValue, code_page: int) -> bytes:
    comment = short_text(value.comment, code_page)
    rest = comment + b"\0" + build_attributes(value.attributes, code_page)
    return _ENUM_INFO.pack(_ENUM_INFO.size + len(rest), len(comment), len(value.attributes)) + rest


def _counted(parts: list[bytes]) -> bytes:
    return len(parts).to_bytes(2, "little") + b"".join(parts) if parts else b""


def parse_types(data: bytes, *, code_page: int = CP1252, count: int = MAX_TYPES) -> list[DataTypeEntry]:
    """All entries of an upload, `count` at most (from the upload info). Raises FormatError."""
    cursor = Cursor(data, _STRUCTURE, code_page=code_page)
    found: list[DataTypeEntry] = []
    while cursor.left and len(found) < count:
        found.append(_parse(cursor, 0))
    return found


def build_types(entries: Iterable[DataTypeEntry], *, code_page: int = CP1252) -> bytes:
    """An upload."""
    return b"".join([entry.encode(code_page) for entry in entries])
