"""Writes on their way into a task: queued, put into the ring as it has room, answered once they are published.

    submit --> waiting --pump--> ring --task's cycle--> applied, published --pump--> Settling.one_done --> Later

Nothing waits for ever: what a task has not published in time is answered with a timeout, what is on its way when the
control goes with NOT_READY. Nothing grows for ever: who finds the queue full is told BUSY.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from dinrail.ads.device.access import Later
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.control.channel.layout import MAX_FORCE_BYTES, MAX_RECORD_DATA_BYTES, Command, Space
from dinrail.units import MS_NS, S_NS

MAX_WAITING_BYTES = 4 << 20
MAX_WAITING = 40_000
PATIENCE_NS = 2 * S_NS
PATIENCE_CYCLES = 8
"""Records of a full ring take some cycles; of a slow task, those are long."""
POLL_NS = MS_NS
_MASKED = (Command.WRITE_BITS, Command.FORCE)


class Ring(Protocol):
    """A task's command ring, as its one writer sees it."""

    def push(self, task: int, command: Command, space: Space, offset: int, data: bytes) -> int | None:
        """Put a record in; the ring's position behind it. None: there is no room just now. Raises AdsFault."""

    def applied(self, task: int) -> int:
        """What is before this position was applied and published. Raises AdsFault."""


class Settling:
    """Some records, answered together.

    result:   what the answer carries once all of them are published; may raise AdsFault.
    ended:    called once, however it ends.
    position: the ring's, behind the last record that went in.
    """

    __slots__ = ("ended", "later", "left", "position", "result")

    def __init__(self) -> None:
        self.left = 0
        self.position = 0
        self.later = Later()
        self.result: Callable[[], bytes] = bytes
        self.ended: Callable[[], None] = _nothing

    def one_done(self) -> None:
        """One record more is published."""
        self.left -= 1
        if self.left or self.later.outcome is not None:
            return
        try:
            answer = self.result()
        except AdsFault as fault:
            self.fail(fault.code)
            return
        self.ended()
        self.later.done(answer)

    def fail(self, code: int) -> None:
        """They will not be."""
        if self.later.outcome is None:
            self.ended()
            self.later.fault(code)


def _nothing() -> None:
    """Nobody has to know."""


class _Record(NamedTuple):
    command: Command
    space: Space
    offset: int
    data: bytes
    settling: Settling
    deadline_ns: int


class Outgoing:
    """All records of one task that are not published yet."""

    def __init__(self, task: int, ring: Ring, cycle_ns: int) -> None:
        self.task = task
        self._ring = ring
        self._patience_ns = max(PATIENCE_NS, PATIENCE_CYCLES * cycle_ns)
        self._waiting: deque[_Record] = deque()
        self._waiting_bytes = 0
        self._sent: deque[tuple[int, int, Settling]] = deque()
        """Position, deadline, whose."""

    def __bool__(self) -> bool:
        return bool(self._waiting or self._sent)

    def submit(
        self, command: Command, space: Space, offset: int, data: bytes, settling: Settling, monotonic_ns: int
    ) -> None:
        """Send records, a long write in parts. Raises AdsFault BUSY, with none of them sent."""
        parts = split(command, offset, data)
        if (
            self._waiting_bytes + len(data) > MAX_WAITING_BYTES
            or len(self._waiting) + len(self._sent) + len(parts) > MAX_WAITING
        ):
            raise AdsFault(AdsError.BUSY, "more is being written than the task takes in its cycles")
        settling.left += len(parts)
        deadline_ns = monotonic_ns + self._patience_ns
        for start, part in parts:
            self._waiting.append(_Record(command, space, start, part, settling, deadline_ns))
            self._waiting_bytes += len(part)
        self._feed()

    def pump(self, monotonic_ns: int) -> None:
        """Answer what is published, give up what is overdue, and fill the ring. Raises AdsFault when it is broken."""
        if not self:
            return
        applied = self._ring.applied(self.task)
        sent = self._sent
        while sent and sent[0][0] <= applied:
            sent.popleft()[2].one_done()
        self._feed()
        while sent and sent[0][1] <= monotonic_ns:
            sent.popleft()[2].fail(AdsError.TIMEOUT)
        while self._waiting and self._waiting[0].deadline_ns <= monotonic_ns:
            record = self._waiting.popleft()
            self._waiting_bytes -= len(record.data)
            record.settling.fail(AdsError.TIMEOUT)

    def abandon(self, code: int) -> None:
        """The control is gone: nobody will apply them."""
        for record in self._waiting:
            record.settling.fail(code)
        for _, _, settling in self._sent:
            settling.fail(code)
        self._waiting.clear()
        self._sent.clear()
        self._waiting_bytes = 0

    def _feed(self) -> None:
        waiting = self._waiting
        while waiting:
            record = waiting[0]
            position = self._ring.push(self.task, record.command, record.space, record.offset, record.data)
            if position is None:
                return
            waiting.popleft()
            self._waiting_bytes -= len(record.data)
            record.settling.position = position
            self._sent.append((position, record.deadline_ns, record.settling))


def split(command: Command, offset: int, data: bytes) -> list[tuple[int, bytes]]:
    """(offset, data) of records that are short enough; with masks, as many bytes of value in each as of mask."""
    if len(data) <= MAX_FORCE_BYTES // 2:
        return [(offset, data)]  # what nearly all are
    if command not in _MASKED:
        step = MAX_FORCE_BYTES if command is Command.UNFORCE else MAX_RECORD_DATA_BYTES
        return [(offset + at, data[at : at + step]) for at in range(0, len(data), step)] or [(offset, b"")]
    step = (MAX_FORCE_BYTES if command is Command.FORCE else MAX_RECORD_DATA_BYTES) // 2
    mask, value = data[: len(data) // 2], data[len(data) // 2 :]
    return [(offset + at, mask[at : at + step] + value[at : at + step]) for at in range(0, len(mask), step)]
