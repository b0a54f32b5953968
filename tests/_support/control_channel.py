"""A control played by hand: its channel's file, one cycle at a time, on a clock that the test moves.

Everything goes through the shipped layout, plan, rings and image, but for who runs the cycles.
"""

from __future__ import annotations

import functools
import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dinrail.control.channel.layout import (
    ANY_CORE,
    BUFFER_HEADER_BYTES,
    FORCE_CAPACITY,
    FORCES_HEADER_BYTES,
    MAGIC,
    MAILBOX_COUNT,
    PUBLISHED_HEADER_BYTES,
    VERSION,
    Answer,
    BufferHeader,
    ChannelHeader,
    Command,
    MailboxHeader,
    Request,
    SegmentRecord,
    Space,
    State,
    TaskRecord,
    offset_of,
    round_up,
)
from dinrail.control.channel.memory import create_file, publish
from dinrail.control.channel.plan import CONTROL_RING_BYTES, LOG_BYTES, MAILBOX_BYTES, RING_BYTES, plan_channel
from dinrail.control.channel.ring import CommandRecord, RingReader
from dinrail.control.channel.writer import lease_path, make_lease, request_lease_path
from dinrail.control.image import Image, Segment, TaskImage, write_image
from dinrail.control.settings import TaskSettings
from dinrail.iec.record import record_of
from dinrail.iec.symbol import Symbol
from dinrail.layout import encode, layout_of

CYCLE_NS = 10_000_000
WALL_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
DATA_ADDRESS = 0x7F00_0000_1000
"""Where the data would lie in the control's memory, for pointers."""
SEGMENT_BYTES = layout_of(SegmentRecord).size_bytes
Called = Callable[[int, int, bytes], bytes]
"""(stub, offset of the instance, inputs) -> outputs."""


@functools.cache
def empty_object() -> bytes:
    """A shared object without anything in it."""
    with tempfile.TemporaryDirectory() as directory:
        source, made = Path(directory) / "empty.s", Path(directory) / "empty.so"
        source.write_text(".text\n")
        subprocess.run(["gcc", "-shared", "-nostdlib", "-o", made, source], check=True)
        return made.read_bytes()


def image_of(
    symbols: Sequence[Symbol],
    tasks: Sequence[TaskImage],
    sizes: tuple[int, int, int, int],
    calls: Sequence[tuple[str, str, int, int]] = (),
) -> Image:
    """An image with these symbols; sizes of data, inputs, outputs, markers."""
    record = record_of(symbols)
    more: dict[str, Any] = {"calls": tuple(calls)} if calls else {}
    return Image("played", hashlib.sha256(record).digest(), tuple(tasks), *sizes, symbols=record, **more)


def one_task(sizes: tuple[int, int, int, int], settings: TaskSettings | None = None) -> TaskImage:
    """A task that owns everything."""
    segments = tuple(Segment(Space(space), 0, size) for space, size in enumerate(sizes) if size)
    return TaskImage(settings or TaskSettings(cycle_ns=CYCLE_NS), segments)


@dataclass
class Task:
    """What the control keeps of a task in memory of its own."""

    ring: RingReader
    cycles: int = 0
    publications: int = 0
    forces: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    dropped: int = 0
    outdated: int = 0


class PlayedControl:
    """`cycle` runs one cycle of a task, `serve` the main thread once. Spaces are bytearrays that a test may change.

    body:   what a cycle in RUN does to the spaces.
    budget: how many records a cycle takes.
    """

    def __init__(self, directory: Path, image: Image, *, pid: int = 4711, monotonic_ns: int = 10**12) -> None:
        self.directory = directory
        self.path = directory / "channel"
        self.pid = pid
        self.monotonic_ns = monotonic_ns
        self.body: Callable[[PlayedControl], None] = lambda _: None
        self.call: Called = lambda _stub, _instance, inputs: inputs
        self.budget = 100
        self.refuses = ""
        self.state = State.RUN
        self.images = 0
        self._begin(image)

    # The file.

    def _begin(self, image: Image) -> None:
        self.image = image
        self.spaces = {space: bytearray(image.space_bytes(space)) for space in Space}
        self.plan = plan = plan_channel(image)
        self.memory = create_file(self.path, plan.size_bytes, mode=0o600, group=None)
        self.tasks = [Task(RingReader(self.memory, one.ring, RING_BYTES)) for one in plan.tasks]
        self.requests = RingReader(self.memory, plan.control_ring, CONTROL_RING_BYTES)
        for place, task in zip(plan.tasks, image.tasks, strict=True):
            self.memory.write(place.record, encode(self._record(place, task.settings)))
        self.header(layout_hash=image.layout_hash)
        for path in (lease_path(self.path), request_lease_path(self.path)):
            make_lease(path, mode=0o600, group=None)
        publish(self.path)

    def _record(self, place: Any, settings: TaskSettings) -> TaskRecord:
        known = {
            "name": settings.name.encode().ljust(64, b"\0"),
            "cycle_ns": settings.cycle_ns,
            "priority": settings.priority,
            "core": ANY_CORE if settings.core is None else settings.core,
            "ads_port": settings.ads_port,
            "ring_offset": place.ring,
            "ring_bytes": RING_BYTES,
            "forces_offset": place.forces,
            "force_capacity": FORCE_CAPACITY,
            "published_offset": place.published,
            "published_capacity": place.published_capacity,
            "published_count": place.published_count,
            "latency_histogram_offset": place.latency_histogram,
            "execution_histogram_offset": place.execution_histogram,
            "fault_offset": place.fault,
            "mailbox_offset": place.mailboxes,
            "mailbox_count": MAILBOX_COUNT,
            "mailbox_bytes": MAILBOX_BYTES,
            "state": self.state,
        }
        return _made(TaskRecord, known)

    def header(self, **changed: Any) -> None:
        """Write the header anew with these fields; `magic` at last."""
        plan, image = self.plan, self.image
        self.images += 1
        path = self.directory / f"image-{self.images}"
        path.write_bytes(write_image(empty_object(), image))
        rows, position = [], {}
        for number, task in enumerate(image.tasks):
            for one in task.segments:
                at = position.get(number, 0)
                rows.append(
                    SegmentRecord(
                        task=number, space=one.space, offset=one.offset, size_bytes=one.size_bytes, position=at
                    )
                )
                position[number] = at + round_up(one.size_bytes)
        self.memory.write(plan.segments, b"".join(encode(row) for row in rows))
        before = self.memory.record(ChannelHeader, 0)
        known = {
            "magic": MAGIC,
            "version": VERSION,
            "task_count": len(image.tasks),
            "file_bytes": plan.size_bytes,
            "control_pid": self.pid,
            "state": self.state,
            "restart_index": before.restart_index or 1,
            "online_change_count": before.online_change_count,
            "symbol_version": before.symbol_version or 1,
            "segment_count": len(rows),
            "segment_capacity": plan.segment_capacity,
            "heartbeat_ns": self.monotonic_ns,
            "tasks_offset": plan.tasks[0].record,
            "segments_offset": plan.segments,
            "answer_bytes": layout_of(Answer).size_bytes,
            "answer_offset": plan.answer,
            "control_ring_offset": plan.control_ring,
            "control_ring_bytes": CONTROL_RING_BYTES,
            "log_offset": plan.log,
            "log_bytes": LOG_BYTES,
            "layout_hash": image.layout_hash,
            "data_bytes": image.data_bytes,
            "input_bytes": image.input_bytes,
            "output_bytes": image.output_bytes,
            "marker_bytes": image.marker_bytes,
            "data_address": DATA_ADDRESS,
            "application": b"Demo".ljust(64, b"\0"),
            "ads_port": 851,
            "image_path": str(path).encode().ljust(512, b"\0"),
        }
        self.memory.write(0, encode(_made(ChannelHeader, known | changed)))

    def poke(self, field: str, value: int) -> None:
        """One word of the header."""
        spec = dict(layout_of(ChannelHeader).fields)[field]
        (self.memory.set_u64 if spec.size_bytes == 8 else self.memory.set_u32)(spec.offset, value)

    def poke_task(self, task: int, field: str, value: int) -> None:
        """One word of a task's record."""
        spec = dict(layout_of(TaskRecord).fields)[field]
        write = self.memory.set_u64 if spec.size_bytes == 8 else self.memory.set_u32
        write(self.plan.tasks[task].record + spec.offset, value)

    # Time.

    def cycle(self, task: int = 0, count: int = 1) -> None:
        """So many cycles of a task, each at its time."""
        for _ in range(count):
            self.monotonic_ns += self.image.tasks[task].settings.cycle_ns
            self._cycle(task)

    def serve(self) -> None:
        """The main thread: heartbeat, and one answer for each request."""
        self.poke("heartbeat_ns", self.monotonic_ns)
        for record in self.requests.records():
            self._answer(record)

    def _cycle(self, number: int) -> None:
        task = self.tasks[number]
        for taken, record in enumerate(task.ring.records(), 1):
            if record.layout != self.memory.record(ChannelHeader, 0).online_change_count:
                task.outdated += 1
            else:
                self._apply(number, record)
            if taken == self.budget:
                break
        self._hold(task)
        if self.state == State.RUN:
            self.body(self)
        self._hold(task)
        task.cycles += 1
        self._publish(number)
        for name, value in (
            ("state", self.state),
            ("cycle_count", task.cycles),
            ("run_count", task.cycles),
            ("heartbeat_ns", self.monotonic_ns),
            ("tail", task.ring.tail),
            ("applied", task.ring.tail),
        ):
            self.poke_task(number, name, value)

    def _hold(self, task: Task) -> None:
        for (space, offset), (mask, value) in task.forces.items():
            data = self.spaces[Space(space)]
            data[offset] = data[offset] & ~mask | value & mask

    def _apply(self, number: int, record: CommandRecord) -> None:
        task, half = self.tasks[number], len(record.data) // 2
        if record.kind == Command.WRITE:
            self.spaces[Space(record.space)][record.offset : record.offset + len(record.data)] = record.data
        elif record.kind == Command.WRITE_BITS:
            data = self.spaces[Space(record.space)]
            for at in range(half):
                mask, value = record.data[at], record.data[half + at]
                data[record.offset + at] = data[record.offset + at] & ~mask | value & mask
        elif record.kind == Command.FORCE:
            for at in range(half):
                key = (record.space, record.offset + at)
                mask, value = task.forces.get(key, (0, 0))
                new_mask, new_value = record.data[at], record.data[half + at]
                task.forces[key] = (mask | new_mask, value & ~new_mask | new_value & new_mask)
        elif record.kind == Command.UNFORCE:
            for at, new_mask in enumerate(record.data):
                mask, value = task.forces.pop((record.space, record.offset + at), (0, 0))
                if mask & ~new_mask:
                    task.forces[record.space, record.offset + at] = (mask & ~new_mask, value & ~new_mask)
        elif record.kind == Command.UNFORCE_ALL:
            task.forces.clear()
        elif record.kind == Command.CALL:
            self._called(number, record)
        if record.kind in (Command.FORCE, Command.UNFORCE, Command.UNFORCE_ALL):
            self._show_forces(number)

    def _called(self, number: int, record: CommandRecord) -> None:
        stub, mailbox = (int.from_bytes(record.data[at : at + 4], "little") for at in (0, 4))
        at = self.plan.tasks[number].mailboxes + mailbox * MAILBOX_BYTES
        runs = self.state == State.RUN
        outputs = self.call(stub, record.offset, record.data[8:]) if runs else b""
        header = MailboxHeader(done=record.end, fault=0, refused=0 if runs else 1)
        self.memory.write(at + layout_of(MailboxHeader).size_bytes, outputs)
        self.memory.write(at, encode(header))

    def _show_forces(self, number: int) -> None:
        at, forces = self.plan.tasks[number].forces, self.tasks[number].forces
        entries = b"".join(
            offset.to_bytes(4, "little") + bytes((space, mask, value, 0))
            for (space, offset), (mask, value) in sorted(forces.items())
        )
        self.memory.write(at + FORCES_HEADER_BYTES, entries)
        self.memory.set_u32(at + 8, len(forces))
        self.memory.set_u64(at, self.memory.u64(at) + 2)

    def _publish(self, number: int) -> None:
        task, place = self.tasks[number], self.plan.tasks[number]
        data = b"".join(
            bytes(self.spaces[one.space][one.offset : one.offset + one.size_bytes]).ljust(
                round_up(one.size_bytes), b"\0"
            )
            for one in self.image.tasks[number].segments
        )
        task.publications += 1
        step = task.publications % place.published_count * (BUFFER_HEADER_BYTES + place.published_capacity)
        at = place.published + PUBLISHED_HEADER_BYTES + step
        known = {
            "sequence": 2 * task.publications,
            "cycle_count": task.cycles,
            "monotonic_ns": self.monotonic_ns,
            "wall_ns": WALL_NS + self.monotonic_ns,
            "size_bytes": len(data),
            "layout": self.memory.record(ChannelHeader, 0).online_change_count,
            "state": self.state,
        }
        self.memory.write(at + BUFFER_HEADER_BYTES, data)
        self.memory.write(at, encode(_made(BufferHeader, known)))
        self.memory.set_u64(place.published, task.publications)

    # The main thread.

    def _answer(self, record: CommandRecord) -> None:
        goals = {
            Request.START: State.RUN,
            Request.STOP: State.STOP,
            Request.RESET: State.STOP,
            Request.CONFIG: State.CONFIG,
        }
        goal = goals.get(Request(record.kind))
        accepted = not self.refuses and goal is not None
        if accepted and goal is not None:
            self.state = goal
            self.poke("state", goal)
        text = self.refuses.encode()
        answer = _made(
            Answer,
            {
                "request": record.end,
                "accepted": int(accepted),
                "text_bytes": len(text),
                "text": text.ljust(0xFE0, b"\0"),
            },
        )
        at = self.plan.answer
        sequence = self.memory.u64(at)
        self.memory.write(at, encode(replace(answer, sequence=sequence + 2)))

    def online_change(self, image: Image) -> None:
        """Another image from the next cycle on, with what lies at the same offsets."""
        self.image = image
        for space, data in self.spaces.items():
            size = image.space_bytes(space)
            self.spaces[space] = (data + bytes(size))[:size]
        before = self.memory.record(ChannelHeader, 0)
        self.poke("layout_sequence", before.layout_sequence + 1)
        self.header(
            layout_sequence=before.layout_sequence + 2,
            online_change_count=before.online_change_count + 1,
            symbol_version=before.symbol_version + 1,
        )

    def restart(self, image: Image | None = None, pid: int = 4712) -> None:
        """A control that was killed and started anew: another file under the same name."""
        self.pid = pid
        self.memory.close()
        self._begin(image or self.image)


def _made(kind: type, known: dict[str, Any]) -> Any:
    """A record with these fields, all others zero."""
    fields = {
        name: bytes(spec.size_bytes) if not spec.is_int else 0
        for name, spec in layout_of(kind).fields
        if not name.startswith("_")
    }
    return kind(**(fields | known))


def header_offset(name: str) -> int:
    """Of a field of the header."""
    return offset_of(ChannelHeader, name)
