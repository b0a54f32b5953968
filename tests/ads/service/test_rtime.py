"""Port 200: what adstool asks about real time."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from ads_service import Client, FakePeer, FakePermit

from dinrail.ads.contract import Action
from dinrail.ads.service.access import ServiceDevice
from dinrail.ads.service.rtime import NoLatency, RtimeService, Ticker
from dinrail.ams.diagnostics import CpuLatency, CpuSettings
from dinrail.ams.errors import AdsError, AdsFault


class Measured:
    """Core 3 runs tasks."""

    name = "RTIME"

    def __init__(self) -> None:
        self.reset_cores: list[int] = []

    def settings(self) -> CpuSettings:
        return CpuSettings(
            windows_cpus=2, isolated_cpus=2, affinity=8, rtime_cpus=1, cpu_type=5, cpu_family=6, cpu_mhz=3000
        )

    def latency(self, cpu: int) -> CpuLatency | None:
        return CpuLatency(current=4, maximum=9, limit=500) if cpu == 3 else None

    def reset(self, cpu: int) -> None:
        self.reset_cores.append(cpu)

    def ticker(self) -> Ticker:
        return Ticker(cpu_limit_percent=80, base_100ns=10_000)


def client_of(latency: Measured | NoLatency) -> Client:
    return Client(ServiceDevice(latency.name, RtimeService(latency).services()))


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_cores_and_latencies_in_exact_bytes() -> None:
    """32 bytes of settings, 12 of a core's latency, which 0xB also starts anew, and the ticker."""
    measured = Measured()
    client = client_of(measured)
    assert client.read(1, 0xD, 32) == struct.pack("<IIQIIII", 2, 2, 8, 1, 5, 6, 3000)
    assert client.read_write(1, 2, b"\3\0\0\0", 12) == struct.pack("<III", 4, 9, 500)
    assert measured.reset_cores == []
    assert client.read_write(1, 0xB, b"\3\0\0\0", 12) == struct.pack("<III", 4, 9, 500)
    assert measured.reset_cores == [3]
    assert client.read(1, 0x25, 12) == struct.pack("<III", 0, 80, 10_000)


def test_what_is_not_there_is_refused() -> None:
    """A core without tasks, other sizes, other offsets, and setting anything."""
    client = client_of(Measured())
    assert code_of(client.read_write, 1, 2, b"\4\0\0\0", 12) == AdsError.INVALID_PARAMETER
    assert code_of(client.read_write, 1, 2, b"\3", 12) == AdsError.INVALID_SIZE
    assert code_of(client.read_write, 1, 2, b"\3\0\0\0", 11) == AdsError.INVALID_SIZE
    assert code_of(client.read, 1, 2, 12) == AdsError.INVALID_SIZE
    assert code_of(client.read, 1, 3, 12) == AdsError.INVALID_OFFSET
    assert code_of(client.write, 1, 0x25, bytes(12)) == AdsError.ACCESS_DENIED
    assert code_of(client.read, 2, 0, 12) == AdsError.SERVICE_NOT_SUPPORTED


def test_starting_a_maximum_anew_is_writing() -> None:
    """Who may only read sees latencies, and does not wipe them out for others."""
    measured = Measured()
    guest = Client(client_of(measured).device, FakePeer(), FakePermit(frozenset((Action.READ,))))
    assert len(guest.read_write(1, 2, b"\3\0\0\0", 12)) == 12
    assert code_of(guest.read_write, 1, 0xB, b"\3\0\0\0", 12) == AdsError.ACCESS_DENIED
    assert measured.reset_cores == []


def test_the_stand_in_says_that_it_is_one() -> None:
    """Without a control: zeros, no core with a latency, and a name that tells."""
    client = client_of(NoLatency())
    assert client.read(1, 0xD, 32) == bytes(32)
    assert client.read(1, 0x25, 12) == bytes(12)
    assert code_of(client.read_write, 1, 2, bytes(4), 12) == AdsError.INVALID_PARAMETER
    assert client.ask(1)[8:] == b"RTIME stand-in\0\0"
