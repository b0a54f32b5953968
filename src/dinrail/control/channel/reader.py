"""Reading the channel: state, tasks, statistics, faults, snapshots. Nothing that a reader does is felt by a task.

Everything in the file is checked before it is used, since it may be damaged: offsets and sizes once, when it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dinrail.control.channel.layout import (
    BUFFER_HEADER_BYTES,
    FEWEST_BUFFERS,
    FORCES_HEADER_BYTES,
    HISTOGRAM_BINS,
    HISTOGRAM_BYTES,
    LOG_HEADER_BYTES,
    MAGIC,
    MAX_TASKS,
    MOST_BUFFERS,
    PUBLISHED_HEADER_BYTES,
    RING_HEADER_BYTES,
    VERSION,
    BufferHeader,
    ChannelHeader,
    ExchangeRecord,
    FaultRecord,
    SegmentRecord,
    State,
    TaskRecord,
    offset_of,
)
from dinrail.control.channel.memory import Memory, map_file
from dinrail.errors import DinrailError, FormatError
from dinrail.layout import decode, layout_of, open_enum

_TRIES = 1000
_SEQUENCE = offset_of(ChannelHeader, "layout_sequence")
_MAX_EXCHANGES = 256


class ChannelBusy(DinrailError):
    """A part changed under our eyes each time that it was read: its writer died in the middle, or memory is damaged."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a task published at the end of one cycle. Segments stand in `data` at their positions.

    layout: the online change count of the application that wrote it (compare with Layout.online_change_count).
    """

    data: bytes
    cycle_count: int
    monotonic_ns: int
    wall_ns: int
    layout: int
    state: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Which application it is, and what is where: read as one."""

    layout_hash: bytes
    symbol_version: int
    online_change_count: int
    restart_index: int
    image_path: str
    segments: tuple[SegmentRecord, ...]
    header: ChannelHeader


@dataclass(frozen=True, slots=True)
class Force:
    """One forced byte: where `mask` has a bit, `value` stands."""

    space: int
    offset: int
    mask: int
    value: int


class Channel:
    """One opened channel. `with Channel.open(path) as channel:`"""

    def __init__(self, memory: Memory, path: Path) -> None:
        self.memory = memory
        self.path = path
        header = self.header
        self.exchanges_offset = header.exchanges_offset
        size_bytes = layout_of(TaskRecord).size_bytes
        self._task_offsets = tuple(header.tasks_offset + n * size_bytes for n in range(header.task_count))
        self.tasks = tuple(memory.record(TaskRecord, offset) for offset in self._task_offsets)
        """Their records as they were when the channel was opened: for settings and offsets, which do not change."""
        self._check(header)

    @classmethod
    def open(cls, path: Path, *, writable: bool = False) -> Self:
        """Map a channel. Raises HostError when there is none, FormatError when it is none or damaged."""
        memory = map_file(path, writable=writable)
        try:
            _check_header(memory, path)
            return cls(memory, path)
        except BaseException:
            memory.close()
            raise

    def close(self) -> None:
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, header: ChannelHeader) -> None:
        memory = self.memory
        memory.inside(header.segments_offset, header.segment_capacity * layout_of(SegmentRecord).size_bytes)
        memory.inside(header.exchanges_offset, header.exchange_count * layout_of(ExchangeRecord).size_bytes)
        memory.inside(header.answer_offset, header.answer_bytes)
        _check_ring(memory, header.control_ring_offset, header.control_ring_bytes)
        memory.inside(header.log_offset, header.log_bytes)
        for task in self.tasks:
            _check_ring(memory, task.ring_offset, task.ring_bytes)
            if not FEWEST_BUFFERS <= task.published_count <= MOST_BUFFERS:
                raise FormatError("so many buffers no task has", structure="TaskRecord", where=str(self.path))
            buffers = task.published_count * (BUFFER_HEADER_BYTES + task.published_capacity)
            memory.inside(task.published_offset, PUBLISHED_HEADER_BYTES + buffers)
            memory.inside(task.forces_offset, FORCES_HEADER_BYTES + 8 * task.force_capacity)
            memory.inside(task.latency_histogram_offset, HISTOGRAM_BYTES)
            memory.inside(task.execution_histogram_offset, HISTOGRAM_BYTES)
            memory.inside(task.fault_offset, layout_of(FaultRecord).size_bytes)
            memory.inside(task.mailbox_offset, task.mailbox_count * task.mailbox_bytes)
            offsets = (task.ring_offset, task.published_offset, task.published_capacity, task.forces_offset)
            if any(offset % 64 for offset in offsets) or task.mailbox_offset % 8 or task.mailbox_bytes % 8:
                raise FormatError("a part does not begin a line", structure="TaskRecord", where=str(self.path))

    @property
    def header(self) -> ChannelHeader:
        """The header now."""
        return self.memory.record(ChannelHeader, 0)

    @property
    def state(self) -> State | int:
        """Of the control."""
        return open_enum(State, self.memory.u32(offset_of(ChannelHeader, "state")))

    def statistics(self, task: int) -> TaskRecord:
        """A task's record now: each number is right, two of them may be of neighbouring cycles."""
        return self.memory.record(TaskRecord, self._task_offsets[task])

    def task_word(self, task: int, field: str) -> int:
        """One 64-bit field of a task's record now."""
        return self.memory.u64(self._task_offsets[task] + offset_of(TaskRecord, field))

    def histogram(self, task: int, *, execution: bool = False) -> tuple[int, ...]:
        """Cycles by latency (or execution time): HISTOGRAM_BINS of a microsecond each, then everything above."""
        record = self.tasks[task]
        at = record.execution_histogram_offset if execution else record.latency_histogram_offset
        return tuple(memoryview(self.memory.read(at, 4 * (HISTOGRAM_BINS + 1))).cast("I"))

    def publication(self, task: int) -> int:
        """Counts what the task has published: differs when there is something new. 0: nothing yet."""
        return self.memory.u64(self.tasks[task].published_offset)

    def snapshot(self, task: int) -> Snapshot | None:
        """What the task published last, of one cycle; None: nothing yet. Raises ChannelBusy, FormatError.

        The task fills the other buffers next: this copy has cycles of time before it must be taken again.
        """
        for _ in range(_TRIES):
            number = self.publication(task)
            if number == 0:
                return None
            found = self.publication_of(task, number)
            if found is not None:
                return found
        raise ChannelBusy("the published data change each time that they are read", where=str(self.path))

    def publication_of(self, task: int, number: int) -> Snapshot | None:
        """One publication by its number, as long as its buffer has not been filled anew; else None.

        A task keeps as many as it has buffers (TaskRecord.published_count). Raises FormatError.
        """
        record, memory = self.tasks[task], self.memory
        step = number % record.published_count * (BUFFER_HEADER_BYTES + record.published_capacity)
        at = record.published_offset + PUBLISHED_HEADER_BYTES + step
        if memory.u64(at) != 2 * number:
            return None
        header = memory.record(BufferHeader, at)
        fits = header.size_bytes <= record.published_capacity
        data = memory.read(at + BUFFER_HEADER_BYTES, header.size_bytes) if fits else b""
        if memory.u64(at) != 2 * number:
            return None
        if not fits:
            raise FormatError("published data are larger than their buffer", structure="BufferHeader", offset=at)
        return Snapshot(data, header.cycle_count, header.monotonic_ns, header.wall_ns, header.layout, header.state)

    def layout(self) -> Layout:
        """Hash, versions and segments of one application. Raises ChannelBusy, FormatError."""
        size_bytes = layout_of(SegmentRecord).size_bytes
        for _ in range(_TRIES):
            sequence = self.memory.u64(_SEQUENCE)
            header = self.header
            count = min(header.segment_count, header.segment_capacity)
            raw = self.memory.read(header.segments_offset, count * size_bytes)
            if sequence % 2 or self.memory.u64(_SEQUENCE) != sequence:
                continue
            segments = tuple(decode(SegmentRecord, raw, n * size_bytes) for n in range(count))
            for segment in segments:
                self._check_segment(segment)
            return Layout(
                header.layout_hash,
                header.symbol_version,
                header.online_change_count,
                header.restart_index,
                text_of(header.image_path),
                segments,
                header,
            )
        raise ChannelBusy("an online change does not end", where=str(self.path))

    def _check_segment(self, segment: SegmentRecord) -> None:
        capacity = self.tasks[segment.task].published_capacity if segment.task < len(self.tasks) else 0
        if segment.position + segment.size_bytes > capacity or segment.space > 3:
            raise FormatError("a segment lies outside its buffer", structure="SegmentRecord", where=str(self.path))

    def forces(self, task: int) -> tuple[Force, ...]:
        """What is forced in this task's memory. Raises ChannelBusy."""
        record, memory = self.tasks[task], self.memory
        for _ in range(_TRIES):
            sequence = memory.u64(record.forces_offset)
            count = min(memory.u32(record.forces_offset + 8), record.force_capacity)
            raw = memory.read(record.forces_offset + FORCES_HEADER_BYTES, 8 * count)
            if sequence % 2 == 0 and memory.u64(record.forces_offset) == sequence:
                return tuple(force_of(raw[at : at + 8]) for at in range(0, len(raw), 8))
        raise ChannelBusy("the forced values change each time that they are read", where=str(self.path))

    def fault(self, task: int) -> FaultRecord | None:
        """Why the task stopped last; None: it never did. Raises ChannelBusy."""
        at = self.tasks[task].fault_offset
        for _ in range(_TRIES):
            sequence = self.memory.u64(at)
            if sequence == 0:
                return None
            record = decode(FaultRecord, self.memory.read(at, layout_of(FaultRecord).size_bytes))
            if sequence % 2 == 0 and self.memory.u64(at) == sequence:
                return record
        raise ChannelBusy("a fault's record changes each time that it is read", where=str(self.path))

    def exchange(self, index: int) -> ExchangeRecord:
        """One driver's record now."""
        return self.memory.record(ExchangeRecord, self.exchanges_offset + index * layout_of(ExchangeRecord).size_bytes)


def force_of(entry: bytes) -> Force:
    """One entry of the forces' table: u32 offset, u8 space, u8 mask, u8 value, u8 0."""
    return Force(entry[4], int.from_bytes(entry[:4], "little"), entry[5], entry[6])


def text_of(data: bytes) -> str:
    """A text field, up to its first NUL."""
    return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def state_text(number: int) -> str:
    """`run`, or the number of a state that we do not know."""
    return State(number).name.lower() if number in set(State) else f"state {number}"


def fault_lines(fault: FaultRecord) -> list[str]:
    """What a fault says, as the control put it."""
    return fault.text[: fault.text_bytes].decode("utf-8", "backslashreplace").splitlines()


def _check_header(memory: Memory, path: Path) -> None:
    if memory.size_bytes < layout_of(ChannelHeader).size_bytes or memory.u64(0) != MAGIC:
        raise FormatError("this is no channel", structure="ChannelHeader", field="magic", where=str(path))
    header = memory.record(ChannelHeader, 0)
    if header.version != VERSION:
        raise FormatError(
            f"it is version {header.version}, we know {VERSION}",
            structure="ChannelHeader",
            field="version",
            where=str(path),
            hint="the control is of another release: stop it and start it again",
        )
    if header.file_bytes != memory.size_bytes or not 0 < header.task_count <= MAX_TASKS:
        raise FormatError("its sizes are impossible", structure="ChannelHeader", where=str(path))
    if header.exchange_count > _MAX_EXCHANGES or header.log_bytes < LOG_HEADER_BYTES or header.tasks_offset % 64:
        raise FormatError("its parts are impossible", structure="ChannelHeader", where=str(path))
    memory.inside(header.tasks_offset, header.task_count * layout_of(TaskRecord).size_bytes)


def _check_ring(memory: Memory, offset: int, size_bytes: int) -> None:
    memory.inside(offset, RING_HEADER_BYTES + size_bytes)
    if size_bytes & (size_bytes - 1) or size_bytes < 64 or offset % 64:
        raise FormatError("a ring's size is no power of two", structure="TaskRecord", offset=offset)
