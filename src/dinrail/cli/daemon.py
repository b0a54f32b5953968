"""`dinrail up`, `status`, `down`: the supervisor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dinrail.cli.session import Session


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("status")(status)
    app.command("down")(down)


def up(
    context: typer.Context,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here, log to stderr (for systemd).")] = False,
) -> None:
    """Bring the supervisor up. It finds running guests again and gives back what ended ones held."""
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    if foreground:
        import logging

        from dinrail.daemon.supervisor import serve
        from dinrail.guest.site import Site
        from dinrail.host.clock import SystemClock

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        serve(Site.of(Session.of(context).host(), Paths.default(), SystemClock()))
        return
    from dinrail.daemon.client import ask, run_in_background
    from dinrail.daemon.protocol import Op, Request

    answer = ask(Paths.default(), Request(Op.STATUS))
    word = "up" if answer is None else "up already"
    answer = run_in_background(Paths.default()) if answer is None else answer
    _say(context, {"supervisor": "up", "pid": answer["pid"]}, f"supervisor {word}, pid {answer['pid']}")


def status(context: typer.Context) -> None:
    """What runs here: the supervisor, and every guest. Exit code 0 either way."""
    from dinrail.cli.guest import print_guests
    from dinrail.daemon.client import ask
    from dinrail.daemon.protocol import Op, Request
    from dinrail.guest.rundir import observe_all
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    paths = Paths.default()
    answer = ask(paths, Request(Op.STATUS))
    guests = answer["guests"] if answer is not None else [guest.as_dict() for guest in observe_all(paths.guests)]
    pid = answer["pid"] if answer is not None else None
    text = "supervisor down; guests are looked after by commands" if pid is None else f"supervisor up, pid {pid}"
    _say(context, {"supervisor": "down" if pid is None else "up", "pid": pid, "guests": guests}, text)
    if not Session.of(context).as_json:
        print_guests(guests)


def down(context: typer.Context) -> None:
    """End the supervisor. Guests run on; `dinrail up` finds them again."""
    from dinrail.daemon.client import ask
    from dinrail.daemon.protocol import Op, Request
    from dinrail.host.paths import Paths

    Session.of(context).require_this_machine()
    answer = ask(Paths.default(), Request(Op.DOWN))
    word = "was not up" if answer is None else "down"
    _say(context, {"supervisor": "down"}, f"supervisor {word}; guests run on")


def _say(context: typer.Context, facts: dict[str, object], text: str) -> None:
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(facts)
    else:
        sys.stdout.write(text + "\n")
