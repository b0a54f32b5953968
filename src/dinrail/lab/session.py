"""What `dinrail lab run` and `dinrail lab shell` do: one machine, one command, its exit status."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator, Sequence

from dinrail.errors import BadRequest
from dinrail.lab.machine import boot, prepare
from dinrail.lab.parts import Progress, silent
from dinrail.lab.topology import Topology

_DAY_S = 86400.0


def run(topology: Topology, argv: Sequence[str], *, progress: Progress = silent) -> int:
    """Boot, run one command inside with its output here as it comes, switch off. Returns the command's exit status.

    A command killed by signal N gives 128+N, as in a shell.
    """
    if not argv:
        raise BadRequest("no command was given", hint="dinrail lab run -- dinrail pci")
    parts = prepare(progress=progress)
    progress(f"switching on the virtual PC ({topology.name})")
    with boot(topology, parts) as pc:
        progress(f"up after {pc.age_s:.1f} s")
        done = pc.run(argv, timeout_s=_DAY_S, on_output=_pass_on)
    return done.exit_code if done.exit_code >= 0 else 128 - done.exit_code


def shell(topology: Topology, *, progress: Progress = silent) -> int:
    """A shell on the virtual PC's serial port, on this terminal. Ends with the shell."""
    if not sys.stdin.isatty():
        raise BadRequest("standard input is no terminal", hint="`dinrail lab run -- CMD` needs none")
    parts = prepare(progress=progress)
    progress(f"switching on the virtual PC ({topology.name}); `exit` switches it off")
    with _raw_terminal(), boot(topology, parts, serial="stdio") as pc:
        return pc.interact(("setsid", "--ctty", "--wait", "bash", "-i"))


def _pass_on(stream: str, data: bytes) -> None:
    target = sys.stdout if stream == "stdout" else sys.stderr
    target.buffer.write(data)
    target.flush()


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Every key goes to the machine, Ctrl-C too; the terminal is put back as it was."""
    fd = sys.stdin.fileno()
    saved = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, saved)
        os.write(sys.stdout.fileno(), b"\r\n")
