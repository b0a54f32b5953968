"""Writing to the tasks: one process at a time, by lease, through their rings. Nothing here waits for a task."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from dinrail.control.channel.layout import (
    MAX_FORCE_BYTES,
    MAX_RECORD_DATA_BYTES,
    Command,
    MailboxHeader,
    Space,
    TaskRecord,
    offset_of,
)
from dinrail.control.channel.reader import Channel
from dinrail.control.channel.ring import RingWriter
from dinrail.errors import HostError
from dinrail.files import os_refusal
from dinrail.layout import layout_of


class LeaseTaken(HostError):
    """Another process writes."""


def lease_path(channel: Path) -> Path:
    """Of the tasks' rings: held by the router as long as it runs."""
    return channel.with_name(channel.name + ".writer")


def request_lease_path(channel: Path) -> Path:
    """Of the control ring: held for one request."""
    return channel.with_name(channel.name + ".requests")


def make_lease(path: Path, *, mode: int, group: int | None) -> None:
    """The file that leases are taken on, if it is not there. Raises HostError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if group is not None:
                os.fchown(fd, -1, group)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
    except OSError as fault:
        raise os_refusal(fault, "make the lease's file", path) from fault


def take_lease(path: Path) -> int:
    """A descriptor that holds the lease until it is closed, or its process ends. Raises LeaseTaken, HostError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as fault:
        raise os_refusal(fault, "take the channel's lease", path) from fault
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(fd)
        raise LeaseTaken(
            "another process writes to the control", where=str(path), why="a ring has one writer (the router)"
        ) from fault
    return fd


class Writer(Channel):
    """A channel with the right to write. Each method gives the ring's position behind its record: see `applied`.

    layout: the online change count by which the caller found the offset; None: the one of now. After another online
    change such a record is not applied (TaskRecord.outdated counts it).

    A writer that takes over goes on where the last one, whatever became of it, published a record last.
    """

    _lease = -1

    @classmethod
    def open(cls, path: Path, *, writable: bool = True) -> Self:
        """Take the lease, then map. Raises LeaseTaken, and what Channel.open raises."""
        lease = take_lease(lease_path(path))
        try:
            made = super().open(path, writable=writable)
        except BaseException:
            os.close(lease)
            raise
        made._lease = lease
        return made

    def close(self) -> None:
        super().close()
        if self._lease >= 0:
            os.close(self._lease)
            self._lease = -1

    def ring(self, task: int) -> RingWriter:
        record = self.tasks[task]
        tail = self._task_offsets[task] + offset_of(TaskRecord, "tail")
        return RingWriter(self.memory, record.ring_offset, record.ring_bytes, tail)

    def _layout(self, layout: int | None) -> int:
        return self.header.online_change_count if layout is None else layout

    def room_bytes(self, task: int) -> int:
        """What the task's ring takes now, records' headers included (see ring.record_bytes)."""
        return self.ring(task).room_bytes

    def applied(self, task: int, position: int) -> bool:
        """Whether the task has applied (or dropped) that record and published what came of it."""
        return self.task_word(task, "applied") >= position

    def write(self, task: int, space: Space, offset: int, data: bytes, layout: int | None = None) -> int:
        """Set bytes inside one of the task's segments. At most MAX_RECORD_DATA_BYTES. Raises RingFull."""
        return self.ring(task).push(Command.WRITE, space, offset, data, self._layout(layout))

    def write_bits(
        self, task: int, space: Space, offset: int, mask: bytes, value: bytes, layout: int | None = None
    ) -> int:
        """Set those bits that `mask` has. At most half of MAX_RECORD_DATA_BYTES. Raises RingFull."""
        data = _pair(mask, value, MAX_RECORD_DATA_BYTES // 2)
        return self.ring(task).push(Command.WRITE_BITS, space, offset, data, self._layout(layout))

    def force(self, task: int, space: Space, offset: int, mask: bytes, value: bytes, layout: int | None = None) -> int:
        """Hold those bits that `mask` has. At most MAX_FORCE_BYTES bytes. Raises RingFull."""
        data = _pair(mask, value, MAX_FORCE_BYTES)
        return self.ring(task).push(Command.FORCE, space, offset, data, self._layout(layout))

    def unforce(self, task: int, space: Space, offset: int, mask: bytes, layout: int | None = None) -> int:
        """Let go of those bits. At most MAX_FORCE_BYTES bytes. Raises RingFull."""
        if len(mask) > MAX_FORCE_BYTES:
            raise ValueError(f"one command lets go of {MAX_FORCE_BYTES} bytes, not {len(mask)}")
        return self.ring(task).push(Command.UNFORCE, space, offset, mask, self._layout(layout))

    def unforce_all(self, task: int) -> int:
        """Let go of everything. Raises RingFull."""
        return self.ring(task).push(Command.UNFORCE_ALL, 0, 0, b"", self._layout(None))

    def reset_statistics(self, task: int) -> int:
        """Minima, maxima, sums, histograms and overruns begin anew. Raises RingFull."""
        return self.ring(task).push(Command.RESET_STATISTICS, 0, 0, b"", self._layout(None))

    def call(self, task: int, stub: int, mailbox: int, instance: int, inputs: bytes, layout: int | None = None) -> int:
        """Run a method in the task's cycle; see `returned`. instance: offset in the data. Raises RingFull."""
        data = stub.to_bytes(4, "little") + mailbox.to_bytes(4, "little") + inputs
        return self.ring(task).push(Command.CALL, Space.DATA, instance, data, self._layout(layout))

    def returned(self, task: int, mailbox: int, position: int, output_bytes: int) -> tuple[MailboxHeader, bytes] | None:
        """What the call at `position` gave; None: it has not come back yet."""
        record = self.tasks[task]
        at = record.mailbox_offset + mailbox * record.mailbox_bytes
        if self.memory.u64(at) != position:
            return None
        header_bytes = layout_of(MailboxHeader).size_bytes
        return self.memory.record(MailboxHeader, at), self.memory.read(
            at + header_bytes, min(output_bytes, record.mailbox_bytes - header_bytes)
        )


def _pair(mask: bytes, value: bytes, most: int) -> bytes:
    if len(mask) != len(value) or len(mask) > most:
        raise ValueError(f"mask and value are {len(mask)} and {len(value)} bytes, at most {most} each")
    return mask + value
