"""Taking changes back: compare and set, so that undo never overwrites what somebody else wanted since.

| what stands there now        | what undo does                                                       |
|------------------------------|----------------------------------------------------------------------|
| what we put there            | puts back what was there before                                      |
| what was there before        | nothing: the crash came before the change, or undo was killed after it |
| something else               | leaves it alone and says so                                          |
| nothing: the target is gone  | leaves it alone and says so                                          |
| another boot's machine       | nothing, for changes that last until boot                            |

Each step's outcome is recorded before the next is looked at, and the table above gives the same end from every point at
which undo may be killed: so it can simply be run again.
"""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.errors import FormatError, HostError
from dinrail.host.logfile import LogFile
from dinrail.host.port import HostPort, InUse, TargetGone
from dinrail.host.records import Outcome, StepState, Transaction
from dinrail.machine.change import Change, ChangeKind, Lasts

Spot = tuple[ChangeKind, str]
"""What two changes must share to depend on each other: kind and target."""


@dataclass(frozen=True, slots=True)
class UndoStep:
    """What became of one step."""

    transaction_id: int
    purpose: str
    change: Change
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        text = f"{self.change.kind} {self.change.target}: {self.outcome} ({show(self.change.before)})"
        return f"{text}: {self.reason}" if self.reason else text


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What undo did, in its order. `damaged`: journal files that could not be believed and were not touched."""

    steps: tuple[UndoStep, ...] = ()
    damaged: tuple[FormatError, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Nothing failed; steps left alone were closed with their reason."""
        return not self.damaged and all(step.outcome is not Outcome.FAILED for step in self.steps)

    @property
    def failed(self) -> tuple[UndoStep, ...]:
        return tuple(step for step in self.steps if step.outcome is Outcome.FAILED)


def show(value: str) -> str:
    """A value as messages print it; the empty one is `none`."""
    return value or "none"


def judge(port: HostPort, change: Change, *, same_boot: bool) -> tuple[Outcome, str]:
    """What undo would do with a change that was, or may have been, made. PUT_BACK means that it has to act."""
    if change.lasts is Lasts.BOOT and not same_boot:
        return Outcome.GONE, ""
    try:
        current = port.current(change)
    except TargetGone as fault:
        return Outcome.LEFT, str(fault)
    except HostError as fault:
        return Outcome.FAILED, str(fault)
    return compare(change, current)


def compare(change: Change, current: str) -> tuple[Outcome, str]:
    """The rows of the table above that look at the value only."""
    if current == change.before:
        return Outcome.ALREADY, ""
    if current == change.want or _is_halfway(change, current):
        return Outcome.PUT_BACK, ""
    return Outcome.LEFT, f"somebody changed it since: we had put {show(change.want)}, now it is {show(current)}"


def preview(port: HostPort, transaction: Transaction, boot_id: str, after: dict[Spot, str]) -> tuple[UndoStep, ...]:
    """What `walk_back` would do now. Nothing is changed.

    after: what would stand where, once the steps looked at so far were taken back; filled here, for the next one.
    """
    steps: list[UndoStep] = []
    for _, change in _standing(transaction):
        spot = (change.kind, change.target)
        if spot in after:
            outcome, reason = compare(change, after[spot])
        else:
            outcome, reason = judge(port, change, same_boot=transaction.boot_id == boot_id)
        if outcome is Outcome.PUT_BACK:
            after[spot] = change.before
        steps.append(UndoStep(transaction.id, transaction.purpose, change, outcome, reason))
    return tuple(steps)


def walk_back(port: HostPort, log: LogFile, boot_id: str, stuck: set[Spot]) -> tuple[UndoStep, ...]:
    """Take the steps of one transaction back, last first, and close it when none failed. Raises HostError (disk).

    stuck: targets where a later change could not be taken back. Older changes of the same device stay as they are
    (they were made in an order that must be kept), other devices go on. Filled here for the next, older transaction.
    """
    transaction = log.transaction
    steps: list[UndoStep] = []
    for step, change in _standing(transaction):
        if any(change.target == target for _, target in stuck):
            outcome, reason = Outcome.FAILED, "waits for a later change of the same device"
        else:
            outcome, reason = _take_back(port, change, same_boot=transaction.boot_id == boot_id)
        if outcome is Outcome.FAILED:
            stuck.add((change.kind, change.target))
        else:
            log.undone(step, outcome, reason)
        steps.append(UndoStep(transaction.id, transaction.purpose, change, outcome, reason))
    if all(step.outcome is not Outcome.FAILED for step in steps):
        log.end()
    return tuple(steps)


def standing_spots(transaction: Transaction) -> frozenset[Spot]:
    """What this transaction has changed and not yet given back."""
    return frozenset((change.kind, change.target) for _, change in _standing(transaction))


def _standing(transaction: Transaction) -> list[tuple[int, Change]]:
    """Steps that were or may have been made and are not taken back, last first."""
    made = (StepState.INTENDED, StepState.DONE)
    pairs = zip(transaction.changes, transaction.states, strict=True)
    return [(step, change) for step, (change, state) in enumerate(pairs) if state in made][::-1]


def _take_back(port: HostPort, change: Change, *, same_boot: bool) -> tuple[Outcome, str]:
    outcome, reason = judge(port, change, same_boot=same_boot)
    if outcome is not Outcome.PUT_BACK:
        return outcome, reason
    try:
        port.make(change.reversed())
    except (InUse, TargetGone) as fault:
        return Outcome.LEFT, str(fault)
    except HostError as fault:
        return Outcome.FAILED, "; ".join((str(fault), *fault.details, *((fault.why,) if fault.why else ())))
    return outcome, reason


def _is_halfway(change: Change, current: str) -> bool:
    """A change from one driver to another passes through no driver at all; a crash may leave the device there."""
    return change.kind is ChangeKind.DRIVER and current == "" and bool(change.before) and bool(change.want)
