"""{attribute 'call_after_init'}: methods that run when an instance has all its initial values.

Both the method and its function block carry the attribute. The methods run behind FB_Init and behind the values of the
instance's declaration; one that a derived class overrides runs as the derived class has it.
Source: Beckhoff Information System, TwinCAT 3 PLC, "Attribute 'call_after_init'".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.attributes import attribute
from dinrail.plc.check.leaving import for_each, instance_call
from dinrail.plc.check.overriding import AFTER_INIT
from dinrail.plc.check.world import MethodInfo, World
from dinrail.plc.core.expression import Location
from dinrail.plc.core.statement import Evaluate, Statement
from dinrail.plc.source import Place
from dinrail.plc.types.model import AliasType, ArrayType, FunctionBlockType, Type, resolve

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


def _methods(world: World, block: FunctionBlockType) -> list[MethodInfo]:
    """What runs for instances of a class, its bases' first."""
    info = world.pou_of_type.get(id(block))
    if info is None or not info.syntax.attributes or attribute(info.syntax.attributes, AFTER_INIT) is None:
        return []
    named: dict[str, MethodInfo] = {}
    for owner in reversed(info.chain()):
        for name, method in owner.methods.items():
            if attribute(method.syntax.attributes, AFTER_INIT) is not None:
                named[name] = info.find_method(name) or method
    return [method for method in named.values() if not method.abstract and not method.function.parameters]


def is_called_after(world: World, block: FunctionBlockType) -> bool:
    """Whether a class has such a method."""
    return bool(_methods(world, block))


def after_statements(e: Elaborator, place: Location, kind: Type, at: Place) -> list[Statement]:
    """The calls for an instance, or for each in an array."""
    target = resolve(kind)
    if isinstance(target, FunctionBlockType):
        return [Evaluate(at, instance_call(method.function, place, [], at)) for method in _methods(e.world, target)]
    if not isinstance(target, ArrayType) or not _is_array_of_such(e.world, target):
        return []
    return for_each(e, place, target, at, lambda element: after_statements(e, element, target.element, at))


def _is_array_of_such(world: World, kind: Type) -> bool:
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    return isinstance(kind, FunctionBlockType) and is_called_after(world, kind)
