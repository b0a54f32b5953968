"""Values of the compiler's types: bytes in memory to what Python holds, and back."""

from __future__ import annotations

import struct

from dinrail.plc.types.model import (
    ArrayType,
    Family,
    FunctionBlockType,
    ScalarType,
    StructType,
    TextType,
    Type,
    held_as,
    resolve,
)

Value = int | float | bool | str | list["Value"] | dict[str, "Value"]
"""Dates and times are their number; enumerations their value; pointers their address; structures by field name."""

_CODES = {1: "bB", 2: "hH", 4: "iI", 8: "qQ"}


def _code(kind: ScalarType) -> str:
    if kind.family is Family.FLOAT:
        return "<d" if kind.size_bytes == 8 else "<f"
    return "<" + _CODES[kind.size_bytes][0 if kind.signed else 1]


def decode(kind: Type, data: bytes) -> Value:
    """The value in `data` (kind.size_bytes of them)."""
    kind = resolve(kind)
    scalar = held_as(kind)
    if scalar is not None:
        number: int | float = struct.unpack(_code(scalar), data[: scalar.size_bytes])[0]
        return number != 0 if scalar.family is Family.BOOL else number
    if isinstance(kind, TextType):
        return _text(kind, data)
    if isinstance(kind, ArrayType):
        size = kind.element.size_bytes
        return [decode(kind.element, data[at : at + size]) for at in range(0, kind.size_bytes, size)]
    if isinstance(kind, StructType | FunctionBlockType):
        return {
            each.name: decode(each.type, data[each.offset_bytes : each.offset_bytes + each.type.size_bytes])
            for each in kind.fields.values()
            if not each.is_reference_field and each.offset_bytes >= 0
        }
    raise TypeError(f"{kind.name} has no value")


def _text(kind: TextType, data: bytes) -> str:
    unit = 2 if kind.wide else 1
    end = next((at for at in range(0, len(data), unit) if not any(data[at : at + unit])), len(data))
    return data[:end].decode("utf-16-le" if kind.wide else "cp1252", "replace")


def encode(kind: Type, value: Value) -> bytes:
    """The bytes of a value: of a scalar, a text (cut to its length), or an array of them."""
    kind = resolve(kind)
    scalar = held_as(kind)
    if scalar is not None and isinstance(value, int | float):
        if scalar.family is Family.FLOAT:
            return struct.pack(_code(scalar), float(value))
        return (int(value) & ((1 << scalar.bits) - 1)).to_bytes(scalar.size_bytes, "little")
    if isinstance(kind, TextType) and isinstance(value, str):
        unit = 2 if kind.wide else 1
        data = value.encode("utf-16-le" if kind.wide else "cp1252")[: kind.length * unit]
        return data.ljust(kind.size_bytes, b"\0")
    if isinstance(kind, ArrayType) and isinstance(value, list) and len(value) == kind.count:
        return b"".join(encode(kind.element, each) for each in value)
    raise TypeError(f"{value!r} is no {kind.name}")
