"""A claim of a real device, killed one fsync later each round, and its undo. Runs inside the virtual PC.

    python crash_lab.py COUNT ADDRESS DIRECTORY

It has strace attach to itself and follow its forks, but not the programs they start (`-b execve`): stepping those
through an emulator would take minutes. strace counts calls per process, so the n-th child first makes COUNT - n that
mean nothing, and dies at its n-th real one. Prints one JSON line a round: what stood after the kill, and what stands
after the undo.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from dinrail.host.journal import open_journal
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.machine.read import read_facts
from dinrail.passthrough.claim import plan_claim
from dinrail.passthrough.rules import TOPICS
from dinrail.pci.address import PciAddress


def state(address: str) -> tuple[str, str]:
    device = Path("/sys/bus/pci/devices") / address
    link = device / "driver"
    override = (device / "driver_override").read_text().strip()
    return (link.readlink().name if link.is_symlink() else ""), ("" if override == "(null)" else override)


def forked(act: object, *arguments: object) -> int:
    pid = os.fork()
    if pid == 0:
        act(*arguments)  # type: ignore[operator]  # one of the two functions below
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_at_fsync(count: int) -> subprocess.Popen[bytes]:
    """strace on this process: whoever below it makes its COUNT-th fsync is killed."""
    inject = f"inject=fsync:signal=SIGKILL:when={count}"
    argv = [
        "strace",
        "-f",
        "-b",
        "execve",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync",
        "-e",
        inject,
        "-p",
        str(os.getpid()),
    ]
    tracer = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        assert tracer.poll() is None, "strace ended before it attached"
        time.sleep(0.05)
    return tracer


def main(count: int, address: str, directory: Path) -> None:
    port = LiveHost()
    plan = plan_claim(read_facts(port.fetch(TOPICS)), [PciAddress.parse(address)])
    assert not plan.blocked, plan.blocked

    def claim(paths: Paths, idle_calls: int) -> None:
        with (directory / "idle").open("wb") as idle:
            for _ in range(idle_calls):
                os.fsync(idle.fileno())
        open_journal(paths, port).carry_out(plan, owner="crash")

    def undo(paths: Paths) -> None:
        report = open_journal(paths, port).undo()
        os._exit(0 if report.is_complete else 1)

    tracer = kill_at_fsync(count)
    for number in range(1, count + 1):
        paths = Paths(state=directory / str(number) / "state", run=directory / str(number) / "run")
        paths.state.mkdir(parents=True)
        killed = forked(claim, paths, count - number)
        driver, override = state(address)
        undone = forked(undo, paths)
        after = state(address)
        row = {"number": number, "killed": killed == -9, "driver": driver, "override": override, "undone": undone == 0}
        sys.stdout.write(json.dumps(row | {"driver_after": after[0], "override_after": after[1]}) + "\n")
        sys.stdout.flush()
    tracer.terminate()


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
