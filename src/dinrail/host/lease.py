"""Leases: who may use a device, or a CPU core, now. One file for each under /run, held by flock.

The lock is the lease; the JSON inside only tells others whom to ask. The kernel drops the lock when the last process
that has the file open ends, however it ends, so a lease can never be left behind. A guest's keeper inherits the file
(`pass_fds=(lease.fileno(),)`) and so holds the device for as long as the guest lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from dinrail.clock import Clock
from dinrail.errors import FormatError, Refused
from dinrail.files import ensure_directory, os_refusal, read_all, write_all
from dinrail.pci.address import PciAddress
from dinrail.system_clock import SystemClock
from dinrail.units import MS_NS, S_NS


@dataclass(frozen=True, slots=True, order=True)
class Core:
    """A CPU core that the control takes for itself. It is leased as `core-3`."""

    number: int

    def __str__(self) -> str:
        return f"core-{self.number}"


Leasable = PciAddress | Core
"""What has one user at a time."""

_MAX_BYTES = 4096
_TRIES = 5
_PAUSE_NS = 20 * MS_NS


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease. `owner`: in our words (`guest hmi`); `since_ns`: wall clock when it was taken."""

    owner: str
    pid: int
    since_ns: int

    def __str__(self) -> str:
        return f"{self.owner} (pid {self.pid})"


def parse_holder(data: bytes) -> Holder:
    """The holder that a lease file names. Raises FormatError; the file is writable by its holder only, yet checked."""
    try:
        document = json.loads(data)
        owner, pid, since_ns = (document[name] for name in ("owner", "pid", "since_ns"))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as fault:
        raise FormatError("not a JSON object with owner, pid and since_ns", structure="lease") from fault
    for name, value, kind in (("owner", owner, str), ("pid", pid, int), ("since_ns", since_ns, int)):
        if type(value) is not kind:
            raise FormatError(f"{type(value).__name__} instead of {kind.__name__}", structure="lease", field=name)
    return Holder(owner, pid, since_ns)


class Lease:
    """The right to use one device or core, held until `close` here and in every process that inherited the file."""

    def __init__(self, address: Leasable, fd: int, holder: Holder) -> None:
        self.address = address
        self.holder = holder
        self._fd = fd

    def fileno(self) -> int:
        """The open file, close-on-exec: give it to a child with `pass_fds`."""
        return self._fd

    def hand_over(self, *, owner: str, pid: int) -> None:
        """Name the process that holds the lease from now on (a guest's keeper). Raises HostError."""
        self.holder = Holder(owner, pid, self.holder.since_ns)
        _write_holder(self._fd, self.holder, self.address)

    def close(self) -> None:
        """Give our part back. No LOCK_UN: that would take the lease from a child that inherited it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Leases:
    """All leases of one host, in one directory (`Paths.leases`)."""

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        self._directory = directory
        self._clock = clock or SystemClock()

    def take(self, address: Leasable, *, owner: str) -> Lease:
        """The lease of a device, at once or not at all. Raises Refused, naming the holder; HostError.

        A tenth of a second is spent on trying again: `holder` of another process locks for microseconds, too.
        """
        fd = self._open(address)
        holder = Holder(owner, os.getpid(), self._clock.wall_ns())
        with contextlib.ExitStack() as on_refusal:
            on_refusal.callback(os.close, fd)
            self._wait_for(fd, address)
            _write_holder(fd, holder, address)
            on_refusal.pop_all()
        return Lease(address, fd, holder)

    def holder(self, address: Leasable) -> Holder | None:
        """Who holds the device now, None for nobody. A holder that left no readable name is called `unknown`."""
        try:
            fd = os.open(self._path(address), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise os_refusal(fault, "look at the lease", self._path(address)) from fault
        try:
            return None if _lock(fd, fcntl.LOCK_SH) else _read_holder(fd)
        finally:
            os.close(fd)

    def _wait_for(self, fd: int, address: Leasable) -> None:
        for left in reversed(range(_TRIES)):
            if _lock(fd, fcntl.LOCK_EX):
                return
            if left:
                self._clock.sleep_ns(_PAUSE_NS)
        raise _taken(address, fd, self._clock.wall_ns())

    def _path(self, address: Leasable) -> Path:
        return self._directory / f"{address}.lease"

    def _open(self, address: Leasable) -> int:
        ensure_directory(self._directory)
        path = self._path(address)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        except OSError as fault:
            raise os_refusal(fault, "take the lease", path) from fault


def _lock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(fd: int) -> Holder:
    with contextlib.suppress(FormatError, OSError):
        os.lseek(fd, 0, os.SEEK_SET)
        return parse_holder(read_all(fd, _MAX_BYTES)[0])
    return Holder("unknown", 0, 0)


def _write_holder(fd: int, holder: Holder, address: Leasable) -> None:
    document = {"owner": holder.owner, "pid": holder.pid, "since_ns": holder.since_ns}
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        os.ftruncate(fd, 0)
        write_all(fd, json.dumps(document).encode() + b"\n")
    except OSError as fault:
        raise os_refusal(fault, "write into the lease", str(address)) from fault


def _taken(address: Leasable, fd: int, now_ns: int) -> Refused:
    holder = _read_holder(fd)
    age = f", for {max(0, now_ns - holder.since_ns) // S_NS} s" if holder.since_ns else ""
    return Refused(
        f"the {'core' if isinstance(address, Core) else 'device'} is in use by {holder}{age}",
        where=str(address),
        why="it has one user at a time; its lease is held until that user ends",
        hint="stop that user (`dinrail guest stop NAME`, `dinrail control stop`), or wait until it has ended",
    )
