"""A running guest's directory: who runs, how it ended, and the lock that makes it one at a time.

    lock         flock: held by whoever starts, stops or keeps this guest; the keeper and the hypervisor inherit it
    phase.json   what its starter or stopper is doing, for others to say
    plan.json    what was started: devices, command, configuration
    argv.json, pid.json, exit.json, qemu.log     see `guest.keeper`
    serial.log, supervisor.qmp, command.qmp, gpu.rom

A process is known by its pid and its start time: a pid alone may be somebody else's by now.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dinrail.errors import HostError, Refused
from dinrail.files import atomic_write, ensure_directory, os_refusal, read_all, try_lock
from dinrail.guest.keeper import start_time
from dinrail.guest.lifecycle import Event, State, after
from dinrail.pci.address import PciAddress

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Process:
    """A process for ever: no later one has the same pid and start time (clock ticks since boot)."""

    pid: int
    start_time: int

    @property
    def is_alive(self) -> bool:
        """False for a zombie that nobody has waited for, too: it holds nothing any more."""
        return self.pid > 0 and start_time(self.pid) == self.start_time != 0 and not _is_zombie(self.pid)


@dataclass(frozen=True, slots=True)
class Exit:
    """How the hypervisor ended. One of `status` and `signal` is set; neither when the keeper itself was killed."""

    status: int | None
    signal: int | None
    ended_ns: int | None
    log_tail: str

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by signal {self.signal}"
        return "ended, and its exit status is lost" if self.status is None else f"exit status {self.status}"


@dataclass(frozen=True, slots=True)
class Observed:
    """A guest as its run directory shows it now."""

    name: str
    state: State
    hypervisor: Process | None
    keeper: Process | None
    started_ns: int | None
    exit: Exit | None
    devices: tuple[PciAddress, ...]

    def as_dict(self) -> dict[str, object]:
        """For `--json` and the supervisor's socket."""
        return {
            "name": self.name,
            "state": str(self.state),
            "pid": self.hypervisor.pid if self.hypervisor and self.hypervisor.is_alive else None,
            "started_ns": self.started_ns,
            "devices": [str(address) for address in self.devices],
            "exit": None
            if self.exit is None
            else {"status": self.exit.status, "signal": self.exit.signal, "ended_ns": self.exit.ended_ns},
        }


class RunDir:
    """One guest's run directory. Reading never follows links, never reads without a bound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def file(self, name: str) -> Path:
        return self.path / name

    def lock(self) -> Lock | None:
        """The right to start, stop or settle this guest; None when somebody else has it. Raises HostError."""
        ensure_directory(self.path, 0o700)
        fd = try_lock(self.file("lock"), "open the guest's lock")
        return None if fd is None else Lock(fd)

    def clear(self) -> None:
        """Forget the last run. Only under the lock, which stays. Raises HostError."""
        try:
            for entry in self.path.iterdir():
                if entry.name == "lock":
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        except OSError as fault:
            raise os_refusal(fault, "clear the run directory", self.path) from fault

    def write(self, name: str, value: object) -> None:
        atomic_write(self.file(name), json.dumps(value).encode() + b"\n", mode=0o600)

    def say(self, phase: State) -> None:
        """Tell others what we are doing with this guest."""
        self.write("phase.json", {"phase": phase, "pid": os.getpid(), "start_time": start_time(os.getpid())})

    def read(self, name: str) -> Mapping[str, Any] | None:
        """A JSON object of ours; None where the file does not exist. Raises HostError for anything else."""
        path = self.file(name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise os_refusal(fault, "read the guest's file", path) from fault
        try:
            data, more = read_all(fd, _MAX_BYTES)
        except OSError as fault:
            raise os_refusal(fault, "read the guest's file", path) from fault
        finally:
            os.close(fd)
        value: object = None
        if not more:
            with contextlib.suppress(ValueError, RecursionError):
                value = json.loads(data)
        if not isinstance(value, dict):
            raise HostError("is not what we wrote there", where=str(path), hint=f"look at it; then: rm -r {self.path}")
        return value

    def log_tail(self, name: str = "qemu.log") -> tuple[str, ...]:
        """The last lines of a log, at most 20."""
        try:
            with self.file(name).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                text = file.read(4096).decode("utf-8", "backslashreplace")
        except OSError:
            return ()
        return tuple(line for line in text.splitlines() if line.strip())[-20:]


@dataclass(slots=True)
class Lock:
    """The open lock file. Closing our copy gives it up, unless a keeper has inherited it."""

    fd: int

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def busy(observed: Observed) -> Refused:
    """The refusal for a guest that somebody else is starting, running or stopping."""
    who = f" (pid {observed.hypervisor.pid})" if observed.hypervisor else ""
    return Refused(
        f"the guest is {observed.state}{who}",
        where=f"guest {observed.name}",
        why="a guest runs once; its lock is held by the one that started it",
        hint=f"dinrail guest status {observed.name}",
    )


def observe(run: RunDir, *, locked: bool = False) -> Observed:
    """What became of a guest, from its files and the process table alone. Raises HostError for files of others.

    locked: the caller holds the guest's lock, so a start that seems to be under way is one that was killed.
    """
    who, end, plan = run.read("pid.json") or {}, run.read("exit.json"), run.read("plan.json") or {}
    phase = _phase(run.read("phase.json") or {})
    hypervisor = _process(who, "pid", "start_time")
    keeper = _process(who, "keeper_pid", "keeper_start_time")
    state, exit_ = _state(run.name, phase, hypervisor, keeper, end)
    if state in (State.CLAIMING, State.STARTING) and hypervisor is None and (locked or _is_free(run)):
        state = State.CRASHED
    return Observed(
        name=run.name,
        state=state,
        hypervisor=hypervisor,
        keeper=keeper,
        started_ns=_number(who, "started_ns"),
        exit=exit_,
        devices=tuple(PciAddress.parse(str(text)) for text in _list(plan, "devices")),
    )


def observe_all(guests: Path) -> tuple[Observed, ...]:
    """Every guest that has a run directory, by name. Raises HostError."""
    try:
        names = sorted(entry.name for entry in guests.iterdir() if entry.is_dir() and not entry.is_symlink())
    except FileNotFoundError:
        return ()
    except OSError as fault:
        raise os_refusal(fault, "list the guests", guests) from fault
    return tuple(observe(RunDir(guests / name)) for name in names)


def _phase(table: Mapping[str, Any]) -> object:
    """What somebody said to be doing; a start whose starter is gone is none any more."""
    phase = table.get("phase")
    starter = _process(table, "pid", "start_time")
    if phase == State.STARTING and starter is not None and not starter.is_alive:
        return None
    return phase


def _state(
    name: str, phase: object, hypervisor: Process | None, keeper: Process | None, end: Mapping[str, Any] | None
) -> tuple[State, Exit | None]:
    before = State.STOPPING if phase == State.STOPPING else State.RUNNING
    if phase == State.DEFINED:
        return State.DEFINED, _exit(end) if end is not None else None
    if end is not None:
        exit_ = _exit(end)
        return after(name, before, Event.EXITED if exit_.status == 0 else Event.DIED), exit_
    if hypervisor is None:
        return State(str(phase)) if phase in (State.CLAIMING, State.STARTING) else State.DEFINED, None
    if hypervisor.is_alive:
        return State(str(phase)) if phase in (State.STARTING, State.STOPPING) else State.RUNNING, None
    if keeper is not None and keeper.is_alive:  # it is about to write the exit down
        return State.STOPPING, None
    return after(name, before, Event.DIED), Exit(None, None, None, "")


def _exit(end: Mapping[str, Any]) -> Exit:
    return Exit(_number(end, "status"), _number(end, "signal"), _number(end, "ended_ns"), str(end.get("log_tail", "")))


def _is_free(run: RunDir) -> bool:
    """Nobody starts, runs or stops this guest."""
    lock = run.lock()
    if lock is not None:
        lock.close()
    return lock is not None


def _process(table: Mapping[str, Any], pid: str, started: str) -> Process | None:
    number, time = _number(table, pid), _number(table, started)
    return Process(number, time) if number and time is not None else None


def _number(table: Mapping[str, Any], key: str) -> int | None:
    value = table.get(key)
    return value if type(value) is int else None


def _list(table: Mapping[str, Any], key: str) -> list[object]:
    value = table.get(key)
    return value if isinstance(value, list) else []


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return True
    return stat[stat.rfind(b")") + 1 :].split()[:1] == [b"Z"]
