"""Methods of a data type that clients may call: part of its entry (flag METHODS).

    method     u32 entryLength, version, vTable index, return size, return alignment, reserved | GUID of the return type
               u32 return data type id, flags | u16 x 4 lengths of name, return type, comment; number of parameters
               the three texts, a NUL behind each | parameters | u16 count and attributes if flag 8
    parameter  u32 entryLength, size, alignment, data type id, flags, reserved | type GUID
               u16 number of the parameter that says this one's length | u16 x 3 lengths of name, type, comment
               the three texts | bounds, as many as (flags >> 4) & 3 | u16 count and attributes if flag 0x40

Source: TwinCAT SDK Ads.h (AdsMethodEntry, AdsMethodParaInfo).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

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
)
from dinrail.ams.text import CP1252

_METHOD = struct.Struct("<IIIII16sIIHHHH")
_PARAMETER = struct.Struct("<IIIII16sHHHH")
_NO_GUID = bytes(GUID_BYTES)


class MethodFlag(enum.IntFlag):
    """Flags of a method."""

    PLC_CALLING_CONVENTION = 0x1
    CALL_UNLOCKED = 0x2
    NOT_CALLABLE = 0x4
    ATTRIBUTES = 0x8


class ParameterFlag(enum.IntFlag):
    """Flags of a method's parameter."""

    IN = 0x01
    OUT = 0x02
    BY_REFERENCE = 0x04
    RPC_OUT_POINTER = 0x08
    DIMENSIONS_MASK = 0x30
    ATTRIBUTES = 0x40


@dataclass(frozen=True, slots=True)
class MethodParameter:
    """One parameter. `length_is`: number (from 1) of the parameter that tells how many elements this one has."""

    name: str
    type_name: str
    size_bytes: int
    data_type: int
    flags: int = ParameterFlag.IN.value
    align_bytes: int = 0
    guid: bytes = _NO_GUID
    length_is: int = 0
    comment: str = ""
    bounds: tuple[ArrayBound, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    def encode(self, code_page: int = CP1252) -> bytes:
        flags = self.flags & ~(ParameterFlag.ATTRIBUTES | ParameterFlag.DIMENSIONS_MASK) & 0xFFFFFFFF
        flags |= (ParameterFlag.ATTRIBUTES if self.attributes else 0) | len(self.bounds) << 4
        texts = [long_text(text, code_page) for text in (self.name, self.type_name, self.comment)]
        fixed = _PARAMETER.pack(
            self.size_bytes,
            self.align_bytes,
            self.data_type,
            flags,
            0,
            self.guid,
            self.length_is,
            *map(len, texts),
        )
        return close_entry(
            fixed
            + b"".join(text + b"\0" for text in texts)
            + build_bounds(self.bounds)
            + _counted(self.attributes, code_page)
        )

    @classmethod
    def parse(cls, outer: Cursor) -> MethodParameter:
        """The parameter at the cursor, which moves behind it."""
        cursor = _inner(outer, "method parameter", _PARAMETER)
        size, align, data_type, flags, _, guid, length_is, *lengths = cursor.fields(_PARAMETER, "size")
        name, type_name, comment = (cursor.text(n, what) for n, what in zip(lengths, _TEXTS, strict=True))
        bounds = parse_bounds(cursor, (flags & ParameterFlag.DIMENSIONS_MASK) >> 4)
        has_attributes = flags & ParameterFlag.ATTRIBUTES
        return cls(
            name=name,
            type_name=type_name,
            size_bytes=size,
            data_type=data_type,
            flags=flags,
            align_bytes=align,
            guid=guid,
            length_is=length_is,
            comment=comment,
            bounds=bounds,
            attributes=parse_attributes(cursor, cursor.u16("nAttributes")) if has_attributes else (),
        )


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """One method. Without a return value `return_type` is empty and `return_bytes` 0."""

    name: str
    return_type: str = ""
    return_bytes: int = 0
    return_data_type: int = 0
    parameters: tuple[MethodParameter, ...] = ()
    comment: str = ""
    flags: int = 0
    version: int = 1
    vtable_index: int = 0
    return_align_bytes: int = 0
    return_guid: bytes = _NO_GUID
    attributes: tuple[Attribute, ...] = ()

    def encode(self, code_page: int = CP1252) -> bytes:
        flags = self.flags & ~MethodFlag.ATTRIBUTES & 0xFFFFFFFF
        flags |= MethodFlag.ATTRIBUTES if self.attributes else 0
        texts = [long_text(text, code_page) for text in (self.name, self.return_type, self.comment)]
        fixed = _METHOD.pack(
            self.version,
            self.vtable_index,
            self.return_bytes,
            self.return_align_bytes,
            0,
            self.return_guid,
            self.return_data_type,
            flags,
            *map(len, texts),
            len(self.parameters),
        )
        return close_entry(
            fixed
            + b"".join(text + b"\0" for text in texts)
            + b"".join(parameter.encode(code_page) for parameter in self.parameters)
            + _counted(self.attributes, code_page)
        )

    @classmethod
    def parse(cls, outer: Cursor) -> MethodEntry:
        """The method at the cursor, which moves behind it."""
        cursor = _inner(outer, "method entry", _METHOD)
        version, index, size, align, _, guid, data_type, flags, *lengths, count = cursor.fields(_METHOD, "version")
        name, return_type, comment = (cursor.text(n, what) for n, what in zip(lengths, _TEXTS, strict=True))
        parameters = tuple(MethodParameter.parse(cursor) for _ in range(count))
        has_attributes = flags & MethodFlag.ATTRIBUTES
        return cls(
            name=name,
            return_type=return_type,
            return_bytes=size,
            return_data_type=data_type,
            parameters=parameters,
            comment=comment,
            flags=flags,
            version=version,
            vtable_index=index,
            return_align_bytes=align,
            return_guid=guid,
            attributes=parse_attributes(cursor, cursor.u16("nAttributes")) if has_attributes else (),
        )


_TEXTS = ("name", "type", "comment")


def _inner(outer: Cursor, structure: str, fixed: struct.Struct) -> Cursor:
    cursor = open_entry(outer.data, outer.at, structure, 4 + fixed.size, end=outer.end, code_page=outer.code_page)
    outer.at = cursor.end
    return cursor


def _counted(attributes: tuple[Attribute, ...], code_page: int) -> bytes:
    if not attributes:
        return b""
    return len(attributes).to_bytes(2, "little") + build_attributes(attributes, code_page)
