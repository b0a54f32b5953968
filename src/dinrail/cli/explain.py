"""`dinrail explain`: what a message of the kernel or QEMU means, and what to do."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dinrail.cli.session import Session

_LIMIT_CHARS = 8 << 20


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="The message; without it, standard input is read.")
    ] = None,
) -> None:
    """Explain a log line or message: cause, rule, fix. Takes whole logs too: `dmesg | dinrail explain`."""
    from dinrail.errors import Refused
    from dinrail.passthrough import explain as table

    found = table.explain(" ".join(text) if text else sys.stdin.read(_LIMIT_CHARS))
    if not found:
        raise Refused(
            "no message in this text is known",
            hint="give the line as the program printed it; `dinrail doctor` judges the host without any message",
        )
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(found)
        return
    from dinrail.cli.output import console

    out = console()
    for explanation in found:
        known = explanation.known
        out.print(explanation.line, markup=False, style="bold")
        rows = (("from", known.speaker), ("cause", known.cause), ("fix", known.fix), ("rule", known.rule))
        for name, value in rows:
            if value:
                out.print(f"  {name:<6} {value}", markup=False)
