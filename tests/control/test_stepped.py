"""The executive's cycle, stepped on a clock of the test's own: commands, forces, exchange, publication, faults."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import control_app as app
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dinrail.control.channel.exchange import DriverEnd
from dinrail.control.channel.layout import (
    FORCE_CAPACITY,
    MAX_FORCE_BYTES,
    RING_HEADER_BYTES,
    BufferHeader,
    Command,
    Space,
    State,
    offset_of,
)
from dinrail.control.channel.plan import RING_BYTES
from dinrail.control.channel.reader import ChannelBusy, Force
from dinrail.control.channel.ring import encode_command
from dinrail.control.channel.writer import LeaseTaken, Writer
from dinrail.control.settings import Exchange
from dinrail.control.stepped import Stepped
from dinrail.plc.emit.executive.plant import plant_text
from dinrail.plc.emit.machine import object_code

pytestmark = pytest.mark.control

DRIVER = Exchange("driver", input_offset=0, input_bytes=8, output_offset=0, output_bytes=8)


@pytest.fixture
def stepped(tmp_path: Path) -> Iterator[Stepped]:
    with Stepped(app.write_app(tmp_path / "app.image"), tmp_path / "channel", exchanges=(DRIVER,)) as made:
        yield made


@pytest.fixture
def writer(stepped: Stepped) -> Iterator[Writer]:
    with Writer.open(stepped.channel.path) as made:
        yield made


def data_of(stepped: Stepped, task: int = 0) -> bytes:
    snapshot = stepped.channel.snapshot(task)
    assert snapshot is not None
    return snapshot.data


def number(stepped: Stepped, offset: int, task: int = 0) -> int:
    return int.from_bytes(data_of(stepped, task)[offset : offset + 4], "little", signed=True)


def choose(writer: Writer, mode: int, task: int = 0) -> int:
    return writer.write(task, Space.DATA, task * app.PAGE_BYTES + app.MODE, mode.to_bytes(4, "little"))


# Cycles and what they publish.


def test_each_cycle_is_published_with_its_times(stepped: Stepped) -> None:
    """A snapshot holds the data, the counter and both clocks of one cycle."""
    stepped.monotonic_ns, stepped.wall_ns = 5_000, 7_000
    for count in (1, 2, 3):
        stepped.cycle()
        snapshot = stepped.channel.snapshot(0)
        assert snapshot is not None
        assert (snapshot.cycle_count, snapshot.state, snapshot.layout) == (count, State.RUN, 0)
        assert (snapshot.monotonic_ns, snapshot.wall_ns) == (stepped.monotonic_ns, stepped.wall_ns)
        assert number(stepped, app.COUNT) == count
        stepped.advance(1_000_000)


def test_only_the_first_cycle_is_told_so(stepped: Stepped) -> None:
    """FIRST_CYCLE is TRUE in one cycle, and again in the first one after a stop."""
    for _ in range(3):
        stepped.cycle()
    assert number(stepped, app.FIRST) == 1
    stepped.tasks.set_wanted(State.STOP)
    stepped.cycle()
    stepped.tasks.set_wanted(State.RUN)
    for _ in range(3):
        stepped.cycle()
    assert number(stepped, app.FIRST) == 2


def test_in_stop_cycles_go_on_without_the_body(stepped: Stepped, writer: Writer) -> None:
    """In STOP the data stand, are published, and take writes."""
    stepped.cycle()
    stepped.tasks.set_wanted(State.STOP)
    position = writer.write(0, Space.DATA, app.INDEX, (99).to_bytes(4, "little"))
    stepped.cycle()
    assert writer.applied(0, position)
    assert (number(stepped, app.COUNT), number(stepped, app.INDEX)) == (1, 99)
    assert stepped.channel.statistics(0).state == State.STOP
    assert stepped.channel.statistics(0).run_count == 1


def test_tasks_run_as_their_cycle_times_say(tmp_path: Path) -> None:
    """A task with five times the cycle time runs in every fifth cycle of the other."""
    image = app.write_app(tmp_path / "two.image", (app.FAST, app.SLOW))
    with Stepped(image, tmp_path / "channel") as stepped:
        stepped.run(11)
        assert (number(stepped, app.COUNT, 0), number(stepped, app.COUNT, 1)) == (11, 3)


def test_a_torn_buffer_is_never_taken(stepped: Stepped) -> None:
    """While a buffer's sequence says that it is being written, a reader does not take it."""
    stepped.cycle()
    record = stepped.channel.tasks[0]
    number_now = stepped.channel.publication(0)
    step = number_now % record.published_count * (64 + record.published_capacity)
    at = record.published_offset + 64 + step + offset_of(BufferHeader, "sequence")
    stepped.memory.set_u64(at, 2 * number_now - 1)
    with pytest.raises(ChannelBusy):
        stepped.channel.snapshot(0)
    stepped.cycle()
    assert number(stepped, app.COUNT) == 2


# Commands.


def test_a_write_is_applied_at_the_next_cycle(stepped: Stepped, writer: Writer) -> None:
    """Nothing changes before the cycle; behind it the write is applied and published."""
    stepped.cycle()
    position = writer.write(0, Space.MARKER, 3, b"abc")
    assert not writer.applied(0, position)
    assert b"abc" not in data_of(stepped)
    stepped.cycle()
    assert writer.applied(0, position)
    assert data_of(stepped)[-64:][3:6] == b"abc"


def test_bits_are_written_without_their_neighbours(stepped: Stepped, writer: Writer) -> None:
    """WRITE_BITS sets those bits that the mask has, and no other."""
    writer.write(0, Space.MARKER, 0, b"\xf0\x0f")
    writer.write_bits(0, Space.MARKER, 0, b"\x3c\x80", b"\x0c\xff")
    stepped.cycle()
    assert data_of(stepped)[-64:][:2] == b"\xcc\x8f"


@pytest.mark.parametrize(
    ("space", "offset", "size"),
    [
        (Space.DATA, app.PAGE_BYTES - 2, 4),
        (Space.DATA, app.PAGE_BYTES, 1),
        (Space.DATA, 2**64 - 2, 4),
        (Space.MARKER, 64, 1),
        (Space.MARKER, 2**63, 8),
        (9, 0, 4),
    ],
)
def test_a_write_outside_is_dropped(stepped: Stepped, writer: Writer, space: Space, offset: int, size: int) -> None:
    """A record for memory that is not the task's own is counted, answered and does nothing."""
    stepped.cycle()
    before = data_of(stepped)
    position = writer.write(0, space, offset, b"\xff" * size)
    stepped.cycle()
    assert writer.applied(0, position)
    assert stepped.channel.statistics(0).dropped == 1
    assert data_of(stepped)[8:] == before[8:]


def test_another_tasks_memory_cannot_be_written(tmp_path: Path) -> None:
    """The ring of one task reaches that task's segments only: no two threads ever write one place."""
    image = app.write_app(tmp_path / "two.image", (app.FAST, app.SLOW))
    with Stepped(image, tmp_path / "channel") as stepped, Writer.open(stepped.channel.path) as writer:
        writer.write(0, Space.DATA, app.PAGE_BYTES + app.INDEX, b"\x01\0\0\0")
        stepped.run(6)
        assert number(stepped, app.INDEX, 1) == 0
        assert stepped.channel.statistics(0).dropped == 1


def test_a_cycle_takes_a_bounded_number_of_commands(stepped: Stepped, writer: Writer) -> None:
    """More records than the budget wait for the next cycles, in their order."""
    budget = stepped.channel.tasks[0].budget_records
    for n in range(2 * budget + 1):
        last = writer.write(0, Space.DATA, app.INDEX, n.to_bytes(4, "little"))
    seen = []
    for _ in range(3):
        assert not writer.applied(0, last)
        stepped.cycle()
        seen.append(number(stepped, app.INDEX))
    assert seen == [budget - 1, 2 * budget - 1, 2 * budget]
    assert writer.applied(0, last)


def test_a_cycle_takes_a_bounded_number_of_bytes(stepped: Stepped, writer: Writer) -> None:
    """Large records are bounded by their bytes."""
    budget = stepped.channel.tasks[0].budget_bytes
    sizes = 12 * [3000]
    last = [writer.write(0, Space.DATA, 512, bytes(size)) for size in sizes][-1]
    cycles = 0
    while not writer.applied(0, last):
        stepped.cycle()
        cycles += 1
    assert cycles == -(-len(sizes) // (budget // 3032))


def test_a_record_of_another_layout_is_not_applied(stepped: Stepped, writer: Writer) -> None:
    """An offset that was found before an online change is not used after it."""
    position = writer.write(0, Space.DATA, app.INDEX, b"\x07\0\0\0", layout=1)
    stepped.cycle()
    assert writer.applied(0, position)
    assert number(stepped, app.INDEX) == 0
    assert stepped.channel.statistics(0).outdated == 1


def test_one_process_writes(stepped: Stepped, writer: Writer) -> None:
    """The lease is given once, and again when its holder is gone."""
    with pytest.raises(LeaseTaken):
        Writer.open(stepped.channel.path)
    writer.close()
    Writer.open(stepped.channel.path).close()


def test_a_writer_dead_in_the_middle_of_a_record_harms_nothing(stepped: Stepped, writer: Writer) -> None:
    """Cut off at every byte, a record is not there; the next writer's is."""
    ring = stepped.channel.tasks[0].ring_offset
    record = encode_command(writer.ring(0).head, Command.WRITE, Space.DATA, app.INDEX, b"\xff" * 4)
    for size in range(len(record)):
        writer.memory.write(ring + RING_HEADER_BYTES, record[:size])
        stepped.cycle()
    assert number(stepped, app.INDEX) == 0
    writer.write(0, Space.DATA, app.INDEX, b"\x05\0\0\0")
    stepped.cycle()
    assert number(stepped, app.INDEX) == 5
    assert stepped.channel.statistics(0).dropped == 0


def test_any_bytes_in_the_ring_are_survived(tmp_path: Path) -> None:
    """A ring full of noise costs its content, never the task: the next command is obeyed."""
    image = app.write_app(tmp_path / "app.image")
    with Stepped(image, tmp_path / "channel") as stepped, Writer.open(stepped.channel.path) as writer:

        @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.binary(max_size=600), st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 700)))
        def survives(noise: bytes, ahead: int) -> None:
            ring, cycles = stepped.channel.tasks[0].ring_offset, stepped.channel.task_word(0, "cycle_count")
            tail = stepped.channel.task_word(0, "tail")
            start = tail & (RING_BYTES - 1)
            noise = noise[: RING_BYTES - start]
            stepped.memory.write(ring + RING_HEADER_BYTES + start, noise)
            stepped.memory.set_u64(ring, (tail + ahead) & (2**64 - 1))
            before = data_of(stepped)[8:] if cycles else None
            stepped.cycle()
            assert stepped.fault() is None
            assert before is None or data_of(stepped)[8:] == before
            stepped.memory.set_u64(ring, stepped.channel.task_word(0, "tail"))
            position = writer.write(0, Space.DATA, app.INDEX, b"\x05\0\0\0")
            stepped.cycle()
            assert number(stepped, app.INDEX) == 5
            assert writer.applied(0, position)

        survives()


# Forces.


def test_a_force_holds_against_the_program(stepped: Stepped, writer: Writer) -> None:
    """What is forced reads as forced before and behind the body; let go, it runs on from there."""
    writer.force(0, Space.DATA, app.COUNT, b"\xff" * 4, (1000).to_bytes(4, "little"))
    for _ in range(3):
        stepped.cycle()
        assert number(stepped, app.COUNT) == 1000
    assert stepped.channel.forces(0) == (
        Force(Space.DATA, 0, 0xFF, 0xE8),
        Force(Space.DATA, 1, 0xFF, 0x03),
        Force(Space.DATA, 2, 0xFF, 0),
        Force(Space.DATA, 3, 0xFF, 0),
    )
    writer.unforce(0, Space.DATA, app.COUNT, b"\xff" * 4)
    stepped.cycle()
    assert number(stepped, app.COUNT) == 1001
    assert stepped.channel.forces(0) == ()


def test_single_bits_are_forced(stepped: Stepped, writer: Writer) -> None:
    """Forces of one byte add up bit by bit, and go bit by bit."""
    writer.force(0, Space.OUTPUT, 0, b"\x80", b"\x80")
    writer.force(0, Space.OUTPUT, 0, b"\x01", b"\x00")
    for _ in range(3):
        stepped.cycle()
    assert stepped.channel.forces(0) == (Force(Space.OUTPUT, 0, 0x81, 0x80),)
    output = data_of(stepped)[app.PAGE_BYTES + 64]
    assert output == 0x80  # the program's own 1, with its lowest bit held at 0 and its highest at 1
    writer.unforce(0, Space.OUTPUT, 0, b"\x80")
    stepped.cycle()
    assert stepped.channel.forces(0) == (Force(Space.OUTPUT, 0, 0x01, 0x00),)
    writer.unforce_all(0)
    stepped.cycle()
    assert stepped.channel.forces(0) == ()
    assert data_of(stepped)[app.PAGE_BYTES + 64] == 1


def test_forces_have_a_limit(stepped: Stepped, writer: Writer) -> None:
    """A task holds so many bytes and no more; the rest is counted as dropped."""
    size = MAX_FORCE_BYTES
    for n in range(FORCE_CAPACITY // size + 1):
        writer.force(0, Space.DATA, 1024 + n * size, b"\xff" * size, b"\x01" * size)
        stepped.cycle()
    assert len(stepped.channel.forces(0)) == FORCE_CAPACITY
    assert stepped.channel.statistics(0).dropped == size


# Drivers.


def test_inputs_go_in_and_outputs_come_out(stepped: Stepped) -> None:
    """What a driver gave last is in %I at the next cycle, whose %Q it can take behind it."""
    driver = DriverEnd.open(stepped.channel.path, "driver")
    for value in (1, 2, 200):
        driver.give(bytes([0, 0, 0, 0, 0, 0, 0, 0]))
        driver.give(bytes([value, 0, 0, 0, 0, 0, 0, 9]))
        stepped.cycle()
        taken = driver.take()
        assert (taken.enabled, taken.data[0]) == (True, value + 1)
        assert data_of(stepped)[app.PAGE_BYTES + 7] == 9
    driver.close()


def test_inputs_stay_when_their_driver_goes(stepped: Stepped) -> None:
    """A dead driver's last inputs stand, and the cycles since then are counted."""
    driver = DriverEnd.open(stepped.channel.path, "driver")
    driver.give(b"\x07" + bytes(7))
    driver.close()
    for _ in range(5):
        stepped.cycle()
    assert data_of(stepped)[app.PAGE_BYTES] == 7
    assert stepped.channel.exchange(0).stale_cycles == 4


def test_outputs_are_not_enabled_unless_the_task_runs(stepped: Stepped, writer: Writer) -> None:
    """In STOP and behind a fault a driver is told to show its safe values."""
    driver = DriverEnd.open(stepped.channel.path, "driver")
    stepped.cycle()
    assert driver.take().enabled
    stepped.tasks.set_wanted(State.STOP)
    stepped.cycle()
    assert not driver.take().enabled
    stepped.tasks.set_wanted(State.RUN)
    choose(writer, app.DIVIDE)
    stepped.cycle()
    assert not driver.take().enabled
    driver.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(words=st.lists(st.integers(0, 2**32 - 1), min_size=5, max_size=5))
def test_a_mad_driver_harms_nothing(stepped: Stepped, words: list[int]) -> None:
    """Whatever stands in the driver's own words, cycles go on and the memory beside %I stands."""
    record = stepped.channel.exchange(0)
    for at, word in zip((0, 4, 8, 12, 64), words, strict=True):
        stepped.memory.set_u32(record.input_slots_offset + at, word)
        stepped.memory.set_u32(record.output_slots_offset + at, word)
    before = number(stepped, app.COUNT) if stepped.channel.publication(0) else 0
    stepped.cycle()
    assert number(stepped, app.COUNT) == before + 1
    assert data_of(stepped)[app.PAGE_BYTES + 8 : app.PAGE_BYTES + 64] == bytes(56)


# Faults.

FAULTS = [
    (app.NULL, "null", 16),
    (app.BOUNDS, "bounds", 4),
    (app.DIVIDE, "divide", 0),
    (app.STACK, "stack", 0),
    (app.WILD, "access", 0x10_0000_0000),
    (app.USER, "user", 0),
]


@pytest.mark.parametrize(("mode", "name", "value"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_a_fault_names_what_where_and_the_call_path(
    stepped: Stepped, writer: Writer, mode: int, name: str, value: int
) -> None:
    """Each fault ends its task, and is told with the POU and the line."""
    writer.write(0, Space.DATA, app.INDEX, (4).to_bytes(4, "little"))
    writer.write(0, Space.DATA, app.POINTER, value.to_bytes(8, "little"))
    choose(writer, mode)
    stepped.cycle()
    first, at, *_ = stepped.fault_text()
    assert first.startswith(f"Fast: {name}: ")
    if mode == app.STACK:
        assert "Deep0 line 100 (app.st:100)" in at
    else:
        assert f"MAIN0 line {app.LINES[mode]} (app.st:{app.LINES[mode]})" in at
    assert stepped.channel.statistics(0).state == State.EXCEPTION


def test_a_fault_of_one_task_leaves_the_other_alone(tmp_path: Path) -> None:
    """After a wild pointer in one task the other runs on, and the faulted one still publishes and takes commands."""
    image = app.write_app(tmp_path / "two.image", (app.FAST, app.SLOW))
    with Stepped(image, tmp_path / "channel") as stepped, Writer.open(stepped.channel.path) as writer:
        writer.write(0, Space.DATA, app.POINTER, (0xDEAD_0000_0000_0000).to_bytes(8, "little"))
        choose(writer, app.WILD)
        stepped.run(1)
        count = number(stepped, app.COUNT, 1)
        position = writer.write(0, Space.DATA, app.INDEX, b"\x09\0\0\0")
        stepped.run(10)
        assert stepped.state(0) == State.EXCEPTION
        assert stepped.state(1) == State.RUN
        assert number(stepped, app.COUNT, 1) == count + 2
        assert writer.applied(0, position)
        assert number(stepped, app.INDEX) == 9


def test_without_checks_the_processor_finds_it(tmp_path: Path) -> None:
    """Code without checks faults by the processor's trap: the same name, and a line of the same program."""
    image = app.write_app(tmp_path / "app.image", options=app.UNCHECKED)
    with Stepped(image, tmp_path / "channel") as stepped, Writer.open(stepped.channel.path) as writer:
        choose(writer, app.NULL)
        stepped.cycle()
        first, at, *_ = stepped.fault_text()
        assert first.startswith("Fast: null: ")
        assert "MAIN0 line" in at


# The native pair.


def test_a_simulated_plant_is_part_of_the_image(tmp_path: Path) -> None:
    """The pair that the image exports gives %I before each cycle from %Q of the last: a first-order plant."""
    (tmp_path / "plant.image").write_bytes(app.build(native=(object_code(plant_text(0.010), app.OPTIONS),)))
    with (
        Stepped(tmp_path / "plant.image", tmp_path / "channel") as stepped,
        Writer.open(stepped.channel.path) as writer,
    ):
        writer.force(0, Space.OUTPUT, 0, b"\xff" * 4, struct.pack("<f", 100.0))
        stepped.cycle()  # puts the value out
        expected = 0.0
        for _ in range(30):
            expected += (100.0 - expected) * 0.1
            stepped.cycle()
            measured = struct.unpack_from("<f", data_of(stepped), app.PAGE_BYTES)[0]
            assert measured == pytest.approx(expected, rel=1e-5)


def test_a_native_function_that_fails_stops_its_task(tmp_path: Path) -> None:
    """A wild pointer in somebody's native code is the task's fault, as in any other code of it."""
    text = """
    define i32 @dinrail_write_outputs(ptr %ctx, ptr %inputs, ptr %outputs) nounwind "frame-pointer"="all" {
      %p = inttoptr i64 123456789012345 to ptr
      store volatile i32 1, ptr %p
      ret i32 0
    }"""
    (tmp_path / "bad.image").write_bytes(app.build(native=(object_code(text, app.OPTIONS),)))
    with Stepped(tmp_path / "bad.image", tmp_path / "channel") as stepped:
        stepped.cycle()
        assert stepped.state() == State.EXCEPTION
        assert "access" in stepped.fault_text()[0]
        assert number(stepped, app.COUNT) == 1
