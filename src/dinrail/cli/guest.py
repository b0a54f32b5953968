"""`dinrail guest`: plan, start, stop, kill, screen, list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from dinrail.guest.definition import GuestDefinition
    from dinrail.guest.qemu.prepare import Prepared
    from dinrail.guest.site import Site

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The guest's name in the document.")]
_Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The document; else ./dinrail.toml, /etc/dinrail/dinrail.toml."),
]
_Headless = Annotated[
    bool, typer.Option("--headless-ok", help="Insist, although the host loses its only picture (have a way in).")
]
_Mismatch = Annotated[bool, typer.Option("--rom-mismatch-ok", help="Insist on a ROM that is not the card's own.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Guests: plan them, start and stop them, see what they show.")
    for name, command in (("plan", plan), ("start", start), ("stop", stop), ("kill", kill), ("screen", screen)):
        group.command(name)(command)
    group.command("list")(list_guests)
    group.command("status")(list_guests)
    app.add_typer(group, name="guest")


def plan(
    context: typer.Context,
    name: _Name,
    *,
    config: _Config = None,
    backend: Annotated[str, typer.Option("--backend", help="Whose command line: qemu.")] = "qemu",
    headless_ok: _Headless = False,
    rom_mismatch_ok: _Mismatch = False,
) -> None:
    """Print the command that would be run (stdout) and all that is to be said about it (stderr). Touches nothing.

    Exit code 1 when something blocks. Works with --host FILE.
    """
    from dinrail.config.document import find, load
    from dinrail.errors import BadRequest

    if backend != "qemu":
        raise BadRequest(f"there is no backend {backend!r} yet", hint="qemu is the one there is")
    definition = load(find(config)).guest(name)
    waivers = _waivers(headless_ok=headless_ok, rom_mismatch_ok=rom_mismatch_ok)
    found = _prepare(Session.of(context), definition, waivers)
    _print_plan(found, as_json=Session.of(context).as_json)
    if found.blocked:
        raise typer.Exit(1)


def start(
    context: typer.Context,
    name: _Name,
    *,
    config: _Config = None,
    headless_ok: _Headless = False,
    rom_mismatch_ok: _Mismatch = False,
    timeout: Annotated[str, typer.Option("--timeout", help="How long its hypervisor may take to come up.")] = "120 s",
) -> None:
    """Claim the guest's devices, start it, and wait until it runs. It outlives this command."""
    from dinrail.config.document import find
    from dinrail.daemon.client import start_guest
    from dinrail.units import parse_duration

    waivers = _waivers(headless_ok=headless_ok, rom_mismatch_ok=rom_mismatch_ok)
    site = _site(context)
    _answer(context, start_guest(find(config), name, site, waivers=waivers, timeout_ns=parse_duration(timeout)))


def stop(
    context: typer.Context,
    name: _Name,
    timeout: Annotated[str, typer.Option("--timeout", help="How long it may take to shut down by itself.")] = "60 s",
) -> None:
    """Press the guest's power button, wait, end it, and give back what it held. Also for one that ended by itself."""
    from dinrail.daemon.client import stop_guest
    from dinrail.units import parse_duration

    _answer(context, stop_guest(name, _site(context), timeout_ns=parse_duration(timeout)))


def kill(context: typer.Context, name: _Name) -> None:
    """Pull the guest's plug and give back what it held."""
    from dinrail.daemon.client import kill_guest

    _answer(context, kill_guest(name, _site(context)))


def screen(
    context: typer.Context,
    name: _Name,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="PNG", help="Else NAME.png.")] = None,
) -> None:
    """Save what the guest's emulated display shows. A passed GPU's picture is not the host's to read."""
    from dinrail.guest.screen import screen as picture

    path = picture(name, _site(context), out or Path(f"{name}.png"))
    if Session.of(context).as_json:
        _json({"name": name, "picture": str(path)})
    else:
        sys.stdout.write(f"{path}\n")


def list_guests(
    context: typer.Context, name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None
) -> None:
    """Guests that ran since the machine came up: state, process, devices, how they ended."""
    from dinrail.errors import Refused
    from dinrail.guest.rundir import observe_all
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    guests = [guest.as_dict() for guest in observe_all(Paths.default().guests) if name in (None, guest.name)]
    if name is not None and not guests:
        raise Refused(
            "no guest of that name has run", where=f"guest {name}", hint="dinrail guest list; dinrail guest start"
        )
    if Session.of(context).as_json:
        _json(guests)
    else:
        print_guests(guests)


def print_guests(guests: list[dict[str, Any]] | list[dict[str, object]]) -> None:
    """A table of `Observed.as_dict` values."""
    from rich.table import Table

    from dinrail.cli.output import console

    table = Table("guest", "state", "pid", "devices", "last exit", box=None, header_style="bold")
    for guest in guests:
        devices: Any = guest["devices"]
        table.add_row(
            str(guest["name"]), str(guest["state"]), str(guest["pid"] or ""), " ".join(devices), _exit(guest["exit"])
        )
    console().print(table if guests else "no guest has run since the machine came up")


def _exit(how: Any) -> str:
    if how is None:
        return ""
    if how["signal"] is not None:
        return f"signal {how['signal']}"
    return "lost" if how["status"] is None else f"status {how['status']}"


def _prepare(session: Session, definition: GuestDefinition, waivers: frozenset[str]) -> Prepared:
    from dinrail.guest.plan import GuestFiles
    from dinrail.guest.qemu.prepare import TOPICS, prepare
    from dinrail.guest.roms import ChosenRom, choose
    from dinrail.host.paths import Paths

    facts, paths = session.facts(*TOPICS), Paths.default()
    rom = ChosenRom()
    if definition.gpu is not None:
        function = facts.function(definition.gpu.address)
        rom = choose(definition.gpu.rom, function, paths.roms, waivers=waivers)
    files = GuestFiles(run=str(paths.guest_run(definition.name)), state=str(paths.guest_state(definition.name)))
    return prepare(definition, facts, rom, files=files, waivers=waivers)


def _print_plan(found: Prepared, *, as_json: bool) -> None:
    if as_json:
        changes = found.claim.changes if found.claim else ()
        devices = [{"address": d.address, "role": d.role, "ids": d.ids} for d in found.plan.devices]
        shown = {"name": found.plan.name, "backend": "qemu", "blocked": bool(found.blocked), "argv": found.argv}
        _json({**shown, "devices": devices, "slots": found.placement.slots, "changes": changes}, found)
        return
    from dinrail.cli.output import console, print_findings

    out = console(stderr=True)
    print_findings(found.plan.findings, out=out)
    for change in found.claim.changes if found.claim else ():
        step = f"{change.kind} {change.target}: {change.before or 'none'} -> {change.want or 'none'}"
        out.print(f"first: {step}  ({change.why})", markup=False)
    sys.stdout.write(pasteable(found.argv) + "\n")


def pasteable(argv: tuple[str, ...]) -> str:
    """The command for a shell, an option a line."""
    import shlex

    lines: list[str] = []
    for word in argv:
        if word.startswith("-") or not lines:
            lines.append(shlex.quote(word))
        else:
            lines[-1] += " " + shlex.quote(word)
    return " \\\n  ".join(lines)


def _json(value: object, prepared: Prepared | None = None) -> None:
    from dinrail.cli.output import print_json

    print_json({**value, "findings": prepared.plan.findings} if prepared and isinstance(value, dict) else value)


def _waivers(*, headless_ok: bool, rom_mismatch_ok: bool) -> frozenset[str]:
    given = {"--headless-ok": headless_ok, "--rom-mismatch-ok": rom_mismatch_ok}
    return frozenset(option for option, is_given in given.items() if is_given)


def _site(context: typer.Context) -> Site:
    from dinrail.guest.site import Site
    from dinrail.host.paths import Paths
    from dinrail.system_clock import SystemClock

    return Site.of(Session.of(context).host(), Paths.default(), SystemClock())


def _answer(context: typer.Context, guest: Mapping[str, Any]) -> None:
    if Session.of(context).as_json:
        _json(dict(guest))
        return
    pid = f", pid {guest['pid']}" if guest.get("pid") else ""
    end = f", last exit: {_exit(guest['exit'])}" if guest.get("exit") else ""
    sys.stdout.write(f"guest {guest['name']} is {guest['state']}{pid}{end}\n")
