"""What all client commands of `dinrail ads` share: whom they ask, how long they wait, how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from dinrail.ads.client.connection import AdsClient
    from dinrail.ads.client.options import Options
    from dinrail.ams.address import AmsAddr
    from dinrail.ams.errors import AdsFault

T = TypeVar("T")

To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="HOST[:TCPPORT]",
        envvar="DINRAIL_ADS",
        help="Router or device to connect to.",
        show_default=True,
    ),
]
TargetNetId = Annotated[
    str | None,
    typer.Option("--net-id", metavar="NETID", help="The device's NetId; else the router's own, else asked by UDP."),
]
TargetPort = Annotated[
    str, typer.Option("--port", metavar="PORT", help="AMS port by number or name (plc, system-service).")
]
Patience = Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long an answer may take.")]
OwnNetId = Annotated[
    str | None,
    typer.Option("--own-net-id", metavar="NETID", help="Be this NetId, without asking a router for a port."),
]
DEFAULT_TO = "127.0.0.1"
DEFAULT_PORT = "851"
DEFAULT_TIMEOUT = "5 s"


@dataclass(frozen=True, slots=True)
class Where:
    """The options as they were given, and how the answer is wanted."""

    to: str
    net_id: str | None
    port: str
    timeout: str
    own_net_id: str | None
    as_json: bool

    @classmethod
    def of(cls, context: typer.Context, to: str, net_id: str | None, port: str, timeout: str, own: str | None) -> Where:
        """Raises BadRequest with `--host`: an archive answers no ADS."""
        session = Session.of(context)
        session.require_this_machine()
        return cls(to, net_id, port, timeout, own, session.as_json)

    def options(self, *, reconnect: bool) -> Options:
        """For the client. Raises BadRequest."""
        from dinrail.ads.client.options import How, Options
        from dinrail.ams.address import NetId
        from dinrail.units import S_NS, parse_duration

        seconds = parse_duration(self.timeout) / S_NS
        own = NetId.parse(self.own_net_id) if self.own_net_id is not None else None
        how = How.DIRECT if own is not None else How.AUTO
        return Options(timeout_s=seconds, connect_timeout_s=seconds, how=how, net_id=own, reconnect=reconnect)

    def ask(self, work: Callable[[AdsClient, AmsAddr], Awaitable[T]], *, reconnect: bool = False) -> T:
        """Connect, do the work with client and target, and leave properly. Raises what the work raises."""
        import asyncio

        from dinrail.ads.client.connection import AdsClient
        from dinrail.ads.client.target import Endpoint, net_id_of
        from dinrail.ams.address import AmsAddr, NetId, parse_port

        endpoint, port = Endpoint.parse(self.to), parse_port(self.port)
        net_id = NetId.parse(self.net_id) if self.net_id is not None else None

        async def all_of_it() -> T:
            async with await AdsClient.connect(
                endpoint.host, endpoint.port, self.options(reconnect=reconnect)
            ) as client:
                return await work(client, AmsAddr.of(net_id or await net_id_of(client), port))

        return asyncio.run(all_of_it())


def end_with(faults: list[AdsFault]) -> None:
    """Exit with the gravest code of what was already told; nothing when there is no fault."""
    if faults:
        raise typer.Exit(max(fault.exit_code for fault in faults))


def state_text(number: int) -> str:
    """`RUN`, or the number."""
    from dinrail.ams.state import AdsState

    return AdsState(number).name if number in list(AdsState) else f"state {number}"


def stamp_text(filetime: int) -> str:
    """A FILETIME as ISO 8601 in UTC with 100 ns: `2026-01-01T00:00:00.0000000Z`."""
    import datetime

    from dinrail.ams.notification import unix_ns

    seconds, rest = divmod(unix_ns(filetime), 1_000_000_000)
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"FILETIME {filetime}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 100:07}Z"


def json_line(value: object) -> None:
    """One JSON object on one line, at once: a reader follows it."""
    import json
    import sys

    from dinrail.cli.output import plain

    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table without frames. Cells are text, never markup: names come from a device."""
    from rich.table import Table
    from rich.text import Text

    from dinrail.cli.output import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def show_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Names and values, one a line; what is empty is left out."""
    from dinrail.cli.output import console

    out = console()
    for name, text in rows:
        if text:
            out.print(f"{name:<16}{text}", markup=False)
