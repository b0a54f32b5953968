"""Several operands as one type: for SEL, MUX, MIN, MAX, LIMIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.conversions import loaded, name_of, scaled, to_scalar
from dinrail.plc.check.effects import kept, pure
from dinrail.plc.check.operand import Operand
from dinrail.plc.check.operators import adapted, scalar_of
from dinrail.plc.core import expression as core
from dinrail.plc.core.statement import Statement
from dinrail.plc.source import Place
from dinrail.plc.types.convert import TIMES, Conversion, conversion, same_type
from dinrail.plc.types.model import (
    LINT,
    LREAL,
    ULINT,
    Family,
    InterfaceType,
    PointerType,
    ScalarType,
    TextType,
    Type,
    held_as,
    resolve,
)

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


def unified(
    e: Elaborator, name: str, operands: list[Operand], at: Place, want: Type | None = None
) -> tuple[Type, list[core.Expression], bool]:
    """(common type, values of it, whether all were literals)."""
    kind = common(e, name, operands, at, want)
    loose = all(side.loose for side in operands)
    held = held_as(kind)
    if held is None:
        raise TypeError(kind)
    if loose and not held.is_float and held.family is not Family.BOOL:
        register = ULINT if held is ULINT else LINT
        return kind, [build.converted(loaded(side, at), register, at) for side in operands], True
    if isinstance(resolve(kind), ScalarType) and held.family not in TIMES:
        return kind, [_number(e, side, kind, held, at) for side in operands], loose
    return kind, [to_scalar(e, side, kind, at) for side in operands], loose


def _number(e: Elaborator, side: Operand, kind: Type, held: ScalarType, at: Place) -> core.Expression:
    """Without the warnings of an assignment: the common type is nobody's fault."""
    if side.loose or scalar_of(side) is None:
        return to_scalar(e, side, kind, at)
    value = loaded(side, at)
    return scaled(value, held, at) if held.family in TIMES else build.converted(value, held, at)


def common(e: Elaborator, name: str, operands: list[Operand], at: Place, want: Type | None = None) -> Type:
    """The type that all operands have or convert to. Instances are what is wanted: an interface."""
    if want is not None and isinstance(resolve(want), InterfaceType):
        return want
    first = operands[0]
    kind = first.type
    for other in operands[1:]:
        if kind is None or other.type is None:
            break
        if kind is other.type or same_type(kind, other.type):
            if not (first.loose and other.loose) and first.loose:
                first = other
            continue
        joined = _joined(first, other, kind)
        if joined is None:
            raise e.told(at, "operator", f"{name} is not possible with {name_of(kind)} and {name_of(other.type)}")
        kind = joined
        first = Operand(kind, first.value if first.loose and other.loose else None, loose=first.loose and other.loose)
    if kind is None:
        raise e.told(at, "no-value", "this call gives nothing")
    return kind


def _joined(first: Operand, other: Operand, kind: Type) -> Type | None:
    if (number := adapted(first, other)) is not None:
        return number
    if other.type is None:
        return None
    a, b = resolve(kind), resolve(other.type)
    if isinstance(a, TextType) and isinstance(b, TextType) and a.wide == b.wide:
        return a if a.length >= b.length else b
    for side, kept_type in ((first, b), (other, a)):  # 0 is a pointer to nothing
        if isinstance(kept_type, PointerType) and side.loose and side.constant is not None and not side.constant.value:
            return kept_type
    if first.loose and scalar_of(other) is not None:
        return other.type
    if other.loose and scalar_of(first) is not None:
        return kind
    if conversion(other.type, kind) in (Conversion.SAME, Conversion.WIDEN):
        return kind
    if conversion(kind, other.type) in (Conversion.SAME, Conversion.WIDEN):
        return other.type
    return None


def is_soft(kind: Type, operands: list[Operand]) -> bool:
    """Whether the common type is LREAL because of literals only (Operand.soft)."""
    return kind is LREAL and all(side.loose or side.soft or scalar_of(side) is not LREAL for side in operands)


def reusable(e: Elaborator, values: list[core.Expression], before: list[Statement], at: Place) -> list[core.Expression]:
    """The same values, each cheap to evaluate again: constants and plain variables as they are, the rest kept."""
    if all(_plain(value) for value in values):
        return values
    return [kept(e, value, before, at) for value in values]


def _plain(value: core.Expression) -> bool:
    if isinstance(value, core.Convert):
        value = value.operand
    if isinstance(value, core.Load):
        return isinstance(value.location, core.VariableAt | core.FieldAt) and pure(value)
    return isinstance(value, core.Constant)


def sequence(before: list[Statement], value: core.Expression, at: Place) -> core.Expression:
    """Statements before a value, if there are any."""
    return core.Sequence(at, before, value, build.type_of(value)) if before else value


def chosen(condition: core.Expression, yes: core.Expression, no: core.Expression, at: Place) -> core.Expression:
    """Choose, decided now where the condition is known."""
    if isinstance(condition, core.Constant):
        return yes if condition.value else no
    return core.Choose(at, condition, yes, no, build.type_of(yes))
