"""What is wanted, what a rule looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dinrail.finding import Backend, Finding, Severity, Verdict
from dinrail.machine.facts import HostFacts
from dinrail.machine.realtime import CpusetHierarchy, FreeBsdRealTime, RealTime
from dinrail.machine.setting import MERGED_CGROUPS

HOST = "host"
"""What a finding is about unless it is about some core."""
GROUP = "dinrail"
REST = "dinrail-rest"
"""The control's own group, and version 1's for everybody else."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants for the control.

    cores:       CPUs for the control alone; none: only the host as a whole is judged.
    interrupts:  move interrupts off them; governor: run them at full speed; unthrottled: take the limit off SCHED_FIFO
    (then a runaway task is stopped by the control's own watchdog only).
    """

    cores: frozenset[int] = frozenset()
    interrupts: bool = True
    governor: bool = True
    unthrottled: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One Linux host and one wish."""

    facts: HostFacts
    host: RealTime
    wish: Wish

    @property
    def cores(self) -> frozenset[int]:
        return self.wish.cores

    @property
    def rest(self) -> frozenset[int]:
        """What remains for everything else."""
        return self.host.online - self.wish.cores

    @property
    def cmdline(self) -> tuple[str, ...]:
        return self.facts.kernel.cmdline if self.facts.kernel is not None else ()

    @property
    def kconfig(self) -> dict[str, str]:
        return dict(self.facts.kernel.config) if self.facts.kernel is not None else {}

    @property
    def isolated_by_boot(self) -> bool:
        """isolcpus= took all the wanted cores out already."""
        partitioned = frozenset().union(
            *(g.cpus for g in self.host.cpuset.groups if g.partition.startswith("isolated"))
        )
        return bool(self.cores) and self.cores <= self.host.isolated - partitioned

    @property
    def isolated_by_us(self) -> bool:
        """Our own group holds exactly the wanted cores, and nobody else may be there: the kernel says so."""
        ours = own_group(self.host.cpuset)
        alone = (g for g in self.host.cpuset.groups if g.partition == "isolated" or g.exclusive)
        return any(g.path == ours and g.cpus == self.cores for g in alone)


@dataclass(frozen=True, slots=True)
class FreeBsdCase:
    """One FreeBSD host and one wish."""

    host: FreeBsdRealTime
    wish: Wish


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about a Linux host."""

    id: str
    severity: Severity
    judge: Callable[[Case], Verdict | None]

    def on(self, case: Case) -> Finding | None:
        verdict = self.judge(case)
        return None if verdict is None else verdict.finding(self.id, self.severity, HOST, (Backend.QEMU,))


@dataclass(frozen=True, slots=True)
class FreeBsdRule:
    """A rule about a FreeBSD host."""

    id: str
    severity: Severity
    judge: Callable[[FreeBsdCase], Verdict | None]

    def on(self, case: FreeBsdCase) -> Finding | None:
        verdict = self.judge(case)
        return None if verdict is None else verdict.finding(self.id, self.severity, HOST, (Backend.BHYVE,))


def own_group(hierarchy: CpusetHierarchy) -> str:
    """The directory of the control's group."""
    return f"{hierarchy.mount or MERGED_CGROUPS}/{GROUP}"
