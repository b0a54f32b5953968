"""One control: an image, its tasks, its channel, its state. What the process' main thread does, step by step.

CONFIG     no threads; the channel is there
STOP, RUN  threads cycle; the bodies run in RUN
EXCEPTION  a task faulted, or did not come back: that task stands, the others go on as they were
"""

from __future__ import annotations

import ctypes
import os
import threading
import time

from dinrail.control.channel.create import Loaded, Owner, create_channel, show_channel, write_loaded
from dinrail.control.channel.layout import ChannelHeader, FourSlots, Realtime, State, offset_of
from dinrail.control.channel.plan import plan_channel
from dinrail.control.channel.reader import Channel
from dinrail.control.context import FaultRecord
from dinrail.control.faults import fault_name
from dinrail.control.images import Images
from dinrail.control.module import Module
from dinrail.control.native import Arena
from dinrail.control.options import ControlOptions
from dinrail.control.retained import RetainedValues
from dinrail.control.tasks import Channel as TaskChannel
from dinrail.control.tasks import Tasks
from dinrail.control.threads import Threads
from dinrail.errors import Refused

_FRESH = {
    "state": State.STOP,
    "wanted": State.STOP,
    "fault": 0,
    "fail": 0,
    "first_run": 1,
    "run_count": 0,
    "in_trap": 0,
    "in_cycle": 0,
    "busy_ns": 0,
    "exceeded_in_a_row": 0,
}
"""A task's words after a reset."""

_LEAVE_S = 1.0
"""What FB_Exit may take in all before its loops are told to end."""
_ABORTER_STACK_BYTES = 256 << 10


class Control:
    """Loaded and initialised, in CONFIG; `start` begins. Raises FormatError, BadRequest, HostError."""

    def __init__(self, options: ControlOptions, start_time: int) -> None:
        self.options = options
        self.images = Images(options.channel)
        path, self.image, built = self.images.take(options.image, group=options.group, trusted=True)
        self.settings = options.settings_of(self.image)
        self.module = self.executive = Module(path, self.image)
        self.plan = plan_channel(self.image, options.exchanges)
        bases = self.module.bases
        loaded = Loaded(self.image, path, built, (bases[0], bases[1], bases[2], bases[3]))
        owner = Owner(os.getpid(), start_time, options.group, options.port)
        self.memory = create_channel(options.channel, self.plan, self.settings, options.exchanges, owner, loaded)
        self.tasks = Tasks(self.settings, TaskChannel(self.memory, self.plan, options.exchanges))
        self.installed = self.tasks.prepare(self.module, 0)
        self.tasks.install(self.installed)
        self.heap = Arena(self.image.heap_bytes) if self.image.heap_bytes else None
        self.loaded = loaded
        self.notes: list[str] = []
        self.retained = RetainedValues(options.retain)
        self.initial_fault: FaultRecord | None = None
        self._signal_stack = self.executive.function("dinrail_signal_stack", None, ctypes.c_void_p, ctypes.c_uint32)
        self.executive.function("dinrail_attach", None, ctypes.c_void_p)(self.tasks.common.address)
        self.threads = Threads(self.tasks, self.image, self.executive.address("dinrail_thread"), options.cores)
        self.initialise()
        show_channel(self.memory, options.channel)
        self.reader = Channel(self.memory, options.channel)

    @property
    def state(self) -> State:
        return State(self.memory.u32(offset_of(ChannelHeader, "state")))

    def set_state(self, state: State) -> None:
        self.memory.set_u32(offset_of(ChannelHeader, "state"), state)

    def initialise(self) -> None:
        """Data as before the first cycle, retained values in them; `initial_fault` says what went wrong.

        Nothing counts as published until the first cycle with them.
        """
        for planned in self.plan.tasks:
            self.memory.set_u64(planned.published, 0)
        self.module.restore()
        if self.heap is not None:
            self.heap.touch()
            self.module.give_heap(self.heap.base, self.heap.size_bytes)
            self.memory.set_u64(offset_of(ChannelHeader, "heap_address"), self.heap.base)
            self.memory.set_u64(offset_of(ChannelHeader, "heap_bytes"), self.heap.size_bytes)
        self.initial_fault = self.run_initialiser(self.module)
        self.retained.put(self.module)
        self.module.seed()
        at = offset_of(ChannelHeader, "restart_index")
        self.memory.set_u32(at, self.memory.u32(at) + 1)

    def run_initialiser(self, module: Module) -> FaultRecord | None:
        """A module's own, in this thread: a trap in it is a fault of it."""
        self._signal_stack(self.tasks.main.address, 1)
        try:
            return self.tasks.fault_in(0, module) if module.initialise() else None
        finally:
            self._signal_stack(self.tasks.main.address, 0)
            self.tasks.main.set("in_trap", 0)

    def leave(self) -> None:
        """FB_Exit of all instances, in this thread: no task may run any more. A fault in it ends it, and is noted."""
        if not self.module.leave or self.initial_fault is not None:
            return
        threading.stack_size(_ABORTER_STACK_BYTES)
        aborter = threading.Timer(_LEAVE_S, self.tasks.abort, (0, self.module))
        aborter.start()
        self._signal_stack(self.tasks.main.address, 1)
        try:
            code = self.module.exit()
        finally:
            self._signal_stack(self.tasks.main.address, 0)
            self.tasks.main.set("in_trap", 0)
            aborter.cancel()
        if code:
            self.notes.append(f"FB_Exit ended early: {fault_name(code)}")

    # What can be asked for. Each raises Refused with the reason.

    def start(self) -> None:
        """To RUN."""
        if self.initial_fault is not None or self.state is State.EXCEPTION:
            raise Refused("the control is in exception", hint="dinrail control faults; dinrail control reset")
        if self.state is State.CONFIG:
            self._begin()
        self.tasks.set_wanted(State.RUN)
        self.set_state(State.RUN)

    def stop(self) -> None:
        """To STOP: tasks cycle without their bodies."""
        if self.state is State.CONFIG:
            self._begin()
        self.tasks.set_wanted(State.STOP)
        if self.state is not State.EXCEPTION:
            self.set_state(State.STOP)

    def reset(self, *, origin: bool = False) -> None:
        """Data as after loading, then STOP. origin: retained values are forgotten, else they stay."""
        self._end_threads()
        self.leave()
        if origin:
            self.retained.forget()
        else:
            self.retained.save(self.module)
        self._refresh()
        self._begin()
        self.set_state(State.STOP if self.initial_fault is None else State.EXCEPTION)

    def config(self) -> None:
        """To CONFIG: threads end. The next start begins anew."""
        self._end_threads()
        self.leave()
        self.retained.save(self.module)
        self._refresh()
        self.set_state(State.CONFIG)

    def save(self) -> None:
        """Retained values, now: as the last cycle left them."""
        if self.threads.running:
            self.retained.save_published(self.reader, self.module)
        else:
            self.retained.save(self.module)
        self.memory.set_u64(offset_of(ChannelHeader, "retain_saved_wall_ns"), time.time_ns())

    def end(self) -> None:
        """Threads ended (those that come back), outputs safe, values saved, the channel gone."""
        self.tasks.set_wanted(State.STOP)
        stuck = self.threads.stop()
        self.make_safe()
        if not stuck:
            self.leave()
            self.save()
        self.set_state(State.CONFIG)
        self.memory.set_u64(offset_of(ChannelHeader, "heartbeat_ns"), 0)
        self.options.channel.unlink(missing_ok=True)
        self.images.clear()

    def make_safe(self, task: int | None = None, *, safe: bool = True) -> None:
        """Tell the drivers of a task (None: of all) that their outputs are to be the safe values."""
        for exchange, place in zip(self.options.exchanges, self.plan.exchanges, strict=True):
            if task is None or exchange.task == task:
                self.memory.set_u32(place.outputs + offset_of(FourSlots, "safe"), int(safe))

    def _begin(self) -> None:
        self.make_safe(safe=False)
        flags = self.threads.start()
        at = offset_of(ChannelHeader, "realtime")
        kept = self.memory.u32(at) & (Realtime.MEMORY | Realtime.LATENCY)
        self.memory.set_u32(at, kept | flags)
        self.set_state(State.STOP)

    def _end_threads(self) -> None:
        stuck = self.threads.stop()
        if stuck:
            raise Refused(
                f"{', '.join(stuck)} does not come back",
                why="its thread cannot be ended from outside",
                hint="end the process (kill -9 is safe) and start it again",
            )

    def _refresh(self) -> None:
        for block in self.tasks.blocks:
            for name, value in _FRESH.items():
                block.set(name, value)
        self.tasks.clear_contexts(self.module)
        self.initialise()

    def show_loaded(self, loaded: Loaded) -> None:
        """After an online change: the new application's layout into the channel."""
        self.loaded = loaded
        write_loaded(self.memory, self.plan, loaded)
