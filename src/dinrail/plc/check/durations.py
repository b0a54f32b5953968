"""Arithmetic with durations, dates and times of day.

    duration +- duration, duration MOD duration         duration
    duration * number, number * duration, duration / number    duration (a float number: rounded)
    time of day, date and time, date +- duration        the same (a DATE: whole days are not enforced)
    time of day - time of day, and so on                duration
The 32-bit types count ms (TIME, TIME_OF_DAY) or s (DATE, DATE_AND_TIME), the 64-bit ones ns; where one side has 64 bits
the result has too. They wrap at their own width, so that `TIME() - tStart` is right across the wrap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.conversions import NS_PER_UNIT, loaded, name_of, scaled
from dinrail.plc.check.operand import Operand
from dinrail.plc.core.expression import BinaryOperator, Expression
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS, TIMES
from dinrail.plc.types.model import LINT, LREAL, LTIME, TIME, Family, ScalarType, resolve

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

_SUM = (BinaryOperator.ADD, BinaryOperator.SUBTRACT)
_SCALE = (BinaryOperator.MULTIPLY, BinaryOperator.DIVIDE)


def time_arithmetic(e: Elaborator, operator: BinaryOperator, left: Operand, right: Operand, at: Place) -> Operand:
    """One side at least is a time or date."""
    a, b = _kind(left), _kind(right)
    if a.family in TIMES and b.family in TIMES:
        found = _times(operator, (left, a), (right, b), at)
    elif a.family is Family.DURATION and operator in _SCALE:
        found = _scale(e, operator, (left, a), (right, b), at)
    elif b.family is Family.DURATION and operator is BinaryOperator.MULTIPLY:
        found = _scale(e, operator, (right, b), (left, a), at)
    else:
        found = None
    if found is None:
        text = f"{operator.value} is not possible between {name_of(left.type)} and {name_of(right.type)}"
        raise e.told(at, "operator", text, "add durations (T#1s), multiply and divide them by numbers")
    return found


def _kind(side: Operand) -> ScalarType:
    kind = resolve(side.type) if side.type is not None else None
    return kind if isinstance(kind, ScalarType) else LINT


def _times(
    operator: BinaryOperator, left: tuple[Operand, ScalarType], right: tuple[Operand, ScalarType], at: Place
) -> Operand | None:
    (x, a), (y, b) = left, right
    if a.family is b.family is Family.DURATION:
        if operator not in (*_SUM, BinaryOperator.MODULO):
            return None
        kind = a if a.bits >= b.bits else b
        return Operand(kind, build.binary(operator, _as(x, kind, at), _as(y, kind, at), kind, at))
    if operator is BinaryOperator.ADD and a.family is Family.DURATION:
        (x, a), (y, b) = right, left
    if operator not in _SUM:
        return None
    if b.family is Family.DURATION:
        return Operand(a, _moved(operator, (x, a), (y, b), at))
    if operator is BinaryOperator.SUBTRACT and a.family is b.family:
        return _between((x, a), (y, b), at)
    return None


def _as(side: Operand, kind: ScalarType, at: Place) -> Expression:
    value = loaded(side, at)
    return value if value.type is kind else scaled(value, kind, at)


def _moved(
    operator: BinaryOperator, moment: tuple[Operand, ScalarType], duration: tuple[Operand, ScalarType], at: Place
) -> Expression:
    """A moment later or earlier, in the moment's own unit."""
    (x, a), (y, b) = moment, duration
    amount = loaded(y, at)
    unit = NS_PER_UNIT.get((a.family, a.size_bytes), 1)
    own = NS_PER_UNIT.get((b.family, b.size_bytes), 1)
    if own > unit:
        amount = scaled(amount, a, at)
    elif own < unit:
        amount = build.binary(BinaryOperator.DIVIDE, amount, build.number(unit // own, b, at), b, at)
    return build.binary(operator, loaded(x, at), build.converted(amount, a, at), a, at)


def _between(left: tuple[Operand, ScalarType], right: tuple[Operand, ScalarType], at: Place) -> Operand:
    (x, a), (y, b) = left, right
    kind = a if a.bits >= b.bits else b
    result = TIME if kind.bits == 32 else LTIME
    span = build.binary(BinaryOperator.SUBTRACT, _as(x, kind, at), _as(y, kind, at), kind, at)
    unit = NS_PER_UNIT.get((kind.family, kind.size_bytes), 1)
    own = NS_PER_UNIT.get((result.family, result.size_bytes), 1)
    value = build.converted(span, result, at)
    return Operand(
        result, build.binary(BinaryOperator.MULTIPLY, value, build.number(unit // own, result, at), result, at)
    )


def _scale(
    e: Elaborator, operator: BinaryOperator, duration: tuple[Operand, ScalarType], factor: tuple[Operand, ScalarType],
    at: Place,
) -> Operand | None:  # fmt: skip
    (x, a), (y, b) = duration, factor
    if b.family not in INTEGERS and not b.is_float:
        return None
    register = LREAL if b.is_float else LINT
    times = build.converted(loaded(y, at), register, at)
    if operator is BinaryOperator.DIVIDE and getattr(times, "value", None) == 0:
        raise e.told(at, "division-by-zero", "division by zero")
    value = build.binary(operator, build.converted(loaded(x, at), register, at), times, register, at)
    return Operand(a, build.converted(value, a, at))
