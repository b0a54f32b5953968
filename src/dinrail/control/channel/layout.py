"""The channel's bytes: every record, and where its fields lie. docs/channel.md explains the rules and draws it.

    header | task records | histograms | segments | exchanges | fault records | answer | control ring | log
    for each task: command ring, forces, published data (a ring of buffers)
    for each exchange: inputs (four slots), outputs (four slots)

Numbers are little-endian. A word is written by one side only (the field's comment names it) by one aligned store, so
it is never seen half. The control process believes nothing that another process may have written: it copies, then
checks the copy, and its own counters live in memory of its own.
"""

from __future__ import annotations

import enum

from dinrail.layout import layout_of, pad, raw, record, u16, u32, u64

MAGIC = int.from_bytes(b"DINRAIL\0", "little")
VERSION = 2
LINE_BYTES = 64
PAGE_BYTES = 4096
ANY_CORE = 0xFFFFFFFF

HISTOGRAM_BINS = 1024
HISTOGRAM_BYTES = PAGE_BYTES + LINE_BYTES
"""HISTOGRAM_BINS counters of 32 bits, one a microsecond, then one for everything above; padded to a line."""

RING_HEADER_BYTES = LINE_BYTES
FORCES_HEADER_BYTES = LINE_BYTES
BUFFER_HEADER_BYTES = LINE_BYTES
PUBLISHED_HEADER_BYTES = LINE_BYTES
FEWEST_BUFFERS, MOST_BUFFERS = 2, 64
"""Of one task's published data."""
SLOTS_HEADER_BYTES = 2 * LINE_BYTES
ITEM_HEADER_BYTES = LINE_BYTES // 2
LOG_HEADER_BYTES = LINE_BYTES

MAX_TASKS = 32
MAX_RECORD_BYTES = 4096
"""A command record with its header; so at most this much is copied before it is checked."""
MAX_RECORD_DATA_BYTES = MAX_RECORD_BYTES - 32
MAX_FORCE_BYTES = 64
"""Bytes of one FORCE or UNFORCE record. One such record ends the cycle's draining."""
FORCE_CAPACITY = 1024
"""Forced bytes of one task."""
FRAME_CAPACITY = 64
MAILBOX_COUNT = 8
MAILBOX_DATA_BYTES = 4096
CALL_FRAME_BYTES = 2 * MAILBOX_DATA_BYTES
"""What a CALL's stub gets: its inputs, and from MAILBOX_DATA_BYTES on room for its outputs."""


class State(enum.IntEnum):
    """Of the control, and of a task. ADS state numbers (Beckhoff Information System, "ADS device states")."""

    RUN = 5
    STOP = 6
    CONFIG = 15
    EXCEPTION = 19


class Realtime(enum.IntFlag):
    """What the control was allowed to do for its cycles."""

    MEMORY = 1  # locked in RAM
    PRIORITY = 2  # tasks run under SCHED_FIFO
    CORES = 4  # tasks run on the cores they were given
    LATENCY = 8  # the processor does not go to deep sleep


class Space(enum.IntEnum):
    """What an offset counts from: the application's data, or an area of its process image."""

    DATA = 0
    INPUT = 1
    OUTPUT = 2
    MARKER = 3


class Command(enum.IntEnum):
    """A record of a task's command ring. `data` of WRITE_BITS, FORCE: as many bytes of mask, then of value."""

    WRITE = 1
    WRITE_BITS = 2
    FORCE = 3
    UNFORCE = 4  # data: the mask
    UNFORCE_ALL = 5
    CALL = 6  # a method: offset is the instance's; data: u32 stub, u32 mailbox, the inputs
    RESET_STATISTICS = 7


class Request(enum.IntEnum):
    """A record of the control ring, answered in the Answer."""

    START = 1
    STOP = 2
    RESET = 3  # data as after loading (retained values stay), then STOP
    CONFIG = 4  # no application: threads end
    SWAP = 5  # online change: data is the new image's path
    RESET_ORIGIN = 6  # as RESET, and retained values are forgotten
    SAVE = 7  # retained values, now
    EXIT = 8


@record(size_bytes=0x400, name="ChannelHeader", source="docs/channel.md")
class ChannelHeader:
    """The first kilobyte. All of it is written by the control; `magic` last, so who sees it sees the rest."""

    magic: int = u64(0x00)
    version: int = u32(0x08)
    task_count: int = u32(0x0C)
    file_bytes: int = u64(0x10)
    layout_sequence: int = u64(0x18)  # odd while hash, segments and symbol version are being changed
    layout_hash: bytes = raw(0x20, 32)
    control_pid: int = u32(0x40)
    state: int = u32(0x44)
    control_start: int = u64(0x48)  # clock ticks since boot: with the pid, the name of a process
    restart_index: int = u32(0x50)  # counts initialisations of the application's data
    online_change_count: int = u32(0x54)
    symbol_version: int = u32(0x58)
    segment_count: int = u32(0x5C)
    exchange_count: int = u32(0x60)
    exception_task: int = u32(0x64)  # the task that faulted last, from 0; meaningful in EXCEPTION
    heartbeat_ns: int = u64(0x68)  # CLOCK_MONOTONIC, by the control's main loop
    tasks_offset: int = u64(0x70)
    segments_offset: int = u64(0x78)
    segment_capacity: int = u32(0x80)
    answer_bytes: int = u32(0x84)
    exchanges_offset: int = u64(0x88)
    answer_offset: int = u64(0x90)
    control_ring_offset: int = u64(0x98)
    control_ring_bytes: int = u32(0xA0)
    log_bytes: int = u32(0xA4)
    log_offset: int = u64(0xA8)
    started_wall_ns: int = u64(0xB0)
    data_bytes: int = u64(0xB8)
    input_bytes: int = u32(0xC0)
    output_bytes: int = u32(0xC4)
    marker_bytes: int = u32(0xC8)
    retained_bytes: int = u32(0xCC)
    retain_saved_wall_ns: int = u64(0xD0)
    change_ns: int = u64(0xD8)  # how long the last online change kept its task, ns
    application: bytes = raw(0xE0, 64)  # UTF-8, NUL-padded
    ads_port: int = u32(0x120)  # of the application: 851...
    area_task: int = u32(0x124)  # the task that exchanges and publishes %I, %Q, %M, from 0
    built_wall_s: int = u64(0x128)  # when the image was built, 0: not said
    data_address: int = u64(0x130)  # in the control's memory: what POINTERs in the data count from
    input_address: int = u64(0x138)
    output_address: int = u64(0x140)
    marker_address: int = u64(0x148)
    heap_address: int = u64(0x150)
    heap_bytes: int = u64(0x158)
    realtime: int = u32(0x160)  # Realtime flags
    _reserved_164: bytes = pad(0x164, 0x9C)
    image_path: bytes = raw(0x200, 512)  # UTF-8, NUL-padded; of the image that runs


@record(size_bytes=0x200, name="TaskRecord", source="docs/channel.md")
class TaskRecord:
    """One task. Settings by the control's main thread; from `state` on by the task's own thread, once a cycle.

    Times in ns. `tail`, `applied`: positions in the command ring (bytes since its beginning): what is before `tail`
    has left the ring, what is before `applied` was applied and published.
    """

    name: bytes = raw(0x00, 64)
    cycle_ns: int = u64(0x40)
    start_offset_ns: int = u64(0x48)
    priority: int = u32(0x50)
    core: int = u32(0x54)
    watchdog_cycles: int = u32(0x58)
    overrun: int = u32(0x5C)  # 0 count, 1 stop
    ads_port: int = u32(0x60)
    stack_bytes: int = u32(0x64)
    ring_offset: int = u64(0x68)
    ring_bytes: int = u32(0x70)  # a power of two, without its header
    budget_records: int = u32(0x74)
    budget_bytes: int = u32(0x78)
    force_capacity: int = u32(0x7C)
    forces_offset: int = u64(0x80)
    published_offset: int = u64(0x88)
    published_capacity: int = u64(0x90)  # bytes of one buffer, without its header
    latency_histogram_offset: int = u64(0x98)
    execution_histogram_offset: int = u64(0xA0)
    fault_offset: int = u64(0xA8)
    stack_used_bytes: int = u64(0xB0)  # deepest seen since the thread began
    mailbox_offset: int = u64(0xB8)
    mailbox_count: int = u32(0xC0)
    mailbox_bytes: int = u32(0xC4)  # of each, with its header
    published_count: int = u32(0xC8)  # buffers, at least two
    _reserved_cc: bytes = pad(0xCC, 0x34)
    state: int = u32(0x100)
    fault: int = u32(0x104)
    cycle_count: int = u64(0x108)  # cycles begun, in any state
    run_count: int = u64(0x110)  # cycles whose body ran to its end
    first_cycle_ns: int = u64(0x118)
    heartbeat_ns: int = u64(0x120)  # begin of the last cycle
    latency_last_ns: int = u64(0x128)
    latency_min_ns: int = u64(0x130)
    latency_max_ns: int = u64(0x138)
    latency_sum_ns: int = u64(0x140)
    execution_last_ns: int = u64(0x148)
    execution_min_ns: int = u64(0x150)
    execution_max_ns: int = u64(0x158)
    execution_sum_ns: int = u64(0x160)
    overruns: int = u64(0x168)  # wake-ups that came a whole cycle late or more
    missed_cycles: int = u64(0x170)  # cycles that were skipped to keep the phase
    exceeded: int = u64(0x178)  # cycles that took longer than the cycle time
    dropped: int = u64(0x180)  # command records that were not what they must be
    tail: int = u64(0x188)
    applied: int = u64(0x190)
    change_waits: int = u64(0x198)  # cycles that began later because an online change was being made
    outdated: int = u64(0x1A0)  # command records of an application that is not there any more
    _reserved_1a8: bytes = pad(0x1A8, 0x58)


@record(size_bytes=0x20, name="SegmentRecord", source="docs/channel.md")
class SegmentRecord:
    """A piece of the application's memory that a task owns, and where it stands in what that task publishes."""

    task: int = u32(0x00)
    space: int = u32(0x04)
    offset: int = u64(0x08)  # in its space
    size_bytes: int = u64(0x10)
    position: int = u64(0x18)  # in the published data; a multiple of 64


@record(size_bytes=0x80, name="ExchangeRecord", source="docs/channel.md")
class ExchangeRecord:
    """What one I/O driver process gives (%I) and takes (%Q). `stale_cycles` is the task's."""

    name: bytes = raw(0x00, 32)
    task: int = u32(0x20)
    input_bytes: int = u32(0x24)
    input_offset: int = u64(0x28)  # in the area %I
    output_offset: int = u64(0x30)  # in the area %Q
    output_bytes: int = u32(0x38)
    _reserved_3c: bytes = pad(0x3C, 4)
    input_slots_offset: int = u64(0x40)
    output_slots_offset: int = u64(0x48)
    stale_cycles: int = u64(0x50)  # cycles since the driver last gave something new
    _reserved_58: bytes = pad(0x58, 0x28)


@record(size_bytes=0x40, name="BufferHeader", source="docs/channel.md")
class BufferHeader:
    """Before each of the buffers of published data. Publication n goes to buffer n mod their number.

    sequence: 2n - 1 while it is being written, 2n when it is whole. A reader takes `latest` (n, in the line before the
    buffers) or one before it, copies its buffer, and keeps the copy if `sequence` was 2n before and after.
    layout: the online change count of the application that wrote it.
    """

    sequence: int = u64(0x00)
    cycle_count: int = u64(0x08)
    monotonic_ns: int = u64(0x10)
    wall_ns: int = u64(0x18)
    size_bytes: int = u64(0x20)
    layout: int = u32(0x28)
    state: int = u32(0x2C)
    _reserved_30: bytes = pad(0x30, 0x10)


@record(size_bytes=0x20, name="CommandHeader", source="docs/channel.md")
class CommandHeader:
    """Before each record of a ring, at a multiple of 8. `guard`: see `guard_of`."""

    total_bytes: int = u32(0x00)  # with this header; a multiple of 8
    kind: int = u16(0x04)
    space: int = u16(0x06)
    layout: int = u32(0x08)  # online change count that `offset` was found by: of another one it is not applied
    size_bytes: int = u32(0x0C)  # of the data that follows
    offset: int = u64(0x10)
    guard: int = u64(0x18)


@record(size_bytes=0x20, name="MailboxHeader", source="docs/channel.md")
class MailboxHeader:
    """What a CALL gave, before its output bytes. `done`: the ring's position behind the CALL, stored last."""

    done: int = u64(0x00)
    fault: int = u32(0x08)  # 0: it ran to its end
    refused: int = u32(0x0C)  # 1: no such stub, or the task does not run
    _reserved_10: bytes = pad(0x10, 0x10)


@record(size_bytes=0x20, name="ItemHeader", source="docs/channel.md")
class ItemHeader:
    """Before the data of each of the four slots. `counter` differs from item to item; `enabled` 0: safe values."""

    counter: int = u64(0x00)
    wall_ns: int = u64(0x08)
    enabled: int = u32(0x10)
    size_bytes: int = u32(0x14)
    _reserved_18: bytes = pad(0x18, 8)


@record(size_bytes=0x40, name="FourSlots", source="H. Simpson, IEE Proceedings 137 E 1 (1990): fully asynchronous")
class FourSlots:
    """First line of an exchange's one direction: the writer's words. The reader's `reading` opens the next line."""

    latest: int = u32(0x00)
    slot_0: int = u32(0x04)
    slot_1: int = u32(0x08)
    item_bytes: int = u32(0x0C)  # from slot to slot, header included
    safe: int = u32(0x10)  # of outputs, by the main thread: 1: safe values, whatever the items say
    _reserved_14: bytes = pad(0x14, 0x2C)


READING_OFFSET = LINE_BYTES
"""Of the u32 that the reading side writes, from the beginning of FourSlots."""


@record(size_bytes=0xC00, name="FaultRecord", source="docs/channel.md")
class FaultRecord:
    """Why a task stopped, by the control's main thread. `sequence` is odd while it is being written.

    frames: return addresses relative to the image's beginning, innermost first. text: what they say, in lines.
    """

    sequence: int = u64(0x00)
    count: int = u32(0x08)  # faults of this task since the control began
    code: int = u32(0x0C)  # plc.core Fault
    place: int = u64(0x10)  # plc.source.Place, 0: unknown
    value_0: int = u64(0x18)  # of BOUNDS: index, lower, upper, as two's complement
    value_1: int = u64(0x20)
    value_2: int = u64(0x28)
    wall_ns: int = u64(0x30)
    cycle_count: int = u64(0x38)
    frame_count: int = u32(0x40)
    text_bytes: int = u32(0x44)
    address: int = u64(0x48)  # of ACCESS, NULL: what was touched
    _reserved_50: bytes = pad(0x50, 0xB0)
    frames: bytes = raw(0x100, 8 * FRAME_CAPACITY)
    text: bytes = raw(0x300, 0x900)


@record(size_bytes=0x1000, name="Answer", source="docs/channel.md")
class Answer:
    """What became of the last request of the control ring. `request`: the ring's position behind that request."""

    sequence: int = u64(0x00)
    request: int = u64(0x08)
    accepted: int = u32(0x10)
    text_bytes: int = u32(0x14)
    _reserved_18: bytes = pad(0x18, 8)
    text: bytes = raw(0x20, 0xFE0)  # UTF-8, lines


def guard_of(position: int, total_bytes: int, kind: int, space: int, size_bytes: int, offset: int, layout: int) -> int:
    """The guard word of a command record that begins at `position` of its ring, 64 bits: no old bytes have it.

    Each bit of the header goes into one bit of it, so no single changed bit is missed.
    """
    turned = (offset << 17) | (offset >> 47)
    mixed = position ^ (total_bytes << 48) ^ (kind << 40) ^ (space << 32) ^ size_bytes ^ (layout << 8) ^ turned ^ MAGIC
    return mixed & 0xFFFFFFFFFFFFFFFF


def offset_of(kind: type, field: str) -> int:
    """Where a field lies in its record, bytes."""
    return next(spec.offset for name, spec in layout_of(kind).fields if name == field)


def round_up(size_bytes: int, unit_bytes: int = LINE_BYTES) -> int:
    """The next multiple of `unit_bytes`."""
    return -(-size_bytes // unit_bytes) * unit_bytes
