"""FOR, WHILE, REPEAT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build, numbers
from dinrail.plc.check.conversions import loaded, name_of, to_scalar
from dinrail.plc.check.effects import kept
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Comparison, Constant, Expression
from dinrail.plc.core.statement import Assign, Loop, Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse import statement as written
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS
from dinrail.plc.types.model import BOOL, LINT, ULINT, ScalarType, held_as

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator
    from dinrail.plc.parse.statement import Stmt


def inside(e: Elaborator, body: list[Stmt], name: str = "") -> list[Statement]:
    """A loop's body."""
    e.loops += 1
    if name:
        e.loop_names.append(name)
    try:
        return e.block(body)
    finally:
        e.loops -= 1
        if name:
            e.loop_names.pop()


def while_(e: Elaborator, node: written.While) -> list[Statement]:
    """WHILE."""
    condition = _condition(e, node.condition)
    body = inside(e, node.body)
    if condition is None:
        raise Told("condition")
    return [Loop(node.at, condition, body, [], None)]


def repeat(e: Elaborator, node: written.Repeat) -> list[Statement]:
    """REPEAT."""
    body = inside(e, node.body)
    until = _condition(e, node.until)
    if until is None:
        raise Told("condition")
    return [Loop(node.at, None, body, [], until)]


def _condition(e: Elaborator, node: syntax.Expr) -> Expression | None:
    try:
        return e.value(node, BOOL)
    except Told:
        return None


def for_(e: Elaborator, node: written.For) -> list[Statement]:
    """FOR. The end and the step are evaluated once, before the first round; the step's sign decides the direction.

    The loop ends where the next step would leave the variable's type (TwinCAT starts again from the other end there).
    """
    name = node.variable.text.upper() if isinstance(node.variable, syntax.Name) else ""
    try:
        head = _head(e, node)
    except Told:
        inside(e, node.body, name)
        raise
    before, loop = head
    loop.body = inside(e, node.body, name)
    return [*before, loop]


def _head(e: Elaborator, node: written.For) -> tuple[list[Statement], Loop]:
    variable = _variable(e, node.variable)
    held = held_as(variable.type) if variable.type is not None else None
    place = variable.place
    if held is None or place is None or variable.type is None:
        raise TypeError("checked above")
    at = node.at
    before: list[Statement] = [Assign(at, place, e.value(node.start, variable.type))]
    end = _bound(e, e.operand(node.end), held, node.end.at)
    end = kept(e, end, before, node.end.at)
    one = build.number(1, held, at)
    step = to_scalar(e, e.operand(node.step), _signed(held), node.step.at) if node.step is not None else one
    step = kept(e, step, before, at)
    return before, _loop(e, node, place, held, end, step)


def _signed(held: ScalarType) -> ScalarType:
    """The type of a step: one that can be negative."""
    return LINT if not held.signed else held


def _variable(e: Elaborator, node: syntax.Expr) -> Operand:
    goal = e.target(node)
    kind = held_as(goal.type) if isinstance(goal, Operand) and goal.type is not None else None
    if not isinstance(goal, Operand) or kind is None or kind.family not in INTEGERS:
        name = name_of(goal.type) if isinstance(goal, Operand) else "a property"
        raise e.told(node.at, "for-variable", f"FOR counts with an integer variable, this is {name}")
    return goal


def _bound(e: Elaborator, end: Operand, held: ScalarType, at: Place) -> Expression:
    """The end in a type that it and the variable can be compared in."""
    if end.loose or end.constant is not None:
        return to_scalar(e, end, held, at)
    kind = held_as(end.type) if end.type is not None else None
    if kind is None or kind.family not in INTEGERS:
        raise e.told(at, "for-bound", f"FOR counts to an integer, this is {name_of(end.type)}")
    value = loaded(end, at)
    given = build.type_of(value)
    if given is held:
        return value
    if given.bits == 64 and not given.signed:
        return value if not held.signed else build.converted(value, LINT, at)
    return build.converted(value, ULINT if held is ULINT else LINT, at)


def _loop(
    e: Elaborator, node: written.For, place: core.Location, held: ScalarType, end: Expression, step: Expression
) -> Loop:
    at = node.at
    now = core.Load(at, place, held)
    register = build.type_of(end)
    compared = build.converted(now, register, at)
    upwards = build.compare(Comparison.LESS_EQUAL, compared, end, at)
    downwards = build.compare(Comparison.GREATER_EQUAL, compared, end, at)
    until: Expression | None = None
    if isinstance(step, Constant):
        if step.value == 0:
            raise e.told(node.step.at if node.step else at, "for-step", "a step of 0 never ends")
        condition = upwards if step.value > 0 else downwards
        until = _left_the_type(now, held, end, int(step.value), at)
    else:
        positive = build.compare(Comparison.GREATER_EQUAL, step, build.number(0, build.type_of(step), at), at)
        condition = core.Choose(at, positive, upwards, downwards, BOOL)
    moved = build.binary(BinaryOperator.ADD, now, build.converted(step, held, at), held, at)
    return Loop(at, condition, [], [Assign(at, place, moved)], until)


def _left_the_type(now: Expression, held: ScalarType, end: Expression, step: int, at: Place) -> Expression | None:
    """Whether the step just made went over the type's limit; None where the end is too far from it."""
    low, high = numbers.bounds(held)
    if isinstance(end, Constant) and low <= end.value + step <= high:
        return None
    if step > 0:
        return (
            build.compare(Comparison.LESS, now, build.number(low + step, held, at), at) if low + step <= high else None
        )
    return (
        build.compare(Comparison.GREATER, now, build.number(high + step, held, at), at) if high + step >= low else None
    )
