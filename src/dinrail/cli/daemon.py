"""`dinrail up`, `status`, `down`: the supervisor, the control and the router."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.ads.settings import AdsSettings
    from dinrail.config.document import Document
    from dinrail.control.settings import ControlSettings
    from dinrail.host.paths import Paths


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("status")(status)
    app.command("down")(down)


def up(
    context: typer.Context,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here, log to stderr (for systemd).")] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The document: `control` is the control's, `ads` the router's."),
    ] = None,
    router: Annotated[bool, typer.Option(help="Bring the AMS router up, too.")] = True,
    control: Annotated[bool, typer.Option(help="Bring the control up, too, where the document has one.")] = True,
) -> None:
    """Bring the supervisor, the control and the AMS router up, each a process of its own.

    The supervisor finds running guests again, gives back what ended ones held, and starts a router again that went
    away. The control runs the document's image and goes on whatever becomes of the others. The router listens on
    loopback unless the document's table `ads` says more; root runs it as another user.
    """
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    if foreground:
        import logging

        from dinrail.daemon.supervisor import serve
        from dinrail.guest.site import Site
        from dinrail.system_clock import SystemClock

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        serve(Site.of(Session.of(context).host(), Paths.default(), SystemClock()))
        return
    from dinrail.daemon.client import ask, run_in_background
    from dinrail.daemon.protocol import Op, Request

    paths = Paths.default()
    document = _document(config)
    settings = _router_settings(document, paths) if router else None
    answer = ask(paths, Request(Op.STATUS))
    word = "up" if answer is None else "up already"
    answer = run_in_background(paths) if answer is None else answer
    text = f"supervisor {word}, pid {answer['pid']}"
    facts: dict[str, object] = {"supervisor": "up", "pid": answer["pid"], "router": None}
    if control and document is not None and document.control is not None:
        facts["control"], line = _control_up(document.control, paths)
        text += line + _drivers_up(document, paths, facts)
    if settings is not None:
        from dinrail.daemon.launch import ask_router, runs_by_other_settings, start_router

        word = "up" if ask_router(paths, "status") is None else "up already"
        told = start_router(settings, paths)
        others = runs_by_other_settings(settings, paths)
        facts["router"] = {key: told[key] for key in ("pid", "net_id", "doors", "ports")} | {"settings_differ": others}
        text += f"\nrouter {word}, pid {told['pid']}: {told['net_id']} on {', '.join(told['doors'])}"
        if others:
            text += "\nthe document says other things than this router was started with"
            text += "\n  try: `dinrail down --router`, then `dinrail up`"
    _say(context, facts, text)


def _document(config: Path | None) -> Document | None:
    """The document, if there is one. Raises BadRequest before anything is started."""
    from dinrail.config.document import DEFAULT_PATHS, load

    path = config or next((path for path in DEFAULT_PATHS if path.exists()), None)
    return None if path is None else load(path)


def _router_settings(document: Document | None, paths: Paths) -> AdsSettings:
    """The document's, or the defaults where there is no document; with the controls' channels where it has one."""
    from dinrail.ads.settings import AdsSettings

    if document is None:
        return AdsSettings()
    if document.control is None:
        return document.ads
    from dinrail.daemon.control import ControlFiles

    return replace(document.ads, channels=(str(ControlFiles.of(paths).channel), *document.control.channels))


def _control_up(settings: ControlSettings, paths: Paths) -> tuple[Mapping[str, Any], str]:
    from dinrail.daemon.control import control_status_or_none, options_of, start_control

    told = control_status_or_none(paths)
    word = "up already"
    if told is None:
        from dinrail.daemon.application import application_image

        word = "up"
        told = start_control(options_of(settings, application_image(settings, paths), paths), paths)
    notes = "".join(f"\n  {note}" for note in told.get("notes", ()))
    return told, f"\ncontrol {word}, pid {told['pid']}: {told['application']} is in {told['state']}{notes}"


def _drivers_up(document: Document, paths: Paths, facts: dict[str, object]) -> str:
    from dinrail.daemon.drivers import drivers_status, start_drivers

    started = start_drivers(document.devices, paths)
    facts["drivers"] = told = drivers_status(paths)
    names = [str(one["name"]) + ("" if one["name"] in started else " (already)") for one in told]
    return f"\ndrivers up: {', '.join(names)}" if names else ""


def status(context: typer.Context) -> None:
    """What runs here: the supervisor, the control, the router, and every guest. Exit code 0 either way."""
    from dinrail.cli.guest import print_guests
    from dinrail.daemon.client import ask
    from dinrail.daemon.control import control_status_or_none
    from dinrail.daemon.drivers import drivers_status
    from dinrail.daemon.launch import ask_router
    from dinrail.daemon.protocol import Op, Request
    from dinrail.guest.rundir import observe_all
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    paths = Paths.default()
    answer = ask(paths, Request(Op.STATUS))
    guests = answer["guests"] if answer is not None else [guest.as_dict() for guest in observe_all(paths.guests)]
    pid = answer["pid"] if answer is not None else None
    text = "supervisor down; guests are looked after by commands" if pid is None else f"supervisor up, pid {pid}"
    control = control_status_or_none(paths)
    text += "\ncontrol down" if control is None else f"\n{_control_lines(control)}"
    facts_of_drivers = drivers_status(paths)
    text += "".join(f"\n{_driver_line(one)}" for one in facts_of_drivers)
    router = ask_router(paths, "status")
    text += "\nrouter down" if router is None else f"\n{_router_line(router)}"
    facts = {"supervisor": "down" if pid is None else "up", "pid": pid, "guests": guests, "router": router}
    facts["control"] = control
    facts["drivers"] = facts_of_drivers
    _say(context, facts, text)
    if not Session.of(context).as_json:
        print_guests(guests)


def _control_lines(told: Mapping[str, Any]) -> str:
    lines = [f"control up, pid {told['pid']}: {told['application']} is in {told['state']}, port {told['port']}"]
    for task in told["tasks"]:
        fault = f", fault {task['fault']:#x}" if task["fault"] else ""
        lines.append(
            f"  {task['name']}: {task['state']}{fault}, {task['cycles']} cycles of {task['cycle_ns'] / 1e6:g} ms, "
            f"{task['overruns']} overruns, at most {task['execution_max_ns'] / 1e3:.0f} us"
        )
    return "\n".join(lines)


def _driver_line(told: Mapping[str, Any]) -> str:
    fault = f": {told['fault']}" if told.get("fault") else ""
    return f"driver {told['name']} up, pid {told.get('pid')}, {told.get('address')}{fault}"


def _router_line(told: Mapping[str, Any]) -> str:
    links, counted = told["router"]["links"], told["router"]
    return (
        f"router up, pid {told['pid']}: {told['net_id']} on {', '.join(told['doors'])}; {links} links, "
        f"{len(told['routes'])} routes, {counted['requests']} requests, {counted['refused']} refused"
    )


def down(
    context: typer.Context,
    router: Annotated[bool, typer.Option("--router", help="End the AMS router, too.")] = False,
    control: Annotated[
        bool, typer.Option("--control", help="End control and drivers, too: outputs go to zero.")
    ] = False,
) -> None:
    """End the supervisor. Guests run on, and so do router and control (unless asked); `dinrail up` finds them again."""
    from dinrail.daemon.client import ask
    from dinrail.daemon.control import stop_control
    from dinrail.daemon.launch import stop_router
    from dinrail.daemon.protocol import Op, Request
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    answer = ask(Paths.default(), Request(Op.DOWN))
    word = "was not up" if answer is None else "down"
    text = f"supervisor {word}; guests run on"
    if router:
        text += "; router down" if stop_router(Paths.default()) else "; router was not up"
    if control:
        from dinrail.daemon.drivers import stop_drivers

        ended = stop_drivers(Paths.default())
        text += f"; drivers down: {', '.join(ended)}" if ended else ""
        text += "; control down" if stop_control(Paths.default()) else "; control was not up"
    _say(context, {"supervisor": "down"}, text)


def _say(context: typer.Context, facts: dict[str, object], text: str) -> None:
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(facts)
    else:
        sys.stdout.write(text + "\n")
