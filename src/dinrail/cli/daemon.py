"""`dinrail up`, `status`, `down`: the supervisor and the router."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.ads.settings import AdsSettings


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("status")(status)
    app.command("down")(down)


def up(
    context: typer.Context,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here, log to stderr (for systemd).")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The document; its table `ads` is the router's.")
    ] = None,
    router: Annotated[bool, typer.Option(help="Bring the AMS router up, too.")] = True,
) -> None:
    """Bring the supervisor and the AMS router up, each a process of its own.

    The supervisor finds running guests again, gives back what ended ones held, and starts a router again that went
    away. The router listens on loopback unless the document's table `ads` says more; root runs it as another user.
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
    settings = _router_settings(config) if router else None
    answer = ask(paths, Request(Op.STATUS))
    word = "up" if answer is None else "up already"
    answer = run_in_background(paths) if answer is None else answer
    text = f"supervisor {word}, pid {answer['pid']}"
    facts: dict[str, object] = {"supervisor": "up", "pid": answer["pid"], "router": None}
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


def _router_settings(config: Path | None) -> AdsSettings:
    """The document's, or the defaults where there is no document. Raises BadRequest before anything is started."""
    from dinrail.ads.settings import AdsSettings
    from dinrail.config.document import DEFAULT_PATHS, load

    path = config or next((path for path in DEFAULT_PATHS if path.exists()), None)
    return AdsSettings() if path is None else load(path).ads


def status(context: typer.Context) -> None:
    """What runs here: the supervisor, the router, and every guest. Exit code 0 either way."""
    from dinrail.cli.guest import print_guests
    from dinrail.daemon.client import ask
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
    router = ask_router(paths, "status")
    text += "\nrouter down" if router is None else f"\n{_router_line(router)}"
    facts = {"supervisor": "down" if pid is None else "up", "pid": pid, "guests": guests, "router": router}
    _say(context, facts, text)
    if not Session.of(context).as_json:
        print_guests(guests)


def _router_line(told: Mapping[str, Any]) -> str:
    links, counted = told["router"]["links"], told["router"]
    return (
        f"router up, pid {told['pid']}: {told['net_id']} on {', '.join(told['doors'])}; {links} links, "
        f"{len(told['routes'])} routes, {counted['requests']} requests, {counted['refused']} refused"
    )


def down(
    context: typer.Context,
    router: Annotated[bool, typer.Option("--router", help="End the AMS router, too.")] = False,
) -> None:
    """End the supervisor. Guests run on, and so does the router (unless --router); `dinrail up` finds them again."""
    from dinrail.daemon.client import ask
    from dinrail.daemon.launch import stop_router
    from dinrail.daemon.protocol import Op, Request
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    answer = ask(Paths.default(), Request(Op.DOWN))
    word = "was not up" if answer is None else "down"
    text = f"supervisor {word}; guests run on"
    if router:
        text += "; router down" if stop_router(Paths.default()) else "; router was not up"
    _say(context, {"supervisor": "down"}, text)


def _say(context: typer.Context, facts: dict[str, object], text: str) -> None:
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(facts)
    else:
        sys.stdout.write(text + "\n")
