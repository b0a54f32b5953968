"""Wake-up latency beside cyclictest: same core, same priority, same periods, in turns, idle and loaded.

    python -m tools.bench.latency [--rounds N] [--seconds S] [--core N] [--json FILE]

Each round runs every contender once for the same time, another one first each time. What counts is the median of the
ratios round by round: the machine drifts for everyone. All contenders' histograms have buckets of a microsecond;
percentiles are interpolated within one. A maximum on a shared machine says nothing, so it only stands beside
cyclictest's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PRIORITY = 80
PERIODS_US = (1000, 250)
BINS = 1000
GOALS = {"p50": 1.1, "p99": 1.3}
_LOAD = "import sys; b = bytearray(32 << 20); c = bytearray(len(b))\nwhile True: c[:] = b; b[0] ^= 1"


@dataclass(frozen=True, slots=True)
class Lateness:
    """One contender's wake-ups. counts[i]: i us late or more, and less than i + 1; the last: that late or later."""

    counts: tuple[int, ...]
    max_us: float
    overruns: int

    @property
    def cycles(self) -> int:
        return sum(self.counts)

    def percentile(self, share: float) -> float:
        """In us. All values of a bucket are taken as spread evenly over it."""
        wanted, seen = self.cycles * share / 100, 0
        for index, count in enumerate(self.counts):
            if count and seen + count >= wanted:
                return index + (wanted - seen) / count
            seen += count
        return float(len(self.counts))


Contender = Callable[[int, int, int], Lateness]
"""(core, period in us, cycles) -> what it saw."""


def cyclictest(core: int, period_us: int, cycles: int) -> Lateness:
    """rt-tests' own. An overrun is a wake-up that is a whole period late."""
    argv = ["cyclictest", "-q", "-m", "-t1", f"-a{core}", f"-p{PRIORITY}", f"-i{period_us}", f"-l{cycles}", f"-h{BINS}"]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    counts = [0] * (BINS + 1)
    for line in text.splitlines():
        match = re.fullmatch(r"(\d{6})\s+(\d+)", line.strip())
        if match:
            counts[min(int(match[1]), BINS)] += int(match[2])
    beyond = re.search(r"# Histogram Overflows:\s+(\d+)", text)
    counts[BINS] += int(beyond[1]) if beyond else 0
    highest = re.search(r"# Max Latencies:\s+(\d+)", text)
    return Lateness(tuple(counts), float(highest[1]) if highest else 0.0, sum(counts[min(period_us, BINS) :]))


def native_loop() -> Contender:
    """The loop of `control noise`: an absolute sleep and a histogram, nothing else."""
    from dinrail.plc.emit.noise import NoiseMeter

    meter = NoiseMeter()

    def run(core: int, period_us: int, cycles: int) -> Lateness:
        found = meter.cycle(core, period_ns=period_us * 1000, cycles=cycles, priority=PRIORITY)
        assert found.fifo, "no real-time priority: run it as root"
        counts = found.histogram.rebinned([edge * 1000 for edge in range(1, BINS + 1)])
        return Lateness(counts, found.most_ns / 1000, found.overruns)

    return run


def executive() -> Contender:
    """A whole control process with one task that does nothing: its own statistics, from the channel.

    Its main thread keeps to the other cores, as it does where the control has cores of its own.
    """

    def run(core: int, period_us: int, cycles: int) -> Lateness:
        with TemporaryDirectory(prefix="bench-", dir="/dev/shm") as name:
            image, channel = Path(name) / "empty.image", Path(name) / "channel"
            image.write_bytes(_empty_image(core, period_us))
            others = sorted(os.sched_getaffinity(0) - {core}) or [core]
            argv = ["taskset", "-c", ",".join(map(str, others)), sys.executable, "-m", "dinrail.control", str(image)]
            with (Path(name) / "log").open("wb") as log:
                process = subprocess.Popen([*argv, "--channel", str(channel)], stderr=log)
            try:
                return _watched(channel, process, period_us, cycles)
            finally:
                process.terminate()
                process.wait(20)

    return run


def _empty_image(core: int, period_us: int) -> bytes:
    from dinrail.control.settings import TaskSettings
    from dinrail.plc.core.options import Options
    from dinrail.plc.core.program import Function, FunctionKind, Program, TaskProgram
    from dinrail.plc.emit.build import build_image
    from dinrail.plc.source import place

    # Another place among everybody's timers each time, as cyclictest has: the grid of the control begins at whole ms.
    offset_ns = time.monotonic_ns() % (period_us * 1000)
    task = TaskSettings("Empty", period_us * 1000, priority=99 - PRIORITY, core=core, start_offset_ns=offset_ns)
    main = Function("MAIN", FunctionKind.PROGRAM, place(1, 1, 1))
    program = Program(functions=[main], entry={"MAIN": main}, tasks=[TaskProgram("Empty", [main])])
    return build_image(program, [task], Options(), name="empty")


def _watched(channel: Path, process: subprocess.Popen[bytes], period_us: int, cycles: int) -> Lateness:
    """What the task's own histogram gained over so many cycles."""
    from dinrail.control.channel.layout import Realtime
    from dinrail.control.channel.reader import Channel

    deadline = time.monotonic() + 20
    while not channel.exists():
        assert process.poll() is None, "the control did not come up"
        assert time.monotonic() < deadline, "the control did not come up in time"
        time.sleep(0.02)
    with Channel.open(channel) as reader:
        while reader.task_word(0, "cycle_count") < 2:
            time.sleep(0.005)
        assert reader.header.realtime & Realtime.PRIORITY, "no real-time priority: run it as root"
        before, overruns = reader.histogram(0), reader.task_word(0, "overruns")
        wanted = reader.task_word(0, "cycle_count") + cycles
        time.sleep(cycles * period_us / 1e6)
        while reader.task_word(0, "cycle_count") < wanted:
            time.sleep(0.005)
        after = reader.histogram(0)
        counts = [b - a for a, b in zip(before, after, strict=True)]
        highest_us = reader.task_word(0, "latency_max_ns") / 1000
        return Lateness((*counts[:BINS], sum(counts[BINS:])), highest_us, reader.task_word(0, "overruns") - overruns)


@contextmanager
def loaded(cores: Sequence[int]) -> Iterator[None]:
    """On each core a program that moves memory about, and one that reads directories anywhere."""
    argvs = [["taskset", "-c", str(core), sys.executable, "-c", _LOAD] for core in cores]
    argvs.append(["sh", "-c", "while :; do ls -lR /usr/lib /usr/share > /dev/null 2>&1; done"])
    programs = [subprocess.Popen(argv, start_new_session=True) for argv in argvs]
    try:
        yield
    finally:
        for program in programs:
            os.killpg(program.pid, 9)
            program.wait()


@contextmanager
def awake() -> Iterator[None]:
    """No deep sleep for anybody, as cyclictest and the control both ask for."""
    fd = os.open("/dev/cpu_dma_latency", os.O_WRONLY) if Path("/dev/cpu_dma_latency").exists() else -1
    try:
        if fd >= 0:
            os.write(fd, bytes(4))
        yield
    finally:
        if fd >= 0:
            os.close(fd)


def rounds_of(
    contenders: Mapping[str, Contender], *, rounds: int, seconds: float, core: int, period_us: int
) -> dict[str, list[Lateness]]:
    """Everyone once a round, after one round that does not count; who begins changes each time."""
    found: dict[str, list[Lateness]] = {name: [] for name in contenders}
    cycles = max(200, round(seconds * 1e6 / period_us))
    order = list(contenders)
    for number in range(rounds + 1):
        for name in order[number % len(order) :] + order[: number % len(order)]:
            measured = contenders[name](core, period_us, cycles)
            if number:
                found[name].append(measured)
    return found


def ratio(ours: Sequence[Lateness], theirs: Sequence[Lateness], share: float) -> float:
    return statistics.median(
        a.percentile(share) / b.percentile(share) for a, b in zip(ours, theirs, strict=True) if b.percentile(share)
    )


def print_part(title: str, found: Mapping[str, Sequence[Lateness]]) -> list[dict[str, object]]:
    """One table; the rows as values too."""
    base = found["cyclictest"]
    print(f"\n{title}")
    print(f"  {'us':<14}{'p50':>8}{'p99':>8}{'p99.9':>9}{'max':>10}{'overruns':>10}{'p50 ratio':>11}{'p99 ratio':>11}")
    rows: list[dict[str, object]] = []
    for name, runs in found.items():
        middle = {share: statistics.median(run.percentile(share) for run in runs) for share in (50.0, 99.0, 99.9)}
        row: dict[str, object] = {
            "part": title,
            "contender": name,
            "cycles": sum(run.cycles for run in runs),
            "p50": middle[50.0],
            "p99": middle[99.0],
            "p99.9": middle[99.9],
            "max": max(run.max_us for run in runs),
            "overruns": sum(run.overruns for run in runs),
            "ratio_p50": ratio(runs, base, 50.0),
            "ratio_p99": ratio(runs, base, 99.0),
        }
        rows.append(row)
        print(
            f"  {name:<14}{middle[50.0]:>8.1f}{middle[99.0]:>8.1f}{middle[99.9]:>9.1f}{row['max']:>10.0f}"
            f"{row['overruns']:>10}{row['ratio_p50']:>11.2f}{row['ratio_p99']:>11.2f}"
        )
    return rows


def latency(rounds: int, *, seconds: float = 1.0, core: int | None = None, json_file: Path | None = None) -> None:
    """All parts. Skipped with its reason where cyclictest or the rights are missing."""
    if not shutil.which("cyclictest"):
        print("\nLatency: skipped, cyclictest (rt-tests) is not installed")
        return
    cores = sorted(os.sched_getaffinity(0))
    chosen = cores[-1] if core is None else core
    contenders: dict[str, Contender] = {"cyclictest": cyclictest, "executive": executive(), "bare loop": native_loop()}
    rows: list[dict[str, object]] = []
    goals = ", ".join(f"{name} within {goal}" for name, goal in GOALS.items())
    print(f"\nWake-up latency on core {chosen}, SCHED_FIFO {PRIORITY}, {rounds} rounds of {seconds:g} s; goal: {goals}")
    with awake():
        for period_us in PERIODS_US:
            for load in (False, True):
                title = f"{period_us} us, {'loaded' if load else 'idle'}"
                with loaded(cores if load else ()) if load else awake():
                    found = rounds_of(contenders, rounds=rounds, seconds=seconds, core=chosen, period_us=period_us)
                rows += print_part(title, found)
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--core", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE")
    words = parser.parse_args()
    latency(words.rounds, seconds=words.seconds, core=words.core, json_file=words.json)


if __name__ == "__main__":
    main()
