"""Statements to core."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dinrail.plc.check.assigning import assignment_statements
from dinrail.plc.check.calls import call_statements
from dinrail.plc.check.cases import case
from dinrail.plc.check.conversions import name_of
from dinrail.plc.check.loops import for_, repeat, while_
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.core import expression as core
from dinrail.plc.core import statement as out
from dinrail.plc.core.program import FunctionKind
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse import statement as written
from dinrail.plc.parse.statement import Stmt
from dinrail.plc.types.model import BOOL, DINT, held_as

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

_LEAVES = (out.Return, out.Exit, out.Continue, out.Jump)


def block(e: Elaborator, body: list[Stmt]) -> list[Statement]:
    """Statements in order. What can never run is told once, at its first statement."""
    result: list[Statement] = []
    left = False
    for statement in body:
        if left and type(statement) is not written.Label:
            e.report.warning(statement.at, "unreachable", "this is never reached")
        left = False
        mark = len(e.taken)
        try:
            made = _BY_NODE[type(statement)](e, statement)
        except Told:
            continue
        e.give_back(mark)
        result += made
        left = bool(made) and isinstance(made[-1], _LEAVES)
    return result


def _expression(e: Elaborator, node: written.ExprStmt) -> list[Statement]:
    value = node.value
    if isinstance(value, syntax.Assignment):
        return assignment_statements(e, value)
    if isinstance(value, syntax.Call):
        return call_statements(e, value)
    e.operand(value)
    hint = ":= assigns, = compares" if isinstance(value, syntax.Binary) and value.operator == "=" else ""
    e.report.warning(node.at, "no-effect", "this statement has no effect", hint)
    return []


def _if(e: Elaborator, node: written.If) -> list[Statement]:
    made: list[tuple[core.Expression | None, list[Statement]]] = []
    for condition, body in node.branches:
        made.append((condition_value(e, condition), block(e, body)))
    otherwise = block(e, node.otherwise)
    for (condition_, _), (value, then) in zip(reversed(node.branches), reversed(made), strict=True):
        if value is None:
            continue
        otherwise = [out.If(condition_.at, value, then, otherwise)]
    return otherwise


def condition_value(e: Elaborator, node: syntax.Expr) -> core.Expression | None:
    """A condition; None when it is wrong, so that what it guards is looked at all the same."""
    mark = len(e.taken)
    try:
        value = e.value(node, BOOL)
    except Told:
        return None
    e.give_back(mark)
    return value


def _exit(e: Elaborator, node: written.Exit) -> list[Statement]:
    _in_loop(e, node, "EXIT")
    return [out.Exit(node.at)]


def _continue(e: Elaborator, node: written.Continue) -> list[Statement]:
    _in_loop(e, node, "CONTINUE")
    return [out.Continue(node.at)]


def _in_loop(e: Elaborator, node: written.Exit | written.Continue, word: str) -> None:
    if not e.loops:
        raise e.told(node.at, "no-loop", f"{word} stands in no loop")
    if e.guarded and e.loops <= e.guarded[-1]:
        raise _leaves_try(e, node, word)


def _leaves_try(e: Elaborator, node: Stmt, word: str) -> Told:
    text = f"{word} would leave the __TRY that it stands in"
    return e.told(node.at, "leaves-try", text, "set a variable, and leave behind __ENDTRY")


def _return(e: Elaborator, node: written.Return) -> list[Statement]:
    if e.guarded:
        raise _leaves_try(e, node, "RETURN")
    return [out.Return(node.at)]


def _jump(e: Elaborator, node: written.Jump) -> list[Statement]:
    if e.guarded:
        raise _leaves_try(e, node, "JMP")
    e.jumps.append((node.label.upper(), node.at))
    return [out.Jump(node.at, node.label.upper())]


def _label(e: Elaborator, node: written.Label) -> list[Statement]:
    name = node.name.upper()
    if name in e.labels:
        raise e.told(node.at, "duplicate", f"there is a label {node.name} already")
    e.labels[name] = node.at
    return [out.Label(node.at, name)]


def check_jumps(e: Elaborator) -> None:
    """Tells of jumps to nowhere, once the whole body is known."""
    for name, at in e.jumps:
        if name not in e.labels:
            e.report.error(at, "no-label", f"there is no label {name} here")
    used = {name for name, _ in e.jumps}
    for name, at in e.labels.items():
        if name not in used:
            e.report.warning(at, "unused-label", f"nothing jumps to the label {name}")
    e.jumps.clear()


def check_result(e: Elaborator, body: list[Stmt]) -> None:
    """Warns of a function that never names its result: it always gives the type's default."""
    pou = e.scope.pou
    if e.function.kind is not FunctionKind.FUNCTION or pou is None or pou.syntax.returns is None:
        return
    if body and not e.result_named:
        e.report.warning(pou.syntax.at, "no-result", f"{pou.name} never sets its result", f"{pou.name} := ...")


def _try(e: Elaborator, node: written.Try) -> list[Statement]:
    e.guarded.append(e.loops)
    try:
        body = block(e, node.body)
    finally:
        e.guarded.pop()
    code = _code(e, node.code) if node.code is not None else None
    return [out.Try(node.at, body, code, block(e, node.catch), block(e, node.finally_))]


def _code(e: Elaborator, node: syntax.Expr) -> core.Location:
    goal = e.target(node)
    if isinstance(goal, Operand) and goal.place is not None and goal.type is not None:
        held = held_as(goal.type)
        if held is not None and held.bits == DINT.bits and not held.is_float:
            return goal.place if goal.type is DINT else core.ViewAt(node.at, goal.place, DINT)
    name = name_of(goal.type) if isinstance(goal, Operand) else "a property"
    raise e.told(node.at, "catch", f"__CATCH takes a variable of type __SYSTEM.ExceptionCode or DINT, not {name}")


_BY_NODE: dict[type, Callable[[Elaborator, Any], list[Statement]]] = {
    written.ExprStmt: _expression,
    written.If: _if,
    written.Case: case,
    written.For: for_,
    written.While: while_,
    written.Repeat: repeat,
    written.Exit: _exit,
    written.Continue: _continue,
    written.Return: _return,
    written.Jump: _jump,
    written.Label: _label,
    written.Try: _try,
}
