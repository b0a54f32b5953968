"""The control's cores: taken out of the scheduler before it starts, leased to it while it runs, given back after it.

Taken where that is possible. Where it is not (no root, no cpusets, somebody else has them), the control runs on them
all the same, beside whoever else does, and it is said. What `dinrail control isolate` took stays taken.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import DinrailError, HostError
from dinrail.finding import blocking
from dinrail.host import claims
from dinrail.host.journal import open_journal
from dinrail.host.lease import Core, Lease, Leases
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.host.port import HostPort
from dinrail.host.undo import UndoReport
from dinrail.isolation.case import Wish, own_group
from dinrail.isolation.plan import plan_isolation
from dinrail.isolation.rules import TOPICS
from dinrail.machine.read import read_facts

OWNER = "control"
_LET_GO_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class TakenCores:
    """What a control is started with. cgroup: where it has to go, None where it stays. notes: what could not be had.

    leases: open files that the process has to inherit; the starter closes its own (`handed_over`).
    """

    cgroup: Path | None = None
    leases: tuple[Lease, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[int, ...]:
        """For `pass_fds`."""
        return tuple(lease.fileno() for lease in self.leases)

    def handed_over(self, pid: int) -> None:
        """The process holds them from now on."""
        for lease in self.leases:
            lease.hand_over(owner=OWNER, pid=pid)
        self.let_go()

    def let_go(self) -> None:
        """Close our part of the leases."""
        for lease in self.leases:
            lease.close()


def take_cores(cores: Sequence[int], paths: Paths, port: HostPort | None = None) -> TakenCores:
    """Lease and isolate. Raises Refused when another control (or a guest) has one of them."""
    if not cores:
        return TakenCores()
    if os.geteuid() != 0:
        return TakenCores(notes=("its cores are not its own: only root can take them out of the scheduler",))
    leases = Leases(paths.leases)
    held: list[Lease] = []
    try:
        held += [leases.take(Core(core), owner=OWNER) for core in sorted(set(cores))]
        cgroup, notes = _isolate(frozenset(cores), paths, port or LiveHost(), leases, held)
    except BaseException:
        TakenCores(leases=tuple(held)).let_go()
        raise
    return TakenCores(cgroup, tuple(held), notes)


def give_back(paths: Paths, port: HostPort | None = None) -> UndoReport:
    """Take back what `take_cores` changed, when the control has let go of its cores.

    Raises HostError when it does not, or for the journal's own disk. What the system refused stays open in the report.
    """
    journal = open_journal(paths, port or LiveHost())
    ours = [transaction for transaction in claims.isolations(journal) if transaction.owner == OWNER]
    if not ours:
        return UndoReport()
    leases = Leases(paths.leases)
    cores = claims.leased_by(change for transaction in ours for change in transaction.changes)
    deadline = time.monotonic() + _LET_GO_S
    while any(leases.holder(core) is not None for core in cores):
        if time.monotonic() > deadline:
            raise HostError("the control holds its cores still", where=str(paths.leases), hint="dinrail undo, later")
        time.sleep(_POLL_S)
    return journal.undo_these(transaction.id for transaction in ours)


def _isolate(
    cores: frozenset[int], paths: Paths, port: HostPort, leases: Leases, held: Sequence[Lease]
) -> tuple[Path | None, tuple[str, ...]]:
    """The group to go to, and what could not be had."""
    facts = read_facts(port.fetch(TOPICS))
    plan = plan_isolation(facts, Wish(cores))
    reasons = tuple(f"{finding.message} [{finding.rule}]" for finding in blocking(plan.findings))
    if not reasons:
        try:
            claims.claim(port, open_journal(paths, port), leases, plan, owner=OWNER, held=held)
        except DinrailError as fault:
            reasons = (str(fault), *fault.details)
    if reasons:
        return None, tuple(f"its cores are not its own: {reason}" for reason in reasons)
    hierarchy = facts.realtime.cpuset if facts.realtime is not None else None
    group = Path(own_group(hierarchy)) if hierarchy is not None else None
    if group is not None and group.is_dir():
        return group, ()
    isolated = facts.realtime.isolated if facts.realtime is not None else frozenset()
    shared = sorted(cores - isolated)
    notes = (
        (f"other programs run on core {', '.join(map(str, shared))}, too: dinrail doctor --realtime",) if shared else ()
    )
    return None, notes
