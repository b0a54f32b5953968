"""A claim of a real device, killed one call of the journal later each round, and its undo. Runs in the virtual PC.

    python crash_lab.py write|fsync COUNT ADDRESS DIRECTORY

A process that dies on entry to `write` has not written that record; one that dies on entry to `fsync` has.

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


def kill_at(call: str, count: int) -> subprocess.Popen[bytes]:
    """strace on this process: whoever below it makes that call for the COUNT-th time is killed."""
    trace = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={count}"]
    argv = ["strace", "-f", "-b", "execve", "-o", "/dev/null", *trace, "-p", str(os.getpid())]
    tracer = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        assert tracer.poll() is None, "strace ended before it attached"
        time.sleep(0.05)
    return tracer


def main(call: str, count: int, address: str, directory: Path) -> None:
    port = LiveHost()
    plan = plan_claim(read_facts(port.fetch(TOPICS)), [PciAddress.parse(address)])
    assert not plan.blocked, plan.blocked

    def claim(paths: Paths, idle_calls: int) -> None:
        with (directory / "idle").open("wb") as idle:
            for _ in range(idle_calls):
                os.fsync(idle.fileno()) if call == "fsync" else os.write(idle.fileno(), b".")
        open_journal(paths, port).carry_out(plan, owner="crash")

    def undo(paths: Paths) -> None:
        report = open_journal(paths, port).undo()
        os._exit(0 if report.is_complete else 1)

    tracer = kill_at(call, count)
    # This process writes its results, too: as many rounds as calls are counted, so it never comes to the last one.
    for number in range(1, count):
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
    Path(sys.argv[4]).mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
