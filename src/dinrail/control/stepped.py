"""A control without threads: an image in this process, stepped cycle by cycle on a clock that the caller moves.

It needs no rights and no real time; everything else is as in the control process: the same executive, channel, rings,
faults. Its channel can be read and written by others while it lives.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from dinrail.control import context
from dinrail.control.channel.create import Loaded, Owner, create_channel, show_channel
from dinrail.control.channel.layout import ChannelHeader, Space, State, offset_of
from dinrail.control.channel.plan import LOG_BYTES, plan_channel
from dinrail.control.channel.reader import Channel
from dinrail.control.context import FaultRecord
from dinrail.control.debugmap import DebugMap, describe
from dinrail.control.faults import fault_lines
from dinrail.control.image import load_image
from dinrail.control.module import Module
from dinrail.control.native import Arena
from dinrail.control.settings import Exchange
from dinrail.control.tasks import Channel as TaskChannel
from dinrail.control.tasks import Tasks


class Stepped:
    """One image, initialised, in RUN. image: a file that nobody changes while it is loaded. channel: where to make one.

    monotonic_ns, wall_ns: of the first cycle. Raises FormatError for the image; see `fault` for its initialisation.
    """

    def __init__(
        self,
        image: Path,
        channel: Path,
        *,
        exchanges: Sequence[Exchange] = (),
        wall_ns: int = 0,
        budget_records: int = 256,
        budget_bytes: int = 16 << 10,
    ) -> None:
        self.image = load_image(image)
        self.module = Module(image, self.image)
        self.settings = tuple(task.settings for task in self.image.tasks)
        plan = plan_channel(self.image, exchanges)
        bases = self.module.bases
        loaded = Loaded(self.image, image, 0, (bases[0], bases[1], bases[2], bases[3]))
        owner = Owner(os.getpid(), 0, budget_records=budget_records, budget_bytes=budget_bytes)
        self.memory = create_channel(channel, plan, self.settings, exchanges, owner, loaded)
        shared = TaskChannel(self.memory, plan, tuple(exchanges), budget_records, budget_bytes)
        self.tasks = Tasks(self.settings, shared)
        self.tasks.install(self.tasks.prepare(self.module, 0))
        self._step = self.module.function("dinrail_step", None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
        self._stack = self.module.function("dinrail_signal_stack", None, ctypes.c_void_p, ctypes.c_uint32)
        self.module.function("dinrail_attach", None, ctypes.c_void_p)(self.tasks.common.address)
        for index in range(len(self.settings)):
            ctypes.c_uint8.from_address(self.module.context(index) + context.INJECTED).value = 1
        self.monotonic_ns = 0
        self.wall_ns = wall_ns
        self._due = [settings.start_offset_ns for settings in self.settings]
        self.heap = Arena(self.image.heap_bytes) if self.image.heap_bytes else None
        if self.heap is not None:
            self.module.give_heap(self.heap.base, self.heap.size_bytes)
        self.initial_fault = self._guarded(self.module.initialise)
        if self.initial_fault is None:
            self.tasks.set_wanted(State.RUN)
        self.memory.set_u32(offset_of(ChannelHeader, "state"), State.RUN)
        show_channel(self.memory, channel)
        self.channel = Channel.open(channel)

    def close(self) -> None:
        """Give everything back. The module stays loaded: addresses of it may be anywhere."""
        self.module.function("dinrail_detach", None)()
        self.channel.close()
        self.tasks.close()
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def logged(self) -> list[context.LogEntry]:
        """What the code has logged so far, the last 256 entries."""
        at = self.module.log
        return context.log_entries(ctypes.string_at(at, LOG_BYTES)) if at else []

    def put(self, offset: int, data: bytes) -> None:
        """Bytes into the application's data, between two cycles."""
        ctypes.memmove(self.module.bases[Space.DATA] + offset, data, len(data))
        self.module.seed()

    def cycle(self, task: int = 0) -> FaultRecord | None:
        """One cycle of one task, at the clock's time; the fault that stopped it, if it is stopped."""
        block = self.tasks.blocks[task]
        self._stack(block.address, 1)
        try:
            self._step(block.address, self.monotonic_ns, self.wall_ns)
        finally:
            self._stack(block.address, 0)
        return self.fault(task)

    def run(self, cycles: int) -> None:
        """So many cycles of the task with the shortest cycle time, and the others' in between as they are due."""
        fastest = min(settings.cycle_ns for settings in self.settings)
        for _ in range(cycles):
            order = sorted(range(len(self.settings)), key=lambda index: self.settings[index].priority)
            for index in order:
                if self._due[index] <= self.monotonic_ns:
                    self.cycle(index)
                    self._due[index] += self.settings[index].cycle_ns
            self.advance(fastest)

    def advance(self, ns: int) -> None:
        """Move both clocks."""
        self.monotonic_ns += ns
        self.wall_ns += ns

    def leave(self) -> FaultRecord | None:
        """FB_Exit of all instances, behind the last cycle; the fault that ended it early."""
        if not self.module.leave or self.initial_fault is not None:
            return None
        return self._guarded(self.module.exit)

    def _guarded(self, act: Callable[[], int]) -> FaultRecord | None:
        """Code of no cycle, in this thread: a trap in it is a fault of it."""
        self._stack(self.tasks.main.address, 1)
        try:
            return self.tasks.fault_in(0, self.module) if act() else None
        finally:
            self._stack(self.tasks.main.address, 0)
            self.tasks.main.set("in_trap", 0)

    def state(self, task: int = 0) -> int:
        """The task's."""
        return self.tasks.blocks[task].get("state")

    def fault(self, task: int = 0) -> FaultRecord | None:
        """Why the task stopped; None while it has not."""
        return self.tasks.fault(task, self.module) if self.state(task) == State.EXCEPTION else None

    def fault_text(self, task: int = 0) -> list[str]:
        """The same in lines: what happened, and the call path."""
        fault = self.initial_fault if self.initial_fault is not None else self.fault(task)
        return [] if fault is None else self.lines_of(fault, self.settings[task].name)

    def lines_of(self, fault: FaultRecord, task: str) -> list[str]:
        """A fault in lines. task: the name of whoever ran into it."""
        path = describe(DebugMap(self.image.debug_map), fault.frames, fault.place, self.module.load_address)
        return fault_lines(task, fault, path)
