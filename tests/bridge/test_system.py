"""What clients can know of the control beside its variables: system symbols, task ports, latencies, the state."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ads_device import Client
from bridge_bench import SIZES, SYMBOLS, Bench
from control_channel import image_of

from dinrail.ads.device.device import AdsDevice
from dinrail.ams.diagnostics import CpuLatency
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState
from dinrail.bridge.system import ControlLatency, ControlState
from dinrail.bridge.task import GROUP
from dinrail.control.channel.layout import Space, State
from dinrail.control.image import Segment, TaskImage
from dinrail.control.settings import TaskSettings
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Elementary, ElementaryType
from dinrail.iec.value import decode

FAST = TaskSettings("Fast", 1_000_000, priority=1, core=1, ads_port=355)
SLOW = TaskSettings("Slow", 10_000_000, priority=2, core=1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    segments = tuple(Segment(Space(space), 0, size) for space, size in enumerate(SIZES))
    return Bench(tmp_path, image_of(SYMBOLS, [TaskImage(FAST, segments), TaskImage(SLOW)], SIZES))


def value(bench: Bench, path: str) -> object:
    """A value by name, decoded by its symbol's type."""
    kind = bench.plc.find(path.encode()).type
    result, data = bench.client().read_write(IndexGroup.VALUE_BY_NAME, 0, 1000, path.encode())
    assert result == 0
    return decode(kind, data)


def device(bench: Bench, port: int) -> Client:
    found = bench.ports.devices[port]
    assert isinstance(found, AdsDevice)
    return Client(found)


def test_task_info_is_as_beckhoff_s_structure_says(bench: Bench) -> None:
    """Units of 100 ns, the task's port and name, the counters of the task itself."""
    bench.control.poke_task(0, "execution_last_ns", 123_456)
    bench.settle(3)
    told = value(bench, "TwinCAT_SystemInfoVarList._TaskInfo[1]")
    assert isinstance(told, dict)
    wanted = {"CycleTime": 10_000, "Priority": 1, "AdsPort": 355, "CycleCount": 5, "LastExecTime": 1234}
    assert {name: told[name] for name in wanted} == wanted
    assert (told["TaskName"], told["FirstCycle"], told["CycleTimeExceeded"]) == ("Fast", False, False)
    assert value(bench, "TwinCAT_SystemInfoVarList._TaskInfo[2].TaskName") == "Slow"
    assert value(bench, "TwinCAT_SystemInfoVarList._TaskInfo[2].AdsPort") == 351
    assert (
        bench.client().read_write(IndexGroup.VALUE_BY_NAME, 0, 9, b"TwinCAT_SystemInfoVarList._TaskInfo[3]")[0] == 0x721
    )


def test_app_info_is_as_beckhoff_s_structure_says(bench: Bench) -> None:
    """How many tasks, how many online changes, which port, which application."""
    told = value(bench, "TwinCAT_SystemInfoVarList._AppInfo")
    assert isinstance(told, dict)
    assert (told["TaskCnt"], told["OnlineChangeCnt"], told["AdsPort"]) == (2, 0, 851)
    assert (told["AppName"], told["ProjectName"], told["BSODOccured"]) == ("Port_851", "Demo", False)
    bench.control.state = State.EXCEPTION
    bench.control.poke("state", State.EXCEPTION)
    assert value(bench, "TwinCAT_SystemInfoVarList._AppInfo.BSODOccured") is True


def test_an_application_may_have_that_list_itself(tmp_path: Path) -> None:
    """Its own symbol counts; there are never two of a name."""
    own = Symbol("TwinCAT_SystemInfoVarList._AppInfo", ElementaryType(Elementary.UDINT), 0x4040, 5000)
    segments = tuple(Segment(Space(space), 0, size) for space, size in enumerate(SIZES))
    bench = Bench(tmp_path, image_of((*SYMBOLS, own), [TaskImage(SLOW, segments)], SIZES))
    assert value(bench, own.name) == 0
    assert value(bench, "TwinCAT_SystemInfoVarList._TaskInfo[1].TaskName") == "Slow"


def test_what_is_told_cannot_be_written(bench: Bench) -> None:
    """By name or by address."""
    client = bench.client()
    assert client.write(IndexGroup.VALUE_BY_NAME, 0, b"TwinCAT_SystemInfoVarList._TaskInfo[1].Priority\0\0\0") == 0x704
    assert client.write(0x4050, 8, b"\0\0") == 0x704
    assert client.write(0x4051, 64, b"\1") == 0x704


def test_a_task_s_port_tells_its_state_and_name(bench: Bench) -> None:
    """At the port of its settings, or by its position from 350 on."""
    assert bench.bridge.ports() == (351, 355, 851)
    client = device(bench, 355)
    bench.control.poke_task(0, "state", State.EXCEPTION)
    assert client.state() == (State.EXCEPTION, 0)
    body = client.body(Command.READ_DEVICE_INFO, b"")
    assert body is not None
    assert body[8:].rstrip(b"\0") == b"Fast"


def test_a_task_s_counters_are_read_at_its_port(bench: Bench) -> None:
    """Exceeded, overruns, missed, dropped, and its times; nothing else is there."""
    for number, name in enumerate(("exceeded", "overruns", "missed_cycles", "dropped"), 3):
        bench.control.poke_task(0, name, number)
    client = device(bench, 355)
    assert [client.read(GROUP, at, 4)[1] for at in range(4)] == [struct.pack("<I", at) for at in (3, 4, 5, 6)]
    result, times = client.read(GROUP, 4, 64)
    assert (result, struct.unpack("<8Q", times)[:2]) == (0, (1_000_000, bench.control.tasks[0].cycles))
    assert client.read(GROUP, 5, 4)[0] == 0x701
    assert client.write(GROUP, 1, bytes(4)) == 0x701
    assert client.write(GROUP, 0, bytes(3)) == 0x705
    assert client.write(GROUP, 0, bytes(4)) == 0


def test_latencies_are_those_of_a_core_s_tasks(bench: Bench) -> None:
    """The largest of them, in microseconds; a core without a task has none."""
    bench.control.poke_task(0, "latency_max_ns", 41_900)
    bench.control.poke_task(1, "latency_max_ns", 57_100)
    bench.control.poke_task(0, "latency_last_ns", 5_000)
    latency = bench.latency
    assert latency.latency(1) == CpuLatency(current=5, maximum=57, limit=1000)
    assert latency.latency(0) is None
    assert (latency.ticker().base_100ns, latency.settings().affinity) == (10_000, 2)


def test_the_system_does_what_it_is_asked_in_order(bench: Bench) -> None:
    """RESET is Config, then Run; a refusal ends it; what the system does not know is no service."""
    state = bench.state
    done = state.request(AdsState.RESET)
    bench.settle(4)
    assert (done.outcome, state.ads_state) == ((0, b""), AdsState.RUN)
    done = state.request(AdsState.STOP)
    bench.settle(2)
    assert (done.outcome, state.ads_state) == ((0, b""), AdsState.STOP)
    bench.control.refuses = "the image is gone"
    done = state.request(AdsState.RESET)
    bench.settle(4)
    assert (done.outcome, state.ads_state) == ((AdsError.INVALID_STATE, b""), AdsState.STOP)
    with pytest.raises(AdsFault) as caught:
        state.request(AdsState.INIT)
    assert caught.value.code == AdsError.SERVICE_NOT_SUPPORTED


def test_a_control_that_does_not_answer_times_out(bench: Bench) -> None:
    """Ten seconds, while its heart beats."""
    done = bench.state.request(AdsState.STOP)
    for _ in range(11):
        bench.sleep(1)
        bench.control.poke("heartbeat_ns", bench.control.monotonic_ns)
    assert done.outcome == (AdsError.TIMEOUT, b"")


@pytest.fixture
def other(tmp_path: Path) -> Bench:
    """A second control, with a bridge of its own."""
    folder = tmp_path / "other"
    folder.mkdir()
    return Bench(folder)


def test_two_controls_are_one_system(bench: Bench, other: Bench) -> None:
    """One in exception is the system's, one that runs its Run; what is asked for goes to both."""
    state = ControlState((bench.bridge.link, other.bridge.link))
    assert state.ads_state is AdsState.RUN
    done = state.request(AdsState.STOP)
    bench.settle(3)
    assert done.outcome is None
    other.settle(3)
    assert (done.outcome, state.ads_state) == ((0, b""), AdsState.STOP)
    other.control.refuses = "not now"
    done = state.request(AdsState.RUN)
    bench.settle(3)
    other.settle(3)
    assert (done.outcome, state.ads_state) == ((AdsError.INVALID_STATE, b""), AdsState.RUN)
    other.control.poke("state", State.EXCEPTION)
    other.settle(1)
    assert state.ads_state is AdsState.EXCEPTION


def test_a_control_that_is_gone_does_not_count(bench: Bench, other: Bench) -> None:
    """The state is the living one's, the number of restarts does not go back, and requests are answered."""
    state = ControlState((bench.bridge.link, other.bridge.link))
    index = state.restart_index
    other.sleep(3)
    bench.settle(1)
    assert (state.ads_state, state.restart_index) == (AdsState.RUN, index)
    done = state.request(AdsState.STOP)
    bench.settle(3)
    assert done.outcome == (0, b"")
    bench.sleep(3)
    assert state.ads_state is AdsState.CONFIG
    with pytest.raises(AdsFault) as caught:
        state.request(AdsState.RUN)
    assert caught.value.code == AdsError.NOT_READY


def test_latencies_are_those_of_all_controls(bench: Bench, other: Bench) -> None:
    """The largest of a core, whichever control's task it is; a task without a core counts as the first one's."""
    bench.control.poke_task(0, "latency_max_ns", 41_000)
    other.control.poke_task(0, "latency_max_ns", 58_000)
    latency = ControlLatency((bench.bridge.link, other.bridge.link))
    found = [latency.latency(core) for core in (0, 1)]
    assert [one.maximum if one else None for one in found] == [58, 41]
    assert latency.latency(2) is None
