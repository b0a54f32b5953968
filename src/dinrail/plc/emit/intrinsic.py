"""What the machine and its C library do."""

from __future__ import annotations

from collections.abc import Callable

from dinrail.control import context
from dinrail.plc.core.expression import Intrinsic, IntrinsicCall
from dinrail.plc.core.program import Fault
from dinrail.plc.emit import expression, location
from dinrail.plc.emit.scalar import REGISTER
from dinrail.plc.emit.writer import Writer

_MACHINE = {
    Intrinsic.SQRT: "sqrt",
    Intrinsic.ABSOLUTE: "fabs",
    Intrinsic.FLOOR: "floor",
    Intrinsic.CEILING: "ceil",
    Intrinsic.TRUNCATE: "trunc",
    Intrinsic.ROUND: "roundeven",
}
"""What is one instruction where the processor has it."""

_LIBRARY = {
    Intrinsic.LN: "log",
    Intrinsic.LOG10: "log10",
    Intrinsic.EXP: "exp",
    Intrinsic.SIN: "sin",
    Intrinsic.COS: "cos",
    Intrinsic.TAN: "tan",
    Intrinsic.ASIN: "asin",
    Intrinsic.ACOS: "acos",
    Intrinsic.ATAN: "atan",
    Intrinsic.ATAN2: "atan2",
    Intrinsic.POWER: "pow",
    Intrinsic.FMOD: "fmod",
}

_CONTEXT = {
    Intrinsic.CYCLE_TIME: (context.CYCLE_NS, "i64"),
    Intrinsic.TASK_TIME: (context.TASK_TIME_NS, "i64"),
    Intrinsic.WALL_TIME: (context.WALL_TIME_NS, "i64"),
    Intrinsic.TASK_INDEX: (context.INDEX, "i32"),
    Intrinsic.CYCLE_COUNT: (context.CYCLE_COUNT, "i64"),
}


def intrinsic(w: Writer, node: IntrinsicCall) -> str:
    """Its value's operand."""
    which = node.intrinsic
    operands = [expression.value(w, each) for each in node.arguments]
    if which in _MACHINE or which in _LIBRARY:
        return _maths(w, node, operands)
    if (field := _CONTEXT.get(which)) is not None:
        return _from_context(w, *field)
    return _OTHERS[which](w, node, operands)


def _maths(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    kind = REGISTER[node.type.name]
    if (name := _MACHINE.get(node.intrinsic)) is not None:
        name = f"llvm.{name}.f{node.type.bits}"
    else:
        name = _LIBRARY[node.intrinsic] + ("f" if node.type.bits == 32 else "")
    parameters = ", ".join([kind] * len(operands))
    # errno is nobody's business here: a call with equal operands is an equal value.
    function = w.emission.declare(name, kind, parameters, "nounwind willreturn memory(none)")
    return w.value(f"call {kind} {function}({', '.join(f'{kind} {each}' for each in operands)})")


def _from_context(w: Writer, offset: int, kind: str) -> str:
    where = w.value(f"getelementptr inbounds i8, ptr %ctx, i64 {offset}")
    return w.value(f"load {kind}, ptr {where}")


def _first_cycle(w: Writer, _node: IntrinsicCall, _operands: list[str]) -> str:
    return w.value(f"icmp ne i8 {_from_context(w, context.FIRST_CYCLE, 'i8')}, 0")


def _memory_pointer(w: Writer, node: IntrinsicCall, number: str, bytes_operand: str) -> str:
    """The pointer to a run of bytes; that of no bytes may be null."""
    if w.emission.options.check_null:
        good = w.value(f"icmp uge i64 {number}, {location.LOWEST_ADDRESS}")
        empty = w.value(f"icmp eq i64 {bytes_operand}, 0")
        w.fault_unless(w.value(f"or i1 {good}, {empty}"), Fault.NULL, node.at)
    return w.value(f"inttoptr i64 {number} to ptr")


def _copy_memory(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    target, source, count = operands
    to = _memory_pointer(w, node, target, count)
    origin = _memory_pointer(w, node, source, count)
    copy_bytes(w, to, origin, count)
    return target


def copy_bytes(w: Writer, to: str, origin: str, count: str, touched: str = "") -> None:
    """count bytes; the two may overlap. touched: where `to` lies, when `origin` is a constant (location.touched)."""
    function = w.emission.declare("llvm.memmove.p0.p0.i64", "void", "ptr, ptr, i64, i1 immarg", "nounwind willreturn")
    w.effect(f"call void {function}(ptr {to}, ptr {origin}, i64 {count}, i1 false){touched}")


def fill_bytes(w: Writer, to: str, byte: str, count: str, touched: str = "") -> None:
    """count times the same byte. touched: as in copy_bytes."""
    function = w.emission.declare("llvm.memset.p0.i64", "void", "ptr, i8, i64, i1 immarg", "nounwind willreturn")
    w.effect(f"call void {function}(ptr {to}, i8 {byte}, i64 {count}, i1 false){touched}")


def _fill_memory(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    target, byte, count = operands
    fill_bytes(w, _memory_pointer(w, node, target, count), byte, count)
    return target


def _compare_memory(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    for number in operands[:2]:
        _memory_pointer(w, node, number, operands[2])
    helper = w.emission.helper("dinrail_compare_memory")
    return w.value(f"call i32 {helper}({', '.join(f'i64 {each}' for each in operands)})")


def _test_and_set(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    where = location.checked_pointer(w, operands[0], node.at)
    before = w.value(f"atomicrmw xchg ptr {where}, i8 1 seq_cst")
    return w.value(f"icmp eq i8 {before}, 0")


def _precise_time(w: Writer, _node: IntrinsicCall, _operands: list[str]) -> str:
    return w.value(f"call i64 {w.emission.helper('dinrail_now')}(ptr %ctx)")


def _allocate(w: Writer, _node: IntrinsicCall, operands: list[str]) -> str:
    return w.value(f"call i64 {w.emission.helper('dinrail_allocate')}(i64 {operands[0]})")


def _release(w: Writer, _node: IntrinsicCall, operands: list[str]) -> str:
    return w.value(f"call i1 {w.emission.helper('dinrail_release')}(i64 {operands[0]})")


def _change(w: Writer, _node: IntrinsicCall, operands: list[str]) -> str:
    return w.value(f"call i32 {w.emission.helper('dinrail_change_of')}(ptr %ctx, i64 {operands[0]})")


def _log(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    text = location.checked_pointer(w, operands[0], node.at)
    w.effect(f"call void {w.emission.helper('dinrail_log_text')}(ptr %ctx, ptr {text}, i32 {operands[1]})")
    return "true"


def _fault(w: Writer, node: IntrinsicCall, operands: list[str]) -> str:
    code = w.value(f"sext i32 {operands[0]} to i64")
    before = w.at(node.at)
    w.end(w.fault_text(Fault.USER, node.at, (code, "0", "0")))
    w.debug = before
    w.begin(w.label())
    return "false"


_OTHERS: dict[Intrinsic, Callable[[Writer, IntrinsicCall, list[str]], str]] = {
    Intrinsic.FIRST_CYCLE: _first_cycle,
    Intrinsic.COPY_MEMORY: _copy_memory,
    Intrinsic.FILL_MEMORY: _fill_memory,
    Intrinsic.COMPARE_MEMORY: _compare_memory,
    Intrinsic.TEST_AND_SET: _test_and_set,
    Intrinsic.PRECISE_TIME: _precise_time,
    Intrinsic.ALLOCATE: _allocate,
    Intrinsic.RELEASE: _release,
    Intrinsic.CHANGE: _change,
    Intrinsic.LOG: _log,
    Intrinsic.FAULT: _fault,
}
