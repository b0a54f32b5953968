"""CASE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.conversions import loaded, name_of
from dinrail.plc.check.operand import Told
from dinrail.plc.core.expression import Expression
from dinrail.plc.core.statement import Statement, Switch
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse import statement as written
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS
from dinrail.plc.types.model import EnumType, Family, Type, held_as, resolve

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

Ranges = tuple[tuple[int, int], ...]


def case(e: Elaborator, node: written.Case) -> list[Statement]:
    """CASE: each label a constant (or a range of them) of the selector's type, none twice."""
    mark = len(e.taken)
    try:
        value, kind = _selector(e, node.selector)
        e.give_back(mark)
    except Told:
        for branch in node.branches:
            e.block(branch.body)
        e.block(node.otherwise)
        raise
    seen = Labels()
    branches: list[tuple[Ranges, list[Statement]]] = []
    for branch in node.branches:
        ranges: list[tuple[int, int]] = []
        for label in branch.labels:
            try:
                ranges.append(seen.added(e, _label(e, label, kind), label.at))
            except Told:
                continue
        branches.append((tuple(ranges), e.block(branch.body)))
    return [Switch(node.at, value, branches, e.block(node.otherwise))]


def _selector(e: Elaborator, node: syntax.Expr) -> tuple[Expression, Type]:
    """Its value, and the type that labels are converted to."""
    operand = e.operand(node)
    kind = operand.type
    held = held_as(kind) if kind is not None else None
    if kind is None or held is None or (held.family not in INTEGERS and held.family is not Family.BOOL):
        raise e.told(node.at, "case-selector", f"CASE needs an integer or an enumeration, this is {name_of(kind)}")
    value = loaded(operand, node.at)
    if value.type is None:
        raise TypeError("a value without a type")
    return value, kind if isinstance(resolve(kind), EnumType) else value.type


def _label(e: Elaborator, label: syntax.Expr | written.Range, kind: Type) -> tuple[int, int]:
    if not isinstance(label, written.Range):
        value = _number(e, label, kind)
        return value, value
    low, high = _number(e, label.low, kind), _number(e, label.high, kind)
    if low > high:
        raise e.told(label.at, "case-range", f"the range {low}..{high} is empty: its first number is the larger one")
    return low, high


def _number(e: Elaborator, label: syntax.Expr, kind: Type) -> int:
    operand = e.operand(label, kind)
    if operand.constant is None:
        raise e.told(
            label.at, "case-label", "a label of CASE is a constant", "use IF for what is known at run time only"
        )
    known = e.converted(operand, kind, label.at).constant
    if known is None:
        raise e.told(label.at, "case-label", f"a label of CASE is a constant of type {kind.name}")
    return int(known.value)


class Labels:
    """The labels so far: single numbers by value, ranges in a list."""

    def __init__(self) -> None:
        self.single: set[int] = set()
        self.ranges: list[tuple[int, int]] = []

    def added(self, e: Elaborator, label: tuple[int, int], at: Place) -> tuple[int, int]:
        """The label, if none of its numbers has been one before."""
        low, high = label
        if self._has(low, high):
            text = f"{low}..{high}" if low != high else str(low)
            raise e.told(at, "duplicate-label", f"the label {text} occurs already")
        if low == high:
            self.single.add(low)
        else:
            self.ranges.append((low, high))
        return label

    def _has(self, low: int, high: int) -> bool:
        if low == high:
            if low in self.single:
                return True
        elif any(low <= value <= high for value in self.single):
            return True
        return any(first <= high and low <= last for first, last in self.ranges)
