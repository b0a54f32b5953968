"""All services together: what a system is made of, what it keeps, and that no bytes get through its walls."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ads_service import Client, FakePeer
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.service.assemble import System, SystemConfig, assemble, system_devices
from dinrail.ads.service.info import Target
from dinrail.ads.service.process import Program
from dinrail.ams.address import NetId
from dinrail.ams.diagnostics import LogMessage
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.state import AdsState
from dinrail.clock import ManualClock
from dinrail.errors import BadRequest, FormatError, HostError
from dinrail.units import S_NS

NET_ID = NetId(bytes((5, 6, 7, 8, 1, 1)))
PORTS = {1, 30, 100, 110, 130, 200, 10000}
SECRET = b"what nobody may read or change"
SYSTEM_KEY = b"Software\\Beckhoff\\TwinCAT3\\System\0"


def system_of(
    root: Path | None = None, *, net_id: NetId = NET_ID, clock: ManualClock | None = None, **more: object
) -> System:
    where = {} if root is None else {"files": root / "files", "registry": root / "registry.json"}
    config = SystemConfig(Target(net_id), clock or ManualClock(), os.urandom, **where, **more)  # type: ignore[arg-type]  # by name
    return assemble(config)


def client_of(system: System, port: int = 10000) -> Client:
    return Client(system.devices[port])


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_a_system_has_its_ports_and_every_one_says_who_it_is() -> None:
    """Each port answers ReadDeviceInfo with a name and ReadState with Run."""
    devices = system_devices(SystemConfig(Target(NET_ID), ManualClock(), os.urandom))
    assert set(devices) == PORTS
    names = {port: Client(device).ask(Command.READ_DEVICE_INFO)[8:].rstrip(b"\0") for port, device in devices.items()}
    assert names[10000] == b"TwinCAT System"
    assert all(names.values())
    assert {Client(device).state()[0] for device in devices.values()} == {5}


def test_what_clients_ask_the_registry_for_is_there() -> None:
    """The NetId, the version, and directories whose names the file services take."""
    client = client_of(system_of())
    assert client.read_write(200, 0, SYSTEM_KEY + b"AmsNetId\0", 6) == NET_ID
    key = b"Software\\Beckhoff\\TwinCAT3\\3.1\0"
    boot = client.read_write(200, 0, key + b"BootDir\0", 256).rstrip(b"\0")
    handle = int.from_bytes(client.read_write(120, 0x42, boot + b"x", 4), "little")
    client.write(121, handle)
    assert client.read_write(134, 4 << 16, b"x", 36)[:8] == bytes(8)


def test_a_system_comes_back_with_what_was_kept(tmp_path: Path) -> None:
    """Files and registry are there again; the NetId is the present one, whatever was kept."""
    first = system_of(tmp_path)
    client = client_of(first)
    client.write(200, 0, SYSTEM_KEY + b"RunAsDevice\0" + struct.pack("<II", 4, 7))
    handle = int.from_bytes(client.read_write(120, 4 << 16 | 2, b"a", 4), "little")
    client.write(123, handle, b"kept")
    client.write(121, handle)
    first.close()
    other = NetId(bytes((9, 9, 9, 9, 1, 1)))
    client = client_of(system_of(tmp_path, net_id=other))
    assert client.read_write(200, 0, SYSTEM_KEY + b"RunAsDevice\0") == b"\7\0\0\0"
    assert client.read_write(200, 0, SYSTEM_KEY + b"AmsNetId\0") == other
    assert client.read_write(134, 4 << 16, b"a", 36)[:8] == (4).to_bytes(8, "little")


def test_the_registry_is_kept_within_a_second_and_a_failure_is_told(tmp_path: Path) -> None:
    """Without a flush, too; when the file cannot be written, those who listen at port 100 learn it."""
    system = system_of(tmp_path)
    client = client_of(system)
    listener = client_of(system, 100)
    listener.subscribe(1, 0xFFFF, 512)
    client.write(200, 0, b"K\0v\0\1\0\0\0x\0")
    system.devices[10000].tick(0, 0)
    kept = tmp_path / "registry.json"
    assert '"K"' in kept.read_text()
    kept.unlink()
    kept.mkdir()
    client.write(200, 0, b"K\0w\0\1\0\0\0x\0")
    system.devices[10000].tick(S_NS, 0)
    assert "cannot keep the registry" in LogMessage.parse(listener.peer.notes[0][28:]).text
    kept.rmdir()
    system.devices[10000].tick(2 * S_NS, 0)
    assert '"w"' in kept.read_text()


def test_adstool_s_file_find_works_where_its_directory_is_allowed() -> None:
    """An absolute name that the configuration means to be ours is one; all others stay refused."""
    system = system_of(prefixes={"/dev/shm/adslib-test": "user1"})
    client = client_of(system)
    for name in ("1/a", "1/aa", "1/2/b", "1/2/3/c", "1/2/3/4/d"):
        handle = client.read_write(120, 0x5A, f"/dev/shm/adslib-test/{name}".encode(), 4)
        client.write(121, int.from_bytes(handle, "little"))
    listed: list[str] = []
    pending = ["/dev/shm/adslib-test"]
    while pending:
        path = pending.pop()
        entry = client.read_write(133, 1, path.encode(), 324)
        listed.append(path)
        if entry[4] & 0x10:
            with contextlib.suppress(AdsFault):
                child = client.read_write(133, 1, f"{path}/*".encode(), 324)
                while True:
                    name = child[48:308].rstrip(b"\0").decode()
                    if child[4] & 0x10:
                        pending.append(f"{path}/{name}")
                    else:
                        listed.append(f"{path}/{name}")
                    child = client.read_write(133, int.from_bytes(child[:4], "little"), b"", 324)
    assert sorted(listed) == [
        "/dev/shm/adslib-test" + name
        for name in ("", "/1", "/1/2", "/1/2/3", "/1/2/3/4", "/1/2/3/4/d", "/1/2/3/c", "/1/2/b", "/1/a", "/1/aa")
    ]
    assert code_of(client.read_write, 133, 1, b"/dev/shm/adslib-test/missing", 324) == AdsError.NOT_FOUND
    for outside in (b"/dev/shm/adslib-test-2/a", b"/dev/shm/x", b"/dev/shm/adslib-test/../x"):
        assert code_of(client.read_write, 120, 0x5A, outside, 4) == AdsError.ACCESS_DENIED


@pytest.mark.parametrize(
    "prefixes", [{"/x": "nowhere"}, {"/X": "user1"}, {"/x/": "user1"}, {"": "user1"}, {"c:\\x": "user1"}]
)
def test_a_prefix_that_is_none_is_a_bad_request(prefixes: dict[str, str]) -> None:
    """A prefix is lower case, with slashes, and means one of our directories."""
    with pytest.raises(BadRequest):
        system_of(prefixes=prefixes)


def test_what_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    """A broken registry file and a file in the directory's place stop a system before it serves anybody."""
    (tmp_path / "registry.json").write_text("{")
    with pytest.raises(FormatError):
        system_of(tmp_path)
    (tmp_path / "registry.json").unlink()
    (tmp_path / "files").touch()
    with pytest.raises(HostError):
        system_of(tmp_path)


def test_the_wiring_learns_what_the_system_does() -> None:
    """Config lets PLC ports vanish: the callback is told; programs and state are the configuration's."""
    told: list[AdsState] = []
    system = system_of(state_changed=told.append, programs=(Program("/usr/bin/true"),))
    client_of(system).control(16)
    assert (told, system.state.ads_state) == ([AdsState.CONFIG], AdsState.CONFIG)


def test_a_gone_client_s_files_close(tmp_path: Path) -> None:
    """The device passes on who is gone to its file services."""
    system = system_of(tmp_path)
    client = client_of(system)
    client.read_write(120, 4 << 16 | 2, b"a", 4)
    assert len(list((tmp_path / "files" / "boot").iterdir())) == 1
    client.gone()
    assert list((tmp_path / "files" / "boot").iterdir()) == []
    system.close()


def test_large_files_are_worked_at_in_steps(tmp_path: Path) -> None:
    """Summing up and copying a large file answers later, one step at each tick; others are served in between."""
    system = system_of(tmp_path)
    client, other = client_of(system), client_of(system)
    content = bytes(range(256)) * 4096
    handle = int.from_bytes(client.read_write(120, 4 << 16 | 2, b"a", 4), "little")
    client.write(123, handle, content)
    client.write(121, handle)
    device = system.devices[10000]
    device.tick(0, 0)
    sum_request = client.pending(Command.READ_WRITE, struct.pack("<IIII", 137, 4 << 16, 16, 1) + b"a")
    copy_request = client.pending(Command.WRITE, struct.pack("<III", 136, 4 << 16, 3) + b"a\0b")
    too_much = struct.pack("<IIII", 137, 4 << 16, 16, 1) + b"a"
    assert code_of(client.ask, Command.READ_WRITE, too_much) == AdsError.BUSY
    steps = 0
    while not (sum_request.answers and copy_request.answers):
        assert device.due_ns() == 0
        assert other.state() == (5, 1)
        device.tick(1, 1)
        steps += 1
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    assert (sum_request.answers, copy_request.answers) == ([bytes(4) + b"\x10\0\0\0" + digest], [bytes(4)])
    assert (steps, device.due_ns()) == (8, S_NS)
    assert (tmp_path / "files" / "boot" / "b").read_bytes() == content
    system.close()


def test_work_for_a_client_that_is_gone_ends(tmp_path: Path) -> None:
    """Its copy leaves nothing behind, and nothing stays open."""
    system = system_of(tmp_path)
    client = client_of(system)
    (tmp_path / "files" / "boot" / "a").write_bytes(bytes(1 << 20))
    client.pending(Command.WRITE, struct.pack("<III", 136, 4 << 16, 3) + b"a\0b")
    assert len(list((tmp_path / "files" / "boot").iterdir())) == 2
    client.gone()
    assert [path.name for path in (tmp_path / "files" / "boot").iterdir()] == ["a"]
    assert system.devices[10000].due_ns() == 0
    system.devices[10000].tick(0, 0)
    assert system.devices[10000].due_ns() == S_NS
    system.close()


def test_sums_are_small_and_each_item_is_asked_for() -> None:
    """A sum of services works, its items ask their own permission, and more than 256 of them are refused."""
    client = client_of(system_of())
    items = struct.pack("<III", 601, 0, 6) + struct.pack("<III", 0, 0, 4)
    answer = client.read_write(0xF080, 2, items)
    assert answer == struct.pack("<II", 0, 0x701) + NET_ID + bytes(4)
    assert code_of(client.read_write, 0xF080, 257, struct.pack("<III", 601, 0, 6) * 257) != 0


def test_services_are_asked_and_not_watched() -> None:
    """Only the state is subscribed to: sampling a file or a GUID in every cycle is nothing anybody means."""
    client = client_of(system_of())
    for group, size in ((122, 4), (120, 4), (1600, 16), (601, 6), (200, 4), (203, 4)):
        assert code_of(client.subscribe, group, 1, size) == AdsError.SERVICE_NOT_SUPPORTED
    client.subscribe(240, 0, 16)
    for millisecond in range(20):
        client.device.tick(millisecond * 1_000_000, 0)
    client.control(16)
    for millisecond in range(20, 70):
        client.device.tick(millisecond * 1_000_000, 0)
    assert [note[-16:-10] for note in client.peer.notes] == [b"\5\0\1\0\1\0", b"\x0f\0\1\0\2\0"]


def test_the_fingerprint_is_the_present_one() -> None:
    """A certificate that is made after the start is told, too."""
    told = ["one"]
    client = client_of(system_of(fingerprint=lambda: told[-1]))
    assert client.read(700, 9) == b"one\0"
    told.append("two")
    assert client.read(700, 9) == b"two\0"


def test_state_is_never_answered_from_a_prepared_reply() -> None:
    """The router may keep no answer of port 10000: the state behind it is somebody else's."""
    client = client_of(system_of())
    for group, offset in ((0xF100, 0), (240, 0), (601, 0), (122, 0x1000)):
        assert client.prepared(Command.READ, struct.pack("<III", group, offset, 4)) is None


# --- any bytes


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, Path]]:
    """A system in a directory beside which lies something that nobody may touch, and links to it from inside."""
    place = tmp_path_factory.mktemp("walled")
    (place / "outside").mkdir()
    (place / "outside" / "secret").write_bytes(SECRET)
    system = system_of(place)
    (place / "files" / "boot" / "link").symlink_to(place / "outside")
    (place / "files" / "boot" / "secret").symlink_to(place / "outside" / "secret")
    yield system, place
    system.close()


def fingerprint(place: Path) -> list[tuple[str, int, bytes]]:
    """Names, times and bytes of all that lies outside of the system's own places."""
    outside = [place / "outside", *(place / "outside").iterdir()]
    return [(str(path), path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in outside] + [
        (path.name, 0, b"") for path in sorted(place.iterdir()) if not path.name.startswith(("files", "registry"))
    ]


GROUPS = st.sampled_from((*range(100, 140), *range(200, 209), 160, 240, 400, 500, 600, 601, 700, 701, 702, 801, 802))
NAMES = st.sampled_from(
    (
        b"link/secret",
        b"secret",
        b"link",
        b"../outside/secret",
        b"..\\..\\outside\\x",
        b"a",
        b"d/a",
        b"link/*",
        b"*",
        b"a\0b",
        b"a\0link/b",
        b"secret\0a",
        b"%TC_BOOTPATH%\\link\\new",
    )
)


@given(
    st.sampled_from((Command.READ, Command.WRITE, Command.READ_WRITE)),
    GROUPS,
    st.integers(0, 0x3FF) | st.integers(0, 0x13FFFF) | st.sampled_from((4 << 16 | 0x4A, 4 << 16 | 1, 4 << 16, 0x1000)),
    NAMES | st.binary(max_size=40),
    st.sampled_from((0, 4, 324, 0xFFFF_FFFF)),
)
def test_no_service_reaches_outside(
    walled: tuple[System, Path], command: Command, group: int, offset: int, data: bytes, size: int
) -> None:
    """Whatever a client asks with all permissions: an answer or an AdsFault, and what lies outside is as it was."""
    system, place = walled
    before = fingerprint(place)
    client = client_of(system)
    try:
        if command is Command.READ:
            answer = client.read(group, offset, size)
        elif command is Command.WRITE:
            client.write(group, offset, data)
            answer = b""
        else:
            answer = client.read_write(group, offset, data, size)
        assert len(answer) <= size
        assert SECRET not in answer
    except AdsFault:
        pass
    client.gone()
    assert fingerprint(place) == before
    assert (place / "files" / "boot" / "link").is_symlink()


@given(st.sampled_from(sorted(PORTS)), st.integers(0, 12) | st.integers(0, 0xFFFF), st.binary(max_size=70))
def test_any_payload_of_any_command_is_answered_or_refused(
    walled: tuple[System, Path], port: int, command: int, payload: bytes
) -> None:
    """Whatever the bytes are: a body, nothing (for notifications), or an AdsFault."""
    client = Client(walled[0].devices[port], FakePeer())
    with contextlib.suppress(AdsFault):
        if command != Command.NOTIFICATION:
            client.ask(command, payload)
    client.gone()
