"""`dinrail gpu`: plan a claim, carry it out, give the device back. For any PCI function, GPUs first of all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.host.port import HostPort
    from dinrail.machine.change import ChangePlan
    from dinrail.pci.address import PciAddress

_Devices = Annotated[
    list[str], typer.Argument(metavar="BDF...", help="All functions that go together: `01:00.0 01:00.1`.")
]
_Headless = Annotated[
    bool, typer.Option("--headless-ok", help="Insist, although the host loses its only picture (have a way in).")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Hand PCI functions to vfio for a guest, and take them back.")
    group.command("plan")(plan)
    group.command("claim")(claim)
    group.command("release")(release)
    app.add_typer(group, name="gpu")


def plan(context: typer.Context, devices: _Devices, headless_ok: _Headless = False) -> None:
    """Show what a claim would change, and whether it is allowed. Touches nothing. Exit code 1 when it is not."""
    session = Session.of(context)
    found = _plan(session.host(), _addresses(devices), headless_ok=headless_ok)
    if session.as_json:
        from dinrail.cli.output import print_json

        shown = {"purpose": found.purpose, "blocked": bool(found.blocked), "changes": found.changes}
        print_json({**shown, "findings": found.findings})
    else:
        _print_plan(found)
    if found.blocked:
        raise typer.Exit(1)


def claim(
    context: typer.Context,
    devices: _Devices,
    headless_ok: _Headless = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Rehearse every step and its undo in memory; works with --host FILE.")
    ] = False,
) -> None:
    """Hand the functions to vfio-pci, so that a guest can have them. Stays until `gpu release` or a reboot."""
    from dinrail.cli.undo import require_machine
    from dinrail.host import claims
    from dinrail.host.journal import open_journal
    from dinrail.host.lease import Leases
    from dinrail.host.paths import Paths

    session = Session.of(context)
    addresses = _addresses(devices)
    port, paths = session.host(), Paths.default()
    if dry_run:
        _rehearse(port, _plan(port, addresses, headless_ok=headless_ok), as_json=session.as_json)
        return
    require_machine(session, "gpu claim")
    claims.require_privilege(port, "gpu claim")
    wanted = _plan(port, addresses, headless_ok=headless_ok)
    made = claims.claim(port, open_journal(paths, port), Leases(paths.leases), wanted, owner="gpu claim")
    if session.as_json:
        from dinrail.cli.output import print_json

        print_json({"transaction": made.id, "purpose": made.purpose, "changes": made.changes})
        return
    _print_warnings(wanted)
    done = f"transaction {made.id}, {len(made.changes)} steps" if made.changes else "it was claimed already"
    sys.stdout.write(f"{made.purpose}: {done}\n")


def release(context: typer.Context, devices: _Devices) -> None:
    """Give claimed functions back to the drivers that had them. What was claimed together is given back together."""
    from dinrail.cli.undo import require_machine, show_report
    from dinrail.host import claims
    from dinrail.host.journal import open_journal
    from dinrail.host.lease import Leases
    from dinrail.host.paths import Paths

    session = Session.of(context)
    addresses = _addresses(devices)
    require_machine(session, "gpu release")
    port, paths = session.host(), Paths.default()
    claims.require_privilege(port, "gpu release")
    report = claims.release(open_journal(paths, port), Leases(paths.leases), addresses, owner="gpu release")
    show_report(report, as_json=session.as_json)


def _addresses(devices: list[str]) -> tuple[PciAddress, ...]:
    from dinrail.pci.address import PciAddress

    return tuple(dict.fromkeys(PciAddress.parse(text) for text in devices))


def _plan(port: HostPort, addresses: tuple[PciAddress, ...], *, headless_ok: bool) -> ChangePlan:
    from dinrail.errors import BadRequest
    from dinrail.machine.read import read_facts
    from dinrail.passthrough.claim import plan_claim
    from dinrail.passthrough.rules import HEADLESS_OK, TOPICS

    facts = read_facts(port.fetch(TOPICS))
    missing = [address.short for address in addresses if facts.function(address) is None]
    if missing:
        raise BadRequest(
            f"no such device: {' '.join(missing)}", where=port.label, hint="choose one that `dinrail pci` lists"
        )
    return plan_claim(facts, addresses, waivers=frozenset({HEADLESS_OK} if headless_ok else ()))


def _rehearse(port: HostPort, wanted: ChangePlan, *, as_json: bool) -> None:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from dinrail.cli.output import print_json
    from dinrail.host.claims import rehearse
    from dinrail.host.paths import Paths
    from dinrail.passthrough.rules import TOPICS

    with TemporaryDirectory(prefix="dinrail-rehearsal-") as scratch:
        report = rehearse(port.fetch(TOPICS), wanted, Paths(Path(scratch), Path(scratch)), label=port.label)
    if as_json:
        print_json({"purpose": wanted.purpose, "changes": wanted.changes, "taken_back": report.steps})
        return
    _print_steps(wanted)
    sys.stdout.write(f"rehearsed on {port.label}, there and back; nothing was touched\n")


def _print_plan(wanted: ChangePlan) -> None:
    from dinrail.cli.output import print_findings

    print_findings(wanted.findings)
    _print_steps(wanted)
    sys.stdout.write("refused, see above\n" if wanted.blocked else "allowed: `dinrail gpu claim` carries it out\n")


def _print_steps(wanted: ChangePlan) -> None:
    from dinrail.host.undo import show

    lines = [f"{wanted.purpose}:"]
    lines += [
        f"  {number}. {c.kind} {c.target}: {show(c.before)} -> {show(c.want)}   {c.why}"
        for number, c in enumerate(wanted.changes, start=1)
    ]
    sys.stdout.write("\n".join(lines if wanted.changes else [*lines, "  nothing to do"]) + "\n")


def _print_warnings(wanted: ChangePlan) -> None:
    from dinrail.cli.output import console, print_findings
    from dinrail.finding import Severity

    warnings = tuple(f for f in wanted.findings if f.severity is Severity.WARN)
    if warnings:
        print_findings(warnings, out=console(stderr=True))
