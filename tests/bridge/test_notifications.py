"""Notifications of the control's values: of its cycles, with their times, and never more often."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from ads_device import FakePeer, Got
from bridge_bench import DATA, INPUTS, MARKERS, SIZES, SYMBOLS, Asker, Bench
from control_channel import CYCLE_NS, WALL_NS, PlayedControl, image_of

from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.notification import filetime
from dinrail.control.channel.layout import Space
from dinrail.control.image import Segment, TaskImage
from dinrail.control.settings import TaskSettings


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.control.body = count
    return made


def count(control: PlayedControl) -> None:
    data = control.spaces[Space.DATA]
    data[:4] = struct.pack("<I", int.from_bytes(data[:4], "little") + 1)


def watch(client: Asker, group: int, offset: int, size: int, *, mode: int = 3, cycle_ms: float = 0) -> int:
    result, handle = client.subscribe(group, offset, size, mode=mode, cycle_ms=cycle_ms)
    assert result == 0
    return handle


def numbers(samples: list[Got]) -> list[int]:
    return [int.from_bytes(one.data, "little") for one in samples]


def test_each_cycle_gives_one_sample_with_its_own_time(bench: Bench) -> None:
    """Values of consecutive cycles, stamped with the cycles' own wall times."""
    client = bench.client()
    watch(client, DATA, 0, 4)
    bench.settle(6)
    got = client.peer.take()
    assert numbers(got) == list(range(got[0].data[0], got[0].data[0] + len(got)))
    assert len(got) >= 4
    first = bench.control.monotonic_ns - (len(got) - 1) * CYCLE_NS
    assert [one.stamp for one in got] == [filetime(WALL_NS + first + at * CYCLE_NS) for at in range(len(got))]


def test_never_more_often_than_the_cycle(bench: Bench) -> None:
    """However often this process looks, and whatever was asked for."""
    client = bench.client()
    watch(client, DATA, 0, 4, cycle_ms=1)
    bench.settle(4)
    client.peer.take()
    for _ in range(50):
        bench.control.monotonic_ns += 1_000_000
        bench.tick()
    assert client.peer.take() == []
    bench.settle()
    assert len(client.peer.take()) == 1


def test_a_slower_period_counts_cycles(bench: Bench) -> None:
    """30 ms on a task of 10 ms: each third cycle."""
    client = bench.client()
    watch(client, DATA, 0, 4, cycle_ms=30)
    bench.settle(40)
    got = numbers(client.peer.take())
    assert {late - early for early, late in pairwise(got[1:])} == {3}


def test_on_change_tells_changes_only(bench: Bench) -> None:
    """A constant is told once; a value that changes each cycle, each cycle."""
    client = bench.client()
    still, moving = watch(client, DATA, 4, 4, mode=4), watch(client, DATA, 0, 4, mode=4)
    bench.settle(8)
    got = client.peer.take()
    assert [one.handle for one in got].count(still) == 1
    assert [one.handle for one in got].count(moving) > 4
    assert client.write(DATA, 4, b"\1\0\0\0") == 0
    assert [one.data for one in client.peer.take() if one.handle == still] == [b"\1\0\0\0"]


def test_cycles_that_were_missed_are_made_up_from_what_is_kept(bench: Bench) -> None:
    """This process was away for ten cycles: each of them is sampled, with its own values and time, in one frame."""
    client = bench.client()
    watch(client, DATA, 0, 4)
    bench.settle(4)
    last = numbers(client.peer.take())[-1]
    bench.control.cycle(count=10)
    bench.tick()
    assert len(client.peer.frames) == 1
    got = client.peer.take()
    assert numbers(got) == list(range(last + 1, last + 11))
    first = bench.control.monotonic_ns - 9 * CYCLE_NS
    assert [one.stamp for one in got] == [filetime(WALL_NS + first + at * CYCLE_NS) for at in range(10)]
    assert bench.plc.notifications.skipped == 0  # type: ignore[attr-defined]


def test_a_cycle_that_is_no_longer_kept_is_counted(bench: Bench) -> None:
    """Away for longer than the buffers reach: those that are left are sampled, no old ones with new values."""
    client = bench.client()
    watch(client, DATA, 0, 4)
    bench.settle(4)
    last = numbers(client.peer.take())[-1]
    kept = bench.control.plan.tasks[0].published_count
    bench.control.cycle(count=kept + 5)
    bench.tick()
    got = client.peer.take()
    assert numbers(got) == list(range(last + 6, last + kept + 6))
    assert got[-1].stamp == filetime(WALL_NS + bench.control.monotonic_ns)
    assert bench.plc.notifications.skipped == 5  # type: ignore[attr-defined]


def test_what_is_slower_than_the_cycle_is_made_up_at_its_own_cycles(bench: Bench) -> None:
    """30 ms on a task of 10 ms, and this process away for nine cycles: three samples, three cycles apart."""
    client = bench.client()
    watch(client, DATA, 0, 4, cycle_ms=30)
    bench.settle(12)
    before = numbers(client.peer.take())[-1]
    bench.control.cycle(count=9)
    bench.tick()
    got = numbers(client.peer.take())
    assert {late - early for early, late in pairwise([before, *got])} == {3}
    assert len(got) == 3


def test_a_change_back_and_forth_is_not_lost(bench: Bench) -> None:
    """A value that is another one for one cycle only is told, though nobody looked in that cycle."""
    client = bench.client()
    watch(client, DATA, 0, 4, mode=4)

    def pulse(control: PlayedControl) -> None:
        control.spaces[Space.DATA][:4] = struct.pack("<I", int(control.tasks[0].cycles == at))

    at = -1
    bench.control.body = pulse
    bench.settle(4)
    client.peer.take()
    at = bench.control.tasks[0].cycles + 3
    bench.control.cycle(count=8)
    bench.tick()
    assert numbers(client.peer.take()) == [1, 0]


def test_bits_pointers_and_markers_are_watched_too(bench: Bench) -> None:
    """What is no plain run of bytes in the data."""
    client = bench.client()
    bench.control.spaces[Space.MARKER][4] = 9
    bench.control.spaces[Space.INPUT][0] = 8
    bench.settle()
    _, handle = client.read_write(IndexGroup.HANDLE_BY_NAME, 0, 4, b"GVL.bIn")
    number = int.from_bytes(handle, "little")
    wanted = {
        watch(client, MARKERS, 4, 2): b"\x09\0",
        watch(client, INPUTS + 1, 3, 1): b"\1",
        watch(client, IndexGroup.VALUE_BY_HANDLE, number, 1): b"\1",
    }
    bench.settle(4)
    assert {one.handle: one.data for one in client.peer.take()} == wanted


def test_values_of_one_client_go_in_one_frame(bench: Bench) -> None:
    """A thousand subscriptions of one cycle are one stamp with a thousand samples."""
    client = bench.client()
    for at in range(1000):
        watch(client, DATA, 64 + 4 * at, 4)
    bench.settle(4)
    client.peer.take()
    bench.settle()
    assert len(client.peer.frames) == 1
    assert len(client.peer.take()) == 1000


def test_a_foreign_handle_is_not_deleted(bench: Bench) -> None:
    """Handles are their owner's; unknown ones are 0x714, whichever task's they would be."""
    client, other = bench.client(), bench.client(FakePeer())
    handle = watch(client, DATA, 0, 4)
    assert other.unsubscribe(handle) == 0x714
    assert client.unsubscribe(0) == 0x714
    assert client.unsubscribe(handle + 5) == 0x714
    assert client.unsubscribe(handle) == 0


FAST = TaskSettings("Fast", cycle_ns=CYCLE_NS, priority=1)
SLOW = TaskSettings("Slow", cycle_ns=5 * CYCLE_NS, priority=2)


def two_tasks(directory: Path) -> Bench:
    """Fast owns the first half of the data and the areas, Slow the second half."""
    areas = [Segment(Space(space), 0, SIZES[space]) for space in (1, 2, 3)]
    fast = TaskImage(FAST, (Segment(Space.DATA, 0, 4096), *areas))
    slow = TaskImage(SLOW, (Segment(Space.DATA, 4096, 4096),))
    return Bench(directory, image_of(SYMBOLS, [fast, slow], SIZES))


def test_each_variable_is_sampled_in_its_task_s_cycle(tmp_path: Path) -> None:
    """What the slow task owns comes with the slow task's cycles and times; handles do not collide."""
    bench = two_tasks(tmp_path)
    bench.settle(2, task=1)
    client = bench.client()
    fast, slow = watch(client, DATA, 0, 4), watch(client, DATA, 4096, 8)
    assert fast != slow
    for _ in range(6):
        bench.settle(4)
        bench.settle(1, task=1)
    got = client.peer.take()
    assert sum(one.handle == slow for one in got) in (5, 6)
    assert sum(one.handle == fast for one in got) > 18
    assert client.unsubscribe(slow) == 0
    assert client.unsubscribe(fast) == 0


def test_a_write_over_two_tasks_waits_for_both(tmp_path: Path) -> None:
    """It is answered when the slower one has published its part."""
    bench = two_tasks(tmp_path)
    bench.settle(1, task=1)
    client = bench.client()
    payload = struct.pack("<III", DATA, 4094, 4) + b"\1\2\3\4"
    request = client.request(Command.WRITE, payload)
    assert bench.plc.request(request) is None
    bench.settle(2)
    assert request.replies == []
    bench.settle(1, task=1)
    assert request.replies == [(bytes(4), 0)]
    assert bench.control.spaces[Space.DATA][4094:4098] == b"\1\2\3\4"
