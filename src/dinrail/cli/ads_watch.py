"""`dinrail ads watch`, `record`: follow variables as they change."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from dinrail.ads.client.connection import AdsClient
    from dinrail.ads.client.subscription import Rhythm
    from dinrail.ads.client.symbols import Reading, SymbolClient, Told
    from dinrail.ams.address import AmsAddr
    from dinrail.ams.errors import AdsFault

_Cycle = Annotated[str, typer.Option("--cycle", metavar="TIME", help="How often the device looks.")]
_Delay = Annotated[
    str, typer.Option("--max-delay", metavar="TIME", help="How long the device may gather samples before it sends.")
]
_For = Annotated[str | None, typer.Option("--for", metavar="TIME", help="Stop after this time; else by Ctrl-C.")]
_RATE_SAMPLES = 50
_REFRESH_S = 0.25
_MAX_SHOWN = 200
"""Characters of a value in the live table; lines have all of it."""


def register(group: typer.Typer) -> None:
    group.command("watch", epilog="Example: dinrail ads watch MAIN.nCount 'GVL.*' --cycle '50 ms'")(watch)
    group.command("record", epilog="Example: dinrail ads record plc.jsonl 'MAIN.*' --for '60 s'")(record)


@dataclass(slots=True)
class _Row:
    """What is known of one watched variable."""

    name: str
    kind: str = ""
    value: str = ""
    stamp: int = 0
    changes: int = 0
    data: bytes | None = None
    fault: str = ""
    stamps: deque[int] = field(default_factory=lambda: deque(maxlen=_RATE_SAMPLES))

    @property
    def rate(self) -> str:
        """Samples per second by the device's clock."""
        if len(self.stamps) < 2 or self.stamps[-1] <= self.stamps[0]:
            return ""
        return f"{(len(self.stamps) - 1) * 10_000_000 / (self.stamps[-1] - self.stamps[0]):.1f}"


def watch(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME|PATTERN...", help="Variables, or patterns of names.")],
    cycle: _Cycle = "100 ms",
    max_delay: _Delay = "0 ms",
    every: Annotated[bool, typer.Option("--every", help="Every cycle's value, changed or not.")] = False,
    lines: Annotated[bool, typer.Option("--lines", help="A line for each sample, also on a terminal.")] = False,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many samples.")] = None,
    duration: _For = None,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Follow variables: a live table on a terminal, else a line for each sample (a JSON object with --json).

    It goes on after program changes, restarts and lost connections. Time stamps are the device's.
    """
    import sys

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    rhythm, seconds = _rhythm(cycle, max_delay, every=every), _seconds(duration)
    alive = sys.stdout.isatty() and not (lines or where.as_json)
    shower = _Watch(count=count, alive=alive, as_json=where.as_json)
    where.ask(lambda client, target: shower.run(client, target, names, rhythm, seconds), reconnect=True)
    opt.end_with(shower.faults)


class _Watch:
    """One run of `watch`."""

    def __init__(self, *, count: int | None, alive: bool, as_json: bool) -> None:
        self.rows: dict[str, _Row] = {}
        self.faults: list[AdsFault] = []
        self._told: list[Told] = []
        self._count = count
        self._seen = 0
        self._alive = alive
        self._as_json = as_json

    async def run(
        self, client: AdsClient, target: AmsAddr, names: Sequence[str], rhythm: Rhythm, seconds: float | None
    ) -> None:
        import asyncio

        from dinrail.ads.client.symbols import SymbolClient
        from dinrail.ams.errors import AdsFault

        plc = SymbolClient(client, target)
        self._stop = stop_event()
        chosen = await choose(plc, names)
        self.rows = {name: _Row(name) for name in chosen}
        found = await asyncio.gather(
            *(plc.subscribe(name, rhythm, callback=self._take) for name in chosen), return_exceptions=True
        )
        for name, one in zip(chosen, found, strict=True):
            if isinstance(one, AdsFault):
                self.faults.append(one)
                self._refused(name, one)
            elif isinstance(one, BaseException):
                raise one
            else:
                self._told.append(one)
                self.rows[name].kind = one.symbol.type.name
        if self.faults and not self._told:
            raise self.faults[0]
        if self._alive:
            await self._live(client, seconds)
        else:
            await wait_for(self._stop, seconds)

    async def _live(self, client: AdsClient, seconds: float | None) -> None:
        from rich.live import Live

        from dinrail.cli.output import console

        with Live(self._table(client), console=console(), auto_refresh=False) as live:
            left = seconds
            while not self._stop.is_set() and (left is None or left > 0):
                await wait_for(self._stop, _REFRESH_S)
                left = None if left is None else left - _REFRESH_S
                live.update(self._table(client), refresh=True)

    def _table(self, client: AdsClient) -> Table:
        from rich.table import Table
        from rich.text import Text

        from dinrail.iec.literal import shorten

        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("name", "value", "type", "time stamp (UTC)", "changes", "rate/s"):
            table.add_column(heading, justify="right" if heading in ("changes", "rate/s") else "left")
        for told in self._told:
            fault = told.subscription.fault
            self.rows[told.path].fault = "" if fault is None else fault.what
        for row in self.rows.values():
            stamp = opt.stamp_text(row.stamp) if row.stamp else ""
            cells = (row.name, shorten(row.fault or row.value, _MAX_SHOWN), row.kind, stamp, str(row.changes), row.rate)
            table.add_row(*map(Text, cells), style="red" if row.fault else None)
        if not client.is_up:
            table.caption = "no connection; trying again"
        return table

    def _take(self, reading: Reading) -> None:
        from dinrail.iec.text import format_value

        row = self.rows[reading.path]
        row.changes += row.data is not None and row.data != reading.data
        row.data, row.stamp, row.fault, row.kind = reading.data, reading.stamp, "", reading.symbol.type.name
        row.stamps.append(reading.stamp)
        row.value = reading.data.hex(" ") if reading.value is None else format_value(reading.symbol.type, reading.value)
        if self._stop.is_set():
            return
        if not self._alive:
            from dinrail.cli.output import let_go_of_stdout

            try:
                self._say(reading, row)
            except BrokenPipeError:
                let_go_of_stdout()
                self._stop.set()
                return
        self._seen += 1
        if self._seen == self._count:
            self._stop.set()

    def _say(self, reading: Reading, row: _Row) -> None:
        import sys

        from dinrail.iec.text import as_json

        stamp = opt.stamp_text(reading.stamp)
        if self._as_json:
            value = None if reading.value is None else as_json(reading.symbol.type, reading.value)
            line = {"name": row.name, "type": row.kind, "value": value, "stamp": stamp, "filetime": reading.stamp}
            opt.json_line(line)
        else:
            sys.stdout.write(f"{stamp}  {row.name}  {row.value}\n")
            sys.stdout.flush()

    def _refused(self, name: str, fault: AdsFault) -> None:
        import sys

        self.rows[name].fault = fault.what
        if self._as_json:
            opt.json_line({"name": name} | fault.as_dict())
        elif not self._alive:
            sys.stderr.write("dinrail: " + "\n".join(fault.lines()) + "\n")


def record(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; - for standard output.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|PATTERN]...", help="Variables, or patterns; else all.")
    ] = None,
    cycle: _Cycle = "100 ms",
    duration: _For = None,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Record a PLC: its symbols, its types, and what its variables do, until Ctrl-C or --for.

    `dinrail ads serve --device FILE` plays it. An existing FILE is not overwritten.
    """
    from dinrail.errors import BadRequest, HostError

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    rhythm, seconds = _rhythm(cycle, "0 ms", every=False), _seconds(duration)
    if str(file) == "-" and where.as_json:
        raise BadRequest("a recording and --json both want standard output", hint="name a file")

    def record_to(write: Callable[[str], object]) -> None:
        where.ask(lambda c, t: _record(c, t, names or ["*"], rhythm, seconds, write, where.as_json), reconnect=True)

    try:
        if str(file) == "-":
            record_to(_write_through)
        else:
            with file.open("x", encoding="utf-8", buffering=1) as out:
                record_to(out.write)
    except FileExistsError as fault:
        raise BadRequest("there is such a file already", where=str(file), hint="another name, or remove it") from fault
    except BrokenPipeError:  # of standard output: `main` knows what that means
        raise
    except OSError as fault:
        raise HostError("the file cannot be written", where=str(file), why=fault.strerror) from fault


def _write_through(text: str) -> None:
    """Each line at once: somebody may follow it."""
    import sys

    sys.stdout.write(text)
    sys.stdout.flush()


@dataclass(slots=True)
class _Sink:
    """Where a recording goes. A full disk, or a reader that went away, ends it: callbacks have nobody to raise to."""

    to: Callable[[str], object]
    stop: asyncio.Event
    fault: OSError | None = None

    def write(self, text: str) -> None:
        if self.fault is not None:
            return
        try:
            self.to(text)
        except OSError as fault:
            self.fault = fault
            self.stop.set()


async def _record(
    client: AdsClient,
    target: AmsAddr,
    names: Sequence[str],
    rhythm: Rhythm,
    seconds: float | None,
    write: Callable[[str], object],
    as_json: bool,
) -> None:
    import datetime
    import sys

    from dinrail.ads.client.record import Recorder
    from dinrail.ads.client.symbols import SymbolClient

    stop = stop_event()
    plc = SymbolClient(client, target)
    sink = _Sink(write, stop)
    recorder = Recorder(plc, sink.write)
    await recorder.start(await choose(plc, names), rhythm, started=datetime.datetime.now(datetime.UTC).isoformat())
    left = seconds
    while not stop.is_set() and (left is None or left > 0):
        await wait_for(stop, 1.0 if left is None else min(1.0, left))
        left = None if left is None else left - 1.0
        recorder.flush()
        told = {
            "variables": recorder.variables,
            "samples": recorder.samples,
            "seconds": recorder.duration_ns / 1e9,
            "connected": client.is_up,
            "refused": sorted(recorder.faults),
        }
        if as_json:
            opt.json_line(told)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r{recorder.variables} variables, {recorder.samples} samples ")
    await recorder.stop()
    if sink.fault is not None:
        raise sink.fault
    if not as_json:
        sys.stderr.write(f"\r{recorder.variables} variables, {recorder.samples} samples\n")
        for name, fault in recorder.faults.items():
            sys.stderr.write(f"dinrail: {name} was not recorded: {fault.what}\n")


async def choose(plc: SymbolClient, names: Sequence[str]) -> list[str]:
    """Names as they are, patterns as the variables that fit. Raises BadRequest when nothing fits one."""
    from dinrail.ads.client.record import recordable
    from dinrail.cli.ads_browse import matches
    from dinrail.errors import BadRequest

    chosen: list[str] = []
    for name in names:
        if "*" not in name and "?" not in name:
            chosen.append(name)
            continue
        fits = recordable({one.name: one.type for one in await plc.symbols() if matches(name, one.name)})
        if not fits:
            raise BadRequest(f"no variable fits {name!r}", hint="`dinrail ads symbols` lists them")
        chosen += fits
    return list(dict.fromkeys(chosen))


def stop_event() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM: the usual end of what runs until it is stopped, with everything given back."""
    import asyncio
    import signal

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def wait_for(stop: asyncio.Event, seconds: float | None) -> None:
    """Until it is set, or the time is over."""
    import asyncio
    import contextlib

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _rhythm(cycle: str, max_delay: str, *, every: bool) -> Rhythm:
    from dinrail.ads.client.subscription import Rhythm
    from dinrail.ams.state import TransMode
    from dinrail.units import S_NS, parse_duration

    mode = TransMode.SERVER_CYCLE if every else TransMode.SERVER_ON_CHANGE
    return Rhythm(mode, parse_duration(cycle) / S_NS, parse_duration(max_delay) / S_NS)


def _seconds(text: str | None) -> float | None:
    from dinrail.units import S_NS, parse_duration

    return None if text is None else parse_duration(text) / S_NS
