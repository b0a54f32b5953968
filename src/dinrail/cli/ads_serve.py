"""`dinrail ads serve`: the router alone, in the foreground, without root."""

from __future__ import annotations

import enum
import os
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.ads.contract import Device
    from dinrail.ads.policy.rule import Rule
    from dinrail.ads.settings import AdsSettings, Listen, Simulated
    from dinrail.daemon.router.process import RouterProcess

_EVERYWHERE = ("", "*", "::", str(IPv4Address(0)))


class LoopKind(enum.StrEnum):
    """Which event loop serves. They behave alike; uvloop is faster."""

    AUTO = "auto"
    UVLOOP = "uvloop"
    ASYNCIO = "asyncio"


Simulate = Annotated[
    bool, typer.Option("--simulate", help="Serve a simulated PLC at port 851: %M area, symbols of every type.")
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        metavar="FILE[@PORT]",
        help="Serve a described device (.toml, .csv, .tmc, .tpy, recording) or FILE.py:CLASS, at AMS port 851 or PORT.",
    ),
]
OwnNetId = Annotated[
    str | None, typer.Option("--net-id", metavar="A.B.C.D.E.F", help="Our AMS NetId (default: of this machine).")
]
Channels = Annotated[
    list[Path] | None,
    typer.Option("--channel", metavar="FILE", help="Serve the control of this channel, too; may be repeated."),
]
Listening = Annotated[
    list[str] | None,
    typer.Option(
        "--listen", metavar="ADDRESS[:PORT]", help="Where to listen (default 127.0.0.1:48898); may be repeated."
    ),
]
Allowing = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="NETWORK[=WHAT]",
        help="What a network may do here: gateway (the default), read-only, full. Beside loopback nobody may.",
    ),
]
Document = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A configuration document; its `ads` table counts.")
]
StateDirectory = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Keep added routes and the registry there (default: nowhere)."),
]
StatusPath = Annotated[
    Path | None,
    typer.Option("--socket", metavar="PATH", help="Answer `status`, `reload` and `end` on this Unix socket."),
]
Metrics = Annotated[
    str | None, typer.Option("--metrics", metavar="HOST:PORT", help="Prometheus metrics at this address.")
]
Discovery = Annotated[bool, typer.Option(help="Answer UDP discovery beside each plain door.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="As TwinCAT: one connection for each remote address, the newest wins.")
]
Loop = Annotated[
    LoopKind, typer.Option("--loop", help="The event loop; `auto` is uvloop where that is installed, else asyncio.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings only.")]


def register(group: typer.Typer) -> None:
    group.command("serve")(serve)


def serve(
    context: typer.Context,
    simulate: Simulate = False,
    device: Devices = None,
    channel: Channels = None,
    net_id: OwnNetId = None,
    listen: Listening = None,
    allow: Allowing = None,
    config: Document = None,
    state: StateDirectory = None,
    socket: StatusPath = None,
    metrics: Metrics = None,
    discovery: Discovery = True,
    strict: Strict = False,
    loop: Loop = LoopKind.AUTO,
    quiet: Quiet = False,
) -> None:
    """Run an AMS router: many clients, one connection to each device, and rules for who may do what.

    Needs no TwinCAT and no root. Clients on this machine connect to 127.0.0.1 (or ask for a port as with TwinCAT's own
    router); who comes from elsewhere may do nothing until a rule, or --allow, says so.

    Examples:  dinrail ads serve --simulate
               dinrail ads serve --listen 0.0.0.0 --allow 172.17.0.0/16=read-only --config dinrail.toml
    """
    import logging

    Session.of(context).require_this_machine()
    level = logging.WARNING if quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    settings = _document(config)
    changes: dict[str, object] = {"discovery": discovery and settings.discovery}
    if net_id is not None:
        from dinrail.ams.address import NetId

        changes["net_id"] = NetId.parse(net_id)
    if listen:
        secure = tuple(one for one in settings.listen if one.door.value == "secure")  # those stay the document's
        changes["listen"] = (*(_listen(text) for text in listen), *secure)
    if allow:
        changes["rules"] = (*settings.rules, *(rule for text in allow for rule in _allowed(text)))
    if metrics is not None:
        from dinrail.ads.settings import METRICS_PORT

        at = _listen(metrics, METRICS_PORT)
        changes["metrics"] = f"{at.address or '127.0.0.1'}:{at.port}"
    if device:
        changes["simulate"] = (*settings.simulate, *(one for one in map(_simulated, device) if not _is_python(one)))
    if strict:
        changes["limits"] = replace(settings.limits, strict=True)
    if channel:
        changes["channels"] = (*settings.channels, *(str(path.absolute()) for path in channel))
    settings = replace(settings, **changes)  # type: ignore[arg-type]  # names and types are AdsSettings' own, above
    python = [one for one in map(_simulated, device or []) if _is_python(one)]
    _run(context, settings, (state, socket), lambda: _plcs(settings, simulate, python), loop)


def _document(config: Path | None) -> AdsSettings:
    from dinrail.ads.settings import AdsSettings

    if config is None:
        return AdsSettings()
    from dinrail.config.document import load

    return load(config).ads


def _listen(text: str, usual_port: int = 48898) -> Listen:
    """`ADDRESS`, `ADDRESS:PORT`, `[V6]:PORT` or `:PORT`. Raises BadRequest."""
    from dinrail.ads.settings import Door
    from dinrail.ads.settings import Listen as Where
    from dinrail.errors import BadRequest

    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        host, port = text, str(usual_port)
    if not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise BadRequest(f"{text!r} is no address to listen at", hint="like 127.0.0.1, 0.0.0.0:48898 or [::1]:48898")
    host = host.strip("[]")
    return Where(Door.PLAIN, "" if host in _EVERYWHERE else host, int(port))


def _allowed(text: str) -> tuple[Rule, ...]:
    from dinrail.ads.policy.presets import Preset, preset_rules
    from dinrail.ads.policy.rule import SourceMatch, parse_network
    from dinrail.errors import BadRequest

    network, _, what = text.partition("=")
    known = {preset.value: preset for preset in Preset}
    preset = known.get(what or Preset.GATEWAY.value)
    if preset is None:
        raise BadRequest(f"--allow {text}: {what!r} is nothing to allow", hint=", ".join(known))
    return preset_rules(f"--allow {text}", preset, SourceMatch(networks=(parse_network(network),)))


def _simulated(text: str) -> Simulated:
    from dinrail.ads.settings import Simulated as Described
    from dinrail.ams.address import parse_port

    path, at, port = text.rpartition("@")
    return Described(path, parse_port(port)) if at else Described(text)


def _is_python(one: Simulated) -> bool:
    from dinrail.daemon.router.plcs import is_python

    return is_python(one.file)


def _plcs(settings: AdsSettings, simulate: bool, python: list[Simulated]) -> dict[int, Device]:
    from dinrail.daemon.router.plcs import simulated_plcs

    return simulated_plcs(settings.simulate, default=simulate, python=python)


def _run(
    context: typer.Context,
    settings: AdsSettings,
    kept: tuple[Path | None, Path | None],
    plcs: Callable[[], dict[int, Device]],
    loop: LoopKind,
) -> None:
    """kept: the directory for what is kept, and the path of the status socket."""
    from dinrail.daemon.router.place import Place
    from dinrail.daemon.router.process import RouterProcess
    from dinrail.daemon.router.serve import serve_until_ended
    from dinrail.files import ensure_directory
    from dinrail.system_clock import SystemClock

    state, socket = kept
    if state is not None:
        ensure_directory(state)
    process = RouterProcess(settings, Place(state, socket), SystemClock(), plcs())
    serve_until_ended(process, lambda: _say(context, process), loop=loop.value)


def _say(context: typer.Context, process: RouterProcess) -> None:
    """One line for people, one object for programs: it is up, and here."""
    facts = {
        "net_id": str(process.net_id),
        "listening": process.doors.names(),
        "ports": list(process.devices.ports()),
        "pid": os.getpid(),
    }
    if Session.of(context).as_json:
        import json

        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        where = ", ".join(process.doors.names())
        ports = ", ".join(map(str, process.devices.ports()))
        sys.stdout.write(f"AMS router {process.net_id} on {where}; AMS ports {ports}\n")
    sys.stdout.flush()
