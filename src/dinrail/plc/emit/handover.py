"""What tasks hand over to each other: three buffers for each writer and reader, and nobody ever waits.

    writer's live data --give--> back | middle | front --take--> the reader's view

One word says which buffer is in the middle, and whether it is newer than what the reader has. Giving copies the live
data into the back buffer, and exchanges back and middle; taking exchanges middle and front when the middle is newer.
Each does so by one atomic exchange, so the three always are three, and each side owns the one it works on. The writer
itself, and whoever runs while no task does, uses the live data: those that ADS writes, forces, and RETAIN know.

A reader's code finds the front buffer by its context (control.context, VIEWS): one address for each of
Program.handovers. In the data of the handover (one for each reader, HANDOVER_BYTES and three buffers behind it) the
words of the two sides lie in cache lines of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.control import context
from dinrail.errors import BadRequest
from dinrail.plc.core.program import Handover
from dinrail.plc.emit import abi
from dinrail.plc.emit.writer import Writer
from dinrail.plc.types.variable import Variable

HANDOVER_BYTES = 192
_MIDDLE, _BACK, _FRONT = 0, 64, 128
_NEWER = 4
_COPY = "llvm.memcpy.p0.p0.i64"
SHOW_ALL = "call void @dinrail_show_all()\n"
SEED_ALL = f"call void @{abi.SEED}()\n"


def view(w: Writer, variable: Variable) -> tuple[str, int] | None:
    """Base and distance of a variable that the running task finds by its view; None for all others."""
    found = w.emission.handed_over.get(variable)
    if found is None:
        return None
    number, handover = found
    if w.function not in handover.others:
        return None
    operand = w.views.get(number)
    if operand is None:
        operand = w.views[number] = f"%view{number}"
        w.prologue.append(f"%viewat{number} = getelementptr inbounds i8, ptr %ctx, i64 {context.VIEWS + 8 * number}")
        w.prologue.append(f"{operand} = load ptr, ptr %viewat{number}, align 8{w.emission.aliasing.record}")
    return operand, variable.offset_bytes - handover.offset_bytes


def handovers_text(handovers: Sequence[Handover], task_count: int) -> str:
    """The buffers, and the functions that the executive calls. Raises BadRequest."""
    if not handovers:
        return ""
    if len(handovers) > context.VIEWS_MAX:
        raise BadRequest(f"{len(handovers)} tasks hand data over to others, at most {context.VIEWS_MAX} can")
    lines = [f"declare void @{_COPY}(ptr, ptr, i64, i1 immarg) nounwind willreturn"]
    for number, handover in enumerate(handovers):
        for reader in handover.readers:
            size_bytes = HANDOVER_BYTES + 3 * handover.size_bytes
            lines.append(f"{_name(number, reader)} = internal global [{size_bytes} x i8] zeroinitializer, align 64")
    for task in range(task_count):
        taken = [(number, each) for number, each in enumerate(handovers) if task in each.readers]
        given = [(number, each) for number, each in enumerate(handovers) if task == each.writer]
        lines.append(_function(abi.take_symbol(task), [_take(number, each, task) for number, each in taken]))
        rows = [_give(number, each, reader) for number, each in given for reader in each.readers]
        lines.append(_function(abi.give_symbol(task), rows))
    live = [_show(number, task, _live(each)) for number, each in enumerate(handovers) for task in range(task_count)]
    lines.append(_function("dinrail_show_all", live, "internal "))
    seeds = [_seed(number, each, reader) for number, each in enumerate(handovers) for reader in each.readers]
    lines.append(_function(abi.SEED, ["call void @dinrail_show_all()", *seeds]))
    return "\n".join(lines)


def _function(name: str, rows: Sequence[str], linkage: str = "") -> str:
    body = "\n".join(rows)
    return f"define {linkage}void @{name}() #4 {{\n{body}\nret void\n}}"


def _name(number: int, reader: int) -> str:
    return f"@handover.{number}.{reader}"


def _at(name: str, offset_bytes: int) -> str:
    return f"getelementptr inbounds (i8, ptr {name}, i64 {offset_bytes})"


def _live(handover: Handover) -> str:
    return _at("@data", handover.offset_bytes)


def _show(number: int, task: int, address: str) -> str:
    """A task's view is there from now on."""
    at = task * context.STRIDE_BYTES + context.VIEWS + 8 * number
    return f"store ptr {address}, ptr {_at('@contexts', at)}, align 8"


def _copied(handover: Handover, to: str) -> str:
    operands = f"ptr align 64 {to}, ptr align 64 {_live(handover)}, i64 {handover.size_bytes}"
    return f"call void @{_COPY}({operands}, i1 false)"


def _buffer(name: str, prefix: str, operand: str, size_bytes: int) -> str:
    """Lines that set %<prefix>.to to a buffer's address, by its number in an i32."""
    return (
        f"%{prefix}.wide = zext i32 {operand} to i64\n"
        f"%{prefix}.step = mul i64 %{prefix}.wide, {size_bytes}\n"
        f"%{prefix}.to = getelementptr i8, ptr {_at(name, HANDOVER_BYTES)}, i64 %{prefix}.step"
    )


def _give(number: int, handover: Handover, reader: int) -> str:
    name, p = _name(number, reader), f"g{number}.{reader}"
    return (
        f"%{p}.back = load i32, ptr {_at(name, _BACK)}, align 4\n"
        f"{_buffer(name, p, f'%{p}.back', handover.size_bytes)}\n"
        f"{_copied(handover, f'%{p}.to')}\n"
        f"%{p}.new = or i32 %{p}.back, {_NEWER}\n"
        f"%{p}.old = atomicrmw xchg ptr {_at(name, _MIDDLE)}, i32 %{p}.new acq_rel, align 4\n"
        f"%{p}.next = and i32 %{p}.old, 3\n"
        f"store i32 %{p}.next, ptr {_at(name, _BACK)}, align 4"
    )


def _take(number: int, handover: Handover, reader: int) -> str:
    name, p = _name(number, reader), f"t{number}"
    return (
        f"%{p}.middle = load atomic i32, ptr {_at(name, _MIDDLE)} monotonic, align 4\n"
        f"%{p}.bit = and i32 %{p}.middle, {_NEWER}\n"
        f"%{p}.newer = icmp ne i32 %{p}.bit, 0\n"
        f"br i1 %{p}.newer, label %{p}.turn, label %{p}.done\n"
        f"{p}.turn:\n"
        f"%{p}.front = load i32, ptr {_at(name, _FRONT)}, align 4\n"
        f"%{p}.old = atomicrmw xchg ptr {_at(name, _MIDDLE)}, i32 %{p}.front acq_rel, align 4\n"
        f"%{p}.mine = and i32 %{p}.old, 3\n"
        f"store i32 %{p}.mine, ptr {_at(name, _FRONT)}, align 4\n"
        f"{_buffer(name, p, f'%{p}.mine', handover.size_bytes)}\n"
        f"{_show(number, reader, f'%{p}.to')}\n"
        f"br label %{p}.done\n"
        f"{p}.done:"
    )


def _seed(number: int, handover: Handover, reader: int) -> str:
    """All three as the live data are, and the reader's view in the third: as if nothing were under way."""
    name = _name(number, reader)
    source, size_bytes = _live(handover), handover.size_bytes
    buffers = [_at(name, HANDOVER_BYTES + index * size_bytes) for index in range(3)]
    rows = [
        f"call void @{_COPY}(ptr align 64 {to}, ptr align 64 {source}, i64 {size_bytes}, i1 false)" for to in buffers
    ]
    rows += [f"store i32 {value}, ptr {_at(name, at)}" for at, value in ((_BACK, 0), (_MIDDLE, 1), (_FRONT, 2))]
    return "\n".join([*rows, _show(number, reader, buffers[2])])
