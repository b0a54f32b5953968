"""`base.name`: fields, methods, properties, bits, members of enumerations, of variable lists and of libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.plc.check.any_types import ANY_STRUCT, SYSTEM_SPACES, SYSTEM_TYPES, TYPE_CLASS
from dinrail.plc.check.conversions import loaded
from dinrail.plc.check.dispatch import is_exact
from dinrail.plc.check.lookup import entity_found, variable_operand
from dinrail.plc.check.names import near
from dinrail.plc.check.operand import ActionRef, Found, MethodRef, Operand, PropertyRef, Told, TypeRef
from dinrail.plc.check.places import bit_of
from dinrail.plc.check.world import GlobalInfo, Namespace, PouInfo
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import Constant
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse.declaration import PouKind
from dinrail.plc.source import Place
from dinrail.plc.types.model import (
    AnyType,
    EnumType,
    FunctionBlockType,
    InterfaceType,
    PointerType,
    ScalarType,
    StructType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


def member(e: Elaborator, node: syntax.Member, want: Type | None) -> Found:
    """`base.name`."""
    base = e.found(node.base, want)
    if isinstance(base, TypeRef):
        return _type_member(e, base.type, node)
    if isinstance(base, GlobalInfo):
        if (variable := base.variables.get(node.name.upper())) is None:
            names = [found.name for found in base.variables.values()]
            raise e.told(node.at, "no-member", f"{base.name} has no variable {node.name}", near(node.name, names))
        return variable_operand(e, variable, None, node.at)
    if isinstance(base, Namespace):
        return _namespace_member(e, base, node)
    if isinstance(base, PouInfo):
        return _pou_member(e, base, node)
    return operand_member(e, e.as_operand(base, node.base.at), node)


def _type_member(e: Elaborator, kind: Type, node: syntax.Member) -> Found:
    final = resolve(kind)
    if isinstance(final, EnumType):
        upper = node.name.upper()
        for written, value in final.members.items():
            if written.upper() == upper:
                return Operand(final, Constant(node.at, final.base, value))
        hint = near(node.name, final.members)
        raise e.told(node.at, "no-member", f"the enumeration {final.name} has no member {node.name}", hint)
    if isinstance(final, FunctionBlockType):
        raise _needs_instance(e, final.name, node.at)
    raise e.told(node.at, "no-member", f"{kind.name} is a type: it has no member {node.name} by itself")


def _needs_instance(e: Elaborator, block: str, at: Place) -> Told:
    return e.told(at, "no-instance", f"the function block {block} needs an instance", f"declare one: fb : {block};")


def _namespace_member(e: Elaborator, space: Namespace, node: syntax.Member) -> Found:
    text = node.name.upper()
    if space.name in SYSTEM_SPACES:
        if (kind := SYSTEM_TYPES.get(text)) is not None:
            return TypeRef(kind)
        if (number := TYPE_CLASS.members.get(text)) is not None:
            return Operand(TYPE_CLASS, core.Constant(node.at, TYPE_CLASS.base, number))
    if text in e.world.namespaces.get(space.name, ()):
        key = e.world.within(space.name, text)
        entity = e.world.hidden.get((space.name, text)) or (e.world.find(text) if key == text else e.world.pou(key))
        if entity is not None:
            return entity_found(e, entity, node.at)
        if (kind := e.world.types.get(text)) is not None:
            return TypeRef(kind)
    if text in e.world.namespaces:
        return Namespace(text)  # a library that the library itself refers to
    raise e.told(node.at, "no-member", f"the library {space.name} has no {node.name}")


def _pou_member(e: Elaborator, info: PouInfo, node: syntax.Member) -> Found:
    """Of a program: its variables, actions and methods. Of a class's name: only its constants and VAR_STAT."""
    text = node.name.upper()
    variable = info.find_variable(text)
    if info.kind is not PouKind.PROGRAM:
        if variable is not None and variable.storage is Storage.STATIC:
            return variable_operand(e, variable, None, node.at)
        raise _needs_instance(e, info.name, node.at)
    if variable is not None:
        found = variable_operand(e, variable, None, node.at)
        return _from_outside(e, info, variable, found, node)
    if (method := info.find_method(text)) is not None:
        return MethodRef(method, None)
    if (action := info.find_action(text)) is not None:
        return ActionRef(action, None)
    raise _no_member(e, info, node)


def _no_member(e: Elaborator, info: PouInfo, node: syntax.Member) -> Told:
    names: list[str] = []
    for above in info.chain():
        names += [found.name for found in above.variables.values() if found.role is not Role.HIDDEN]
        names += [found.name for table in (above.methods, above.properties, above.actions) for found in table.values()]
    return e.told(node.at, "no-member", f"{info.name} has no member {node.name}", near(node.name, names))


def operand_member(e: Elaborator, base: Operand, node: syntax.Member) -> Found:
    """A member of a structure, instance, interface, or a bit by a constant's name."""
    kind = resolve(base.type) if base.type is not None else None
    rule = _MEMBERS.get(type(kind))
    if rule is None or kind is None:
        name = kind.name if kind is not None else "nothing"
        raise e.told(node.at, "no-member", f"{name} has no members, so no {node.name}")
    return rule(e, base, kind, node)


def _struct_member(e: Elaborator, base: Operand, kind: Type, node: syntax.Member) -> Found:
    if not isinstance(kind, StructType):
        raise TypeError(kind)
    variable = kind.fields.get(node.name.upper())
    if variable is None:
        hint = near(node.name, [found.name for found in kind.fields.values()])
        raise e.told(node.at, "no-member", f"{kind.name} has no member {node.name}", hint)
    found = variable_operand(e, variable, base.place, node.at)
    found.fixed = base.fixed
    return found


def _any_member(e: Elaborator, base: Operand, _kind: Type, node: syntax.Member) -> Found:
    if base.place is None:
        raise TypeError("ANY without a place")
    view = core.ViewAt(node.at, base.place, ANY_STRUCT)
    return _struct_member(e, Operand(ANY_STRUCT, place=view, fixed=base.fixed), ANY_STRUCT, node)


def _instance_member(e: Elaborator, base: Operand, kind: Type, node: syntax.Member) -> Found:
    info = e.world.pou_of_type[id(kind)]
    text = node.name.upper()
    place = base.place
    if place is None:
        raise TypeError("an instance without a place")
    variable = info.find_variable(text)
    if variable is not None and variable.role is not Role.HIDDEN:
        found = variable_operand(e, variable, place, node.at)
        return _from_outside(e, info, variable, found, node, own=_is_own(place))
    if (prop := info.find_property(text)) is not None:
        return PropertyRef(prop, place, exact=is_exact(e, place))
    if (method := info.find_method(text)) is not None:
        return MethodRef(method, place, exact=is_exact(e, place))
    if (action := info.find_action(text)) is not None:
        return ActionRef(action, place)
    raise _no_member(e, info, node)


def _is_own(place: core.Location) -> bool:
    """THIS^ or SUPER^: code of the class itself."""
    while isinstance(place, core.ViewAt):
        place = place.base
    return isinstance(place, core.SelfAt)


def _from_outside(
    e: Elaborator, info: PouInfo, variable: Variable, found: Operand, node: syntax.Member, *, own: bool = False
) -> Operand:
    """Inputs may be written, everything else only read; a VAR_IN_OUT belongs to the call."""
    if own or (variable.storage is not Storage.FIELD and info is e.scope.pou):
        return found
    if variable.role is Role.IN_OUT:
        raise e.told(
            node.at,
            "in-out-access",
            f"{variable.name} is VAR_IN_OUT of {info.name}: it is reached in its call only",
        )
    if variable.role is not Role.INPUT and not found.fixed:
        found.fixed = f"no input of {info.name}"
    return found


def _interface_member(e: Elaborator, base: Operand, kind: Type, node: syntax.Member) -> Found:
    if not isinstance(kind, InterfaceType):
        raise TypeError(kind)
    info = e.world.pou_of_type[id(kind)]
    value = loaded(base, node.at)
    text = node.name.upper()
    if (prop := info.find_property(text)) is not None:
        return PropertyRef(prop, None, interface=value, through=kind)
    if (method := info.find_method(text)) is not None:
        return MethodRef(method, None, interface=value, through=kind)
    raise _no_member(e, info, node)


def _bit_by_name(e: Elaborator, base: Operand, kind: Type, node: syntax.Member) -> Found:
    entity = e.scope.find(node.name.upper())
    if isinstance(entity, Variable) and entity.constant:
        bit = variable_operand(e, entity, None, node.at).constant
        if bit is not None and isinstance(bit.value, int):
            return bit_of(e, base, int(bit.value), node.at)
    raise e.told(node.at, "no-member", f"{kind.name} has no members; {node.name} is no constant that names a bit")


def _pointer_member(e: Elaborator, _base: Operand, kind: Type, node: syntax.Member) -> Found:
    raise e.told(node.at, "pointer", f"{kind.name} has no member {node.name}", f"write ^.{node.name}")


_MEMBERS: dict[type, Callable[[Elaborator, Operand, Type, syntax.Member], Found]] = {
    StructType: _struct_member,
    AnyType: _any_member,
    FunctionBlockType: _instance_member,
    InterfaceType: _interface_member,
    ScalarType: _bit_by_name,
    PointerType: _pointer_member,
}
