"""Taking devices for a guest and giving them back: the journal's deeds under the devices' leases.

Used by `dinrail gpu claim|release`, `dinrail undo` and `guest start|stop`. A lease is held for the time of the deed; a
caller that already holds some (a guest's start does) passes them as `held`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from dinrail.errors import HostError, Refused
from dinrail.host.journal import Journal, open_journal, refuse_blocked
from dinrail.host.lease import Lease, Leases
from dinrail.host.paths import Paths
from dinrail.host.port import HostPort
from dinrail.host.records import Transaction
from dinrail.host.rehearsal import RehearsedHost
from dinrail.host.replay import recorded_value
from dinrail.host.undo import UndoReport
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.sources import Raw
from dinrail.pci.address import PciAddress

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
    """Carry a claim plan out. Raises what `Journal.carry_out` and `Leases.take` raise; HostError when not root.

    The leases that were taken here are given back on return: a claim binds the driver, it does not reserve the device.
    """
    refuse_blocked(plan, port)
    require_privilege(port, plan.purpose)
    with take_all(leases, devices_of(plan.changes), owner=owner, held=held):
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
        with take_all(leases, devices_of(c for t in asked for c in t.changes), owner=owner):
            return journal.undo(transaction_id), ()
    busy: list[str] = []
    free: list[int] = []
    with ExitStack() as taken:
        held: list[Lease] = []
        for transaction in journal.transactions()[::-1]:
            try:
                held += taken.enter_context(take_all(leases, devices_of(transaction.changes), owner=owner, held=held))
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
    astray = [str(c.target) for c in plan.changes if host.current(c) != recorded_value(raw.entries, c)]
    if astray or not report.is_complete:
        raise HostError(
            "taking the steps back does not lead to where they began",
            where=" ".join(dict.fromkeys(astray)),
            details=tuple(str(step) for step in report.steps),
        )
    return report


def claims_of(journal: Journal, addresses: Iterable[PciAddress]) -> tuple[Transaction, ...]:
    """Open transactions that changed one of these devices, oldest first. Raises HostError."""
    wanted = frozenset(addresses)
    return tuple(t for t in journal.transactions() if wanted & devices_of(t.changes))


def devices_of(changes: Iterable[Change]) -> frozenset[PciAddress]:
    """The devices that these changes are about."""
    return frozenset(PciAddress.parse(change.target) for change in changes if change.kind in _ON_DEVICES)


def require_privilege(port: HostPort, purpose: str) -> None:
    """Raises HostError, before anything is touched, when the machine would refuse us."""
    if port.is_live and os.geteuid() != 0:
        raise HostError(
            f"{purpose} needs root",
            why="drivers are bound, and option ROMs switched on, through files in /sys that only root may write",
            hint="run it with sudo; plans, lists and checks need no root",
        )


@contextmanager
def take_all(
    leases: Leases, addresses: Iterable[PciAddress], *, owner: str, held: Sequence[Lease] = ()
) -> Iterator[list[Lease]]:
    """The leases of all these devices that `held` does not have yet, or none of them. Raises Refused, HostError."""
    have = {lease.address for lease in held}
    with ExitStack() as stack:
        yield [stack.enter_context(leases.take(a, owner=owner)) for a in sorted(set(addresses)) if a not in have]
