"""`dinrail control isolate|release`: cores for the control alone, and back."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.isolation.case import Wish
    from dinrail.machine.change import ChangePlan
    from dinrail.machine.facts import HostFacts
    from dinrail.machine.realtime import FreeBsdRealTime


def register(app: typer.Typer) -> None:
    app.command("isolate")(isolate)
    app.command("release")(release)


def isolate(
    context: typer.Context,
    core: Annotated[list[int], typer.Option(metavar="N", min=0, help="A core for the control. May be repeated.")],
    interrupts: Annotated[bool, typer.Option(help="Move interrupts off these cores.")] = True,
    governor: Annotated[bool, typer.Option(help="Run these cores at full speed always.")] = True,
    unthrottled: Annotated[
        bool, typer.Option("--unthrottled", help="Take the kernel's limit off real-time tasks.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, and rehearse it on a recorded host; change nothing.")
    ] = False,
) -> None:
    """Give cores to the control alone: nobody else is scheduled there, interrupts move. `release` takes it back."""
    from dinrail.isolation.case import Wish
    from dinrail.isolation.rules import TOPICS

    session = Session.of(context)
    wish = Wish(frozenset(core), interrupts=interrupts, governor=governor, unthrottled=unthrottled)
    facts = session.facts(*TOPICS)
    if facts.freebsd_realtime is not None:
        _show_freebsd(session, facts, facts.freebsd_realtime, wish, dry_run=dry_run)
        return
    from dinrail.isolation.plan import plan_isolation

    plan = plan_isolation(facts, wish)
    if dry_run:
        _rehearse(session, plan)
    else:
        _carry_out(session, plan)


def release(context: typer.Context) -> None:
    """Give the control's cores back: everything as it was before `isolate`, where it still stands so."""
    from dinrail.cli.undo import require_machine, show_report
    from dinrail.host import claims
    from dinrail.host.journal import open_journal
    from dinrail.host.lease import Leases
    from dinrail.host.paths import Paths
    from dinrail.host.undo import UndoReport

    session = Session.of(context)
    require_machine(session, "release")
    paths, port = Paths.default(), session.host()
    journal = open_journal(paths, port)
    found = claims.isolations(journal)
    if not found:
        show_report(UndoReport(), as_json=session.as_json)
        return
    claims.require_privilege(port, "release")
    changes = [change for transaction in found for change in transaction.changes]
    with claims.take_all(Leases(paths.leases), claims.leased_by(changes), owner="control release"):
        show_report(journal.undo_these(t.id for t in found), as_json=session.as_json)


def _carry_out(session: Session, plan: ChangePlan) -> None:
    from dinrail.cli.undo import require_machine
    from dinrail.host import claims
    from dinrail.host.journal import open_journal
    from dinrail.host.lease import Leases
    from dinrail.host.paths import Paths

    require_machine(session, "isolate")
    paths, port = Paths.default(), session.host()
    made = claims.claim(port, open_journal(paths, port), Leases(paths.leases), plan, owner="control isolate")
    if session.as_json:
        from dinrail.cli.output import print_json

        print_json({"transaction": made})
        return
    states = zip(made.changes, made.states, strict=True)
    kept = [f"{change.kind} {change.target} stays {change.before}" for change, state in states if state == "skipped"]
    lines = [f"transaction {made.id}: {plan.purpose}, {len(made.changes) - len(kept)} changes"]
    _say([*lines, *kept] if made.changes else [f"{plan.purpose}: as wanted already"])


def _rehearse(session: Session, plan: ChangePlan) -> None:
    """Print the plan; on a recorded host also carry it out in memory, and back. Raises Refused for a blocked plan."""
    from dinrail.host.journal import refuse_blocked

    if session.as_json:
        from dinrail.cli.output import print_json

        print_json({"plan": plan, "blocked": bool(plan.blocked)})
    else:
        from dinrail.host.undo import show

        _say(
            [f"{c.kind} {c.target}: {show(c.before)} -> {show(c.want)}  ({c.why})" for c in plan.changes] or ["no step"]
        )
    refuse_blocked(plan, session.host())
    if session.host_file is not None:
        import tempfile
        from pathlib import Path

        from dinrail.host.claims import rehearse
        from dinrail.host.paths import Paths
        from dinrail.machine.sources import Topic

        with tempfile.TemporaryDirectory() as scratch:
            raw = session.host().fetch(Topic)
            rehearse(raw, plan, Paths(Path(scratch), Path(scratch)), label=str(session.host_file))
        if not session.as_json:
            _say(["rehearsed: it can be carried out and taken back"])


def _show_freebsd(session: Session, facts: HostFacts, host: FreeBsdRealTime, wish: Wish, *, dry_run: bool) -> None:
    """The commands for a person to run; dinrail does not change FreeBSD hosts yet."""
    from dinrail.errors import Refused
    from dinrail.finding import blocking, refusal
    from dinrail.isolation.freebsd_plan import commands, start_command
    from dinrail.isolation.rules import judge

    findings = judge(facts, wish)
    if blocking(findings):
        raise refusal("isolate is refused", findings, where=str(session.host_file or "this machine"))
    found = commands(host, wish)
    if not dry_run:
        raise Refused("dinrail does not change FreeBSD hosts yet", hint="--dry-run prints the commands to run by hand")
    start = start_command(wish, ("dinrail", "control", "run"))
    if session.as_json:
        from dinrail.cli.output import print_json

        print_json({"commands": found, "start": start})
        return
    _say([f"{shlex.join(c.argv)}  # {c.why}" for c in found])
    _say([f"{shlex.join(start)}  # start the control there", "# to take it back:"])
    _say([shlex.join(c.undo) for c in reversed(found) if c.undo])


def _say(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
