"""`dinrail plc`: Structured Text: new, check, build, and everything about a running program."""

from __future__ import annotations

import typer

from dinrail.cli import plc_build, plc_live, plc_run, plc_test

group = typer.Typer(no_args_is_help=True, help="Structured Text: projects, images, running programs.")

plc_build.register(group)
plc_run.register(group)
plc_test.register(group)
plc_live.register(group)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="plc")
