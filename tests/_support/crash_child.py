"""A claim and its undo on a rehearsed host that lives in a file, as processes that are killed one fsync later each.

    strace -f -e inject=fsync:signal=SIGKILL:when=COUNT python crash_child.py COUNT DIRECTORY

strace counts per process, so the n-th child first makes COUNT - n calls that mean nothing, and dies at its n-th real
one: one interpreter start for all of them. DIRECTORY/n/host.tar.gz is the machine of the n-th child; every change is
written there as the kernel would keep it. Prints the numbers of the children that came through alive.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dinrail.host.archive import read_archive, write_archive
from dinrail.host.journal import Journal, open_journal
from dinrail.host.paths import Paths
from dinrail.host.rehearsal import RehearsedHost
from dinrail.machine.change import Change, ChangeKind, ChangePlan

GPU = "0000:01:00.0"
PLAN = ChangePlan(
    purpose=f"claim {GPU}",
    changes=(
        Change(ChangeKind.MODULE, "vfio-pci", "", "loaded"),
        Change(ChangeKind.ROM_ENABLE, GPU, "0", "1"),
        Change(ChangeKind.DRIVER, GPU, "bochs", ""),
        Change(ChangeKind.DRIVER_OVERRIDE, GPU, "", "vfio-pci"),
        Change(ChangeKind.DRIVER, GPU, "", "vfio-pci"),
    ),
)


def machine(directory: Path) -> RehearsedHost:
    """The machine as it stands in the file."""
    archive = directory / "host.tar.gz"
    raw = read_archive(archive).raw
    return RehearsedHost(raw, label="a machine in a file", on_change=lambda now: write_archive(now, archive, {}))


def journal(directory: Path) -> Journal:
    return open_journal(Paths(state=directory / "state", run=directory / "run"), machine(directory))


def claim_and_undo(directory: Path) -> None:
    here = journal(directory)
    here.carry_out(PLAN, owner="crash")
    here.undo()


def child(directory: Path, idle_calls: int) -> None:
    with (directory / "idle").open("wb") as idle:
        for _ in range(idle_calls):
            os.fsync(idle.fileno())
    claim_and_undo(directory)


def main(count: int, directory: Path) -> None:
    for number in range(1, count + 1):
        pid = os.fork()
        if pid == 0:
            child(directory / str(number), count - number)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.waitstatus_to_exitcode(status) == 0:
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
