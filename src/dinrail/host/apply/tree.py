"""Small files of /sys below a root, for the appliers: read a line, write a value in a child that may hang."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import HostError
from dinrail.files import os_refusal, read_all
from dinrail.host import run
from dinrail.host.apply import writer
from dinrail.host.port import TargetGone
from dinrail.units import S_NS

_MAX_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Tree:
    """The host's file tree. `root`: where it hangs, `/` for the machine itself.

    write_timeout_ns: how long one write may take. Drivers of real cards need seconds to let go, and some never do.
    """

    root: Path
    write_timeout_ns: int = 60 * S_NS

    @property
    def is_machine(self) -> bool:
        return self.root == Path("/")

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def exists(self, path: str) -> bool:
        return self.path(path).exists()

    def require(self, path: str, what: str) -> None:
        """Raises TargetGone."""
        if not self.exists(path):
            raise TargetGone(f"{what} is not there", where=path)

    def line(self, path: str) -> str:
        """The stripped text of a file. Raises TargetGone, HostError."""
        try:
            fd = os.open(self.path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                return read_all(fd, _MAX_BYTES)[0].decode("utf-8", "backslashreplace").strip()
            finally:
                os.close(fd)
        except FileNotFoundError as fault:
            raise TargetGone("the file is not there", where=path) from fault
        except OSError as fault:
            raise os_refusal(fault, "read the file", path) from fault

    def lines(self, path: str) -> list[str]:
        """All lines of a file that may be long (a group's tasks). Raises TargetGone, HostError."""
        try:
            return self.path(path).read_text("utf-8", "backslashreplace").split()
        except FileNotFoundError as fault:
            raise TargetGone("the file is not there", where=path) from fault
        except OSError as fault:
            raise os_refusal(fault, "read the file", path) from fault

    def link_name(self, path: str) -> str:
        """The last component of a link's target, empty where there is no such link. Raises HostError."""
        try:
            return self.path(path).readlink().name
        except FileNotFoundError:
            return ""
        except OSError as fault:
            raise os_refusal(fault, "read the link", path) from fault

    def write(self, path: str, value: str, *, doing: str, hint: str | None = None) -> None:
        """Write `value` in one call, in a child. `doing` completes "cannot ...". Raises HostError, run.TimedOut.

        The child inherits the journal's lock, so that it is known to be at work even when we are killed.
        """
        argv = (sys.executable, "-I", "-S", writer.__file__, str(self.path(path)), value)
        done = run.run(argv, timeout_ns=self.write_timeout_ns, keep_lock=True)
        answer = json.loads(done.stdout)
        if answer["errno"]:
            fault = OSError(answer["errno"], "")
            raise os_refusal(fault, doing, path, hint=hint)

    def attempt(self, path: str, value: str) -> int:
        """Write `value` in one call, here: for files whose writing never waits for a driver. 0, or the errno."""
        return writer.write_once(str(self.path(path)), value)

    def put(self, path: str, value: str, *, doing: str) -> None:
        """`attempt` that raises. `doing` completes "cannot ...". Raises HostError."""
        number = self.attempt(path, value)
        if number:
            raise os_refusal(OSError(number, ""), doing, path)


def unexpected(kind: str, target: str, want: str, found: str, *, hint: str | None = None) -> HostError:
    """The error for a value that does not stand there after it was written."""
    return HostError(
        f"{kind} is {found or 'none'} after writing {want or 'none'}",
        where=target,
        why="the kernel took the write and did something else",
        hint=hint or "`dmesg` may say why",
    )
