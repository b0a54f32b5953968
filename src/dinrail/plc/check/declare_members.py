"""Methods, properties and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.declare_calls import new_function, settle_call
from dinrail.plc.check.declare_variables import Home, declare_variables, settle_variables
from dinrail.plc.check.types_of import type_of
from dinrail.plc.check.world import MethodInfo, PouInfo, PropertyInfo, Scope
from dinrail.plc.core.program import FunctionKind
from dinrail.plc.parse.declaration import Access, BlockKind, Pou, PouKind, Property
from dinrail.plc.source import Place
from dinrail.plc.types.model import FunctionBlockType, held_as
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations

HOMES = {
    PouKind.PROGRAM: Home.PROGRAM_METHOD,
    PouKind.FUNCTION_BLOCK: Home.METHOD,
    PouKind.INTERFACE: Home.INTERFACE_METHOD,
}


def declare_members(declarations: Declarations, info: PouInfo) -> None:
    """All methods, properties and actions of a POU."""
    pou = info.syntax
    if info.kind is PouKind.FUNCTION:
        members = [(each.name, each.at) for each in (*pou.methods, *pou.actions)]
        for name, at in members + [(each.name, each.at) for each in pou.properties]:
            text = f"a function has no methods, properties or actions; {pou.name} declares {name}"
            declarations.world.report.error(at, "misplaced-member", text)
        return
    for method in pou.methods:
        if _is_free(declarations, info, method.name, method.at):
            _method(declarations, info, method)
    for prop in pou.properties:
        if _is_free(declarations, info, prop.name, prop.at):
            _property(declarations, info, prop)
    for action in pou.actions:
        if _is_free(declarations, info, action.name, action.at):
            _action(declarations, info, action)


def _is_free(declarations: Declarations, info: PouInfo, name: str, at: Place) -> bool:
    key = name.upper()
    taken = (
        ("variable", info.find_variable(key)),
        ("method", info.methods.get(key)),
        ("property", info.properties.get(key)),
        ("action", info.actions.get(key)),
    )
    for what, found in taken:
        if found is not None:
            text = f"{info.name} has a {what} {name} already"
            declarations.world.report.error(at, "duplicate", text)
            return False
    return True


def _method(declarations: Declarations, info: PouInfo, pou: Pou) -> None:
    method = _new_method(info, pou, pou.name, pou.access, abstract=pou.abstract, final=pou.final)
    info.methods[pou.name.upper()] = method
    scope = Scope(declarations.world, info, method)
    declared = _own(declarations, info, pou, scope, method)
    settle_call(declarations, method.function, pou.returns, scope, method.variables, declared)
    if pou.has_body:
        declarations.add_body(method.function, pou, scope)


def _new_method(info: PouInfo, pou: Pou, name: str, access: Access, *, abstract: bool, final: bool) -> MethodInfo:
    function = new_function(pou, f"{info.name}.{name}", info)
    function.kind = FunctionKind.METHOD
    function.is_abstract = abstract or not pou.has_body
    return MethodInfo(name, pou, function, info, {}, access, function.is_abstract, final)


def _own(declarations: Declarations, info: PouInfo, pou: Pou, scope: Scope, method: MethodInfo) -> list[Variable]:
    """A method's declared variables, settled; VAR_INST among the instance's fields."""
    home = HOMES[info.kind]
    path = method.function.name
    declared = declare_variables(declarations, pou.blocks, scope, home, path, method.variables)
    settle_variables(declarations, declared, home)
    block = info.type
    if isinstance(block, FunctionBlockType):
        for variable in declared:
            if variable.storage is Storage.FIELD:
                # With the class: a method and the one that it overrides may both have one of that name.
                block.fields[f"{block.name}.{method.name}.{variable.name}".upper()] = variable
    declarations.note_statics(declared)
    return declared


def _property(declarations: Declarations, info: PouInfo, prop: Property) -> None:
    world = declarations.world
    kind = type_of(world, Scope(world, info), prop.type)
    found = PropertyInfo(prop.name, prop, kind, info, access=prop.access)
    info.properties[prop.name.upper()] = found
    if prop.getter is None and prop.setter is None:
        text = f"the property {prop.name} can neither be read nor written"
        world.report.error(prop.at, "empty-property", text, "give it a GET or a SET")
    if prop.getter is not None:
        method, scope, declared = _accessor(declarations, info, prop, prop.getter, "get")
        settle_call(declarations, method.function, prop.type, scope, method.variables, declared)
        found.getter = method
    if prop.setter is not None:
        method, scope, declared = _accessor(declarations, info, prop, prop.setter, "set")
        storage = Storage.POINTER if held_as(kind) is None else Storage.VALUE
        value = Variable(prop.name, kind, storage, Role.INPUT, prop.at, prop.name)
        method.variables[prop.name.upper()] = value
        settle_call(declarations, method.function, None, scope, method.variables, [value, *declared])
        found.setter = method


def _accessor(
    declarations: Declarations, info: PouInfo, prop: Property, pou: Pou, which: str
) -> tuple[MethodInfo, Scope, list[Variable]]:
    access = prop.access if pou.access is Access.PUBLIC else pou.access
    name = f"{prop.name}.{which}"
    method = _new_method(info, pou, name, access, abstract=prop.abstract or pou.abstract, final=prop.final or pou.final)
    info.methods[name.upper()] = method
    scope = Scope(declarations.world, info, method)
    declared = _own(declarations, info, pou, scope, method)
    if not method.function.is_abstract:
        declarations.add_body(method.function, pou, scope)
    return method, scope, declared


def _action(declarations: Declarations, info: PouInfo, pou: Pou) -> None:
    """An action runs on its POU's variables. Of VAR_TEMP it gets its own, since those live as long as one call."""
    function = new_function(pou, f"{info.name}.{pou.name}", info)
    info.actions[pou.name.upper()] = function
    info.action_syntax[pou.name.upper()] = pou
    temporaries = [block for block in info.syntax.blocks if block.kind is BlockKind.TEMP and not block.constant]
    scope = Scope(declarations.world, info)
    if temporaries:
        method = MethodInfo(pou.name, pou, function, info)
        scope = Scope(declarations.world, info, method)
        home = Home.METHOD
        declared = declare_variables(declarations, temporaries, scope, home, function.name, method.variables)
        settle_variables(declarations, declared, home)
        function.locals = list(declared)
    declarations.add_body(function, pou, scope)
