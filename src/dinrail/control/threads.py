"""The tasks' native threads: stacks of known depth, real-time priorities, cores. Where rights are missing, it is said.

Priorities count as TwinCAT counts them, 1 the highest. The highest under SCHED_FIFO is 98 here: the kernel's own
migration threads (99) stay above.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from dinrail.control.channel.layout import Realtime
from dinrail.control.image import Image
from dinrail.control.native import Arena, Block, Thread
from dinrail.control.settings import TaskSettings
from dinrail.control.tasks import Tasks

_HIGHEST = 98
_KNOWN_MARGIN_BYTES = 128 << 10
"""Beside the code's own known depth: the C library's part of a thread's stack, its functions, the executive."""
_UNKNOWN_BYTES = 1 << 20
_LEAD_NS = 20_000_000
_JOIN_NS = 2_000_000_000
_POLL_S = 0.001


def fifo_priority(priority: int) -> int:
    """SCHED_FIFO's number for a task's."""
    return max(1, min(_HIGHEST, _HIGHEST + 1 - priority))


def stack_bytes(known_bytes: int) -> int:
    """What a task's thread gets. known_bytes: the deepest its code goes, 0: nobody knows."""
    return known_bytes + _KNOWN_MARGIN_BYTES if known_bytes else _UNKNOWN_BYTES


class Threads:
    """All threads of one control. `missing` says what could not be had."""

    def __init__(self, tasks: Tasks, image: Image, function: int, cores: Sequence[int]) -> None:
        self._tasks = tasks
        self._image = image
        self._function = function
        self._cores = list(cores)
        self._threads: list[tuple[Block, Thread]] = []
        self._stacks = [Arena(stack_bytes(task.stack_bytes)) for task in image.tasks]
        self.missing: list[str] = []
        for stack in self._stacks:
            stack.touch()

    def start(self) -> Realtime:
        """Begin cycling, each task on the grid of its cycle time and offset. What was allowed. Raises HostError."""
        flags = Realtime.PRIORITY | Realtime.CORES
        self.missing = []
        longest = max(settings.cycle_ns for settings in self._tasks.settings)
        begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + _LEAD_NS
        begin += -begin % min(longest, _LEAD_NS)
        for block, settings, stack in zip(self._tasks.blocks, self._tasks.settings, self._stacks, strict=False):
            block.set("leave", 0)
            block.set("alive", 1)
            block.set("start_ns", begin + settings.start_offset_ns)
            block.set("stack_guard", stack.guard)
            block.set("stack_low", stack.base)
            block.set("stack_high", stack.base + stack.size_bytes)
            thread = Thread(self._function, block.address, stack)
            self._threads.append((block, thread))
            flags &= self._place(thread, settings)
        return flags

    def _place(self, thread: Thread, settings: TaskSettings) -> Realtime:
        flags = Realtime.PRIORITY | Realtime.CORES
        fault = thread.be_realtime(fifo_priority(settings.priority))
        if fault is not None:
            flags &= ~Realtime.PRIORITY
            self.missing.append(f"{settings.name}: {fault.what} (needs CAP_SYS_NICE)")
        cores = [settings.core] if settings.core is not None else self._cores
        fault = thread.run_on(cores) if cores else None
        if fault is not None:
            flags &= ~Realtime.CORES
            self.missing.append(f"{settings.name}: {fault.what}; the machine has {os.cpu_count()}")
        return flags

    @property
    def running(self) -> bool:
        return bool(self._threads)

    def stop(self) -> list[str]:
        """Let each end behind its cycle. The names of those that do not come back: they stay, and with them all."""
        for block, _ in self._threads:
            block.set("leave", 1)
        longest = max((settings.cycle_ns for settings in self._tasks.settings), default=0)
        deadline = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + _JOIN_NS + longest
        while any(self._is_alive(block) for block, _ in self._threads):
            if time.clock_gettime_ns(time.CLOCK_MONOTONIC) > deadline:
                return [self._tasks.settings[b.get("index")].name for b, _ in self._threads if self._is_alive(b)]
            time.sleep(_POLL_S)
        for block, thread in self._threads:
            thread.join()
            block.set("start_ns", 0)
        self._threads.clear()
        return []

    @staticmethod
    def _is_alive(block: Block) -> bool:
        """From `start` on, also before its first instruction, until its last one."""
        return block.get("alive") != 0

    def stack_bytes(self, index: int) -> int:
        """What the task's thread has."""
        return self._stacks[index].size_bytes

    def stack_used_bytes(self, index: int) -> int:
        """How deep the task's stack ever was: from the lowest byte that is not zero any more."""
        stack = self._stacks[index]
        return stack.size_bytes - stack.untouched_bytes()

    def close(self) -> None:
        """Give the stacks back: no thread may be left."""
        for stack in self._stacks:
            stack.close()
