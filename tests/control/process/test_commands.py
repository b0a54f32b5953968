"""`dinrail control run|status|faults|start|stop|reset` against a control that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from sysconfig import get_path

import control_app as app
import pytest
from control_process import control, wait_for

from dinrail.cli.control_run import bars
from dinrail.control.channel.layout import HISTOGRAM_BINS, Space, State
from dinrail.control.channel.reader import Channel
from dinrail.control.channel.writer import Writer
from dinrail.control.options import ControlOptions
from dinrail.daemon.launch import router_group

DINRAIL = str(Path(get_path("scripts")) / "dinrail")


def dinrail(*words: object) -> subprocess.CompletedProcess[str]:
    argv = [DINRAIL, "control", *(str(word) for word in words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.control
def test_the_commands_tell_and_do(tmp_path: Path) -> None:
    """Status, faults and states by command: tables for people, JSON for programs, the documented exit codes."""
    options = ControlOptions(app.write_app(tmp_path / "a.image", (app.FAST, app.SLOW)), tmp_path / "channel")
    at = ("--channel", options.channel)
    with control(options) as running:
        running.more_cycles(50)
        facts = json.loads(dinrail("status", *at, "--json").stdout)
        assert (facts["state"], facts["pid"]) == ("run", running.process.pid)
        assert [(task["name"], task["cycle_ns"]) for task in facts["tasks"]] == [("Fast", 10**6), ("Slow", 5 * 10**6)]
        assert facts["tasks"][0]["cycles"] >= 50
        shown = dinrail("status", *at, "--histogram").stdout
        assert "Fast begins late by" in shown
        assert dinrail("faults", *at).stdout == "no task has faulted\n"
        with Writer.open(options.channel) as writer:
            writer.write(0, Space.DATA, app.MODE, app.DIVIDE.to_bytes(4, "little"))
            wait_for(lambda: running.channel.state == State.EXCEPTION)
        told = dinrail("faults", *at)
        assert told.returncode == 1
        assert "Fast: divide: an integer was divided by zero" in told.stdout
        assert "at MAIN0 line 40 (app.st:40)" in told.stdout
        refused = dinrail("start", *at)
        assert refused.returncode == 1
        assert "dinrail control reset" in refused.stderr
        assert dinrail("reset", *at).stdout == "STOP\n"
        assert json.loads(dinrail("start", *at, "--json").stdout) == {"request": "start", "state": "run"}
        assert dinrail("faults", *at).returncode == 0
        assert dinrail("stop", "--config", *at).stdout == "CONFIG\n"
        running.kill()
        gone = dinrail("status", *at)
        assert gone.returncode == 3
        assert "has ended" in gone.stderr


@pytest.mark.control
def test_run_stays_in_the_foreground_and_ends_with_it(tmp_path: Path) -> None:
    """`control run` runs until SIGTERM, takes no second control, and leaves no channel."""
    image, channel = app.write_app(tmp_path / "a.image"), tmp_path / "channel"
    argv = [DINRAIL, "control", "run", str(image), "--channel", str(channel), "--retain", str(tmp_path / "retain")]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        wait_for(channel.exists)
        with Channel.open(channel) as opened:
            wait_for(lambda: opened.task_word(0, "run_count") > 10)
        second = dinrail("run", image, "--channel", channel)
        assert second.returncode == 1
        assert "runs there already" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not channel.exists()
    assert (tmp_path / "retain").exists()


@pytest.mark.control
def test_the_router_s_user_may_map_what_root_runs(tmp_path: Path) -> None:
    """A further control, which the router serves as another user than root, is open to its group and to nobody else."""
    image, channel = app.write_app(tmp_path / "a.image"), tmp_path / "channel"
    argv = [DINRAIL, "control", "run", str(image), "--channel", str(channel), "--port", "852"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(channel.exists)
            facts = channel.stat()
            with Channel.open(channel) as opened:
                assert opened.header.ads_port == 852
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    wanted = router_group()
    assert facts.st_gid == (os.getegid() if wanted is None else wanted)
    assert facts.st_mode & 0o007 == 0


def test_every_cycle_is_in_one_bar() -> None:
    """A histogram drawn has all counts, in the bin where they belong."""
    counts = [0] * (HISTOGRAM_BINS + 1)
    counts[0], counts[1], counts[14], counts[800], counts[-1] = 5, 6, 7, 8, 9
    rows = [line.split()[:4] for line in bars(tuple(counts))]
    told = {tuple(row[:2]): int(row[3]) for row in rows if int(row[3])}
    assert told == {("<", "1"): 5, ("<", "2"): 6, ("<", "15"): 7, ("<", "1024"): 8, (">=", "1024"): 9}
    assert bars((0,) * (HISTOGRAM_BINS + 1)) == []
