"""Cores taken out and given back for real, with every way to fail. Runs in the virtual PC, as root.

    python isolation_lab.py kill CORE DIRECTORY       killed at one fsync later each round, then undone, until one lives
    python isolation_lab.py refused CORE DIRECTORY    a partition that the kernel does not honour
    python isolation_lab.py inside CORE               a process enters the group, and computes on its core

Prints one JSON line for each thing that was tried.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from crash_lab import forked

from dinrail.errors import HostError
from dinrail.host.journal import open_journal
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.isolation.case import Wish
from dinrail.isolation.plan import plan_isolation
from dinrail.isolation.rules import TOPICS
from dinrail.machine.change import ChangeKind, ChangePlan
from dinrail.machine.read import read_facts

GROUP = Path("/sys/fs/cgroup/dinrail")


def state() -> dict[str, str]:
    """All that isolation may change, as it stands now."""
    files = [
        *Path("/proc/irq").glob("*/smp_affinity_list"),
        Path("/proc/irq/default_smp_affinity"),
        Path("/sys/devices/virtual/workqueue/cpumask"),
        *Path("/sys/fs/cgroup").glob("cgroup.subtree_control"),
        *Path("/sys/fs/cgroup").glob("dinrail/cpuset.cpus*"),
        *Path("/sys/fs/cgroup").glob("cpuset/cpuset.sched_load_balance"),
        *Path("/sys/fs/cgroup/cpuset").glob("dinrail*"),
    ]
    return {str(path): path.read_text().strip() if path.is_file() else "" for path in files}


def planned(core: int, interrupts: int) -> ChangePlan:
    """The plan for one core, with as many of its interrupts as the rounds have time for."""
    plan = plan_isolation(read_facts(LiveHost().fetch(TOPICS)), Wish(frozenset({core})))
    assert not plan.blocked, plan.blocked
    irqs = [change for change in plan.changes if change.kind is ChangeKind.IRQ_AFFINITY]
    left_out = set(irqs[interrupts:])
    return replace(plan, changes=tuple(change for change in plan.changes if change not in left_out))


def say(**row: object) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def die_at_fsync(number: int) -> None:
    """From here on this process kills itself on entry to that fsync: nothing of it is carried out."""
    honest, calls = os.fsync, itertools.count(1)

    def fsync(fd: int) -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        honest(fd)

    os.fsync = fsync


def kill(core: int, directory: Path) -> None:
    """The journal makes its first fsyncs for its directory and the plan, then two for each step; on until one lives."""
    port, plan, before = LiveHost(), planned(core, 1), state()
    directory.mkdir(parents=True)
    say(steps=len(plan.changes))

    def isolate(paths: Paths, number: int) -> None:
        die_at_fsync(number)
        open_journal(paths, port).carry_out(plan, owner="crash")

    def undo(paths: Paths) -> None:
        os._exit(0 if open_journal(paths, port).undo().is_complete else 1)

    for number in itertools.count(1):
        paths = Paths(state=directory / str(number) / "state", run=directory / str(number) / "run")
        paths.state.mkdir(parents=True)
        status = forked(isolate, paths, number)
        changed = sum(now != before.get(path) for path, now in state().items())
        undone = forked(undo, paths)
        killed = status == -signal.SIGKILL
        say(number=number, killed=killed, changed=changed, undone=undone == 0, restored=state() == before)
        if not killed:
            return


def refused(core: int, directory: Path) -> None:
    """Between plan and deed somebody else takes the core: the kernel says `isolated invalid`, and all is taken back."""
    plan = planned(core, 3)
    other = GROUP.parent / "other"
    (GROUP.parent / "cgroup.subtree_control").write_text("+cpuset")
    other.mkdir()
    (other / "cpuset.cpus").write_text(str(core))
    (other / "cpuset.cpus.partition").write_text("root")
    plan = replace(plan, changes=tuple(c for c in plan.changes if c.kind is not ChangeKind.CPUSET_CONTROL))
    before = state()
    try:
        open_journal(Paths(directory, directory), LiveHost()).carry_out(plan, owner="refused")
    except HostError as fault:
        say(refused=True, why=str(fault), details=fault.details, restored=state() == before)
    else:
        say(refused=False, why="", details=[], restored=False)
    finally:
        (other / "cpuset.cpus.partition").write_text("member")
        other.rmdir()
        (GROUP.parent / "cgroup.subtree_control").write_text("-cpuset")


def inside(core: int) -> None:
    """From outside the core cannot be had; from inside it is the only one."""
    try:
        os.sched_setaffinity(0, {core})
        outside = sorted(os.sched_getaffinity(0))
    except OSError:
        outside = []
    (GROUP / "cgroup.procs").write_text(str(os.getpid()))
    within = sorted(os.sched_getaffinity(0))
    (GROUP.parent / "cgroup.procs").write_text(str(os.getpid()))
    say(outside=outside, within=within)


def main(words: list[str]) -> None:
    if words[0] == "kill":
        kill(int(words[1]), Path(words[2]))
    elif words[0] == "refused":
        refused(int(words[1]), Path(words[2]))
    else:
        inside(int(words[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
