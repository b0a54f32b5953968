"""Unary and binary operators on numbers, bits and booleans; times go to `durations`, comparisons to `comparisons`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.plc.check import build, numbers
from dinrail.plc.check.comparisons import COMPARISONS, comparison
from dinrail.plc.check.conversions import loaded, name_of, to_scalar
from dinrail.plc.check.durations import time_arithmetic
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Constant, Expression, Intrinsic
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS, TIMES, common_type, integer_for, of_shape
from dinrail.plc.types.model import (
    BOOL,
    LINT,
    LREAL,
    REAL,
    ULINT,
    EnumType,
    Family,
    InterfaceType,
    PointerType,
    ScalarType,
    Type,
    held_as,
    resolve,
)

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

ARITHMETIC = {
    "+": BinaryOperator.ADD,
    "-": BinaryOperator.SUBTRACT,
    "*": BinaryOperator.MULTIPLY,
    "/": BinaryOperator.DIVIDE,
    "MOD": BinaryOperator.MODULO,
}
BITWISE = {"AND": BinaryOperator.AND, "OR": BinaryOperator.OR, "XOR": BinaryOperator.XOR}


def scalar_of(operand: Operand) -> ScalarType | None:
    """The elementary type that operators see: an enumeration is its base; None for pointers and what is no scalar."""
    kind = operand.type
    if type(kind) is ScalarType:
        return kind
    final = resolve(kind) if kind is not None else None
    if isinstance(final, EnumType):
        return final.base
    return final if isinstance(final, ScalarType) else None


def binary(e: Elaborator, node: syntax.Binary, _want: Type | None) -> Operand:
    """`left operator right`."""
    operator = node.operator
    if operator in ("AND_THEN", "OR_ELSE"):
        return _short_circuit(e, node)
    try:
        left = e.operand(node.left)
    except Told:
        e.attempt(node.right)
        raise
    return combine(e, operator, left, e.operand(node.right), node.at)


def _short_circuit(e: Elaborator, node: syntax.Binary) -> Operand:
    left, right = e.value(node.left, BOOL), e.value(node.right, BOOL)
    return Operand(BOOL, core.ShortCircuit(node.at, node.operator == "AND_THEN", left, right, BOOL))


def combine(e: Elaborator, operator: str, left: Operand, right: Operand, at: Place) -> Operand:
    """Any binary operator but the short-circuit ones, on operands that are there already."""
    if (arithmetic := ARITHMETIC.get(operator)) is not None:
        return calculate(e, arithmetic, left, right, at)
    if (compare := COMPARISONS.get(operator)) is not None:
        return comparison(e, compare, left, right, at)
    if (bitwise := BITWISE.get(operator)) is not None:
        return _bitwise(e, bitwise, left, right, at)
    return power(e, left, right, at)


def not_possible(e: Elaborator, operator: str, left: Operand, right: Operand | None, at: Place, hint: str = "") -> Told:
    """The message about an operator that its operands do not have."""
    if right is None:
        text = f"{operator} is not possible on {name_of(left.type)}"
    else:
        text = f"{operator} is not possible between {name_of(left.type)} and {name_of(right.type)}"
    return e.told(at, "operator", text, hint)


def adapted(left: Operand, right: Operand) -> ScalarType | None:
    """The common type of two numeric operands, where a literal gives way to the other side if it fits."""
    a, b = scalar_of(left), scalar_of(right)
    if a is None or b is None:
        return None
    if left.loose is not right.loose:
        literal, typed = (left, b) if left.loose else (right, a)
        fitting = _literal_in(literal, typed)
        if fitting is not None:
            return fitting
    return common_type(a, b)


def _literal_in(literal: Operand, typed: ScalarType) -> ScalarType | None:
    known = literal.constant
    if known is None:
        return None
    if typed.is_float:
        return typed
    if isinstance(known.value, bool) or not isinstance(known.value, int) or typed.family not in INTEGERS:
        return None
    low, high = numbers.bounds(typed)
    if literal.inverted or low <= known.value <= high:
        return typed
    kind = integer_for(known.value)
    return common_type(kind, typed) if kind is not None else None


# ------------------------------------------------------------------------------------------------------ arithmetic


def calculate(e: Elaborator, operator: BinaryOperator, left: Operand, right: Operand, at: Place) -> Operand:
    """+ - * / MOD."""
    a, b = scalar_of(left), scalar_of(right)
    if a is None or b is None:
        return _pointers(e, operator, left, right, at)
    if a.family in TIMES or b.family in TIMES:
        return time_arithmetic(e, operator, left, right, at)
    plain = a is b and left.type is right.type is a and not left.loose and not right.loose
    kind = a if plain else adapted(left, right)
    if kind is None or (operator is BinaryOperator.MODULO and kind.is_float):
        raise not_possible(e, operator.value, left, right, at)
    if not plain:
        _strict(e, operator.value, left, right, at)
    if kind.is_float:
        return _floats(e, operator, left, right, kind, at)
    register = _register(e, left, right, kind)
    x = build.converted(_in_range(left, register, at), register, at)
    y = build.converted(_in_range(right, register, at), register, at)
    if operator in (BinaryOperator.DIVIDE, BinaryOperator.MODULO):
        divisor_is_not_zero(e, y, at)
    loose = left.loose and right.loose
    if loose:
        return _literals(e, operator, x, y, at)
    return Operand(kind, build.binary(operator, x, y, register, at))


def _register(e: Elaborator, left: Operand, right: Operand, kind: ScalarType) -> ScalarType:
    """The type that integers are calculated in: 64 bits in TwinCAT's dialect, the common one in IEC's."""
    if not (e.wide or (left.loose and right.loose)):
        return kind
    for side in (left, right):
        value = side.value
        held = value.type if value is not None else held_as(side.type) if side.type is not None else None
        if held is not None and held.bits == 64 and not held.signed:
            return ULINT
    return LINT


def _in_range(side: Operand, register: ScalarType, at: Place) -> Expression:
    value = loaded(side, at)
    if type(value) is Constant and side.loose and not register.signed:
        return Constant(at, register, numbers.wrap(int(value.value), register))
    return value


def _literals(e: Elaborator, operator: BinaryOperator, left: Expression, right: Expression, at: Place) -> Operand:
    """Both sides literals: the exact result, which must fit 64 bits."""
    if not isinstance(left, Constant) or not isinstance(right, Constant):
        raise TypeError("literals are constants")
    exact = _EXACT[operator](int(left.value), int(right.value))
    kind = integer_for(exact)
    if kind is None:
        raise e.told(at, "overflow", f"the constant {exact} does not fit 64 bits")
    held = ULINT if kind is ULINT else LINT
    return Operand(kind, Constant(at, held, exact), loose=True)


_EXACT: dict[BinaryOperator, Callable[[int, int], int]] = {
    BinaryOperator.ADD: lambda left, right: left + right,
    BinaryOperator.SUBTRACT: lambda left, right: left - right,
    BinaryOperator.MULTIPLY: lambda left, right: left * right,
    BinaryOperator.DIVIDE: numbers.quotient,
    BinaryOperator.MODULO: lambda left, right: left - right * numbers.quotient(left, right),
}


def divisor_is_not_zero(e: Elaborator, value: Expression, at: Place) -> None:
    """Refuses what is known to divide by zero."""
    if type(value) is Constant and value.value == 0:
        raise e.told(at, "division-by-zero", "division by zero")


def _floats(
    e: Elaborator, operator: BinaryOperator, left: Operand, right: Operand, kind: ScalarType, at: Place
) -> Operand:
    x = build.converted(loaded(left, at), kind, at)
    y = build.converted(loaded(right, at), kind, at)
    if operator is BinaryOperator.DIVIDE:
        divisor_is_not_zero(e, y, at)
    value = build.binary(operator, x, y, kind, at)
    return Operand(kind, value, loose=left.loose and right.loose, soft=kind is LREAL and _soft(left, right))


def _soft(left: Operand, right: Operand) -> bool:
    """Whether an LREAL result is one because of a literal only."""
    a, b = left.loose or left.soft, right.loose or right.soft
    if a and b:
        return True
    return (a and scalar_of(right) is not LREAL) or (b and scalar_of(left) is not LREAL)


def _strict(e: Elaborator, operator: str, left: Operand, right: Operand, at: Place) -> None:
    for side in (left, right):
        kind = side.type
        if isinstance(kind, EnumType) and kind.strict:
            raise e.told(
                at, "enum", f"{operator} is not possible on the strict enumeration {kind.name}",
                f"TO_{kind.base.name}(...) gives its number",
            )  # fmt: skip


def _pointers(e: Elaborator, operator: BinaryOperator, left: Operand, right: Operand, at: Place) -> Operand:
    """Addresses count in bytes: pointer +- integer is a pointer, pointer - pointer a number."""
    a, b = (resolve(side.type) if side.type is not None else None for side in (left, right))
    x_scalar, y_scalar = scalar_of(left), scalar_of(right)
    integer = next((s for s in (x_scalar, y_scalar) if s is not None and s.family in INTEGERS), None)
    if operator in (BinaryOperator.ADD, BinaryOperator.SUBTRACT):
        x_pointer, y_pointer = isinstance(a, PointerType), isinstance(b, PointerType)
        possible = x_pointer if operator is BinaryOperator.SUBTRACT else x_pointer != y_pointer
        if possible and (integer is not None or (x_pointer and y_pointer)):
            x, y = (build.converted(loaded(side, at), ULINT, at) for side in (left, right))
            kind: Type | None = LINT if x_pointer and y_pointer else left.type if x_pointer else right.type
            value = build.binary(operator, x, y, ULINT, at)
            return Operand(kind, build.converted(value, LINT, at) if kind is LINT else value)
    if isinstance(a, InterfaceType) or isinstance(b, InterfaceType):
        raise not_possible(e, operator.value, left, right, at, "an interface has methods and properties only")
    raise not_possible(e, operator.value, left, right, at)


def power(e: Elaborator, left: Operand, right: Operand, at: Place) -> Operand:
    """`**` and EXPT: LREAL, but REAL where both are REAL (or literals beside a REAL)."""
    sides = [(side, scalar_of(side)) for side in (left, right)]
    if any(kind is None or not (kind.is_float or kind.family in INTEGERS) for _, kind in sides):
        raise not_possible(e, "**", left, right, at)
    typed = [kind for side, kind in sides if not side.loose]
    result = REAL if typed and all(kind is REAL for kind in typed) else LREAL
    x, y = (build.converted(loaded(side, at), result, at) for side in (left, right))
    if isinstance(x, Constant) and isinstance(y, Constant) and (known := _power(x.value, y.value)) is not None:
        return Operand(result, Constant(at, result, numbers.rounded(known, result)), loose=not typed)
    return Operand(result, core.IntrinsicCall(at, Intrinsic.POWER, [x, y], result), soft=LREAL not in typed)


def _power(base: float, exponent: float) -> float | None:
    try:
        return math.pow(base, exponent)
    except (ValueError, OverflowError):
        return None


# ------------------------------------------------------------------------------------------------------------ bits


def _bitwise(e: Elaborator, operator: BinaryOperator, left: Operand, right: Operand, at: Place) -> Operand:
    """AND, OR, XOR: of booleans logical, of integers bit by bit in the larger of their types."""
    a, b = scalar_of(left), scalar_of(right)
    if a is None or b is None:
        return _pointer_bits(e, operator, left, right, at)
    if a.family is Family.BOOL or b.family is Family.BOOL:
        if not all(side.loose or kind.family is Family.BOOL for side, kind in ((left, a), (right, b))):
            raise not_possible(e, operator.value, left, right, at, "both sides must be BOOL, or both bits")
        x, y = to_scalar(e, left, BOOL, at), to_scalar(e, right, BOOL, at)
        return Operand(BOOL, build.binary(operator, x, y, BOOL, at))
    kind = adapted(left, right)
    if kind is None or kind.family not in INTEGERS:
        raise not_possible(e, operator.value, left, right, at)
    _strict(e, operator.value, left, right, at)
    loose = left.loose and right.loose
    held = LINT if loose and kind is not ULINT else kind
    x, y = (build.converted(loaded(side, at), held, at) for side in (left, right))
    return Operand(
        kind, build.binary(operator, x, y, held, at), loose=loose, inverted=loose and (left.inverted or right.inverted)
    )


def _pointer_bits(e: Elaborator, operator: BinaryOperator, left: Operand, right: Operand, at: Place) -> Operand:
    kinds = [resolve(side.type) if side.type is not None else None for side in (left, right)]
    if all(
        isinstance(kind, PointerType) or (isinstance(kind, ScalarType) and kind.family in INTEGERS) for kind in kinds
    ):
        x, y = (build.converted(loaded(side, at), ULINT, at) for side in (left, right))
        return Operand(ULINT, build.binary(operator, x, y, ULINT, at))
    raise not_possible(e, operator.value, left, right, at)


def unary(e: Elaborator, node: syntax.Unary, want: Type | None) -> Operand:
    """`-x`, `+x`, `NOT x`."""
    operand = e.operand(node.operand, want)
    if node.operator == "NOT":
        return inverted(e, operand, node.at)
    kind = scalar_of(operand)
    if kind is None or kind.family is Family.BOOL or kind.family in TIMES - {Family.DURATION}:
        raise not_possible(e, node.operator, operand, None, node.at)
    if node.operator == "+":
        return Operand(operand.type, loaded(operand, node.at), loose=operand.loose)
    if operand.loose and (known := operand.constant) is not None and not kind.is_float:
        return _negative_literal(e, -int(known.value), node.at)
    value = loaded(operand, node.at)
    if kind.family in INTEGERS:
        shape = kind if kind.signed else of_shape(Family.SIGNED, kind.bits)
        held = LINT if e.wide else shape
        return Operand(shape, build.negated(build.converted(value, held, node.at), node.at))
    return Operand(kind, build.negated(value, node.at), loose=operand.loose, soft=operand.soft)


def _negative_literal(e: Elaborator, value: int, at: Place) -> Operand:
    kind = integer_for(value)
    if kind is None:
        raise e.told(at, "overflow", f"the constant {value} does not fit 64 bits")
    return Operand(kind, Constant(at, ULINT if kind is ULINT else LINT, value), loose=True)


def inverted(e: Elaborator, operand: Operand, at: Place) -> Operand:
    """NOT: of a BOOL logical, of integers all bits of their type."""
    kind = scalar_of(operand)
    if kind is None or not (kind.family is Family.BOOL or kind.family in INTEGERS):
        raise not_possible(e, "NOT", operand, None, at)
    if operand.loose and (known := operand.constant) is not None and not isinstance(known.value, bool):
        return Operand(LINT, Constant(at, LINT, numbers.wrap(~int(known.value), LINT)), loose=True, inverted=True)
    value = build.converted(loaded(operand, at), kind, at)
    return Operand(kind, build.inverted(value, at))
