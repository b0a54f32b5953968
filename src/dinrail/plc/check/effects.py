"""Whether a tree may be evaluated twice, and what to do where it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator
from dinrail.plc.core.statement import Assign, Statement
from dinrail.plc.source import Place
from dinrail.plc.types.model import ULINT

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


_SIMPLE = frozenset(BinaryOperator) - {BinaryOperator.DIVIDE, BinaryOperator.MODULO}


def pure(value: core.Expression) -> bool:
    """Whether evaluating it changes nothing (it may still read what others change)."""
    kind = type(value)
    if kind is core.Constant:
        return True
    if isinstance(value, core.Load | core.AddressOf):
        return steady(value.location)
    if isinstance(value, core.Unary | core.Convert | core.Reinterpret):
        return pure(value.operand)
    if isinstance(value, core.Binary | core.Compare | core.ShortCircuit):
        return pure(value.left) and pure(value.right)
    if isinstance(value, core.CompareText):
        return steady(value.left) and steady(value.right)
    if isinstance(value, core.Choose):
        return pure(value.condition) and pure(value.if_true) and pure(value.if_false)
    return isinstance(value, core.QueryInterface) and pure(value.receiver)


def harmless(value: core.Expression) -> bool:
    """Whether evaluating it for nothing changes nothing, ends in no fault, and takes no time to speak of."""
    if isinstance(value, core.Constant):
        return True
    if isinstance(value, core.Load | core.AddressOf):
        return fixed_in_space(value.location)
    if isinstance(value, core.Unary | core.Convert | core.Reinterpret):
        return harmless(value.operand)
    if isinstance(value, core.Binary):
        return value.operator in _SIMPLE and harmless(value.left) and harmless(value.right)
    return isinstance(value, core.Compare) and harmless(value.left) and harmless(value.right)


def steady(place: core.Location) -> bool:
    """Whether finding the place changes nothing."""
    while isinstance(place, core.FieldAt | core.BitAt | core.ViewAt):
        place = place.base
    if isinstance(place, core.IndexAt):
        return pure(place.index) and steady(place.base)
    if isinstance(place, core.DerefAt):
        return pure(place.address)
    return not isinstance(place, core.SequenceAt)


def fixed_in_space(place: core.Location) -> bool:
    """Whether the place is the same whatever runs in between: no index, no address that is read."""
    while isinstance(place, core.FieldAt | core.BitAt | core.ViewAt):
        if isinstance(place, core.FieldAt) and place.field.is_reference_field and not place.raw:
            return False
        place = place.base
    if isinstance(place, core.IndexAt):
        return isinstance(place.index, core.Constant) and fixed_in_space(place.base)
    return isinstance(place, core.VariableAt | core.SelfAt | core.ConstantAt)


def pinned(e: Elaborator, place: core.Location, before: list[Statement], at: Place) -> core.Location:
    """The same place, found once: what finding it takes goes to `before`."""
    if fixed_in_space(place):
        return place
    if isinstance(place, core.BitAt):
        return core.BitAt(place.at, pinned(e, place.base, before, at), place.bit, place.type)
    address = e.temporary(ULINT, at)
    before.append(Assign(at, address, build.address(place, at)))
    return core.DerefAt(at, core.Load(at, address, ULINT), place.type)


def kept(e: Elaborator, value: core.Expression, before: list[Statement], at: Place) -> core.Expression:
    """The same value, computed once."""
    if type(value) is core.Constant:
        return value
    kind = build.type_of(value)
    place = e.temporary(kind, at)
    before.append(Assign(at, place, value))
    return core.Load(at, place, kind)
