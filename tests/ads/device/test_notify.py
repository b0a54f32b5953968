"""Notifications: when samples are taken, when they leave, and what stands in them, under a clock moved by hand."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from ads_device import FILETIME_2026, Client, FakePeer, Time, parse_frame
from build_device import DATA, M, plc

from dinrail.ads.contract import Origin, Via
from dinrail.ads.device.access import Access, Limits
from dinrail.ads.device.memoried import MemoryDevice
from dinrail.ads.device.memory import BytesArea, Memory
from dinrail.ads.device.sampling import Sampler

MS = 10_000
"""In the units of a FILETIME."""


def device(**limits: int) -> MemoryDevice:
    """Without the pause before a first sample, so that the tables below begin at 0."""
    memory = Memory()
    memory.add(M, BytesArea(200_000))
    return MemoryDevice(memory, limits=Limits(**{"settle_ns": 0, **limits}), task_cycle_ns=10_000_000)


class Bench:
    """A device, a client and the time; stamps are told in ms since the start."""

    def __init__(self, **limits: int) -> None:
        self.device = device(**limits)
        self.client = Client(self.device)
        self.time = Time()

    def put(self, offset: int, data: bytes) -> None:
        self.device.memory.write(M, offset, data)

    def run(self, ms: float, late_ms: float = 0) -> None:
        self.time.run(self.device, ms, late_ms)

    def got(self) -> list[tuple[float, int, bytes]]:
        return [((stamp - FILETIME_2026) / MS, handle, data) for stamp, handle, data in self.client.peer.take()]

    def stamps(self) -> list[float]:
        return [stamp for stamp, _, _ in self.got()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(("settle_ms", "first"), [(2, 10), (10, 20), (12, 20)])
def test_a_client_has_time_to_take_in_its_handle(settle_ms: int, first: int) -> None:
    """The first sample comes with the first cycle that begins so long after registration, and none before."""
    bench = Bench(settle_ns=settle_ms * 1_000_000)
    bench.client.subscribe(M, 0, 4, cycle_ms=10)
    bench.run(45)
    assert bench.stamps() == list(range(first, 50, 10))[: len(range(first, 45, 10))]


CYCLIC = (
    # cycle_ms, run_ms, expected stamps
    (0, 35, [0, 10, 20, 30]),
    (1, 35, [0, 10, 20, 30]),
    (10, 35, [0, 10, 20, 30]),
    (15, 65, [0, 20, 40, 60]),
    (30, 95, [0, 30, 60, 90]),
    (100, 350, [0, 100, 200, 300]),
)


@pytest.mark.parametrize(("cycle_ms", "run_ms", "stamps"), CYCLIC)
@pytest.mark.parametrize("mode", [1, 3, 16, 31])
def test_cyclic_modes_sample_every_cycle(
    bench: Bench, mode: int, cycle_ms: float, run_ms: float, stamps: list[float]
) -> None:
    """A sample at registration, then every max(cycle time, task cycle), changed or not, at ideal times."""
    assert bench.client.subscribe(M, 0, 2, mode=mode, cycle_ms=cycle_ms)[0] == 0
    bench.run(run_ms)
    assert bench.stamps() == stamps


@pytest.mark.parametrize("mode", [5, 6])
def test_legacy_modes_take_the_cycle_time_for_a_context(bench: Bench, mode: int) -> None:
    """In modes 5 and 6 the cycle time names a context, so each task cycle counts."""
    bench.client.subscribe(M, 0, 1, mode=mode, cycle_ms=500)
    for value in range(3):
        bench.put(0, bytes((value,)))
        bench.run(10)
    assert bench.stamps() == ([0, 10, 20, 30] if mode == 5 else [0, 20, 30])


@pytest.mark.parametrize("mode", [2, 4])
def test_on_change_modes_tell_changes_alone(bench: Bench, mode: int) -> None:
    """A sample at registration, then only where the bytes differ from the last queued sample."""
    bench.client.subscribe(M, 4, 2, mode=mode)
    bench.run(25)
    bench.put(4, b"ab")
    bench.put(8, b"other")
    bench.run(20)
    bench.put(4, b"cd")
    bench.run(1)
    bench.put(4, b"ab")
    bench.run(30)
    assert [(stamp, data) for stamp, _, data in bench.got()] == [(0, b"\0\0"), (30, b"ab")]
    bench.put(5, b"c")
    bench.run(30)
    assert [(stamp, data) for stamp, _, data in bench.got()] == [(80, b"ac")]


def test_one_request_mode_is_one_sample(bench: Bench) -> None:
    """Mode 10 gives its first sample and then none, and can be deleted."""
    _, handle = bench.client.subscribe(M, 0, 2, mode=10)
    bench.run(100)
    bench.put(0, b"zz")
    bench.run(100)
    assert bench.got() == [(0, handle, b"\0\0")]
    assert bench.client.unsubscribe(handle) == 0


@pytest.mark.parametrize("mode", [0, 7, 8, 9, 11, 15, 32, 0xFFFF_FFFF])
def test_other_modes_are_0x713(bench: Bench, mode: int) -> None:
    """Mode 0 and numbers without a meaning are refused."""
    assert bench.client.subscribe(M, 0, 2, mode=mode) == (0x713, 0)


@pytest.mark.parametrize(
    ("offset", "size", "result"),
    [(0, 0, 0x717), (0, 262_145, 0x717), (0, 200_001, 0x705), (200_000, 1, 0x703), (199_999, 1, 0)],
)
def test_sizes_are_checked_at_registration(bench: Bench, offset: int, size: int, result: int) -> None:
    """Nothing, or more than may be watched, is 0x717; outside of the area is what a read would be."""
    assert bench.client.subscribe(M, offset, size)[0] == result


def test_the_first_sample_is_due_at_once(bench: Bench) -> None:
    """A registration makes the device due, and its first sample leaves in that tick."""
    bench.run(25)
    assert bench.device.due_ns() is None
    bench.client.subscribe(M, 0, 2, mode=4)
    assert bench.device.due_ns() == 0
    bench.run(0)
    assert bench.stamps() == [20], "stamped with the cycle that is running"


@pytest.mark.parametrize("mode", [3, 4])
@pytest.mark.parametrize("delay_ms", [0, 50, 2000])
def test_a_constant_arrives_after_its_maximum_delay(bench: Bench, mode: int, delay_ms: int) -> None:
    """The first sample leaves exactly when the maximum delay has passed since it was queued."""
    bench.run(3)
    bench.client.subscribe(M, 0, 2, mode=mode, delay_ms=delay_ms, cycle_ms=10_000)
    bench.run(delay_ms - 0.001)
    assert bench.got() == []
    bench.run(0.001)
    assert bench.stamps() == [0]


def test_samples_wait_for_the_delay_together(bench: Bench) -> None:
    """With a delay of 50 ms a 10 ms variable comes six samples at first, each with its own time, in one frame."""
    bench.client.subscribe(M, 0, 2, delay_ms=50, cycle_ms=10)
    bench.run(50)
    assert len(bench.client.peer.frames) == 1
    assert bench.stamps() == [0, 10, 20, 30, 40, 50]
    bench.run(60)
    assert bench.stamps() == [60, 70, 80, 90, 100, 110]


def test_an_on_change_delay_counts_from_the_first_change(bench: Bench) -> None:
    """A batch opens with its first sample and not with a clock of its own."""
    bench.client.subscribe(M, 0, 1, mode=4, delay_ms=40)
    bench.run(40)
    assert bench.stamps() == [0]
    bench.run(65)  # now at 105
    bench.put(0, b"1")
    bench.run(14)
    bench.put(0, b"2")
    bench.run(30)
    assert bench.got() == []
    bench.run(1)
    assert [(stamp, data) for stamp, _, data in bench.got()] == [(110, b"1"), (120, b"2")]


def test_delays_do_not_mix(bench: Bench) -> None:
    """A variable without delay leaves at once and takes no waiting sample with it."""
    _, slow = bench.client.subscribe(M, 0, 1, mode=4, delay_ms=2000)
    _, fast = bench.client.subscribe(M, 2, 1, mode=3, cycle_ms=100)
    bench.run(1999)
    assert {handle for _, handle, _ in bench.got()} == {fast}
    bench.run(1)
    assert [(stamp, handle) for stamp, handle, _ in bench.got()] == [(0, slow), (2000, fast)]


def test_registrations_at_other_times_keep_their_own_delay(bench: Bench) -> None:
    """A later registration with the same delay does not leave with the earlier one's batch."""
    _, first = bench.client.subscribe(M, 0, 1, mode=4, delay_ms=1000)
    bench.run(500)
    _, second = bench.client.subscribe(M, 0, 1, mode=4, delay_ms=1000)
    bench.run(999)
    assert [handle for _, handle, _ in bench.got()] == [first]
    bench.run(1)
    assert [handle for _, handle, _ in bench.got()] == [second]


def test_equal_times_share_a_stamp(bench: Bench) -> None:
    """All samples of a cycle stand under one stamp of one frame, in the order of their handles."""
    handles = [bench.client.subscribe(M, 4 * number, 4)[1] for number in range(100)]
    bench.run(10)
    frames = bench.client.peer.frames
    assert [struct.unpack_from("<I", frame, 4)[0] for frame in frames] == [1, 1]
    assert [sample.handle for sample in parse_frame(frames[1])] == handles


def test_frames_stay_below_64_kib(bench: Bench) -> None:
    """What does not fit in one frame is cut at a sample; one sample alone may be larger."""
    for number in range(300):
        assert bench.client.subscribe(M, number * 600, 600)[0] == 0
    bench.client.subscribe(M, 0, 150_000)
    bench.run(0)
    sizes = [len(frame) for frame in bench.client.peer.frames]
    assert sorted(sizes)[-1] == 150_000 + 8 + 20
    assert sorted(sizes)[-2] <= 60_000
    assert len(bench.got()) == 301


def test_a_full_batch_does_not_wait(bench: Bench) -> None:
    """A batch leaves when it fills a frame, however long its delay: nothing grows with the delay."""
    bench.client.subscribe(M, 0, 20_000, delay_ms=60_000)
    bench.run(20)
    assert bench.stamps() == [0, 10, 20]


def test_late_ticks_keep_ideal_times(bench: Bench) -> None:
    """Cycles that a late tick missed are made up for, with their own times; stamps never come closer or farther."""
    bench.client.subscribe(M, 0, 1)
    bench.run(203, late_ms=37)
    stamps = bench.stamps()
    assert len(stamps) >= 15
    assert {after - before for before, after in pairwise(stamps)} == {10}


def test_a_pause_is_skipped_and_counted(bench: Bench) -> None:
    """After a long stop only the last 8 cycles are made up for; the others are counted."""
    bench.client.subscribe(M, 0, 1)
    bench.run(0)
    bench.time.go(bench.time.monotonic_ns + 1_000_000_000)
    bench.time.tick(bench.device)
    assert bench.stamps() == [0, 930, 940, 950, 960, 970, 980, 990, 1000]
    assert bench.device.notifications.skipped == 92


def test_the_wall_clock_may_be_set(bench: Bench) -> None:
    """Small corrections of the wall clock do not show in stamps; a step of the clock does."""
    bench.client.subscribe(M, 0, 1)
    bench.run(5)
    bench.time.wall_ns += 2_000_000
    bench.run(10)
    assert bench.stamps() == [0, 10]
    bench.time.wall_ns += 3_600_000_000_000
    bench.run(10)
    assert bench.stamps() == [20 + 3_600_002]


def test_long_periods_are_sampled_together(bench: Bench) -> None:
    """Subscriptions of one second that were made within 50 ms share their cycles, never later than they asked for."""
    for _ in range(5):
        bench.client.subscribe(M, 0, 1, cycle_ms=1000)
        bench.run(10)
    bench.run(3000)
    stamps: dict[int, list[float]] = {}
    for stamp, handle, _ in bench.got():
        stamps.setdefault(handle, []).append(stamp)
    assert [first for first, *_ in stamps.values()] == [0, 10, 20, 30, 40]
    assert all(930 <= second - first <= 1000 for first, second, *_ in stamps.values())
    assert all(after - before == 1000 for _, *later in stamps.values() for before, after in pairwise(later))
    assert len({second for _, second, *_ in stamps.values()}) == 2


def test_clients_share_samples_but_not_frames(bench: Bench) -> None:
    """Every client gets its own handles and values of the same moment."""
    clients = [Client(bench.device, FakePeer()) for _ in range(5)]
    handles = [client.subscribe(M, 4 * (number % 2), 4, mode=4)[1] for number, client in enumerate(clients)]
    assert len(set(handles)) == 5
    bench.run(0)
    bench.put(0, b"evenodd.")
    bench.run(10)
    for number, client in enumerate(clients):
        taken = client.peer.take()
        assert [got.handle for got in taken] == [handles[number]] * 2
        assert taken[1].data == (b"even", b"odd.")[number % 2]


def test_deleting_ends_it(bench: Bench) -> None:
    """After a deletion no sample comes, the device rests, and the handle is not given again soon."""
    _, one = bench.client.subscribe(M, 0, 1)
    _, two = bench.client.subscribe(M, 0, 1, delay_ms=500)
    bench.run(20)
    assert bench.client.unsubscribe(one) == bench.client.unsubscribe(two) == 0
    bench.got()
    bench.run(1000)
    assert bench.got() == []
    assert bench.device.due_ns() is None
    assert bench.client.subscribe(M, 0, 1)[1] == two + 1


def test_deleting_before_the_first_tick_is_silent(bench: Bench) -> None:
    """A subscription that was deleted before its first sample has none."""
    _, handle = bench.client.subscribe(M, 0, 1)
    assert bench.client.unsubscribe(handle) == 0
    bench.run(50)
    assert bench.got() == []


def test_a_peer_that_is_gone_leaves_nothing(bench: Bench) -> None:
    """All of its notifications end, others go on."""
    other = Client(bench.device, FakePeer())
    for _ in range(3):
        bench.client.subscribe(M, 0, 1, mode=4, delay_ms=100)
        other.subscribe(M, 0, 1)
    bench.run(10)
    bench.device.peer_gone(bench.client.peer)
    bench.device.peer_gone(bench.client.peer)
    bench.run(200)
    assert bench.got() == []
    assert len(bench.device.notifications) == 3
    assert len(other.peer.take()) == 3 * 22


def test_what_no_link_takes_is_dropped_counted_and_sent_again(bench: Bench) -> None:
    """A full link costs samples, which are counted; an on-change value is told again when the link takes more."""
    _, handle = bench.client.subscribe(M, 0, 1, mode=4)
    other = Client(bench.device, FakePeer())
    other.subscribe(M, 0, 1, mode=4)
    bench.run(10)
    bench.got()
    bench.client.peer.takes = False
    bench.put(0, b"!")
    bench.run(10)
    assert bench.device.notifications.dropped == 1
    bench.client.peer.takes = True
    bench.run(150)
    assert [(got, data) for _, got, data in bench.got()] == [(handle, b"!")]
    assert [got.data for got in other.peer.take()] == [b"\0", b"!"]


def test_there_is_a_limit_and_a_share_of_it_is_kept_for_others() -> None:
    """At the limit a client gets 0x716, one that has few may still have some, and nobody beyond twice the limit."""
    bench = Bench(notifications=20, notifications_reserve=5)
    results = [bench.client.subscribe(M, 0, 1)[0] for _ in range(25)]
    assert results == [0] * 20 + [0x716] * 5
    others = [Client(bench.device, FakePeer()) for _ in range(5)]
    taken = [other.subscribe(M, 0, 1)[0] for other in others for _ in range(6)]
    assert taken == ([0] * 5 + [0x716]) * 4 + [0x716] * 6
    bench.client.unsubscribe(1)
    bench.run(20)
    assert len(bench.got()) == 19 * 3


def test_many_source_addresses_are_no_many_clients() -> None:
    """From elsewhere a source address is free to choose: the share that is kept for others is had once, not each time;
    what the link gives back it may have again."""
    bench = Bench(notifications=20, notifications_reserve=5)
    guest = Origin(Via.HOST_ONLY, "vm0", "10.0.0.9", guest="hmi")
    many = [Client(bench.device, FakePeer(origin=guest)) for _ in range(30)]
    assert [one.subscribe(M, 0, 1)[0] for one in many] == [0] * 20 + [0x716] * 10
    other = Client(bench.device, FakePeer(origin=Origin(Via.LAN, "eth0", "192.0.2.7")))
    assert [other.subscribe(M, 0, 1)[0] for _ in range(6)] == [0] * 5 + [0x716]
    for one in many:
        bench.device.peer_gone(one.peer)
    assert [one.subscribe(M, 0, 1)[0] for one in many[:16]] == [0] * 15 + [0x716]


def test_watched_bytes_are_bounded() -> None:
    """A client that watches too many bytes in all gets 0x70A, until it gives some back."""
    bench = Bench(watch_bytes_per_peer=1000)
    _, handle = bench.client.subscribe(M, 0, 600)
    assert bench.client.subscribe(M, 0, 600)[0] == 0x70A
    bench.client.unsubscribe(handle)
    assert bench.client.subscribe(M, 0, 600)[0] == 0


def test_ten_thousand_notifications_are_served() -> None:
    """10 000 of one client arrive each cycle, once each, and the next one is 0x716."""
    bench = Bench()
    handles = {bench.client.subscribe(M, 2 * number, 2, cycle_ms=100)[1] for number in range(10_000)}
    assert bench.client.subscribe(M, 0, 2)[0] == 0x716
    bench.run(100)
    got = bench.got()
    assert len(got) == 20_000
    assert {handle for _, handle, _ in got[10_000:]} == handles


def test_state_version_bits_and_overlapping_places_can_be_watched() -> None:
    """F100, F008, bit groups and places that overlap are sampled as a read would show them."""
    client, time = Client(plc()), Time()
    places = [(0xF100, 0, 4), (0xF008, 0, 1), (M + 1, 9, 1), *((M, at, 4) for at in range(12))]
    handles = [client.subscribe(*place, mode=4)[1] for place in places]
    time.run(client.device, 10)
    assert [got.handle for got in client.peer.take()] == handles
    client.control(6)
    client.write(M, 0, bytes(range(1, 16)))
    time.run(client.device, 10)
    got = {sample.handle: sample.data for sample in client.peer.take()}
    assert got.pop(handles[0]) == b"\6\0\0\0"
    assert got.pop(handles[2]) == b"\1"
    assert got == {handle: bytes(range(at + 1, at + 5)) for at, handle in enumerate(handles[3:])}


def test_a_value_that_cannot_be_read_just_now_is_left_out() -> None:
    """Behind a null pointer there is no sample, neither cyclic nor on change; all others go on."""
    client, time = Client(plc()), Time()
    client.write(DATA, 144, struct.pack("<Q", DATA << 32 | 104))
    handle = struct.unpack("<I", client.read_write(0xF003, 0, 4, b"MAIN.pInt^")[1])[0]
    cyclic, changing = (client.subscribe(0xF005, handle, 2, mode=mode)[1] for mode in (3, 4))
    other = client.subscribe(M, 0, 1)[1]
    time.run(client.device, 10)
    assert len(client.peer.take()) == 3
    client.write(DATA, 144, bytes(8))
    time.run(client.device, 20)
    assert {got.handle for got in client.peer.take()} == {other}
    client.write(DATA, 144, struct.pack("<Q", DATA << 32 | 106))
    client.write(DATA, 106, b"\7\7")
    time.run(client.device, 10)
    assert {got.handle: got.data for got in client.peer.take()} == {cyclic: b"\7\7", changing: b"\7\7", other: b"\0"}


def test_the_devices_cycle_runs_before_its_sampling() -> None:
    """A simulation's values of a cycle are in that cycle's samples."""

    class Counter(MemoryDevice):
        def cycle(self, wall_ns: int) -> None:
            assert wall_ns % 10_000_000 == 0
            (count,) = self.memory.read(M, 0, 1)
            self.memory.write(M, 0, bytes((count + 1,)))

        def read(self, access: Access) -> bytes:
            return self.memory.read(access.group, access.offset, access.size_bytes)

    memory = Memory()
    memory.add(M, BytesArea(8))
    counter = Counter(memory)
    client, time = Client(counter), Time()
    time.tick(counter)
    client.subscribe(M, 0, 1)
    time.run(counter, 95, late_ms=15)
    values = [got.data[0] for got in client.peer.take()]
    assert values == list(range(values[0], values[0] + len(values)))
    assert len(values) >= 3


def test_coming_and_going_disturbs_nobody() -> None:
    """However subscriptions come and go, each gets its own place's bytes, once in each cycle while it lives."""
    bench = Bench()
    for offset in range(1000):
        bench.put(offset, bytes((offset % 251,)))
    living: dict[int, int] = {}
    for step in range(300):
        for number in range(step % 9):
            offset = (step * 7 + number) % 700
            living[bench.client.subscribe(M, offset, 2)[1]] = offset
        bench.run(0)
        for handle in list(living)[: step % 5]:
            assert bench.client.unsubscribe(handle) == 0
            del living[handle]
        bench.got()
        bench.run(10)
        got = bench.got()
        assert sorted(handle for _, handle, _ in got) == sorted(living)
        for _, handle, data in got:
            at = living[handle]
            assert data == bytes((at % 251, (at + 1) % 251))
    assert len(living) > 500


def test_many_delays_make_no_more_batches_than_powers_of_two() -> None:
    """A client that asks for a delay of its own for each of thousands is served in batches, within twice its delay."""
    bench = Bench()
    for number in range(2000):
        assert bench.client.subscribe(M, 0, 2, mode=4, delay_ms=1000 + number)[0] == 0
        bench.run(0)
    bench.run(1064)
    assert {handle for _, handle, _ in bench.got()} == set(range(1, 66)), "the first ones keep their own delays"
    bench.run(4295 - 1064)
    assert {handle for _, handle, _ in bench.got()} == set(range(66, 2001))
    assert sum(len(cohorts) for sampler in samplers_of(bench) for cohorts in sampler.cohorts.values()) < 80
    other = Client(bench.device, FakePeer())
    other.subscribe(M, 0, 2, mode=4, delay_ms=1001)
    bench.run(1001)
    assert len(other.peer.take()) == 1, "others are not rounded"


def samplers_of(bench: Bench) -> list[Sampler]:
    return list({one.cohort.sampler for one in bench.device.notifications.subscriptions() if one.cohort})
