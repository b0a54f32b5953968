"""Ports 1, 30, 110 and 130: little, and nothing that is not so."""

from __future__ import annotations

import struct
from collections.abc import Callable
from uuid import UUID

import pytest
from ads_service import Client

from dinrail.ads.service.ports import LicenseIds, event_device, license_device, router_device
from dinrail.ams.errors import AdsError, AdsFault

VERSION = (3, 1, 4024)
SYSTEM = UUID("B1EA28BA-C1C1-33BB-F255-2AA53A470213")


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_a_licence_server_tells_the_pair_that_adstool_expects() -> None:
    """System GUID in Windows' byte order, platform as u16, volume number as u32."""
    client = Client(license_device(LicenseIds(SYSTEM.bytes_le, 93, 7), VERSION))
    assert client.read(0x0101_0004, 1, 16) == bytes.fromhex("BA28EAB1 C1C1 BB33 F255 2AA53A470213")
    assert client.read(0x0101_0004, 2, 2) == b"\x5d\0"
    assert client.read(0x0101_0004, 5, 4) == b"\7\0\0\0"
    assert code_of(client.read, 0x0101_0004, 3, 4) == AdsError.INVALID_OFFSET


def test_there_are_no_licences() -> None:
    """The count is 0, the list is empty, and no GUID has a name or an order number."""
    client = Client(license_device(LicenseIds(), VERSION))
    assert client.read(0x0101_0006, 0, 4) == bytes(4)
    assert client.read(0x0101_0006, 0, 480) == b""
    for group in (0x0101_000C, 0x0101_000D):
        assert client.read_write(group, 0, bytes(16), 64) == b"\0"
        assert code_of(client.read_write, group, 0, bytes(15), 64) == AdsError.INVALID_SIZE


def test_a_search_for_pci_devices_finds_none() -> None:
    """The whole answer that adstool expects, with a count of 0."""
    client = Client(router_device(VERSION))
    assert client.read_write(5, 3, struct.pack("<HHHH", 0x15EC, 0x5000, 0, 0), 3844) == bytes(3844)
    assert client.read_write(5, 3, bytes(8), 4) == bytes(4)
    assert code_of(client.read_write, 5, 3, bytes(7), 3844) == AdsError.INVALID_SIZE
    assert code_of(client.read_write, 5, 4, bytes(8), 3844) == AdsError.INVALID_OFFSET


def test_event_loggers_are_there_and_have_nothing() -> None:
    """They tell who they are and that they run; whatever else is asked is 0x701."""
    client = Client(event_device(VERSION))
    assert client.state() == (5, 0)
    assert client.ask(1)[8:] == b"TwinCAT Events\0\0"
    assert code_of(client.read, 1, 0, 4) == AdsError.SERVICE_NOT_SUPPORTED
