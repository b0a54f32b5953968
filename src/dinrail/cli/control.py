"""`dinrail control`: the hard real-time half of the machine."""

from __future__ import annotations

import typer

from dinrail.cli import control_isolate, control_noise, control_run

app = typer.Typer(no_args_is_help=True, help="The control: its cores, how quiet they are, its process and tasks.")

control_run.register(app)
control_isolate.register(app)
control_noise.register(app)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="control")
