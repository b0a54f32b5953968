"""`dinrail control run|status|faults|start|stop|reset`: the process, its tasks and what became of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.control.channel.layout import Request
    from dinrail.control.channel.reader import Channel

_EDGES_US = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750)
_CHANNEL = typer.Option("--channel", metavar="FILE", help="Which control; else the one that `dinrail up` starts.")
ChannelPath = Annotated[Path | None, _CHANNEL]


def register(app: typer.Typer) -> None:
    for command in (run, status, faults, start, stop, reset):
        app.command(command.__name__)(command)


def run(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="What `dinrail plc build` wrote.")],
    channel: ChannelPath = None,
    retain: Annotated[
        Path | None, typer.Option("--retain", metavar="FILE", help="Where RETAIN and PERSISTENT are kept.")
    ] = None,
    core: Annotated[
        list[int] | None, typer.Option("--core", metavar="N", min=0, help="Cores for the tasks; may be repeated.")
    ] = None,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=851, max=899, help="AMS port of the application.")
    ] = 851,
    stopped: Annotated[bool, typer.Option("--stopped", help="Begin in STOP.")] = False,
) -> None:
    """Run an image's tasks here, in the foreground, until Ctrl-C or SIGTERM (`dinrail up` runs it on its own)."""
    import signal
    import subprocess

    from dinrail.control.options import ControlOptions
    from dinrail.files import ensure_directory

    Session.of(context).require_this_machine()
    place = place_of(channel)
    _refuse_second(place)
    ensure_directory(place.parent)
    kept = None if retain is None else retain.absolute()
    cores = tuple(core or ())
    options = ControlOptions(
        image.absolute(), place.absolute(), kept, cores=cores, start=not stopped, port=port, group=_router_s_group()
    )
    # A process of its own: what is loaded here must be locked in memory by nobody.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "dinrail.control", *options.argv(None)], start_new_session=True
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: process.terminate())
    raise typer.Exit(process.wait())


def _router_s_group() -> int | None:
    """Who else may map the channel: the router, where we are root and it is not."""
    from dinrail.daemon.launch import router_group
    from dinrail.errors import HostError

    try:
        return router_group()
    except HostError:
        return None  # there is no user for one: nobody else needs the channel


def status(
    context: typer.Context,
    channel: ChannelPath = None,
    histogram: Annotated[bool, typer.Option("--histogram", help="Draw how late cycles began and how long.")] = False,
) -> None:
    """The control's state, and each task's cycles, latencies and execution times. Exit code 3 when it is not up."""
    Session.of(context).require_this_machine()
    with _open(channel) as opened:
        facts = _facts(opened)
        if Session.of(context).as_json:
            from dinrail.cli.output import print_json

            print_json(facts)
            return
        _print_status(facts)
        if histogram:
            _print_histograms(opened)


def faults(context: typer.Context, channel: ChannelPath = None) -> None:
    """Why tasks stopped: the fault, the POU and line, and the call path. Exit code 1 while a task stands in a fault."""
    from dinrail.control.channel.layout import State
    from dinrail.control.channel.reader import fault_lines, text_of

    Session.of(context).require_this_machine()
    told = []
    with _open(channel) as opened:
        for index, task in enumerate(opened.tasks):
            fault = opened.fault(index)
            if fault is not None:
                standing = opened.statistics(index).state == State.EXCEPTION
                told.append(
                    {
                        "task": text_of(task.name),
                        "code": fault.code,
                        "count": fault.count,
                        "cycle": fault.cycle_count,
                        "wall_ns": fault.wall_ns,
                        "stands": standing,
                        "lines": fault_lines(fault),
                    }
                )
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(told)
    else:
        sys.stdout.write("\n".join(_fault_text(fault) for fault in told) + "\n" if told else "no task has faulted\n")
    if any(fault["stands"] for fault in told):
        raise typer.Exit(1)


def start(context: typer.Context, channel: ChannelPath = None) -> None:
    """To RUN: the programs run in each cycle."""
    from dinrail.control.channel.layout import Request

    _ask(context, channel, Request.START)


def stop(
    context: typer.Context,
    channel: ChannelPath = None,
    config: Annotated[bool, typer.Option("--config", help="To CONFIG: the tasks end, too.")] = False,
) -> None:
    """To STOP: tasks cycle on without their programs; outputs go to their safe values."""
    from dinrail.control.channel.layout import Request

    _ask(context, channel, Request.CONFIG if config else Request.STOP)


def reset(
    context: typer.Context,
    channel: ChannelPath = None,
    origin: Annotated[bool, typer.Option("--origin", help="Forget RETAIN and PERSISTENT variables, too.")] = False,
) -> None:
    """All data as after loading, faults gone, then STOP."""
    from dinrail.control.channel.layout import Request

    _ask(context, channel, Request.RESET_ORIGIN if origin else Request.RESET)


def place_of(channel: Path | None) -> Path:
    """The channel that is named, or that of `dinrail up`."""
    if channel is not None:
        return channel
    from dinrail.daemon.control import ControlFiles
    from dinrail.host.paths import Paths

    return ControlFiles.of(Paths.default()).channel


def _open(channel: Path | None) -> Channel:
    """Raises HostError when no control lives there."""
    from dinrail.control.channel.alive import is_gone
    from dinrail.control.channel.reader import Channel
    from dinrail.errors import HostError

    place = place_of(channel)
    opened = Channel.open(place)
    if is_gone(opened.header):
        pid = opened.header.control_pid
        opened.close()
        raise HostError(f"its control has ended, pid {pid}", where=str(place), hint="dinrail up")
    return opened


def _refuse_second(place: Path) -> None:
    from dinrail.errors import FormatError, HostError, Refused

    if not place.exists():
        return
    try:
        with _open(place) as opened:
            pid = opened.header.control_pid
    except (HostError, FormatError):
        return
    raise Refused(f"a control runs there already, pid {pid}", where=str(place), hint="name another --channel")


def _ask(context: typer.Context, channel: Path | None, request: Request) -> None:
    from dinrail.control.channel.request import ask

    Session.of(context).require_this_machine()
    text = ask(place_of(channel), request)
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json({"request": request.name.lower(), "state": text.lower()})
    else:
        sys.stdout.write(f"{text}\n")


def _facts(opened: Channel) -> dict[str, Any]:
    from dinrail.control.channel.layout import Realtime
    from dinrail.control.channel.reader import state_text, text_of

    header = opened.header
    return {
        "state": state_text(header.state),
        "application": text_of(header.application),
        "pid": header.control_pid,
        "port": header.ads_port,
        "image": text_of(header.image_path),
        "restart_index": header.restart_index,
        "online_changes": header.online_change_count,
        "realtime": {flag.name.lower(): bool(header.realtime & flag) for flag in Realtime if flag.name},
        "tasks": [_task_facts(opened, index) for index in range(len(opened.tasks))],
        "exchanges": [
            {"name": text_of(one.name), "stale_cycles": one.stale_cycles}
            for one in map(opened.exchange, range(header.exchange_count))
        ],
    }


def _task_facts(opened: Channel, index: int) -> dict[str, Any]:
    from dinrail.control.channel.layout import ANY_CORE
    from dinrail.control.channel.reader import state_text, text_of

    task = opened.statistics(index)
    counted = sum(opened.histogram(index)), sum(opened.histogram(index, execution=True))
    facts: dict[str, Any] = {
        "name": text_of(task.name),
        "state": state_text(task.state),
        "cycle_ns": task.cycle_ns,
        "priority": task.priority,
        "core": None if task.core == ANY_CORE else task.core,
        "cycles": task.cycle_count,
    }
    for name, count in zip(("latency", "execution"), counted, strict=True):
        facts[name] = {
            "last_ns": getattr(task, f"{name}_last_ns"),
            "min_ns": getattr(task, f"{name}_min_ns") if count else 0,
            "mean_ns": getattr(task, f"{name}_sum_ns") // count if count else 0,
            "max_ns": getattr(task, f"{name}_max_ns"),
        }
    names = ("overruns", "missed_cycles", "exceeded", "dropped", "outdated", "change_waits", "stack_bytes")
    facts |= {name: getattr(task, name) for name in (*names, "stack_used_bytes")}
    return facts | {"forced_bytes": len(opened.forces(index))}


def _fault_text(fault: dict[str, Any]) -> str:
    import time

    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(fault["wall_ns"] / 1e9))
    more = f", the {fault['count']}th of this task" if fault["count"] > 1 else ""
    head = f"{stamp}, cycle {fault['cycle']}{more}" + ("" if fault["stands"] else " (it runs again)")
    return "\n".join([head, *(f"  {line}" for line in fault["lines"])])


def _print_status(facts: dict[str, Any]) -> None:
    from rich.table import Table

    from dinrail.cli.output import console

    out = console()
    missing = [name for name, had in facts["realtime"].items() if not had]
    changes = f", {facts['online_changes']} online changes" if facts["online_changes"] else ""
    out.print(f"{facts['application']}: {facts['state']}, pid {facts['pid']}, port {facts['port']}{changes}")
    if missing:
        out.print(f"  without: {', '.join(missing)} (its log says why)", style="yellow")
    table = Table(box=None, pad_edge=False)
    for name in ("task", "state", "cycle", "prio", "core", "cycles", "late us", "takes us", "missed", "exceeded"):
        table.add_column(name, justify="left" if name in ("task", "state") else "right")
    for task in facts["tasks"]:
        table.add_row(
            *(task["name"], task["state"], f"{task['cycle_ns'] / 1e6:g} ms", str(task["priority"])),
            *("any" if task["core"] is None else str(task["core"]), str(task["cycles"])),
            *(_spread(task["latency"]), _spread(task["execution"]), str(task["missed_cycles"]), str(task["exceeded"])),
        )
    out.print(table)
    for one in facts["exchanges"]:
        out.print(f"driver {one['name']}: {one['stale_cycles']} cycles since it gave something new", markup=False)


def _spread(times: dict[str, int]) -> str:
    """min / mean / max in us."""
    return " / ".join(f"{times[name] / 1000:.1f}" for name in ("min_ns", "mean_ns", "max_ns"))


def _print_histograms(opened: Channel) -> None:
    from dinrail.control.channel.reader import text_of

    for index, task in enumerate(opened.tasks):
        for title, execution in (("begins late by", False), ("takes", True)):
            sys.stdout.write(f"{text_of(task.name)} {title}\n")
            sys.stdout.write("".join(f"  {line}\n" for line in bars(opened.histogram(index, execution=execution))))


def bars(counts: tuple[int, ...]) -> list[str]:
    """A histogram of 1 us bins as lines of characters. Bars are logarithmic: one late cycle in a million is seen."""
    from itertools import pairwise
    from math import log10

    edges = (0, *_EDGES_US, len(counts) - 1, len(counts))
    rows = [
        (f"< {high} us" if high < len(counts) else f">= {low} us", sum(counts[low:high]))
        for low, high in pairwise(edges)
    ]
    most = max(count for _, count in rows)
    seen = [number for number, (_, count) in enumerate(rows) if count]
    return [
        f"{label:>10} {count:>10} {'#' * round((log10(count) + 1) * 50 / (log10(most) + 1)) if count else ''}".rstrip()
        for number, (label, count) in enumerate(rows)
        if seen and seen[0] <= number <= seen[-1]
    ]
