"""Values into the type that is wanted: implicit conversions with their messages, literals with their range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build, numbers
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Constant, Expression
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS, TIMES, Conversion, conversion
from dinrail.plc.types.model import (
    LTIME,
    ULINT,
    UNKNOWN,
    AliasType,
    EnumType,
    Family,
    FunctionBlockType,
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

NS_PER_UNIT = {
    (Family.DURATION, 4): 1_000_000,
    (Family.TIME_OF_DAY, 4): 1_000_000,
    (Family.DATE, 4): 1_000_000_000,
    (Family.DATE_AND_TIME, 4): 1_000_000_000,
}
"""What one of a time's or date's numbers means; 1 for the 64-bit ones."""


def name_of(kind: Type | None) -> str:
    """A type's name for messages."""
    return kind.name if kind is not None else "nothing"


def loaded(operand: Operand, at: Place) -> Expression:
    """The scalar value of an operand that is known to be scalar."""
    if operand.value is not None:
        return operand.value
    kind = held_as(operand.type) if operand.type is not None else None
    if kind is None or operand.place is None:
        raise TypeError(f"{name_of(operand.type)} is no scalar")
    return core.Load(at, operand.place, kind)


def to_scalar(e: Elaborator, operand: Operand, target: Type, at: Place) -> Expression:
    """The operand as a value of a scalar type, or Told."""
    source = operand.type
    if target is UNKNOWN:
        raise Told("the target's type is unknown, which has been reported")
    held = held_as(target)
    if source is None:
        raise e.told(at, "no-value", f"this call gives nothing, {target.name} is wanted")
    if held is None:
        raise e.told(at, "conversion", f"cannot convert type {source.name} to type {target.name}")
    if source is target:
        value = loaded(operand, at)
        if value.type is held:
            return value
        if type(value) is not Constant:
            return build.converted(value, held, at)
    known = operand.constant
    if known is not None and (fixed := _constant(e, operand, known, target, held, at)) is not None:
        return fixed
    if operand.loose:
        raise refused(e, operand, target, at)
    return _converted(e, operand, target, held, at)


def _converted(e: Elaborator, operand: Operand, target: Type, held: ScalarType, at: Place) -> Expression:
    source = operand.type
    if source is None:
        raise TypeError("no type")
    kind = conversion(source, target)
    if kind is Conversion.REFUSED:
        raise refused(e, operand, target, at)
    if not operand.soft:
        _tell(e, source, target, kind, at)
    final = resolve(target)
    if isinstance(final, EnumType):
        _tell_enum(e, source, final, at)
    if isinstance(final, InterfaceType) and isinstance(resolve(source), FunctionBlockType):
        if operand.place is None:
            raise TypeError("an instance without a place")
        return build.address(operand.place, at)
    value = loaded(operand, at)
    if held.family in TIMES and kind is Conversion.WIDEN:
        return scaled(value, held, at)
    return build.converted(value, held, at)


def scaled(value: Expression, held: ScalarType, at: Place) -> Expression:
    """TIME to LTIME and its like: other units."""
    kind = build.type_of(value)
    factor = NS_PER_UNIT.get((kind.family, kind.size_bytes), 1)
    wide = build.converted(value, held, at)
    return build.binary(BinaryOperator.MULTIPLY, wide, build.number(factor, held, at), held, at)


def _tell(e: Elaborator, source: Type, target: Type, kind: Conversion, at: Place) -> None:
    if kind is Conversion.SIGN:
        held = held_as(source)
        signed = held is not None and held.signed
        words = ("signed", "unsigned") if signed else ("unsigned", "signed")
        e.report.warning(
            at,
            "sign-change",
            f"implicit conversion from {words[0]} type {source.name} to {words[1]} type {target.name}: "
            "the sign may change",
            explicit(source, target),
        )
    elif kind is Conversion.LOSS:
        e.report.warning(
            at,
            "loss",
            f"implicit conversion from {source.name} to {target.name}: information may be lost",
            explicit(source, target),
        )


def _tell_enum(e: Elaborator, source: Type, target: EnumType, at: Place) -> None:
    if resolve(source) is target:
        return
    text = f"{source.name} is assigned to the enumeration {target.name}"
    if target.strict:
        raise e.told(at, "enum", text, f"{target.name} is strict: assign one of its members")
    e.report.warning(at, "enum", text, f"assign a member of {target.name}")


def explicit(source: Type | None, target: Type) -> str:
    """The hint that names the conversion function; empty when there is none."""
    left, right = (resolve(kind) if kind is not None else None for kind in (source, target))
    if isinstance(left, EnumType):
        left = left.base
    if isinstance(right, TextType) and isinstance(left, ScalarType | TextType):
        return f"{_function_name(left)}_TO_{_function_name(right)}(...) converts"
    if isinstance(left, ScalarType | TextType) and isinstance(right, ScalarType):
        return f"{_function_name(left)}_TO_{right.name}(...) converts"
    return ""


def _function_name(kind: ScalarType | TextType) -> str:
    if isinstance(kind, TextType):
        return "WSTRING" if kind.wide else "STRING"
    return kind.name


def refused(e: Elaborator, operand: Operand, target: Type, at: Place) -> Told:
    """The message about a conversion that does not go by itself."""
    source = operand.type
    known = operand.constant
    final = resolve(target)
    if operand.loose and known is not None and isinstance(known.value, int):
        if isinstance(final, ScalarType) and final.family in TIMES:
            return e.told(
                at, "conversion", f"the number {known.value} is no {target.name}", _time_literal(final, known.value)
            )
        return e.told(at, "conversion", f"cannot convert the number {known.value} to type {target.name}")
    rule = "conversion"
    left = resolve(source) if source is not None else None
    if isinstance(left, EnumType):
        left = left.base
    if isinstance(left, ScalarType) and isinstance(final, ScalarType) and {left.family, final.family} <= set(INTEGERS):
        rule = "narrowing"
    hint = explicit(source, target)
    if isinstance(left, ScalarType) and left.is_float and isinstance(final, ScalarType) and final.family in INTEGERS:
        hint = f"{left.name}_TO_{final.name}(...) rounds, TRUNC(...) cuts off"
    return e.told(at, rule, f"cannot convert type {name_of(source)} to type {target.name}", hint)


def _time_literal(kind: ScalarType, value: int) -> str:
    if kind.family is not Family.DURATION:
        return ""
    return f"write LTIME#{value}ns" if kind is LTIME else f"write T#{value}ms"


# ------------------------------------------------------------------------------------------------------- constants


def _constant(
    e: Elaborator, operand: Operand, known: Constant, target: Type, held: ScalarType, at: Place
) -> Expression | None:
    """A value that is known: it converts by itself wherever it fits. None: the general rules decide."""
    value = known.value
    final = resolve(target)
    kind = known.type
    if isinstance(final, PointerType | InterfaceType):
        fits = operand.loose and isinstance(value, int) and (isinstance(final, PointerType) or value == 0)
        return Constant(at, ULINT, numbers.wrap(int(value), ULINT)) if fits else None
    if isinstance(value, bool):
        return known if held.family is Family.BOOL else None
    if isinstance(value, float):
        return Constant(at, held, numbers.rounded(value, held)) if held.is_float else None
    if kind.family not in INTEGERS:
        return None
    if isinstance(final, EnumType):
        return _enum_constant(e, operand, value, final, at)
    if held.family is Family.BOOL:
        return Constant(at, held, value == 1) if operand.loose and value in (0, 1) else None
    if held.is_float:
        return Constant(at, held, numbers.rounded(numbers.integer_as_float(value, held), held))
    if held.family not in INTEGERS:
        return None
    low, high = numbers.bounds(held)
    if operand.inverted and -(high + 1) <= value < 0:
        value = numbers.wrap(value, held)
    if not low <= value <= high:
        raise e.told(at, "constant-range", f"{value} does not fit {target.name} ({low}..{high})")
    check_subrange(e, value, target, at)
    return Constant(at, held, value)


def check_subrange(e: Elaborator, value: int, target: Type, at: Place) -> None:
    """Refuses a known value outside of the subranges that `target` names."""
    while isinstance(target, AliasType):
        if target.low is not None and target.high is not None and not target.low <= value <= target.high:
            raise e.told(at, "subrange", f"{value} is outside of {target.name} ({target.low}..{target.high})")
        target = target.target


def _enum_constant(e: Elaborator, operand: Operand, value: int, target: EnumType, at: Place) -> Expression | None:
    source = resolve(operand.type) if operand.type is not None else None
    if isinstance(source, EnumType):
        return None
    low, high = numbers.bounds(target.base)
    if not low <= value <= high:
        raise e.told(at, "constant-range", f"{value} does not fit {target.name} ({target.base.name})")
    if target.strict and value not in target.members.values():
        raise e.told(at, "enum", f"{value} is no member of the enumeration {target.name}")
    return Constant(at, target.base, value)
