"""What a guest shows, as PNG."""

from __future__ import annotations

from pathlib import Path

from dinrail.errors import HostError, Refused
from dinrail.files import atomic_write, read_file
from dinrail.guest.lifecycle import State, require
from dinrail.guest.qemu.monitor import open_monitor
from dinrail.guest.qemu.render import COMMAND_SOCKET, SERIAL_LOG
from dinrail.guest.rundir import RunDir, observe
from dinrail.guest.site import Site

_MAX_PNG_BYTES = 64 << 20


def screen(name: str, site: Site, target: Path) -> Path:
    """The emulated display of a running guest, as a PNG file. Raises Refused for a guest that has none."""
    run = site.run_dir(name)
    require(name, observe(run).state, State.RUNNING, State.STOPPING, to="take its picture")
    argv = (run.read("plan.json") or {}).get("argv") or []
    if not any(isinstance(word, str) and word.startswith("VGA,id=display") for word in argv):
        raise _not_ours(run)
    picture = run.file("screen.png")
    with open_monitor(run.file(COMMAND_SOCKET)) as monitor:
        monitor.screendump(picture)
    data = read_file(picture, max_bytes=_MAX_PNG_BYTES)
    picture.unlink()
    if not data.startswith(b"\x89PNG"):
        raise HostError("the hypervisor gave no picture", where=f"guest {name}")
    atomic_write(target, data)
    return target


def _not_ours(run: RunDir) -> Refused:
    return Refused(
        "the guest's picture is not the host's to read",
        where=f"guest {run.name}",
        why="it comes out of a GPU that belongs to the guest, straight to its monitor",
        hint=f"its serial console is in {run.file(SERIAL_LOG)}; a capture device sees what the monitor sees; an agent "
        'in the guest sees its desktop; `display = "emulated"` adds a display that the host can read',
    )
