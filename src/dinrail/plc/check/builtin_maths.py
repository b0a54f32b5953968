"""ABS, SQRT, the logarithms and angles, TRUNC."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.conversions import loaded
from dinrail.plc.check.operand import Operand
from dinrail.plc.check.operators import not_possible, scalar_of
from dinrail.plc.check.unify import chosen, reusable, sequence
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import Comparison, Constant, Intrinsic
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.types.convert import INTEGERS
from dinrail.plc.types.model import DINT, INT, LREAL, Family, ScalarType, Type, held_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.plc.check.elaborator import Elaborator

    Builtin = Callable[[Elaborator, syntax.Call, list[syntax.Expr], Type | None], Operand]

_FOLDED: dict[Intrinsic, Callable[[float], float]] = {
    Intrinsic.SQRT: math.sqrt,
    Intrinsic.LN: math.log,
    Intrinsic.LOG10: math.log10,
    Intrinsic.EXP: math.exp,
    Intrinsic.SIN: math.sin,
    Intrinsic.COS: math.cos,
    Intrinsic.TAN: math.tan,
    Intrinsic.ASIN: math.asin,
    Intrinsic.ACOS: math.acos,
    Intrinsic.ATAN: math.atan,
}


def _function(name: str, intrinsic: Intrinsic) -> Builtin:
    """Of a REAL a REAL, of anything else an LREAL; of a literal what is wanted."""

    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
        operand = e.operand(arguments[0])
        kind = scalar_of(operand)
        if kind is None or not (kind.is_float or kind.family in INTEGERS):
            raise not_possible(e, name, operand, None, node.at)
        result = kind if kind.is_float else LREAL
        wanted = held_as(want) if want is not None else None
        if operand.loose and wanted is not None and wanted.is_float:
            result = wanted
        value = build.converted(loaded(operand, node.at), result, node.at)
        known = _folded(intrinsic, value, result)
        if known is not None:
            return Operand(result, Constant(node.at, result, known), loose=operand.loose)
        return Operand(result, core.IntrinsicCall(node.at, intrinsic, [value], result), soft=not kind.is_float)

    return function


def _folded(intrinsic: Intrinsic, value: core.Expression, kind: ScalarType) -> float | None:
    """The result for a known number, where it is one (and LREAL: a REAL is calculated with 32 bits when it runs)."""
    if not isinstance(value, Constant) or kind is not LREAL:
        return None
    try:
        return _FOLDED[intrinsic](float(value.value))
    except (ValueError, OverflowError):
        return None


def _abs(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
    at = node.at
    operand = e.operand(arguments[0], want)
    kind = scalar_of(operand)
    if kind is None or not (kind.is_float or kind.family in INTEGERS or kind.family is Family.DURATION):
        raise not_possible(e, "ABS", operand, None, at)
    value = loaded(operand, at)
    held = build.type_of(value)
    if isinstance(value, Constant):
        return Operand(kind, Constant(at, held, abs(value.value)), loose=operand.loose)
    if kind.is_float:
        return Operand(kind, core.IntrinsicCall(at, Intrinsic.ABSOLUTE, [value], held))
    if not held.signed:
        return operand
    before: list[Statement] = []
    (value,) = reusable(e, [value], before, at)
    negative = build.compare(Comparison.LESS, value, build.number(0, held, at), at)
    return Operand(kind, sequence(before, chosen(negative, build.negated(value, at), value, at), at))


def _trunc(result: ScalarType) -> Builtin:
    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
        operand = e.operand(arguments[0])
        kind = scalar_of(operand)
        if kind is None or not (kind.is_float or kind.family in INTEGERS):
            raise not_possible(e, "TRUNC", operand, None, node.at)
        value = loaded(operand, node.at)
        if not kind.is_float:
            return Operand(result, build.converted(value, result, node.at))
        if isinstance(value, Constant) and math.isfinite(value.value):
            cut: core.Expression = Constant(node.at, kind, float(math.trunc(value.value)))
        else:
            cut = core.IntrinsicCall(node.at, Intrinsic.TRUNCATE, [value], kind)
        return Operand(result, build.converted(cut, result, node.at))

    return function


TABLE: dict[str, tuple[Builtin, int, int]] = {
    "ABS": (_abs, 1, 1),
    "SQRT": (_function("SQRT", Intrinsic.SQRT), 1, 1),
    "LN": (_function("LN", Intrinsic.LN), 1, 1),
    "LOG": (_function("LOG", Intrinsic.LOG10), 1, 1),
    "EXP": (_function("EXP", Intrinsic.EXP), 1, 1),
    "SIN": (_function("SIN", Intrinsic.SIN), 1, 1),
    "COS": (_function("COS", Intrinsic.COS), 1, 1),
    "TAN": (_function("TAN", Intrinsic.TAN), 1, 1),
    "ASIN": (_function("ASIN", Intrinsic.ASIN), 1, 1),
    "ACOS": (_function("ACOS", Intrinsic.ACOS), 1, 1),
    "ATAN": (_function("ATAN", Intrinsic.ATAN), 1, 1),
    "TRUNC": (_trunc(DINT), 1, 1),
    "TRUNC_INT": (_trunc(INT), 1, 1),
}
