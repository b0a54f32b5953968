"""`dinrail ads route import` and `export`: StaticRoutes.xml, as TwinCAT keeps it, to and from a router."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt

if TYPE_CHECKING:
    from dinrail.ads.client.connection import AdsClient
    from dinrail.ads.router.routes import Route
    from dinrail.ams.address import AmsAddr
    from dinrail.ams.remote import AddRemote


def register(route: typer.Typer) -> None:
    route.command("import", epilog="Example: dinrail ads route import StaticRoutes.xml")(import_routes)
    route.command("export", epilog="Example: dinrail ads route export > StaticRoutes.xml")(export_routes)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one route of the file."""

    name: str
    net_id: str
    address: str
    outcome: str
    is_fault: bool = False


def import_routes(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A StaticRoutes.xml.")],
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Add the routes of a StaticRoutes.xml to a router. None that is there is touched; a faulty file adds nothing.

    Routes by TLS need a certificate's pin or a key, which such a file does not have: they are told, not added. Exit
    code 1 when any was not added.
    """
    from dinrail.ads.router.staticroutes import MAX_TEXT_BYTES, parse_static_routes
    from dinrail.cli.output import print_json
    from dinrail.files import read_file

    found = parse_static_routes(read_file(file, max_bytes=MAX_TEXT_BYTES + 1))
    where = opt.Where.of(context, to, net_id, "system-service", timeout, own_net_id)
    outcomes = where.ask(lambda client, target: _add_all(client, target, tuple(found.routes)))
    if where.as_json:
        rows = [{"name": o.name, "net_id": o.net_id, "address": o.address, "outcome": o.outcome} for o in outcomes]
        print_json({"routes": rows, "skipped": list(found.skipped)})
    else:
        opt.show_table(("name", "NetId", "address", ""), [(o.name, o.net_id, o.address, o.outcome) for o in outcomes])
        for sentence in found.skipped:
            sys.stderr.write(f"dinrail: {sentence}\n")
    if any(one.is_fault for one in outcomes):
        raise typer.Exit(1)


def export_routes(
    context: typer.Context,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Write the routes of a router as a StaticRoutes.xml to standard output. Routes by MQTT have no place there."""
    from dinrail.ads.client.routes import routes_of
    from dinrail.ads.router.staticroutes import render_static_routes
    from dinrail.ads.service.routes import route_of
    from dinrail.cli.output import print_json

    where = opt.Where.of(context, to, net_id, "system-service", timeout, own_net_id)
    text = render_static_routes(route_of(one) for one in where.ask(routes_of)).decode()
    if where.as_json:
        print_json({"xml": text})
    else:
        sys.stdout.write(text)


async def _add_all(client: AdsClient, target: AmsAddr, wanted: tuple[Route, ...]) -> list[_Outcome]:
    from dinrail.ads.client.routes import routes_of

    known = {one.net_id: one for one in await routes_of(client, target)}
    return [await _add(client, target, route, known.get(route.net_id)) for route in wanted]


async def _add(client: AdsClient, target: AmsAddr, route: Route, known: AddRemote | None) -> _Outcome:
    from dinrail.ads.router.routes import Transport
    from dinrail.ads.service.routes import remote_of
    from dinrail.ams.errors import AdsFault
    from dinrail.ams.service import ServiceGroup

    def told(outcome: str, *, is_fault: bool = True) -> _Outcome:
        return _Outcome(route.name, str(route.net_id), route.host, outcome, is_fault)

    if route.transport is not Transport.TCP:
        return told("not added: by TLS it needs `pin` or `psk`, in a table [[ads.route]] of the document")
    if known is not None and known.address.lower() == route.host.lower():
        return told("is there already", is_fault=False)
    if known is not None:
        return told(f"not added: that NetId is reached at {known.address} already")
    try:
        await client.write(target, ServiceGroup.ADD_REMOTE, 0, remote_of(route), where=f"route {route.name}")
    except AdsFault as fault:
        return told(f"not added: {fault.what}")
    return told("added", is_fault=False)
