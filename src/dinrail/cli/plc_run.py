"""`dinrail plc run`: a program in a control of its own, on the real clock or on an injected one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.plc_build import NoChecks, Paths, image_of, loaded
from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen

    from rich.table import Table

    from dinrail.ads.symbols.place import Place
    from dinrail.cli.plc_values import Variables
    from dinrail.control.channel.reader import Channel
    from dinrail.iec.value import Value

_REFRESH_S = 0.1
_UP_S = 15.0
_MOST_SHOWN = 40


def register(group: typer.Typer) -> None:
    group.command(
        "run",
        epilog="Examples: dinrail plc run demo    dinrail plc run demo --cycles 1000 --print MAIN.nCount,MAIN.fRamp",
    )(run)


def run(
    context: typer.Context,
    paths: Paths,
    cycles: Annotated[
        int | None,
        typer.Option(
            "--cycles", min=0, metavar="N", help="N cycles of the fastest task on an injected clock, then end."
        ),
    ] = None,
    show: Annotated[
        str, typer.Option("--print", metavar="VAR,VAR", help="Variables to show; else all plain ones of MAIN.")
    ] = "",
    no_checks: NoChecks = False,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, metavar="S", help="Without --cycles: stop after so many seconds.")
    ] = None,
) -> None:
    """Build a program and run it.

    With --cycles: without a thread or real-time rights, on a clock that moves by one cycle time each cycle; the values
    at the end are printed, and FB_Exit runs behind them. Without: in a control process of its own, live values in the
    terminal, until Ctrl-C.
    """
    import tempfile

    session = Session.of(context)
    session.require_this_machine()
    project = loaded(paths, checks=not no_checks)
    image, _ = image_of(project)
    names = [name.strip() for name in show.split(",") if name.strip()]
    with tempfile.TemporaryDirectory(prefix="dinrail-plc-") as folder:
        place = Path(folder) / f"{project.name}.image"
        place.write_bytes(image)
        if cycles is not None:
            _stepped(place, cycles, names, as_json=session.as_json)
        else:
            _live(place, names, seconds, as_json=session.as_json)


def _stepped(image: Path, cycles: int, names: Sequence[str], *, as_json: bool) -> None:
    import time

    from dinrail.cli.plc_values import Variables
    from dinrail.control.stepped import Stepped

    with Stepped(image, image.with_name("channel"), wall_ns=time.time_ns()) as control:
        variables = Variables(control.image)
        places = _chosen(variables, names)
        if control.initial_fault is None:
            control.run(cycles)
        else:
            places = []
        texts = dict.fromkeys(tuple(control.fault_text(task)) for task in range(len(control.settings)))
        faults = [list(text) for text in texts if text]
        values = [(place, variables.read(control.channel, place)) for place in places] if cycles else []
        late = control.leave() if cycles else None
        if late is not None:
            faults.append(control.lines_of(late, "FB_Exit"))
        logged = [entry.text for entry in control.logged()]
        _say(values, faults, cycles, as_json=as_json, logged=logged)


def _say(
    values: Sequence[tuple[Place, Value]],
    faults: Sequence[list[str]],
    cycles: int,
    *,
    as_json: bool,
    shown: bool = False,
    logged: Sequence[str] = (),
) -> None:
    """Values, what was logged, and faults at the end; exit code 1 when there are faults.

    shown: people have seen the values already.
    """
    from dinrail.cli.output import print_json
    from dinrail.cli.plc_values import type_of
    from dinrail.iec.text import as_json as value_as_json
    from dinrail.iec.text import format_value

    if as_json:
        said = {place.path: value_as_json(type_of(place), value) for place, value in values}
        print_json({"cycles": cycles, "values": said, "faults": faults, "log": list(logged)})
    else:
        for place, value in () if shown else values:
            sys.stdout.write(f"{place.path} = {format_value(type_of(place), value)}\n")
        for text in logged:
            sys.stderr.write(f"log: {text}\n")
        for lines in faults:
            sys.stderr.write("\n".join(lines) + "\n")
    if faults:
        raise typer.Exit(1)


def _chosen(variables: Variables, names: Sequence[str]) -> list[Place]:
    """The named ones; without names the plain values of the first program (MAIN)."""
    from dinrail.iec.types import ElementaryType, EnumType, StringType, WStringType, resolve

    if names:
        return [variables.place(name) for name in names]
    symbols = [
        one for one in variables.table.symbols if one.name.upper().startswith("MAIN.")
    ] or variables.table.symbols
    simple = [
        one.name
        for one in symbols
        if isinstance(resolve(one.type), ElementaryType | EnumType | StringType | WStringType)
        and not one.name.startswith(("TwinCAT_", "Constants.", "__", "Global_Version."))
    ]
    return [variables.place(name) for name in simple[:_MOST_SHOWN]]


def _live(image: Path, names: Sequence[str], seconds: float | None, *, as_json: bool) -> None:
    import subprocess

    from dinrail.control.options import ControlOptions

    options = ControlOptions(image=image, channel=image.with_name("channel"))
    argv = [sys.executable, "-P", "-m", "dinrail.control", *options.argv(None)]
    log = image.with_name("control.log")
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        with _opened(options.channel, process, log) as channel:
            _show(channel, process, image, names, seconds, as_json=as_json)
    finally:
        process.terminate()
        process.wait()


def _opened(path: Path, process: Popen[bytes], log: Path) -> Channel:
    import time

    from dinrail.control.channel.reader import Channel
    from dinrail.errors import HostError

    deadline = time.monotonic() + _UP_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            told = tuple(log.read_text("utf-8", "replace").splitlines()[-10:])
            raise HostError("the control did not come up", where=str(path), details=told)
        time.sleep(0.01)
    return Channel.open(path)


def _show(
    channel: Channel, process: Popen[bytes], image: Path, names: Sequence[str], seconds: float | None, *, as_json: bool
) -> None:
    import contextlib
    import time

    from dinrail.cli.output import console
    from dinrail.cli.plc_values import Variables
    from dinrail.control.image import load_image

    variables = Variables(load_image(image))
    places = _chosen(variables, names)
    end = time.monotonic() + seconds if seconds else None
    with contextlib.suppress(KeyboardInterrupt):
        if sys.stdout.isatty() and not as_json:
            from rich.live import Live

            with Live(console=console(), auto_refresh=False) as live:
                while process.poll() is None and (end is None or time.monotonic() < end):
                    live.update(_table(channel, variables, places), refresh=True)
                    time.sleep(_REFRESH_S)
        else:
            while process.poll() is None and (end is None or time.monotonic() < end):
                time.sleep(_REFRESH_S)
    _say_end(channel, variables, places, as_json=as_json)


def _say_end(channel: Channel, variables: Variables, places: Sequence[Place], *, as_json: bool) -> None:
    from dinrail.control.channel.reader import fault_lines

    values = [(place, variables.read(channel, place)) for place in places]
    found = map(channel.fault, range(len(channel.tasks)))
    faults = [fault_lines(fault) for fault in found if fault is not None]
    _say(values, faults, channel.statistics(0).cycle_count, as_json=as_json, shown=sys.stdout.isatty())


def _table(channel: Channel, variables: Variables, places: Sequence[Place]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from dinrail.cli.plc_values import type_of
    from dinrail.control.channel.reader import text_of
    from dinrail.iec.text import format_value

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("variable", "value", "type"):
        table.add_column(heading)
    for place in places:
        kind = type_of(place)
        table.add_row(Text(place.path), Text(format_value(kind, variables.read(channel, place))), Text(kind.name))
    told = []
    for number in range(len(channel.tasks)):
        record = channel.statistics(number)
        told.append(
            f"{text_of(record.name)} {record.cycle_ns / 1e6:g} ms: {record.cycle_count} cycles,"
            f" latency {record.latency_last_ns / 1e3:.0f} us (most {record.latency_max_ns / 1e3:.0f}),"
            f" execution {record.execution_last_ns / 1e3:.1f} us, {record.overruns} overruns"
        )
    table.caption = "\n".join(told)
    table.caption_justify = "left"
    return table
