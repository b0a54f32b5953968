"""What becomes of the ports when the control starts, dies, is silent, is started anew, or runs something else."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from bridge_bench import DATA, SIZES, SYMBOLS, Bench, PortTable, at_once, demo_image
from build_iec import UDINT
from control_channel import PlayedControl, header_offset, image_of, one_task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState
from dinrail.bridge.ports import Bridge
from dinrail.bridge.system import ControlState
from dinrail.control.channel.layout import Space, State
from dinrail.control.channel.writer import lease_path, take_lease
from dinrail.iec.symbol import Symbol

HANDLE, VALUE = IndexGroup.HANDLE_BY_NAME.value, IndexGroup.VALUE_BY_HANDLE.value
NOT_READY = AdsError.NOT_READY.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def moved(by: int = 8) -> tuple[Symbol, ...]:
    """The symbols, with the second one elsewhere."""
    return (SYMBOLS[0], Symbol("MAIN.nWritten", SYMBOLS[1].type, DATA, 4 + by), Symbol("MAIN.nNew", UDINT, DATA, 4))


def test_without_a_control_there_are_no_ports(tmp_path: Path) -> None:
    """The system is in Config, and looks again ten times a second."""
    ports = PortTable()
    bridge = Bridge(tmp_path / "channel", lambda: 0, ports, start=at_once)
    bridge.tick(10**12, 0)
    assert ControlState((bridge.link,)).ads_state is AdsState.CONFIG
    assert bridge.ports() == ()
    assert bridge.due_ns() == 10**12 + 100_000_000


def test_a_control_that_comes_later_is_found(tmp_path: Path) -> None:
    """Without restarting anything."""
    ports = PortTable()
    bridge = Bridge(tmp_path / "channel", lambda: 0, ports, start=at_once)
    bridge.tick(10**12, 0)
    control = PlayedControl(tmp_path, demo_image(), monotonic_ns=10**12)
    control.cycle()
    for _ in range(3):
        control.monotonic_ns += 100_000_000
        control.serve()
        bridge.tick(control.monotonic_ns, 0)
    assert sorted(ports.devices) == [350, 851]
    assert ControlState((bridge.link,)).ads_state is AdsState.RUN


def test_a_silent_control_is_not_ready(bench: Bench) -> None:
    """No hang: every request is 0x707, prepared ones, too; what was on its way is answered, and life goes on after."""
    client = bench.client()
    again = client.prepared(Command.READ, struct.pack("<III", DATA, 0, 4))
    request = client.request(Command.WRITE, struct.pack("<III", DATA, 4, 4) + bytes(4))
    assert bench.plc.request(request) is None
    bench.sleep(3)
    assert request.replies == [(struct.pack("<I", NOT_READY), 0)]
    assert again is not None
    assert again() == struct.pack("<II", NOT_READY, 0)
    assert client.read(DATA, 0, 4) == (NOT_READY, b"")
    assert client.write(DATA, 4, bytes(4)) == NOT_READY
    assert client.read_write(HANDLE, 0, 4, b"MAIN.nCount") == (NOT_READY, b"")
    assert client.control(AdsState.STOP) == NOT_READY
    assert bench.bridge.ports() == (350, 851)
    assert bench.state.ads_state is AdsState.CONFIG
    bench.settle(20)
    assert client.read(DATA, 0, 4) == (0, bytes(4))


def test_a_stopped_task_thread_times_out(bench: Bench) -> None:
    """The main thread lives, the task does not take its records: 0x719 after two seconds."""
    client = bench.client()
    request = client.request(Command.WRITE, struct.pack("<III", DATA, 4, 4) + bytes(4))
    assert bench.plc.request(request) is None
    for _ in range(25):
        bench.control.serve()
        bench.sleep(0.1)
    assert request.replies == [(struct.pack("<I", AdsError.TIMEOUT), 0)]
    assert client.read(DATA, 0, 4) == (0, bytes(4))


def test_in_config_the_ports_are_gone(bench: Bench) -> None:
    """As on a real system; they come back when it runs again."""
    done = bench.state.request(AdsState.RECONFIG)
    bench.settle(2)
    assert done.outcome == (0, b"")
    assert bench.control.state == State.CONFIG
    assert bench.ports.devices == {}
    assert bench.state.ads_state is AdsState.CONFIG
    done = bench.state.request(AdsState.RESET)
    bench.settle(3)
    assert done.outcome == (0, b"")
    assert sorted(bench.ports.devices) == [350, 851]
    assert bench.state.ads_state is AdsState.RUN


def test_after_a_restart_handles_are_invalid(bench: Bench) -> None:
    """Another control under the same name: 0x711, another version and restart index, notifications end with a sample
    of size 0; new handles work."""
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.nWritten")
    (number,) = struct.unpack("<I", handle)
    _, version = client.read(IndexGroup.SYMBOL_VERSION, 0, 1)
    index = bench.state.restart_index
    _, note = client.subscribe(DATA, 0, 4)
    bench.settle(4)
    client.peer.take()
    bench.control.restart()
    bench.settle(14)
    assert client.read(VALUE, number, 4)[0] == AdsError.SYMBOL_VERSION_INVALID
    assert client.read(IndexGroup.SYMBOL_VERSION, 0, 1)[1] != version
    assert bench.state.restart_index != index
    assert [(one.handle, one.data) for one in client.peer.take()] == [(note, b"")]
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.nWritten")
    assert client.write(VALUE, *struct.unpack("<I", handle), b"\1\0\0\0") == 0
    assert client.subscribe(DATA, 0, 4)[0] == 0


def test_an_online_change_moves_names_not_clients(bench: Bench) -> None:
    """Old handles are 0x711; the name leads to its new place; a notification by address goes on, one by handle ends."""
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.nWritten")
    (number,) = struct.unpack("<I", handle)
    _, version = client.read(IndexGroup.SYMBOL_VERSION, 0, 1)
    _, by_address = client.subscribe(DATA, 0, 4)
    _, by_handle = client.subscribe(VALUE, number, 4)
    bench.settle(4)
    client.peer.take()
    bench.control.online_change(image_of(moved(), [one_task(SIZES)], SIZES))
    bench.control.spaces[Space.DATA][12:16] = b"\7\0\0\0"
    bench.settle(14)
    got = client.peer.take()
    assert [one.data for one in got if one.handle == by_handle] == [b""]
    assert got[-1].handle == by_address
    assert client.read(VALUE, number, 4)[0] == AdsError.SYMBOL_VERSION_INVALID
    assert client.read(IndexGroup.SYMBOL_VERSION, 0, 1)[1] != version
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, b"MAIN.nWritten") == (0, b"\7\0\0\0")
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, b"MAIN.nNew")[0] == 0
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, b"MAIN.fValue")[0] == AdsError.SYMBOL_NOT_FOUND


def test_a_write_from_before_an_online_change_is_not_done(bench: Bench) -> None:
    """Its offset means something else now: it is answered 0x711, and the task drops it."""
    client = bench.client()
    request = client.request(Command.WRITE, struct.pack("<III", DATA, 4, 4) + b"\1\1\1\1")
    assert bench.plc.request(request) is None
    bench.control.online_change(image_of(moved(), [one_task(SIZES)], SIZES))
    bench.settle(2)
    assert request.replies == [(struct.pack("<I", AdsError.SYMBOL_VERSION_INVALID), 0)]
    assert bench.control.spaces[Space.DATA][4:8] == bytes(4)
    assert bench.control.tasks[0].outdated == 1


def test_an_image_that_is_not_the_running_one_is_refused(bench: Bench) -> None:
    """Somebody built over it: the symbols would lie. The old ones are invalid, and it is tried again."""
    client = bench.client()
    other = image_of(moved(), [one_task(SIZES)], SIZES)
    bench.control.online_change(other)
    path = bench.control.directory / f"image-{bench.control.images}"
    right = path.read_bytes()
    path.write_bytes((bench.control.directory / "image-1").read_bytes())
    bench.settle(14)
    assert client.read(DATA, 0, 4)[0] == AdsError.SYMBOL_VERSION_INVALID
    path.write_bytes(right)
    bench.settle(110)
    assert client.read(DATA, 0, 4) == (0, bytes(4))


def test_only_one_router_writes(bench: Bench) -> None:
    """While another process has the lease, reading works and writing is 0x708; then it is taken over."""
    bench.bridge.close()
    lease = take_lease(lease_path(bench.control.path))
    bench.ports = PortTable()
    bench.bridge = Bridge(bench.control.path, lambda: bench.control.monotonic_ns, bench.ports, start=at_once)
    bench.settle(12)
    client = bench.client()
    assert client.read(DATA, 0, 4) == (0, bytes(4))
    assert client.write(DATA, 4, bytes(4)) == AdsError.BUSY
    assert client.control(AdsState.STOP) == AdsError.BUSY
    os.close(lease)
    bench.settle(12)
    assert client.write(DATA, 4, bytes(4)) == 0


def test_a_router_that_takes_over_goes_on_in_the_ring(bench: Bench) -> None:
    """Killed with records on their way: the next one writes behind them, and all are applied."""
    client = bench.client()
    request = client.request(Command.WRITE, struct.pack("<III", DATA, 4, 4) + b"\1\0\0\0")
    assert bench.plc.request(request) is None
    bench.bridge.close()
    ports = PortTable()
    bench.bridge, bench.ports = (
        Bridge(bench.control.path, lambda: bench.control.monotonic_ns, ports, start=at_once),
        ports,
    )
    bench.settle(12)
    assert bench.control.spaces[Space.DATA][4] == 1
    assert bench.client().write(DATA, 4, b"\2\0\0\0") == 0
    assert bench.control.spaces[Space.DATA][4] == 2


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_channel_harms_nobody(tmp_path: Path, data: st.DataObject) -> None:
    """Any words anywhere in header, task record, segments and published headers: answers are values or ADS errors."""
    bench = Bench(tmp_path)
    client = bench.client()
    client.subscribe(DATA, 0, 4)
    plan = bench.control.plan
    task = plan.tasks[0]
    regions = [
        (0, 1024),
        (task.record, 512),
        (plan.segments, 256),
        (task.published, 256),
        (task.forces, 64),
        (task.ring, 64),
    ]
    for _ in range(data.draw(st.integers(1, 4))):
        start, size = data.draw(st.sampled_from(regions))
        at = start + 4 * data.draw(st.integers(0, size // 4 - 1))
        bench.control.memory.set_u32(at, data.draw(st.sampled_from([0, 1, 7, 64, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF])))
    for _ in range(3):
        bench.control.monotonic_ns += 150_000_000
        bench.tick()
        for ask in (
            lambda: client.read(DATA, 0, 4),
            lambda: client.read(0x4050, 0, 300),
            lambda: client.read(0xD1A1_0003, 0, 1000),
            lambda: client.read_write(HANDLE, 0, 4, b"MAIN.nCount"),
        ):
            if 851 in bench.ports.devices:
                ask()
        bench.latency.latency(0)
        assert bench.state.ads_state in AdsState
    bench.bridge.close()


def test_the_header_is_where_the_layout_says() -> None:
    """The fields that a router reads first."""
    assert [header_offset(name) for name in ("magic", "version", "layout_hash", "state")] == [0, 8, 0x20, 0x44]
