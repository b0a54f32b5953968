"""Constant expressions in declarations: elaborated, and folded on the way."""

from __future__ import annotations

from dinrail.plc.check.elaborator import Elaborator
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.check.world import Scope, World
from dinrail.plc.core.expression import Constant, ConstantAt
from dinrail.plc.core.program import Function, FunctionKind
from dinrail.plc.parse.expression import Expr
from dinrail.plc.types.model import TextType, Type, held_as, resolve

Value = int | float | bool | bytes


def constant(world: World, scope: Scope, expr: Expr, want: Type | None) -> tuple[Type, Value] | None:
    """(type, value) of a constant expression, converted to `want` when given; a text is its bytes with the NUL.

    Reports an error and gives None when it is no constant, or wrong.
    """
    e = Elaborator(world, scope, Function("", FunctionKind.INITIALISER))
    try:
        return _constant(e, expr, want)
    except Told:
        return None


def _constant(e: Elaborator, expr: Expr, want: Type | None) -> tuple[Type, Value]:
    if want is not None and held_as(want) is not None:
        operand = Operand(want, e.value(expr, want))
    else:
        operand = e.operand(expr, want)
    if operand.type is not None and isinstance(operand.value, Constant):
        return operand.type, operand.value.value
    if isinstance(operand.place, ConstantAt) and isinstance(resolve(operand.place.type), TextType):
        return operand.place.type, operand.place.data
    raise e.told(expr.at, "not-constant", "a constant belongs here", "a literal, or what is declared VAR CONSTANT")
