"""Starting processes: refused, but for what the configuration names."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ads_service import Client, FakePeer, FakePermit

from dinrail.ads.contract import Action
from dinrail.ads.service.access import ServiceDevice
from dinrail.ads.service.process import MAX_RUNNING, ProcessService, Program, Spawner
from dinrail.ams.errors import AdsError, AdsFault

PROGRAMS = (Program("/usr/bin/env", takes_arguments=True, directories=("/root",)), Program("/usr/bin/true"))


class Recorder:
    """Starts nothing, and remembers what it should have started."""

    def __init__(self) -> None:
        self.started: list[tuple[tuple[str, ...], str]] = []

    def start(self, argv: tuple[str, ...], directory: str) -> None:
        self.started.append((argv, directory))


def client_of(recorder: Recorder, programs: tuple[Program, ...] = PROGRAMS) -> Client:
    return Client(ServiceDevice("process", ProcessService(recorder, programs).services()))


def wish(application: bytes, directory: bytes = b"", arguments: bytes = b"") -> bytes:
    """As adstool sends it: three lengths without NULs, three texts with them."""
    parts = (application, directory, arguments)
    return struct.pack("<III", *map(len, parts)) + b"".join(part + b"\0" for part in parts)


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_nothing_is_started_unless_it_is_configured() -> None:
    """Without programs every request is 0x723, whatever it says."""
    recorder = Recorder()
    client = client_of(recorder, ())
    for data in (wish(b"/bin/sh"), b"", b"\xff" * 64):
        assert code_of(client.write, 500, 0, data) == AdsError.ACCESS_DENIED
    assert recorder.started == []


def test_a_named_program_is_started_with_an_argument_list() -> None:
    """The command line is split as a shell would, and no shell sees it; bit 16 (hidden) says nothing here."""
    recorder = Recorder()
    client = client_of(recorder)
    client.write(500, 0, wish(b"/usr/bin/env", b"/root", b"touch 'a b' ; rm -rf / $(id) > x"))
    client.write(500, 1 << 16, wish(b"/usr/bin/true"))
    assert recorder.started == [
        (("/usr/bin/env", "touch", "a b", ";", "rm", "-rf", "/", "$(id)", ">", "x"), "/root"),
        (("/usr/bin/true",), "/"),
    ]


@pytest.mark.parametrize(
    ("offset", "data", "code"),
    [
        (0, wish(b"/bin/sh"), AdsError.ACCESS_DENIED),
        (0, wish(b"/usr/bin/../bin/env"), AdsError.ACCESS_DENIED),
        (0, wish(b"env"), AdsError.ACCESS_DENIED),
        (0, wish(b"/usr/bin/env", b"/tmp"), AdsError.ACCESS_DENIED),
        (0, wish(b"/usr/bin/true", b"/root"), AdsError.ACCESS_DENIED),
        (0, wish(b"/usr/bin/true", b"", b"x"), AdsError.ACCESS_DENIED),
        (0, wish(b"/usr/bin/env", b"", b"'open"), AdsError.SYNTAX),
        (1000, wish(b"/usr/bin/true"), AdsError.SERVICE_NOT_SUPPORTED),
        (0, wish(b"/usr/bin/true")[:-4], AdsError.INVALID_DATA),
        (0, b"\xff" * 12, AdsError.INVALID_DATA),
        (0, bytes(9000), AdsError.INVALID_SIZE),
    ],
)
def test_all_else_is_refused(offset: int, data: bytes, code: int) -> None:
    """Other programs, other ways to write their path, other directories, waiting, and broken requests."""
    recorder = Recorder()
    assert code_of(client_of(recorder).write, 500, offset, data) == code
    assert recorder.started == []


def test_starting_needs_admin() -> None:
    """Every other action is not enough."""
    recorder = Recorder()
    guest = Client(client_of(recorder).device, FakePeer(), FakePermit(frozenset(Action) - {Action.ADMIN}))
    assert code_of(guest.write, 500, 0, wish(b"/usr/bin/true")) == AdsError.ACCESS_DENIED
    assert recorder.started == []


def test_a_process_really_starts(tmp_path: Path) -> None:
    """The spawner runs a program in its directory and does not wait for it; one that is not there is 0x70C."""
    spawner = Spawner()
    spawner.start(("/usr/bin/env", "touch", "made"), str(tmp_path))
    deadline = time.monotonic() + 20
    while not (tmp_path / "made").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert code_of(spawner.start, ("/no/such/program",), "/") == AdsError.NOT_FOUND
    assert code_of(spawner.start, ("/usr/bin/env",), "/no/such/place") == AdsError.NOT_FOUND
    assert code_of(spawner.start, (str(tmp_path),), "/") == AdsError.DEVICE_ERROR
    while spawner.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_so_many_at_a_time() -> None:
    """More than eight running processes are 0x708; when some have ended there is room again."""
    spawner = Spawner()
    for _ in range(MAX_RUNNING):
        spawner.start(("/usr/bin/env", "sleep", "0.3"), "/")
    assert code_of(spawner.start, ("/usr/bin/env", "true"), "/") == AdsError.BUSY
    deadline = time.monotonic() + 20
    while spawner.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    spawner.start(("/usr/bin/env", "true"), "/")
    while spawner.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
