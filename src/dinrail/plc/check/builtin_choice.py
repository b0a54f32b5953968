"""SEL, MUX, MIN, MAX, LIMIT, MOVE; operators written as functions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.assigning import put
from dinrail.plc.check.comparisons import comparison
from dinrail.plc.check.conversions import loaded, name_of
from dinrail.plc.check.effects import harmless, kept
from dinrail.plc.check.numbers import bounds
from dinrail.plc.check.operand import Operand
from dinrail.plc.check.operators import combine, inverted, not_possible
from dinrail.plc.check.unify import chosen, common, is_soft, reusable, sequence, unified
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import Comparison
from dinrail.plc.core.statement import Assign, If, Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS
from dinrail.plc.types.model import BOOL, LINT, Family, ScalarType, TextType, Type, held_as, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.plc.check.elaborator import Elaborator

    Builtin = Callable[[Elaborator, syntax.Call, list[syntax.Expr], Type | None], Operand]

MANY = 1000


def _sel(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
    """SEL(g, in0, in1): in1 when g is TRUE. Only the one that is taken is evaluated.

    Source: Beckhoff Information System, TwinCAT 3 PLC, "SEL", "MUX".
    """
    condition = e.value(arguments[0], BOOL)
    operands = [e.operand(one, want) for one in arguments[1:]]
    common(e, "SEL", operands, node.at, want)
    return _one_of(e, "SEL", [condition], [operands[1], operands[0]], node.at, want)


def _mux(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
    """MUX(k, in0, in1...): the last one for any other k. Only the one that is taken is evaluated."""
    selector = e.operand(arguments[0])
    held = held_as(selector.type) if selector.type is not None else None
    if held is None or held.family not in INTEGERS:
        raise e.told(arguments[0].at, "operator", f"MUX selects by an integer, this is {name_of(selector.type)}")
    before: list[Statement] = []
    number = kept(e, build.converted(loaded(selector, node.at), LINT, node.at), before, node.at)
    operands = [e.operand(one, want) for one in arguments[1:]]
    conditions = [
        build.compare(Comparison.EQUAL, number, build.number(position, LINT, node.at), node.at)
        for position in range(len(operands) - 1)
    ]
    found = _one_of(e, "MUX", conditions, operands, node.at, want)
    if not before:
        return found
    if found.value is not None:
        found.value = sequence(before, found.value, node.at)
    elif found.place is not None:
        found.place = core.SequenceAt(node.at, before, found.place, found.place.type)
    return found


def _one_of(
    e: Elaborator,
    name: str,
    conditions: list[core.Expression],
    operands: list[Operand],
    at: Place,
    want: Type | None,
) -> Operand:
    """The operand of the first condition that holds; the last one if none does."""
    kind = common(e, name, operands, at, want)
    if held_as(kind) is None:
        return _one_place(e, kind, conditions, operands, at)
    if want is not None and _all_fit(operands, want):
        operands = [e.converted(operand, want, at) for operand in operands]
    kind, values, loose = unified(e, name, operands, at, want)
    found = values[-1]
    for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
        if isinstance(condition, core.Constant) or (harmless(value) and harmless(found)):
            found = chosen(condition, value, found, at)
        else:
            found = _either(e, condition, value, found, at)
    literal = loose and isinstance(found, core.Constant)
    return Operand(kind, found, loose=literal, soft=is_soft(kind, operands))


def _either(
    e: Elaborator, condition: core.Expression, yes: core.Expression, no: core.Expression, at: Place
) -> core.Expression:
    """One of two values, the other one being left alone: it may end in a fault, or change something."""
    kind = build.type_of(yes)
    place = e.temporary(kind, at)
    branch = If(at, condition, [Assign(at, place, yes)], [Assign(at, place, no)])
    return core.Sequence(at, [branch], core.Load(at, place, kind), kind)


def _all_fit(operands: list[Operand], want: Type) -> bool:
    """Whether all are literals that the wanted integer type holds: SEL(g, 0, 255) is a BYTE where one is wanted."""
    held = held_as(want)
    if not isinstance(resolve(want), ScalarType) or held is None or held.family not in INTEGERS:
        return False
    low, high = bounds(held)
    known = [operand.constant for operand in operands if operand.loose]
    return len(known) == len(operands) and all(each and low <= each.value <= high for each in known)


def _one_place(
    e: Elaborator, kind: Type, conditions: list[core.Expression], operands: list[Operand], at: Place
) -> Operand:
    """Texts and aggregates: copied into a temporary."""
    temporary = e.temporary(kind, at)
    statements = put(e, temporary, kind, operands[-1], at, at)
    for condition, operand in zip(reversed(conditions), reversed(operands[:-1]), strict=True):
        statements = [If(at, condition, put(e, temporary, kind, operand, at, at), statements)]
    return Operand(kind, place=core.SequenceAt(at, statements, temporary, kind), fixed="the result of a call")


def _extreme(name: str, operator: Comparison) -> Builtin:
    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
        operands = [e.operand(one, want) for one in arguments]
        if (text := _text_type(operands)) is not None:
            return _extreme_text(e, operator, operands, text, node.at)
        _ordered_type(e, name, operands, node.at)
        kind, values, loose = unified(e, name, operands, node.at)
        before: list[Statement] = []
        found, *others = reusable(e, values, before, node.at)
        for other in others:
            if not isinstance(found, core.Constant | core.Load):
                found = kept(e, found, before, node.at)
            found = chosen(build.compare(operator, other, found, node.at), other, found, node.at)
        found = sequence(before, found, node.at)
        literal = loose and isinstance(found, core.Constant)
        return Operand(kind, found, loose=literal, soft=is_soft(kind, operands))

    return function


def _text_type(operands: list[Operand]) -> TextType | None:
    """The type that holds any of the texts; None when not all are texts of one kind."""
    kinds = [resolve(each.type) for each in operands if each.type is not None]
    texts = [kind for kind in kinds if isinstance(kind, TextType)]
    if len(texts) != len(operands) or len({kind.wide for kind in texts}) != 1:
        return None
    return max(texts, key=lambda kind: kind.length)


def _extreme_text(e: Elaborator, operator: Comparison, operands: list[Operand], kind: TextType, at: Place) -> Operand:
    """The first or last of texts in the order of their characters."""
    temporary = e.temporary(kind, at)
    found = Operand(kind, place=temporary)
    statements = put(e, temporary, kind, operands[0], at, at)
    for other in operands[1:]:
        better = comparison(e, operator, other, found, at)
        statements.append(If(at, loaded(better, at), put(e, temporary, kind, other, at, at), []))
    return Operand(kind, place=core.SequenceAt(at, statements, temporary, kind), fixed="the result of a call")


def _ordered_type(e: Elaborator, name: str, operands: list[Operand], at: Place) -> None:
    kind = common(e, name, operands, at)
    held = held_as(kind)
    if held is None or held.family is Family.BOOL:
        raise not_possible(e, name, operands[0], None, at)


def _limit(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
    """LIMIT(low, in, high): MIN(MAX(in, low), high)."""
    at = node.at
    operands = [e.operand(one, want) for one in arguments]
    if (text := _text_type(operands)) is not None:
        above = _extreme_text(e, Comparison.GREATER, [operands[1], operands[0]], text, at)
        return _extreme_text(e, Comparison.LESS, [above, operands[2]], text, at)
    _ordered_type(e, "LIMIT", operands, at)
    kind, values, loose = unified(e, "LIMIT", operands, at)
    before: list[Statement] = []
    low, value, high = reusable(e, values, before, at)
    found = chosen(build.compare(Comparison.LESS, value, low, at), low, value, at)
    if not isinstance(found, core.Constant):
        found = kept(e, found, before, at)
    found = chosen(build.compare(Comparison.GREATER, found, high, at), high, found, at)
    found = sequence(before, found, at)
    literal = loose and isinstance(found, core.Constant)
    return Operand(kind, found, loose=literal, soft=is_soft(kind, operands))


def _move(e: Elaborator, _node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
    return e.operand(arguments[0], want)


def _operator(operator: str) -> Builtin:
    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
        found, *others = [e.operand(one) for one in arguments]
        for other in others:
            found = combine(e, operator, found, other, node.at)
        return found

    return function


def _chain(operator: Comparison) -> Builtin:
    """GT(a, b, c): a > b AND b > c."""

    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
        operands = [e.operand(one) for one in arguments]
        found = comparison(e, operator, operands[0], operands[1], node.at)
        for left, right in pairwise(operands[1:]):
            found = combine(e, "AND", found, comparison(e, operator, left, right, node.at), node.at)
        return found

    return function


def _not(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], want: Type | None) -> Operand:
    return inverted(e, e.operand(arguments[0], want), node.at)


TABLE: dict[str, tuple[Builtin, int, int]] = {
    "SEL": (_sel, 3, 3),
    "MUX": (_mux, 3, MANY),
    "MIN": (_extreme("MIN", Comparison.LESS), 2, MANY),
    "MAX": (_extreme("MAX", Comparison.GREATER), 2, MANY),
    "LIMIT": (_limit, 3, 3),
    "MOVE": (_move, 1, 1),
    "NOT": (_not, 1, 1),
    "ADD": (_operator("+"), 2, MANY),
    "SUB": (_operator("-"), 2, 2),
    "MUL": (_operator("*"), 2, MANY),
    "DIV": (_operator("/"), 2, 2),
    "MOD": (_operator("MOD"), 2, 2),
    "AND": (_operator("AND"), 2, MANY),
    "OR": (_operator("OR"), 2, MANY),
    "XOR": (_operator("XOR"), 2, MANY),
    "EXPT": (_operator("**"), 2, 2),
    "GT": (_chain(Comparison.GREATER), 2, MANY),
    "GE": (_chain(Comparison.GREATER_EQUAL), 2, MANY),
    "EQ": (_chain(Comparison.EQUAL), 2, MANY),
    "LT": (_chain(Comparison.LESS), 2, MANY),
    "LE": (_chain(Comparison.LESS_EQUAL), 2, MANY),
    "NE": (_chain(Comparison.UNEQUAL), 2, 2),
}
