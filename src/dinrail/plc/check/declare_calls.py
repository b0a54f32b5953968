"""Functions out of what can be called: their names, parameters and results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.attributes import attribute
from dinrail.plc.check.declare_variables import bounds_of
from dinrail.plc.check.types_of import type_of
from dinrail.plc.check.world import PouInfo, Scope
from dinrail.plc.core.program import Function, FunctionKind
from dinrail.plc.parse.declaration import Pou, PouKind, TypeExpr
from dinrail.plc.types.model import UNKNOWN, AnyType, FunctionBlockType, OpenArrayType, held_as
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations

FUNCTION_KINDS = {
    PouKind.PROGRAM: FunctionKind.PROGRAM,
    PouKind.FUNCTION: FunctionKind.FUNCTION,
    PouKind.FUNCTION_BLOCK: FunctionKind.BODY,
    PouKind.METHOD: FunctionKind.METHOD,
    PouKind.ACTION: FunctionKind.ACTION,
}


def new_function(pou: Pou, name: str, owner: PouInfo) -> Function:
    """The function that a POU, method or action becomes. name: unique."""
    block = owner.type if isinstance(owner.type, FunctionBlockType) else None
    function = Function(name, FUNCTION_KINDS[pou.kind], pou.at, block)
    function.is_abstract = not pou.has_body
    function.recursion_allowed = attribute(pou.attributes, "dinrail.recursive") is not None
    function.is_rpc = attribute(pou.attributes, "tcrpcenable") is not None
    function.from_library = owner.from_library
    function.comment = pou.comment
    return function


def settle_call(
    declarations: Declarations,
    function: Function,
    returns: TypeExpr | None,
    scope: Scope,
    variables: dict[str, Variable],
    declared: list[Variable],
) -> None:
    """The parameters, result and locals of a function or method. Its result is called as what the scope stands in."""
    if returns is not None:
        settle_result(declarations, function, returns, scope, variables)
    for variable in declared:
        if variable.storage in (Storage.VALUE, Storage.POINTER):
            function.parameters.append(variable)
            function.parameters += bounds_of(variable)
        elif variable.storage is Storage.LOCAL:
            function.locals.append(variable)


def settle_result(
    declarations: Declarations, function: Function, returns: TypeExpr, scope: Scope, variables: dict[str, Variable]
) -> None:
    """The variable that the result is assigned to: a local one, or the place that the caller gives."""
    world = declarations.world
    kind = type_of(world, scope, returns)
    if isinstance(kind, OpenArrayType | AnyType):
        world.report.error(returns.at, "result", f"a result cannot be {kind.name}")
        kind = UNKNOWN
    name = result_name(scope)
    if (taken := variables.get(name.upper())) is not None:
        text = f"{name} is the name of the result; no variable can have it"
        world.report.error(taken.at, "duplicate", text)
    scalar = held_as(kind) is not None
    storage = Storage.LOCAL if scalar else Storage.POINTER
    result = Variable(name, kind, storage, Role.RESULT, returns.at, name)
    variables[name.upper()] = result
    if scalar:
        function.result = result
    elif kind is not UNKNOWN:
        function.parameters.insert(0, result)


def result_name(scope: Scope) -> str:
    """A function's, method's or property's own name."""
    if scope.method is not None:
        return scope.method.name.partition(".")[0]
    return scope.pou.syntax.name if scope.pou else ""
