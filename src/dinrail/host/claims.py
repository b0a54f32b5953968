"""Taking devices and cores and giving them back: the journal's deeds under the leases of what they are about.

Used by `dinrail gpu claim|release`, `control isolate|release`, `undo` and `guest start|stop`. A lease is held for the
time of the deed; a caller that already holds some (a guest's start does) passes them as `held`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from dinrail.errors import HostError, Refused
from dinrail.host.journal import Journal, open_journal, refuse_blocked
from dinrail.host.lease import Core, Leasable, Lease, Leases
from dinrail.host.paths import Paths
from dinrail.host.port import HostPort, TargetGone
from dinrail.host.records import Transaction
from dinrail.host.rehearsal import RehearsedHost
from dinrail.host.replay_timing import KINDS
from dinrail.host.undo import UndoReport
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.cpulist import parse_list
from dinrail.machine.sources import Raw
from dinrail.pci.address import PciAddress

_CORES_OF_THE_CONTROL = "/dinrail/cpuset.cpus"
_GOVERNOR = re.compile(r"/cpu(\d+)/cpufreq/scaling_governor$")
_ON_DEVICES = (ChangeKind.DRIVER, ChangeKind.DRIVER_OVERRIDE, ChangeKind.ROM_ENABLE)


def claim(
    port: HostPort,
    journal: Journal,
    leases: Leases,
    plan: ChangePlan,
    *,
    owner: str,
    held: Sequence[Lease] = (),
) -> Transaction:
    """Carry out a plan for devices or cores. Raises what `Journal.carry_out` and `Leases.take` raise; HostError when
    not root.

    The leases that were taken here are given back on return: a claim binds the driver, it does not reserve the device.
    """
    refuse_blocked(plan, port)
    require_privilege(port, plan.purpose)
    with take_all(leases, leased_by(plan.changes), owner=owner, held=held):
        return journal.carry_out(plan, owner=owner)


def release(
    journal: Journal,
    leases: Leases,
    addresses: Iterable[PciAddress],
    *,
    owner: str,
    held: Sequence[Lease] = (),
) -> UndoReport:
    """Take back every open transaction that changed one of these devices, whole and newest first.

    A transaction that changed more devices gives those back too, so their leases are needed as well.
    Raises Refused where dinrail changed nothing, or where a running guest holds a device; HostError.
    """
    wanted = frozenset(addresses)
    concerned = claims_of(journal, wanted)
    if not concerned:
        names = " ".join(sorted(a.short for a in wanted))
        raise Refused(
            "dinrail has changed nothing here that could be taken back",
            where=names,
            why="only what stands in the journal is ever taken back",
            hint="`dinrail undo --list` shows what does",
        )
    devices = devices_of(change for transaction in concerned for change in transaction.changes)
    with take_all(leases, devices, owner=owner, held=held):
        return journal.undo_these(t.id for t in concerned)


def undo(
    journal: Journal, leases: Leases, transaction_id: int | None, *, owner: str
) -> tuple[UndoReport, tuple[str, ...]]:
    """Take back one transaction, or all open ones whose devices no running guest uses; second: what was passed over.

    Raises Refused when the one that was asked for is in use, and what `Journal.undo` raises.
    """
    if transaction_id is not None:
        asked = [t for t in journal.transactions() if t.id == transaction_id]
        with take_all(leases, leased_by(c for t in asked for c in t.changes), owner=owner):
            return journal.undo(transaction_id), ()
    busy: list[str] = []
    free: list[int] = []
    with ExitStack() as taken:
        held: list[Lease] = []
        for transaction in journal.transactions()[::-1]:
            try:
                held += taken.enter_context(take_all(leases, leased_by(transaction.changes), owner=owner, held=held))
                free.append(transaction.id)
            except Refused as fault:
                busy.append(f"{transaction.id} ({transaction.purpose}): {fault}")
        report = journal.undo_these(free)
    return UndoReport(report.steps, (*report.damaged, *journal.damaged())), tuple(busy)


def rehearse(raw: Raw, plan: ChangePlan, scratch: Paths, *, label: str) -> UndoReport:
    """Carry a plan out on a copy of a host in memory, and take it back. `scratch`: where its journal may be written.

    Raises what the real deed would raise, as far as recorded bytes can tell: Refused for a blocked plan, HostError for
    an order of steps that a kernel refuses, or that does not lead back to where it began.
    """
    host = RehearsedHost(raw, label=f"a rehearsal on {label}")
    journal = open_journal(scratch, host)
    transaction = journal.carry_out(plan, owner="rehearsal")
    report = journal.undo(transaction.id)
    found = RehearsedHost(raw, label=label)
    astray = [str(c.target) for c in plan.changes if _standing(host, c) != _standing(found, c)]
    if astray or not report.is_complete:
        raise HostError(
            "taking the steps back does not lead to where they began",
            where=" ".join(dict.fromkeys(astray)),
            details=tuple(str(step) for step in report.steps),
        )
    return report


def _standing(host: RehearsedHost, change: Change) -> str | None:
    """The value, None where the target is not there: a group's files come and go with it."""
    try:
        return host.current(change)
    except TargetGone:
        return None


def claims_of(journal: Journal, addresses: Iterable[PciAddress]) -> tuple[Transaction, ...]:
    """Open transactions that changed one of these devices, oldest first. Raises HostError."""
    wanted = frozenset(addresses)
    return tuple(t for t in journal.transactions() if wanted & devices_of(t.changes))


def isolations(journal: Journal) -> tuple[Transaction, ...]:
    """Open transactions that changed the machine's timing, oldest first. Raises HostError."""
    return tuple(t for t in journal.transactions() if any(change.kind in KINDS for change in t.changes))


def devices_of(changes: Iterable[Change]) -> frozenset[PciAddress]:
    """The devices that these changes are about."""
    return frozenset(PciAddress.parse(change.target) for change in changes if change.kind in _ON_DEVICES)


def leased_by(changes: Iterable[Change]) -> frozenset[Leasable]:
    """The devices and cores that these changes are about. Cores are known by their cpuset and their governor."""
    known = tuple(changes)
    cores: set[int] = set()
    for change in known:
        if change.kind is ChangeKind.SETTING and change.target.endswith(_CORES_OF_THE_CONTROL):
            cores |= parse_list(change.want) or parse_list(change.before) or frozenset()
        elif change.kind is ChangeKind.SETTING and (match := _GOVERNOR.search(change.target)):
            cores.add(int(match[1]))
    return devices_of(known) | frozenset(Core(number) for number in cores)


def require_privilege(port: HostPort, purpose: str) -> None:
    """Raises HostError, before anything is touched, when the machine would refuse us."""
    if port.is_live and os.geteuid() != 0:
        raise HostError(
            f"{purpose} needs root",
            why="drivers are bound, option ROMs switched on and cores isolated in /sys and /proc, as only root may",
            hint="run it with sudo; plans, lists and checks need no root",
        )


@contextmanager
def take_all(
    leases: Leases, addresses: Iterable[Leasable], *, owner: str, held: Sequence[Lease] = ()
) -> Iterator[list[Lease]]:
    """The leases of all these that `held` does not have yet, or none of them. Raises Refused, HostError."""
    have = {lease.address for lease in held}
    with ExitStack() as stack:
        wanted = sorted(set(addresses) - have, key=str)
        yield [stack.enter_context(leases.take(item, owner=owner)) for item in wanted]
