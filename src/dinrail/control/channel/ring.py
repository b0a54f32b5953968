"""A ring of command records: one writer, one reader, bytes between two positions that only ever grow.

    head  (bytes ever written)  the writer's word, in the ring's first line
    tail  (bytes ever read)     the reader's word, elsewhere (for tasks: TaskRecord.tail)

A record is there once `head` is behind it: whoever dies while writing one leaves nothing. The reader copies a record
before it looks at it, so that nothing can change under its eyes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dinrail.control.channel.layout import (
    MAX_RECORD_BYTES,
    MAX_RECORD_DATA_BYTES,
    RING_HEADER_BYTES,
    CommandHeader,
    guard_of,
)
from dinrail.control.channel.memory import Memory
from dinrail.errors import Refused
from dinrail.layout import decode, encode, layout_of

_HEADER_BYTES = layout_of(CommandHeader).size_bytes


class RingFull(Refused):
    """There is no room now: the reader takes a bounded number each cycle. Nothing was written."""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One record, checked. end: the ring's position behind it; layout: see CommandHeader."""

    kind: int
    space: int
    offset: int
    data: bytes
    end: int
    layout: int = 0


def record_bytes(data_bytes: int) -> int:
    """What a record with so much data takes in the ring."""
    return _HEADER_BYTES + ((data_bytes + 7) & ~7)


def encode_command(position: int, kind: int, space: int, offset: int, data: bytes, layout: int = 0) -> bytes:
    """A record as it stands in the ring at `position`. Raises ValueError for more than MAX_RECORD_DATA_BYTES."""
    if len(data) > MAX_RECORD_DATA_BYTES:
        raise ValueError(f"a command carries {MAX_RECORD_DATA_BYTES} bytes, not {len(data)}")
    total = record_bytes(len(data))
    guard = guard_of(position, total, kind, space, len(data), offset, layout)
    header = CommandHeader(
        total_bytes=total,
        kind=kind,
        space=space,
        layout=layout,
        size_bytes=len(data),
        offset=offset,
        guard=guard,
    )
    return (encode(header) + data).ljust(total, b"\0")


class RingWriter:
    """The writing side. tail_offset: where the reader's word lies in the same memory."""

    def __init__(self, memory: Memory, offset: int, size_bytes: int, tail_offset: int) -> None:
        self._memory = memory
        self._offset = offset
        self._size = size_bytes
        self._tail_offset = tail_offset

    @property
    def head(self) -> int:
        return self._memory.u64(self._offset)

    @property
    def room_bytes(self) -> int:
        """What can be written now."""
        used = self.head - self._memory.u64(self._tail_offset)
        return self._size - used if 0 <= used <= self._size else 0

    def push(self, kind: int, space: int, offset: int, data: bytes, layout: int = 0) -> int:
        """Append a record; the position behind it. Raises RingFull."""
        if record_bytes(len(data)) > self.room_bytes:
            raise RingFull("the command ring is full", hint="the task takes some commands each cycle; try again")
        head = self.head
        record = encode_command(head, kind, space, offset, data, layout)
        start = head & (self._size - 1)
        first = min(len(record), self._size - start)
        base = self._offset + RING_HEADER_BYTES
        self._memory.write(base + start, record[:first])
        self._memory.write(base, record[first:])
        self._memory.set_u64(self._offset, head + len(record))
        return head + len(record)


class RingReader:
    """The reading side for rings that Python reads. `tail` is its own; whoever owns it publishes it."""

    def __init__(self, memory: Memory, offset: int, size_bytes: int, tail: int = 0) -> None:
        self._memory = memory
        self._offset = offset
        self._size = size_bytes
        self.tail = tail
        self.dropped = 0

    def records(self) -> Iterator[CommandRecord]:
        """All that is there now. A record that is none drops everything before the head, and is counted."""
        head = self._memory.u64(self._offset)
        if head % 8 or not 0 <= head - self.tail <= self._size:
            self._drop(head & ~7)
            return
        while self.tail < head:
            record = self._take(head)
            if record is None:
                self._drop(head)
                return
            self.tail = record.end
            yield record

    def _drop(self, head: int) -> None:
        self.tail = head
        self.dropped += 1

    def _take(self, head: int) -> CommandRecord | None:
        room = head - self.tail
        if room < _HEADER_BYTES:
            return None
        header = decode(CommandHeader, self._copy(self.tail, _HEADER_BYTES))
        total, size = header.total_bytes, header.size_bytes
        if total > min(room, MAX_RECORD_BYTES) or size > MAX_RECORD_DATA_BYTES or total != record_bytes(size):
            return None
        if header.guard != guard_of(self.tail, total, header.kind, header.space, size, header.offset, header.layout):
            return None
        data = self._copy(self.tail + _HEADER_BYTES, size)
        return CommandRecord(header.kind, header.space, header.offset, data, self.tail + total, header.layout)

    def _copy(self, position: int, size_bytes: int) -> bytes:
        start = position & (self._size - 1)
        first = min(size_bytes, self._size - start)
        base = self._offset + RING_HEADER_BYTES
        return self._memory.read(base + start, first) + self._memory.read(base, size_bytes - first)
