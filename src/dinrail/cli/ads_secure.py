"""`dinrail ads introduce`: make a Secure ADS server know this router's certificate, and learn its."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from dinrail.cli.session import Session


def register(group: typer.Typer) -> None:
    group.command("introduce")(introduce)


def introduce(
    context: typer.Context,
    server: Annotated[str, typer.Argument(metavar="HOST[:TCPPORT]", help="The Secure ADS server; port 8016.")],
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The document with [ads.tls], as the router has it.")
    ] = None,
    user: Annotated[str, typer.Option("--user", help="A user of that device.")] = "Administrator",
    net_id: Annotated[
        str | None, typer.Option("--net-id", metavar="NETID", help="What the device has to be; else any is taken.")
    ] = None,
    pin: Annotated[
        str, typer.Option("--pin", metavar="SHA256", help="Its certificate, when known already; else any is taken.")
    ] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Introduce this router to a Secure ADS server: user and password once, certificates from then on.

    Prints the route to write into the document. The password is asked for, or taken from standard input or the
    variable DINRAIL_ADS_PASSWORD. Without --pin the server is believed this one time: compare the fingerprint.

    Example: dinrail ads introduce 192.168.0.231 --user Administrator
    """
    from dinrail.cli.ads_routes import password_of

    Session.of(context).require_this_machine()
    facts = _introduced(
        config, server, net_id, pin, lambda: (user, password_of(user, server, from_stdin=password_stdin))
    )
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(facts)
        return
    typer.echo(
        f"{facts['name']} ({facts['net_id']}) knows us now; our certificate is sha256:{facts['own_fingerprint']}\n"
    )
    typer.echo("[[ads.route]]")
    for key in ("name", "net_id", "address", "pin"):
        typer.echo(f'{key} = "{facts[key]}"')


def _introduced(
    config: Path | None, server: str, net_id: str | None, pin: str, credentials: Callable[[], tuple[str, str]]
) -> dict[str, str]:
    import asyncio

    from dinrail.ads.section_words import Endpoint
    from dinrail.ads.transport import certificates
    from dinrail.ads.transport.visit import first_visit, introduce
    from dinrail.ams.address import SECURE_ADS_PORT, NetId
    from dinrail.config.document import find, load
    from dinrail.daemon.launch import hand_over
    from dinrail.daemon.router.place import Place, host_name, machine_net_id
    from dinrail.daemon.router.secure import CERTIFICATE, certificate_path
    from dinrail.errors import BadRequest
    from dinrail.host.paths import Paths
    from dinrail.system_clock import SystemClock

    settings = load(find(config)).ads
    if settings.tls is None:
        raise BadRequest("there is no [ads.tls]", where=str(find(config)), hint="add the table, even an empty one")
    where, wanted = Endpoint.parse(server), NetId.parse(net_id) if net_id else None
    known = certificates.normal_fingerprint(pin) if pin else ""
    name = settings.name or host_name()
    path = certificate_path(settings.tls, Place(Paths.default().state / "ads"))
    own = certificates.load_or_make(path or Path(CERTIFICATE), name, now_ns=SystemClock().wall_ns())
    if path is not None and not settings.tls.certificate:
        hand_over(path)
    user, password = credentials()
    call = first_visit(settings.net_id or machine_net_id(), name, user=user, password=password, pin=known)
    claim = asyncio.run(introduce(where.host, where.port or SECURE_ADS_PORT, own, call, net_id=wanted))
    return {
        "name": claim.host_name,
        "net_id": str(claim.net_id),
        "address": server,
        "pin": claim.fingerprint,
        "own_fingerprint": own.fingerprint,
    }
