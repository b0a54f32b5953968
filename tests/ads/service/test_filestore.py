"""Stores of files: in a directory of this machine, and in memory."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dinrail.ads.service.filenames import DIRECTORIES, MAX_DEPTH
from dinrail.ads.service.filestore import DirectoryStore
from dinrail.ads.service.store import FileStore, MemoryStore, Mode, StoreLimits
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.clock import ManualClock
from dinrail.errors import HostError
from dinrail.units import S_NS

WHOLE = Mode(read=True, write=True, whole=True, create=True, make_parents=True)
READ = Mode(read=True)
UPDATE = Mode(read=True, write=True)
APPEND = Mode(read=True, write=True, append=True, create=True)
SMALL = StoreLimits(file_bytes=100, total_bytes=250, entries=len(DIRECTORIES) + 6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def disk(root: Path) -> Iterator[DirectoryStore]:
    store = DirectoryStore(root, ManualClock().monotonic_ns)
    yield store
    store.close()


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, root: Path) -> Iterator[FileStore]:
    if request.param == "memory":
        yield MemoryStore(ManualClock(wall_ns=S_NS).wall_ns)
        return
    on_disk = DirectoryStore(root, ManualClock().monotonic_ns)
    yield on_disk
    on_disk.close()


def small(kind: str, root: Path) -> FileStore:
    clock = ManualClock()
    return MemoryStore(clock.wall_ns, SMALL) if kind == "memory" else DirectoryStore(root, clock.monotonic_ns, SMALL)


def put(store: FileStore, path: tuple[str, ...], data: bytes, mode: Mode = WHOLE) -> None:
    file = store.open(path, mode)
    try:
        file.write(0, data)
    except AdsFault:
        file.abandon()
        raise
    file.close()


def get(store: FileStore, path: tuple[str, ...]) -> bytes:
    file = store.open(path, READ)
    try:
        return file.read(0, 1 << 30)
    finally:
        file.close()


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- both stores


def test_a_file_is_what_was_written(store: FileStore) -> None:
    """Bytes come back, also in part, beyond the end, and after an update in place."""
    put(store, ("boot", "a"), b"0123456789")
    assert get(store, ("boot", "a")) == b"0123456789"
    file = store.open(("boot", "a"), UPDATE)
    file.write(2, b"xy")
    assert (file.read(1, 4), file.read(8, 100), file.read(100, 5), file.size_bytes) == (b"1xy4", b"89", b"", 10)
    file.write(12, b"z")
    file.truncate(13)
    file.flush()
    file.close()
    assert get(store, ("boot", "a")) == b"01xy456789\0\0z"


def test_appending_goes_to_the_end_whatever_the_position(store: FileStore) -> None:
    """A file opened for appending grows, and is made when it is not there."""
    for _ in range(2):
        file = store.open(("boot", "log"), APPEND)
        file.write(0, b"line\n")
        file.close()
    assert get(store, ("boot", "log")) == b"line\nline\n"


def test_a_whole_file_takes_its_name_when_it_is_closed(store: FileStore) -> None:
    """Until then the old bytes stand there; a writer that is given up leaves nothing behind."""
    put(store, ("boot", "a"), b"old")
    file = store.open(("boot", "a"), WHOLE)
    file.write(0, b"new")
    assert get(store, ("boot", "a")) == b"old"
    file.abandon()
    assert get(store, ("boot", "a")) == b"old"
    assert [entry.name for entry in store.entries(("boot",))] == ["a"]
    put(store, ("boot", "a"), b"newer")
    assert get(store, ("boot", "a")) == b"newer"


def test_parents_are_made_only_when_asked_for(store: FileStore) -> None:
    """ENSUREDIR makes the directories on the way; without it they have to be there."""
    assert code_of(lambda: store.open(("boot", "x", "y", "a"), Mode(write=True, whole=True, create=True))) == 0x70C
    put(store, ("boot", "x", "y", "a"), b"1")
    assert [(entry.name, entry.is_directory) for entry in store.entries(("boot", "x"))] == [("y", True)]


def test_what_is_not_there_or_of_the_wrong_kind_is_told_apart(store: FileStore) -> None:
    """0x70C for what is not there, 0x70F for what is, 0x704 for a directory where a file is meant and the reverse."""
    put(store, ("boot", "d", "f"), b"")
    cases: list[tuple[Callable[[], object], int]] = [
        (lambda: store.open(("boot", "no"), READ), AdsError.NOT_FOUND),
        (lambda: store.open(("boot", "no"), UPDATE), AdsError.NOT_FOUND),
        (lambda: store.open(("boot", "d"), READ), AdsError.INVALID_ACCESS),
        (lambda: store.open(("boot", "d"), WHOLE), AdsError.INVALID_ACCESS),
        (lambda: store.open(("boot",), READ), AdsError.INVALID_ACCESS),
        (lambda: store.open(("boot", "d", "f", "x"), READ), AdsError.NOT_FOUND),
        (lambda: store.entry(("boot", "no")), AdsError.NOT_FOUND),
        (lambda: store.entries(("boot", "d", "f")), AdsError.NOT_FOUND),
        (lambda: store.remove(("boot", "no")), AdsError.NOT_FOUND),
        (lambda: store.remove(("boot", "d")), AdsError.INVALID_ACCESS),
        (lambda: store.remove_directory(("boot", "d")), AdsError.INVALID_ACCESS),
        (lambda: store.remove_directory(("boot", "d", "f")), AdsError.INVALID_ACCESS),
        (lambda: store.remove_directory(("boot",)), AdsError.INVALID_ACCESS),
        (lambda: store.make_directory(("boot", "d")), AdsError.EXISTS),
        (lambda: store.make_directory(("boot", "d", "f")), AdsError.EXISTS),
        (lambda: store.make_directory(("boot", "x", "y")), AdsError.NOT_FOUND),
        (lambda: store.rename(("boot", "no"), ("boot", "x")), AdsError.NOT_FOUND),
        (lambda: store.rename(("boot", "d"), ("boot", "d", "e")), AdsError.INVALID_ACCESS),
        (lambda: store.rename(("boot", "d", "f"), ("boot", "d")), AdsError.EXISTS),
        (lambda: store.rename(("boot",), ("target", "x")), AdsError.INVALID_ACCESS),
    ]
    assert [code_of(call) for call, _ in cases] == [code for _, code in cases]
    assert get(store, ("boot", "d", "f")) == b""


def test_names_move_and_go(store: FileStore) -> None:
    """Files and directories are renamed with what is in them, and removed."""
    put(store, ("boot", "d", "f"), b"1")
    store.rename(("boot", "d"), ("target", "e"))
    assert get(store, ("target", "e", "f")) == b"1"
    store.rename(("target", "e", "f"), ("target", "g"))
    store.remove(("target", "g"))
    store.remove_directory(("target", "e"))
    assert store.entries(("target",)) == ()


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_store_holds_so_much_and_no_more(kind: str, root: Path) -> None:
    """One file, all files, and how many there are: each has its limit, and what is removed makes room again."""
    store = small(kind, root)
    assert code_of(lambda: put(store, ("boot", "a"), bytes(101))) == AdsError.NO_MEMORY
    assert code_of(lambda: put(store, ("boot", "a"), b"x", Mode(write=True, create=True)) or sparse(store)) == 0x70A
    store.remove(("boot", "a"))
    for name in "abcd":
        with contextlib.suppress(AdsFault):
            put(store, ("boot", name), bytes(80))
    assert [entry.name for entry in store.entries(("boot",))] == ["a", "b", "c"]
    store.remove(("boot", "a"))
    put(store, ("boot", "a"), bytes(80))
    for name in "xyz":
        put(store, ("boot", name), b"")
    assert code_of(lambda: put(store, ("boot", "more"), b"")) == AdsError.NO_MEMORY
    assert code_of(lambda: store.make_directory(("boot", "more"))) == AdsError.NO_MEMORY


def sparse(store: FileStore) -> None:
    file = store.open(("boot", "a"), UPDATE)
    try:
        file.write(0xFFFF_FFF0, b"x")
    finally:
        file.close()


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_what_is_being_written_counts(kind: str, root: Path) -> None:
    """Files that have no name yet fill the store, too, and give back what they took."""
    store = small(kind, root)
    files = [store.open(("boot", name), WHOLE) for name in "abc"]
    for file in files[:2]:
        file.write(0, bytes(100))
    assert code_of(lambda: files[2].write(0, bytes(60))) == AdsError.NO_MEMORY
    for file in files:
        file.abandon()
    put(store, ("boot", "a"), bytes(100))


# --- the directory


def test_the_root_is_made_and_its_directories_too(disk: DirectoryStore, root: Path) -> None:
    """Each path selector has a directory of its own, from the start."""
    assert sorted(path.name for path in root.iterdir()) == sorted(DIRECTORIES)
    assert disk.used_bytes == 0


def test_a_root_that_cannot_be_is_a_host_error(tmp_path: Path) -> None:
    """A file in the root's place is told once, at the start."""
    (tmp_path / "file").touch()
    with pytest.raises(HostError):
        DirectoryStore(tmp_path / "file", ManualClock().monotonic_ns)


def test_links_are_not_followed_read_listed_or_removed(disk: DirectoryStore, root: Path, tmp_path: Path) -> None:
    """A link, wherever it leads and wherever in a path it stands, is refused; what it leads to is not touched."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "boot" / "dir").symlink_to(outside)
    (root / "boot" / "file").symlink_to(outside / "secret")
    (root / "boot" / "inside").symlink_to(root / "target")
    (root / "boot" / "nowhere").symlink_to(outside / "new")
    denied: list[Callable[[], object]] = [
        lambda: disk.open(("boot", "dir", "secret"), READ),
        lambda: disk.open(("boot", "dir", "new"), WHOLE),
        lambda: disk.open(("boot", "file"), READ),
        lambda: disk.open(("boot", "file"), UPDATE),
        lambda: disk.open(("boot", "file"), APPEND),
        lambda: disk.open(("boot", "file"), WHOLE),
        lambda: disk.open(("boot", "nowhere"), WHOLE),
        lambda: disk.open(("boot", "nowhere"), APPEND),
        lambda: disk.entry(("boot", "file")),
        lambda: disk.entry(("boot", "dir", "secret")),
        lambda: disk.entries(("boot", "dir")),
        lambda: disk.entries(("boot", "inside")),
        lambda: disk.remove(("boot", "file")),
        lambda: disk.make_directory(("boot", "dir", "new")),
        lambda: disk.rename(("boot", "file"), ("boot", "x")),
        lambda: disk.rename(("boot", "dir", "secret"), ("boot", "x")),
    ]
    assert [code_of(call) for call in denied] == [AdsError.ACCESS_DENIED] * len(denied)
    assert code_of(lambda: disk.remove_directory(("boot", "dir"))) == AdsError.INVALID_ACCESS
    assert code_of(lambda: disk.rename(("boot", "x"), ("boot", "dir"))) == AdsError.NOT_FOUND
    assert disk.entries(("boot",)) == ()
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"


def test_pipes_sockets_and_devices_are_not_opened(disk: DirectoryStore, root: Path) -> None:
    """What is no plain file is refused without waiting for anybody at its other end."""
    os.mkfifo(root / "boot" / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root / "boot")  # a socket's path is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        for name in ("pipe", "socket"):
            for mode in (READ, UPDATE, APPEND, WHOLE):
                assert code_of(disk.open, ("boot", name), mode) == AdsError.ACCESS_DENIED
    assert disk.entries(("boot",)) == ()


def test_a_file_with_a_second_name_is_not_changed_in_place(disk: DirectoryStore, root: Path, tmp_path: Path) -> None:
    """A hard link may lead anywhere: such a file is read, or replaced as a whole, and the other name is left alone."""
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    os.link(other, root / "boot" / "a")
    assert code_of(lambda: disk.open(("boot", "a"), APPEND)) == AdsError.ACCESS_DENIED
    assert get(disk, ("boot", "a")) == b"mine"
    put(disk, ("boot", "a"), b"theirs")
    assert (other.read_bytes(), get(disk, ("boot", "a"))) == (b"mine", b"theirs")


def test_a_link_that_flips_while_we_walk_leads_nowhere(disk: DirectoryStore, root: Path, tmp_path: Path) -> None:
    """Another process that swaps a directory and a link to the outside never gets us to read or write there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    flip, real = root / "boot" / "flip", root / "boot" / "real"
    flip.mkdir()
    (flip / "a").write_bytes(b"plain")
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            flip.rename(real)
            flip.symlink_to(outside)
            time.sleep(0.0002)
            flip.unlink()
            real.rename(flip)
            time.sleep(0.0002)

    turner = threading.Thread(target=turn)
    turner.start()
    seen: set[bytes] = set()
    codes: set[int] = set()
    by_name: set[bytes] = set()
    rounds, deadline = 0, time.monotonic() + 60
    try:
        while rounds < 500 or b"plain" not in seen or AdsError.ACCESS_DENIED not in codes or b"secret" not in by_name:
            assert time.monotonic() < deadline, (seen, codes, by_name)
            rounds += 1
            with contextlib.suppress(FileNotFoundError):
                by_name.add((flip / "a").read_bytes())  # who follows names is led outside: else this shows nothing
            try:
                seen.add(get(disk, ("boot", "flip", "a")))
                put(disk, ("boot", "flip", "b"), b"%d" % rounds, Mode(write=True, whole=True, create=True))
                disk.make_directory(("boot", "flip", "d"))
                disk.remove_directory(("boot", "flip", "d"))
            except AdsFault as fault:
                codes.add(fault.code)
    finally:
        stop.set()
        turner.join()
    assert seen == {b"plain"}
    assert [path.name for path in outside.iterdir()] == ["a"]
    assert (outside / "a").read_bytes() == b"secret"


def test_no_descriptor_is_lost_by_refusals(disk: DirectoryStore, root: Path) -> None:
    """A thousand refused and a thousand done requests leave as many descriptors open as before."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc here")
    (root / "boot" / "link").symlink_to("/")
    put(disk, ("boot", "a"), b"1")
    before = descriptors()
    for _ in range(250):
        for call in (
            lambda: disk.open(("boot", "link", "etc", "passwd"), READ),
            lambda: disk.open(("boot", "a", "b"), READ),
            lambda: disk.open(("boot", "no"), READ),
            lambda: disk.rename(("boot", "a"), ("boot", "no", "a")),
        ):
            code_of(call)
        put(disk, ("boot", "d", "e", "a"), b"2")
        disk.open(("boot", "d", "b"), WHOLE).abandon()
        get(disk, ("boot", "a"))
        disk.entries(("boot",))
    assert descriptors() == before


def test_what_a_killed_process_left_half_written_is_tidied_up(disk: DirectoryStore, root: Path) -> None:
    """Temporary files of an earlier life go at the next start; clients never see one."""
    put(disk, ("boot", "d", "a"), b"old")
    file = disk.open(("boot", "d", "a"), WHOLE)
    file.write(0, b"half")
    assert [entry.name for entry in disk.entries(("boot", "d"))] == ["a"]
    assert len(list((root / "boot" / "d").iterdir())) == 2
    again = DirectoryStore(root, ManualClock().monotonic_ns)
    assert [path.name for path in (root / "boot" / "d").iterdir()] == ["a"]
    assert (again.used_bytes, get(again, ("boot", "d", "a"))) == (3, b"old")
    again.close()
    assert code_of(file.close) == AdsError.NOT_FOUND


def test_room_that_others_made_is_found(root: Path) -> None:
    """What another process removed counts as free again, after ten seconds at most."""
    clock = ManualClock()
    store = DirectoryStore(root, clock.monotonic_ns, SMALL)
    for name in "ab":
        put(store, ("boot", name), bytes(100))
    (root / "boot" / "a").unlink()
    assert code_of(lambda: put(store, ("boot", "c"), bytes(100))) == AdsError.NO_MEMORY
    clock.sleep_ns(10 * S_NS)
    put(store, ("boot", "c"), bytes(100))
    assert store.used_bytes == 200
    store.close()


def test_trees_are_not_moved_deeper_than_they_can_be_walked(disk: DirectoryStore) -> None:
    """Moving a deep tree into another would make one that no name reaches: refused."""
    names = tuple(str(depth) for depth in range(MAX_DEPTH - 2))
    put(disk, ("boot", "x", *names, "a"), b"")
    put(disk, ("boot", "y", *names, "a"), b"")
    assert code_of(lambda: disk.rename(("boot", "x"), ("boot", "y", *names, "x"))) == AdsError.SYNTAX
    disk.rename(("boot", "x"), ("boot", "z"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_as_full(root: Path) -> None:
    """ENOSPC is 0x70A, and the old file stays."""
    from dinrail.ads.service import filestore

    store = DirectoryStore(root, ManualClock().monotonic_ns)
    full = filestore._File(store, os.open("/dev/full", os.O_RDWR))
    assert code_of(lambda: full.write(0, b"x")) == AdsError.NO_MEMORY
    full.close()
    store.close()
