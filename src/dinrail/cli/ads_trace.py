"""`dinrail ads trace`: what AMS traffic says, from a capture file or as it passes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.ams.address import AMS_TCP_PORT
from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.ads.trace.flows import Flows
    from dinrail.ads.trace.live import ProxyCounters
    from dinrail.ads.trace.packet import Endpoint
    from dinrail.ads.trace.pcap import CaptureReader
    from dinrail.ads.trace.tracer import Event, Tracer


def register(group: typer.Typer) -> None:
    """Hang `trace` into the `ads` group."""
    trace = typer.Typer(
        name="trace",
        help="Tell AMS traffic in words, and capture it.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    trace.command("decode")(decode)
    trace.command("capture")(capture)
    group.add_typer(trace)


def decode(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pcap or pcapng file; `-` reads standard input.")],
    tcp_port: Annotated[
        list[int] | None, typer.Option("--tcp-port", metavar="PORT", help="TCP ports that carry AMS, next to 48898.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NETID[:PORT]", help="Show only what this address sends or gets.")
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Show only errors, and frames that cannot be read.")] = False,
) -> None:
    """Tell every AMS frame of a capture: one line each, or one JSON object each with --json."""
    import json
    import sys

    from dinrail.ads.trace.flows import Flows
    from dinrail.ads.trace.live import read_events
    from dinrail.ads.trace.pcap import CaptureReader
    from dinrail.ads.trace.tracer import Tracer
    from dinrail.errors import FormatError, HostError

    session = Session.of(context)
    chosen = _chosen(only)
    flows, tracer, reader = Flows({AMS_TCP_PORT, *(tcp_port or [])}), Tracer(), CaptureReader()
    try:
        stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as fault:
        raise HostError(f"cannot be opened: {fault.strerror}", where=str(file)) from fault
    with stream:
        try:
            for event in read_events(stream, flows, tracer, reader):
                if _is_wanted(event, chosen, errors=errors):
                    line = json.dumps(event.as_dict(), ensure_ascii=False) if session.as_json else event.line()
                    sys.stdout.write(line + "\n")
        except FormatError as fault:
            fault.where = str(file)
            raise
    for remark in _remarks(flows, tracer, reader):
        sys.stderr.write(f"dinrail: {remark}\n")


def _chosen(only: str | None) -> str:
    """How an event's addresses begin that is to be shown."""
    from dinrail.ams.address import AmsAddr, NetId

    if only is None:
        return ""
    return str(AmsAddr.parse(only)) if ":" in only else f"{NetId.parse(only)}:"


def _is_wanted(event: Event, chosen: str, *, errors: bool) -> bool:
    from dinrail.ads.trace.tracer import Kind

    if errors and not (event.error or event.fields.get("failed") or event.kind is Kind.MALFORMED):
        return False
    if not chosen:
        return True
    ends = (event.sender.partition(" ")[0], event.receiver.partition(" ")[0])
    return any(end.startswith(chosen) if chosen.endswith(":") else end == chosen for end in ends)


def _remarks(flows: Flows, tracer: Tracer, reader: CaptureReader) -> list[str]:
    """What a reader of the trace has to know about the capture."""
    counters = flows.counters
    found = {
        "packets could not be read (cut short, fragments)": counters.unreadable,
        "places where bytes are missing, or a connection was joined in the middle": counters.gaps,
        "bytes were no AMS frames": counters.skipped_bytes,
        "connections were given up for lack of memory": counters.given_up,
        "requests had no answer": tracer.unanswered,
        "bytes at the end of the file are half a packet": reader.pending_bytes,
    }
    return [f"{count} {text}" for text, count in found.items() if count]


def capture(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The pcap file to write. It must not exist.")],
    to: Annotated[str, typer.Option("--to", metavar="HOST[:PORT]", help="Where connections are passed on to.")],
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDR[:PORT]", help="Where clients connect to.")
    ] = "127.0.0.1",
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Stop writing when the file has so many MB.")] = 1024,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after this time; else by Ctrl-C.")
    ] = None,
) -> None:
    """Pass AMS connections on and write down both directions, until Ctrl-C or --for."""
    import asyncio
    import sys

    from dinrail.ads.trace.live import parse_endpoint
    from dinrail.cli.output import print_json
    from dinrail.errors import HostError
    from dinrail.units import S_NS, parse_duration

    session = Session.of(context)
    session.require_this_machine()
    seconds = None if duration is None else parse_duration(duration) / S_NS
    target, here = (parse_endpoint(text, default_port=AMS_TCP_PORT) for text in (to, listen))
    try:
        with out.open("xb") as stream:
            try:
                counters, frames, dropped = asyncio.run(_run(stream.write, target, here, max_mb << 20, seconds))
            except HostError:  # nothing was captured: the name is free for the next try
                out.unlink()
                raise
    except OSError as fault:
        raise HostError(f"cannot be written: {fault.strerror}", where=str(out)) from fault
    if session.as_json:
        print_json({"file": str(out), "pieces": frames, "dropped": dropped} | _counters(counters))
        return
    sys.stdout.write(f"{out}: {counters.connections} connections, {frames} pieces")
    sys.stdout.write(f", {dropped} more did not fit\n" if dropped else "\n")


def _counters(counters: ProxyCounters) -> dict[str, object]:
    return {
        "connections": counters.connections,
        "failed": counters.failed,
        "turned_away": counters.turned_away,
        "bytes_to_target": counters.bytes_to_target,
        "bytes_to_client": counters.bytes_to_client,
    }


async def _run(
    write: Callable[[bytes], object], target: Endpoint, here: Endpoint, max_bytes: int, seconds: float | None
) -> tuple[ProxyCounters, int, int]:
    """Run the proxy until a signal, the time's end, or a fault of the file (which is raised)."""
    import asyncio
    import signal
    import sys

    from dinrail.ads.trace.live import CaptureProxy
    from dinrail.ads.trace.recorder import FrameRecorder

    done = asyncio.Event()
    faults: list[OSError] = []

    def failed(fault: OSError) -> None:
        faults.append(fault)
        done.set()

    recorder = FrameRecorder(write, max_bytes=max_bytes)
    proxy = CaptureProxy(target, recorder, failed)
    port = await proxy.start(here)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    sys.stderr.write(f"dinrail: listening on {here.address} port {port}, passing on to {target}\n")
    sys.stderr.flush()
    try:
        async with asyncio.timeout(seconds):
            await done.wait()
    except TimeoutError:
        pass
    finally:
        await proxy.stop()
    if faults:
        raise faults[0]
    return proxy.counters, recorder.frames, recorder.dropped
