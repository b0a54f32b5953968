"""Arithmetic on known values, exactly as dinrail.plc.core defines what runs. Pure numbers, no tree."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from dinrail.plc.core.expression import BinaryOperator, Comparison
from dinrail.plc.types.model import Family, ScalarType

Value = int | float | bool

_CODES = {1: "bB", 2: "hH", 4: "iI", 8: "qQ"}


def bounds(kind: ScalarType) -> tuple[int, int]:
    """Smallest and largest value of an integer type (BOOL: 0, 1)."""
    if kind.family is Family.BOOL:
        return 0, 1
    if kind.signed:
        return -(1 << (kind.bits - 1)), (1 << (kind.bits - 1)) - 1
    return 0, (1 << kind.bits) - 1


def wrap(value: int, kind: ScalarType) -> int:
    """The integer of that type with the same low bits."""
    bits = kind.bits
    value &= (1 << bits) - 1
    return value - (1 << bits) if kind.signed and value >> (bits - 1) else value


def rounded(value: float, kind: ScalarType) -> float:
    """The nearest number that the float type holds; infinity beyond its range."""
    if kind.size_bytes == 8 or math.isnan(value) or math.isinf(value):
        return value
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _float_to_integer(value: float, kind: ScalarType) -> int:
    if math.isnan(value):
        return 0
    upper = (1 << 64) - 1 if kind.bits == 64 and not kind.signed and value >= 2.0**63 else (1 << 63) - 1
    lower = -(1 << 63)
    if math.isinf(value):
        return wrap(upper if value > 0 else lower, kind)
    return wrap(min(max(round(value), lower), upper), kind)


def converted(value: Value, kind: ScalarType) -> Value:
    """The node Convert."""
    if kind.family is Family.BOOL:
        return value != 0
    if kind.is_float:
        return rounded(integer_as_float(int(value), kind) if not isinstance(value, float) else value, kind)
    return _float_to_integer(value, kind) if isinstance(value, float) else wrap(int(value), kind)


def integer_as_float(value: int, kind: ScalarType) -> float:
    """The nearest float, rounded once: through LREAL a REAL would be rounded twice."""
    if kind.size_bytes == 8 or abs(value) < 1 << 53:
        return float(value)
    shift = abs(value).bit_length() - 26
    sticky = 1 if abs(value) & ((1 << shift) - 1) else 0
    return math.copysign(float((abs(value) >> shift | sticky) << shift), value)


def to_bytes(value: Value, kind: ScalarType) -> bytes:
    """Memory form."""
    if kind.family is Family.BOOL:
        return b"\1" if value else b"\0"
    if kind.is_float:
        return struct.pack("<f" if kind.size_bytes == 4 else "<d", value)
    return struct.pack("<" + _CODES[kind.size_bytes][0 if kind.signed else 1], value)


def from_bytes(data: bytes, kind: ScalarType) -> Value:
    """The value that a memory form holds."""
    if kind.family is Family.BOOL:
        return data != b"\0"
    if kind.is_float:
        return float(struct.unpack("<f" if kind.size_bytes == 4 else "<d", data)[0])
    return int(struct.unpack("<" + _CODES[kind.size_bytes][0 if kind.signed else 1], data)[0])


def quotient(left: int, right: int) -> int:
    """Towards zero."""
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def _shift_right(left: int, right: int, kind: ScalarType) -> int:
    return (left & ((1 << kind.bits) - 1)) >> right if 0 <= right < kind.bits else 0


def _rotate(left: int, right: int, kind: ScalarType) -> int:
    bits, count = left & ((1 << kind.bits) - 1), right % kind.bits
    return bits << count | bits >> (kind.bits - count)


_INTEGERS: dict[BinaryOperator, Callable[[int, int, ScalarType], int]] = {
    BinaryOperator.ADD: lambda left, right, _: left + right,
    BinaryOperator.SUBTRACT: lambda left, right, _: left - right,
    BinaryOperator.MULTIPLY: lambda left, right, _: left * right,
    BinaryOperator.DIVIDE: lambda left, right, _: quotient(left, right),
    BinaryOperator.MODULO: lambda left, right, _: left - right * quotient(left, right),
    BinaryOperator.AND: lambda left, right, _: left & right,
    BinaryOperator.OR: lambda left, right, _: left | right,
    BinaryOperator.XOR: lambda left, right, _: left ^ right,
    BinaryOperator.SHIFT_LEFT: lambda left, right, kind: left << right if 0 <= right < kind.bits else 0,
    BinaryOperator.SHIFT_RIGHT: _shift_right,
    BinaryOperator.ROTATE_LEFT: _rotate,
    BinaryOperator.ROTATE_RIGHT: lambda left, right, kind: _rotate(left, -right, kind),
}
_DIVIDES = (BinaryOperator.DIVIDE, BinaryOperator.MODULO)


def _product(left: float, right: float) -> float:
    return left * right


_FLOATS: dict[BinaryOperator, Callable[[float, float], float]] = {
    BinaryOperator.ADD: lambda left, right: left + right,
    BinaryOperator.SUBTRACT: lambda left, right: left - right,
    BinaryOperator.MULTIPLY: _product,
    BinaryOperator.DIVIDE: lambda left, right: left / right,
}


def combined(operator: BinaryOperator, left: Value, right: Value, kind: ScalarType) -> Value | None:
    """The node Binary; None where only the running program can say (division by zero)."""
    if operator in _DIVIDES and right == 0:
        return None
    if kind.is_float:
        return rounded(_FLOATS[operator](left, right), kind)
    if kind.family is Family.BOOL:
        return bool(_INTEGERS[operator](int(left), int(right), kind))
    return wrap(_INTEGERS[operator](int(left), int(right), kind), kind)


_COMPARISONS: dict[Comparison, Callable[[Value, Value], bool]] = {
    Comparison.EQUAL: lambda left, right: left == right,
    Comparison.UNEQUAL: lambda left, right: left != right,
    Comparison.LESS: lambda left, right: left < right,
    Comparison.LESS_EQUAL: lambda left, right: left <= right,
    Comparison.GREATER: lambda left, right: left > right,
    Comparison.GREATER_EQUAL: lambda left, right: left >= right,
}


def compared(operator: Comparison, left: Value, right: Value) -> bool:
    """The node Compare."""
    return _COMPARISONS[operator](left, right)
