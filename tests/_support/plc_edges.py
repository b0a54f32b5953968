"""Edge values of every elementary type, as Structured Text arrays and as Python's numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from plc_oracle_numbers import Value, single

from dinrail.plc.types.model import SCALAR_NAMES, Family, ScalarType

FLOAT_EDGES = (
    *(0.0, -0.0, 0.25, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1.0, -1.0, 127.5, 128.0, 255.5, -128.5, 32767.5, 65535.5),
    *(16777215.0, 16777217.0, 2147483647.5, -2147483648.5, 4294967295.5, 9007199254740993.0, 9.2233720368547e18),
    *(9.3e18, 1.8446744073709e19, 1.9e19, -9.3e18, 1e30, -1e30, 3.4e38),
)
"""Finite ones that Structured Text can write. For REAL: what REAL makes of them."""


def type_of(name: str) -> ScalarType:
    """The type with that name."""
    return SCALAR_NAMES[name]


def edges(name: str) -> list[Value]:
    """Values of the type where arithmetic and conversions go wrong."""
    kind = type_of(name)
    if kind.family is Family.BOOL:
        return [False, True]
    if kind.is_float:
        return list(dict.fromkeys(single(value) if kind.size_bytes == 4 else value for value in FLOAT_EDGES))
    top = 1 << (kind.bits - 1)
    low, high = (-top, top - 1) if kind.signed else (0, 2 * top - 1)
    near = [
        0,
        1,
        2,
        3,
        7,
        10,
        100,
        127,
        128,
        255,
        256,
        32767,
        32768,
        65535,
        65536,
        2**31 - 1,
        2**31,
        2**32 - 1,
        2**53 + 1,
    ]
    near += [2**63 - 1, 2**24 + 1, high, high - 1, top, low, low + 1, -1, -2, -7, -128, -129, -32769]
    return sorted({number for number in near if low <= number <= high})


def literal(value: Value, name: str) -> str:
    """The value as a constant of the type."""
    kind = type_of(name)
    if kind.family is Family.BOOL:
        return "TRUE" if value else "FALSE"
    if kind.is_float:
        text = f"{value!r}"
        return f"{name}#{text if 'e' not in text or '.' in text else text.replace('e', '.0e')}"
    if kind.family is Family.DURATION:
        return f"{name}#{value}{'ms' if name == 'TIME' else 'ns'}"
    return f"{name}#{value}"


def array(name: str, kind: str, values: Sequence[Value]) -> str:
    """The declaration of an array that holds the values."""
    return f"{name} : ARRAY[0..{len(values) - 1}] OF {kind} := [{', '.join(literal(each, kind) for each in values)}];"


def same(left: object, right: object) -> bool:
    """Equal, and of floats the very same bits (all NaN being one)."""
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return struct.pack("<d", left) == struct.pack("<d", right)
    return left == right
