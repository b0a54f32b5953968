"""What tasks publish, as the memory of an ADS device.

    request --> Snapshots.begin()                     one moment: all that it reads comes from one snapshot of each task
    area.view() --> Snapshots.of(task) --> channel    taken once a moment at most, and only when the task has published

A segment is a piece of %I, %Q, %M or of the application's data; each belongs to one task, which publishes it and
through whose ring it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dinrail.ams.errors import AdsError, AdsFault
from dinrail.control.channel.layout import Command, Space
from dinrail.layout import Buffer


class Snapshot(NamedTuple):
    """What a task published at the end of one cycle. layout: the online change count of the application that ran."""

    data: bytes
    cycle_count: int
    monotonic_ns: int
    wall_ns: int
    layout: int


class Segment(NamedTuple):
    """`size_bytes` at `offset` of a space, found at `position` of what `task` publishes."""

    task: int
    space: Space
    offset: int
    size_bytes: int
    position: int

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


class Publisher(Protocol):
    """Where snapshots come from."""

    def published(self, task: int) -> int:
        """A number that moves with every publication. Raises AdsFault when there is no control."""

    def take(self, task: int) -> Snapshot:
        """The latest whole publication. Raises AdsFault NOT_READY."""

    def earlier(self, task: int, number: int) -> Snapshot | None:
        """The publication of that number (see `published`), when it is there still and of the known application."""


class Snapshots:
    """The snapshots that one moment rests on.

    moment: a request, or a tick of the notifications; within one, a task's snapshot stays the same.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.moment = 0
        self._held: dict[int, tuple[int, int, Snapshot]] = {}

    def begin(self) -> None:
        """What follows sees what is published by now."""
        self.moment += 1

    def of(self, task: int) -> Snapshot:
        """The task's snapshot of this moment. Raises AdsFault NOT_READY."""
        held = self._held.get(task)
        if held is not None and held[0] == self.moment:
            return held[2]
        number = self._publisher.published(task)
        if held is not None and held[1] == number:
            snapshot = held[2]
        else:
            snapshot = self._publisher.earlier(task, number) or self._publisher.take(task)
        self._held[task] = (self.moment, number, snapshot)
        return snapshot

    def back(self, task: int, steps: int) -> bool:
        """A new moment, in which the task's snapshot is so many publications before the one that it was; else False.

        Those of other tasks stay. `stay` with what `of` gave goes back to now.
        """
        _, number, _ = self._held[task]
        found = self._publisher.earlier(task, number - steps)
        if found is not None:
            self._show(task, number, found)
        return found is not None

    def stay(self, task: int, snapshot: Snapshot) -> None:
        """A new moment, in which the task's snapshot is this one."""
        self._show(task, self._held[task][1], snapshot)

    def _show(self, task: int, number: int, snapshot: Snapshot) -> None:
        self.moment += 1
        for other, (_, known, held) in self._held.items():
            self._held[other] = (self.moment, known, held)
        self._held[task] = (self.moment, number, snapshot)

    def forget(self) -> None:
        """Another channel: nothing that was held means anything."""
        self._held.clear()
        self.moment += 1


Submit = Callable[[int, Command, Space, int, bytes], None]
"""(task, command, space, offset, data): give a record to a task's ring. Raises AdsFault."""


class SpaceArea:
    """One space as a `MemoryArea`: zeros where no segment is. Writes go to the tasks that own the segments."""

    def __init__(
        self, space: Space, segments: Sequence[Segment], size_bytes: int, snapshots: Snapshots, submit: Submit
    ) -> None:
        self.size_bytes = size_bytes
        self.space = space
        self.segments = tuple(sorted((one for one in segments if one.space == space), key=lambda one: one.offset))
        self._snapshots = snapshots
        self._submit = submit
        self._moment = -1
        self._pieces: list[bytes] = []
        self._whole = bytes(size_bytes)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Raises AdsFault NOT_READY."""
        return self._fresh()[offset : offset + size_bytes]

    def view(self) -> Buffer:
        """Raises AdsFault NOT_READY."""
        return self._fresh()

    def write(self, offset: int, data: bytes) -> None:
        """Raises AdsFault INVALID_ACCESS for bytes that no task owns, and what the ring raises."""
        for one, start, part in self._owners(offset, len(data)):
            self._submit(one.task, Command.WRITE, self.space, start, data[part])

    def write_bits(self, offset: int, mask: bytes, data: bytes) -> None:
        """Raises as `write`."""
        for one, start, part in self._owners(offset, len(mask)):
            self._submit(one.task, Command.WRITE_BITS, self.space, start, mask[part] + data[part])

    def force(self, offset: int, mask: bytes, data: bytes) -> None:
        """Keep those bits at their values from the next cycle on. Raises as `write`."""
        for one, start, part in self._owners(offset, len(mask)):
            self._submit(one.task, Command.FORCE, self.space, start, mask[part] + data[part])

    def unforce(self, offset: int, mask: bytes) -> None:
        """Let those bits go. Raises as `write`."""
        for one, start, part in self._owners(offset, len(mask)):
            self._submit(one.task, Command.UNFORCE, self.space, start, mask[part])

    def task_at(self, offset: int) -> int:
        """Whose bytes are there; the first task's where nobody has them."""
        return next((one.task for one in self.segments if one.offset <= offset < one.end), 0)

    def _owners(self, offset: int, size_bytes: int) -> list[tuple[Segment, int, slice]]:
        """The segments of a range, where each one's part begins, and which part of the data it is."""
        end = offset + size_bytes
        found = []
        covered = 0
        for one in self.segments:
            start, stop = max(offset, one.offset), min(end, one.end)
            if start < stop:
                found.append((one, start, slice(start - offset, stop - offset)))
                covered += stop - start
        if covered != size_bytes:
            raise AdsFault(AdsError.INVALID_ACCESS, f"not all of {size_bytes} bytes at {offset} belong to a task")
        return found

    def _fresh(self) -> bytes:
        snapshots = self._snapshots
        if self._moment == snapshots.moment:
            return self._whole
        pieces = [snapshots.of(one.task).data[one.position : one.position + one.size_bytes] for one in self.segments]
        if pieces != self._pieces:
            self._whole = self._joined(pieces)
            self._pieces = pieces
        self._moment = snapshots.moment
        return self._whole

    def _joined(self, pieces: list[bytes]) -> bytes:
        if len(pieces) == 1 and len(pieces[0]) == self.size_bytes:
            return pieces[0]
        whole = bytearray(self.size_bytes)
        for one, piece in zip(self.segments, pieces, strict=True):
            whole[one.offset : one.offset + len(piece)] = piece
        return bytes(whole)
