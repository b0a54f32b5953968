"""The journal's lines: transactions as values, and values <-> lines of JSON with a number and a checksum each.

    {"seq": 0, "record": "begin", "id": 3, "purpose": ..., "owner": ..., "boot_id": ..., "plan": [...], "sum": ...}
    {"seq": 1, "record": "intent", "step": 0, "sum": ...}
    {"seq": 2, "record": "done", "step": 0, "sum": ...}
    ...
    {"seq": 7, "record": "undone", "step": 0, "outcome": "put back", "reason": "", "sum": ...}
    {"seq": 8, "record": "end", "sum": ...}

`sum` is the first 16 hexadecimal digits of the SHA-256 of the line without it (keys sorted, no blanks). A crash can
tear the last line only: it is dropped and reported. Any other fault means that the file was changed, and is an error.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dinrail.errors import FormatError
from dinrail.machine.change import Change, ChangeKind, Lasts

MAX_STEPS = 4096
MAX_BYTES = 8 << 20


class StepState(enum.StrEnum):
    """How far one step came. Every state but `PLANNED` is on the disk before the next thing happens."""

    PLANNED = "planned"
    INTENDED = "intended"  # the change may or may not have been made: its value now tells
    DONE = "done"
    SKIPPED = "skipped"  # already as wanted when its turn came, or unchangeable: nothing of ours to take back
    UNDONE = "undone"


class Outcome(enum.StrEnum):
    """What undo found and did."""

    PUT_BACK = "put back"
    ALREADY = "already so"
    LEFT = "left alone"
    GONE = "gone with the reboot"
    FAILED = "failed"  # never written: the step stays open


@dataclass(frozen=True, slots=True)
class Transaction:
    """One plan that was begun. `torn`: its last line was cut off by a crash, and dropped."""

    id: int
    purpose: str
    owner: str
    boot_id: str
    began_ns: int
    changes: tuple[Change, ...]
    states: tuple[StepState, ...]
    ended: bool = False
    torn: bool = False

    @property
    def is_open(self) -> bool:
        return not self.ended

    @property
    def is_complete(self) -> bool:
        """Every step was made: it stands until somebody takes it back. False for one that a crash interrupted."""
        return self.is_open and all(state in (StepState.DONE, StepState.SKIPPED) for state in self.states)


def encode_line(seq: int, record: str, fields: Mapping[str, object]) -> bytes:
    """One line, checksum and newline included."""
    body = {"seq": seq, "record": record, **fields}
    return json.dumps({**body, "sum": _checksum(body)}, sort_keys=False).encode() + b"\n"


def begin_fields(transaction: Transaction) -> dict[str, object]:
    """What the first line says, beside its number and kind."""
    return {
        "id": transaction.id,
        "purpose": transaction.purpose,
        "owner": transaction.owner,
        "boot_id": transaction.boot_id,
        "time_ns": transaction.began_ns,
        "plan": [
            {"kind": c.kind, "target": c.target, "before": c.before, "want": c.want, "lasts": c.lasts, "why": c.why}
            for c in transaction.changes
        ],
    }


@dataclass(frozen=True, slots=True)
class Log:
    """A journal file, read. `transaction` is None when not even its first line is whole: then nothing was changed.

    lines:      whole records; the next one has this number.
    size_bytes: length of the whole records; what follows is a torn line.
    """

    transaction: Transaction | None
    lines: int
    size_bytes: int


def parse_log(data: bytes, *, where: str | None = None) -> Log:
    """All whole records of one journal file. Raises FormatError."""
    transaction: Transaction | None = None
    seq = position = 0
    while position < len(data):
        end = data.find(b"\n", position)
        body = _parse_line(data[position:end], seq) if end >= 0 else None
        if body is None:
            if end >= 0 and end + 1 < len(data):
                raise _fault(f"record {seq} is damaged, and it is not the last one", position, where)
            break
        transaction = _begin(body, position, where) if seq == 0 else _step(transaction, body, position, where)
        seq, position = seq + 1, end + 1
    if transaction is not None:
        transaction = replace(transaction, torn=position < len(data))
    return Log(transaction, seq, position)


def _checksum(body: Mapping[str, object]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _parse_line(line: bytes, seq: int) -> dict[str, object] | None:
    """The record's fields, None when the line is not whole."""
    try:
        body = json.loads(line)
        # The sum is of the values; that the bytes are those we wrote (no blank became another) shows by writing again.
        if not isinstance(body, dict) or json.dumps(body).encode() != line.rstrip(b"\n"):
            return None
        if body.pop("sum", None) != _checksum(body):
            return None
    except (ValueError, RecursionError):
        return None
    return body if body.get("seq") == seq else None


def _fault(what: str, offset: int, where: str | None) -> FormatError:
    hint = "set the file aside and compare its steps with the machine by hand"
    return FormatError(what, structure="journal", offset=offset, where=where, hint=hint)


def _begin(body: Mapping[str, object], offset: int, where: str | None) -> Transaction:
    plan = body.get("plan")
    named = {name: body.get(name) for name in ("id", "purpose", "owner", "boot_id", "time_ns")}
    kinds = {"id": int, "purpose": str, "owner": str, "boot_id": str, "time_ns": int}
    if body.get("record") != "begin" or any(type(named[name]) is not kind for name, kind in kinds.items()):
        raise _fault("the first record is no transaction's beginning", offset, where)
    if not isinstance(plan, list) or len(plan) > MAX_STEPS:
        raise _fault(f"the plan is no list of at most {MAX_STEPS} steps", offset, where)
    changes = tuple(_change(step, offset, where) for step in plan)
    return Transaction(
        id=int(str(named["id"])),
        purpose=str(named["purpose"]),
        owner=str(named["owner"]),
        boot_id=str(named["boot_id"]),
        began_ns=int(str(named["time_ns"])),
        changes=changes,
        states=(StepState.PLANNED,) * len(changes),
    )


def _change(step: object, offset: int, where: str | None) -> Change:
    names = ("kind", "target", "before", "want", "lasts", "why")
    if not isinstance(step, dict) or any(not isinstance(step.get(name), str) for name in names):
        raise _fault("a step of the plan lacks one of " + ", ".join(names), offset, where)
    try:
        return Change(
            kind=ChangeKind(step["kind"]),
            target=step["target"],
            before=step["before"],
            want=step["want"],
            lasts=Lasts(step["lasts"]),
            why=step["why"],
        )
    except ValueError as fault:
        raise _fault(f"a step that this version does not know: {fault}", offset, where) from fault


def _step(transaction: Transaction | None, body: Mapping[str, object], offset: int, where: str | None) -> Transaction:
    record, step = body.get("record"), body.get("step")
    if transaction is None or transaction.ended:
        raise _fault("a record after the end", offset, where)
    if record == "end":
        return replace(transaction, ended=True)
    state = _STATES.get(str(record))
    if state is None or type(step) is not int or not 0 <= step < len(transaction.states):
        raise _fault("a record of unknown kind, or for a step that the plan does not have", offset, where)
    states = (*transaction.states[:step], state, *transaction.states[step + 1 :])
    return replace(transaction, states=states)


_STATES = {state.value: state for state in (StepState.DONE, StepState.SKIPPED, StepState.UNDONE)}
_STATES["intent"] = StepState.INTENDED
