"""Core nodes, folded where their operands are known: what is constant never reaches the program."""

from __future__ import annotations

from dinrail.plc.check import numbers
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Comparison, Constant, Expression, UnaryOperator
from dinrail.plc.source import Place
from dinrail.plc.types.model import BOOL, ULINT, Family, ScalarType


def type_of(value: Expression) -> ScalarType:
    """The type that a value is held as."""
    kind = value.type
    if kind is None:
        raise TypeError("a call that gives nothing is no value")
    return kind


def converted(value: Expression, kind: ScalarType, at: Place) -> Expression:
    """The same value as another type; itself when it is of that type. Same bits need no node of their own kind."""
    if value.type is kind:
        return value
    if type(value) is Constant:
        return Constant(at, kind, numbers.converted(value.value, kind))
    return core.Convert(at, value, kind)


def binary(operator: BinaryOperator, left: Expression, right: Expression, kind: ScalarType, at: Place) -> Expression:
    """Both of type `kind` already."""
    if type(left) is Constant and type(right) is Constant:
        folded = numbers.combined(operator, left.value, right.value, kind)
        if folded is not None:
            return Constant(at, kind, folded)
    return core.Binary(at, operator, left, right, kind)


def compare(operator: Comparison, left: Expression, right: Expression, at: Place) -> Expression:
    """Both of one type already."""
    if type(left) is Constant and type(right) is Constant:
        return Constant(at, BOOL, numbers.compared(operator, left.value, right.value))
    return core.Compare(at, operator, left, right, BOOL)


def negated(value: Expression, at: Place) -> Expression:
    """Minus."""
    kind = type_of(value)
    if type(value) is Constant:
        return Constant(at, kind, -value.value if kind.is_float else numbers.wrap(-int(value.value), kind))
    return core.Unary(at, UnaryOperator.NEGATE, value, kind)


def inverted(value: Expression, at: Place) -> Expression:
    """NOT."""
    kind = type_of(value)
    if type(value) is Constant:
        is_bool = kind.family is Family.BOOL
        return Constant(at, kind, not value.value if is_bool else numbers.wrap(~int(value.value), kind))
    return core.Unary(at, UnaryOperator.NOT, value, kind)


def number(value: int, kind: ScalarType, at: Place) -> Constant:
    """An integer constant that is known to fit."""
    return Constant(at, kind, value)


def address(location: core.Location, at: Place) -> Expression:
    """What AddressOf yields; of a DerefAt the address itself, which may be 0 then."""
    if type(location) is core.DerefAt:
        return location.address
    return core.AddressOf(at, location, ULINT)
