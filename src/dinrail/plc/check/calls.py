"""Calls: functions, methods, properties, function blocks, programs, actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build, dispatch
from dinrail.plc.check.arguments import Passed, in_out, passed
from dinrail.plc.check.assigning import negated_target, store
from dinrail.plc.check.attributes import tell_obsolete
from dinrail.plc.check.effects import pinned
from dinrail.plc.check.lookup import own_instance
from dinrail.plc.check.operand import ActionRef, BuiltinRef, Found, MethodRef, Operand, PropertyRef, Told, TypeRef
from dinrail.plc.check.signatures import bound, signature_of
from dinrail.plc.check.world import MethodInfo, PouInfo, Signature
from dinrail.plc.core import expression as core
from dinrail.plc.core.program import Function
from dinrail.plc.core.statement import Assign, Evaluate, Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse.declaration import Access, Pou, PouKind
from dinrail.plc.source import Place
from dinrail.plc.types.model import BOOL, BYTE, ULINT, FunctionBlockType, Type, resolve
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.plc.check.elaborator import Elaborator

Arguments = list[core.Expression | core.Location]


def call(e: Elaborator, node: syntax.Call, want: Type | None) -> Operand:
    """A call where a value is wanted."""
    found = callee(e, node)
    if isinstance(found, BuiltinRef):
        return e.builtin(found.name, node, want)
    if isinstance(found, PouInfo) and found.kind is PouKind.PROGRAM:
        raise e.told(node.at, "no-value", f"{found.name} is a program: its call gives no value")
    instance = _instance(e, found, node.at)
    if instance is None:
        return invoked(e, found, node)
    raise e.told(node.at, "no-value", f"the call of a {_block_of(instance).name} gives no value", "read its outputs")


def call_statements(e: Elaborator, node: syntax.Call) -> list[Statement]:
    """A call as a statement."""
    found = callee(e, node)
    if isinstance(found, BuiltinRef):
        operand = e.builtin(found.name, node, None)
    elif isinstance(found, PouInfo) and found.kind is PouKind.PROGRAM:
        return _program(e, found, node)
    elif isinstance(found, ActionRef) and node.arguments:
        return action_call(e, found, node.arguments, node.at)
    else:
        instance = _instance(e, found, node.at)
        if instance is not None:
            return instance_call(e, instance, node.arguments, node.at)
        operand = invoked(e, found, node)
    return evaluated(operand, node.at)


def evaluated(operand: Operand, at: Place) -> list[Statement]:
    """An operand for its effect only."""
    if operand.value is not None:
        return [Evaluate(at, operand.value), *(operand.after or [])]
    if isinstance(operand.place, core.SequenceAt):
        return operand.place.statements
    return operand.after or []


def callee(e: Elaborator, node: syntax.Call) -> Found:
    """What is called. Inside of a function its own name is its result; with parentheses it is the function."""
    target = node.callee
    if isinstance(target, syntax.Name):
        text = target.text.upper()
        method, pou = e.scope.method, e.scope.pou
        if method is not None and method.name.upper() == text:
            return MethodRef(method, own_instance(e, node.at))
        if pou is not None and pou.kind is PouKind.FUNCTION and pou.syntax.name.upper() == text:
            return pou
    try:
        found = e.found(target)
    except Told:
        for argument in node.arguments:
            if argument.value is not None:
                e.attempt(argument.value)
        raise
    if isinstance(found, TypeRef) and isinstance(target, syntax.Name) and e.is_builtin(target.text.upper()):
        return BuiltinRef(target.text.upper())  # TIME() and LTIME(), which are types too
    return found


def _instance(e: Elaborator, found: Found, at: Place) -> core.Location | None:
    """The instance, when it is a function block that is called."""
    if isinstance(found, PropertyRef):
        found = e.as_operand(found, at)
    if not isinstance(found, Operand):
        return None
    found = e.as_operand(found, at)
    kind = resolve(found.type) if found.type is not None else None
    if isinstance(kind, FunctionBlockType) and found.place is not None:
        return found.place
    hint = "follow it: ^" if found.type is not None and found.type.name.startswith("POINTER") else ""
    name = found.type.name if found.type is not None else "nothing"
    raise e.told(at, "not-callable", f"{name} cannot be called", hint)


def _block_of(place: core.Location) -> FunctionBlockType:
    kind = resolve(place.type)
    if not isinstance(kind, FunctionBlockType):
        raise TypeError(kind)
    return kind


def invoked(e: Elaborator, found: Found, node: syntax.Call) -> Operand:
    """A call of something with a Function."""
    at = node.at
    if isinstance(found, PouInfo):
        if found.kind is PouKind.FUNCTION and found.function is not None:
            function = found.function
            given = passed(e, function, signature_of(e, found), node.arguments, at)
            _result_is_known(function, found.syntax)
            if found.syntax.attributes:
                tell_obsolete(e.report, found.syntax.attributes, found.name, at)
            return _result(
                function, core.Call(at, function, None, given.values, dispatch.scalar_result(function)), given
            )
        raise e.told(
            at, "no-instance", f"the {found.kind.value.lower().replace('_', ' ')} {found.name} needs an instance"
        )
    if isinstance(found, MethodRef):
        allowed(e, found.info, at)
        return method_call(e, found, found.info, node.arguments, at)
    if isinstance(found, ActionRef):
        if node.arguments:
            text = f"the action {found.function.name} gives no value"
            raise e.told(at, "no-value", text, "call it as a statement")
        return Operand(None, core.Call(at, found.function, found.receiver, [], None))
    if isinstance(found, TypeRef):
        raise e.told(at, "not-callable", f"{found.type.name} is a type", f"to convert, write TO_{found.type.name}(...)")
    raise e.told(at, "not-callable", "this cannot be called")


def method_call(
    e: Elaborator, target: MethodRef | PropertyRef, info: MethodInfo, arguments: list[syntax.Argument], at: Place
) -> Operand:
    """A method with its arguments."""
    if info.abstract and target.exact:
        raise e.told(at, "abstract-call", f"the method {info.name} is ABSTRACT there: it has nothing to run")
    given = passed(e, info.function, signature_of(e, info), arguments, at)
    _result_is_known(info.function, info.syntax)
    if info.syntax.attributes:
        tell_obsolete(e.report, info.syntax.attributes, info.name, at)
    return _result(info.function, dispatch.call(e, target, info, given.values, at), given)


def _result_is_known(function: Function, syntax_: Pou) -> None:
    if syntax_.returns is None or function.result is not None:
        return
    if not any(parameter.role is Role.RESULT for parameter in function.parameters):
        raise Told("the result's type is unknown, which has been reported")


def _result(function: Function, node: core.Expression, given: Passed) -> Operand:
    """What a call gives: its scalar, or the temporary that it filled."""
    at = node.at
    if given.result is not None:
        place = core.SequenceAt(at, [Evaluate(at, node), *given.after], given.result, given.result.type)
        return Operand(given.result.type, place=place, fixed="the result of a call")
    if function.result is None:
        return Operand(None, node, after=given.after)
    return Operand(function.result.type, node, fixed="the result of a call", after=given.after or None)


def settle(e: Elaborator, operand: Operand, at: Place) -> Operand:
    """A scalar result with outputs to copy behind the call: the value is kept, then the outputs follow."""
    if not operand.after or operand.value is None or operand.type is None:
        return operand
    kind = build.type_of(operand.value)
    place = e.temporary(kind, at)
    statements: list[Statement] = [Assign(at, place, operand.value), *operand.after]
    value = core.Sequence(at, statements, core.Load(at, place, kind), kind)
    return Operand(operand.type, value, fixed=operand.fixed)


def allowed(e: Elaborator, info: MethodInfo, at: Place) -> None:
    """Refuses a method or accessor that its access keeps from here."""
    if info.access in (Access.PUBLIC, Access.INTERNAL):
        return
    here = e.scope.pou
    if here is not None and (here is info.owner or (info.access is Access.PROTECTED and info.owner in here.chain())):
        return
    name = info.name.partition(".")[0]
    raise e.told(at, "access", f"{name} of {info.owner.name} is {info.access.value}")


# ------------------------------------------------------------------------------------------------------ properties


def property_value(e: Elaborator, target: PropertyRef, at: Place) -> Operand:
    """A property that is read."""
    info = target.info
    if info.getter is None:
        raise e.told(at, "write-only", f"the property {info.name} has no GET: it cannot be read")
    allowed(e, info.getter, at)
    return method_call(e, target, info.getter, [], at)


def property_set(e: Elaborator, target: PropertyRef, value: Callable[[Type], Arguments], at: Place) -> list[Statement]:
    """A property that is written. value: makes the argument, of the property's type."""
    info = target.info
    if info.setter is None:
        raise e.told(at, "read-only", f"the property {info.name} has no SET: it cannot be written")
    allowed(e, info.setter, at)
    return [Evaluate(at, dispatch.call(e, target, info.setter, value(info.type), at))]


# -------------------------------------------------------------------------------------------- blocks and programs


def instance_call(e: Elaborator, place: core.Location, arguments: list[syntax.Argument], at: Place) -> list[Statement]:
    """`fb(in := 1, io := x, out => y)`: inputs stored, body called, outputs copied."""
    block = _block_of(place)
    info = e.world.pou_of_type[id(block)]
    signature = signature_of(e, info)
    out: list[Statement] = []
    place = pinned(e, place, out, at)
    if info.function is None:
        raise TypeError("a block without a body")

    def field_at(variable: Variable) -> core.Location:
        return core.FieldAt(at, place, variable, variable.type)

    after = _inputs(e, signature, arguments, field_at, out, at)
    out.append(Evaluate(at, dispatch.dispatched(e, info.function, "", place, [], at)))
    return out + after


def action_call(e: Elaborator, found: ActionRef, arguments: list[syntax.Argument], at: Place) -> list[Statement]:
    """`fb.Action(in := 1, out => y)`: the block's inputs stored, the action called, the block's outputs copied."""
    out: list[Statement] = []
    place = found.receiver
    if place is not None:
        receiver = pinned(e, place, out, at)
        info = e.world.pou_of_type[id(_block_of(place))]
        after = _inputs(
            e, signature_of(e, info), arguments, lambda v: core.FieldAt(at, receiver, v, v.type), out, at, whole=False
        )
        out.append(Evaluate(at, core.Call(at, found.function, receiver, [], None)))
        return out + after
    info = e.world.pous[found.function.name.rpartition(".")[0].upper()]
    after = _inputs(e, signature_of(e, info), arguments, lambda v: core.VariableAt(at, v, v.type), out, at, whole=False)
    out.append(Evaluate(at, core.Call(at, found.function, None, [], None)))
    return out + after


def _program(e: Elaborator, info: PouInfo, node: syntax.Call) -> list[Statement]:
    if info.function is None:
        raise TypeError("a program without a body")
    out: list[Statement] = []
    after = _inputs(
        e, signature_of(e, info), node.arguments, lambda v: core.VariableAt(node.at, v, v.type), out, node.at
    )
    out.append(Evaluate(node.at, core.Call(node.at, info.function, None, [], None)))
    return out + after


def _inputs(
    e: Elaborator,
    signature: Signature,
    arguments: list[syntax.Argument],
    place_of: Callable[[Variable], core.Location],
    out: list[Statement],
    at: Place,
    *,
    whole: bool = True,
) -> list[Statement]:
    """Stores inputs and binds in-outs, in written order; returns what copies the outputs.

    whole: all in-outs must be given; those of an action keep what the block's last call bound.
    """
    by_variable = bound(e, signature, arguments, at)
    by_argument = {id(argument): variable for variable, argument in by_variable.items()}
    variables = {id(parameter.variable): parameter.variable for parameter in signature.named.values()}
    after: list[Statement] = []
    failed = False
    for argument in arguments:
        variable = variables[by_argument[id(argument)]]
        try:
            _give(e, variable, argument, place_of(variable), out, after)
        except Told:
            failed = True
    for variable in variables.values():
        if whole and variable.role is Role.IN_OUT and id(variable) not in by_variable:
            text = f"{signature.name} needs a variable for its VAR_IN_OUT {variable.name}"
            e.report.error(at, "missing-argument", text, f"{variable.name} := ...")
            failed = True
    if failed:
        raise Told("arguments")
    return after


def _give(
    e: Elaborator,
    variable: Variable,
    argument: syntax.Argument,
    place: core.Location,
    out: list[Statement],
    after: list[Statement],
) -> None:
    value = argument.value
    if value is None:
        return
    at = argument.at
    if variable.role is Role.OUTPUT:
        source = Operand(variable.type, place=place)
        if argument.negated:
            source = negated_target(e, source, at)
        after += store(e, e.target(value), source, at)
    elif variable.role is Role.IN_OUT and isinstance(place, core.FieldAt):
        if variable.storage is not Storage.FIELD:
            raise TypeError("an in-out of a block is a field")
        raw = core.FieldAt(place.at, place.base, variable, ULINT, raw=True)
        out.append(Assign(at, raw, build.address(in_out(e, variable, value), at)))
    elif variable.bit >= 0 and isinstance(place, core.FieldAt):
        bit = core.BitAt(at, core.FieldAt(at, place.base, variable, BYTE), variable.bit, BOOL)
        out.append(Assign(at, bit, e.value(value, BOOL)))
    else:
        out += e.initialise(place, value, at)
