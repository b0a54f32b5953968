"""What readers outside see: a copy of the task's segments after each cycle, in a ring of buffers."""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control.blocks import ModuleBlock, SegmentBlock, TaskBlock
from dinrail.control.channel.layout import BUFFER_HEADER_BYTES, PUBLISHED_HEADER_BYTES, BufferHeader
from dinrail.layout import layout_of
from dinrail.plc.emit.executive.code import Code
from dinrail.plc.emit.executive.fields import Fields


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _publish()


def _publish() -> Code:
    code = Code("publish", "void", ("task", "ptr"), ("module", "ptr"), ("now", "i64"), ("wall", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    number = task.add("publications")
    shown = task.pointer("published")
    step = task.get("published_capacity") + BUFFER_HEADER_BYTES
    count = task.get("published_count").to("i64")
    index = number - number // count * count
    buffer = Fields(code, shown + PUBLISHED_HEADER_BYTES + index * step, BufferHeader)
    buffer.set("sequence", number * 2 - 1, "monotonic")
    code.fence("release")
    data = buffer.address + BUFFER_HEADER_BYTES
    with code.count(module.get("segment_count")) as row:
        step = row * layout_of(SegmentBlock).size_bytes
        segment = Fields(code, module.pointer("segments") + step, SegmentBlock)
        base = code.load(module.at("base_data") + segment.get("space") * 8, 0, "ptr")
        code.copy(data + segment.get("position"), base + segment.get("offset"), segment.get("size_bytes"))
    buffer.set("cycle_count", task.get("cycle_count"))
    buffer.set("monotonic_ns", code.arguments[2])
    buffer.set("wall_ns", code.arguments[3])
    buffer.set("size_bytes", module.get("published_bytes"))
    buffer.set("layout", task.get("layout"))
    buffer.set("state", task.get("state"))
    buffer.set("sequence", number * 2, "release")
    code.store(number, shown, 0, order="release")
    return code
