"""What calls take, and which argument goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.names import near
from dinrail.plc.check.operand import Told
from dinrail.plc.check.world import MethodInfo, Parameter, PouInfo, Scope, Signature
from dinrail.plc.parse.declaration import BlockKind, Pou
from dinrail.plc.parse.expression import Argument, Passing
from dinrail.plc.source import Place
from dinrail.plc.types.variable import Role, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

_BY_CALL = (BlockKind.INPUT, BlockKind.IN_OUT)


def signature_of(e: Elaborator, info: PouInfo | MethodInfo) -> Signature:
    """Built at its first call. A block's has its base's parameters first."""
    known = e.world.signatures.get(id(info))
    if known is None:
        if isinstance(info, PouInfo):
            known = Signature(info.name, Scope(e.world, info))
            for above in reversed(info.chain()):
                _collect(known, above.syntax, above.variables)
        else:
            known = Signature(info.name, Scope(e.world, info.owner, info))
            _collect(known, info.syntax, info.variables)
        e.world.signatures[id(info)] = known
    return known


def _collect(signature: Signature, syntax: Pou, variables: dict[str, Variable]) -> None:
    for block in syntax.blocks:
        if block.kind not in _BY_CALL and block.kind is not BlockKind.OUTPUT:
            continue
        for declared in block.variables:
            name = declared.name.upper()
            variable = variables.get(name)
            if variable is None:
                continue
            parameter = Parameter(variable, declared.initial)
            signature.named[name] = parameter
            if block.kind in _BY_CALL:
                signature.positional.append(parameter)


def bound(e: Elaborator, signature: Signature, arguments: list[Argument], at: Place) -> dict[int, Argument]:
    """id(parameter's variable) -> its argument. Reports what fits nowhere; Told when anything did not."""
    found: dict[int, Argument] = {}
    failed = False
    for position, argument in enumerate(arguments):
        try:
            if argument.passing is Passing.POSITION:
                parameter = _at_position(e, signature, position, argument, at)
            else:
                parameter = _by_name(e, signature, argument)
            if id(parameter.variable) in found:
                raise e.told(argument.at, "argument-twice", f"{parameter.variable.name} is given twice")
        except Told:
            failed = True
            if argument.value is not None:
                e.attempt(argument.value)
            continue
        found[id(parameter.variable)] = argument
    if failed:
        raise Told("arguments")
    return found


def _at_position(e: Elaborator, signature: Signature, position: int, argument: Argument, at: Place) -> Parameter:
    count = len(signature.positional)
    if position < count:
        return signature.positional[position]
    takes = f"takes {count} input{'' if count == 1 else 's'}" if count else "takes no inputs"
    raise e.told(argument.at or at, "argument-count", f"{signature.name} {takes}, this is one more")


def _by_name(e: Elaborator, signature: Signature, argument: Argument) -> Parameter:
    parameter = signature.named.get(argument.name.upper())
    wants_output = argument.passing is Passing.OUTPUT
    role = parameter.variable.role if parameter is not None else Role.LOCAL
    if parameter is not None and (role is Role.OUTPUT) == wants_output:
        return parameter
    word = "output" if wants_output else "input"
    text = f"{argument.name} is no {word} of {signature.name}"
    if parameter is not None:
        hint = f"write {parameter.variable.name} {':=' if wants_output else '=>'} ..."
    else:
        names = [p.variable.name for p in signature.named.values() if (p.variable.role is Role.OUTPUT) == wants_output]
        hint = near(argument.name, names)
    raise e.told(argument.at, f"no-{word}", text, hint)
