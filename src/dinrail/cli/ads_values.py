"""`dinrail ads read`, `write`, `call`: values of variables by name, or bytes by address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dinrail.ads.client.calls import Called
    from dinrail.ads.client.connection import AdsClient
    from dinrail.ams.address import AmsAddr
    from dinrail.ams.errors import AdsFault
    from dinrail.iec.symbol import Symbol
    from dinrail.iec.types import IecType, Method

Spot = tuple[int, int, int]
_At = Annotated[
    str | None, typer.Option("--at", metavar="GROUP:OFFSET[:SIZE]", help="An address instead of names: 0x4020:0:4.")
]


def register(group: typer.Typer) -> None:
    group.command("read", epilog="Example: dinrail ads read MAIN.nCount 'MAIN.aAxes[2]' --to 192.168.0.231")(read)
    # So that -5 is a value.
    negative = {"ignore_unknown_options": True}
    example = "Example: dinrail ads write MAIN.fSpeed 2.5 MAIN.tDelay T#1s200ms"
    group.command("write", epilog=example, context_settings=negative)(write)
    example = "Example: dinrail ads call MAIN.fbAdder Add 40 b=2"
    group.command("call", epilog=example, context_settings=negative)(call)


def read(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Variables, members, elements.")
    ] = None,
    at: _At = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print bytes in hexadecimal.")] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Read variables with their types, many in one request. One that cannot be read does not stop the others.

    Exit code 0 when all were read, else that of the gravest fault.
    """
    from dinrail.errors import BadRequest

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    if bool(names) == (at is not None):
        raise BadRequest("read takes either names or --at", hint="dinrail ads read MAIN.nCount")
    if at is not None:
        _show_bytes(where, *_read_at(where, at))
        return
    wanted = list(dict.fromkeys(names or ()))
    found = where.ask(lambda client, target: _read(client, target, wanted))
    _show_values(where, found, raw=raw)
    opt.end_with([one for one in found.values() if not isinstance(one, tuple)])


async def _read(client: AdsClient, target: AmsAddr, names: list[str]) -> dict[str, tuple[Symbol, bytes] | AdsFault]:
    from dinrail.ads.client.symbols import SymbolClient

    plc = SymbolClient(client, target)
    if len(names) == 1:  # its fault is the whole answer, with all that helps
        return {names[0]: await plc.read_raw(names[0])}
    return dict(zip(names, await plc.read_many(names), strict=True))


def _read_at(where: opt.Where, at: str) -> tuple[Spot, bytes]:
    spot = parse_spot(at)

    async def work(client: AdsClient, target: AmsAddr) -> bytes:
        return await client.read(target, *spot)

    return spot, where.ask(work)


def _show_bytes(where: opt.Where, spot: Spot, data: bytes) -> None:
    from dinrail.cli.output import print_json

    group, offset, _ = spot
    if where.as_json:
        print_json({"group": group, "offset": offset, "size_bytes": len(data), "bytes": data})
    else:
        opt.show_rows([(f"{group:#x}:{offset}", data.hex(" "))])


def _show_values(where: opt.Where, found: dict[str, tuple[Symbol, bytes] | AdsFault], *, raw: bool) -> None:
    from dinrail.cli.output import print_json

    if where.as_json:
        print_json([_as_dict(name, one, raw=raw) for name, one in found.items()])
        return
    rows = [
        (
            name,
            *((_shown(one[0].type, one[1], raw=raw), one[0].type.name) if isinstance(one, tuple) else (one.what, "")),
        )
        for name, one in found.items()
    ]
    opt.show_table(("name", "value", "type"), rows)


def _shown(kind: IecType, data: bytes, *, raw: bool) -> str:
    from dinrail.iec.text import format_value
    from dinrail.iec.value import decode

    return data.hex(" ") if raw else format_value(kind, decode(kind, data))


def _as_dict(name: str, one: tuple[Symbol, bytes] | AdsFault, *, raw: bool) -> dict[str, object]:
    from dinrail.iec.text import as_json
    from dinrail.iec.value import decode

    if not isinstance(one, tuple):
        return {"name": name} | one.as_dict()
    symbol, data = one
    value: object = data.hex() if raw else as_json(symbol.type, decode(symbol.type, data))
    return {"name": name, "type": symbol.type.name, "value": value}


def write(
    context: typer.Context,
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME VALUE]...", help="Variables, each followed by its new value.")
    ] = None,
    at: _At = None,
    data: Annotated[str | None, typer.Option("--hex", metavar="BYTES", help="With --at: what to write there.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write what is declared read-only.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Write variables, values as IEC literals or JSON, and show them before and after.

    All values are checked against their types before the first one is written. A structure may be given in part:
    '(bOn := TRUE)' leaves its other members.
    """
    from dinrail.errors import BadRequest

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    words = pairs or []
    if bool(words) == (at is not None) or (at is None) != (data is None) or len(words) % 2:
        raise BadRequest(
            "write takes names, each with its value; or --at with --hex", hint="dinrail ads write MAIN.nCount 5"
        )
    if at is not None and data is not None:
        _write_at(where, at, _from_hex(data), dry_run=dry_run)
        return
    wanted = dict(zip(words[::2], words[1::2], strict=True))
    changes = where.ask(lambda client, target: _write(client, target, wanted, force=force, dry_run=dry_run))
    _show_written(where, changes, dry_run=dry_run)
    opt.end_with([one.fault for one in changes if one.fault is not None])


@dataclass(frozen=True, slots=True)
class _Change:
    """One variable that was, or would be, written. `wanted` and `after` are its bytes."""

    name: str
    symbol: Symbol
    before: bytes
    wanted: bytes
    after: bytes
    fault: AdsFault | None


async def _write(
    client: AdsClient, target: AmsAddr, wanted: dict[str, str], *, force: bool, dry_run: bool
) -> list[_Change]:
    from dinrail.ads.client.symbols import SymbolClient, check_writable
    from dinrail.iec.text import parse_bytes

    plc = SymbolClient(client, target)
    before = {name: await plc.read_raw(name) for name in wanted}
    data: dict[str, bytes] = {}
    for name, (symbol, now) in before.items():
        check_writable(symbol, force=force)
        data[name] = parse_bytes(symbol.type, wanted[name], base=now, where=name)
    refused = {} if dry_run else await plc.write_raw_many(data)
    changes: list[_Change] = []
    for name, (symbol, old) in before.items():
        after = old if dry_run else (await plc.read_raw(name))[1]
        changes.append(_Change(name, symbol, old, data[name], after, refused.get(name)))
    return changes


def _show_written(where: opt.Where, changes: list[_Change], *, dry_run: bool) -> None:
    from dinrail.cli.output import print_json
    from dinrail.iec.text import as_json
    from dinrail.iec.value import decode

    if where.as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "type": one.symbol.type.name,
                    "before": as_json(one.symbol.type, decode(one.symbol.type, one.before)),
                    "wanted": as_json(one.symbol.type, decode(one.symbol.type, one.wanted)),
                    "after": as_json(one.symbol.type, decode(one.symbol.type, one.after)),
                    "written": not dry_run and one.fault is None,
                    "fault": None if one.fault is None else one.fault.as_dict(),
                }
                for one in changes
            ]
        )
        return
    rows: list[tuple[str, ...]] = []
    for one in changes:
        kind = one.symbol.type
        last = _shown(kind, one.wanted if dry_run else one.after, raw=False)
        note = one.fault.what if one.fault is not None else ""
        rows.append((one.name, _shown(kind, one.before, raw=False), last, kind.name, note))
    opt.show_table(("name", "before", "would be" if dry_run else "after", "type", ""), rows)


def _write_at(where: opt.Where, at: str, data: bytes, *, dry_run: bool) -> None:
    from dinrail.cli.output import print_json
    from dinrail.errors import BadRequest

    group, offset, size = parse_spot(at)
    if at.count(":") == 2 and size != len(data):
        raise BadRequest(f"--hex has {len(data)} bytes, --at says {size}", where=at)

    async def work(client: AdsClient, target: AmsAddr) -> tuple[bytes, bytes]:
        before = await client.read(target, group, offset, len(data))
        if dry_run:
            return before, before
        await client.write(target, group, offset, data)
        return before, await client.read(target, group, offset, len(data))

    before, after = where.ask(work)
    if where.as_json:
        print_json({"group": group, "offset": offset, "before": before, "wanted": data, "after": after})
    else:
        opt.show_rows([("before", before.hex(" ")), ("after", after.hex(" "))])


def parse_spot(text: str) -> Spot:
    """(group, offset, size) from `0x4020:0:4`; without a size it is 4. Raises BadRequest."""
    from dinrail.errors import BadRequest

    parts = text.split(":")
    try:
        numbers = [int(part, 0) for part in parts]
    except ValueError:
        numbers = []
    limit = 1 << 32
    if len(numbers) not in (2, 3) or not all(0 <= number < limit for number in numbers):
        raise BadRequest(f"{text!r} is no address", hint="GROUP:OFFSET or GROUP:OFFSET:SIZE, like 0x4020:0:4")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 4


def _from_hex(text: str) -> bytes:
    from dinrail.errors import BadRequest

    try:
        return bytes.fromhex(text)
    except ValueError as fault:
        raise BadRequest(f"{text!r} is not hexadecimal", hint="like DEADBEEF or 'de ad be ef'") from fault


def call(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="INSTANCE", help="A function block: MAIN.fbAdder.")],
    method: Annotated[str, typer.Argument(metavar="METHOD", help="One of its methods with the attribute TcRpcEnable.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[VALUE|NAME=VALUE]...", help="Its inputs, in order or by name.")
    ] = None,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Call a method of a function block (RPC), and print what it returns."""
    from dinrail.cli.output import print_json
    from dinrail.iec.text import as_json, format_value

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    declared, called = where.ask(lambda client, target: _call(client, target, path, method, inputs or []))
    kinds = {one.name: one.type for one in declared.parameters}
    returns = declared.returns
    if where.as_json:
        value = None if returns is None or called.value is None else as_json(returns, called.value)
        print_json(
            {"value": value, "outputs": {name: as_json(kinds[name], one) for name, one in called.outputs.items()}}
        )
        return
    rows = [(name, format_value(kinds[name], one)) for name, one in called.outputs.items()]
    if returns is not None and called.value is not None:
        rows.insert(0, (declared.name, format_value(returns, called.value)))
    opt.show_rows(rows or [(declared.name, "done")])


async def _call(
    client: AdsClient, target: AmsAddr, path: str, method: str, words: Sequence[str]
) -> tuple[Method, Called]:
    from dinrail.ads.client.calls import method_of, signature
    from dinrail.ads.client.symbols import SymbolClient
    from dinrail.errors import BadRequest
    from dinrail.iec.text import parse
    from dinrail.iec.types import Passing

    plc = SymbolClient(client, target)
    declared = method_of((await plc.symbol(path)).type, method, path)
    wanted = {one.name.lower(): one for one in declared.parameters if one.passing is not Passing.OUT}
    order = list(wanted.values())
    named: dict[str, object] = {}
    for at, word in enumerate(words):
        name, equals, text = word.partition("=")
        parameter = wanted.get(name.lower()) if equals else None
        if parameter is None:  # a value; it may have an = of its own
            if at >= len(order):
                raise BadRequest(f"{declared.name} takes {len(order)} inputs", where=path, hint=signature(declared))
            parameter, text = order[at], word
        if parameter.name in named:
            raise BadRequest(f"{parameter.name} is given twice", where=path, hint=signature(declared))
        named[parameter.name] = parse(parameter.type, text, where=f"{path}#{declared.name}, {parameter.name}")
    return declared, await plc.call(path, method, **named)
