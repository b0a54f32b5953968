"""Making a channel, and what only the control's main thread writes into it later."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dinrail.control.channel.layout import (
    ANY_CORE,
    FORCE_CAPACITY,
    MAGIC,
    MAILBOX_COUNT,
    SLOTS_HEADER_BYTES,
    VERSION,
    Answer,
    ChannelHeader,
    ExchangeRecord,
    FaultRecord,
    FourSlots,
    SegmentRecord,
    State,
    TaskRecord,
    offset_of,
    round_up,
)
from dinrail.control.channel.memory import Memory, create_file, publish
from dinrail.control.channel.plan import (
    CONTROL_RING_BYTES,
    LOG_BYTES,
    MAILBOX_BYTES,
    RING_BYTES,
    ChannelPlan,
    PlannedTask,
    item_bytes,
)
from dinrail.control.channel.writer import lease_path, make_lease, request_lease_path
from dinrail.control.image import Image, Segment
from dinrail.control.settings import Exchange, Overrun, TaskSettings
from dinrail.layout import encode, layout_of

FIRST_TASK_PORT, FIRST_PORT, PORTS_EACH = 350, 851, 16
_MODE = 0o660


@dataclass(frozen=True, slots=True)
class Owner:
    """Who made the channel, and what it says of the application. group: who else may map it, None: nobody."""

    pid: int
    start_time: int
    group: int | None = None
    ads_port: int = 851
    budget_records: int = 256
    budget_bytes: int = 16 << 10


@dataclass(frozen=True, slots=True)
class Loaded:
    """Which image runs, and where its spaces lie in the control's memory (data, %I, %Q, %M)."""

    image: Image
    path: Path
    built_wall_s: int
    bases: tuple[int, int, int, int]
    online_change_count: int = 0
    symbol_version: int = 1


def place_segments(segments: Sequence[Segment]) -> list[tuple[Segment, int]]:
    """Each with its position in what its task publishes."""
    out, position = [], 0
    for segment in segments:
        out.append((segment, position))
        position += round_up(segment.size_bytes)
    return out


def create_channel(
    path: Path,
    plan: ChannelPlan,
    tasks: Sequence[TaskSettings],
    exchanges: Sequence[Exchange],
    owner: Owner,
    loaded: Loaded,
) -> Memory:
    """A new channel under its own name beside `path`: `Memory.publish` shows it. Raises HostError."""
    for lease in (lease_path(path), request_lease_path(path)):
        make_lease(lease, mode=_MODE, group=owner.group)
    memory = create_file(path, plan.size_bytes, mode=_MODE, group=owner.group)
    memory.write(0, encode(_header(plan, len(exchanges), owner, loaded)))
    for index, (settings, planned) in enumerate(zip(tasks, plan.tasks, strict=True)):
        memory.write(planned.record, encode(_task(index, settings, planned, owner)))
    for exchange, place in zip(exchanges, plan.exchanges, strict=True):
        memory.write(place.record, encode(_exchange(exchange, place.inputs, place.outputs)))
        for slots, size_bytes in ((place.inputs, exchange.input_bytes), (place.outputs, exchange.output_bytes)):
            memory.set_u32(slots + offset_of(FourSlots, "item_bytes"), item_bytes(size_bytes))
            memory.inside(slots, SLOTS_HEADER_BYTES)
    write_loaded(memory, plan, loaded)
    return memory


def show_channel(memory: Memory, path: Path) -> None:
    """Say that it is whole, and give it its name. Raises HostError."""
    memory.set_u64(0, MAGIC)
    publish(path)


def write_loaded(memory: Memory, plan: ChannelPlan, loaded: Loaded) -> None:
    """Everything that an online change changes, under the layout's sequence."""
    at = offset_of(ChannelHeader, "layout_sequence")
    sequence = memory.u64(at)
    memory.set_u64(at, sequence | 1)
    rows = [
        SegmentRecord(
            task=index, space=segment.space, offset=segment.offset, size_bytes=segment.size_bytes, position=position
        )
        for index, task in enumerate(loaded.image.tasks)
        for segment, position in place_segments(task.segments)
    ]
    memory.write(plan.segments, b"".join(encode(row) for row in rows))
    header = memory.record(ChannelHeader, 0)
    fields = replace(
        header,
        layout_hash=loaded.image.layout_hash,
        segment_count=len(rows),
        online_change_count=loaded.online_change_count,
        symbol_version=loaded.symbol_version,
        built_wall_s=loaded.built_wall_s,
        data_bytes=loaded.image.data_bytes,
        input_bytes=loaded.image.input_bytes,
        output_bytes=loaded.image.output_bytes,
        marker_bytes=loaded.image.marker_bytes,
        data_address=loaded.bases[0],
        input_address=loaded.bases[1],
        output_address=loaded.bases[2],
        marker_address=loaded.bases[3],
        retained_bytes=sum(item.size_bytes for item in loaded.image.retained),
        image_path=str(loaded.path).encode()[:511].ljust(512, b"\0"),
    )
    memory.write(0, encode(fields))
    memory.set_u64(at, (sequence | 1) + 1)


def write_answer(memory: Memory, plan: ChannelPlan, request: int, *, accepted: bool, text: str) -> None:
    """What became of the request that ends at that position of the control ring."""
    room = layout_of(Answer).fields[-1][1].size_bytes
    data = text.encode()[:room]
    sequence = memory.u64(plan.answer)
    memory.set_u64(plan.answer, sequence + 1)
    answer = Answer(
        sequence=sequence + 1,
        request=memory.u64(plan.answer + offset_of(Answer, "request")),
        accepted=int(accepted),
        text_bytes=len(data),
        text=data.ljust(room, b"\0"),
    )
    memory.write(plan.answer, encode(answer))
    memory.set_u64(plan.answer + offset_of(Answer, "request"), request)
    memory.set_u64(plan.answer, sequence + 2)


def write_fault(memory: Memory, at: int, record: FaultRecord) -> None:
    """A task's fault record. `sequence` and `count` are set here."""
    sequence = memory.u64(at)
    memory.set_u64(at, sequence + 1)
    count = memory.u32(at + offset_of(FaultRecord, "count")) + 1
    memory.write(at, encode(replace(record, sequence=sequence + 1, count=count)))
    memory.set_u64(at, sequence + 2)


def _header(plan: ChannelPlan, exchange_count: int, owner: Owner, loaded: Loaded) -> ChannelHeader:
    first = plan.exchanges[0].record if plan.exchanges else 0
    return ChannelHeader(
        magic=0,
        version=VERSION,
        task_count=len(plan.tasks),
        file_bytes=plan.size_bytes,
        layout_sequence=0,
        layout_hash=bytes(32),
        control_pid=owner.pid,
        state=State.CONFIG,
        control_start=owner.start_time,
        restart_index=0,
        online_change_count=0,
        symbol_version=0,
        segment_count=0,
        exchange_count=exchange_count,
        exception_task=0,
        heartbeat_ns=time.clock_gettime_ns(time.CLOCK_MONOTONIC),
        tasks_offset=plan.tasks[0].record,
        segments_offset=plan.segments,
        segment_capacity=plan.segment_capacity,
        answer_bytes=layout_of(Answer).size_bytes,
        exchanges_offset=first,
        answer_offset=plan.answer,
        control_ring_offset=plan.control_ring,
        control_ring_bytes=CONTROL_RING_BYTES,
        log_bytes=LOG_BYTES,
        log_offset=plan.log,
        started_wall_ns=time.time_ns(),
        data_bytes=0,
        input_bytes=0,
        output_bytes=0,
        marker_bytes=0,
        retained_bytes=0,
        retain_saved_wall_ns=0,
        change_ns=0,
        application=loaded.image.name.encode()[:63].ljust(64, b"\0"),
        ads_port=owner.ads_port,
        area_task=0,
        built_wall_s=0,
        data_address=0,
        input_address=0,
        output_address=0,
        marker_address=0,
        heap_address=0,
        heap_bytes=0,
        realtime=0,
        image_path=bytes(512),
    )


def task_port(ads_port: int, index: int) -> int:
    """A task's own AMS port where nobody chose one: 350 and on for 851, 366 and on for 852..."""
    return FIRST_TASK_PORT + PORTS_EACH * max(ads_port - FIRST_PORT, 0) + index


def _task(index: int, settings: TaskSettings, planned: PlannedTask, owner: Owner) -> TaskRecord:
    never = dict.fromkeys((name for name, _ in layout_of(TaskRecord).fields if name[0] != "_"), 0)
    fields = never | {
        "cycle_ns": settings.cycle_ns,
        "start_offset_ns": settings.start_offset_ns,
        "priority": settings.priority,
        "core": ANY_CORE if settings.core is None else settings.core,
        "watchdog_cycles": settings.watchdog_cycles,
        "overrun": int(settings.overrun is Overrun.STOP),
        "ads_port": settings.ads_port or task_port(owner.ads_port, index),
        "ring_offset": planned.ring,
        "ring_bytes": RING_BYTES,
        "budget_records": owner.budget_records,
        "budget_bytes": owner.budget_bytes,
        "force_capacity": FORCE_CAPACITY,
        "forces_offset": planned.forces,
        "published_offset": planned.published,
        "published_capacity": planned.published_capacity,
        "published_count": planned.published_count,
        "latency_histogram_offset": planned.latency_histogram,
        "execution_histogram_offset": planned.execution_histogram,
        "fault_offset": planned.fault,
        "mailbox_offset": planned.mailboxes,
        "mailbox_count": MAILBOX_COUNT,
        "mailbox_bytes": MAILBOX_BYTES,
        "state": int(State.STOP),
    }
    name = settings.name.encode()[:63].ljust(64, b"\0")
    return TaskRecord(**{key: value for key, value in fields.items() if key != "name"}, name=name)


def _exchange(exchange: Exchange, inputs: int, outputs: int) -> ExchangeRecord:
    return ExchangeRecord(
        name=exchange.name.encode()[:31].ljust(32, b"\0"),
        task=exchange.task,
        input_bytes=exchange.input_bytes,
        input_offset=exchange.input_offset,
        output_offset=exchange.output_offset,
        output_bytes=exchange.output_bytes,
        input_slots_offset=inputs,
        output_slots_offset=outputs,
        stale_cycles=0,
    )
