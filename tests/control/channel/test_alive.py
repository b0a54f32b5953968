"""Whether a control's process is there: nobody is taken for dead by mistake, and a dead one is known at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bridge_bench import demo_image
from control_channel import PlayedControl

from dinrail.control.channel.alive import FRESH_NS, has_ended, start_time
from dinrail.control.channel.layout import ChannelHeader

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")


def header(directory: Path, pid: int, start: int, age_ns: int) -> ChannelHeader:
    """Of a control with that name, whose heart beat that long ago."""
    control = PlayedControl(directory, demo_image(), pid=pid)
    control.poke("control_start", start)
    control.poke("heartbeat_ns", time.monotonic_ns() - age_ns)
    return control.memory.record(ChannelHeader, 0)


def test_a_living_process_has_not_ended(tmp_path: Path) -> None:
    """However long its heart has been silent: it may be stopped."""
    own = header(tmp_path, os.getpid(), start_time(os.getpid()), 10 * FRESH_NS)
    assert not has_ended(own, time.monotonic_ns())


def test_a_process_that_is_gone_has_ended(tmp_path: Path) -> None:
    """And so has one whose number another process has by now."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = start_time(child.pid)
        child.communicate(b"\n", timeout=20)
    assert has_ended(header(tmp_path, child.pid, start, 10 * FRESH_NS), time.monotonic_ns())
    assert has_ended(header(tmp_path, os.getpid(), start_time(os.getpid()) + 1, 10 * FRESH_NS), time.monotonic_ns())


def test_a_fresh_heartbeat_counts_more_than_proc(tmp_path: Path) -> None:
    """The control may have another numbering of processes (a container), and then its pid says nothing."""
    assert not has_ended(header(tmp_path, 4_000_000, 1, 0), time.monotonic_ns())
    assert not has_ended(header(tmp_path, 4_000_000, 0, 10 * FRESH_NS), time.monotonic_ns())
