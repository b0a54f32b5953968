"""Names to what they stand for: locals, the block's own, inherited, global; members, namespaces, enumerations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.any_types import SYSTEM_SPACES
from dinrail.plc.check.names import near
from dinrail.plc.check.operand import ActionRef, BuiltinRef, Found, MethodRef, Operand, PropertyRef, Told, TypeRef
from dinrail.plc.check.world import (
    EnumValue,
    GlobalInfo,
    MethodInfo,
    Namespace,
    PouInfo,
    PropertyInfo,
)
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import Constant
from dinrail.plc.core.program import Function
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.model import BOOL, BYTE, SCALAR_NAMES, UNKNOWN, Type, held_as, resolve
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


def name(e: Elaborator, node: syntax.Name, want: Type | None) -> Found:
    """A name as written, in the scope."""
    known = e.names.get(node.text)
    if known is not None:
        return variable_operand(e, known, None, node.at)
    text = node.text.upper()
    entity = e.scope.find(text)
    if type(entity) is Variable:
        e.names[node.text] = entity
        return variable_operand(e, entity, None, node.at)
    if entity is not None:
        return entity_found(e, entity, node.at)
    if (found := _unqualified(e, text, want, node.at)) is not None:
        return found
    raise unknown(e, node.text, node.at)


def global_name(e: Elaborator, node: syntax.GlobalName, _want: Type | None) -> Found:
    """`.x`."""
    entity = e.world.find(node.text.upper())
    if entity is None:
        raise unknown(e, node.text, node.at)
    return entity_found(e, entity, node.at)


def _unqualified(e: Elaborator, text: str, want: Type | None, at: Place) -> Found | None:
    if (kind := e.world.types.get(text)) is not None:
        return TypeRef(kind)
    wanted = resolve(want) if want is not None else None
    for value in e.world.enum_values.get(text, ()):
        if value.type is wanted:
            return _enum_value(value, at)
    if (scalar := SCALAR_NAMES.get(text)) is not None:
        return TypeRef(scalar)
    if text in e.world.enum_values:
        owners = ", ".join(f"{value.type.name}.{value.name}" for value in e.world.enum_values[text])
        raise e.told(at, "ambiguous", f"{text} is a member of several enumerations", f"write one of {owners}")
    if (lists := e.world.ambiguous.get(text)) is not None:
        owners = ", ".join(f"{owner}.{text}" for owner in lists)
        raise e.told(at, "ambiguous", f"several variable lists have a {text}", f"write one of {owners}")
    if text in SYSTEM_SPACES:
        return Namespace(text)
    return BuiltinRef(text) if e.is_builtin(text) else None


def unknown(e: Elaborator, text: str, at: Place) -> Told:
    """The message about a name that nothing has, with a near one."""
    scope, world = e.scope, e.world
    known = [kind.name for kind in world.types.values()]
    known += [found.name for table in (world.pous, world.globals, world.free) for found in table.values()]
    known += [value.name for values in world.enum_values.values() for value in values]
    if scope.pou:
        for info in scope.pou.chain():
            tables = (info.variables, info.methods, info.properties, info.actions)
            known += [found.name for table in tables for found in table.values()]
    if scope.method:
        known += [found.name for found in scope.method.variables.values()]
    return e.told(at, "undeclared", f"{text} is not declared", near(text, _alike(text, known)))


def _alike(text: str, known: list[str]) -> list[str]:
    """Those of about the same length that begin or end alike: comparing a name with all of a project takes too long."""
    first, last, length = text[0].upper(), text[-1].upper(), len(text)
    return [
        name
        for name in known
        if abs(len(name) - length) < 3 and (name[:1].upper() == first or name[-1:].upper() == last)
    ]


# ------------------------------------------------------------------------------------------------------- entities


def entity_found(e: Elaborator, entity: object, at: Place) -> Found:
    """What a name's entity is, used here."""
    if isinstance(entity, Variable):
        return variable_operand(e, entity, None, at)
    if isinstance(entity, EnumValue):
        return _enum_value(entity, at)
    if isinstance(entity, PouInfo | GlobalInfo | Namespace):
        return entity
    own = own_instance(e, at)
    if isinstance(entity, MethodInfo):
        return MethodRef(entity, own)
    if isinstance(entity, PropertyInfo):
        return PropertyRef(entity, own)
    if isinstance(entity, Function):
        return ActionRef(entity, own)
    raise TypeError(entity)


def own_instance(e: Elaborator, at: Place) -> core.Location | None:
    """The instance whose code this is; None in functions and programs."""
    return core.SelfAt(at, e.function.owner) if e.function.owner is not None else None


def _enum_value(value: EnumValue, at: Place) -> Operand:
    return Operand(value.type, Constant(at, value.type.base, value.value))


def variable_operand(e: Elaborator, variable: Variable, base: core.Location | None, at: Place) -> Operand:
    """A variable as it is (a reference not followed). base: the structure or instance of a field; None: one's own."""
    kind = variable.type
    if kind is UNKNOWN:
        e.world.ensure(variable)
        kind = variable.type
    if kind is UNKNOWN:
        raise Told("its type is unknown, which has been reported")
    value = variable.value
    if variable.role is Role.RESULT:
        e.result_named = True
    if variable.constant:
        if value is None:
            e.world.ensure(variable)
            value = variable.value
        if value is not None and not isinstance(value, bytes) and (held := held_as(kind)) is not None:
            return Operand(kind, Constant(at, held, value), _place(e, variable, base, at), fixed="a constant")
    fixed = "a constant" if variable.constant else ""
    return Operand(kind, place=_place(e, variable, base, at), fixed=fixed)


def _place(e: Elaborator, variable: Variable, base: core.Location | None, at: Place) -> core.Location:
    kind = variable.type
    if variable.storage is not Storage.FIELD:
        if variable.bit >= 0:
            return core.BitAt(at, core.VariableAt(at, variable, BYTE), variable.bit, BOOL)
        return core.VariableAt(at, variable, kind)
    if base is None:
        base = own_instance(e, at)
        if base is None:
            raise e.told(at, "no-instance", f"{variable.name} belongs to an instance, and there is none here")
    if variable.bit >= 0:
        return core.BitAt(at, core.FieldAt(at, base, variable, BYTE), variable.bit, BOOL)
    return core.FieldAt(at, base, variable, kind)
