"""Starting processes (index group 500): refused, unless the configuration names the programs.

A program is started by its exact path, with an argument list and never through a shell. Whether a client may give
arguments is said for each program: an interpreter with arguments is everything.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dinrail.ads.contract import Action
from dinrail.ads.service.access import Access, Service, Services, always
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.service import ServiceGroup, StartProcess
from dinrail.errors import FormatError

MAX_REQUEST_BYTES = 8192
MAX_RUNNING = 8
_TIMEOUT_MASK = 0xFFFF


@dataclass(frozen=True, slots=True)
class Program:
    """One program that clients may start. `directories`: where it may be started, beside its own default (`/`)."""

    path: str
    takes_arguments: bool = False
    directories: tuple[str, ...] = ()


class Starter(Protocol):
    """What starts a process."""

    def start(self, argv: tuple[str, ...], directory: str) -> None:
        """Start it and do not wait. Raises AdsFault."""


class ProcessService:
    """`programs` may be started by `starter`; no other ever is."""

    def __init__(self, starter: Starter, programs: Iterable[Program] = ()) -> None:
        self._starter = starter
        self._programs = {program.path: program for program in programs}

    def services(self) -> Services:
        """The function by its index group."""
        return {ServiceGroup.START_PROCESS: Service(self._start, always(Action.ADMIN))}

    def _start(self, access: Access) -> bytes:
        if not self._programs:
            raise AdsFault(AdsError.ACCESS_DENIED, "no program may be started from outside")
        if len(access.data) > MAX_REQUEST_BYTES:
            raise AdsFault(AdsError.INVALID_SIZE, f"more than {MAX_REQUEST_BYTES} bytes")
        try:
            wanted = StartProcess.parse(access.data)
        except FormatError as fault:
            raise AdsFault(AdsError.INVALID_DATA, str(fault)) from fault
        if access.offset & _TIMEOUT_MASK:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, "waiting for a process would make everybody wait")
        program = self._programs.get(wanted.application)
        if program is None:
            raise AdsFault(AdsError.ACCESS_DENIED, f"{wanted.application!r} is not among the programs")
        if wanted.directory and wanted.directory not in program.directories:
            raise AdsFault(AdsError.ACCESS_DENIED, f"it is not started in {wanted.directory!r}")
        arguments = _split(wanted.command_line)
        if arguments and not program.takes_arguments:
            raise AdsFault(AdsError.ACCESS_DENIED, "it takes no arguments")
        self._starter.start((program.path, *arguments), wanted.directory or "/")
        return b""


class Spawner:
    """Starts processes on this machine, `MAX_RUNNING` at a time, in sessions of their own."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, argv: tuple[str, ...], directory: str) -> None:
        """See Starter."""
        self.reap()
        if len(self._running) >= MAX_RUNNING:
            raise AdsFault(AdsError.BUSY, f"{MAX_RUNNING} processes are running")
        try:
            started = subprocess.Popen(
                argv,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError) as fault:
            raise AdsFault(AdsError.NOT_FOUND, f"{argv[0]} cannot be started in {directory}") from fault
        except OSError as fault:
            raise AdsFault(AdsError.DEVICE_ERROR, os.strerror(fault.errno or 0)) from fault
        self._running.append(started)

    @property
    def running(self) -> int:
        """How many have not ended."""
        self.reap()
        return len(self._running)

    def reap(self) -> None:
        """Forget those that have ended."""
        self._running = [process for process in self._running if process.poll() is None]


def _split(command_line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command_line))
    except ValueError as fault:
        raise AdsFault(AdsError.SYNTAX, f"the command line: {fault}") from fault
