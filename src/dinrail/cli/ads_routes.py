"""`dinrail ads route`: routes of a router, and our own route in another device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt
from dinrail.cli import ads_static

if TYPE_CHECKING:
    from dinrail.ads.client.connection import AdsClient
    from dinrail.ams.address import AmsAddr, NetId
    from dinrail.ams.remote import AddRemote

ENVIRONMENT = "DINRAIL_ADS_PASSWORD"


def register(group: typer.Typer) -> None:
    route = typer.Typer(no_args_is_help=True, help="Routes: who is reached how, and who knows us.")
    route.command("list", epilog="Example: dinrail ads route list --to 192.168.0.231")(list_routes)
    route.command("add", epilog="Example: dinrail ads route add --remote 192.168.0.231 --user Administrator")(add)
    ads_static.register(route)
    route.command("remove", epilog="Example: dinrail ads route remove plc-1")(remove)
    group.add_typer(route, name="route")


def list_routes(
    context: typer.Context,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """List the routes of a router, by its system service."""
    from dinrail.ads.client.routes import routes_of
    from dinrail.cli.output import print_json

    where = opt.Where.of(context, to, net_id, "system-service", timeout, own_net_id)
    found = where.ask(routes_of)
    if where.as_json:
        print_json([_as_dict(one) for one in found])
    else:
        rows = [(one.name, str(one.net_id), one.address, _transport(one), " ".join(_flags(one))) for one in found]
        opt.show_table(("name", "NetId", "address", "by", ""), rows)


def add(
    context: typer.Context,
    route: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME NETID ADDRESS]", help="A route for the router at --to.")
    ] = None,
    remote: Annotated[
        str | None, typer.Option("--remote", metavar="HOST", help="Make this device know us instead, by UDP.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="With --remote: our name there; else our host's.")] = None,
    own_address: Annotated[
        str | None, typer.Option("--own-address", metavar="HOST", help="With --remote: how it reaches us.")
    ] = None,
    user: Annotated[str, typer.Option("--user", help="With --remote: a user of that device.")] = "Administrator",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    temporary: Annotated[bool, typer.Option("--temporary", help="Until the router's next start.")] = False,
    unidirectional: Annotated[
        bool, typer.Option("--unidirectional", help="From there only answers and notification requests.")
    ] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
    udp_port: Annotated[int, typer.Option("--udp-port", min=1, max=65535, hidden=True)] = 48899,
) -> None:
    """Add a route: to the router at --to, or with --remote one that leads from another device back to us.

    The password is asked for, or taken from standard input or the variable DINRAIL_ADS_PASSWORD; never from the
    command line, which others can see.
    """
    from dinrail.cli.output import print_json
    from dinrail.errors import BadRequest

    where = opt.Where.of(context, to, net_id, "system-service", timeout, own_net_id)
    if (remote is None) != (route is not None and len(route) == 3) or (remote is not None and route):
        raise BadRequest(
            "route add takes NAME NETID ADDRESS, or --remote HOST",
            hint="dinrail ads route add plc-1 5.80.201.232.1.1 192.168.0.231",
        )
    if remote is None:
        told = where.ask(
            lambda client, target: _add_here(client, target, route or [], temporary=temporary, one_way=unidirectional)
        )
    else:
        told = _add_there(
            where,
            remote,
            name=name,
            own_address=own_address,
            user=user,
            password=password_of(user, remote, from_stdin=password_stdin),
            temporary=temporary,
            udp_port=udp_port,
        )
    if where.as_json:
        print_json(told)
    else:
        opt.show_rows([(key.replace("_", " "), str(value)) for key, value in told.items()])


async def _add_here(
    client: AdsClient, target: AmsAddr, words: list[str], *, temporary: bool, one_way: bool
) -> dict[str, object]:
    from dinrail.ams.address import NetId
    from dinrail.ams.remote import AddRemote, RemoteFlag
    from dinrail.ams.service import ServiceGroup

    name, net_id, address = words
    flags = (RemoteFlag.TEMPORARY if temporary else 0) | (RemoteFlag.UNIDIRECTIONAL if one_way else 0)
    wanted = AddRemote(NetId.parse(net_id), address, name, flags=int(flags))
    await client.write(target, ServiceGroup.ADD_REMOTE, 0, wanted.encode(), where=f"route {name}")
    return {"added": name, "net_id": net_id, "address": address, "at": str(target.net_id)}


def _add_there(
    where: opt.Where,
    remote: str,
    *,
    name: str | None,
    own_address: str | None,
    user: str,
    password: str,
    temporary: bool,
    udp_port: int,
) -> dict[str, object]:
    import asyncio
    import platform

    from dinrail.ads.client.udp import add_route, own_ip
    from dinrail.ams.address import NetId
    from dinrail.ams.discovery import AddRoute
    from dinrail.units import S_NS, parse_duration

    timeout_s = parse_duration(where.timeout) / S_NS
    host = name or platform.node() or "dinrail"

    async def work() -> AddRoute:
        address = own_address or await own_ip(remote)
        ours = NetId.parse(where.own_net_id) if where.own_net_id else await _own_net_id(where, address)
        route = AddRoute(ours, address, host, user, password, temporary)
        await add_route(remote, route, port=udp_port, timeout_s=timeout_s)
        return route

    route = asyncio.run(work())
    return {"added": route.name, "net_id": str(route.net_id), "address": route.address, "at": remote}


async def _own_net_id(where: opt.Where, address: str) -> NetId:
    """The local router's, where there is one, as its clients speak with it; else our address's with `.1.1`."""
    import asyncio

    from dinrail.ads.client.connection import AdsClient
    from dinrail.ads.client.faults import LinkLost
    from dinrail.ads.client.target import Endpoint
    from dinrail.ams.address import NetId

    endpoint = Endpoint.parse(where.to)
    try:
        async with asyncio.timeout(2.0):
            client = await AdsClient.connect(endpoint.host, endpoint.port, where.options(reconnect=False))
    except (LinkLost, TimeoutError):
        return NetId.of_ipv4(address)
    async with client:
        return client.router_net_id or NetId.of_ipv4(address)


def password_of(user: str, remote: str, *, from_stdin: bool) -> str:
    """From standard input, the environment, or by asking; never from the command line. Raises BadRequest."""
    import os
    import sys

    from dinrail.errors import BadRequest

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given = os.environ.get(ENVIRONMENT)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise BadRequest(
            "no password", where=f"user {user} at {remote}", hint=f"--password-stdin, or the variable {ENVIRONMENT}"
        )
    return str(typer.prompt(f"password of {user} at {remote}", hide_input=True, err=True))


def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The route's name, as `route list` tells it.")],
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Remove a route from the router at --to."""
    from dinrail.cli.output import print_json

    where = opt.Where.of(context, to, net_id, "system-service", timeout, own_net_id)
    told = where.ask(lambda client, target: _remove(client, target, name))
    if where.as_json:
        print_json(told)
    else:
        opt.show_rows([(key, str(value)) for key, value in told.items()])


async def _remove(client: AdsClient, target: AmsAddr, name: str) -> dict[str, object]:
    from dinrail.ams.service import ServiceGroup
    from dinrail.ams.text import encode_text

    await client.write(target, ServiceGroup.DELETE_REMOTE, 0, encode_text(name) + b"\0", where=f"route {name}")
    return {"removed": name, "at": str(target.net_id)}


def _as_dict(one: AddRemote) -> dict[str, object]:
    return {
        "name": one.name,
        "net_id": str(one.net_id),
        "address": one.address,
        "transport": _transport(one),
        "flags": _flags(one),
        "timeout_s": one.timeout_s,
    }


def _transport(one: AddRemote) -> str:
    from dinrail.ams.remote import Transport

    return (
        Transport(one.transport).name.lower().replace("_", "/")
        if one.transport in list(Transport)
        else str(one.transport)
    )


def _flags(one: AddRemote) -> list[str]:
    from dinrail.ams.remote import RemoteFlag

    return [flag.name.lower().replace("_", "-") for flag in RemoteFlag if one.flags & flag and flag.name]
