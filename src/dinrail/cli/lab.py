"""`dinrail lab`: the virtual industrial PC, on any machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from dinrail.lab.scenario import Outcome, Stage

app = typer.Typer(
    no_args_is_help=True,
    help="The virtual industrial PC: a whole machine with VT-d, GPU, NIC and USB controller, in QEMU, without KVM.",
)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="lab")


@app.callback()
def _lab(context: typer.Context) -> None:
    Session.of(context).require_this_machine()


TopologyOption = Annotated[
    str, typer.Option("--topology", "-t", metavar="NAME", help="Which machine; `dinrail lab list` shows them.")
]


class _Live:
    """Progress as people expect it: the running stage with its clock, a line for each that is done."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._title = ""
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def begin(self, stage: Stage) -> None:
        self._title = stage.title
        if self._out.is_terminal:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._out,
                transient=True,
            )
            self._task = self._progress.add_task(stage.title, total=None)
            self._progress.start()
        else:
            self._out.print(f"... {stage.title}", markup=False)

    def end(self, outcome: Outcome) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        mark = "[green]ok[/]" if outcome.ok else "[red]no[/]"
        self._out.print(f"{mark} {outcome.seconds:6.1f} s  {outcome.stage.title}: {outcome.result}", soft_wrap=True)

    def note(self, text: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"{self._title}: {text}")
        else:
            self._out.print(f"    {text}", markup=False)


@app.command()
def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where pictures and logs go.")] = Path("out/demo"),
) -> None:
    """From nothing to a guest on a passed-through GPU and back, with pictures of the monitor."""
    from dinrail.cli.output import console
    from dinrail.lab.scenario import new_play, play_scenario

    session = Session.of(context)
    live = _Live(console(stderr=session.as_json))
    play = new_play(out, live.note)
    outcomes = play_scenario(play, live)
    rows = [
        {"stage": o.stage.key, "title": o.stage.title, "seconds": round(o.seconds, 1), "result": o.result}
        for o in outcomes
    ]
    report = {"stages": rows, "versions": dict(play.parts.versions) if play.parts else {}, "out": str(out)}
    (out / "result.json").write_text(json.dumps(report, indent=2) + "\n")
    if session.as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    _table(outcomes, out)


def _table(outcomes: tuple[Outcome, ...], out: Path) -> None:
    from rich.table import Table

    from dinrail.cli.output import console

    table = Table(title="The first picture")
    table.add_column("stage")
    table.add_column("time", justify="right")
    table.add_column("result", overflow="fold")
    for outcome in outcomes:
        table.add_row(outcome.stage.title, f"{outcome.seconds:.1f} s", outcome.result)
    downloads = sum(o.seconds for o in outcomes if o.stage.is_download)
    rest = sum(o.seconds for o in outcomes if not o.stage.is_download)
    table.add_section()
    table.add_row("In all, without downloads", f"{rest:.1f} s", f"downloads and unpacking {downloads:.1f} s")
    screen = console()
    screen.print(table)
    screen.print(f"pictures, the guest's configuration and a transcript are in {out}/", markup=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context, topology: TopologyOption = "standard") -> None:
    """Boot a machine, run one command in it, exit with its code: `dinrail lab run -- dinrail doctor`."""
    from dinrail.lab import session
    from dinrail.lab.topology import topology_named

    raise typer.Exit(session.run(topology_named(topology), context.args, progress=_say))


@app.command()
def shell(topology: TopologyOption = "standard") -> None:
    """Boot a machine and give an interactive shell in it; leaving the shell switches it off."""
    from dinrail.lab import session
    from dinrail.lab.topology import topology_named

    raise typer.Exit(session.shell(topology_named(topology), progress=_say))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@app.command("list")
def list_(context: typer.Context) -> None:
    """The machines there are."""
    from dinrail.lab.topology import TOPOLOGIES

    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(list(TOPOLOGIES.values()))
        return
    from rich.table import Table

    from dinrail.cli.output import console

    table = Table("name", "what it is")
    for topology in TOPOLOGIES.values():
        table.add_row(topology.name, topology.summary)
    console().print(table)
