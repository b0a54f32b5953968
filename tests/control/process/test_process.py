"""The control process: it cycles whatever happens around it, and ends and begins as it should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import control_app as app
import pytest
from control_process import control, wait_for

from dinrail.control.channel.layout import Realtime, Request, Space, State
from dinrail.control.channel.reader import Channel
from dinrail.control.channel.request import answered
from dinrail.control.channel.ring import RingWriter
from dinrail.control.channel.writer import Writer
from dinrail.control.options import ControlOptions
from dinrail.control.settings import Overrun
from dinrail.errors import HostError, Refused

pytestmark = pytest.mark.control


def options_in(directory: Path, *tasks: app.TaskSettings, retain: bool = False) -> ControlOptions:
    image = app.write_app(directory / "app.image", tasks or (app.FAST,))
    return ControlOptions(image, directory / "channel", retain=directory / "retain" if retain else None)


def choose(writer: Writer, mode: int, task: int = 0) -> None:
    writer.write(task, Space.DATA, task * app.PAGE_BYTES + app.MODE, mode.to_bytes(4, "little"))


def test_two_tasks_cycle_at_their_own_pace(tmp_path: Path) -> None:
    """Each task's counter goes on by its cycle time; every cycle is in the histograms."""
    with control(options_in(tmp_path, app.FAST, app.SLOW)) as running:
        running.more_cycles(500)
        fast, slow = (running.channel.statistics(task) for task in (0, 1))
        expected = (slow.heartbeat_ns - slow.first_cycle_ns) // app.SLOW.cycle_ns + 1
        assert expected - slow.missed_cycles - 1 <= slow.cycle_count <= expected + 1
        assert fast.cycle_count >= 4 * slow.cycle_count - fast.missed_cycles - 8
        assert 0 < fast.latency_min_ns <= fast.latency_max_ns
        assert 0 < fast.execution_min_ns <= fast.execution_max_ns
        counted = sum(running.channel.histogram(0))
        assert fast.cycle_count <= counted <= running.cycles() + 1


def test_the_body_runs_once_in_each_cycle(tmp_path: Path) -> None:
    """What the program counts is what the executive counts."""
    with control(options_in(tmp_path)) as running:
        running.more_cycles(100)
        snapshot = running.channel.snapshot(0)
        assert snapshot is not None
        assert int.from_bytes(snapshot.data[:4], "little") == snapshot.cycle_count


def test_states_follow_requests(tmp_path: Path) -> None:
    """Stop, start, reset and config are answered when they are done; data begin anew after a reset."""
    with control(options_in(tmp_path)) as running:
        running.more_cycles(20)
        index = running.channel.header.restart_index
        assert running.ask(Request.STOP) == "STOP"
        running.more_cycles(5)
        count = running.value(app.COUNT)
        running.more_cycles(5)
        assert running.value(app.COUNT) == count
        assert running.ask(Request.START) == "RUN"
        wait_for(lambda: running.value(app.COUNT) > count)
        assert running.ask(Request.RESET) == "STOP"
        running.more_cycles(3)
        assert running.value(app.FIRST) == 0
        assert running.channel.header.restart_index == index + 1
        assert running.ask(Request.CONFIG) == "CONFIG"
        cycles = running.cycles()
        time.sleep(0.05)
        assert running.cycles() == cycles
        assert running.ask(Request.START) == "RUN"
        running.more_cycles(5)
        assert running.channel.state == State.RUN


def test_a_request_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """An unknown request is answered by a reason, and the next one works."""
    with control(options_in(tmp_path)) as running:
        with Channel.open(running.options.channel, writable=True) as channel:
            header = channel.header
            ring = header.control_ring_offset, header.control_ring_bytes, header.answer_offset + 8
            position = RingWriter(channel.memory, *ring).push(99, 0, 0, b"")
            wait_for(lambda: answered(channel, position) is not None)
            reply = answered(channel, position)
            assert reply is not None
            assert not reply.accepted
            assert "no request 99" in reply.text
        assert running.ask(Request.STOP) == "STOP"


def test_killed_and_started_again_it_is_whole(tmp_path: Path) -> None:
    """After kill -9 the next process makes a new channel; readers of the old one keep what was last published."""
    options = options_in(tmp_path, retain=True)
    with control(options) as first:
        first.more_cycles(50)
        assert first.ask(Request.SAVE) == "RUN"
        first.kill()
        last = first.value(app.COUNT)
        identity = first.channel.memory.identity
        with control(options) as second:
            second.more_cycles(5)
            assert second.channel.memory.identity != identity
            assert first.value(app.COUNT) == last
            assert second.value(app.COUNT) >= 50  # retained
            assert second.end() == 0
    assert not options.channel.exists()


def test_a_clean_end_saves_what_is_retained(tmp_path: Path) -> None:
    """SIGTERM ends the tasks, saves, and takes the channel away; the next start goes on from there."""
    options = options_in(tmp_path, retain=True)
    with control(options) as first:
        first.more_cycles(100)
        assert first.end() == 0
    with control(options) as second:
        second.more_cycles(1)
        assert second.value(app.COUNT) >= 100
        second.ask(Request.RESET_ORIGIN)
        second.more_cycles(2)
        assert second.value(app.COUNT) == 0


READER = """
import sys
from pathlib import Path
from dinrail.control.channel.reader import Channel
from dinrail.control.channel.request import answered
from dinrail.control.channel.ring import RingWriter
with Channel.open(Path(sys.argv[1]), writable=True) as channel:
    print("up", flush=True)
    while True:
        channel.snapshot(0)
        channel.histogram(0)
        channel.forces(0)
"""
WRITER = """
import sys
from pathlib import Path
from dinrail.control.channel.layout import Space
from dinrail.control.channel.ring import RingFull
from dinrail.control.channel.writer import Writer
with Writer.open(Path(sys.argv[1])) as writer:
    print("up", flush=True)
    n = 0
    while True:
        try:
            writer.write(0, Space.DATA, 512, n.to_bytes(8, "little") * 16)
            n += 1
        except RingFull:
            pass
"""


@pytest.mark.parametrize("script", [READER, WRITER], ids=["reader", "writer"])
def test_whoever_is_at_the_channel_may_stop_or_die(tmp_path: Path, script: str) -> None:
    """A reader or writer stopped half way, at many moments, and killed there, is not felt by the task."""
    with control(options_in(tmp_path)) as running:
        for turn in range(15):
            argv = [sys.executable, "-c", script, str(running.options.channel)]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as other:
                assert other.stdout is not None
                assert other.stdout.readline() == "up\n"
                time.sleep(0.002 + 0.0005 * turn)
                other.send_signal(signal.SIGSTOP)
                running.more_cycles(20)
                other.kill()
        assert running.channel.statistics(0).dropped == 0
        assert running.channel.state == State.RUN
        with Writer.open(running.options.channel) as writer:
            position = writer.write(0, Space.DATA, app.INDEX, b"\x2a\0\0\0")
            wait_for(lambda: writer.applied(0, position))
            assert running.value(app.INDEX) == 42


def test_snapshots_are_never_torn(tmp_path: Path) -> None:
    """Tens of thousands of snapshots while the task writes: each is of one cycle."""
    tasks = (app.TaskSettings("Fast", 100_000, 5, programs=("MAIN0",)),)
    with control(options_in(tmp_path, *tasks)) as running:
        seen = set()
        for _ in range(30_000):
            snapshot = running.channel.snapshot(0)
            assert snapshot is not None
            assert int.from_bytes(snapshot.data[:4], "little") == snapshot.cycle_count
            seen.add(snapshot.cycle_count)
        assert len(seen) > 100


def test_the_phase_is_kept_behind_a_long_cycle(tmp_path: Path) -> None:
    """A cycle that takes many cycle times costs those, counted; the next ones are on the same grid, without a burst."""
    with control(options_in(tmp_path)) as running, Writer.open(running.options.channel) as writer:
        running.more_cycles(50)
        choose(writer, app.LONG)
        wait_for(lambda: running.channel.statistics(0).exceeded > 0)
        choose(writer, 0)
        wait_for(lambda: running.value(app.MODE) == 0)
        running.more_cycles(200)
        record = running.channel.statistics(0)
        assert record.missed_cycles > 0
        assert record.overruns > 0
        passed = (record.heartbeat_ns - record.first_cycle_ns) / app.FAST.cycle_ns
        assert abs(record.cycle_count + record.missed_cycles - 1 - passed) < 2
        assert record.state == State.RUN


FAULTS = [(app.ENDLESS, "runaway"), (app.NULL, "null"), (app.BOUNDS, "bounds"), (app.DIVIDE, "divide")]
FAULTS += [(app.STACK, "stack"), (app.WILD, "access")]


@pytest.mark.parametrize(("mode", "name"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_a_fault_ends_its_task_and_the_other_goes_on(tmp_path: Path, mode: int, name: str) -> None:
    """Each ends as the documented fault, in words with POU and line; the other task misses nothing; reset and start
    bring all back."""
    fast = app.TaskSettings("Fast", 1_000_000, 30, watchdog_cycles=50, programs=("MAIN0",))
    slow = app.TaskSettings("Slow", 5_000_000, 20, programs=("MAIN1",))
    with control(options_in(tmp_path, fast, slow)) as running, Writer.open(running.options.channel) as writer:
        running.more_cycles(10)
        writer.write(0, Space.DATA, app.INDEX, (9).to_bytes(4, "little"))
        pointer = 0xDEAD_0000_0000 if mode == app.WILD else 0
        writer.write(0, Space.DATA, app.POINTER, pointer.to_bytes(8, "little"))
        choose(writer, mode)
        wait_for(lambda: running.channel.state == State.EXCEPTION)
        fault = running.channel.fault(0)
        assert fault is not None
        text = fault.text[: fault.text_bytes].decode()
        assert text.startswith(f"Fast: {name}: ")
        expected = "Deep0 line 100" if mode == app.STACK else f"MAIN0 line {app.LINES[mode]} (app.st:{app.LINES[mode]})"
        assert expected in text
        other = running.channel.statistics(1).run_count
        wait_for(lambda: running.channel.statistics(1).run_count >= other + 20)
        assert running.channel.statistics(0).state == State.EXCEPTION
        with pytest.raises(Refused, match="exception"):
            running.ask(Request.START)
        assert running.ask(Request.RESET) == "STOP"
        assert running.ask(Request.START) == "RUN"
        wait_for(lambda: running.value(app.COUNT) > 5)


def test_a_loop_that_hears_nothing_is_given_up(tmp_path: Path) -> None:
    """Code that was built without loop tests and does not come back: its task is lost, the others go on."""
    fast = app.TaskSettings("Fast", 1_000_000, 40, watchdog_cycles=20, programs=("MAIN0",))
    slow = app.TaskSettings("Slow", 5_000_000, 20, programs=("MAIN1",))
    options = options_in(tmp_path, fast, slow)
    app.write_app(options.image, (fast, slow), app.UNCHECKED)
    with control(options) as running, Writer.open(options.channel) as writer:
        choose(writer, app.ENDLESS)
        wait_for(lambda: running.channel.state == State.EXCEPTION)
        fault = running.channel.fault(0)
        assert fault is not None
        assert fault.text.startswith(b"Fast: watchdog: ")
        count = running.channel.statistics(1).run_count
        wait_for(lambda: running.channel.statistics(1).run_count > count + 20)
        with pytest.raises(Refused, match="does not come back"):
            running.ask(Request.RESET)
        wait_for(lambda: "safe values" in running.log.read_text())


def test_a_channel_that_was_cut_off_ends_nobody(tmp_path: Path) -> None:
    """Somebody truncates the channel's file to nothing: tasks and main thread go on, unseen, and can be ended."""
    with control(options_in(tmp_path)) as running:
        running.more_cycles(10)
        for channel in running.opened:
            channel.close()
        running.opened.clear()
        os.truncate(running.options.channel, 0)
        time.sleep(0.3)
        assert running.process.poll() is None
        assert running.end() == 0


def test_what_it_may_not_have_is_said(tmp_path: Path) -> None:
    """As root it locks memory and gets real-time priorities; a task on a core that is not there is a warning."""
    settings = app.TaskSettings("Fast", 1_000_000, 5, core=900, programs=("MAIN0",))
    with control(options_in(tmp_path, settings)) as running:
        flags = Realtime(running.channel.header.realtime)
        assert Realtime.CORES not in flags
        wait_for(lambda: "cannot put a task on core 900" in running.log.read_text())
        assert (Realtime.MEMORY in flags) == (os.geteuid() == 0)


def test_without_rights_it_runs_all_the_same(tmp_path: Path) -> None:
    """Without the capabilities for it, it cycles unlocked and at ordinary priority, and its log says so."""
    if os.geteuid() != 0:
        pytest.skip("only root has capabilities to give up")
    stripped = ("setpriv", "--bounding-set", "-sys_nice,-ipc_lock", sys.executable)
    with control(options_in(tmp_path), python=stripped) as running:
        running.more_cycles(20)
        flags = Realtime(running.channel.header.realtime)
        assert not flags & (Realtime.PRIORITY | Realtime.MEMORY)
        wait_for(lambda: "CAP_SYS_NICE" in running.log.read_text())
        assert "CAP_IPC_LOCK" in running.log.read_text()


def test_the_process_holds_neither_compiler_nor_network(tmp_path: Path) -> None:
    """Nothing heavy is mapped into it, it has no socket, and what it locks stays small."""
    with control(options_in(tmp_path)) as running:
        pid = running.process.pid
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert not any(name in maps for name in ("llvmlite", "_ssl", "pydantic", "_socket"))
        sockets = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        assert not any(target.startswith("socket:") for target in sockets)


def test_an_image_that_is_none_is_one_error(tmp_path: Path) -> None:
    """A wrong file ends the process with status 1 and one clear line, and leaves no channel."""
    path = tmp_path / "wrong.image"
    path.write_bytes(b"\x7fELF but no more")
    argv = [sys.executable, "-m", "dinrail.control", str(path), "--channel", str(tmp_path / "channel")]
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("dinrail.control: ")
    assert str(path) in run.stderr
    assert not (tmp_path / "channel").exists()


def test_nobody_is_there(tmp_path: Path) -> None:
    """Asking where no control is up is a HostError, at once."""
    with pytest.raises(HostError):
        Channel.open(tmp_path / "channel")


def test_one_control_runs_at_a_channel(tmp_path: Path) -> None:
    """A second process for the same channel is refused, and the first one does not notice."""
    options = options_in(tmp_path)
    with control(options) as running:
        argv = [sys.executable, "-m", "dinrail.control", *options.argv(None)]
        second = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "another control runs there" in second.stderr
        running.more_cycles(5)


def test_too_many_long_cycles_are_a_fault_where_that_is_asked_for(tmp_path: Path) -> None:
    """With the overrun policy `stop`, as many exceeded cycles in a row as the watchdog counts stop the task."""
    settings = app.TaskSettings("Fast", 1_000_000, 30, watchdog_cycles=100, overrun=Overrun.STOP, programs=("MAIN0",))
    with control(options_in(tmp_path, settings)) as running, Writer.open(running.options.channel) as writer:
        running.more_cycles(5)
        choose(writer, app.LONG)
        wait_for(lambda: running.channel.state == State.EXCEPTION, seconds=60)
        fault = running.channel.fault(0)
        assert fault is not None
        assert fault.text.startswith(b"Fast: watchdog: ") or fault.text.startswith(b"Fast: runaway: ")
