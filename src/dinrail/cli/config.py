"""`dinrail schema` and `dinrail config check`: the configuration document, for editors and for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dinrail.cli.session import Session


def register(app: typer.Typer) -> None:
    app.command("schema")(schema)
    group = typer.Typer(no_args_is_help=True, help="The configuration document.")
    group.command("check")(check)
    group.callback()(_group)  # one command alone would become the group itself
    app.add_typer(group, name="config")


def _group() -> None:
    """The configuration document."""


def schema() -> None:
    """Print the document's JSON Schema, for editors."""
    from dinrail.cli.output import print_json
    from dinrail.config.document import schema as document_schema

    print_json(document_schema())


def check(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Else ./dinrail.toml, or /etc.")] = None,
) -> None:
    """Check a document without any host: every fault at once, each with its path. Exit code 2 for a faulty one."""
    from dinrail.config.document import find, load

    document = load(find(file))
    names = [guest.name for guest in document.guests]
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json({"path": str(document.path), "faults": [], "guests": names})
        return
    sys.stdout.write(f"{document.path}: no fault; guests: {', '.join(names) or 'none'}\n")
