"""__TRY: what may fault is a function of its own, run by `dinrail_guard`.

So no local lives in a register across the setjmp: in such a function all locals lie in one frame in memory, which the
parts share by its address.
"""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.plc.core.statement import Statement, Try
from dinrail.plc.emit import expression, function, statement
from dinrail.plc.emit.failure import EmitFault
from dinrail.plc.emit.scalar import quoted
from dinrail.plc.emit.writer import Writer
from dinrail.plc.source import Place


def guarded(w: Writer, node: Try) -> None:
    """Body; on a fault `code` and the catch; then the finally part, whatever happened."""
    fault, _, ways = _run_apart(w, node.body, node.at)
    caught, after = w.label(), w.label()
    inside = w.label()
    w.begin(inside)
    w.branch(w.value(f"icmp ne i32 {fault}, 0"), caught, after)
    w.begin(caught)
    if node.code is not None:
        expression.store(w, node.code, "DINT", fault)
    if not node.finally_:
        statement.statements(w, node.catch)
        w.begin(after)
        if ways:
            raise EmitFault("RETURN, EXIT or CONTINUE leaves a __TRY")
        return
    again, catch_how, ways = _run_apart(w, node.catch, node.at)
    last = w.label()
    w.begin(last)
    w.begin(after)
    second = w.value(f"phi i32 [ 0, %{inside} ], [ {again}, %{last} ]")
    leave = w.value(f"phi i32 [ 0, %{inside} ], [ {catch_how}, %{last} ]")
    statement.statements(w, node.finally_)
    if w.terminated:
        return
    rethrow, fine = w.label(), w.label()
    w.branch(w.value(f"icmp ne i32 {second}, 0"), rethrow, fine)
    w.begin(rethrow)
    w.effect(f"call void {w.emission.helper('dinrail_again')}(ptr %ctx, i32 {second})")
    w.end("unreachable")
    w.begin(fine)
    _leave_on(w, leave, ways)


def _run_apart(w: Writer, body: Sequence[Statement], at: Place) -> tuple[str, str, set[int]]:
    """(number of the fault or 0, how the body wants the function to be left or 0: i32 operands; which ways it has)."""
    name = quoted(f"{w.function.name}.part{w.emission.next_part()}")
    ways = function.write_part(w, name, body)
    before = w.at(at)
    self_operand = "%self" if w.function.owner else "null"
    guard = w.emission.helper("dinrail_guard")
    both = w.value(f"call i64 {guard}(ptr %ctx, ptr {name}, ptr {self_operand}, ptr %frame)")
    w.debug = before
    upper = w.value(f"lshr i64 {both}, 32")
    return w.value(f"trunc i64 {both} to i32"), w.value(f"trunc i64 {upper} to i32"), ways


def _leave_on(w: Writer, how: str, ways: set[int]) -> None:
    """Goes where RETURN, EXIT or CONTINUE in the catch part went."""
    labels = [(number, w.label()) for number in sorted(ways)]
    going_on = w.label()
    cases = " ".join(f"i32 {number}, label %{label}" for number, label in labels)
    w.end(f"switch i32 {how}, label %{going_on} [ {cases} ]")
    for number, label in labels:
        w.begin(label)
        statement.leave(w, number)
    w.begin(going_on)
