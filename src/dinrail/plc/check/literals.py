"""Literals: values, with a type where they have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.plc.check import numbers
from dinrail.plc.check.conversions import to_scalar
from dinrail.plc.check.operand import Operand
from dinrail.plc.core.expression import Constant, ConstantAt
from dinrail.plc.parse.expression import Literal, LiteralKind
from dinrail.plc.source import Place
from dinrail.plc.types.convert import integer_for
from dinrail.plc.types.model import BOOL, LINT, LREAL, SCALAR_NAMES, SCALARS, ULINT, ScalarType, TextType, Type

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

_TIMES = {
    LiteralKind.TIME: ("TIME", 1_000_000),
    LiteralKind.LTIME: ("LTIME", 1),
    LiteralKind.DATE: ("DATE", 1_000_000_000),
    LiteralKind.LDATE: ("LDATE", 1),
    LiteralKind.TIME_OF_DAY: ("TIME_OF_DAY", 1_000_000),
    LiteralKind.LTIME_OF_DAY: ("LTIME_OF_DAY", 1),
    LiteralKind.DATE_AND_TIME: ("DATE_AND_TIME", 1_000_000_000),
    LiteralKind.LDATE_AND_TIME: ("LDATE_AND_TIME", 1),
}
"""(type, ns that one of its numbers means)."""


def literal(e: Elaborator, node: Literal, _want: Type | None) -> Operand:
    """Any literal."""
    return _BY_KIND[node.kind](e, node)


def _integer(e: Elaborator, node: Literal) -> Operand:
    value = node.value
    if not isinstance(value, int):
        raise TypeError(value)
    kind = integer_for(value)
    if kind is None:
        raise e.told(node.at, "constant-range", f"{value} does not fit 64 bits")
    found = Operand(kind, Constant(node.at, ULINT if kind is ULINT else LINT, value), loose=True)
    return _typed(e, found, node)


def _real(e: Elaborator, node: Literal) -> Operand:
    found = Operand(LREAL, Constant(node.at, LREAL, float(node.value)), loose=True)
    return _typed(e, found, node)


def _typed(e: Elaborator, found: Operand, node: Literal) -> Operand:
    """With the type that is written before it: bit strings take any bits."""
    if not node.prefix:
        return found
    kind = SCALAR_NAMES.get(node.prefix)
    if kind is None:
        raise e.told(node.at, "unknown-type", f"{node.prefix} is no elementary type")
    return Operand(kind, to_scalar(e, found, kind, node.at))


def _bool(_e: Elaborator, node: Literal) -> Operand:
    return Operand(BOOL, Constant(node.at, BOOL, bool(node.value)))


def _time(e: Elaborator, node: Literal) -> Operand:
    name, unit_ns = _TIMES[node.kind]
    kind = SCALARS[name]
    value = int(node.value) // unit_ns
    low, high = numbers.bounds(kind)
    if not low <= value <= high:
        raise e.told(node.at, "constant-range", f"this {name} is out of range ({_limit(kind, unit_ns)})")
    return Operand(kind, Constant(node.at, kind, value))


def _limit(kind: ScalarType, unit_ns: int) -> str:
    seconds = numbers.bounds(kind)[1] * unit_ns // 1_000_000_000
    return f"0 to {seconds // 86400} days" + ("" if kind.name.endswith("TIME") else " since 1970")


def text_constant(value: bytes | str, at: Place) -> Operand:
    """A STRING (bytes) or WSTRING (str) that never changes, as long as it needs to be."""
    if isinstance(value, bytes):
        kind = TextType(len(value))
        return Operand(kind, place=ConstantAt(at, value + b"\0", kind), loose=True, fixed="a literal")
    data = value.encode("utf-16-le")
    kind = TextType(len(data) // 2, wide=True)
    return Operand(kind, place=ConstantAt(at, data + b"\0\0", kind), loose=True, fixed="a literal")


def _text(_e: Elaborator, node: Literal) -> Operand:
    value = node.value
    if not isinstance(value, bytes | str):
        raise TypeError(value)
    return text_constant(value, node.at)


_BY_KIND: dict[LiteralKind, Callable[[Elaborator, Literal], Operand]] = {
    LiteralKind.INTEGER: _integer,
    LiteralKind.REAL: _real,
    LiteralKind.BOOL: _bool,
    LiteralKind.STRING: _text,
    LiteralKind.WSTRING: _text,
    **dict.fromkeys(_TIMES, _time),
}
