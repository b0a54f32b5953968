"""SHL, SHR, ROL, ROR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.conversions import loaded, name_of, to_scalar
from dinrail.plc.check.operand import Operand
from dinrail.plc.check.operators import not_possible, scalar_of
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Constant
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS, of_shape
from dinrail.plc.types.model import LWORD, Family, ScalarType, Type, held_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.plc.check.elaborator import Elaborator

    Builtin = Callable[[Elaborator, syntax.Call, list[syntax.Expr], Type | None], Operand]

_ROTATES = (BinaryOperator.ROTATE_LEFT, BinaryOperator.ROTATE_RIGHT)


def _shift(name: str, operator: BinaryOperator) -> Builtin:
    """Of the operand's own type and width; a literal takes the type that is wanted."""

    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
        at = node.at
        operand = e.operand(arguments[0], want)
        wanted = held_as(want) if want is not None else None
        kind = scalar_of(operand)
        if operand.loose and wanted is not None and wanted.family in INTEGERS:
            kind = wanted
        if kind is None or kind.family not in INTEGERS:
            raise not_possible(e, name, operand, None, at)
        value = to_scalar(e, operand, kind, at) if operand.loose else build.converted(loaded(operand, at), kind, at)
        count = e.operand(arguments[1])
        held = held_as(count.type) if count.type is not None else None
        if held is None or held.family not in INTEGERS:
            raise e.told(arguments[1].at, "operator", f"{name} counts by an integer, not {name_of(count.type)}")
        return Operand(kind, _shifted(operator, value, loaded(count, at), kind, at))

    return function


def _shifted(
    operator: BinaryOperator, value: core.Expression, count: core.Expression, kind: ScalarType, at: Place
) -> core.Expression:
    """A count has the operand's type in core; where it may not fit that, the shift is done in 64 bits."""
    if operator in _ROTATES:
        return build.binary(operator, value, build.converted(count, kind, at), kind, at)
    if isinstance(count, Constant):
        known = int(count.value)
        if not 0 <= known < kind.bits:
            return build.number(0, kind, at) if isinstance(value, Constant) else _nothing(operator, value, kind, at)
        return build.binary(operator, value, build.number(known, kind, at), kind, at)
    if build.type_of(count).bits <= kind.bits:
        return build.binary(operator, value, build.converted(count, kind, at), kind, at)
    plain = build.converted(value, of_shape(Family.BIT_STRING, kind.bits), at)
    wide = build.binary(operator, build.converted(plain, LWORD, at), build.converted(count, LWORD, at), LWORD, at)
    return build.converted(wide, kind, at)


def _nothing(operator: BinaryOperator, value: core.Expression, kind: ScalarType, at: Place) -> core.Expression:
    return build.binary(operator, value, build.number(kind.bits, kind, at), kind, at)


TABLE: dict[str, tuple[Builtin, int, int]] = {
    "SHL": (_shift("SHL", BinaryOperator.SHIFT_LEFT), 2, 2),
    "SHR": (_shift("SHR", BinaryOperator.SHIFT_RIGHT), 2, 2),
    "ROL": (_shift("ROL", BinaryOperator.ROTATE_LEFT), 2, 2),
    "ROR": (_shift("ROR", BinaryOperator.ROTATE_RIGHT), 2, 2),
}
