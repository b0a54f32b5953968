"""What the file services ask of a store of files, and one that lives in memory.

A store is a tree of directories and files under names that `filenames` has passed. It refuses with AdsFault: 0x70C not
there, 0x70F there already, 0x704 of the wrong kind (a directory where a file is meant, one that is not empty), 0x70A
full, 0x723 what it does not touch (links, devices). Nothing else is ever raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from dinrail.ads.service.filenames import DIRECTORIES, Path
from dinrail.ams.errors import AdsError, AdsFault


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What a store holds at most: bytes of one file and of all, files and directories in all."""

    file_bytes: int = 64 << 20
    total_bytes: int = 256 << 20
    entries: int = 10_000


@dataclass(frozen=True, slots=True)
class Mode:
    """How a file is opened.

    read, write: what may be done with it.
    whole:       it starts empty, and takes its name when it is closed: until then the name stays what it was.
    append:      every write goes to the end.
    create:      it need not be there yet. make_parents: nor need its directories.
    """

    read: bool = False
    write: bool = False
    whole: bool = False
    append: bool = False
    create: bool = False
    make_parents: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory. Times are wall-clock nanoseconds since 1970."""

    name: str
    is_directory: bool
    size_bytes: int = 0
    created_ns: int = 0
    modified_ns: int = 0
    accessed_ns: int = 0


class OpenFile(Protocol):
    """An open file. Positions are the caller's: nothing here has one."""

    @property
    def size_bytes(self) -> int: ...

    def read(self, position: int, size_bytes: int) -> bytes:
        """What is there, up to `size_bytes`."""

    def write(self, position: int, data: bytes) -> None: ...

    def truncate(self, size_bytes: int) -> None: ...

    def flush(self) -> None:
        """Make what was written survive a power cut, as far as the store can."""

    def close(self) -> None:
        """A file that was written whole takes its name now."""

    def abandon(self) -> None:
        """Close without that: whoever wrote it went away in the middle."""


class FileStore(Protocol):
    """Files and directories by path."""

    def open(self, path: Path, mode: Mode) -> OpenFile: ...

    def entry(self, path: Path) -> Entry: ...

    def entries(self, path: Path) -> tuple[Entry, ...]:
        """What the directory holds, by name, never `.` and `..`."""

    def remove(self, path: Path) -> None: ...

    def remove_directory(self, path: Path) -> None: ...

    def make_directory(self, path: Path) -> None: ...

    def rename(self, old: Path, new: Path) -> None:
        """The new name must be free."""


def not_found() -> AdsFault:
    """0x70C."""
    return AdsFault(AdsError.NOT_FOUND)


def wrong_kind(what: str) -> AdsFault:
    """0x704."""
    return AdsFault(AdsError.INVALID_ACCESS, what)


def full(what: str) -> AdsFault:
    """0x70A: over the limit, or the disk is full."""
    return AdsFault(AdsError.NO_MEMORY, what)


DISK_LIMITS = StoreLimits()
MEMORY_LIMITS = StoreLimits(file_bytes=16 << 20, total_bytes=64 << 20, entries=1000)


@dataclass(slots=True)
class _Node:
    """One file's bytes."""

    data: bytearray
    created_ns: int
    modified_ns: int


class MemoryStore:
    """Files in memory, gone with the process: what a simulator serves that was given no directory."""

    def __init__(self, wall_ns: Callable[[], int], limits: StoreLimits = MEMORY_LIMITS) -> None:
        self.limits = limits
        self.wall_ns = wall_ns
        self._files: dict[Path, _Node] = {}
        self._directories: set[Path] = {(name,) for name in DIRECTORIES}
        self._open: set[_MemoryFile] = set()

    def open(self, path: Path, mode: Mode) -> OpenFile:
        if path in self._directories:
            raise wrong_kind("this is a directory")
        node = self._files.get(path)
        if node is None and not mode.create:
            raise not_found()
        self._need_parent(path, make=mode.make_parents and mode.create)
        if mode.whole:
            self._need_entry()
            node = self._node()
        elif node is None:
            self._need_entry()
            node = self._files[path] = self._node()
        opened = _MemoryFile(self, path, node, mode)
        self._open.add(opened)
        return opened

    def entry(self, path: Path) -> Entry:
        if path in self._directories:
            return Entry(path[-1], is_directory=True)
        node = self._files.get(path)
        if node is None:
            raise not_found()
        return Entry(path[-1], False, len(node.data), node.created_ns, node.modified_ns, node.modified_ns)

    def entries(self, path: Path) -> tuple[Entry, ...]:
        if path not in self._directories:
            raise not_found()
        return tuple(self.entry(child) for child in sorted(self._children(path)))

    def remove(self, path: Path) -> None:
        if path in self._directories:
            raise wrong_kind("this is a directory")
        if self._files.pop(path, None) is None:
            raise not_found()

    def remove_directory(self, path: Path) -> None:
        if path not in self._directories:
            raise wrong_kind("this is a file") if path in self._files else not_found()
        if len(path) == 1 or any(self._children(path)):
            raise wrong_kind("the directory is not empty, or one of the service's own")
        self._directories.remove(path)

    def make_directory(self, path: Path) -> None:
        if path in self._directories or path in self._files:
            raise AdsFault(AdsError.EXISTS)
        self._need_parent(path, make=False)
        self._need_entry()
        self._directories.add(path)

    def rename(self, old: Path, new: Path) -> None:
        self.entry(old)
        if new in self._files or new in self._directories:
            raise AdsFault(AdsError.EXISTS)
        self._need_parent(new, make=False)
        if len(old) == 1 or new[: len(old)] == old:
            raise wrong_kind("a directory cannot go into itself, nor can the service's own be renamed")
        for path in [path for path in self._files if path[: len(old)] == old]:
            self._files[new + path[len(old) :]] = self._files.pop(path)
        for path in [path for path in self._directories if path[: len(old)] == old]:
            self._directories.remove(path)
            self._directories.add(new + path[len(old) :])

    def need_bytes(self, node_bytes: int, new_bytes: int) -> None:
        """Raises AdsFault when a file may not grow from `node_bytes` to `new_bytes`.

        What is open counts as long as it is, placed or not, removed or not: it is in memory.
        """
        if new_bytes > self.limits.file_bytes:
            raise full(f"a file has {self.limits.file_bytes} bytes at most")
        nodes = {id(node): node for node in (*self._files.values(), *(opened.node for opened in self._open))}
        if sum(len(node.data) for node in nodes.values()) + new_bytes - node_bytes > self.limits.total_bytes:
            raise full(f"all files have {self.limits.total_bytes} bytes at most")

    def done(self, opened: _MemoryFile, *, place: bool) -> None:
        """The file is open no more; with `place` it takes its name."""
        self._open.discard(opened)
        if not place:
            return
        if opened.path in self._directories:
            raise wrong_kind("this is a directory")
        self._need_parent(opened.path, make=False)
        self._files[opened.path] = opened.node

    def _node(self) -> _Node:
        now = self.wall_ns()
        return _Node(bytearray(), now, now)

    def _children(self, path: Path) -> Iterator[Path]:
        for every in (self._files, self._directories):
            yield from (child for child in every if child[:-1] == path)

    def _need_entry(self) -> None:
        if len(self._files) + len(self._directories) >= self.limits.entries:
            raise full(f"the store has {self.limits.entries} entries at most")

    def _need_parent(self, path: Path, *, make: bool) -> None:
        if len(path) < 2:
            raise wrong_kind("this is one of the service's own directories")
        for depth in range(1, len(path)):
            parent = path[:depth]
            if parent in self._directories:
                continue
            if not make or parent in self._files:
                raise not_found()
            self._need_entry()
            self._directories.add(parent)


class _MemoryFile:
    def __init__(self, store: MemoryStore, path: Path, node: _Node, mode: Mode) -> None:
        self.path, self.node = path, node
        self._store, self._mode = store, mode

    @property
    def size_bytes(self) -> int:
        return len(self.node.data)

    def read(self, position: int, size_bytes: int) -> bytes:
        return bytes(self.node.data[position : position + size_bytes])

    def write(self, position: int, data: bytes) -> None:
        held = self.node.data
        at = len(held) if self._mode.append else position
        self._store.need_bytes(len(held), max(len(held), at + len(data)))
        held.extend(bytes(max(at - len(held), 0)))
        held[at : at + len(data)] = data
        self.node.modified_ns = self._store.wall_ns()

    def truncate(self, size_bytes: int) -> None:
        held = self.node.data
        self._store.need_bytes(len(held), size_bytes)
        del held[size_bytes:]
        held.extend(bytes(size_bytes - len(held)))

    def flush(self) -> None:
        """Memory has nothing to flush."""

    def close(self) -> None:
        self._store.done(self, place=self._mode.whole)

    def abandon(self) -> None:
        self._store.done(self, place=False)
