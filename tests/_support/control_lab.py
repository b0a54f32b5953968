"""A control process in the virtual PC, and what goes on beside it. Runs there, as root.

    python control_lab.py IMAGE TROUBLE SECONDS [--cgroup DIR] [--core N]

Starts the control with one task, waits until it cycles, makes trouble for so long, and prints one JSON line: the cycles
that should have come, those that came, those that were missed, and whether the trouble was there (`proof`).

    none      nothing
    cpu       on every CPU that can be had, programs at a higher real-time priority than the task's
    memory    programs that take all memory but a little, and touch it again and again
    disk      the file systems that the control writes to are full
    clock     the wall clock is put forward by a year, back by a month, and so on
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from dinrail.control.channel.reader import Channel

MARGIN_BYTES = 192 << 20
"""What the memory hogs leave to the rest of the virtual PC."""
_HOG_PRIORITY = 90
_BURN_S = 10.0
_PAGE_BYTES = 4096
_RUN = Path("/run/control-lab")


def forked(act: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


@contextlib.contextmanager
def children(acts: list[Callable[[], None]]) -> Iterator[None]:
    """Processes that do this until the block ends."""
    pids = [forked(act) for act in acts]
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _burn(core: int) -> None:
    """Compute on this CPU, above the control, where that can be had; else on another. It ends by itself: whoever should
    end it may not get to run meanwhile, and then measures for as long."""
    end_s = time.monotonic() + _BURN_S
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_HOG_PRIORITY))
    while time.monotonic() < end_s:
        pass


def _touch(size_bytes: int) -> None:
    taken = bytearray(size_bytes)
    while True:
        for at in range(0, size_bytes, _PAGE_BYTES):
            taken[at] ^= 1


@contextlib.contextmanager
def cpu(proof: dict[str, object]) -> Iterator[None]:
    count = os.cpu_count() or 1
    with children([lambda core=core: _burn(core) for core in range(count)]):  # type: ignore[misc]  # bound at once
        proof["programs"] = count
        yield


@contextlib.contextmanager
def memory(proof: dict[str, object]) -> Iterator[None]:
    free = available_bytes()
    share = max(0, free - MARGIN_BYTES) // 2
    with children([lambda: _touch(share), lambda: _touch(share)]):
        deadline = time.monotonic() + 60
        while available_bytes() > 2 * MARGIN_BYTES and time.monotonic() < deadline:
            time.sleep(0.05)
        proof["left_bytes"] = available_bytes()
        yield


def available_bytes() -> int:
    match = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(match[1]) * 1024 if match else 0


@contextlib.contextmanager
def disk(proof: dict[str, object]) -> Iterator[None]:
    """Its log, its retained values and its channel lie on one small file system: not a byte is left there."""
    filler = _RUN / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(64 << 10))
            except OSError:
                break
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x")
    try:
        (_RUN / "one more").write_bytes(b"x")
    except OSError as fault:
        proof["refused"] = os.strerror(fault.errno or 0)
    yield
    filler.unlink()


@contextlib.contextmanager
def clock(proof: dict[str, object]) -> Iterator[None]:
    began_s, true_s = time.time(), time.monotonic()
    steps = [365 * 86400, -30 * 86400, 3600, -7200]

    def step() -> None:
        while True:
            for seconds in steps:
                time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
                time.sleep(0.1)

    with children([step]):
        time.sleep(0.3)
        proof["stepped_s"] = round(abs(time.time() - began_s))
        yield
    time.clock_settime(time.CLOCK_REALTIME, began_s + time.monotonic() - true_s)


@contextlib.contextmanager
def none(_: dict[str, object]) -> Iterator[None]:
    yield


TROUBLE: dict[str, Callable[[dict[str, object]], AbstractContextManager[None]]] = {
    "none": none,
    "cpu": cpu,
    "memory": memory,
    "disk": disk,
    "clock": clock,
}


@contextlib.contextmanager
def control(image: Path, core: int, cgroup: Path | None) -> Iterator[Channel]:
    """One control whose files lie on a file system of their own, of a few megabytes."""
    _RUN.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(_RUN)], check=True)
    channel, log = _RUN / "channel", _RUN / "log"
    words = ["--channel", str(channel), "--retain", str(_RUN / "retain"), "--retain-every", "0.2", "--cores", str(core)]
    words += ["--cgroup", str(cgroup)] if cgroup else []
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "dinrail.control", str(image), *words], stderr=out)
    try:
        while not channel.exists():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        with Channel.open(channel) as reader:
            while reader.task_word(0, "cycle_count") < 10:
                time.sleep(0.02)
            yield reader
        assert process.poll() is None, log.read_text()
    finally:
        process.kill()
        process.wait()
        subprocess.run(["umount", str(_RUN)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("image", type=Path)
    parser.add_argument("trouble", choices=TROUBLE)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--cgroup", type=Path)
    parser.add_argument("--core", type=int, default=2)
    words = parser.parse_args()
    proof: dict[str, object] = {}
    with control(words.image, words.core, words.cgroup) as channel, TROUBLE[words.trouble](proof):
        record = channel.statistics(0)
        cycles, runs, missed = record.cycle_count, record.run_count, record.missed_cycles
        began_ns = time.monotonic_ns()
        time.sleep(words.seconds)
        took_ns = time.monotonic_ns() - began_ns
        record = channel.statistics(0)
        answer = {
            "expected": took_ns // record.cycle_ns,
            "cycles": record.cycle_count - cycles,
            "runs": record.run_count - runs,
            "missed": record.missed_cycles - missed,
            "realtime": int(channel.header.realtime),
            "state": int(channel.state),
            "proof": proof,
        }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
