"""What is left to do once constant bytes are in place: references, calls, FB_Init."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dinrail.control.context import COPIED
from dinrail.plc.check.after_init import after_statements, is_called_after
from dinrail.plc.check.leaving import change_of, is_change
from dinrail.plc.check.overriding import CONSTRUCTOR, IMPLICIT
from dinrail.plc.check.packing import default_bytes, unpack_scalar
from dinrail.plc.check.world import Later, MethodInfo, PouInfo, World
from dinrail.plc.core import statement as core
from dinrail.plc.core.expression import (
    Binary,
    BinaryOperator,
    Call,
    Compare,
    Comparison,
    Constant,
    FieldAt,
    IndexAt,
    Load,
    Location,
    VariableAt,
    ViewAt,
)
from dinrail.plc.core.program import Function, FunctionKind
from dinrail.plc.parse.expression import Argument, Literal, LiteralKind, Passing, StructInit
from dinrail.plc.source import Place
from dinrail.plc.types.model import (
    BOOL,
    LINT,
    AliasType,
    ArrayType,
    FunctionBlockType,
    PointerType,
    StructType,
    Type,
    held_as,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

__all__ = ["default_bytes", "initialise_statements", "needs_start", "reset_statements", "start_statements"]


def needs_start(world: World, kind: Type) -> bool:
    """Whether constant bytes are not all that a place of this type needs."""
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    if isinstance(kind, FunctionBlockType):
        return kind.initialise is not None or CONSTRUCTOR in kind.methods or is_called_after(world, kind)
    return isinstance(kind, StructType) and any(field_needs_start(world, part) for part in kind.fields.values())


def field_needs_start(world: World, part: Variable) -> bool:
    """The same for a field: by its type, or by what its declaration asks for."""
    return not part.is_reference_field and (id(part) in world.startup or needs_start(world, part.type))


def initialise_statements(
    elaborator: Elaborator, location: Location, kind: Type, at: Place, arguments: Sequence[Argument] = ()
) -> list[core.Statement]:
    """What is left to do after `default_bytes` are in place: references, FB_Init of the instance and of those in it.
    Empty for most types. arguments: those written for FB_Init (behind its two implicit ones)."""
    world, target = elaborator.world, resolve(kind)
    if isinstance(target, FunctionBlockType):
        return _instance(elaborator, location, target, at, arguments)
    if not needs_start(world, target):
        return []
    if isinstance(target, ArrayType):
        return _each(elaborator, location, target, at, arguments)
    if isinstance(target, StructType):
        return fields_start(elaborator, location, list(target.fields.values()), at)
    return []


def fields_start(
    elaborator: Elaborator, location: Location, fields: Sequence[Variable], at: Place
) -> list[core.Statement]:
    """The same for fields of a structure or instance, in declared order."""
    out: list[core.Statement] = []
    for part in fields:
        if field_needs_start(elaborator.world, part):
            out += start_statements(elaborator, FieldAt(at, location, part, part.type), part, at)
    return out


def start_statements(elaborator: Elaborator, place: Location, variable: Variable, at: Place) -> list[core.Statement]:
    """What a variable or field needs beyond its bytes: its instances', then what its declaration says."""
    startup = elaborator.world.startup.get(id(variable))
    if startup is not None and startup.elements:
        out = _elements(elaborator, place, variable, startup.elements, at)
    else:
        arguments = startup.arguments if startup else []
        out = initialise_statements(elaborator, place, variable.type, at, arguments)
    for later in startup.later if startup else []:
        out += _assign_later(elaborator, place, later)
    return out + after_statements(elaborator, place, variable.type, at)


def _assign_later(elaborator: Elaborator, base: Location, later: Later) -> list[core.Statement]:
    place, at = base, later.value.at
    for step in later.steps:
        if isinstance(step, Variable):
            place = FieldAt(at, place, step, step.type)
        else:
            kind = resolve(place.type)
            element = kind.element if isinstance(kind, ArrayType) else kind
            place = IndexAt(at, place, Constant(at, LINT, step), element)
    target = resolve(later.type)
    if isinstance(target, FunctionBlockType) and isinstance(later.value, StructInit):
        out: list[core.Statement] = []
        for field_at, name, value in later.value.fields:
            if (part := target.fields.get(name.upper())) is not None:
                out += elaborator.assign(FieldAt(field_at, place, part, part.type), value, field_at)
        return out
    is_reference = isinstance(target, PointerType) and target.is_reference
    return elaborator.assign(place, later.value, at, reference=is_reference)


def _each(
    elaborator: Elaborator, location: Location, kind: ArrayType, at: Place, arguments: Sequence[Argument]
) -> list[core.Statement]:
    """A loop over an array's elements."""
    number = f"^element{len(elaborator.function.locals)}"
    counter = Variable(number, LINT, Storage.LOCAL, Role.HIDDEN, at)
    elaborator.function.locals.append(counter)
    here = VariableAt(at, counter, LINT)
    element = IndexAt(at, location, Load(at, here, LINT), kind.element)
    body = initialise_statements(elaborator, element, kind.element, at, arguments)
    below = Compare(at, Comparison.LESS, Load(at, here, LINT), Constant(at, LINT, kind.count), BOOL)
    following = Binary(at, BinaryOperator.ADD, Load(at, here, LINT), Constant(at, LINT, 1), LINT)
    return [
        core.Assign(at, here, Constant(at, LINT, 0)),
        core.Loop(at, below, body, [core.Assign(at, here, following)], None),
    ]


def _elements(
    elaborator: Elaborator, place: Location, variable: Variable, elements: Sequence[Sequence[Argument]], at: Place
) -> list[core.Statement]:
    """An array of instances with arguments of FB_Init for each."""
    kind = resolve(variable.type)
    count = kind.count if isinstance(kind, ArrayType) else 0
    if not isinstance(kind, ArrayType) or len(elements) != count:
        text = f"{variable.name} has {count} elements; arguments are given for {len(elements)}"
        elaborator.world.report.error(variable.at, "fb-init-arguments", text)
        return []
    out: list[core.Statement] = []
    for number, arguments in enumerate(elements):
        element = IndexAt(at, place, Constant(at, LINT, number), kind.element)
        out += initialise_statements(elaborator, element, kind.element, at, arguments)
    return out


def _instance(
    elaborator: Elaborator, location: Location, kind: FunctionBlockType, at: Place, arguments: Sequence[Argument]
) -> list[core.Statement]:
    """The class's own initialiser, then FB_Init of each class that has one, base first.

    Source: Beckhoff Information System, "Methods FB_init, FB_reinit and FB_exit", "Behavior with derived blocks".
    """
    out: list[core.Statement] = []
    if kind.initialise is not None:
        out.append(core.Evaluate(at, Call(at, kind.initialise, location, [], None)))
    info = elaborator.world.pou_of_type.get(id(kind))
    if info is None:
        return out
    constructors = [each for each in reversed(info.chain()) if CONSTRUCTOR in each.methods]
    given = _named(elaborator, info, constructors, arguments, at)
    if given is None:
        return out
    for owner in constructors:
        method = owner.methods[CONSTRUCTOR]
        place = location
        if isinstance(owner.type, FunctionBlockType) and owner.type is not kind:
            place = ViewAt(at, location, owner.type)
        own = [argument for argument in given if argument.name.upper() in method.variables or owner is constructors[-1]]
        call = elaborator.call_method(place, method, own, at)
        if elaborator.function.kind is FunctionKind.INITIALISER and isinstance(call, Call):
            _ask_about_change(call, location, at)
        out.append(core.Evaluate(at, call))
    return out


def _ask_about_change(call: Call, location: Location, at: Place) -> None:
    """FB_Init's first two arguments, where an online change may be why it runs: FALSE, TRUE when the instance was
    there before."""
    for number, how in zip(_implicit(call.function), (Comparison.LESS, Comparison.GREATER_EQUAL), strict=False):
        call.arguments[number] = is_change(change_of(location, at), how, COPIED, at)


def _implicit(function: Function) -> list[int]:
    """Where bInitRetains and bInCopyCode stand among a function's parameters."""
    return [number for number, each in enumerate(function.parameters) if each.role is Role.INPUT][: len(IMPLICIT)]


def _named(
    elaborator: Elaborator,
    info: PouInfo,
    constructors: Sequence[PouInfo],
    arguments: Sequence[Argument],
    at: Place,
) -> list[Argument] | None:
    """The arguments of FB_Init, all by name: the two implicit ones first. None when they do not fit, which is told."""
    report = elaborator.world.report
    if not constructors:
        if arguments:
            text = f"{info.name} has no FB_Init that could take arguments"
            report.error(arguments[0].at, "fb-init-arguments", text, "write := (x := 1) to set its inputs")
        return []
    inputs = _inputs(constructors[-1].methods[CONSTRUCTOR])
    values = (True, False)  # bInitRetains, bInCopyCode
    out = [
        Argument(at, parameter.name, Passing.INPUT, Literal(at, LiteralKind.BOOL, value))
        for parameter, value in zip(inputs, values, strict=False)
    ]
    further = inputs[2:]
    for number, written in enumerate(arguments):
        argument = written
        if written.passing is Passing.POSITION and number < len(further):
            argument = Argument(written.at, further[number].name, Passing.INPUT, written.value)
        elif written.passing is Passing.POSITION:
            most = "one argument" if len(further) == 1 else f"{len(further)} arguments"
            text = f"FB_Init of {info.name} takes {most}; {len(arguments)} are given"
            report.error(argument.at, "fb-init-arguments", text)
            return None
        out.append(argument)
    given = {argument.name.upper() for argument in out}
    for parameter in further:
        if parameter.name.upper() not in given:
            text = f"FB_Init of {info.name} needs {parameter.name}"
            hint = f"write {info.name}({parameter.name} := ...) in the declaration"
            report.error(at, "fb-init-arguments", text, hint)
            return None
    return out


def _inputs(method: MethodInfo) -> list[Variable]:
    return [each for each in method.function.parameters if each.role is Role.INPUT]


def reset_statements(elaborator: Elaborator, variable: Variable, at: Place) -> list[core.Statement]:
    """A variable that is made anew at each call: its initial bytes, then what it needs beyond them."""
    place = VariableAt(at, variable, variable.type)
    held = held_as(variable.type)
    initial = variable.initial
    if variable.role is Role.RESULT:
        initial = elaborator.default_bytes(variable.type)  # a result has no declaration of its own
    out: list[core.Statement] = []
    if held is not None:
        value = unpack_scalar(held, initial or bytes(held.size_bytes))
        out.append(core.Assign(at, place, Constant(at, held, value)))
    else:
        out.append(core.Fill(at, place, initial or b""))
    return out + start_statements(elaborator, place, variable, at)
