"""The tasks in memory: their blocks, the loaded module as each of them sees it, and their words.

There is one block more than there are tasks, the main thread's: so its own traps in the application's code
(initialisation, single steps) are dealt with as the tasks' are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from dinrail.control import context
from dinrail.control.blocks import Common, ExchangeBlock, ModuleBlock, SegmentBlock, TaskBlock
from dinrail.control.channel.create import place_segments
from dinrail.control.channel.layout import CALL_FRAME_BYTES, FORCE_CAPACITY, MAILBOX_COUNT, MAX_RECORD_BYTES, State
from dinrail.control.channel.memory import Memory
from dinrail.control.channel.plan import MAILBOX_BYTES, RING_BYTES, ChannelPlan, published_bytes
from dinrail.control.context import FaultRecord, fault_of
from dinrail.control.module import Module
from dinrail.control.native import Arena, Block, put, put_addresses
from dinrail.control.settings import Exchange, Overrun, TaskSettings
from dinrail.errors import Refused
from dinrail.layout import layout_of

SIGNAL_STACK_BYTES = 64 << 10
_NEVER = 0xFFFFFFFFFFFFFFFF
_PER_TASK_BYTES = 128 << 10


@dataclass(frozen=True, slots=True)
class Installed:
    """A module's blocks, one for each task and the main thread's, in memory of their own."""

    module: Module
    arena: Arena
    blocks: tuple[int, ...]
    layout: int


@dataclass(frozen=True, slots=True)
class Channel:
    """Where the tasks publish: the mapping, its plan, the drivers, and what a cycle takes from a ring."""

    memory: Memory
    plan: ChannelPlan
    exchanges: tuple[Exchange, ...] = ()
    budget_records: int = 256
    budget_bytes: int = 16 << 10


class Tasks:
    """All tasks of one control. settings: in the order of the image's tasks."""

    def __init__(self, settings: Sequence[TaskSettings], channel: Channel) -> None:
        self.settings = tuple(settings)
        count = len(self.settings)
        drivers = len(channel.exchanges) * (layout_of(ExchangeBlock).size_bytes + 64)
        self.arena = Arena((count + 2) * _PER_TASK_BYTES + drivers)
        self.common = Block(Common, self.arena.take(layout_of(Common).size_bytes))
        size_bytes = layout_of(TaskBlock).size_bytes
        self.blocks = tuple(Block(TaskBlock, self.arena.take(size_bytes)) for _ in range(count + 1))
        self.main = self.blocks[-1]
        table = self.arena.take(8 * (count + 1))
        put_addresses(table, [block.address for block in self.blocks])
        base = channel.memory.address()
        high = base + channel.memory.size_bytes
        values = {"task_count": count + 1, "tasks": table, "channel_low": base, "channel_high": high}
        put(self.common.address, blank(Common, values))
        for index, block in enumerate(self.blocks[:-1]):
            values = self._own(index) | _shared(index, base, channel) | self._exchanges(index, base, channel)
            put(block.address, blank(TaskBlock, values))
        put(self.main.address, blank(TaskBlock, self._own(0) | {"index": count}))

    def close(self) -> None:
        """Free the blocks: no thread may be left."""
        self.arena.close()

    def _own(self, index: int) -> dict[str, int]:
        settings = self.settings[index]
        return {
            "common": self.common.address,
            "index": index,
            "cycle_ns": settings.cycle_ns,
            "watchdog_cycles": settings.watchdog_cycles,
            "overrun_stops": int(settings.overrun is Overrun.STOP),
            "signal_stack": self.arena.take(SIGNAL_STACK_BYTES),
            "signal_stack_bytes": SIGNAL_STACK_BYTES,
            "wanted": State.STOP,
            "state": State.STOP,
            "first_run": 1,
            "latency_min_ns": _NEVER,
            "execution_min_ns": _NEVER,
            "scratch": self.arena.take(MAX_RECORD_BYTES),
            "frame": self.arena.take(CALL_FRAME_BYTES),
            "force_entries": self.arena.take(8 * FORCE_CAPACITY),
        }

    def _exchanges(self, index: int, base: int, channel: Channel) -> dict[str, int]:
        own = [item for item in zip(channel.exchanges, channel.plan.exchanges, strict=True) if item[0].task == index]
        size_bytes = layout_of(ExchangeBlock).size_bytes
        table = self.arena.take(size_bytes * len(own))
        for number, (exchange, place) in enumerate(own):
            values = {
                "record": base + place.record,
                "input_slots": base + place.inputs,
                "output_slots": base + place.outputs,
                "input_offset": exchange.input_offset,
                "input_bytes": exchange.input_bytes,
                "output_offset": exchange.output_offset,
                "output_bytes": exchange.output_bytes,
            }
            put(table + number * size_bytes, blank(ExchangeBlock, values))
        return {"exchanges": table, "exchange_count": len(own)}

    # Modules.

    def prepare(self, module: Module, layout: int) -> Installed:
        """A module's blocks, not yet used by anybody. layout: its online change count. Raises Refused."""
        image, block_bytes = module.image, layout_of(ModuleBlock).size_bytes
        if len(image.tasks) != len(self.settings):
            raise Refused(f"the image has {len(image.tasks)} tasks, the control runs {len(self.settings)}")
        rows = sum(len(task.segments) for task in image.tasks)
        arena = Arena((len(self.blocks) + 1) * (block_bytes + 64) + rows * (layout_of(SegmentBlock).size_bytes + 64))
        blocks = []
        for index in (*range(len(image.tasks)), 0):
            table = _segments(arena, module, index)
            at = arena.take(block_bytes)
            put(at, blank(ModuleBlock, table | _module(module, index, layout)))
            blocks.append(at)
        self.clear_contexts(module)
        return Installed(module, arena, tuple(blocks), layout)

    def clear_contexts(self, module: Module) -> None:
        """The records of a module's tasks as before their first cycle."""
        for index, settings in enumerate(self.settings):
            at = module.context(index)
            ctypes.memset(at, 0, context.END)
            ctypes.c_uint32.from_address(at + context.INDEX).value = index + 1
            ctypes.c_uint64.from_address(at + context.CYCLE_NS).value = settings.cycle_ns
            ctypes.c_uint8.from_address(at + context.FIRST_CYCLE).value = 1

    def install(self, installed: Installed) -> None:
        """Give each task the module. No thread may run."""
        for block, at in zip(self.blocks, installed.blocks, strict=True):
            block.set("module", at)
            block.set("layout", installed.layout)

    def fault_in(self, task: int, module: Module) -> FaultRecord:
        """What the task's code left behind when it faulted."""
        return fault_of(ctypes.string_at(module.context(task), context.END))

    def fault(self, task: int, module: Module) -> FaultRecord:
        """Why the task is in EXCEPTION: by its code, or by the executive."""
        record, code = self.fault_in(task, module), self.blocks[task].get("fault")
        return record if record.code == code else FaultRecord(code, 0, (0, 0, 0), ())

    def abort(self, task: int, module: Module) -> None:
        """End the loops of the task's code (Fault.RUNAWAY) at their next round."""
        ctypes.c_uint32.from_address(module.context(task) + context.ABORT).value = 1

    def set_wanted(self, state: State) -> None:
        """What each task follows at its next cycle."""
        for block in self.blocks[:-1]:
            block.set("wanted", state)


def blank(kind: type, values: dict[str, int]) -> object:
    """A record of zeros but for these fields."""
    names = (name for name, _ in layout_of(kind).fields if not name.startswith("_"))
    return kind(**(dict.fromkeys(names, 0) | values))


def _shared(index: int, base: int, channel: Channel) -> dict[str, int]:
    plan = channel.plan.tasks[index]
    return {
        "record": base + plan.record,
        "ring": base + plan.ring,
        "ring_bytes": RING_BYTES,
        "forces": base + plan.forces,
        "published": base + plan.published,
        "published_capacity": plan.published_capacity,
        "published_count": plan.published_count,
        "latency_histogram": base + plan.latency_histogram,
        "execution_histogram": base + plan.execution_histogram,
        "mailboxes": base + plan.mailboxes,
        "mailbox_bytes": MAILBOX_BYTES,
        "mailbox_count": MAILBOX_COUNT,
        "budget_records": channel.budget_records,
        "budget_bytes": max(channel.budget_bytes, MAX_RECORD_BYTES),
    }


def _segments(arena: Arena, module: Module, index: int) -> dict[str, int]:
    placed = place_segments(module.image.tasks[index].segments)
    size_bytes = layout_of(SegmentBlock).size_bytes
    table = arena.take(size_bytes * len(placed))
    for number, (segment, position) in enumerate(placed):
        values = {
            "space": int(segment.space),
            "offset": segment.offset,
            "size_bytes": segment.size_bytes,
            "position": position,
        }
        put(table + number * size_bytes, blank(SegmentBlock, values))
    total = published_bytes(module.image.tasks[index].segments)
    return {"segments": table, "segment_count": len(placed), "published_bytes": total}


def _module(module: Module, index: int, layout: int) -> dict[str, int]:
    names = ("base_data", "base_input", "base_output", "base_marker")
    hooks = (module.read_inputs, module.write_outputs) if index == 0 else (0, 0)
    return dict(zip(names, module.bases, strict=True)) | {
        "context": module.context(index),
        "body": module.bodies[index],
        "guard": module.guard,
        "trap": module.trap,
        "read_inputs": hooks[0],
        "write_outputs": hooks[1],
        "stubs": module.stubs,
        "stub_count": module.stub_count,
        "data_bytes": module.image.data_bytes,
        "layout": layout,
        "take": module.takes[index],
        "give": module.gives[index],
        "code_low": module.code.start,
        "code_high": module.code.stop,
    }
