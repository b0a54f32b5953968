"""The journal: no change to the machine that is not on the disk before it is made.

    begin (the whole plan) -> intent 0 -> [make 0] -> done 0 -> intent 1 -> ...    carried out: the transaction is open
    ... -> undone n -> ... -> undone 0 -> end                                      taken back: it is closed

One file per transaction under `Paths.journal`, and one lock for all of them. docs/host.md has the table of every point
at which we may be killed. A child that changes the machine for us (see `host.apply`) inherits the lock: when we are
killed while a driver still unbinds, the next dinrail waits for that to end, instead of judging a value that is about to
change.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dinrail.clock import Clock
from dinrail.errors import BadRequest, DinrailError, FormatError, HostError, Refused
from dinrail.files import ensure_directory, os_refusal, read_all, write_all
from dinrail.finding import refusal
from dinrail.host import undo
from dinrail.host.logfile import Catalogue, LogFile, continue_log, create_log, log_path, prune, read_catalogue, read_log
from dinrail.host.paths import Paths
from dinrail.host.port import HostPort, Unchangeable
from dinrail.host.records import MAX_STEPS, StepState, Transaction
from dinrail.host.undo import Spot, UndoReport, UndoStep, show
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.sources import Topic
from dinrail.system_clock import SystemClock
from dinrail.units import MS_NS, S_NS

_LOCK_WAIT_NS = 10 * S_NS
_LOCK_PAUSE_NS = 50 * MS_NS
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class WorldMoved(Refused):
    """Between plan and deed somebody else changed what the plan was made for."""


def open_journal(paths: Paths, port: HostPort, clock: Clock | None = None) -> Journal:
    """The journal of the host behind `port`. Nothing is made on the disk before the first change."""
    return Journal(paths, port, clock or SystemClock())


def refuse_blocked(plan: ChangePlan, port: HostPort) -> None:
    """Raises Refused with every finding for which the plan must not be carried out."""
    if plan.blocked:
        raise refusal(f"{plan.purpose} is refused", plan.findings, where=port.label)


class Journal:
    """All transactions of one host. Methods that change take the lock; `transactions` and `preview` only read."""

    def __init__(self, paths: Paths, port: HostPort, clock: Clock) -> None:
        self._directory = paths.journal
        self._port = port
        self._clock = clock
        self._boot_id: str | None = None

    def carry_out(self, plan: ChangePlan, *, owner: str) -> Transaction:
        """Make all changes of a plan, or none.

        The transaction stays open until `undo` takes it back (one without steps is closed at once).

        Raises Refused for a blocked plan (nothing was touched), WorldMoved when a value is not what the plan was made
        for, HostError when the system refuses; what was made before that is taken back first, and the error says how
        far that went.
        """
        refuse_blocked(plan, self._port)
        if len(plan.changes) > MAX_STEPS:
            raise BadRequest(f"a plan of {len(plan.changes)} steps is more than {MAX_STEPS}", where=plan.purpose)
        with self._locked(), self._begun(plan, owner) as log:
            try:
                for step, change in enumerate(plan.changes):
                    self._make(log, step, change)
            except DinrailError as fault:
                raise self._rolled_back(log, fault) from fault
            except KeyboardInterrupt:
                undo.walk_back(self._port, log, self.boot_id, set())
                raise
            if not plan.changes:
                log.end()
            return log.transaction

    def transactions(self, *, open_only: bool = True) -> tuple[Transaction, ...]:
        """Oldest first. Journal files that cannot be believed are not among them: see `damaged`. Raises HostError."""
        return tuple(t for t in self._catalogue().transactions if t.is_open or not open_only)

    def damaged(self) -> tuple[FormatError, ...]:
        """Why some journal files cannot be believed. Raises HostError."""
        return self._catalogue().damaged

    def preview(self, transaction_id: int | None = None) -> UndoReport:
        """What `undo` would do now. Raises BadRequest, FormatError, HostError."""
        chosen, report = self._chosen(None if transaction_id is None else (transaction_id,))
        after: dict[Spot, str] = {}
        steps = [step for t in chosen for step in undo.preview(self._port, t, self.boot_id, after)]
        return UndoReport(tuple(steps), report.damaged)

    def undo(self, transaction_id: int | None = None) -> UndoReport:
        """Take back one transaction, or all open ones, newest first. One that is closed already gives no steps.

        Raises BadRequest for a number that does not exist, Refused where a newer transaction stands on the same thing,
        FormatError for a damaged file that was asked for by number, HostError for the journal's own disk.
        What the system refused is a step in the report, and stays open.
        """
        return self.undo_these(None if transaction_id is None else (transaction_id,))

    def undo_these(self, transaction_ids: Iterable[int] | None) -> UndoReport:
        """`undo` for several numbers at once, newest first whatever their order; None is all open ones."""
        asked = None if transaction_ids is None else tuple(transaction_ids)
        if not self._directory.is_dir() and not asked:
            return UndoReport()
        with self._locked():
            chosen, report = self._chosen(asked)
            steps: list[UndoStep] = []
            stuck: set[Spot] = set()
            for transaction in chosen:
                with continue_log(self._directory, transaction.id) as log:
                    steps += undo.walk_back(self._port, log, self.boot_id, stuck)
            return UndoReport(tuple(steps), report.damaged)

    @property
    def boot_id(self) -> str:
        """This boot of the host, as its kernel names it. Raises HostError where that cannot be read."""
        if self._boot_id is None:
            self._boot_id = self._port.fetch((Topic.KERNEL,)).text(BOOT_ID)
        if not self._boot_id:
            raise HostError("the kernel does not say which boot this is", where=BOOT_ID)
        return self._boot_id

    def _catalogue(self) -> Catalogue:
        return read_catalogue(self._directory)

    def _chosen(self, transaction_ids: tuple[int, ...] | None) -> tuple[tuple[Transaction, ...], UndoReport]:
        """The open ones among those asked for, newest first; and the damage that stands in the way of "all"."""
        catalogue = self._catalogue()
        newest_first = catalogue.transactions[::-1]
        if transaction_ids is None:
            return tuple(t for t in newest_first if t.is_open), UndoReport(damaged=catalogue.damaged)
        known = {t.id for t in newest_first}
        for number in transaction_ids:
            if number not in known:
                self._explain_unknown(number)
        chosen = tuple(t for t in newest_first if t.is_open and t.id in transaction_ids)
        _require_topmost(chosen, newest_first)
        return chosen, UndoReport()

    def _explain_unknown(self, number: int) -> None:
        path = log_path(self._directory, number)
        if path.exists():
            read_log(path)  # raises what is wrong with it
        raise BadRequest(
            f"there is no transaction {number}", where=str(self._directory), hint="`dinrail undo --list` shows them all"
        )

    @contextmanager
    def _begun(self, plan: ChangePlan, owner: str) -> Iterator[LogFile]:
        catalogue = self._catalogue()
        prune(self._directory, catalogue.transactions)
        transaction = Transaction(
            id=catalogue.next_id,
            purpose=plan.purpose,
            owner=owner,
            boot_id=self.boot_id,
            began_ns=self._clock.wall_ns(),
            changes=plan.changes,
            states=(StepState.PLANNED,) * len(plan.changes),
        )
        with create_log(self._directory, transaction) as log:
            yield log

    def _make(self, log: LogFile, step: int, change: Change) -> None:
        current = self._port.current(change)
        if change.kind is ChangeKind.MODULE and current == change.want != change.before:
            log.skipped(step, "somebody loaded it since the plan was made")  # modules are shared: not ours to unload
            return
        if current != change.before:
            raise WorldMoved(
                f"{change.kind} is {show(current)} now, the plan was made for {show(change.before)}",
                where=change.target,
                why="somebody else changed it in the meantime; nothing of theirs is overwritten",
                hint="look at the new state and plan again",
            )
        log.intend(step)
        try:
            self._port.make(change)
        except Unchangeable as fault:  # nothing was done, and what the plan is for does not hang on it
            log.skipped(step, str(fault))
        else:
            log.done(step)

    def _rolled_back(self, log: LogFile, fault: DinrailError) -> DinrailError:
        """The error to raise after what was made has been taken back: the cause, and how far taking back went."""
        steps = undo.walk_back(self._port, log, self.boot_id, set())
        report = UndoReport(steps)
        details = (*fault.details, *(f"taken back: {step}" for step in steps))
        if isinstance(fault, Refused) and report.is_complete:
            return type(fault)(fault.what, where=fault.where, why=fault.why, hint=fault.hint, details=details)
        hint = fault.hint
        if not report.is_complete:
            hint = f"mend the cause, then `dinrail undo {log.transaction.id}`" + (
                f"; {fault.hint}" if fault.hint else ""
            )
        return HostError(
            f"{log.transaction.purpose} stopped: {fault.what}",
            where=fault.where,
            why=fault.why,
            hint=hint,
            details=details,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        ensure_directory(self._directory)
        path = self._directory / "lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as fault:
            raise os_refusal(fault, "open the journal's lock", path) from fault
        try:
            self._wait_for(fd)
            os.set_inheritable(fd, True)  # for children of host.apply only: every other child closes it
            os.ftruncate(fd, 0)
            write_all(fd, f"{os.getpid()}\n".encode())
            yield
        finally:
            # LOCK_UN takes the lock from a child that hangs in the kernel, too: we have recorded what it left.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def _wait_for(self, fd: int) -> None:
        deadline_ns = self._clock.monotonic_ns() + _LOCK_WAIT_NS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock.monotonic_ns() < deadline_ns:
                    self._clock.sleep_ns(_LOCK_PAUSE_NS)
                    continue
                pid = read_all(fd, 32)[0].decode("ascii", "replace").strip() or "unknown"
                raise Refused(
                    f"another dinrail (pid {pid}) is changing this machine",
                    where=str(self._directory),
                    why="changes are made one after another, so that each can be taken back",
                    hint="wait for it to end (a driver may be slow to let go) and try again",
                ) from None
            return


def _require_topmost(chosen: tuple[Transaction, ...], newest_first: tuple[Transaction, ...]) -> None:
    """Refuse to take a change back from under a newer one of the same thing."""
    numbers = {t.id for t in chosen}
    for older in chosen:
        for newer in newest_first:
            if newer.id <= older.id or newer.id in numbers or newer.ended:
                continue
            shared = undo.standing_spots(older) & undo.standing_spots(newer)
            if shared:
                kind, target = min(shared)
                raise Refused(
                    f"transaction {newer.id} ({newer.purpose}) changed it later than transaction {older.id}",
                    where=f"{kind} {target}",
                    why="changes are taken back in the reverse of the order in which they were made",
                    hint=f"`dinrail undo {newer.id}` first",
                )
