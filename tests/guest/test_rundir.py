"""The run directory: what becomes of a guest, read from files that may hold anything."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from build_guest import pid_of, run_keeper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dinrail.errors import DinrailError, HostError
from dinrail.guest.keeper import start_time
from dinrail.guest.lifecycle import State
from dinrail.guest.rundir import RunDir, busy, observe, observe_all

GONE = {"pid": 1, "start_time": 1, "keeper_pid": 1, "keeper_start_time": 1, "started_ns": 5}


def written(directory: Path, **files: object) -> RunDir:
    directory.mkdir(exist_ok=True)
    for name, value in files.items():
        (directory / f"{name}.json").write_text(json.dumps(value))
    return RunDir(directory)


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({}, State.DEFINED),
        ({"phase": {"phase": "claiming"}}, State.CRASHED),
        ({"phase": {"phase": "running"}, "pid": GONE}, State.CRASHED),
        ({"phase": {"phase": "stopping"}, "pid": GONE}, State.STOPPED),
        ({"phase": {"phase": "running"}, "pid": GONE, "exit": {"status": 0}}, State.STOPPED),
        ({"phase": {"phase": "running"}, "pid": GONE, "exit": {"status": 1}}, State.CRASHED),
        ({"phase": {"phase": "stopping"}, "pid": GONE, "exit": {"signal": 9}}, State.STOPPED),
        ({"phase": {"phase": "defined"}, "pid": GONE, "exit": {"status": 1}}, State.DEFINED),
    ],
)
def test_the_state_follows_from_the_files(tmp_path: Path, files: dict[str, object], state: State) -> None:
    """Whoever wrote them, in whatever order they were killed."""
    assert observe(written(tmp_path / "g", **files)).state is state


def test_a_start_under_way_is_told_from_one_that_was_killed(tmp_path: Path) -> None:
    """The lock tells: while it is held somebody is at it."""
    run = written(tmp_path / "g", phase={"phase": "claiming"})
    lock = run.lock()
    assert lock is not None
    assert observe(run).state is State.CLAIMING
    assert run.lock() is None
    assert "claiming" in busy(observe(run)).what
    lock.close()
    assert observe(run).state is State.CRASHED


def test_a_guest_whose_starter_is_gone_runs(tmp_path: Path) -> None:
    """A starter that was killed before it could say `running` does not leave a guest that starts for ever."""
    run = RunDir(tmp_path / "g")
    run_keeper(run.path, ["sleep", "60"])
    pid = pid_of(run.path)
    run.say(State.STARTING)
    assert observe(run).state is State.STARTING
    run.write("phase.json", {"phase": "starting", "pid": 1, "start_time": start_time(1) + 1})
    assert observe(run).state is State.RUNNING
    os.kill(pid, 9)


def test_exits_survive_giving_back(tmp_path: Path) -> None:
    """A guest that was settled still tells how it ended."""
    run = written(tmp_path / "g", pid=GONE, exit={"status": None, "signal": 11, "ended_ns": 7})
    run.say(State.DEFINED)
    observed = observe(run)
    assert observed.state is State.DEFINED
    assert str(observed.exit) == "killed by signal 11"
    assert observed.as_dict()["exit"] == {"status": None, "signal": 11, "ended_ns": 7}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["phase", "pid", "exit", "plan"]), st.binary(max_size=60))
def test_any_bytes_in_a_file_give_a_state_or_a_declared_error(tmp_path: Path, name: str, data: bytes) -> None:
    """A damaged file is told by its path, never by a traceback."""
    directory = tmp_path / "g"
    run = written(directory, phase={"phase": "running"}, pid=GONE)
    (directory / f"{name}.json").write_bytes(data)
    try:
        observe(run)
    except DinrailError as fault:
        told = str(fault)
    else:
        told = name
    assert name in told
    (directory / f"{name}.json").unlink()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        ["phase.phase", "phase.pid", "pid.pid", "pid.start_time", "exit.status", "exit.signal", "plan.devices"]
    ),
    _JSON,
)
def test_any_value_in_a_field_gives_a_state_or_a_declared_error(tmp_path: Path, place: str, value: object) -> None:
    """Wrong types, huge numbers and foreign words never end in a traceback."""
    name, field = place.split(".")
    run = written(tmp_path / "g", phase={"phase": "running"}, pid=GONE)
    written(tmp_path / "g", **{name: {**(GONE if name == "pid" else {}), field: value}})
    with contextlib.suppress(DinrailError):
        observe(run)
    (tmp_path / "g" / f"{name}.json").unlink()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Somebody else's file behind a link is refused."""
    run = written(tmp_path / "g")
    (tmp_path / "other").write_text('{"phase": "running"}')
    (tmp_path / "g" / "phase.json").symlink_to(tmp_path / "other")
    with pytest.raises(HostError, match="ELOOP"):
        observe(run)


def test_all_guests_are_listed_by_name(tmp_path: Path) -> None:
    """Directories only; none at all is no error."""
    assert observe_all(tmp_path / "none") == ()
    for name in ("b", "a"):
        written(tmp_path / name)
    (tmp_path / "file").write_text("")
    assert [guest.name for guest in observe_all(tmp_path)] == ["a", "b"]


def test_clearing_keeps_the_lock(tmp_path: Path) -> None:
    """A lock file that is replaced would be two locks."""
    run = written(tmp_path / "g", pid=GONE)
    lock = run.lock()
    assert lock is not None
    inode = run.file("lock").stat().st_ino
    run.clear()
    assert [entry.name for entry in run.path.iterdir()] == ["lock"]
    assert run.file("lock").stat().st_ino == inode
    lock.close()
