"""`dinrail undo`: walk the journal back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.host.journal import Journal
    from dinrail.host.records import Transaction
    from dinrail.host.undo import UndoReport


def register(app: typer.Typer) -> None:
    app.command("undo")(undo)


def undo(
    context: typer.Context,
    transaction: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Take back only this one; else all open ones, newest first.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Show what stands open.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be put back; change nothing.")] = False,
) -> None:
    """Put back what dinrail changed, where it still stands as dinrail put it. Safe to run again at any time."""
    from dinrail.host import claims
    from dinrail.host.journal import open_journal
    from dinrail.host.lease import Leases
    from dinrail.host.paths import Paths

    session = Session.of(context)
    require_machine(session, "undo")
    paths, port = Paths.default(), session.host()
    journal = open_journal(paths, port)
    if list_only:
        _show_open(journal, as_json=session.as_json)
    elif dry_run:
        show_report(journal.preview(transaction), as_json=session.as_json, would=True)
    else:
        if journal.transactions() or transaction is not None:
            claims.require_privilege(port, "undo")
        report, busy = claims.undo(journal, Leases(paths.leases), transaction, owner="undo")
        show_report(report, as_json=session.as_json, busy=busy)
        if busy:
            raise typer.Exit(1)


def require_machine(session: Session, command: str) -> None:
    """Raises Refused for a recorded host: its journal stayed where it was recorded."""
    from dinrail.errors import Refused

    if session.host_file is not None:
        raise Refused(
            f"{command} changes a machine, and {session.host_file} is a recording of one",
            hint="leave --host out, or see what `--dry-run` offers",
        )


def show_report(report: UndoReport, *, as_json: bool, busy: tuple[str, ...] = (), would: bool = False) -> None:
    """Print what undo did, or would do. Raises HostError when something could not be taken back."""
    from dinrail.cli.output import print_json

    if as_json:
        damaged = [str(fault) for fault in report.damaged]
        print_json({"steps": report.steps, "damaged": damaged, "in_use": busy, "complete": report.is_complete})
    else:
        lines = [f"{step.transaction_id}: {'would be ' if would else ''}{step}" for step in report.steps]
        lines += [f"passed over {line}" for line in busy]
        sys.stdout.write("\n".join(lines or ["nothing to take back"]) + "\n")
    if not report.is_complete:
        _raise_incomplete(report)


def _raise_incomplete(report: UndoReport) -> None:
    from dinrail.errors import HostError

    damaged = tuple(line for fault in report.damaged for line in fault.lines())
    raise HostError(
        "not everything could be taken back",
        details=(*(str(step) for step in report.failed), *damaged),
        hint="mend the cause and run `dinrail undo` again: what is done already is not done twice",
    )


def _show_open(journal: Journal, *, as_json: bool) -> None:
    from dinrail.cli.output import print_json

    found, damaged = journal.transactions(), journal.damaged()
    if as_json:
        print_json({"open": found, "damaged": [str(fault) for fault in damaged]})
        return
    for transaction in found:
        sys.stdout.write("\n".join(_lines(transaction)) + "\n")
    for fault in damaged:
        sys.stdout.write("\n".join(fault.lines()) + "\n")
    if not found and not damaged:
        sys.stdout.write("nothing stands open\n")


def _lines(transaction: Transaction) -> list[str]:
    from datetime import UTC, datetime

    from dinrail.host.undo import show
    from dinrail.units import S_NS

    began = datetime.fromtimestamp(transaction.began_ns // S_NS, UTC)
    state = "stands" if transaction.is_complete else "was interrupted"
    head = f"{transaction.id}: {transaction.purpose} ({transaction.owner}, {began:%Y-%m-%d %H:%M:%S} UTC): {state}"
    steps = zip(transaction.changes, transaction.states, strict=True)
    return [head, *(f"   {c.kind} {c.target}: {show(c.before)} -> {show(c.want)} ({s})" for c, s in steps)]
