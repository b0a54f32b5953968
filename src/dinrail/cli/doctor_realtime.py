"""`dinrail doctor --realtime`: what stands between this machine and good cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from dinrail.cli.session import Session


def judge(session: Session, cores: frozenset[int], *, refused: bool) -> None:
    """Print the findings; exit code 1 when something prevents good cycles. Without cores one is suggested and judged.

    refused: devices were named too, which belong to the other judgement. Raises BadRequest for that.
    """
    from dinrail.errors import BadRequest
    from dinrail.finding import blocking
    from dinrail.isolation import rules
    from dinrail.isolation.case import Wish

    if refused:
        raise BadRequest("--realtime judges cores, not devices", hint="`--core N`, or leave --realtime out")
    facts = session.facts(*rules.TOPICS)
    suggested = None if cores else rules.suggested_core(facts)
    wanted = cores or frozenset(() if suggested is None else (suggested,))
    findings = rules.judge(facts, Wish(wanted))
    blocked = bool(blocking(findings))
    if session.as_json:
        from dinrail.cli.output import print_json

        answer = {"blocked": blocked, "cores": sorted(wanted), "suggested": suggested, "findings": findings}
        print_json(answer)
    else:
        from dinrail.cli.output import console, print_findings

        out = console()
        print_findings(findings, out=out)
        judged = f"core {', '.join(map(str, sorted(wanted)))}{'' if suggested is None else ' (suggested)'}: "
        verdict = "something prevents good cycles, see above" if blocked else "nothing prevents cycles"
        out.print(f"{judged if wanted else ''}{verdict}", markup=False, style="bold")
    if blocked:
        raise typer.Exit(1)
