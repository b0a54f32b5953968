"""Statements: they move bytes, or say what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dinrail.control import context
from dinrail.plc.core.expression import ConstantAt
from dinrail.plc.core.program import Fault
from dinrail.plc.core.statement import (
    Assign,
    Continue,
    Copy,
    CopyText,
    Evaluate,
    Exit,
    Fill,
    If,
    Jump,
    Label,
    Loop,
    Return,
    Statement,
    Switch,
    Try,
)
from dinrail.plc.emit import choice, expression, guarded, intrinsic, location
from dinrail.plc.emit.bounded import is_short
from dinrail.plc.emit.failure import EmitFault
from dinrail.plc.emit.writer import LEAVE_AGAIN, LEAVE_FUNCTION, LEAVE_LOOP, LoopTargets, Writer
from dinrail.plc.source import Place
from dinrail.plc.types.model import CLASS_NUMBER_BYTES, FunctionBlockType, TextType, held_as, resolve


def statements(w: Writer, nodes: Sequence[Statement]) -> None:
    """Each in turn. What can never be reached goes into a block that LLVM drops."""
    before: Statement | None = None
    for node in nodes:
        if w.terminated and type(node) is not Label:
            w.begin(w.label())
        w.at(node.at)
        w.before = before
        _STATEMENTS[type(node)](w, node)
        before = node


def _assign(w: Writer, node: Assign) -> None:
    operand = expression.value(w, node.value)
    kind = held_as(node.target.type)
    if kind is None:
        raise EmitFault(f"{node.target.type.name} is assigned as a scalar")
    expression.store(w, node.target, kind.name, operand)


def _copy(w: Writer, node: Copy) -> None:
    size_bytes = node.target.type.size_bytes
    source = location.address(w, node.source)
    target = location.address(w, node.target)
    if isinstance(resolve(node.target.type), FunctionBlockType):
        size_bytes -= CLASS_NUMBER_BYTES
        source = w.value(f"getelementptr inbounds i8, ptr {source}, i64 {CLASS_NUMBER_BYTES}")
        target = w.value(f"getelementptr inbounds i8, ptr {target}, i64 {CLASS_NUMBER_BYTES}")
    if size_bytes > 0:
        intrinsic.copy_bytes(w, target, source, str(size_bytes))


def _copy_text(w: Writer, node: CopyText) -> None:
    kind = resolve(node.target.type)
    if not isinstance(kind, TextType):
        raise EmitFault(f"a text is copied into {kind.name}")
    source_kind = resolve(node.source.type)
    source_units = source_kind.length + 1 if isinstance(source_kind, TextType) else source_kind.size_bytes
    most = min(kind.length, source_units)
    if isinstance(node.source, ConstantAt):
        _copy_constant_text(w, node, kind, node.source, most)
        return
    source = location.address(w, node.source)
    target = location.address(w, node.target)
    helper = w.emission.helper(f"text_copy_{16 if kind.wide else 8}")
    w.effect(f"call void {helper}(ptr {target}, ptr {source}, i64 {most})")


def _copy_constant_text(w: Writer, node: CopyText, kind: TextType, source: ConstantAt, most: int) -> None:
    """The length is known: whole bytes with their NUL."""
    unit = 2 if kind.wide else 1
    data = source.data[: most * unit]
    end = next((at for at in range(0, len(data), unit) if not any(data[at : at + unit])), len(data))
    text = data[:end] + bytes(unit)
    target = location.address(w, node.target)
    intrinsic.copy_bytes(w, target, w.emission.constant(text), str(len(text)), location.touched(w, node.target))


def _fill(w: Writer, node: Fill) -> None:
    target = location.address(w, node.target)
    size_bytes = node.target.type.size_bytes
    if not any(node.data):
        if size_bytes:
            intrinsic.fill_bytes(w, target, "0", str(size_bytes), location.touched(w, node.target))
        return
    data = w.emission.constant(node.data.ljust(size_bytes, b"\0"))
    intrinsic.copy_bytes(w, target, data, str(size_bytes), location.touched(w, node.target))


def _evaluate(w: Writer, node: Evaluate) -> None:
    expression.value(w, node.value)


def _if(w: Writer, node: If) -> None:
    done = w.label()
    rest: list[Statement] = [node]
    while len(rest) == 1 and isinstance(branch := rest[0], If):  # a chain of ELSIF may be longer than a stack is deep
        w.at(branch.at)
        condition = expression.value(w, branch.condition)
        then, otherwise = w.label(), w.label()
        w.branch(condition, then, otherwise)
        w.begin(then)
        statements(w, branch.then)
        w.jump(done)
        w.begin(otherwise)
        rest = branch.otherwise
    statements(w, rest)
    w.begin(done)


def _loop(w: Writer, node: Loop) -> None:
    head, body, step, leave = (w.label() for _ in range(4))
    ends_soon = w.emission.options.loop_abort and is_short(w, node, w.before)
    w.begin(head)
    looks_first = node.condition is not None and node.until is None and not ends_soon
    if node.condition is not None:
        condition = expression.value(w, node.condition)
        if looks_first and w.emission.options.loop_abort:
            _enter(w, condition, body, leave, node.at)
        else:
            w.branch(condition, body, leave)
    w.begin(body)
    w.loops.append(LoopTargets(leave, step))
    statements(w, node.body)
    w.begin(step)
    w.at(node.at)
    statements(w, node.step)
    w.loops.pop()
    if node.until is not None:
        latch = w.label()
        w.branch(expression.value(w, node.until), leave, latch)
        w.begin(latch)
    if looks_first or ends_soon:
        w.jump(head)
    else:
        _back(w, head, node.at)
    w.begin(leave)


def _enter(w: Writer, condition: str, body: str, leave: str, at: Place) -> None:
    """Into the loop's next round when the condition holds and the supervisor does not want the task to end.

    One branch for both, in front of the body. A look at the loop's end, or a branch of its own, would keep LLVM from
    turning the loop around (LoopRotate), and so from keeping variables in registers all through it (LICM).
    """
    flag = _abort_flag(w)
    goes_on = w.value(f"icmp eq i32 {flag}, 0")
    out = w.label()
    w.branch(w.value(f"and i1 {condition}, {goes_on}"), body, out)
    w.begin(out)
    w.fault_unless(goes_on, Fault.RUNAWAY, at)
    w.jump(leave)


def _back(w: Writer, head: str, at: Place) -> None:
    """Goes to an earlier block, unless the supervisor wants the task to end."""
    if w.emission.options.loop_abort and not w.terminated:
        w.fault_if(w.value(f"icmp ne i32 {_abort_flag(w)}, 0"), Fault.RUNAWAY, at)
    w.jump(head)


def _abort_flag(w: Writer) -> str:
    where = _field_of_context(w, context.ABORT)
    return w.value(f"load atomic i32, ptr {where} monotonic, align 4{w.emission.aliasing.record}")


def _field_of_context(w: Writer, offset: int) -> str:
    return w.value(f"getelementptr inbounds i8, ptr %ctx, i64 {offset}") if offset else "%ctx"


def _exit(w: Writer, _node: Exit) -> None:
    leave(w, LEAVE_LOOP)


def _continue(w: Writer, _node: Continue) -> None:
    leave(w, LEAVE_AGAIN)


def _return(w: Writer, _node: Return) -> None:
    leave(w, LEAVE_FUNCTION)


def leave(w: Writer, how: int) -> None:
    """Out of the loop, to its next round, or out of the function: of a part under a guard, by what it returns."""
    if how == LEAVE_FUNCTION:
        label = "" if w.outlined else "return"
    elif w.loops:
        label = w.loops[-1].leave if how == LEAVE_LOOP else w.loops[-1].again
    else:
        label = ""
    if label:
        w.jump(label)
    else:
        w.leaves.add(how)
        w.end(f"ret i32 {how}")


def _label(w: Writer, node: Label) -> None:
    w.begin(_label_name(node.name))


def _jump(w: Writer, node: Jump) -> None:
    # A jump may go back: it is a loop's back edge as much as any.
    _back(w, _label_name(node.name), node.at)


def _label_name(name: str) -> str:
    return f'"l.{name.upper()}"'


_STATEMENTS: dict[type, Callable[[Writer, Any], None]] = {
    Assign: _assign,
    Copy: _copy,
    CopyText: _copy_text,
    Fill: _fill,
    Evaluate: _evaluate,
    If: _if,
    Switch: choice.switch,
    Loop: _loop,
    Exit: _exit,
    Continue: _continue,
    Return: _return,
    Label: _label,
    Jump: _jump,
    Try: guarded.guarded,
}
