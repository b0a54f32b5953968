"""TO_Y and X_TO_Y: numbers, bits, times and dates here; to and from texts by the library's functions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.assigning import put
from dinrail.plc.check.attributes import attribute
from dinrail.plc.check.conversions import NS_PER_UNIT, loaded, name_of, to_scalar
from dinrail.plc.check.effects import kept
from dinrail.plc.check.literals import text_constant
from dinrail.plc.check.operand import Operand
from dinrail.plc.core.expression import BinaryOperator, Expression, SequenceAt
from dinrail.plc.core.statement import Statement, Switch
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.convert import TIMES
from dinrail.plc.types.model import (
    SCALAR_NAMES,
    ULINT,
    EnumType,
    Family,
    ScalarType,
    TextType,
    Type,
    held_as,
    resolve,
)

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator
    from dinrail.plc.check.world import PouInfo

_TEXTS = ("STRING", "WSTRING")
_LONG = {"TOD": "TIME_OF_DAY", "DT": "DATE_AND_TIME", "LTOD": "LTIME_OF_DAY", "LDT": "LDATE_AND_TIME"}
_SHORT = {long: short for short, long in _LONG.items()}
_NS_PER_DAY = 86_400_000_000_000


@cache
def conversion_named(name: str) -> tuple[str, str] | None:
    """(source, target) of a conversion function's upper-case name; source empty: of anything."""
    if name.startswith("TO_"):
        source, target = "", name[3:]
    elif "_TO_" in name:
        source, _, target = name.partition("_TO_")
        if source in ("ANY", "ANY_NUM"):
            source = ""
        elif source not in SCALAR_NAMES and source not in _TEXTS:
            return None
    else:
        return None
    return (source, target) if target in SCALAR_NAMES or target in _TEXTS else None


def convert(e: Elaborator, name: str, node: syntax.Call, arguments: list[syntax.Expr]) -> Operand:
    """A call of one."""
    found = conversion_named(name)
    if found is None:
        raise TypeError(name)
    source, target = found
    operand = e.operand(arguments[0])
    if source in SCALAR_NAMES:
        kind: Type = SCALAR_NAMES[source]
        operand = Operand(kind, to_scalar(e, operand, kind, arguments[0].at))
    given = resolve(operand.type) if operand.type is not None else None
    if isinstance(given, TextType) or target in _TEXTS or source in _TEXTS:
        return _by_library(e, operand, source, target, node)
    held = held_as(operand.type) if operand.type is not None else None
    if held is None:
        raise e.told(node.at, "conversion", f"{name} cannot convert type {name_of(operand.type)}")
    result = SCALAR_NAMES[target]
    return Operand(result, converted(loaded(operand, node.at), held, result, node.at))


def _by_library(e: Elaborator, operand: Operand, source: str, target: str, node: syntax.Call) -> Operand:
    """X_TO_STRING and back, under either name of the times."""
    kind = resolve(operand.type) if operand.type is not None else None
    if not source and isinstance(kind, EnumType) and attribute(kind.attributes, "to_string") is not None:
        return _member_names(e, operand, kind, target, node)
    if not source:
        if isinstance(kind, TextType):
            source = _TEXTS[kind.wide]
        else:
            held = held_as(kind) if kind is not None else None
            source = held.name if held is not None else name_of(kind)
    if source == target:
        return operand
    for left in (source, _SHORT.get(source, source), _LONG.get(source, source)):
        for right in (target, _SHORT.get(target, target), _LONG.get(target, target)):
            info = _of_library(e, f"{left}_TO_{right}")
            if info is not None:
                return e.call_function(info, node)
    raise e.told(node.at, "conversion", f"there is no conversion from {name_of(operand.type)} to {target}")


def _of_library(e: Elaborator, name: str) -> PouInfo | None:
    """A function of the library, whatever the project calls its own ones."""
    return e.world.pou(e.world.key(name, "*"))


def _member_names(e: Elaborator, operand: Operand, kind: EnumType, target: str, node: syntax.Call) -> Operand:
    """The name of a member as a text, of an enumeration with {attribute 'to_string'}; of another value the number.

    Source: Beckhoff Information System, TwinCAT 3 PLC, "Attribute 'to_string'".
    """
    at, wide = node.at, target == "WSTRING"
    names: dict[int, str] = {}
    for name, value in kind.members.items():
        names.setdefault(value, name)
    texts = {value: text_constant(name if wide else name.encode("ascii"), at) for value, name in names.items()}
    result = TextType(80, wide=wide)
    place = e.temporary(result, at)
    before: list[Statement] = []
    number = kept(e, loaded(operand, at), before, at)
    info = _of_library(e, f"{kind.base.name}_TO_{target}")
    otherwise = []
    if info is not None:
        otherwise = put(e, place, result, e.call_function(info, node), at, at)
    branches: list[tuple[tuple[tuple[int, int], ...], list[Statement]]] = [
        (((value, value),), put(e, place, result, text, at, at)) for value, text in texts.items()
    ]
    statements = [*before, Switch(at, number, branches, otherwise)]
    return Operand(result, place=SequenceAt(at, statements, place, result), fixed="the result of a call")


def converted(value: Expression, kind: ScalarType, result: ScalarType, at: Place) -> Expression:
    """Numbers by their value, times and dates by what they mean; between a time and a number: its own unit's count.

    kind: what the value means (its register may be wider).
    """
    if kind.family in TIMES and result.family in TIMES:
        return _time(value, kind, result, at)
    return build.converted(value, result, at)


def _time(value: Expression, kind: ScalarType, result: ScalarType, at: Place) -> Expression:
    """A date and time's day to a DATE, its time to a TIME_OF_DAY; units adapted."""
    unit = NS_PER_UNIT.get((kind.family, kind.size_bytes), 1)
    wanted = NS_PER_UNIT.get((result.family, result.size_bytes), 1)
    number = build.converted(value, ULINT, at)
    if kind.family is Family.DATE_AND_TIME and result.family in (Family.TIME_OF_DAY, Family.DATE):
        day = build.number(_NS_PER_DAY // unit, ULINT, at)
        rest = build.binary(BinaryOperator.MODULO, number, day, ULINT, at)
        if result.family is Family.TIME_OF_DAY:
            number = rest
        else:
            number = build.binary(BinaryOperator.SUBTRACT, number, rest, ULINT, at)
    if unit > wanted:
        number = build.binary(BinaryOperator.MULTIPLY, number, build.number(unit // wanted, ULINT, at), ULINT, at)
    elif wanted > unit:
        number = build.binary(BinaryOperator.DIVIDE, number, build.number(wanted // unit, ULINT, at), ULINT, at)
    return build.converted(number, result, at)
