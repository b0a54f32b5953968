"""The link to the control: finds its channel, again and again, and says what became of it.

Whatever is in the file may be damaged or gone at any time: each access checks, and ends in an AdsFault at worst.

    NOT_READY               no control, a silent one, or a damaged channel
    SYMBOL_VERSION_INVALID  another application runs than the one that the asking device knows (online change)
    BUSY                    somebody else writes to this control, or too much is on its way
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from dinrail.ads.device.access import Later
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.bridge.asking import Asks
from dinrail.bridge.calling import Calls, Stub
from dinrail.bridge.facts import ControlFacts, TaskFacts
from dinrail.bridge.forcing import Force
from dinrail.bridge.outgoing import POLL_NS, Outgoing, Settling
from dinrail.bridge.reading import control_facts, state_of, task_facts
from dinrail.bridge.snapshots import Snapshot, Snapshots
from dinrail.control.channel.alive import has_ended
from dinrail.control.channel.layout import ChannelHeader, Command, MailboxHeader, Request, Space, offset_of
from dinrail.control.channel.reader import Channel, ChannelBusy, Layout
from dinrail.control.channel.ring import RingFull, RingWriter
from dinrail.control.channel.writer import LeaseTaken, Writer
from dinrail.errors import FormatError, HostError
from dinrail.units import MS_NS, S_NS

LOG = logging.getLogger("dinrail.bridge")
LOOK_NS = 100 * MS_NS
"""How often the file's name is looked at: is it another one?"""
SILENT_NS = 2 * S_NS
"""A control whose main thread and tasks are all silent for so long is gone."""
SILENT_CYCLES = 3
_RESTART_INDEX = offset_of(ChannelHeader, "restart_index")
_BROKEN = (ChannelBusy, FormatError, HostError, ValueError)


class Link:
    """One control. `poll` whenever `due_ns` says so; everything else in between.

    layout:     of the application that runs; None: no channel. Nothing of it is read or written before `adopt`.
    polled_ns:  when it was polled last.
    generation: moves with every other layout and channel; `channels` with every other channel only.
    """

    def __init__(self, path: Path, now_ns: Callable[[], int], wake: Callable[[], None]) -> None:
        """wake: told when `due_ns` may have come nearer."""
        self.path = path
        self._wake = wake
        self.snapshots = Snapshots(self)
        self.layout: Layout | None = None
        self._adopted: Layout | None = None
        self.generation = self.channels = 0
        self._now_ns = now_ns
        self._channel: Channel | None = None
        self._writer: Writer | None = None
        self._rings: list[RingWriter] = []
        self._outgoing: list[Outgoing] = []
        self._calls: list[Calls] = []
        self._needed: list[int] = []
        self._asks = Asks()
        self._settling = Settling()
        self._alive = False
        self._look_ns = 0
        self.polled_ns = 0
        self._told = ""

    # Time.

    def poll(self, monotonic_ns: int) -> None:
        """Look after everything. Never raises."""
        self.polled_ns = monotonic_ns
        if monotonic_ns >= self._look_ns:
            self._look_ns = monotonic_ns + LOOK_NS
            self._look(monotonic_ns)
        channel = self._channel
        if channel is None:
            return
        try:
            self._follow(channel)
            for outgoing, calls in zip(self._outgoing, self._calls, strict=True):
                outgoing.pump(monotonic_ns)
                calls.pump(monotonic_ns)
            if self._asks and self._writer is not None:
                self._asks.pump(self._writer, monotonic_ns)
        except _BROKEN as fault:
            self._detach(f"the channel is damaged: {fault}")
        except AdsFault:
            return  # there is no ring just now; what waits for one has its deadline

    def due_ns(self) -> int:
        """When `poll` is needed next."""
        if self._asks or any(self._outgoing):
            return min(self.polled_ns + POLL_NS, self._look_ns)
        return self._look_ns

    def close(self) -> None:
        """Let go of the channel."""
        self._detach("")

    def adopt(self, layout: Layout) -> None:
        """The devices know the application of this layout now, and none other."""
        self._adopted = layout
        self.snapshots.forget()

    # What devices ask (bridge.plc.Owner, bridge.task.Owner, bridge.system.Asking, bridge.facts.Told).

    @property
    def state(self) -> int:
        return state_of(self._living().state)

    def control(self) -> ControlFacts:
        return control_facts(self._living())

    def task(self, index: int) -> TaskFacts:
        channel = self._living()
        if index >= len(channel.tasks):
            raise AdsFault(AdsError.NOT_READY, f"the control has no task {index} any more")
        return task_facts(channel, index)

    def tasks(self) -> Sequence[TaskFacts]:
        channel = self._living()
        return [task_facts(channel, index) for index in range(len(channel.tasks))]

    def tasks_now(self) -> Sequence[TaskFacts]:
        """All tasks, of a silent control, too."""
        channel = self._channel
        return [] if channel is None else [task_facts(channel, index) for index in range(len(channel.tasks))]

    def forces(self) -> Sequence[Force]:
        channel = self._living()
        try:
            found = [one for task in range(len(channel.tasks)) for one in channel.forces(task)]
            return [Force(Space(one.space), one.offset, one.mask, one.value) for one in found]
        except _BROKEN as fault:
            raise AdsFault(AdsError.NOT_READY, str(fault)) from fault

    def writing(self) -> Settling:
        self._settling = Settling()
        return self._settling

    def submit(self, task: int, command: Command, space: Space, offset: int, data: bytes) -> None:
        """See `snapshots.Submit`."""
        self._known()
        if task >= len(self._outgoing):
            raise AdsFault(AdsError.NOT_READY, f"the control has no task {task} any more")
        self._outgoing[task].submit(command, space, offset, data, self._settling, self._now_ns())
        self._wake()

    def call(self, task: int, stub: Stub, instance: int, inputs: bytes) -> Later:
        self._known()
        if task >= len(self._calls):
            raise AdsFault(AdsError.NOT_READY, f"the control has no task {task} any more")
        later = self._calls[task].invoke(stub, instance, inputs, self._now_ns())
        self._wake()
        return later

    def unforce_all(self) -> None:
        for task in range(len(self._outgoing)):
            self.submit(task, Command.UNFORCE_ALL, Space.DATA, 0, b"")

    def reset_statistics(self, task: int) -> None:
        self.writing()
        self.submit(task, Command.RESET_STATISTICS, Space.DATA, 0, b"")

    def ask(self, *requests: Request) -> Later:
        self._living()
        if self._writer is None:
            raise AdsFault(AdsError.BUSY, "another process writes to this control")
        later = self._asks.add(requests, self._now_ns())
        self._wake()
        return later

    # bridge.snapshots.Publisher

    def published(self, task: int) -> int:
        """Counted from the beginning again when the application's data were initialised, so that is part of it."""
        channel = self._living()
        if task >= len(channel.tasks):
            raise AdsFault(AdsError.NOT_READY, f"the control has no task {task} any more")
        return channel.memory.u32(_RESTART_INDEX) << 64 | channel.publication(task)

    def earlier(self, task: int, number: int) -> Snapshot | None:
        channel, layout = self._known()
        restarts, publication = number >> 64, number & (1 << 64) - 1
        if publication <= 0 or restarts != channel.memory.u32(_RESTART_INDEX):
            return None
        try:
            got = channel.publication_of(task, publication)
        except _BROKEN:
            return None  # what is damaged is told by `take`
        if got is None or got.layout != layout.online_change_count or len(got.data) < self._needed[task]:
            return None
        return Snapshot(got.data, got.cycle_count, got.monotonic_ns, got.wall_ns, got.layout)

    def take(self, task: int) -> Snapshot:
        channel, layout = self._known()
        try:
            got = channel.snapshot(task)
        except _BROKEN as fault:
            raise AdsFault(AdsError.NOT_READY, str(fault)) from fault
        if got is None:
            raise AdsFault(AdsError.NOT_READY, "nothing is published yet")
        if got.layout != layout.online_change_count:
            self._look_ns = 0
            raise AdsFault(AdsError.SYMBOL_VERSION_INVALID, "an online change is being made")
        if len(got.data) < self._needed[task]:
            raise AdsFault(AdsError.NOT_READY, "less is published than the segments say")
        return Snapshot(got.data, got.cycle_count, got.monotonic_ns, got.wall_ns, got.layout)

    # bridge.outgoing.Ring

    def push(self, task: int, command: Command, space: Space, offset: int, data: bytes) -> int | None:
        if self._writer is None or self.layout is None:
            raise AdsFault(AdsError.BUSY, "another process writes to this control")
        try:
            return self._rings[task].push(command, space, offset, data, self.layout.online_change_count)
        except RingFull:
            return None

    def applied(self, task: int) -> int:
        return self._living().task_word(task, "applied")

    # bridge.calling.Mailboxes

    def returned(self, task: int, mailbox: int, position: int, output_bytes: int) -> tuple[MailboxHeader, bytes] | None:
        if self._writer is None:
            return None
        return self._writer.returned(task, mailbox, position, output_bytes)

    # The channel's life.

    def _living(self) -> Channel:
        if self._channel is None or not self._alive:
            raise AdsFault(AdsError.NOT_READY, "there is no control")
        return self._channel

    def _known(self) -> tuple[Channel, Layout]:
        """The channel, as long as what runs is what the devices know."""
        channel, layout = self._living(), self.layout
        if layout is None or layout is not self._adopted:
            raise AdsFault(AdsError.SYMBOL_VERSION_INVALID, "another application runs since a moment ago")
        return channel, layout

    def _look(self, monotonic_ns: int) -> None:
        channel = self._channel
        if channel is None or self._identity() not in (None, channel.memory.identity):
            self._attach()
            channel = self._channel
        if channel is None:
            return
        alive = is_alive(channel, monotonic_ns)
        if self._alive and not alive:
            LOG.warning("the control is silent: %s", self.path)
            self._abandon(AdsError.NOT_READY)
        self._alive = alive
        if self._writer is None and alive:
            self._take_lease(channel)

    def _identity(self) -> tuple[int, int] | None:
        try:
            facts = self.path.stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _attach(self) -> None:
        try:
            channel = Channel.open(self.path)
        except _BROKEN as fault:
            self._say(str(fault) if self.path.exists() else "")
            return
        self._detach("the control was started anew" if self._channel is not None else "")
        self._channel = channel
        self.channels += 1
        try:
            self._understand(channel)
        except _BROKEN as fault:
            self._detach(f"the channel is damaged: {fault}")
            return
        LOG.info("the control is pid %d, %s", channel.header.control_pid, self.path)
        self._told = ""

    def _detach(self, why: str) -> None:
        self._say(why)
        self._abandon(AdsError.NOT_READY)
        for opened in (self._channel, self._writer):
            if opened is not None:
                opened.close()
        self._channel = self._writer = self.layout = self._adopted = None
        self._alive = False
        self._rings, self._outgoing, self._calls = [], [], []
        self.snapshots.forget()

    def _follow(self, channel: Channel) -> None:
        """Notice an online change."""
        layout, header = self.layout, channel.header
        if layout is None or (header.online_change_count, header.layout_hash) != (
            layout.online_change_count,
            layout.layout_hash,
        ):
            self._understand(channel)

    def _understand(self, channel: Channel) -> None:
        layout = channel.layout()
        self._abandon_records(AdsError.SYMBOL_VERSION_INVALID)
        self.layout = layout
        self._outgoing = [Outgoing(task, self, record.cycle_ns) for task, record in enumerate(channel.tasks)]
        self._calls = [Calls(one, self, channel.tasks[one.task].mailbox_count) for one in self._outgoing]
        self._needed = [0] * len(channel.tasks)
        for one in layout.segments:
            self._needed[one.task] = max(self._needed[one.task], one.position + one.size_bytes)
        self.snapshots.forget()
        self.generation += 1

    def _take_lease(self, channel: Channel) -> None:
        try:
            writer = Writer.open(self.path)
        except LeaseTaken as fault:
            self._say(str(fault))
            return
        except _BROKEN as fault:
            self._say(str(fault))
            return
        if writer.memory.identity != channel.memory.identity:
            writer.close()  # replaced in between; the next look finds the new one
            return
        self._writer = writer
        self._rings = [writer.ring(task) for task in range(len(writer.tasks))]

    def _abandon(self, code: int) -> None:
        self._abandon_records(code)
        self._asks.abandon(code)

    def _abandon_records(self, code: int) -> None:
        for outgoing, calls in zip(self._outgoing, self._calls, strict=True):
            calls.abandon(code)
            outgoing.abandon(code)

    def _say(self, why: str) -> None:
        """Into the log, once for the same thing."""
        if why and why != self._told:
            LOG.warning("%s", why)
        self._told = why or self._told


def is_alive(channel: Channel, monotonic_ns: int) -> bool:
    """Whether the control's main thread or one of its tasks has shown itself lately, and its process is there."""
    if has_ended(channel.header, monotonic_ns):
        return False
    if monotonic_ns - channel.header.heartbeat_ns < SILENT_NS:
        return True
    return any(
        monotonic_ns - channel.task_word(index, "heartbeat_ns") < max(SILENT_NS, SILENT_CYCLES * task.cycle_ns)
        for index, task in enumerate(channel.tasks)
    )
