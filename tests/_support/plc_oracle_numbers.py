"""Arithmetic as the checked tree defines it (dinrail.plc.core), on Python's own numbers.

Values: int in the type's range, bool, float (a REAL's is always one that 32 bits can hold).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import struct
from collections.abc import Callable

from dinrail.plc.core.expression import BinaryOperator, Comparison, Intrinsic
from dinrail.plc.types.model import Family, ScalarType

Value = int | bool | float

_CODES = {1: "bB", 2: "hH", 4: "iI", 8: "qQ"}


def wrap(value: int, kind: ScalarType) -> int:
    """The integer of that type with the same low bits."""
    low = value & ((1 << kind.bits) - 1)
    return low - (1 << kind.bits) if kind.signed and low >> (kind.bits - 1) else low


def code_of(kind: ScalarType) -> str:
    """Its letter for `struct`."""
    if kind.is_float:
        return "f" if kind.size_bytes == 4 else "d"
    return _CODES[kind.size_bytes][0 if kind.signed else 1]


def to_bytes(value: Value, kind: ScalarType) -> bytes:
    if kind.family is Family.BOOL:
        return b"\1" if value else b"\0"
    return struct.pack("<" + code_of(kind), value)


def from_bytes(data: bytes, kind: ScalarType) -> Value:
    if kind.family is Family.BOOL:
        return data != b"\0"
    value: Value = struct.unpack("<" + code_of(kind), data)[0]
    return value


def single(value: float) -> float:
    """The nearest number that a REAL holds; infinity where there is none."""
    try:
        nearest: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return nearest


def rounded(value: float, kind: ScalarType) -> float:
    return single(value) if kind.size_bytes == 4 else value


def integer_to_float(value: int, kind: ScalarType) -> float:
    """To nearest, ties to even, in one step (an integer of 64 bits does not go to REAL by way of LREAL)."""
    if kind.size_bytes == 8:
        return float(value)
    size = abs(value)
    extra = max(0, size.bit_length() - 50)
    if extra:  # what is cut off is kept as one bit that is neither 0 nor a half
        size = size >> extra << extra | (1 << extra if size & ((1 << extra) - 1) else 0)
    return single(math.copysign(float(size), value))


def float_to_integer(value: float, kind: ScalarType) -> int:
    """To nearest, ties to even; saturated to 64 bits (of the type's own sign), NaN 0; then cut to the width."""
    if math.isnan(value):
        return 0
    low, high = (0, 2**64 - 1) if kind.size_bytes == 8 and not kind.signed else (-(2**63), 2**63 - 1)
    if math.isinf(value):
        return wrap(high if value > 0 else low, kind)
    return wrap(min(max(round(value), low), high), kind)


def convert(value: Value, source: ScalarType, target: ScalarType) -> Value:
    """The node Convert."""
    if target.family is Family.BOOL:
        return value != 0
    if target.is_float:
        return rounded(value, target) if isinstance(value, float) else integer_to_float(int(value), target)
    return float_to_integer(value, target) if isinstance(value, float) else wrap(int(value), target)


def compare(operator: Comparison, left: Value | bytes, right: Value | bytes) -> bool:
    """Python's own comparisons: NaN is unequal to all, FALSE below TRUE."""
    match operator:
        case Comparison.EQUAL:
            return left == right
        case Comparison.UNEQUAL:
            return left != right
        case Comparison.LESS:
            return left < right  # type: ignore[operator]  # both sides are of one type
        case Comparison.LESS_EQUAL:
            return left <= right  # type: ignore[operator]
        case Comparison.GREATER:
            return left > right  # type: ignore[operator]
        case Comparison.GREATER_EQUAL:
            return left >= right  # type: ignore[operator]


def quotient(left: int, right: int) -> int:
    """Towards zero; 0 by 0."""
    if right == 0:
        return 0
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def remainder(left: int, right: int) -> int:
    """With the sign of the dividend; 0 by 0."""
    return 0 if right == 0 else left - right * quotient(left, right)


def _shift_left(left: int, right: int, kind: ScalarType) -> int:
    return left << right if 0 <= right < kind.bits else 0


def _shift_right(left: int, right: int, kind: ScalarType) -> int:
    return (left & ((1 << kind.bits) - 1)) >> right if 0 <= right < kind.bits else 0


def _rotate_left(left: int, right: int, kind: ScalarType) -> int:
    bits, count = left & ((1 << kind.bits) - 1), right % kind.bits
    return bits << count | bits >> (kind.bits - count)


_INTEGERS: dict[BinaryOperator, Callable[[int, int, ScalarType], int]] = {
    BinaryOperator.ADD: lambda left, right, _: left + right,
    BinaryOperator.SUBTRACT: lambda left, right, _: left - right,
    BinaryOperator.MULTIPLY: lambda left, right, _: left * right,
    BinaryOperator.DIVIDE: lambda left, right, _: quotient(left, right),
    BinaryOperator.MODULO: lambda left, right, _: remainder(left, right),
    BinaryOperator.AND: lambda left, right, _: left & right,
    BinaryOperator.OR: lambda left, right, _: left | right,
    BinaryOperator.XOR: lambda left, right, _: left ^ right,
    BinaryOperator.SHIFT_LEFT: _shift_left,
    BinaryOperator.SHIFT_RIGHT: _shift_right,
    BinaryOperator.ROTATE_LEFT: _rotate_left,
    BinaryOperator.ROTATE_RIGHT: lambda left, right, kind: _rotate_left(left, -right, kind),
}


def _float_quotient(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _float_product(left: float, right: float) -> float:
    return left * right


_FLOATS: dict[BinaryOperator, Callable[[float, float], float]] = {
    BinaryOperator.ADD: lambda left, right: left + right,
    BinaryOperator.SUBTRACT: lambda left, right: left - right,
    BinaryOperator.MULTIPLY: _float_product,
    BinaryOperator.DIVIDE: _float_quotient,
}


def binary(operator: BinaryOperator, left: Value, right: Value, kind: ScalarType) -> Value:
    """The node Binary, faults left out: the caller has seen to them."""
    if kind.is_float:
        return rounded(_FLOATS[operator](left, right), kind)
    if kind.family is Family.BOOL:
        return bool(_INTEGERS[operator](int(left), int(right), kind))
    return wrap(_INTEGERS[operator](int(left), int(right), kind), kind)


# ------------------------------------------------------------------------------------------------ the C library's

_MATHS = ctypes.CDLL(ctypes.util.find_library("m"))
_TWO = (Intrinsic.ATAN2, Intrinsic.POWER, Intrinsic.FMOD)
FLOAT_INTRINSICS = (
    Intrinsic.SQRT,
    Intrinsic.LN,
    Intrinsic.LOG10,
    Intrinsic.EXP,
    Intrinsic.SIN,
    Intrinsic.COS,
    Intrinsic.TAN,
    Intrinsic.ASIN,
    Intrinsic.ACOS,
    Intrinsic.ATAN,
    Intrinsic.ABSOLUTE,
    Intrinsic.FLOOR,
    Intrinsic.CEILING,
    Intrinsic.TRUNCATE,
    Intrinsic.ROUND,
    *_TWO,
)


def _library(intrinsic: Intrinsic, suffix: str, of: type[ctypes.c_float] | type[ctypes.c_double]) -> object:
    function = _MATHS[intrinsic.value + suffix]
    function.restype = of
    function.argtypes = [of] * (2 if intrinsic in _TWO else 1)
    return function


_BY_SIZE = {
    size: {intrinsic: _library(intrinsic, suffix, of) for intrinsic in FLOAT_INTRINSICS}
    for size, suffix, of in ((4, "f", ctypes.c_float), (8, "", ctypes.c_double))
}


def maths(intrinsic: Intrinsic, arguments: list[Value], kind: ScalarType) -> float:
    """What the C library says."""
    function: Callable[..., float] = _BY_SIZE[kind.size_bytes][intrinsic]  # type: ignore[assignment]
    return function(*arguments)
