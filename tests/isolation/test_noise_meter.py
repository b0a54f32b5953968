"""The noise meter sees what is really there: a program of higher priority on the same core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dinrail.host.rights import probe_rights
from dinrail.plc.emit.noise import NoiseMeter
from dinrail.units import MS_NS

pytestmark = [
    pytest.mark.control,
    pytest.mark.skipif(not probe_rights()["fifo"], reason="this user may not run real-time threads"),
]
CORE = max(os.sched_getaffinity(0))
METER_PRIORITY, BURST_PRIORITY, BURST_NS = 50, 60, 30 * MS_NS
_BURST = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(int(sys.argv[2])))
sys.stdout.write("r")
sys.stdout.flush()
sys.stdin.buffer.read(1)
end = time.monotonic_ns() + int(sys.argv[3])
while time.monotonic_ns() < end:
    pass
"""


@pytest.fixture(scope="module")
def meter() -> NoiseMeter:
    return NoiseMeter()


@contextmanager
def one_burst(after_s: float) -> Iterator[None]:
    """A program that computes on the meter's core for BURST_NS, above it, so long after the block began."""
    argv = [sys.executable, "-c", _BURST, str(CORE), str(BURST_PRIORITY), str(BURST_NS)]
    program = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stdout.read(1) == b"r"
    timer = threading.Timer(after_s, program.stdin.close)
    timer.start()
    try:
        yield
    finally:
        timer.join()
        program.stdout.close()
        program.wait(10)


def test_a_burst_is_one_gap_of_its_length(meter: NoiseMeter) -> None:
    """A thread that never sleeps does not run while the burst does: one gap is as long as what it could see of it."""
    with one_burst(0.1):
        found = meter.spin(CORE, duration_ns=400 * MS_NS, priority=METER_PRIORITY)
    assert found.fifo
    assert found.longest_ns >= BURST_NS * 0.3  # the meter may have rested for some of it, 20 ms at most
    assert max(gap.length_ns for gap in found.gaps) == found.longest_ns
    assert found.spun_ns >= 300 * MS_NS


def test_a_burst_costs_the_cycles_that_it_covers(meter: NoiseMeter) -> None:
    """A cyclic thread wakes up late by the burst, skips the cycles that passed, and keeps its phase."""
    with one_burst(0.1):
        found = meter.cycle(CORE, period_ns=MS_NS, cycles=400, priority=METER_PRIORITY)
    assert found.most_ns >= BURST_NS * 0.9
    assert found.missed >= BURST_NS / MS_NS * 0.9
    assert 1 <= found.overruns < found.missed
    assert (found.cycles, found.histogram.total) == (400, 400)


def test_the_command_tells_both_and_why() -> None:
    """Gaps, lateness with its histogram, and what the kernel counted meanwhile; as JSON and for people."""
    argv = [sys.executable, "-m", "dinrail", "control", "noise", "--core", str(CORE), "--seconds", "0.6"]
    found = json.loads(subprocess.run([*argv, "--json"], check=True, capture_output=True, text=True).stdout)
    latency = found["latency"]
    assert latency["cycles"] == 300
    assert sum(latency["histogram"]["from_ns"].values()) + latency["histogram"]["beyond"] == 300
    assert found["gaps"]["turns"] > 1000
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert "a thread that never sleeps" in told
    assert "300 cycles; late by us: min" in told
    assert "#" in told


def test_a_core_that_is_not_there_is_told() -> None:
    """One clear error, and no measurement."""
    argv = [sys.executable, "-m", "dinrail", "control", "noise", "--core", "999"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 3
    assert "core 999" in done.stderr
