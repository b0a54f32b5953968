"""Forced bits: held after the inputs were taken and before the outputs are given. No cost while there are none.

An entry is u32 offset, u8 space, u8 mask, u8 value, u8 0: one byte, so that no neighbour is ever touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control.blocks import ModuleBlock, TaskBlock
from dinrail.control.channel.layout import FORCE_CAPACITY, FORCES_HEADER_BYTES
from dinrail.plc.emit.executive.code import Code, Value
from dinrail.plc.emit.executive.fields import Fields

_ENTRY_BYTES = 8
_PLACE_MASK = 0xFFFFFFFFFF
_MASK_SHIFT, _VALUE_SHIFT = 40, 48


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _find()
    yield _force()
    yield _unforce()
    yield _put_bits()
    yield _hold()
    yield _show()


def _place(space: Value, offset: Value) -> Value:
    return (offset & 0xFFFFFFFF) | (space << 32)


def _find() -> Code:
    """The index of the entry of a place, or the count."""
    code = Code("force_find", "i64", ("task", "ptr"), ("place", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    total = task.get("force_count").to("i64")
    with code.count(total) as index:
        entry = code.load(task.pointer("force_entries") + index * _ENTRY_BYTES)
        with code.when((entry & _PLACE_MASK).equals(code.arguments[1])):
            code.give(index)
    code.give(total)
    return code


def _force() -> Code:
    code = Code(
        *("force", "void"),
        *(("task", "ptr"), ("space", "i64"), ("offset", "i64"), ("mask", "ptr"), ("value", "ptr"), ("n", "i64")),
    )
    task = Fields(code, code.arguments[0], TaskBlock)
    _, space, offset, masks, values, count = code.arguments
    with code.count(count) as number:
        mask, value = code.load(masks + number, 0, "i8").to("i64"), code.load(values + number, 0, "i8").to("i64")
        place = _place(space, offset + number)
        index = code.call("force_find", "i64", task.address, place)
        is_new = index.equals(task.get("force_count").to("i64"))
        full = is_new & index.equals(FORCE_CAPACITY)
        with code.when(full):
            task.add("dropped")
        with code.when(full.equals(0) & mask.differs(0)):
            at = task.pointer("force_entries") + index * _ENTRY_BYTES
            with code.when(is_new):
                code.store(place, at)
                task.add("force_count")
            old = code.load(at)
            held = (old >> _VALUE_SHIFT) & 0xFF
            held = ((held & (mask ^ 0xFF)) | (value & mask)) << _VALUE_SHIFT
            masked = (((old >> _MASK_SHIFT) & 0xFF) | mask) << _MASK_SHIFT
            code.store(place | masked | held, at)
    task.set("forces_changed", 1)
    return code


def _unforce() -> Code:
    code = Code("unforce", "void", ("task", "ptr"), ("space", "i64"), ("offset", "i64"), ("mask", "ptr"), ("n", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    _, space, offset, masks, count = code.arguments
    with code.count(count) as number:
        mask = code.load(masks + number, 0, "i8").to("i64")
        index = code.call("force_find", "i64", task.address, _place(space, offset + number))
        total = task.get("force_count")
        with code.when(index.below(total.to("i64"))):
            entries = task.pointer("force_entries")
            at = entries + index * _ENTRY_BYTES
            left = code.load(at) & (((mask << _MASK_SHIFT) | (mask << _VALUE_SHIFT)) ^ -1)
            code.store(left, at)
            with code.when(((left >> _MASK_SHIFT) & 0xFF).equals(0)):
                last = total - 1
                code.store(code.load(entries + last.to("i64") * _ENTRY_BYTES), at)
                task.set("force_count", last)
    task.set("forces_changed", 1)
    return code


def _hold() -> Code:
    code = Code("hold_forces", "void", ("task", "ptr"), ("module", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    with code.count(task.get("force_count").to("i64")) as index:
        entry = code.load(task.pointer("force_entries") + index * _ENTRY_BYTES)
        base = code.load(module.at("base_data") + ((entry >> 32) & 3) * 8, 0, "ptr")
        at = base + (entry & 0xFFFFFFFF)
        mask, value = (entry >> _MASK_SHIFT).to("i8"), (entry >> _VALUE_SHIFT).to("i8")
        code.call("put_bits", "void", at, mask, value)
    return code


def _put_bits() -> Code:
    """Those bits of a byte, of whose others another task may write some at the same time."""
    code = Code("put_bits", "void", ("at", "ptr"), ("mask", "i8"), ("value", "i8"))
    at, mask, value = code.arguments
    with code.when(((code.load(at, 0, "i8") ^ value) & mask).equals(0)):
        code.give()
    with code.when(mask.equals(-1)):
        code.store(value, at)
        code.give()
    code.put(f"atomicrmw and ptr {at.name}, i8 {((mask ^ -1) | value).name} seq_cst", "i8")
    code.put(f"atomicrmw or ptr {at.name}, i8 {(value & mask).name} seq_cst", "i8")
    return code


def _show() -> Code:
    """Copy the entries to the channel, when they have changed."""
    code = Code("show_forces", "void", ("task", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    with code.when(task.get("forces_changed").equals(0)):
        code.give()
    task.set("forces_changed", 0)
    shown = task.pointer("forces")
    sequence = task.get("force_sequence")
    code.store(sequence + 1, shown, 0, order="monotonic")
    code.fence("release")
    count = task.get("force_count")
    code.store(count, shown, 8)
    code.copy(shown + FORCES_HEADER_BYTES, task.pointer("force_entries"), count.to("i64") * _ENTRY_BYTES)
    code.store(sequence + 2, shown, 0, order="release")
    task.set("force_sequence", sequence + 2)
    return code
