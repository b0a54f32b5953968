"""What port 10000 tells about the machine, in exact bytes."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable

import pytest
from ads_service import Client, FakePeer, FakePermit

from dinrail.ads.contract import Action
from dinrail.ads.service.access import ServiceDevice
from dinrail.ads.service.info import InfoService, NetworkAdapter, Target
from dinrail.ads.service.state import StandInState
from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.target import TargetDescription
from dinrail.clock import ManualClock

NET_ID = NetId(bytes((5, 6, 7, 8, 1, 1)))
NEW_YEAR_NS = 1_767_225_600_000_000_000  # Thursday, 2026-01-01T00:00:00Z
TARGET = Target(
    NET_ID,
    host_name="box",
    project="Plant <1>",
    machine="aarch64",
    system="Linux",
    system_release="6.1",
    fingerprint="ab12",
    bias_minutes=-60,
    zone="CET",
)
ETH = NetworkAdapter("eth0", "192.168.0.2", "255.255.255.0", "192.168.0.1", bytes((0, 1, 5, 9, 9, 9)), 2)


def client_of(taken: list[NetId] | None = None, adapters: tuple[NetworkAdapter, ...] = ()) -> Client:
    info = InfoService(
        TARGET,
        StandInState(),
        wall_ns=ManualClock(wall_ns=NEW_YEAR_NS + 3_723_045_000_000).wall_ns,
        random=lambda size: b"\xff" * size,
        adapters=lambda: adapters,
        set_net_id=None if taken is None else taken.append,
    )
    return Client(ServiceDevice("info", info.services()))


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_the_target_describes_itself() -> None:
    """An XML document that ads-rs and XAE read, texts with a NUL, and what is not known is 0x703."""
    client = client_of()
    described = TargetDescription.parse(client.read(700, 1, 2048))
    assert (described.net_id, described.version, described.os_name) == (NET_ID, (3, 1, 4024), "Linux")
    assert (described.target_type, described.cpu_architecture) == ("TwinCAT", "aarch64")
    texts = {2: b"TwinCAT\0", 3: b"3.1.4024.0\0", 4: b"TwinCAT Linux (ARM64)\0", 7: b"Plant <1>\0", 9: b"ab12\0"}
    assert {offset: client.read(700, offset, 256) for offset in texts} == texts
    assert client.read(700, 10, 4) == b"\1\0\0\0"
    assert client.read(700, 4, 7) == b"TwinCAT"
    assert code_of(client.read, 700, 5, 16) == AdsError.INVALID_OFFSET


def test_small_facts() -> None:
    """Product version, NetId, host name and the platform in the state."""
    client = client_of()
    assert client.read(160, 0, 16) == bytes((3, 1)) + (4024).to_bytes(2, "little")
    assert client.read(601, 0, 6) == NET_ID
    assert client.read(702, 0, 256) == b"box\0"
    assert client.read(240, 0, 16)[10:12] == b"\2\2"


def test_the_time_in_all_its_forms() -> None:
    """Local time and UTC as SYSTEMTIME, FILETIME, and the zone between them."""
    client = client_of()
    assert client.read(400, 7, 16) == struct.pack("<8H", 2026, 1, 4, 1, 1, 2, 3, 45)
    assert client.read(400, 1, 16) == struct.pack("<8H", 2026, 1, 4, 1, 2, 2, 3, 45)
    assert client.read(400, 5, 8) == (0x01DC_7AB1_9281_0000 + 37_230_450_000).to_bytes(8, "little")
    zone = client.read(400, 6, 172)
    assert (zone[:4], zone[4:12]) == ((-60).to_bytes(4, "little", signed=True), "CET\0".encode("utf-16-le"))
    assert len(zone) == 172
    assert code_of(client.read, 400, 2, 16) == AdsError.INVALID_OFFSET
    assert code_of(client.write, 400, 1, bytes(16)) == AdsError.ACCESS_DENIED


def test_adapters_have_windows_layout() -> None:
    """640 bytes each, with names and addresses as text; no adapters are no bytes."""
    assert client_of().read(701, 1) == b""
    data = client_of(adapters=(ETH, ETH)).read(701, 1)
    assert (len(data), data[:640] == data[640:]) == (1280, True)
    assert (data[8:13], data[0x190:0x19A]) == (b"eth0\0", b"\6\0\0\0" + ETH.hardware)
    assert (data[0x1B0:0x1BC], data[0x1C0:0x1CE], data[0x1D8:0x1E4]) == (
        b"192.168.0.2\0",
        b"255.255.255.0\0",
        b"192.168.0.1\0",
    )


def test_a_guid_is_random_and_of_version_4() -> None:
    """Sixteen bytes in Windows' order, with the bits that say that they are random."""
    guid = uuid.UUID(bytes_le=client_of().read(1600, 0, 16))
    assert (guid.version, guid.variant) == (4, uuid.RFC_4122)
    assert str(guid) == "ffffffff-ffff-4fff-bfff-ffffffffffff"


def test_the_net_id_is_changed_only_where_that_is_allowed() -> None:
    """Refused by itself; with a function for it, six bytes that are not all zero are given to that."""
    new = bytes((1, 2, 3, 4, 1, 1))
    assert code_of(client_of().write, 600, 0, new) == AdsError.ACCESS_DENIED
    taken: list[NetId] = []
    client = client_of(taken)
    client.write(600, 0, new)
    assert taken == [NetId(new)]
    for bad in (b"", bytes(6), new + b"\0"):
        assert code_of(client.write, 600, 0, bad) == AdsError.INVALID_DATA


def test_cores_are_not_shared_out_by_clients() -> None:
    """Group 1200 is refused for any number, and for what is none."""
    client = client_of()
    assert code_of(client.write, 1200, 0, b"\xff" * 4) == AdsError.ACCESS_DENIED
    assert code_of(client.write, 1200, 0, b"\xff") == AdsError.INVALID_SIZE


@pytest.mark.parametrize("group", [160, 240, 400, 601, 700, 701, 702, 1600])
def test_telling_is_state_and_writing_is_nothing(group: int) -> None:
    """Who may see the state may be told; a write is refused to him, and is no service for anybody."""
    client = client_of()
    guest = Client(client.device, FakePeer(), FakePermit(frozenset((Action.STATE,))))
    offset = 1 if group in (400, 700, 701) else 0
    assert guest.read(group, offset) == client.read(group, offset)
    assert code_of(guest.write, group, offset, b"x") == AdsError.ACCESS_DENIED
    assert code_of(client.write, group, offset, b"x") in (AdsError.INVALID_ACCESS, AdsError.ACCESS_DENIED)
    nobody = Client(client.device, FakePeer(), FakePermit(frozenset()))
    assert code_of(nobody.read, group, offset) == AdsError.ACCESS_DENIED


def test_groups_that_are_none_are_0x701() -> None:
    """Group 0 and whatever is not served is `service not supported`, by any command."""
    client = client_of()
    for group in (0, 1, 99, 141, 220, 300, 900, 1500, 0x4020, 0xFFFF_FFFF):
        for call in (client.read, client.read_write):
            assert code_of(call, group, 0) == AdsError.SERVICE_NOT_SUPPORTED
        assert code_of(client.write, group, 0, b"") == AdsError.SERVICE_NOT_SUPPORTED
