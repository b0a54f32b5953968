"""Which code a call of a method or body reaches: known now, by the instance's class, or through an interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.operand import MethodRef, PropertyRef
from dinrail.plc.check.world import MethodInfo
from dinrail.plc.core import expression as core
from dinrail.plc.core.program import Function
from dinrail.plc.source import Place
from dinrail.plc.types.model import FunctionBlockType, InterfaceType, ScalarType, held_as, resolve
from dinrail.plc.types.variable import Role, Storage

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

Arguments = list[core.Expression | core.Location]


def is_exact(e: Elaborator, place: core.Location) -> bool:
    """Whether the class of the instance at a place is the place's type, and none below it.

    A variable, field or element is what it was declared; what an address leads to may be more. Where no class extends
    the type, there is nothing it could be instead.
    """
    if isinstance(place, core.ViewAt):
        return isinstance(place.base, core.SelfAt | core.ViewAt)
    if isinstance(place, core.VariableAt):
        variable = place.variable
        if variable.storage is not Storage.POINTER and variable.role is not Role.IN_OUT:
            return True
    elif isinstance(place, core.FieldAt):
        if not place.field.is_reference_field:
            return True
    elif isinstance(place, core.IndexAt):
        return not isinstance(place.base, core.DerefAt) or e.is_leaf(place.type)
    return e.is_leaf(place.type)


def method_key(info: MethodInfo) -> str:
    """Its key in FunctionBlockType.methods and slots: all upper case, also `P.GET` and `P.SET`."""
    return info.name.upper()


def call(
    e: Elaborator, target: MethodRef | PropertyRef, info: MethodInfo, arguments: Arguments, at: Place
) -> core.Expression:
    """The call of one method, dispatched where it must be."""
    function = info.function
    kind = scalar_result(function)
    if target.through is not None and target.interface is not None:
        slot = interface_slot(target.through, method_key(info))
        return core.InterfaceCall(at, function, target.through, slot, target.interface, arguments, kind)
    place = target.receiver
    if place is None or target.exact:
        return core.Call(at, function, place, arguments, kind)
    return dispatched(e, function, method_key(info), place, arguments, at)


def dispatched(
    e: Elaborator, function: Function, key: str, place: core.Location, arguments: Arguments, at: Place
) -> core.Expression:
    """A call by the instance's class; direct where no class could differ. key "": the body."""
    kind = scalar_result(function)
    block = resolve(place.type)
    if not isinstance(block, FunctionBlockType):
        raise TypeError(block)
    if e.is_leaf(block) or is_exact(e, place):
        return core.Call(at, function, place, arguments, kind)
    return core.VirtualCall(at, function, block.slots[key], place, arguments, kind)


def scalar_result(function: Function) -> ScalarType | None:
    """The type of what a call yields in a register."""
    return held_as(function.result.type) if function.result is not None else None


def interface_slot(interface: InterfaceType, key: str) -> int:
    """The position of a method in an interface's table."""
    for slot, name in enumerate(interface.methods):
        if name == key:
            return slot
    raise KeyError(key)
