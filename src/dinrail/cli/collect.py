"""`dinrail collect`: all facts of this host in one archive, with an honest word about what is inside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.machine.sources import Raw


def register(app: typer.Typer) -> None:
    app.command("collect")(collect)


def collect(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it (a .tar.gz).")
    ] = None,
    list_only: Annotated[
        bool, typer.Option("--list", help="Write nothing: list what is, or would be, inside (also of --host FILE).")
    ] = False,
) -> None:
    """Collect all facts of this host into one archive: a bug report, a fixture, a machine to plan on elsewhere."""
    from dinrail.errors import BadRequest
    from dinrail.machine.sources import Topic

    session = Session.of(context)
    if session.host_file is not None and not list_only:
        raise BadRequest("collect reads this machine, not an archive", hint="`--list` shows what the archive holds")
    raw = session.host().fetch(Topic)
    if list_only:
        _list(raw, as_json=session.as_json)
    else:
        _write(raw, output, as_json=session.as_json)


def _write(raw: Raw, output: Path | None, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from dinrail import __version__
    from dinrail.cli.output import print_json
    from dinrail.host.archive import write_archive
    from dinrail.system_clock import SystemClock
    from dinrail.units import S_NS

    now = datetime.fromtimestamp(SystemClock().wall_ns() // S_NS, UTC)
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in raw.text("/proc/sys/kernel/hostname", "host"))
    path = output or Path(f"dinrail-{name}-{now:%Y%m%d-%H%M%S}.tar.gz")
    write_archive(raw, path, {"dinrail": __version__, "time": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
    if as_json:
        print_json({"file": str(path), "size_bytes": path.stat().st_size, **_summary(raw)})
        return
    sys.stdout.write(f"{path}: {path.stat().st_size // 1024} KiB, {len(raw.entries)} entries\n")
    _say_what_it_tells(raw)


def _list(raw: Raw, *, as_json: bool) -> None:
    from dinrail.cli.output import print_json

    if as_json:
        rows = [
            {"key": key, "kind": e.kind, "size_bytes": len(e.data), "fault": e.fault, "cut": e.cut}
            for key, e in sorted(raw.entries.items())
        ]
        print_json({"entries": rows, **_summary(raw)})
        return
    for key, entry in sorted(raw.entries.items()):
        note = entry.fault or f"{len(entry.data)}{' (cut)' if entry.cut else ''}"
        sys.stdout.write(f"{entry.kind:>7} {note:>12}  {key}\n")
    _say_what_it_tells(raw)


def _summary(raw: Raw) -> dict[str, object]:
    from dinrail.host.contents import telling

    unread = sorted(key for key, entry in raw.entries.items() if entry.fault)
    return {"system": raw.system, "topics": raw.topics, "tells": telling(raw), "unreadable": unread}


def _say_what_it_tells(raw: Raw) -> None:
    from dinrail.host.contents import NOT_INSIDE, telling

    lines = ["what it tells about this very machine:"]
    for item in telling(raw):
        more = f" and {len(item.sources) - 3} more" if len(item.sources) > 3 else ""
        lines.append(f"  {item.what}\n      {', '.join(item.sources[:3])}{more}")
    lines.append(NOT_INSIDE)
    denied = sum(entry.fault in ("EACCES", "EPERM") for entry in raw.entries.values())
    if denied:
        lines.append(f"{denied} sources were not readable for this user: as root the archive says more")
    sys.stdout.write("\n".join(lines) + "\n")
