"""What reading and writing from outside costs, and what a task feels of it.

    python -m tools.bench.channel [--seconds S] [--json FILE]

A control of its own with one task of 1 ms: publications of 512 bytes and of 64 KiB are copied by another process as
fast as it can, each checked to be of one cycle (every word of it is the cycle's number); then a router in front of it
takes sum writes of 5000 items, and the task's execution times are compared with those before.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dinrail.ads.settings import AdsSettings, Door, Listen
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import build_frame
from dinrail.control.channel.reader import Channel, ChannelBusy
from dinrail.control.settings import TaskSettings
from dinrail.errors import DinrailError
from dinrail.plc.build import check, emitted
from dinrail.plc.project.load import load_project

NET_ID = NetId.parse("5.77.66.56.1.1")
PLC, ME = AmsAddr.of(NET_ID, 851), AmsAddr.of(NetId.parse("10.20.30.41.1.1"), 30000)
ADDRESS, PORT = "127.0.66.1", 48898
ITEMS = 5000
CYCLE_NS = 1_000_000
PROJECT = """PROGRAM MAIN
VAR n : UDINT; aCount : ARRAY [0..{last}] OF UDINT; aSet : ARRAY [0..999] OF UDINT; i : DINT; END_VAR
n := n + 1;
FOR i := 0 TO {last} DO aCount[i] := n; END_FOR
END_PROGRAM
"""


class LinkLost(RuntimeError):
    """The router is gone, or has had enough of us."""


@contextmanager
def control(directory: Path, words: int, cycle_ns: int = CYCLE_NS) -> Iterator[Channel]:
    """A control whose task fills so many words with its cycle's number; its channel."""
    project = directory / "plc"
    project.mkdir()
    (project / "MAIN.st").write_text(PROJECT.format(last=words - 1))
    loaded = load_project([project])
    loaded.tasks = (TaskSettings(cycle_ns=cycle_ns),)
    image, channel = directory / "bench.image", directory / "channel"
    image.write_bytes(emitted(check(loaded)))
    argv = [sys.executable, "-m", "dinrail.control", str(image), "--channel", str(channel)]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            yield _opened(channel)
        finally:
            process.terminate()
            process.wait(20)


def _opened(path: Path) -> Channel:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            opened = Channel.open(path)
        except DinrailError:
            time.sleep(0.02)
            continue
        if opened.task_word(0, "cycle_count") > 100:
            return opened
        opened.close()
        time.sleep(0.02)
    raise SystemExit("the control did not come up")


def snapshots(words: int, seconds: float) -> dict[str, float]:
    """Copies a second, how many cycles they were of, how many were torn, how often the channel kept changing."""
    with TemporaryDirectory() as name, control(Path(name), words) as channel:
        count = torn = busy = 0
        cycles: set[int] = set()
        end = time.perf_counter() + seconds
        started = time.perf_counter()
        while time.perf_counter() < end:
            try:
                got = channel.snapshot(0)
            except ChannelBusy:
                busy += 1
                continue
            count += 1
            if got is not None and got.cycle_count not in cycles:
                cycles.add(got.cycle_count)
                torn += not _whole(got.data, words)
        rate = count / (time.perf_counter() - started)
        ran = channel.task_word(0, "cycle_count")
        channel.close()
    return {"bytes": 4 * words, "per_second": rate, "cycles_seen": len(cycles), "torn": torn, "busy": busy, "ran": ran}


def _whole(data: bytes, words: int) -> bool:
    """Whether `aCount`, behind `n`, and `n` itself are of one cycle."""
    values = struct.unpack_from(f"<{words + 1}I", data)
    return values == (values[0],) * (words + 1)


def sum_writes(seconds: float) -> dict[str, float]:
    """How many sums of 5000 items a second, and the task's execution time without and with them (us)."""
    with TemporaryDirectory() as name, control(Path(name), 16) as channel:
        quiet = _execution(channel, seconds)
        with router(Path(name)), socket.create_connection((ADDRESS, PORT)) as link:
            group, offset = place_of(link, b"MAIN.aSet")
            items = b"".join(struct.pack("<III", group, offset + 4 * (at % 1000), 4) for at in range(ITEMS))
            data = items + bytes(4 * ITEMS)
            before, count = channel.statistics(0), 0
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                answer = _ask(link, 0xF081, ITEMS, 4 * ITEMS, data)
                assert set(struct.unpack(f"<{ITEMS}I", answer)) == {0}, "a write was refused"
                count += 1
            busy = _difference(before, channel.statistics(0))
        exceeded = channel.statistics(0).exceeded
        channel.close()
    return {"sums_per_second": count / seconds, "quiet_us": quiet, "busy_us": busy, "exceeded": exceeded}


def _execution(channel: Channel, seconds: float) -> float:
    before = channel.statistics(0)
    time.sleep(seconds)
    return _difference(before, channel.statistics(0))


def _difference(before: object, after: object) -> float:
    """Mean execution time of the cycles between, us."""
    cycles = after.cycle_count - before.cycle_count  # type: ignore[attr-defined]
    total = after.execution_sum_ns - before.execution_sum_ns  # type: ignore[attr-defined]
    return float(total / max(cycles, 1) / 1000)


@contextmanager
def router(directory: Path) -> Iterator[None]:
    doors = (Listen(Door.PLAIN, ADDRESS, PORT),)
    settings = AdsSettings(net_id=NET_ID, listen=doors, discovery=False, channels=(str(directory / "channel"),))
    (directory / "router.json").write_text(settings.to_json())
    argv = [sys.executable, "-m", "dinrail.daemon.router", "--settings", str(directory / "router.json")]
    argv += ["--state", str(directory / "state"), "--socket", str(directory / "router.sock")]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(3)
            yield
        finally:
            process.terminate()
            process.wait(20)


def place_of(link: socket.socket, name: bytes) -> tuple[int, int]:
    group, offset, _ = struct.unpack("<III", _ask(link, 0xF007, 0, 12, name))
    return group, offset


def _ask(link: socket.socket, group: int, offset: int, size: int, data: bytes) -> bytes:
    payload = struct.pack("<IIII", group, offset, size, len(data)) + data
    link.sendall(build_frame(PLC, ME, 9, 4, 1, payload))
    head = exactly(link, 6)
    body = exactly(link, struct.unpack_from("<I", head, 2)[0])
    return body[32 + 8 :]


def exactly(link: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        got = link.recv(size - len(parts))
        if not got:
            raise LinkLost("the router closed the link")
        parts += got
    return parts


def report(seconds: float) -> dict[str, object]:
    """Everything, printed as it comes."""
    print("\nChannel, from another process (Python), a task of 1 ms")
    rows = [snapshots(words, seconds) for words in (128, 16384)]
    for row in rows:
        print(
            f"  snapshots of {row['bytes']:6.0f} bytes: {row['per_second']:9.0f} a second, {row['torn']:.0f} torn "
            f"among {row['cycles_seen']:.0f} cycles, {row['busy']:.0f} given up"
        )
    sums = sum_writes(seconds)
    print(
        f"  sum writes of {ITEMS} items by ADS: {sums['sums_per_second']:.1f} a second; the task's cycle takes "
        f"{sums['quiet_us']:.1f} us without and {sums['busy_us']:.1f} us with them, {sums['exceeded']:.0f} too long"
    )
    return {"snapshots": rows, "sum_writes": sums}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = report(given.seconds)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
