"""Processes that outlive whoever starts them: a session of their own, in `/`, nobody's pipes, their words in a log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from dinrail.errors import HostError
from dinrail.files import os_refusal

T = TypeVar("T")
UP_S = 60.0
"""A busy machine may take half of it for the interpreter alone; who ends instead of coming up is noticed at once."""
_POLL_S = 0.02
_LAST_LINES = 10


def start(
    what: str,
    module: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    pass_fds: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """`python -m MODULE...` by this interpreter, its output appended to `log`. what: for messages (`router`).

    pass_fds: open files that it inherits. Raises HostError.
    """
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as fault:
        raise os_refusal(fault, f"write the {what}'s log", log) from fault
    try:
        return subprocess.Popen(
            (sys.executable, "-m", *module),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd="/",
            env=env,
            pass_fds=pass_fds,
        )
    except OSError as fault:
        raise os_refusal(fault, f"start the {what}", sys.executable) from fault
    finally:
        os.close(out)


def wait_until_up(what: str, process: subprocess.Popen[bytes], answer: Callable[[], T | None], log: Path) -> T:
    """What it answers first. Raises HostError with its last words when it ends, or takes too long."""
    deadline = time.monotonic() + UP_S
    while time.monotonic() < deadline and process.poll() is None:
        found = answer()
        if found is not None:
            leave_alone(process)
            return found
        time.sleep(_POLL_S)
    tail = tuple(log.read_text(errors="backslashreplace").splitlines()[-_LAST_LINES:])
    raise HostError(f"the {what} did not come up", where=str(log), details=tail)


def leave_alone(process: subprocess.Popen[bytes]) -> None:
    """It is on its own now: neither waited for nor warned about."""
    process.returncode = 0
