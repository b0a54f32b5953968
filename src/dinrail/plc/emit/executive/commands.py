"""Draining the command ring: bounded work at a cycle's begin, and nothing in the ring is trusted.

A record is copied into memory of our own before it is looked at. One that is none costs what is before the head.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control.blocks import ModuleBlock, SegmentBlock, TaskBlock
from dinrail.control.channel.layout import (
    CALL_FRAME_BYTES,
    HISTOGRAM_BINS,
    MAGIC,
    MAILBOX_DATA_BYTES,
    MAX_FORCE_BYTES,
    MAX_RECORD_BYTES,
    RING_HEADER_BYTES,
    Command,
    CommandHeader,
    MailboxHeader,
    State,
    TaskRecord,
)
from dinrail.layout import layout_of
from dinrail.plc.emit.executive.code import Code, Value
from dinrail.plc.emit.executive.fields import Fields

_HEADER_BYTES = layout_of(CommandHeader).size_bytes
_SEGMENT_BYTES = layout_of(SegmentBlock).size_bytes
_MAILBOX_HEADER_BYTES = layout_of(MailboxHeader).size_bytes
_CALL_HEADER_BYTES = 8


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _ring_copy()
    yield _is_record()
    yield _resolve()
    yield _write_bits()
    yield _call()
    yield _reset_statistics()
    yield _apply()
    yield _drain()


def _ring_copy() -> Code:
    code = Code(
        "ring_copy", "void", ("ring", "ptr"), ("bytes", "i64"), ("position", "i64"), ("to", "ptr"), ("n", "i64")
    )
    ring, size, position, target, count = code.arguments
    start = position & (size - 1)
    first = count.smaller(size - start)
    data = ring + RING_HEADER_BYTES
    code.copy(target, data + start, first)
    code.copy(target + first, data, count - first)
    return code


def _is_record() -> Code:
    """Whether the header in `at` is one that stands at `position`, with `room` bytes before the head."""
    code = Code("is_record", "i1", ("at", "ptr"), ("position", "i64"), ("room", "i64"))
    at, position, room = code.arguments
    header = Fields(code, at, CommandHeader)
    total, size = header.get("total_bytes").to("i64"), header.get("size_bytes").to("i64")
    wide = ((size + 7) & -8) + _HEADER_BYTES
    guard = position ^ (total << 48) ^ (header.get("kind").to("i64") << 40) ^ (header.get("space").to("i64") << 32)
    offset = header.get("offset")
    guard = guard ^ size ^ (header.get("layout").to("i64") << 8) ^ (offset << 17) ^ (offset >> 47) ^ MAGIC
    fits = total.above(room) | total.above(MAX_RECORD_BYTES) | total.differs(wide)
    code.give((fits | guard.differs(header.get("guard"))).equals(0))
    return code


def _resolve() -> Code:
    """The address of bytes inside one of the module's segments; null for all others."""
    code = Code("resolve", "ptr", ("module", "ptr"), ("space", "i64"), ("offset", "i64"), ("n", "i64"))
    module = Fields(code, code.arguments[0], ModuleBlock)
    _, space, offset, count = code.arguments
    with code.count(module.get("segment_count")) as index:
        segment = Fields(code, module.pointer("segments") + index * _SEGMENT_BYTES, SegmentBlock)
        inside = offset - segment.get("offset")
        room = segment.get("size_bytes")
        fits = segment.get("space").equals(space) & inside.below(room) & count.above(room - inside).equals(0)
        with code.when(fits):
            base = code.load(module.at("base_data") + space * 8, 0, "ptr")
            code.give(base + offset)
    code.give(code.null())
    return code


def _write_bits() -> Code:
    code = Code("write_bits", "void", ("to", "ptr"), ("mask", "ptr"), ("value", "ptr"), ("n", "i64"))
    target, masks, values, count = code.arguments
    with code.count(count) as index:
        mask, value = code.load(masks + index, 0, "i8"), code.load(values + index, 0, "i8")
        code.call("put_bits", "void", target + index, mask, value)
    return code


def _call() -> Code:
    """A method by its stub, under a handler of its own; what it gives goes into a mailbox."""
    code = Code("call_method", "void", ("task", "ptr"), ("module", "ptr"), ("end", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    end = code.arguments[2]
    header = Fields(code, task.pointer("scratch"), CommandHeader)
    size, offset = header.get("size_bytes").to("i64"), header.get("offset")
    data = task.pointer("scratch") + _HEADER_BYTES
    stub = code.load(data, 0, "i32").to("i64")
    number = code.load(data, 4, "i32")
    with code.when(size.below(_CALL_HEADER_BYTES) | number.below(task.get("mailbox_count")).equals(0)):
        task.add("dropped")
        code.give()
    box_bytes = task.get("mailbox_bytes").to("i64")
    box = Fields(code, task.pointer("mailboxes") + number.to("i64") * box_bytes, MailboxHeader)
    frame = task.pointer("frame")
    refused = stub.below(module.get("stub_count")).equals(0) | offset.below(module.get("data_bytes")).equals(0)
    refused = refused | task.get("state").differs(State.RUN)
    box.set("refused", refused.to("i32"))
    box.set("fault", 0)
    with code.when(refused.equals(0)):
        inputs = size - _CALL_HEADER_BYTES
        code.clear(frame, CALL_FRAME_BYTES)
        code.copy(frame, data + _CALL_HEADER_BYTES, inputs)
        function = code.load(module.pointer("stubs") + stub * 8, 0, "ptr")
        instance = module.pointer("base_data") + offset
        result = code.call(module.pointer("guard"), "i64", module.pointer("context"), function, instance, frame)
        box.set("fault", result.to("i32"))
        code.copy(box.address + _MAILBOX_HEADER_BYTES, frame + MAILBOX_DATA_BYTES, box_bytes - _MAILBOX_HEADER_BYTES)
    box.set("done", end, "release")
    return code


def _reset_statistics() -> Code:
    code = Code("reset_statistics", "void", ("task", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    for name in ("latency", "execution"):
        task.set(f"{name}_min_ns", -1)
        task.set(f"{name}_max_ns", 0)
        task.set(f"{name}_sum_ns", 0)
        code.clear(task.pointer(f"{name}_histogram"), 4 * (HISTOGRAM_BINS + 1))
    for name in ("overruns", "missed_cycles", "exceeded", "dropped", "outdated", "change_waits"):
        task.set(name, 0)
    return code


def _apply() -> Code:
    """What the record in `scratch` says. 1: it was dear, so it ends this cycle's draining."""
    code = Code("apply", "i1", ("task", "ptr"), ("module", "ptr"), ("end", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    scratch = task.pointer("scratch")
    header = Fields(code, scratch, CommandHeader)
    kind, size, data = header.get("kind"), header.get("size_bytes").to("i64"), scratch + _HEADER_BYTES
    with code.when(header.get("layout").differs(task.get("layout"))):
        task.add("outdated")
        code.give(0)
    with code.when(kind.equals(Command.UNFORCE_ALL)):
        task.set("force_count", 0)
        task.set("forces_changed", 1)
        code.give(0)
    with code.when(kind.equals(Command.RESET_STATISTICS)):
        code.call("reset_statistics", "void", task.address)
        code.give(1)
    with code.when(kind.equals(Command.CALL)):
        code.call("call_method", "void", *code.arguments)
        code.give(1)
    paired = kind.equals(Command.WRITE_BITS) | kind.equals(Command.FORCE)
    count = code.choose(paired, size >> 1, size)
    space, offset = header.get("space").to("i64"), header.get("offset")
    target = code.call("resolve", "ptr", code.arguments[1], space, offset, count)
    with code.when(target.equals_null() | (paired & (size & 1).differs(0))):
        task.add("dropped")
        code.give(0)
    with code.when(kind.equals(Command.WRITE)):
        code.copy(target, data, size)
        code.give(0)
    with code.when(kind.equals(Command.WRITE_BITS)):
        code.call("write_bits", "void", target, data, data + count, count)
        code.give(0)
    with code.when(count.above(MAX_FORCE_BYTES).equals(0)):
        with code.when(kind.equals(Command.FORCE)):
            code.call("force", "void", task.address, space, offset, data, data + count, count)
            code.give(1)
        with code.when(kind.equals(Command.UNFORCE)):
            code.call("unforce", "void", task.address, space, offset, data, count)
            code.give(1)
    task.add("dropped")
    code.give(0)
    return code


def _drain() -> Code:
    code = Code("drain", "void", ("task", "ptr"), ("module", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    ring, size = task.pointer("ring"), task.get("ring_bytes")
    head = code.load(ring, 0, "i64", "acquire")
    tail = code.variable(task.get("tail"))
    records = code.variable(task.get("budget_records"))
    budget = code.variable(task.get("budget_bytes").to("i64"))
    with code.when((head - tail.get()).above(size) | (head & 7).differs(0)):
        task.add("dropped")
        tail.set(head & -8)
    with code.repeat() as loop:
        position = tail.get()
        room = head - position
        loop.leave_if(room.above(size) | room.equals(0) | records.get().equals(0))
        known = code.variable(0, "i1")
        with code.when(room.below(_HEADER_BYTES).equals(0)):
            _copy(code, task, size, position, code.constant(_HEADER_BYTES))
            known.set(code.call("is_record", "i1", task.pointer("scratch"), position, room))
        with code.when(known.get().equals(0)):
            task.add("dropped")
            tail.set(head & -8)
        loop.leave_if(known.get().equals(0))
        total = Fields(code, task.pointer("scratch"), CommandHeader).get("total_bytes").to("i64")
        loop.leave_if(total.above(budget.get()))
        _copy(code, task, size, position, total, _HEADER_BYTES)
        tail.set(position + total)
        records.set(records.get() - 1)
        budget.set(budget.get() - total)
        loop.leave_if(code.call("apply", "i1", *code.arguments, position + total))
    task.set("tail", tail.get())
    Fields(code, task.pointer("record"), TaskRecord).set("tail", tail.get(), "release")
    return code


def _copy(code: Code, task: Fields, size: Value, position: Value, count: Value, behind: int = 0) -> None:
    """From the ring into `scratch`, without the first `behind` bytes."""
    target = task.pointer("scratch") + behind
    code.call("ring_copy", "void", task.pointer("ring"), size, position + behind, target, count - behind)
