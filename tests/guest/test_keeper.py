"""The keeper, with real processes: no exit is lost, no lease let go too early."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from build_guest import exit_of, pid_of, run_keeper, wait_for

from dinrail.guest.keeper import start_time
from dinrail.guest.lifecycle import State
from dinrail.guest.rundir import Process, RunDir, observe


@pytest.mark.parametrize(
    ("argv", "status", "killed_by"),
    [
        (["true"], 0, None),
        (["false"], 1, None),
        (["sh", "-c", "exit 42"], 42, None),
        (["sh", "-c", "kill -9 $$"], None, 9),
        (["sh", "-c", "kill -SEGV $$"], None, 11),
        (["/nowhere/qemu"], 127, None),
    ],
)
def test_every_way_to_end_is_written_down(
    tmp_path: Path, argv: list[str], status: int | None, killed_by: int | None
) -> None:
    """Status or signal, exactly; a command that does not exist ends as in a shell."""
    run_keeper(tmp_path / "g", argv)
    found = exit_of(tmp_path / "g")
    assert (found["status"], found["signal"]) == (status, killed_by)
    assert found["started_ns"] <= found["ended_ns"]


def test_the_last_words_are_kept(tmp_path: Path) -> None:
    """What the hypervisor said before it ended stands in its log and in exit.json, undecodable bytes visible."""
    run_keeper(tmp_path / "g", ["sh", "-c", "echo no such device >&2; printf '\\377'; exit 1"])
    assert exit_of(tmp_path / "g")["log_tail"] == "no such device\n\\xff"
    assert RunDir(tmp_path / "g").log_tail() == ("no such device", "\\xff")


def test_a_kill_is_never_lost(tmp_path: Path) -> None:
    """`kill -9` to the hypervisor from anywhere: its signal is on the disk."""
    run = tmp_path / "g"
    run_keeper(run, ["sleep", "60"])
    os.kill(pid_of(run), signal.SIGKILL)
    assert exit_of(run)["signal"] == 9
    assert observe(RunDir(run)).state is State.CRASHED


def test_the_keeper_outlives_its_starter(tmp_path: Path) -> None:
    """A starter that is killed with its whole process group takes neither keeper nor hypervisor along."""
    run = tmp_path / "g"
    program = f"import build_guest, pathlib; build_guest.run_keeper(pathlib.Path({str(run)!r}), ['sleep', '60'])"
    starter = subprocess.Popen(
        [sys.executable, "-c", f"{program}; import os, signal; os.killpg(0, signal.SIGKILL)"],
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert starter.wait(20) == -signal.SIGKILL
    pid = pid_of(run)
    observed = observe(RunDir(run))
    assert observed.state is State.RUNNING
    assert observed.keeper is not None
    assert os.getsid(observed.keeper.pid) != os.getsid(0)
    os.kill(pid, signal.SIGKILL)
    assert exit_of(run)["signal"] == 9


def test_a_signal_to_the_keeper_reaches_the_hypervisor(tmp_path: Path) -> None:
    """SIGTERM is passed on, and the keeper stays to see the end."""
    run = tmp_path / "g"
    run_keeper(run, ["sleep", "60"])
    pid_of(run)
    keeper = observe(RunDir(run)).keeper
    assert keeper is not None
    os.kill(keeper.pid, signal.SIGTERM)
    assert exit_of(run)["signal"] == signal.SIGTERM


def test_a_lease_is_held_until_the_hypervisor_ends(tmp_path: Path) -> None:
    """The starter closes its copy, even the keeper may be killed: the device stays taken until the last holder ends."""
    run, path = tmp_path / "g", tmp_path / "device.lease"
    lease = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lease, fcntl.LOCK_EX)
    run_keeper(run, ["sleep", "60"], (lease,))
    os.close(lease)
    pid = pid_of(run)
    keeper = observe(RunDir(run)).keeper
    assert keeper is not None
    assert not free(path)
    os.kill(keeper.pid, signal.SIGKILL)
    wait_for(lambda: not keeper.is_alive)
    assert not free(path)
    assert Process(pid, start_time(pid)).is_alive
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: free(path))
    lost = observe(RunDir(run))
    assert lost.state is State.CRASHED
    assert str(lost.exit) == "ended, and its exit status is lost"


def free(path: Path) -> bool:
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def test_the_keeper_needs_nothing_of_ours(tmp_path: Path) -> None:
    """Its file runs in an empty Python: isolated, without site packages, copied away from the package."""
    from dinrail.guest import keeper

    alone = tmp_path / "keeper.py"
    alone.write_text(Path(keeper.__file__).read_text())
    run = tmp_path / "g"
    run.mkdir()
    (run / "argv.json").write_text(json.dumps(["true"]))
    subprocess.run([sys.executable, "-I", "-S", str(alone), str(run)], check=True, timeout=20)
    assert exit_of(run)["status"] == 0


def test_a_pid_that_somebody_else_has_now_is_not_the_guest() -> None:
    """pid and start time together name a process; either alone does not."""
    ours = os.getpid()
    assert Process(ours, start_time(ours)).is_alive
    assert not Process(ours, start_time(ours) - 1).is_alive
    assert not Process(ours, 0).is_alive
    assert not Process(0, 0).is_alive


def test_a_zombie_holds_nothing() -> None:
    """A process that ended and was not waited for is not alive."""
    child = subprocess.Popen(["true"])
    began = start_time(child.pid)
    wait_for(lambda: Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
    assert not Process(child.pid, began).is_alive
    child.wait()
