"""`dinrail doctor`: will passthrough work on this host, and will control? Verdicts with their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.finding import Finding
    from dinrail.machine.facts import HostFacts
    from dinrail.pci.address import PciAddress


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    devices: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BDF]...", help="Judge these as handed to one guest; else each display card alone."),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Judge what stands between this machine and good cycles instead.")
    ] = False,
    core: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=0, help="With --realtime: a core wanted for the control. May be repeated."),
    ] = None,
) -> None:
    """Will passthrough work here? Verdicts with evidence, fix and check. Exit code 1 when something blocks."""
    if realtime or core:
        from dinrail.cli import doctor_realtime

        doctor_realtime.judge(Session.of(context), frozenset(core or ()), refused=bool(devices))
        return
    from dinrail.finding import blocking
    from dinrail.passthrough.rules import TOPICS
    from dinrail.pci.address import PciAddress

    session = Session.of(context)
    addresses = [PciAddress.parse(text) for text in devices or ()]
    facts = session.facts(*TOPICS)
    cards = [tuple(addresses)] if addresses else _cards(facts)
    findings = _findings(facts, cards)
    blocked = bool(blocking(findings))
    if session.as_json:
        from dinrail.cli.output import print_json

        print_json({"blocked": blocked, "judged": cards, "findings": findings})
    else:
        _print(cards, findings, blocked=blocked)
    if blocked:
        raise typer.Exit(1)


def _cards(facts: HostFacts) -> list[tuple[PciAddress, ...]]:
    """Each display function with those of its slot that share its group: what a user means by a card."""
    slots: dict[tuple[int, int, int], tuple[PciAddress, ...]] = {}
    for display in facts.functions:
        if display.is_display:
            here = display.address
            slot = tuple(
                f.address
                for f in facts.functions
                if f.address == here or (f.address.same_slot(here) and f.group == display.group and not f.is_bridge)
            )
            slots.setdefault((here.domain, here.bus, here.device), slot)
    return list(slots.values())


def _findings(facts: HostFacts, cards: list[tuple[PciAddress, ...]]) -> tuple[Finding, ...]:
    from dinrail.passthrough.rules import judge

    found = [finding for card in cards or [()] for finding in judge(facts, card)]
    return tuple(dict.fromkeys(found))


def _print(cards: list[tuple[PciAddress, ...]], findings: tuple[Finding, ...], *, blocked: bool) -> None:
    from dinrail.cli.output import console, print_findings

    out = console()
    print_findings(findings, out=out)
    judged = ", ".join(" with ".join(str(address) for address in card) for card in cards)
    if not judged:
        out.print("no display device here: name a device to judge, `dinrail doctor 03:00.0`", markup=False)
    verdict = "passthrough is blocked, see above" if blocked else "nothing blocks passthrough"
    out.print(f"{f'{judged}: ' if judged else ''}{verdict}", markup=False, style="bold")
