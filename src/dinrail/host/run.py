"""The one command runner: argument lists in; status and capped output, or an error that can be pasted, out.

A program that hangs in the kernel (state D) cannot be killed. The runner then takes the kernel's own stack as evidence,
leaves the process behind and comes back, instead of hanging with it; `subprocess.run(timeout=...)` waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dinrail.errors import CommandFailed, HostError
from dinrail.units import S_NS

_GRACE_S = 1.0
_CHUNK_BYTES = 1 << 16

PACKAGES = {
    "modprobe": ("kmod", "loads the driver that hands devices to guests"),
    "qemu-system-x86_64": ("qemu-system-x86", "runs the guests"),
    "qemu-img": ("qemu-utils", "makes and inspects guests' disks"),
    "lspci": ("pciutils", "names devices in benchmarks and tests"),
    "zstd": ("zstd", "unpacks Debian's kernel modules"),
    "cpio": ("cpio", "packs the virtual PC's first file system"),
    "mke2fs": ("e2fsprogs", "makes a disk of the virtual PC"),
    "dpkg-deb": ("dpkg", "unpacks Debian packages"),
    "iasl": ("acpica-tools", "decodes ACPI tables in tests"),
}
"""Program -> (Debian package, what dinrail needs it for)."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran to its end. `cut`: there was more output than asked for, and it was thrown away."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes
    cut: bool = False

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "backslashreplace")


class TimedOut(CommandFailed):
    """It did not end in time. `stack` is where the kernel held it, where that could be read."""

    def __init__(self, argv: tuple[str, ...], timeout_ns: int, stack: tuple[str, ...], *, abandoned: bool) -> None:
        left = "; it cannot be killed and was left behind" if abandoned else ""
        super().__init__(f"no end after {timeout_ns / S_NS:g} s{left}", argv=argv, status=None, stderr="")
        self.stack = stack
        self.details = tuple(f"kernel: {line}" for line in stack)


def find_program(name: str) -> str | None:
    """Where `name` is: on PATH, or in the system directories that a user's PATH lacks."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def run(
    argv: Sequence[str],
    *,
    timeout_ns: int = 30 * S_NS,
    max_bytes: int = 1 << 20,
    stdin: bytes = b"",
    check: bool = True,
    keep_lock: bool = False,
) -> Completed:
    """Run a command to its end, without a shell, with LC_ALL=C.

    stdin:     at most 64 KiB (what a pipe holds), given at once.
    check:     a status other than 0 is a CommandFailed.
    keep_lock: the child also holds the files we made inheritable: the journal's lock (see `host.journal`).

    Raises CommandFailed, TimedOut; HostError with the Debian package for a missing program.
    """
    words = tuple(argv)
    program = find_program(words[0])
    if program is None:
        raise _missing(words[0])
    try:
        process = subprocess.Popen(
            (program, *words[1:]),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"LC_ALL": "C"},
            close_fds=not keep_lock,
        )
    except OSError as fault:
        raise _failed(words, None, os.strerror(fault.errno or 0), "cannot be started") from fault
    done = _attend(process, words, timeout_ns, max_bytes, stdin)
    if check and done.status != 0:
        raise _failed(words, done.status, done.stderr.decode("utf-8", "backslashreplace"), f"exit status {done.status}")
    return done


def kernel_stack(pid: int) -> tuple[str, ...]:
    """Where the kernel holds a process: /proc/PID/stack (root only), else its wait channel. Empty when unknown."""
    for name in ("stack", "wchan"):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/{name}").read_text(errors="replace")
            lines = tuple(line for line in text.splitlines()[:20] if line.strip() not in ("", "0"))
            if lines:
                return lines
    return ()


def _attend(
    process: subprocess.Popen[bytes], argv: tuple[str, ...], timeout_ns: int, max_bytes: int, stdin: bytes
) -> Completed:
    deadline_ns = time.monotonic_ns() + timeout_ns
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(stdin)
    outputs = _Outputs(process, max_bytes)
    try:
        outputs.drain(deadline_ns)
        process.wait(max(0.0, (deadline_ns - time.monotonic_ns()) / S_NS))
    except subprocess.TimeoutExpired:
        stack = kernel_stack(process.pid)
        raise TimedOut(argv, timeout_ns, stack, abandoned=not _end(process)) from None
    finally:
        if process.returncode is None:  # interrupted: no child of ours is left behind
            _end(process)
        outputs.close()
    return Completed(argv, process.returncode, bytes(outputs.stdout), bytes(outputs.stderr), outputs.cut)


def _end(process: subprocess.Popen[bytes]) -> bool:
    """Kill; False when it does not die within the grace time."""
    process.kill()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.returncode = -9  # keeps subprocess from warning about, or polling, what we gave up on
        return False
    return True


class _Outputs:
    """Both outputs of a process, read side by side; what goes beyond `max_bytes` is read and thrown away."""

    def __init__(self, process: subprocess.Popen[bytes], max_bytes: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.cut = False
        self._max_bytes = max_bytes
        self._argv = process.args
        self._streams: list[tuple[IO[bytes], bytearray]] = []
        for stream, kept in ((process.stdout, self.stdout), (process.stderr, self.stderr)):
            if stream is not None:
                self._streams.append((stream, kept))

    def drain(self, deadline_ns: int) -> None:
        """Read until both ends are closed. Raises TimeoutExpired."""
        with selectors.DefaultSelector() as selector:
            for stream, kept in self._streams:
                selector.register(stream, selectors.EVENT_READ, kept)
            while selector.get_map():
                left_s = (deadline_ns - time.monotonic_ns()) / S_NS
                if left_s <= 0:
                    raise subprocess.TimeoutExpired(self._argv, 0)
                for key, _ in selector.select(left_s):
                    data = os.read(key.fd, _CHUNK_BYTES)
                    if not data:
                        selector.unregister(key.fileobj)
                    self._keep(key.data, data)

    def _keep(self, kept: bytearray, data: bytes) -> None:
        room = self._max_bytes - len(kept)
        kept += data[:room]
        self.cut = self.cut or len(data) > room

    def close(self) -> None:
        for stream, _ in self._streams:
            stream.close()


def _failed(argv: tuple[str, ...], status: int | None, stderr: str, what: str) -> CommandFailed:
    return CommandFailed(what, argv=argv, status=status, stderr=stderr)


def _missing(program: str) -> HostError:
    package, why = PACKAGES.get(Path(program).name, ("", ""))
    return HostError(
        f"the program {program} is not installed",
        where=program,
        why=f"it {why}" if why else None,
        hint=f"apt-get install {package}" if package else None,
    )
