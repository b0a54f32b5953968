"""Data with I/O driver processes by Simpson's four slots: neither side waits, and either may die at any instruction.

Of the other side's words only one bit is used, so that no value of them does harm.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control.blocks import ExchangeBlock, ModuleBlock, TaskBlock
from dinrail.control.channel.layout import (
    ITEM_HEADER_BYTES,
    LINE_BYTES,
    READING_OFFSET,
    SLOTS_HEADER_BYTES,
    ExchangeRecord,
    FourSlots,
    ItemHeader,
    State,
    offset_of,
)
from dinrail.layout import layout_of
from dinrail.plc.emit.executive.code import Code, Value
from dinrail.plc.emit.executive.fields import Fields

_BLOCK_BYTES = layout_of(ExchangeBlock).size_bytes
_SLOT = offset_of(FourSlots, "slot_0")


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _take()
    yield _give()


def _item(slots: Value, pair: Value, index: Value, data_bytes: Value) -> Value:
    item_bytes = (data_bytes + (ITEM_HEADER_BYTES + LINE_BYTES - 1)) & -LINE_BYTES
    return slots + SLOTS_HEADER_BYTES + (pair * 2 + index) * item_bytes


def _take() -> Code:
    """The newest inputs of each driver into %I; what is not new is counted, and the old inputs stay."""
    code = Code("take_inputs", "void", ("task", "ptr"), ("module", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    with code.count(task.get("exchange_count").to("i64")) as number:
        block = Fields(code, task.pointer("exchanges") + number * _BLOCK_BYTES, ExchangeBlock)
        slots, size = block.pointer("input_slots"), block.get("input_bytes")
        pair = code.load(slots, 0, "i32", "acquire") & 1
        code.store(pair, slots, READING_OFFSET, order="release")
        code.fence("seq_cst")
        index = code.load(slots + pair.to("i64") * 4 + _SLOT, 0, "i32", "acquire") & 1
        item = Fields(code, _item(slots, pair.to("i64"), index.to("i64"), size), ItemHeader)
        counter = item.get("counter")
        block.add("stale_cycles")
        with code.when(counter.differs(block.get("last_counter")) & item.get("enabled").differs(0)):
            block.set("last_counter", counter)
            block.set("stale_cycles", 0)
            code.copy(module.pointer("base_input") + block.get("input_offset"), item.address + ITEM_HEADER_BYTES, size)
        Fields(code, block.pointer("record"), ExchangeRecord).set("stale_cycles", block.get("stale_cycles"))
    return code


def _give() -> Code:
    """%Q to each driver; `enabled` only while the task runs."""
    code = Code("give_outputs", "void", ("task", "ptr"), ("module", "ptr"), ("wall", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    counter = task.add("output_counter")
    enabled = task.get("state").equals(State.RUN).to("i32")
    with code.count(task.get("exchange_count").to("i64")) as number:
        block = Fields(code, task.pointer("exchanges") + number * _BLOCK_BYTES, ExchangeBlock)
        slots, size, written = block.pointer("output_slots"), block.get("output_bytes"), block.get("written")
        pair = (code.load(slots, READING_OFFSET, "i32", "acquire") & 1) ^ 1
        index = ((written >> pair) & 1) ^ 1
        item = Fields(code, _item(slots, pair.to("i64"), index.to("i64"), size), ItemHeader)
        item.set("counter", counter)
        item.set("wall_ns", code.arguments[2])
        item.set("enabled", enabled)
        item.set("size_bytes", size.to("i32"))
        code.copy(item.address + ITEM_HEADER_BYTES, module.pointer("base_output") + block.get("output_offset"), size)
        code.store(index, slots + pair.to("i64") * 4, _SLOT, order="release")
        code.store(pair, slots, 0, order="release")
        code.fence("seq_cst")
        bit = code.constant(1, "i32") << pair
        block.set("written", (written & (bit ^ -1)) | (index << pair))
    return code
