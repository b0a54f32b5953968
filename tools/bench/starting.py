"""The control process: from its start to its first cycle, and what it locks in memory."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dinrail.control.channel.reader import Channel
from dinrail.control.options import ControlOptions

CORPUS = Path(__file__).resolve().parent.parent.parent / "tests" / "corpus" / "packline"
_UP_S = 20.0


def report(rounds: int) -> None:
    """Print both, medians, of the packaging line's image."""
    with tempfile.TemporaryDirectory(prefix="dinrail-bench-") as name:
        image = Path(name) / "packline.image"
        argv = [sys.executable, "-m", "dinrail", "plc", "build", str(CORPUS), "-o", str(image)]
        subprocess.run(argv, check=True, capture_output=True)
        found = [_once(image, Path(name) / f"channel{number}") for number in range(rounds)]
    first, locked = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"\nControl process, the packaging line ({image.name}), medians of {rounds}")
    print(f"  start to first cycle {first * 1e3:8.0f} ms")
    print(f"  locked memory        {locked / 1024:8.1f} MB")


def _once(image: Path, channel: Path) -> tuple[float, float]:
    """Seconds to the first cycle, and kB locked."""
    options = ControlOptions(image=image, channel=channel)
    begun_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    process = subprocess.Popen(
        [sys.executable, "-m", "dinrail.control", *options.argv(None)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _UP_S
        while not channel.exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.001)
        with Channel.open(channel) as opened:
            while not (first_ns := opened.statistics(0).first_cycle_ns):
                assert time.monotonic() < deadline
                time.sleep(0.001)
        status = Path(f"/proc/{process.pid}/status").read_text()
        locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck"))
        return (first_ns - begun_ns) / 1e9, locked
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait()
