"""The file services as clients use them: exact offsets and bytes, handles, finding."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ads_service import ALL, Client, FakePeer, FakePermit

from dinrail.ads.contract import Action
from dinrail.ads.service.access import ServiceDevice
from dinrail.ads.service.files import FileLimits, FileService
from dinrail.ads.service.filestore import DirectoryStore
from dinrail.ads.service.store import MemoryStore, StoreLimits
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.clock import ManualClock

READ, WRITE, APPEND, PLUS, BINARY, ENSURE, ENABLE = 0x1, 0x2, 0x4, 0x8, 0x10, 0x40, 0x80
BOOT = 4 << 16
END = 0x70C
NEW_YEAR_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
NEW_YEAR = 0x01DC_7AB1_9281_0000  # the same as FILETIME (ads.md, appendix B)
LIMITS = FileLimits(handles_per_peer=3, handles=4, finds_per_peer=2, finds=3)


@pytest.fixture
def service() -> FileService:
    return FileService(MemoryStore(ManualClock(wall_ns=NEW_YEAR_NS).wall_ns), limits=LIMITS)


@pytest.fixture
def client(service: FileService) -> Client:
    return Client(ServiceDevice("files", service.services()))


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[tuple[Client, Path, FileService]]:
    store = DirectoryStore(tmp_path / "files", ManualClock().monotonic_ns)
    service = FileService(store)
    yield Client(ServiceDevice("files", service.services())), tmp_path / "files", service
    service.close()
    store.close()


def open_file(client: Client, name: bytes, mode: int) -> int:
    return int.from_bytes(client.read_write(120, mode, name, 4), "little")


def put(client: Client, name: bytes, data: bytes, path: int = 0) -> None:
    handle = open_file(client, name, path | WRITE | PLUS | BINARY | ENSURE)
    client.read_write(123, handle, data, 0)
    client.read_write(121, handle, b"", 0)


def get(client: Client, name: bytes, path: int = 0) -> bytes:
    handle = open_file(client, name, path | READ | BINARY | ENSURE)
    data = client.read_write(122, handle, b"", 1 << 20)
    client.write(121, handle)  # some close by Write
    return data


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_adstool_s_file_check_holds(client: Client) -> None:
    """Write, append, read until nothing comes, delete; reading what was deleted is 0x70C (AdsLibTest, adstool)."""
    name = b"%TC_INSTALLPATH%\\test.txt"
    put(client, name, b"line\n")
    handle = open_file(client, name, APPEND | BINARY | PLUS | ENSURE)
    client.read_write(123, handle, b"line\n", 0)
    client.read_write(121, handle, b"", 0)
    handle = open_file(client, name, READ | BINARY | ENSURE)
    assert client.read_write(122, handle, b"", 1 << 20) == b"line\nline\n"
    assert client.read_write(122, handle, b"", 1 << 20) == b""
    client.read_write(121, handle, b"", 0)
    client.read_write(131, READ | ENABLE, name, 0)
    assert code_of(lambda: open_file(client, name, READ | BINARY | ENSURE)) == END


def test_a_read_is_short_only_at_the_end(client: Client) -> None:
    """Chunks are as long as asked for, to the last one; EOF is told after a short read."""
    put(client, b"a", bytes(range(10)), BOOT)
    handle = open_file(client, b"a", BOOT | READ)
    chunks = [client.read_write(122, handle, b"", 4) for _ in range(4)]
    assert chunks == [b"\0\1\2\3", b"\4\5\6\7", b"\x08\x09", b""]
    assert client.read_write(130, handle, b"", 4) == b"\1\0\0\0"
    client.read_write(124, handle, struct.pack("<ii", 0, 0), 0)
    assert client.read_write(130, handle, b"", 4) == bytes(4)
    assert client.read_write(122, handle, b"", 0xFFFF_FFFF) == bytes(range(10))


def test_seek_and_tell(client: Client) -> None:
    """A position is set from the start, from itself, and from the end, and never before the start."""
    put(client, b"a", bytes(range(10)))
    handle = open_file(client, b"a", READ)
    told = []
    for distance, origin in ((3, 0), (2, 1), (-1, 2), (0, 2), (5, 2)):
        client.read_write(124, handle, struct.pack("<ii", distance, origin), 0)
        told.append(int.from_bytes(client.read_write(125, handle, b"", 4), "little"))
    assert told == [3, 5, 9, 10, 15]
    bad = [(-1, 0), (0, 3), (-16, 1)]
    codes = [code_of(client.read_write, 124, handle, struct.pack("<ii", *seek), 0) for seek in bad]
    assert codes == [AdsError.INVALID_PARAMETER] * 3
    client.read_write(124, handle, struct.pack("<ii", 0x7FFF_FFFF, 1), 0)
    far = struct.pack("<ii", 0x7FFF_FFFF, 1)
    assert code_of(client.read_write, 124, handle, far, 0) == AdsError.INVALID_PARAMETER
    assert len(client.read_write(125, handle, b"", 4)) == 4
    assert code_of(lambda: client.read_write(124, handle, b"\0\0\0", 0)) == AdsError.INVALID_SIZE


def test_lines_are_put_and_got(client: Client) -> None:
    """A line comes with its line feed and a NUL, the last one without a feed, and then nothing."""
    handle = open_file(client, b"log", WRITE | PLUS)
    client.read_write(127, handle, b"one\n\0rubbish", 0)
    client.read_write(127, handle, b"two, which is long\n", 0)
    client.read_write(127, handle, b"end", 0)
    client.read_write(124, handle, bytes(8), 0)
    lines = [client.read_write(126, handle, b"", 256) for _ in range(4)]
    assert lines == [b"one\n\0", b"two, which is long\n\0", b"end\0", b""]
    assert client.read_write(130, handle, b"", 4) == b"\1\0\0\0"
    client.read_write(124, handle, bytes(8), 0)
    assert client.read_write(126, handle, b"", 3) == b"on\0"
    assert client.read_write(126, handle, b"", 256) == b"e\n\0"


def test_a_file_is_used_as_it_was_opened(client: Client) -> None:
    """Reading what is open for writing only, and the reverse, is 0x70E; an unknown handle is 0x703."""
    put(client, b"a", b"1")
    reading, writing = open_file(client, b"a", READ), open_file(client, b"b", WRITE)
    assert code_of(lambda: client.read_write(122, writing, b"", 4)) == AdsError.INCOMPATIBLE
    assert code_of(lambda: client.read_write(126, writing, b"", 4)) == AdsError.INCOMPATIBLE
    for group in (123, 127, 112, 114):
        assert code_of(client.read_write, group, reading, b"x", 0) == 0x70E
    for group in (121, 122, 123, 124, 125, 126, 127, 130, 111, 112, 114):
        assert code_of(client.read_write, group, 0x9999, b"x", 16) == 0x703


@pytest.mark.parametrize("mode", [0, READ | WRITE, WRITE | APPEND, PLUS, 0x400 | READ, 0x800 | READ, 0x8000 | READ])
def test_modes_that_are_none(client: Client, mode: int) -> None:
    """Exactly one of reading, writing and appending; no archives, no force, no unknown bits."""
    assert code_of(lambda: open_file(client, b"a", mode)) == AdsError.INVALID_PARAMETER


def test_the_old_services_open_the_same_files(client: Client) -> None:
    """Groups 100 to 102 and 110 to 114 are other names for opening, closing, flushing and cutting off."""
    handle = int.from_bytes(client.read_write(100, BOOT, b"a\0", 4), "little")
    client.write(123, handle, b"0123")
    client.write(112, handle)
    client.write(124, handle, struct.pack("<ii", 2, 0))
    client.write(114, handle)
    client.write(111, handle)
    handle = int.from_bytes(client.read_write(101, BOOT, b"a", 4), "little")
    assert client.read(122, handle) == b"01"
    client.write(111, handle)
    handle = int.from_bytes(client.read_write(102, BOOT, b"a", 4), "little")
    client.write(123, handle, b"x")
    assert get(client, b"a", BOOT) == b"x1"


def test_stat_rename_copy_md5_and_directories(client: Client) -> None:
    """The services by name, in their exact bytes."""
    client.write(138, BOOT, b"d\0")
    put(client, b"d/a", b"12345", BOOT)
    assert client.read_write(134, BOOT, b"d/a", 36) == struct.pack("<QQQQI", 5, NEW_YEAR, NEW_YEAR, NEW_YEAR, 0x80)
    assert client.read_write(134, BOOT, b"d", 36)[-4:] == b"\x10\0\0\0"
    client.write(132, BOOT, b"d/a\0d/b\0")
    client.write(136, BOOT, b"d/b\0c\0")
    assert get(client, b"c", BOOT) == get(client, b"d\\b", BOOT) == b"12345"
    assert client.read_write(137, BOOT, b"c", 16) == hashlib.md5(b"12345", usedforsecurity=False).digest()
    assert code_of(lambda: client.write(139, BOOT, b"d")) == AdsError.INVALID_ACCESS
    assert code_of(lambda: client.write(131, BOOT, b"d")) == AdsError.INVALID_ACCESS
    client.write(131, BOOT, b"d/b")
    client.write(131, BOOT | ENABLE, b"d")
    client.write(138, BOOT, b"d")
    client.write(139, BOOT, b"d")
    assert code_of(lambda: client.read_write(134, BOOT, b"d", 36)) == END
    assert code_of(lambda: client.write(132, BOOT, b"no NUL")) == AdsError.INVALID_DATA
    assert code_of(lambda: client.write(136, BOOT, b"c\0../x\0")) == AdsError.ACCESS_DENIED


def test_answers_that_do_not_fit_are_refused_before_anything_is_done(client: Client, service: FileService) -> None:
    """A client that takes back less than a handle, an entry or a status gets 0x705, and has opened nothing."""
    put(client, b"a", b"")
    for group, offset, name, size in ((120, READ, b"a", 3), (133, 1, b"a", 323), (134, 1 << 16, b"a", 35)):
        assert code_of(client.read_write, group, offset, name, size) == 0x705
    assert service.open_handles == 0


# --- finding


def found(data: bytes) -> tuple[int, int, int, bytes]:
    """(handle, attributes, size, name) of an entry."""
    assert len(data) == 324
    handle, attributes, high, low = struct.unpack_from("<II24xII", data)
    return handle, attributes, high << 32 | low, data[48:308].rstrip(b"\0")


def find_all(client: Client, pattern: bytes, offset: int = 1) -> list[tuple[int, int, bytes]]:
    entries = []
    data = client.read_write(133, offset, pattern, 324)
    while True:
        handle, attributes, size, name = found(data)
        entries.append((attributes, size, name))
        try:
            data = client.read_write(133, handle, b"", 324)
        except AdsFault as fault:
            if fault.code != END:
                raise
            return entries


def test_an_entry_has_its_exact_bytes(client: Client) -> None:
    """Handle, attributes, three times, size high and low, two reserved words, name[260], alt[14], two of padding."""
    put(client, b"a.txt", b"12345")
    data = client.read_write(133, 1, b"a.txt", 324)
    handle = data[:4]
    expected = (
        handle
        + struct.pack("<IQQQIIQ", 0x80, NEW_YEAR, NEW_YEAR, NEW_YEAR, 0, 5, 0)
        + b"a.txt".ljust(260, b"\0")
        + bytes(16)
    )
    assert data == expected


def test_children_are_found_one_by_one_until_0x70c(client: Client) -> None:
    """`path/*` gives the children, each with its attributes, never `.` and `..`; a bare name gives itself."""
    for name in (b"t/1/a", b"t/1/aa", b"t/1/2/b"):
        put(client, name, name)
    assert find_all(client, b"t/1/*") == [(0x10, 0, b"2"), (0x80, 5, b"a"), (0x80, 6, b"aa")]
    assert find_all(client, b"t\\1\\*.*") == find_all(client, b"t/1/*")
    assert find_all(client, b"t/1/a?") == [(0x80, 6, b"aa")]
    assert find_all(client, b"t") == [(0x10, 0, b"t")]
    assert find_all(client, b"*") == [(0x10, 0, b"t")]
    assert code_of(lambda: client.read_write(133, 1, b"missing", 324)) == END
    assert code_of(lambda: client.read_write(133, 1, b"t/*.zip", 324)) == END
    assert code_of(lambda: client.read_write(133, 1, b"missing/*", 324)) == END
    put(client, b"boot", b"", BOOT)
    assert find_all(client, b"*", 4) == [(0x80, 0, b"boot")]


def test_unended_finds_give_way_to_new_ones(client: Client) -> None:
    """Clients leave finds open for ever: the oldest of a client ends, and says so by 0x703."""
    for name in (b"a", b"b"):
        put(client, name, b"")
    handles = [found(client.read_write(133, 1, b"*", 324))[0] for _ in range(3)]
    assert code_of(lambda: client.read_write(133, handles[0], b"", 324)) == AdsError.INVALID_OFFSET
    assert found(client.read_write(133, handles[2], b"", 324))[3] == b"b"


# --- clients


def test_handles_belong_to_their_client(client: Client) -> None:
    """Nobody reads, writes, closes or continues what another client opened."""
    put(client, b"a", b"secret")
    put(client, b"b", b"")
    handle = open_file(client, b"a", READ)
    finding = found(client.read_write(133, 1, b"*", 324))[0]
    other = Client(client.device, FakePeer())
    for group in (121, 122, 124, 125, 126, 130):
        assert code_of(other.read_write, group, handle, bytes(8), 16) == 0x703
    assert code_of(lambda: other.read_write(133, finding, b"", 324)) == 0x703
    assert client.read_write(122, handle, b"", 16) == b"secret"


def test_handles_run_out_for_one_client_and_for_all(client: Client) -> None:
    """A client that opens too many gets 0x716, and so do all when the service holds as many as it may."""
    put(client, b"a", b"")
    for _ in range(LIMITS.handles_per_peer):
        open_file(client, b"a", READ)
    assert code_of(lambda: open_file(client, b"a", READ)) == AdsError.NO_MORE_HANDLES
    other = Client(client.device, FakePeer())
    handle = open_file(other, b"a", READ)
    assert code_of(lambda: open_file(other, b"a", READ)) == AdsError.NO_MORE_HANDLES
    other.read_write(121, handle, b"", 0)
    open_file(other, b"a", READ)


def test_a_client_that_is_gone_leaves_nothing_open(
    on_disk: tuple[Client, Path, FileService],
) -> None:
    """Its handles close; what it wrote as a whole and did not close is dropped, and the old file stays."""
    client, root, service = on_disk
    put(client, b"a", b"old", BOOT)
    handle = open_file(client, b"a", BOOT | WRITE)
    client.read_write(123, handle, b"half", 0)
    find_all(client, b"*", 4)
    service.peer_gone(FakePeer())
    assert service.open_handles == 1
    service.peer_gone(client.peer)
    assert service.open_handles == 0
    assert [(path.name, path.read_bytes()) for path in (root / "boot").iterdir()] == [("a", b"old")]
    assert code_of(lambda: client.read_write(123, handle, b"x", 0)) == AdsError.INVALID_OFFSET


def test_a_handle_is_gone_even_when_closing_fails(on_disk: tuple[Client, Path, FileService]) -> None:
    """What cannot take its name (its directory went) says so once, and does not stay open."""
    client, root, service = on_disk
    handle = open_file(client, b"d/a", BOOT | WRITE | ENSURE)
    for path in (root / "boot" / "d").iterdir():
        path.unlink()
    (root / "boot" / "d").rmdir()
    assert code_of(lambda: client.read_write(121, handle, b"", 0)) == AdsError.NOT_FOUND
    assert service.open_handles == 0


@pytest.mark.parametrize("only", [Action.READ, Action.WRITE])
def test_reading_is_read_and_changing_is_admin(client: Client, only: Action) -> None:
    """Who may read may look at everything and change nothing; who may write symbols may do nothing here."""
    put(client, b"a", b"1")
    guest = Client(client.device, FakePeer(), FakePermit(frozenset((only,))))
    reading: list[Callable[[], object]] = [
        lambda: get(guest, b"a"),
        lambda: find_all(guest, b"*"),
        lambda: guest.read_write(134, 1 << 16, b"a"),
        lambda: guest.read_write(137, 1 << 16, b"a"),
    ]
    for call in reading:
        if only is Action.READ:
            call()
        else:
            assert code_of(call) == AdsError.ACCESS_DENIED
    changing: list[Callable[[], object]] = [
        lambda: open_file(guest, b"a", WRITE),
        lambda: open_file(guest, b"a", APPEND),
        lambda: open_file(guest, b"a", READ | PLUS),
        lambda: guest.read_write(100, 0, b"a", 4),
        lambda: guest.read_write(102, 0, b"a", 4),
        lambda: guest.read_write(110, 0, b"a", 4),
        lambda: guest.write(131, 1 << 16, b"a"),
        lambda: guest.write(132, 1 << 16, b"a\0b"),
        lambda: guest.write(136, 1 << 16, b"a\0b"),
        lambda: guest.write(138, 1 << 16, b"d"),
        lambda: guest.write(139, 1 << 16, b"d"),
    ]
    assert [code_of(call) for call in changing] == [AdsError.ACCESS_DENIED] * len(changing)
    assert get(client, b"a") == b"1"


def test_a_permit_that_is_taken_back_stops_a_handle_that_is_open(client: Client) -> None:
    """Permission is asked at every write, not only when the file was opened."""
    handle = open_file(client, b"a", WRITE)
    client.read_write(123, handle, b"1", 0)
    client.permit.actions = ALL - {Action.ADMIN}
    assert code_of(lambda: client.read_write(123, handle, b"2", 0)) == AdsError.ACCESS_DENIED


def test_a_copy_that_fails_leaves_no_half() -> None:
    """A copy that does not fit is refused, and the goal is what it was."""
    limits = StoreLimits(file_bytes=400_000, total_bytes=600_000, entries=100)
    one = Client(ServiceDevice("files", FileService(MemoryStore(ManualClock().wall_ns, limits)).services()))
    put(one, b"a", bytes(400_000))
    put(one, b"b", b"old")
    assert code_of(lambda: one.write(136, 1 << 16, b"a\0b\0")) == AdsError.NO_MEMORY
    assert get(one, b"b") == b"old"
    one.write(136, 1 << 16, b"b\0c\0")
    assert get(one, b"c") == b"old"
