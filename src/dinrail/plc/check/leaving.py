"""FB_Exit and FB_Reinit: which instances have one, and in which order they run.

FB_Exit runs behind the last cycle (reset, the control's end), when __DELETE takes an instance away, and in an online
change before an instance is copied into another declaration of its class, or goes. A derived class' runs first, then
its base's; what an instance holds is left behind it. FB_Reinit runs behind the copying, of the instance's class alone:
it calls its base's itself.
Source: Beckhoff Information System, TwinCAT 3 PLC, "Operating cases", "Behavior with derived function blocks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dinrail.control.context import COPIED, STAYS
from dinrail.plc.check.dispatch import dispatched, scalar_result
from dinrail.plc.check.overriding import EXIT, REINIT
from dinrail.plc.check.world import PouInfo, Scope
from dinrail.plc.core.expression import (
    AddressOf,
    Binary,
    BinaryOperator,
    Call,
    Compare,
    Comparison,
    Constant,
    DerefAt,
    Expression,
    FieldAt,
    IndexAt,
    Intrinsic,
    IntrinsicCall,
    Load,
    Location,
    SelfAt,
    VariableAt,
    ViewAt,
)
from dinrail.plc.core.program import Function, FunctionKind
from dinrail.plc.core.statement import Assign, Evaluate, If, Loop, Statement
from dinrail.plc.source import Place
from dinrail.plc.types.model import (
    BOOL,
    DINT,
    LINT,
    ULINT,
    AliasType,
    ArrayType,
    FunctionBlockType,
    StructType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations
    from dinrail.plc.check.elaborator import Elaborator

LEAVE = "__EXIT"
"""The name by which FunctionBlockType.leave is dispatched: of no method that can be written."""

_Of = Callable[[FunctionBlockType], Function | None]


def _leave_of(block: FunctionBlockType) -> Function | None:
    return block.leave


def _reinitialise_of(block: FunctionBlockType) -> Function | None:
    return block.reinitialise


def plan_leaving(declarations: Declarations, block: FunctionBlockType, own: Iterable[Variable]) -> None:
    """Decides whether a class has something to leave or to begin anew; its base and what it holds are decided."""
    info = declarations.world.pou_of_type.get(id(block))
    if info is None:
        return
    fields, base = list(own), block.base
    block.leave = base.leave if base is not None else None
    block.reinitialise = base.reinitialise if base is not None else None
    if EXIT in info.methods or any(_needs(part, _leave_of) for part in fields):
        copied = Variable("bInCopyCode", BOOL, Storage.VALUE, Role.INPUT, block.at)
        block.leave = _function(info, block, "__exit")
        block.leave.parameters.append(copied)
        block.methods[LEAVE] = block.leave
    if block.leave is not None:
        block.slots.setdefault(LEAVE, len(block.slots))
    if REINIT in info.methods or any(_needs(part, _reinitialise_of) for part in fields):
        block.reinitialise = _function(info, block, "__reinit")
    if any(each is not None and each.owner is block for each in (block.leave, block.reinitialise)):
        declarations.leaving.append(block)


def _function(info: PouInfo, block: FunctionBlockType, name: str) -> Function:
    function = Function(f"{block.name}.{name}", FunctionKind.INITIALISER, block.at, block)
    function.from_library = info.from_library
    return function


def _needs(part: Variable, of: _Of) -> bool:
    return not part.is_reference_field and _holds(part.type, of)


def _holds(kind: Type, of: _Of) -> bool:
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    if isinstance(kind, FunctionBlockType):
        return of(kind) is not None
    return isinstance(kind, StructType) and any(_needs(part, of) for part in kind.fields.values())


def write_leaving(declarations: Declarations, block: FunctionBlockType, own: Iterable[Variable]) -> None:
    """The bodies of what was planned."""
    world = declarations.world
    info = world.pou_of_type[id(block)]
    here, at = SelfAt(block.at, block), block.at
    if (leave := block.leave) is not None and leave.owner is block:
        copied = Load(at, VariableAt(at, leave.parameters[0], BOOL), BOOL)
        elaborator = declarations.elaborator(Scope(world, info), leave)
        if EXIT in info.methods:
            leave.body.append(Evaluate(at, instance_call(info.methods[EXIT].function, here, [copied], at)))
        for part in reversed(list(own)):
            leave.body += _field(elaborator, here, part, at, _leave)
        if block.base is not None and block.base.leave is not None:
            leave.body.append(Evaluate(at, instance_call(block.base.leave, here, [copied], at)))
        world.program.functions.append(leave)
    if (again := block.reinitialise) is not None and again.owner is block:
        elaborator = declarations.elaborator(Scope(world, info), again)
        for part in block.fields.values():
            again.body += _field(elaborator, here, part, at, _reinitialise)
        method = info.find_method(REINIT)
        if method is not None and not method.abstract:
            again.body.append(Evaluate(at, instance_call(method.function, here, [], at)))
        world.program.functions.append(again)


def leave_static(declarations: Declarations, place: Location, variable: Variable) -> None:
    """Adds to what the application does at its end, and behind an online change."""
    program = declarations.world.program
    scope = Scope(declarations.world)
    if _needs(variable, _leave_of):
        elaborator = declarations.elaborator(scope, program.leave)
        program.leave.body[:0] = _inside(elaborator, place, variable.type, variable.at, _leave)
    if _needs(variable, _reinitialise_of):
        elaborator = declarations.elaborator(scope, program.reinitialise)
        program.reinitialise.body += _inside(elaborator, place, variable.type, variable.at, _reinitialise)


_One = Callable[["Elaborator", Location, FunctionBlockType, Place], list[Statement]]


def _field(e: Elaborator, owner: Location, part: Variable, at: Place, one: _One) -> list[Statement]:
    if part.is_reference_field:
        return []
    return _inside(e, FieldAt(at, owner, part, part.type), part.type, at, one)


def _inside(e: Elaborator, place: Location, kind: Type, at: Place, one: _One) -> list[Statement]:
    """`one` for each instance in a place, those within instances apart: that is their class' business."""
    target = resolve(kind)
    if not _holds(target, _leave_of if one is _leave else _reinitialise_of):
        return []
    if isinstance(target, FunctionBlockType):
        return one(e, place, target, at)
    if isinstance(target, ArrayType):
        return for_each(e, place, target, at, lambda element: _inside(e, element, target.element, at, one))
    fields = list(target.fields.values()) if isinstance(target, StructType) else []
    out: list[Statement] = []
    for part in reversed(fields) if one is _leave else fields:
        out += _field(e, place, part, at, one)
    return out


def for_each(
    e: Elaborator, place: Location, kind: ArrayType, at: Place, body: Callable[[Location], list[Statement]]
) -> list[Statement]:
    """A loop over an array's elements."""
    counter = e.temporary(LINT, at)
    inner = body(IndexAt(at, place, Load(at, counter, LINT), kind.element))
    below = Compare(at, Comparison.LESS, Load(at, counter, LINT), Constant(at, LINT, kind.count), BOOL)
    following = Binary(at, BinaryOperator.ADD, Load(at, counter, LINT), Constant(at, LINT, 1), LINT)
    return [
        Assign(at, counter, Constant(at, LINT, 0)),
        Loop(at, below, inner, [Assign(at, counter, following)], None),
    ]


def _leave(e: Elaborator, place: Location, block: FunctionBlockType, at: Place) -> list[Statement]:
    if block.leave is None:
        return []
    change = e.temporary(DINT, at)
    copied = is_change(Load(at, change, DINT), Comparison.EQUAL, COPIED, at)
    call = Evaluate(at, instance_call(block.leave, place, [copied], at))
    stays = is_change(Load(at, change, DINT), Comparison.EQUAL, STAYS, at)
    return [Assign(at, change, change_of(place, at)), If(at, stays, [], [call])]


def _reinitialise(_e: Elaborator, place: Location, block: FunctionBlockType, at: Place) -> list[Statement]:
    if block.reinitialise is None:
        return []
    copied = is_change(change_of(place, at), Comparison.EQUAL, COPIED, at)
    return [If(at, copied, [Evaluate(at, instance_call(block.reinitialise, place, [], at))], [])]


def change_of(place: Location, at: Place) -> Expression:
    """What an online change does to the instance there (control.context); 0: there is none."""
    return IntrinsicCall(at, Intrinsic.CHANGE, [AddressOf(at, place, ULINT)], DINT)


def is_change(change: Expression, how: Comparison, value: int, at: Place) -> Expression:
    """A comparison with one of control.context's numbers."""
    return Compare(at, how, change, Constant(at, DINT, value), BOOL)


def instance_call(function: Function, place: Location, arguments: list[Expression | Location], at: Place) -> Call:
    """The call of a method of exactly that function, for an instance of its class or one below it."""
    owner = function.owner
    receiver = place if owner is None or resolve(place.type) is owner else ViewAt(at, place, owner)
    return Call(at, function, receiver, arguments, scalar_result(function))


def delete_statements(e: Elaborator, kind: Type | None, address: Expression, at: Place) -> list[Statement]:
    """What __DELETE does with the instance at an address before its memory is given back."""
    block = resolve(kind) if kind is not None else None
    if not isinstance(block, FunctionBlockType) or block.leave is None:
        return []
    no = Constant(at, BOOL, value=False)
    return [Evaluate(at, dispatched(e, block.leave, LEAVE, DerefAt(at, address, block), [no], at))]
