"""The registry: what Beckhoff's own tests expect of it, its limits, and its file."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from ads_service import Client, FakePeer, FakePermit
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import Action
from dinrail.ads.service import registry as rooms
from dinrail.ads.service.access import ServiceDevice
from dinrail.ads.service.registry import Registry, RegistryService, Value
from dinrail.ads.service.registry_file import RegistryFile
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.errors import FormatError, HostError

KEY = b"Software\\Test\\KeyA"
VALUES, TYPES, NAMES = 0xC000_0000, 0x4000_0000, 0x8000_0000


@pytest.fixture
def client() -> Client:
    return client_of(Registry())


def client_of(registry: Registry, keeper: rooms.Keeper | None = None) -> Client:
    return Client(ServiceDevice("registry", RegistryService(registry, keeper).services()))


def put(client: Client, key: bytes, name: bytes, kind: int = 1, data: bytes = b"x\0", group: int = 200) -> None:
    client.write(group, 0, key + b"\0" + name + b"\0" + struct.pack("<I", kind) + data)


def every(client: Client, key: bytes, flag: int, size: int = 0x800) -> list[bytes]:
    """As adstool enumerates: offsets from `flag` upwards until 0x70C."""
    found: list[bytes] = []
    while True:
        try:
            found.append(client.read_write(200, flag | len(found), key + b"\0", size))
        except AdsFault as fault:
            if fault.code != AdsError.NOT_FOUND:
                raise
            return found


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_beckhoff_s_own_test_of_deleting_keys_passes(client: Client) -> None:
    """Delete, delete again (error 1), with bytes behind the NUL and without a NUL (0x706), and a key with sub keys."""
    put(client, KEY, b"SomeValueName", data=b"SomeData\0")
    client.write(206, 0, KEY + b"\0")
    assert code_of(client.write, 206, 0, KEY + b"\0") == 1
    put(client, KEY, b"SomeValueName", data=b"SomeData\0")
    assert code_of(client.write, 206, 0, KEY + b"\0abc") == AdsError.INVALID_DATA
    assert code_of(client.write, 206, 0, KEY) == AdsError.INVALID_DATA
    put(client, KEY + b"\\SubKeyA", b"SomeValueName", data=b"SomeData\0")
    assert every(client, KEY, 0, 0x400) == [b"SubKeyA\0"]
    client.write(206, 0, KEY + b"\0")
    assert code_of(client.write, 206, 0, KEY + b"\0") == 1
    assert code_of(client.write, 206, 0, KEY + b"\\SubKeyA\0") == 1
    assert every(client, b"Software\\Test", 0) == []


def test_what_adstool_exports_is_what_was_imported(client: Client) -> None:
    """Values come in the order in which they were put, with name, type and data; then the sub keys."""
    put(client, b"SOFTWARE\\Test", b"REG_SZ", 1, b"str\0")
    put(client, b"SOFTWARE\\Test", b"REG_DWORD", 4, b"rrrr")
    put(client, b"SOFTWARE\\Test", b"REG_QWORD", 11, b"xV4\x12xV4\x12")
    put(client, b"SOFTWARE\\Test\\Sub", b"", 1, b"Default\0")
    assert every(client, b"SOFTWARE\\Test", VALUES) == [
        b"REG_SZ\0\1\0\0\0str\0",
        b"REG_DWORD\0\4\0\0\0rrrr",
        b"REG_QWORD\0\x0b\0\0\0xV4\x12xV4\x12",
    ]
    assert every(client, b"SOFTWARE\\Test", TYPES)[0] == b"REG_SZ\0\1\0\0\0"
    assert every(client, b"SOFTWARE\\Test", NAMES)[1] == b"REG_DWORD\0"
    assert every(client, b"SOFTWARE\\Test", 0) == [b"Sub\0"]
    assert every(client, b"software\\TEST\\sub", VALUES) == [b"\0\1\0\0\0Default\0"]
    assert every(client, b"", 0) == [b"SOFTWARE\0"]


def test_a_value_is_asked_for_by_its_name(client: Client) -> None:
    """key, NUL, name, NUL at offset 0 gives the data alone; the case of letters does not count."""
    put(client, KEY, b"Name", 4, b"\1\0\0\0")
    assert client.read_write(200, 0, KEY.upper() + b"\0nAME\0", 4) == b"\1\0\0\0"
    assert code_of(client.read_write, 200, 0, KEY + b"\0other\0", 4) == AdsError.NOT_FOUND
    assert code_of(client.read_write, 200, 0, KEY + b"\\no\0Name\0", 4) == AdsError.NOT_FOUND
    assert code_of(client.read_write, 200, 0, KEY + b"\0Name\0", 3) == AdsError.INVALID_SIZE


def test_a_value_is_replaced_and_keeps_its_place(client: Client) -> None:
    """Writing a name again changes type and data, whatever its case."""
    put(client, KEY, b"a", 1, b"1\0")
    put(client, KEY, b"b", 1, b"2\0")
    put(client, KEY, b"A", 4, b"abcd")
    assert every(client, KEY, VALUES) == [b"A\0\4\0\0\0abcd", b"b\0\1\0\0\x002\0"]


def test_hives_are_apart(client: Client) -> None:
    """HKLM, HKCU and HKCR share no key."""
    put(client, KEY, b"a", group=201)
    assert every(client, KEY, VALUES) == []
    assert client.read_write(201, 0, KEY + b"\0a\0") == b"x\0"
    assert code_of(client.write, 206, 0, KEY + b"\0") == 1
    client.write(207, 0, KEY + b"\0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        KEY,
        KEY + b"\0",
        KEY + b"\0name",
        KEY + b"\0name\0",
        KEY + b"\0name\0\1\0\0",
        b"\0name\0\1\0\0\0x",
        b"a" * 256 + b"\0name\0\1\0\0\0x",
        KEY + b"\0" + b"n" * 256 + b"\0\1\0\0\0x",
        b"a\\" * 33 + b"\0name\0\1\0\0\0x",
        KEY + b"\0name\0\1\0\0\0" + bytes(65537),
    ],
    ids=range(11),
)
def test_what_is_no_value_is_refused(client: Client, data: bytes) -> None:
    """A write needs key, name, type and data, each of bounded length."""
    assert code_of(client.write, 200, 0, data) == AdsError.INVALID_DATA
    assert every(client, b"", 0) == []


def test_a_whole_hive_is_not_deleted(client: Client) -> None:
    """An empty key name deletes nothing."""
    put(client, KEY, b"a")
    assert code_of(client.write, 206, 0, b"\0") == AdsError.INVALID_DATA
    assert code_of(client.write, 206, 0, b"\\\0") == AdsError.INVALID_DATA
    assert every(client, KEY, NAMES) == [b"a\0"]


def test_reading_is_read_and_changing_is_admin(client: Client) -> None:
    """Who may only read cannot set, flush or delete."""
    put(client, KEY, b"a")
    guest = Client(client.device, FakePeer(), FakePermit(frozenset((Action.READ,))))
    assert every(guest, KEY, NAMES) == [b"a\0"]
    for call in (lambda: put(guest, KEY, b"b"), lambda: guest.write(203, 0), lambda: guest.write(206, 0, KEY + b"\0")):
        assert code_of(call) == AdsError.ACCESS_DENIED


def test_the_tree_is_bounded_and_deleting_makes_room(client: Client) -> None:
    """Items and bytes have a limit, which is told as 0x70A; what is deleted counts no more."""
    big = bytes(rooms.MAX_VALUE_BYTES)
    room = rooms.MAX_TOTAL_BYTES // rooms.MAX_VALUE_BYTES - 1
    for number in range(room):
        put(client, b"k", b"%d" % number, 3, big)
    assert code_of(put, client, b"k", b"more", 3, big) == AdsError.NO_MEMORY
    client.write(206, 0, b"k\0")
    for number in range(rooms.MAX_ITEMS - 1):
        put(client, b"k", b"%d" % number, 3, b"")
    assert code_of(put, client, b"k", b"more", 3, b"") == AdsError.NO_MEMORY
    put(client, b"k", b"0", 3, b"replaced")
    client.write(206, 0, b"k\0")
    put(client, b"k", b"more", 3, b"")


def test_a_registry_comes_back_from_its_file(tmp_path: Path) -> None:
    """What was flushed is there in the next life, any bytes of names and data; the file is JSON."""
    file = RegistryFile(tmp_path / "new" / "registry.json")
    client = client_of(Registry(), file)
    put(client, b"Gr\xfc\xdfe\\Sub", b"\xe4", 3, bytes(range(256)))
    put(client, KEY, b"", 1, b"d\0", group=202)
    client.write(203, 0)
    assert set(json.loads((tmp_path / "new" / "registry.json").read_text())) == {"HKLM", "HKCU", "HKCR"}
    again = Registry()
    file.load(again)
    assert again.value("HKLM", (b"Gr\xfc\xdfe", b"sub"), b"\xe4") == Value(b"\xe4", 3, bytes(range(256)))
    assert again.value("HKCR", (b"Software", b"Test", b"KeyA"), b"").data == b"d\0"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["registry.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[]",
        "7",
        '{"HKXX": {}}',
        '{"HKLM": []}',
        '{"HKLM": {"values": {"a": 7}}}',
        '{"HKLM": {"keys": {"k": {"values": {"a": {"type": "1", "hex": ""}}}}}}',
        '{"HKLM": {"keys": {"k": {"values": {"a": {"type": 1, "hex": "0"}}}}}}',
        '{"HKLM": {"keys": {"k": {"values": {"\u0416": {"type": 1, "hex": "00"}}}}}}',
        '{"HKLM": {"keys": {"\u0416": {"values": {"a": {"type": 1, "hex": "00"}}}}}}',
        '{"HKLM": {"keys": {"k": {"values": {"a": {"type": -1, "hex": "00"}}}}}}',
        "[" * 100_000,
        '{"HKLM": ' + '{"keys": {"k": ' * 40 + "{}" + "}}" * 40 + "}",
    ],
    ids=range(14),
)
def test_a_broken_file_is_told_as_one(tmp_path: Path, text: str) -> None:
    """A file that is no registry is a FormatError with its path, not half a registry."""
    path = tmp_path / "registry.json"
    path.write_text(text)
    with pytest.raises(FormatError) as fault:
        RegistryFile(path).load(Registry())
    assert str(path) in str(fault.value)


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    """Reading says HostError at the start; keeping says 0x700, and what was changed is tried again."""
    (tmp_path / "file").touch()
    with pytest.raises(HostError):
        RegistryFile(tmp_path).load(Registry())
    service = RegistryService(Registry(), RegistryFile(tmp_path / "file" / "registry.json"))
    client = Client(ServiceDevice("registry", service.services()))
    put(client, KEY, b"a")
    assert code_of(client.write, 203, 0) == AdsError.DEVICE_ERROR
    assert service.registry.changed


@given(st.integers(200, 208), st.integers(0, 0xFFFF_FFFF), st.binary(max_size=60), st.booleans())
def test_any_bytes_are_answered_or_refused(group: int, offset: int, data: bytes, write: bool) -> None:
    """Whatever is written or asked: an answer, or an AdsFault."""
    client = client_of(Registry())
    put(client, KEY, b"a")
    try:
        if write:
            client.write(group, offset, data)
        else:
            client.read_write(group, offset, data)
    except AdsFault:
        return
