"""The supervisor with a real socket and real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from build_guest import exit_of, pid_of, rehearsed_site, run_keeper, wait_for
from build_host import AMD_DGPU

from dinrail.daemon.client import ask, kill_guest
from dinrail.daemon.protocol import MAX_LINE_BYTES, Op, Request, parse_answer
from dinrail.daemon.supervisor import Supervisor
from dinrail.errors import BadRequest, Refused
from dinrail.guest.keeper import start_time
from dinrail.guest.lifecycle import State
from dinrail.guest.rundir import Process, observe
from dinrail.guest.site import Site
from dinrail.host.paths import Paths


@contextmanager
def supervised(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A supervisor in a thread of ours (which cannot have signal handlers)."""
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", lambda *_: None)
    site.paths.run.mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(target=lambda: asyncio.run(Supervisor(site).run()))
    thread.start()
    try:
        wait_for(lambda: site.paths.socket.exists() and ask(site.paths, Request(Op.STATUS)))
        yield site
    finally:
        ask(site.paths, Request(Op.DOWN))
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with supervised(rehearsed_site(AMD_DGPU, tmp_path), monkeypatch) as site:
        yield site


def say(site: Site, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(site.paths.socket))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read(1 << 20)


def test_only_its_owner_can_ask(site: Site) -> None:
    """The socket's mode is 0600."""
    assert stat.S_IMODE(site.paths.socket.stat().st_mode) == 0o600


@pytest.mark.parametrize("data", [b"", b"\xff\n", b"{}\n", b"x" * (MAX_LINE_BYTES * 2) + b"\n", b'{"op": "status"'])
def test_garbage_gets_one_answer_and_the_supervisor_goes_on(site: Site, data: bytes) -> None:
    """Empty, no UTF-8, no request, too long, cut off."""
    with pytest.raises(BadRequest):
        parse_answer(say(site, data))
    assert ask(site.paths, Request(Op.STATUS)) is not None


def test_one_connection_is_one_request(site: Site) -> None:
    """What follows the first line is not read."""
    answer = say(site, b'{"op": "status"}\n{"op": "down"}\n')
    assert answer.count(b"\n") == 1
    assert ask(site.paths, Request(Op.STATUS)) is not None


def test_a_guest_s_fault_reaches_the_one_who_asked(site: Site) -> None:
    """The same refusal as without a supervisor."""
    with pytest.raises(Refused, match="the guest is defined"):
        kill_guest("hmi", site)


def test_running_guests_are_found_again_and_dead_ones_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that was there before the supervisor is in its status; when it dies, it is settled and its exit kept."""
    site = rehearsed_site(AMD_DGPU, tmp_path)
    run = site.run_dir("hmi")
    run_keeper(run.path, ["sleep", "60"])
    pid = pid_of(run.path)
    run.say(State.RUNNING)
    with supervised(site, monkeypatch):
        answer = ask(site.paths, Request(Op.STATUS))
        assert answer is not None
        assert [(g["name"], g["state"], g["pid"]) for g in answer["guests"]] == [("hmi", "running", pid)]
        os.kill(pid, signal.SIGKILL)
        exit_of(run.path)
        wait_for(lambda: observe(run).state is State.DEFINED)
        assert str(observe(run).exit) == "killed by signal 9"


def test_a_guest_is_killed_through_the_supervisor(site: Site) -> None:
    """The command only asks; the answer is the guest as it is then."""
    run = site.run_dir("hmi")
    run_keeper(run.path, ["sleep", "60"])
    pid_of(run.path)
    run.say(State.RUNNING)
    answer = kill_guest("hmi", site)
    assert (answer["state"], answer["exit"]["signal"]) == ("defined", 9)


def test_nobody_there_is_no_fault(tmp_path: Path) -> None:
    """Without a supervisor the command does it itself: no socket, or one that a killed supervisor left."""
    paths = Paths(tmp_path, tmp_path)
    assert ask(paths, Request(Op.STATUS)) is None
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(paths.socket))
    assert ask(paths, Request(Op.STATUS)) is None


def dinrail(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    places = {"DINRAIL_STATE": str(tmp_path / "state"), "DINRAIL_RUN": str(tmp_path / "run")}
    command = (sys.executable, "-m", "dinrail", *words)
    return subprocess.run(command, env=os.environ | places, capture_output=True, text=True, timeout=60, check=False)


def test_up_status_down_and_a_guest_that_outlives_it_all(tmp_path: Path) -> None:
    """The supervisor outlives the command that brought it up; its own end, even by -9, is no guest's end."""
    run = tmp_path / "run/guests/hmi"
    run_keeper(run, ["sleep", "60"])
    pid = pid_of(run)
    first = dinrail(tmp_path, "up", "--no-router")
    assert first.returncode == 0, first.stderr
    supervisor = int(first.stdout.rsplit(maxsplit=1)[1])
    assert "up already" in dinrail(tmp_path, "up", "--no-router").stdout
    assert dinrail(tmp_path, "up", "--foreground").returncode == 1
    process = Process(supervisor, start_time(supervisor))
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not process.is_alive)
    assert "supervisor down" in dinrail(tmp_path, "status").stdout
    assert "supervisor up" in dinrail(tmp_path, "up", "--no-router").stdout
    assert str(pid) in dinrail(tmp_path, "status").stdout
    assert "guests run on" in dinrail(tmp_path, "down").stdout
    assert "was not up" in dinrail(tmp_path, "down").stdout
    assert Process(pid, start_time(pid)).is_alive
    os.kill(pid, signal.SIGKILL)
    assert exit_of(run)["signal"] == 9
