"""How many of a fast task's cycles the subscribers of an ADS client see, on an idle machine and on a loaded one.

A control of its own whose variables all hold the cycle's number; a router; one client that subscribes to some of them,
cyclic, each cycle, and counts which numbers come. A cycle counts as seen when every variable's sample of it has come.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dinrail.ams.frame import build_frame
from tools.bench.channel import ADDRESS, ME, PLC, PORT, LinkLost, control, exactly, place_of, router

WORDS = 1000
_ADD, _NOTIFY, _CYCLIC = 6, 8, 3
_HOG = "while True: pass"
SETTLE_S = 1.0


def cycles_seen(seconds: float, variables: int, cycle_ns: int, hogs: int) -> dict[str, float]:
    """share: of the cycles between the first and the last that came."""
    with TemporaryDirectory() as name, control(Path(name), WORDS, cycle_ns) as channel, router(Path(name)):
        with socket.create_connection((ADDRESS, PORT)) as link, _hogging(hogs):
            group, offset = place_of(link, b"MAIN.aCount")
            link.sendall(b"".join(_wish(group, offset + 4 * number, number) for number in range(variables)))
            try:
                seen = _collect(link, seconds)
            except LinkLost:  # a client that does not take what comes is let go of
                seen = Counter()
        channel.close()
    whole = sorted(number for number, count in seen.items() if count == variables)
    span = whole[-1] - whole[0] + 1 if whole else 0
    return {
        "variables": variables,
        "cycle_us": cycle_ns / 1000,
        "hogs": hogs,
        "cycles": span,
        "share": len(whole) / span if span else 0.0,
        "samples_per_second": sum(seen.values()) / seconds,
    }


def _wish(group: int, offset: int, number: int) -> bytes:
    payload = struct.pack("<IIIIII16x", group, offset, 4, _CYCLIC, 0, 0)
    return build_frame(PLC, ME, _ADD, 4, number + 1, payload)


def _collect(link: socket.socket, seconds: float) -> Counter[int]:
    """How many samples came with each number, after the first second."""
    seen: Counter[int] = Counter()
    begin = time.perf_counter() + SETTLE_S
    while time.perf_counter() < begin + seconds:
        head = exactly(link, 6)
        body = exactly(link, struct.unpack_from("<I", head, 2)[0])
        if struct.unpack_from("<H", body, 16)[0] == _NOTIFY and time.perf_counter() >= begin:
            seen.update(_numbers(body[32:]))
    return seen


def _numbers(payload: bytes) -> Iterator[int]:
    (stamps,) = struct.unpack_from("<I", payload, 4)
    at = 8
    for _ in range(stamps):
        (samples,) = struct.unpack_from("<I", payload, at + 8)
        at += 12
        for _ in range(samples):
            (size,) = struct.unpack_from("<I", payload, at + 4)
            yield int.from_bytes(payload[at + 8 : at + 8 + size], "little")
            at += 8 + size


@contextmanager
def _hogging(count: int) -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", _HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def report(seconds: float) -> list[dict[str, float]]:
    """Everything, printed as it comes."""
    print("\nCycles that a client's subscriptions see (each cycle, cyclic)")
    rows = []
    for cycle_ns in (1_000_000, 250_000):
        for variables in (10, 100, 500):
            for hogs in (0, os.cpu_count() or 1):
                row = cycles_seen(seconds, variables, cycle_ns, hogs)
                rows.append(row)
                rate = row["samples_per_second"]
                told = f"{row['share']:7.2%} of {row['cycles']:.0f} cycles, {rate:.0f} samples a second"
                what = f"{row['cycle_us']:5.0f} us, {variables:4} variables, {hogs} busy loops"
                print(f"  {what}: {told if row['cycles'] else 'the client was too slow and lost its link'}")
    return rows
