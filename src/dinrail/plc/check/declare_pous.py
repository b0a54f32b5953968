"""Programs, functions, function blocks and interfaces: their shells, then all that their headers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.attributes import pack_bytes
from dinrail.plc.check.declare_calls import new_function, settle_call
from dinrail.plc.check.declare_members import declare_members
from dinrail.plc.check.declare_variables import Home, bounds_of, declare_variables, settle_variables
from dinrail.plc.check.inheritance import resolve_bases
from dinrail.plc.check.overriding import build_tables
from dinrail.plc.check.world import PouInfo, Scope
from dinrail.plc.parse.declaration import Pou, PouKind
from dinrail.plc.types.model import (
    FunctionBlockType,
    InterfaceType,
)
from dinrail.plc.types.variable import Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations

HOMES = {
    PouKind.PROGRAM: Home.PROGRAM,
    PouKind.FUNCTION: Home.FUNCTION,
    PouKind.FUNCTION_BLOCK: Home.BLOCK,
}


def new_pou(declarations: Declarations, pou: Pou, namespace: str = "", key: str = "") -> PouInfo:
    """The shell of a POU, registered: others can name it and hold instances of it.

    key: what it is registered as, `TC2_STANDARD.TON` where another POU has its name; its own name then is as long.
    """
    world = declarations.world
    full_name = f"{namespace}.{pou.name}" if "." in key else pou.name
    info = PouInfo(full_name, pou.kind, pou, namespace, from_library=bool(namespace))
    name = key or pou.name.upper()
    if pou.kind is PouKind.FUNCTION_BLOCK:
        info.type = FunctionBlockType(
            full_name,
            abstract=pou.abstract,
            final=pou.final,
            pack_bytes=pack_bytes(pou.attributes),
            number=len(world.program.classes),
            comment=pou.comment,
            attributes=pou.attributes,
            at=pou.at,
        )
        world.program.classes.append(info.type)
    elif pou.kind is PouKind.INTERFACE:
        info.type = InterfaceType(full_name, number=len(world.program.interfaces), at=pou.at)
        world.program.interfaces.append(info.type)
    if info.type is not None:
        world.types[name] = info.type
        world.pou_of_type[id(info.type)] = info
    world.pous[name] = info
    return info


def settle_pou(declarations: Declarations, info: PouInfo) -> None:
    """All that a POU declares; once. Its bodies are put on the list."""
    if id(info) in declarations.settled:
        return
    declarations.settled[id(info)] = False
    declarations.depth += 1
    resolve_bases(declarations, info)
    if info.kind is not PouKind.INTERFACE:
        _own_variables(declarations, info)
    declare_members(declarations, info)
    build_tables(declarations, info)
    info.seal()
    declarations.depth -= 1
    declarations.settled[id(info)] = True


def _own_variables(declarations: Declarations, info: PouInfo) -> None:
    pou, home = info.syntax, HOMES[info.kind]
    scope = Scope(declarations.world, info)
    function = new_function(pou, info.name, info)
    info.function = function
    declared = declare_variables(declarations, pou.blocks, scope, home, info.name, info.variables)
    settle_variables(declarations, declared, home)
    if home is Home.FUNCTION:
        settle_call(declarations, function, pou.returns, scope, info.variables, declared)
    else:
        if pou.returns is not None:
            text = f"{home.value} has no result; {pou.name} declares one"
            declarations.world.report.error(pou.at, "result", text, "use a VAR_OUTPUT")
        function.locals = [each for each in declared if each.storage is Storage.LOCAL]
    if isinstance(info.type, FunctionBlockType):
        _fields(declarations, info, info.type, declared)
    declarations.note_statics(declared)
    declarations.add_body(function, pou, scope)


def _fields(declarations: Declarations, info: PouInfo, block: FunctionBlockType, declared: list[Variable]) -> None:
    """A function block's fields: its base's, then its own."""
    base = block.base
    if base is not None:
        block.fields |= base.fields
    for variable in declared:
        inherited = info.base.find_variable(variable.name.upper()) if info.base else None
        if inherited is not None:
            text = f"{variable.name} is declared in {info.base.name if info.base else ''} already"
            hint = f"{info.name} extends it; take another name"
            declarations.world.report.error(variable.at, "duplicate", text, hint)
            continue
        if variable.storage is Storage.FIELD:
            block.fields[variable.name.upper()] = variable
            block.fields |= {hidden.name.upper(): hidden for hidden in bounds_of(variable)}
