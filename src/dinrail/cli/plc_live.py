"""`dinrail plc watch`, `force`, `unforce`, `forced`, `online-change`: what is done to a running program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt
from dinrail.cli.control_run import ChannelPath, place_of
from dinrail.cli.plc_build import Paths, image_of, loaded
from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.ads.client.connection import AdsClient
    from dinrail.ams.address import AmsAddr


def register(group: typer.Typer) -> None:
    from dinrail.cli import ads_watch

    group.command("watch", epilog="Example: dinrail plc watch 'MAIN.*'")(ads_watch.watch)
    group.command("force", epilog="Example: dinrail plc force MAIN.bBlink TRUE")(force)
    group.command("unforce", epilog="Example: dinrail plc unforce MAIN.bBlink    (no name: all)")(unforce)
    group.command("forced")(forced)
    group.command("online-change", epilog="Example: dinrail plc online-change demo")(online_change)


def force(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The variable.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As written in Structured Text: TRUE, 16#FF, T#1s.")],
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Keep a variable at a value: after inputs are read, and before outputs are written, until it is let go."""
    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)

    async def ask(client: AdsClient, target: AmsAddr) -> None:
        from dinrail.ads.client.symbols import SymbolClient
        from dinrail.bridge.forcing import FORCE_GROUP
        from dinrail.iec.text import parse_bytes

        plc = SymbolClient(client, target)
        symbol = await plc.symbol(name)
        data = parse_bytes(symbol.type, value, where=name)
        await client.read_write(target, FORCE_GROUP, 0, 0, name.encode() + b"\0" + data)

    where.ask(ask)


def unforce(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The variable; else all.")] = "",
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Let a forced variable go, or all."""
    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)

    async def ask(client: AdsClient, target: AmsAddr) -> None:
        from dinrail.bridge.forcing import UNFORCE_GROUP

        await client.read_write(target, UNFORCE_GROUP, 0, 0, name.encode() + b"\0")

    where.ask(ask)


def forced(
    context: typer.Context,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """What is forced, and at which values."""
    from dinrail.cli.output import print_json

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    rows = where.ask(_forced)
    if where.as_json:
        print_json([{"name": name, "type": kind, "value": value} for name, kind, value in rows])
    elif rows:
        opt.show_table(("variable", "type", "value"), rows)
    else:
        sys.stdout.write("nothing is forced\n")


async def _forced(client: AdsClient, target: AmsAddr) -> list[tuple[str, str, str]]:
    from dinrail.ads.client.symbols import SymbolClient
    from dinrail.bridge.forcing import LIST_GROUP, parse
    from dinrail.iec.text import format_value
    from dinrail.iec.value import decode

    plc = SymbolClient(client, target)
    rows = []
    for one in parse(await client.read(target, LIST_GROUP, 0, 1 << 20)):
        if one.bit >= 0:
            rows.append(
                (one.name or f"{one.group:#x}:{one.offset}.{one.bit}", "BOOL", "TRUE" if one.value[0] else "FALSE")
            )
            continue
        kind = (await plc.symbol(one.name)).type if one.name else None
        is_whole = kind is not None and kind.size_bytes == len(one.value)
        if kind is not None and is_whole:
            rows.append((one.name, kind.name, format_value(kind, decode(kind, one.value))))
        else:
            rows.append((one.name or f"{one.group:#x}:{one.offset}", "bytes", one.value.hex(" ")))
    return rows


def online_change(context: typer.Context, paths: Paths, channel: ChannelPath = None) -> None:
    """Let a changed program take over between two cycles; variables of the same name and type keep their values.

    Refused with every reason, and nothing changed, when the new program's data cannot carry on. The next start of the
    control runs what its document names: build that, too.
    """
    import tempfile

    from dinrail.cli.output import print_json
    from dinrail.control.channel.layout import Request
    from dinrail.control.channel.request import ask
    from dinrail.errors import HostError

    session = Session.of(context)
    session.require_this_machine()
    path = place_of(channel)
    if not path.exists():
        raise HostError("no control runs", where=str(path), hint="dinrail up, or name its channel: --channel FILE")
    project = loaded(paths)
    image, _ = image_of(project)
    with tempfile.NamedTemporaryFile(prefix=f"{project.name}-", suffix=".image") as file:
        file.write(image)
        file.flush()
        text = ask(path, Request.SWAP, file.name.encode())  # the control takes a copy of its own
    if session.as_json:
        print_json({"application": project.name, "text": text.splitlines()})
    else:
        sys.stdout.write(text.rstrip() + "\n")
