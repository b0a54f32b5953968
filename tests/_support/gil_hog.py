"""Cycles of 1 ms beside a Python thread that computes: once with Python in the loop, once native.

    python gil_hog.py CYCLES        prints {"python": missed, "native": missed, "alone": missed}

`alone` is the Python loop without the other thread. The loops are the same: an absolute sleep, lateness, cycles that
passed are skipped. All run at a real-time priority on one core, the computing thread without one on any.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from dinrail.plc.emit.noise import PRIORITY, NoiseMeter

PERIOD_NS = 1_000_000
CORE = max(os.sched_getaffinity(0))


def python_cycle(cycles: int) -> int:
    """How many cycles a Python thread misses."""
    missed: list[int] = [0]

    def loop() -> None:
        os.sched_setaffinity(0, {CORE})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        due = time.monotonic_ns() + PERIOD_NS
        for _ in range(cycles):
            time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            passed = max(0, time.monotonic_ns() - due) // PERIOD_NS
            missed[0] += passed
            due += (passed + 1) * PERIOD_NS

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    return missed[0]


def main(cycles: int) -> None:
    meter = NoiseMeter()
    enough = threading.Event()

    def hog() -> None:
        number = 0
        while not enough.is_set():
            for _ in range(100_000):
                number = number * 31 + 7 & 0xFFFF

    found = {"alone": python_cycle(cycles)}
    thread = threading.Thread(target=hog)
    thread.start()
    try:
        found["python"] = python_cycle(cycles)
        found["native"] = meter.cycle(CORE, period_ns=PERIOD_NS, cycles=cycles).missed
    finally:
        enough.set()
        thread.join()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
