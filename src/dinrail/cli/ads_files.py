"""`dinrail ads files`: a device's files, by its system service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.ads.client.connection import AdsClient
    from dinrail.ads.client.files import RemoteFile, RemoteName
    from dinrail.ams.address import AmsAddr

_Name = Annotated[str, typer.Argument(metavar="[PLACE:]NAME", help="boot:Plc/Port_851.app; without a place: generic.")]
_SERVICE = "system-service"


def register(group: typer.Typer) -> None:
    files = typer.Typer(no_args_is_help=True, help="A device's files, by its system service.")
    files.command("list", epilog="Example: dinrail ads files list 'boot:Plc/*' --to 192.168.0.231")(list_files)
    files.command("get", epilog="Example: dinrail ads files get boot:Plc/Port_851.app port.app")(get)
    files.command("put", epilog="Example: dinrail ads files put recipe.csv generic:recipes/recipe.csv")(put)
    files.command("remove", epilog="Example: dinrail ads files remove generic:recipes/old.csv --yes")(remove)
    group.add_typer(files, name="files")


def list_files(
    context: typer.Context,
    pattern: Annotated[
        str, typer.Argument(metavar="[PLACE:]PATTERN", help="Places: generic, boot, target, config, twincat, ...")
    ] = "*",
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """List files and directories that fit a pattern."""
    from dinrail.ads.client.files import RemoteFiles, RemoteName
    from dinrail.cli.output import print_json

    where = opt.Where.of(context, to, net_id, _SERVICE, timeout, own_net_id)
    wanted = RemoteName.parse(pattern)

    async def work(client: AdsClient, target: AmsAddr) -> list[RemoteFile]:
        return await RemoteFiles(client, target.net_id).list(wanted)

    found = where.ask(work)
    if where.as_json:
        print_json([_as_dict(one) for one in found])
    else:
        rows = [
            (one.name + ("/" if one.is_directory else ""), "" if one.is_directory else str(one.size_bytes), _time(one))
            for one in found
        ]
        opt.show_table(("name", "bytes", "modified (UTC)"), rows, right=("bytes",))


def get(
    context: typer.Context,
    name: _Name,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to; - for standard output.")] = None,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Fetch a file. An existing FILE is not overwritten; one that could not be fetched whole is not left behind."""
    import sys

    from dinrail.ads.client.files import RemoteName
    from dinrail.errors import BadRequest, HostError

    where = opt.Where.of(context, to, net_id, _SERVICE, timeout, own_net_id)
    wanted = RemoteName.parse(name)
    out = file or Path(wanted.name.replace("\\", "/").rpartition("/")[2])
    if str(out) == "-":
        _fetch(where, wanted, sys.stdout.buffer.write)
        return
    try:
        sink = out.open("xb")
    except FileExistsError as fault:
        raise BadRequest("there is such a file already", where=str(out), hint="another name, or remove it") from fault
    except OSError as fault:
        raise HostError("the file cannot be written", where=str(out), why=fault.strerror) from fault
    try:
        with sink:
            size = _fetch(where, wanted, sink.write)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    _say(where, {"file": str(out), "size_bytes": size}, f"{out}: {size} bytes")


def _fetch(where: opt.Where, wanted: RemoteName, write: Callable[[bytes], object]) -> int:
    from dinrail.ads.client.files import RemoteFiles

    async def work(client: AdsClient, target: AmsAddr) -> int:
        total = 0
        async for chunk in RemoteFiles(client, target.net_id).get(wanted):
            write(chunk)
            total += len(chunk)
        return total

    return where.ask(work)


def put(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to send; - for standard input.")],
    name: _Name,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Send a file. One of that name is replaced."""
    import sys

    from dinrail.ads.client.files import MAX_FILE_BYTES, RemoteFiles, RemoteName
    from dinrail.errors import BadRequest

    where = opt.Where.of(context, to, net_id, _SERVICE, timeout, own_net_id)
    wanted = RemoteName.parse(name)
    try:
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if str(file) == "-" else file.read_bytes()
    except OSError as fault:
        raise BadRequest("the file cannot be read", where=str(file), why=fault.strerror) from fault
    if len(data) > MAX_FILE_BYTES:
        raise BadRequest(f"more than {MAX_FILE_BYTES} bytes are not sent", where=str(file))

    async def work(client: AdsClient, target: AmsAddr) -> None:
        await RemoteFiles(client, target.net_id).put(wanted, data)

    where.ask(work)
    _say(where, {"name": name, "size_bytes": len(data)}, f"{name}: {len(data)} bytes")


def remove(
    context: typer.Context,
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", help="Really; there is no way back.")] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Delete a file of a device."""
    from dinrail.ads.client.files import RemoteFiles, RemoteName
    from dinrail.errors import Refused

    where = opt.Where.of(context, to, net_id, _SERVICE, timeout, own_net_id)
    wanted = RemoteName.parse(name)
    if not yes:
        raise Refused("this deletes a file of a device", where=name, hint="add --yes when that is meant")

    async def work(client: AdsClient, target: AmsAddr) -> None:
        await RemoteFiles(client, target.net_id).remove(wanted)

    where.ask(work)
    _say(where, {"removed": name}, f"{name} is gone")


def _say(where: opt.Where, fields: dict[str, object], text: str) -> None:
    import sys

    from dinrail.cli.output import print_json

    if where.as_json:
        print_json(fields)
    else:
        sys.stdout.write(text + "\n")


def _time(one: RemoteFile) -> str:
    return opt.stamp_text(one.modified)[:19].replace("T", " ") if one.modified else ""


def _as_dict(one: RemoteFile) -> dict[str, object]:
    return {
        "name": one.name,
        "size_bytes": one.size_bytes,
        "directory": one.is_directory,
        "modified": opt.stamp_text(one.modified) if one.modified else None,
    }
