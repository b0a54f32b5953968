"""`dinrail ads info`, `state`, `discover`: which devices there are, and how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt
from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.ads.client.connection import AdsClient
    from dinrail.ams.address import AmsAddr

WANTED = ("run", "stop", "config", "reset")


def register(group: typer.Typer) -> None:
    group.command("info", epilog="Example: dinrail ads info --to 192.168.0.231")(info)
    group.command("state", epilog="Example: dinrail ads state stop --to 192.168.0.231 --yes")(state)
    group.command("discover", epilog="Example: dinrail ads discover 192.168.0.255")(discover)


def info(
    context: typer.Context,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Tell what serves an AMS port: name, version, state; the system behind it; and who we are to it."""
    from dinrail.cli.output import print_json

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    found = where.ask(_info)
    if where.as_json:
        print_json(found)
        return
    opt.show_rows((name.replace("_", " "), "" if value is None else str(value)) for name, value in found.items())


async def _info(client: AdsClient, target: AmsAddr) -> dict[str, object]:
    import asyncio

    from dinrail.ams.address import AmsAddr, Port
    from dinrail.ams.errors import AdsFault
    from dinrail.errors import FormatError

    system = AmsAddr.of(target.net_id, Port.SYSTEM_SERVICE)
    told = await asyncio.gather(
        client.device_info(target),
        client.state(target),
        client.device_info(system),
        client.state(system),
        return_exceptions=True,
    )
    for answer in told:
        # The port that was asked for has to be there; of the system we tell what it tells.
        if isinstance(answer, BaseException) and (answer in told[:2] or not isinstance(answer, AdsFault | FormatError)):
            raise answer
    device, state_, system_device, system_state = told
    found: dict[str, object] = {"address": str(target)}
    if not isinstance(device, BaseException) and not isinstance(state_, BaseException):
        found |= {
            "name": device.name,
            "version": f"{device.major}.{device.minor}.{device.build}",
            "state": opt.state_text(state_.ads_state),
            "device_state": state_.device_state,
        }
    if not isinstance(system_device, BaseException):
        version = f"{system_device.major}.{system_device.minor}.{system_device.build}"
        found |= {"system": system_device.name, "system_version": version}
    if not isinstance(system_state, BaseException):
        found["system_state"] = opt.state_text(system_state.ads_state)
    router = client.router_net_id
    return found | {"our_address": str(client.address), "router": None if router is None else str(router)}


def state(
    context: typer.Context,
    wanted: Annotated[
        str | None, typer.Argument(metavar="[run|stop|config|reset]", help="Ask for this state; else tell it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Change the state of a device that is not this machine.")] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """Tell the states of a port and of its system, or change one.

    run, stop and reset are for the port (reset is a cold one); with --port system-service, run restarts the whole
    system. config always is for the system: its programs end.
    """
    from dinrail.ads.client.target import Endpoint
    from dinrail.ams.address import Port, parse_port
    from dinrail.cli.output import print_json
    from dinrail.errors import BadRequest, Refused

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    if wanted is None:
        found: dict[str, object] = where.ask(_states)
    elif wanted not in WANTED:
        raise BadRequest(f"{wanted!r} is no state to ask for", hint=f"one of {', '.join(WANTED)}")
    elif not yes and not _is_here(Endpoint.parse(to).host):
        raise Refused(
            f"this asks the device at {to} for {wanted}, and it is not this machine",
            why="whatever it drives stops, starts or moves",
            hint="add --yes when that is meant",
        )
    else:
        whole = wanted == "config" or parse_port(port) == Port.SYSTEM_SERVICE
        found = where.ask(lambda client, target: _change(client, target, wanted, whole), reconnect=True)
    if where.as_json:
        print_json(found)
        return
    opt.show_rows((name.replace("_", " "), str(value)) for name, value in found.items())


def _is_here(host: str) -> bool:
    from dinrail.ads.client.link import is_loopback

    return host == "localhost" or is_loopback(host)


async def _states(client: AdsClient, target: AmsAddr) -> dict[str, object]:
    from dinrail.ams.address import AmsAddr, Port
    from dinrail.ams.errors import AdsError, AdsFault

    found: dict[str, object] = {"address": str(target)}
    gone: AdsFault | None = None
    try:
        now = await client.state(target)
        found |= {"state": opt.state_text(now.ads_state), "device_state": now.device_state}
    except AdsFault as fault:
        if fault.code != AdsError.TARGET_PORT_NOT_FOUND or target.port == Port.SYSTEM_SERVICE:
            raise
        found |= {"state": "nobody is there", "device_state": ""}
        gone = fault
    if target.port != Port.SYSTEM_SERVICE:
        try:
            system = await client.state(AmsAddr.of(target.net_id, Port.SYSTEM_SERVICE))
            found["system_state"] = opt.state_text(system.ads_state)
        except AdsFault:
            if gone is not None:  # not even a system behind it
                raise gone from None
    return found


async def _change(client: AdsClient, target: AmsAddr, wanted: str, whole: bool) -> dict[str, object]:
    """Ask for it, and wait until it is so or time is over: a system that restarts does not answer meanwhile."""
    import asyncio

    from dinrail.ads.client.faults import GONE
    from dinrail.ams.address import AmsAddr, Port
    from dinrail.ams.errors import AdsFault
    from dinrail.ams.state import AdsState
    from dinrail.errors import HostError

    asked = {"run": AdsState.RUN, "stop": AdsState.STOP, "config": AdsState.RECONFIG, "reset": AdsState.RESET}[wanted]
    ends = {"run": (AdsState.RUN,), "stop": (AdsState.STOP,), "config": (AdsState.CONFIG,)}.get(wanted, ())
    if whole:
        target = AmsAddr.of(target.net_id, Port.SYSTEM_SERVICE)
        asked = AdsState.RESET if wanted in ("run", "reset") else asked
        ends = (AdsState.RUN,) if wanted == "reset" else ends
    before = await client.state(target)
    await client.control(target, asked, before.device_state)
    try:
        async with asyncio.timeout(client.options.timeout_s):
            while True:
                try:
                    now = await client.state(target)
                    if not ends or now.ads_state in ends:
                        break
                except AdsFault as fault:
                    if fault.code not in GONE:
                        raise
                await asyncio.sleep(0.05)
    except TimeoutError as fault:
        what = f"it did not become {wanted} within {client.options.timeout_s:g} s"
        raise HostError(what, where=str(target), hint="`dinrail ads state` tells where it is") from fault
    return {
        "address": str(target),
        "before": opt.state_text(before.ads_state),
        "state": opt.state_text(now.ads_state),
        "device_state": now.device_state,
    }


def discover(
    context: typer.Context,
    address: Annotated[
        str, typer.Argument(metavar="[ADDRESS]", help="One device, or a network's broadcast address.")
    ] = "255.255.255.255",
    wait: Annotated[str, typer.Option("--wait", metavar="TIME", help="How long to gather answers.")] = "2 s",
    bind: Annotated[str, typer.Option("--from", metavar="IP", help="Our own address, among several networks.")] = "",
    udp_port: Annotated[int, typer.Option("--udp-port", min=1, max=65535, hidden=True)] = 48899,
) -> None:
    """Find ADS devices by UDP: address, NetId, name, versions. Exit code 0 also when nobody answers."""
    import asyncio

    from dinrail.ads.client.udp import discover as ask_everybody
    from dinrail.cli.output import print_json
    from dinrail.units import S_NS, parse_duration

    Session.of(context).require_this_machine()
    wait_s = parse_duration(wait) / S_NS
    found = asyncio.run(ask_everybody(address, port=udp_port, wait_s=wait_s, bind=bind))
    rows: list[dict[str, object]] = [
        {
            "ip": one.ip,
            "net_id": str(one.info.address.net_id),
            "name": one.info.name,
            "version": ".".join(map(str, one.info.version)),
            "os": f"{one.info.os.major}.{one.info.os.minor}.{one.info.os.build} {one.info.os.text}".strip(),
            "os_platform": one.info.os.platform,
            "fingerprint": one.info.fingerprint,
        }
        for one in found
    ]
    if Session.of(context).as_json:
        print_json(rows)
    elif not rows:
        opt.show_rows([("nobody", f"answered within {wait}; a network's broadcast address may reach further")])
    else:
        names = ("ip", "net_id", "name", "version", "os")
        opt.show_table([name.replace("_", " ") for name in names], [[str(row[name]) for name in names] for row in rows])
