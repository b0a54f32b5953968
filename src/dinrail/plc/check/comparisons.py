"""Comparisons: numbers in a type that holds both sides, texts unit by unit, addresses, enumerations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build, numbers
from dinrail.plc.check.conversions import loaded, name_of, scaled, to_scalar
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import Comparison
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS, TIMES, common_type
from dinrail.plc.types.model import (
    BOOL,
    LINT,
    LREAL,
    ULINT,
    EnumType,
    Family,
    FunctionBlockType,
    InterfaceType,
    PointerType,
    ScalarType,
    TextType,
    Type,
    resolve,
)

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

COMPARISONS = {comparison.value: comparison for comparison in Comparison}
_EQUALITY = (Comparison.EQUAL, Comparison.UNEQUAL)


def comparison(e: Elaborator, operator: Comparison, left: Operand, right: Operand, at: Place) -> Operand:
    """BOOL."""
    a, b = (resolve(side.type) if side.type is not None else None for side in (left, right))
    if isinstance(a, TextType) and isinstance(b, TextType) and a.wide == b.wide:
        if left.place is None or right.place is None:
            raise TypeError("a text without a place")
        return Operand(BOOL, core.CompareText(at, operator, left.place, right.place, BOOL))
    if isinstance(a, EnumType) and isinstance(b, EnumType) and a is not b and (a.strict or b.strict):
        raise e.told(at, "enum", f"{a.name} is compared with another enumeration, {b.name}")
    x, y = (kind.base if isinstance(kind, EnumType) else kind for kind in (a, b))
    if isinstance(x, ScalarType) and isinstance(y, ScalarType):
        return _scalars(e, operator, left, right, (x, y), at)
    if _addresses(operator, a, b, left, right):
        _tell_too_small(e, a, b, left, right, at)
        values = [_address_of(side, at) for side in (left, right)]
        return Operand(BOOL, build.compare(operator, values[0], values[1], at))
    raise _cannot(e, left, right, at)


def _cannot(e: Elaborator, left: Operand, right: Operand, at: Place) -> Told:
    return e.told(at, "compare", f"cannot compare {name_of(left.type)} with {name_of(right.type)}")


def _scalars(
    e: Elaborator, operator: Comparison, left: Operand, right: Operand, kinds: tuple[ScalarType, ScalarType], at: Place
) -> Operand:
    a, b = kinds
    if a.family is Family.BOOL or b.family is Family.BOOL:
        if not all(side.loose or kind.family is Family.BOOL for side, kind in ((left, a), (right, b))):
            raise _cannot(e, left, right, at)
        return Operand(BOOL, build.compare(operator, to_scalar(e, left, BOOL, at), to_scalar(e, right, BOOL, at), at))
    if a.family in TIMES or b.family in TIMES:
        kind = common_type(a, b)
        if kind is None:
            raise _cannot(e, left, right, at)
        return Operand(BOOL, build.compare(operator, _time(left, kind, at), _time(right, kind, at), at))
    kind = _numeric(left, right, a, b)
    x, y = (build.converted(loaded(side, at), kind, at) for side in (left, right))
    return Operand(BOOL, build.compare(operator, x, y, at))


def _time(side: Operand, kind: ScalarType, at: Place) -> core.Expression:
    value = loaded(side, at)
    return value if value.type is kind else scaled(value, kind, at)


def _numeric(left: Operand, right: Operand, a: ScalarType, b: ScalarType) -> ScalarType:
    """The type to compare two numbers in. Integers keep their values: only LINT against ULINT cannot (then ULINT)."""
    if a.is_float or b.is_float:
        number = a if a.is_float else b
        if left.loose or right.loose:
            typed = b if left.loose else a
            return typed if typed.is_float else LREAL
        return common_type(a, b) or number
    for side, other, typed in ((left, right, b), (right, left, a)):
        known = side.constant
        if side.loose and known is not None:
            held = _held(other, typed)
            low, high = numbers.bounds(held)
            if low <= known.value <= high:
                return held
    held_a, held_b = _held(left, a), _held(right, b)
    if held_a is held_b:
        return held_a
    if held_a.signed == held_b.signed:
        return held_a if held_a.bits >= held_b.bits else held_b
    signed, unsigned = (held_a, held_b) if held_a.signed else (held_b, held_a)
    if signed.bits > unsigned.bits:
        return signed
    return LINT if unsigned.bits < 64 else ULINT


def _held(side: Operand, kind: ScalarType) -> ScalarType:
    value = side.value
    return value.type if value is not None and value.type is not None else kind


def _addresses(operator: Comparison, a: Type | None, b: Type | None, left: Operand, right: Operand) -> bool:
    """Whether two things compare as addresses: pointers in any order, interfaces and instances for equality."""
    kinds = [(a, left), (b, right)]
    if all(_is_address(kind) for kind, _ in kinds):
        return operator in _EQUALITY or all(isinstance(kind, PointerType) for kind, _ in kinds)
    other = next((pair for pair in kinds if not _is_address(pair[0])), None)
    if other is None or not any(_is_address(kind) for kind, _ in kinds):
        return False
    kind, operand = other
    if isinstance(kind, FunctionBlockType):
        return operator in _EQUALITY and operand.place is not None
    if not isinstance(kind, ScalarType) or kind.family not in INTEGERS:
        return False
    is_pointer = any(isinstance(each, PointerType) for each, _ in kinds)
    return is_pointer or operand.loose or kind.bits == ULINT.bits


def _tell_too_small(e: Elaborator, a: Type | None, b: Type | None, left: Operand, right: Operand, at: Place) -> None:
    """Warns of an address that is compared with a number of fewer bits: it was cut off when it was put there."""
    for kind, side in ((a, left), (b, right)):
        if isinstance(kind, ScalarType) and kind.bits < ULINT.bits and not side.loose:
            text = f"an address is compared with {kind.name}, which is too small for one"
            e.report.warning(at, "loss", text, "keep addresses in PVOID or ULINT")


def _is_address(kind: Type | None) -> bool:
    return isinstance(kind, PointerType | InterfaceType)


def _address_of(side: Operand, at: Place) -> core.Expression:
    if isinstance(resolve(side.type) if side.type is not None else None, FunctionBlockType) and side.place is not None:
        return build.address(side.place, at)
    return build.converted(loaded(side, at), ULINT, at)
