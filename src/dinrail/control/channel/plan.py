"""Where everything in a new channel lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dinrail.control.channel.layout import (
    BUFFER_HEADER_BYTES,
    FEWEST_BUFFERS,
    FORCE_CAPACITY,
    FORCES_HEADER_BYTES,
    HISTOGRAM_BYTES,
    ITEM_HEADER_BYTES,
    MAILBOX_COUNT,
    MAILBOX_DATA_BYTES,
    MOST_BUFFERS,
    PAGE_BYTES,
    PUBLISHED_HEADER_BYTES,
    RING_HEADER_BYTES,
    SLOTS_HEADER_BYTES,
    Answer,
    ChannelHeader,
    ExchangeRecord,
    FaultRecord,
    MailboxHeader,
    SegmentRecord,
    TaskRecord,
    round_up,
)
from dinrail.control.context import LOG_ENTRIES, LOG_ENTRY_BYTES, LOG_HEADER_BYTES
from dinrail.control.image import Image, Segment
from dinrail.control.settings import Exchange
from dinrail.layout import layout_of

RING_BYTES = 64 << 10
CONTROL_RING_BYTES = 16 << 10
LOG_BYTES = LOG_HEADER_BYTES + LOG_ENTRIES * LOG_ENTRY_BYTES
MAILBOX_BYTES = layout_of(MailboxHeader).size_bytes + MAILBOX_DATA_BYTES
PUBLISHED_BYTES = 4 << 20
"""Of all tasks' buffers together: as many as fit, so that a reader which comes late finds what it has missed."""
_FEWEST_SHARES = 2
SPARE_SEGMENTS = 64
SPARE_BYTES = 64 << 10
"""Room for what an online change may add to a task's published data, besides a quarter of it."""


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """Offsets of one task's parts. Capacity of one buffer in bytes, without its header; so many buffers there are."""

    record: int
    latency_histogram: int
    execution_histogram: int
    fault: int
    ring: int
    forces: int
    published: int
    published_capacity: int
    published_count: int
    mailboxes: int


@dataclass(frozen=True, slots=True)
class PlannedExchange:
    """Offsets of one driver's parts."""

    record: int
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """Offsets of everything, bytes from the file's beginning."""

    size_bytes: int
    segments: int
    segment_capacity: int
    answer: int
    control_ring: int
    log: int
    tasks: tuple[PlannedTask, ...]
    exchanges: tuple[PlannedExchange, ...]


class _Table:
    """Hands out places, one behind the other, each beginning a line of its own."""

    def __init__(self) -> None:
        self.end = 0

    def take(self, size_bytes: int, align_bytes: int = 64) -> int:
        at = round_up(self.end, align_bytes)
        self.end = at + size_bytes
        return at


def plan_channel(image: Image, exchanges: Sequence[Exchange] = ()) -> ChannelPlan:
    """The places for this image's tasks and these drivers."""
    table = _Table()
    table.take(layout_of(ChannelHeader).size_bytes)
    records = [table.take(layout_of(TaskRecord).size_bytes) for _ in image.tasks]
    capacity = sum(len(task.segments) for task in image.tasks) + SPARE_SEGMENTS
    segments = table.take(capacity * layout_of(SegmentRecord).size_bytes)
    rows = [table.take(layout_of(ExchangeRecord).size_bytes) for _ in exchanges]
    answer = table.take(layout_of(Answer).size_bytes)
    control_ring = table.take(RING_HEADER_BYTES + CONTROL_RING_BYTES)
    log = table.take(LOG_BYTES)
    room_bytes = PUBLISHED_BYTES // max(len(records), _FEWEST_SHARES)
    tasks = tuple(
        _task(table, record, published_bytes(task.segments), room_bytes)
        for record, task in zip(records, image.tasks, strict=True)
    )
    drivers = tuple(
        PlannedExchange(row, _slots(table, exchange.input_bytes), _slots(table, exchange.output_bytes))
        for row, exchange in zip(rows, exchanges, strict=True)
    )
    size_bytes = round_up(table.end, PAGE_BYTES)
    return ChannelPlan(size_bytes, segments, capacity, answer, control_ring, log, tasks, drivers)


def published_bytes(segments: Sequence[Segment]) -> int:
    """What these segments take in a task's published data, each beginning a line."""
    return sum(round_up(segment.size_bytes) for segment in segments)


def item_bytes(data_bytes: int) -> int:
    """One of an exchange's four slots."""
    return round_up(ITEM_HEADER_BYTES + data_bytes)


def _task(table: _Table, record: int, published: int, room_bytes: int) -> PlannedTask:
    """published, room_bytes: of one publication, and what its buffers may take together if more than two fit."""
    capacity = round_up(published + published // 4 + SPARE_BYTES)
    count = min(max(room_bytes // (BUFFER_HEADER_BYTES + capacity), FEWEST_BUFFERS), MOST_BUFFERS)
    return PlannedTask(
        record=record,
        latency_histogram=table.take(HISTOGRAM_BYTES),
        execution_histogram=table.take(HISTOGRAM_BYTES),
        fault=table.take(layout_of(FaultRecord).size_bytes),
        ring=table.take(RING_HEADER_BYTES + RING_BYTES),
        forces=table.take(FORCES_HEADER_BYTES + 8 * FORCE_CAPACITY),
        published=table.take(PUBLISHED_HEADER_BYTES + count * (BUFFER_HEADER_BYTES + capacity), PAGE_BYTES),
        published_capacity=capacity,
        published_count=count,
        mailboxes=table.take(MAILBOX_COUNT * MAILBOX_BYTES),
    )


def _slots(table: _Table, data_bytes: int) -> int:
    return table.take(SLOTS_HEADER_BYTES + 4 * item_bytes(data_bytes))
