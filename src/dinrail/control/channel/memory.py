"""The channel's file in memory: whole words, records, bytes.

A word is read or written by one machine instruction: CPython copies 4 or 8 aligned bytes of a mapping by one load or
store on x86-64. There stores become visible in their order and loads happen in theirs, which is what the sequence
locks need; what needs more than that calls `full_fence`. On other processors use is refused.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import stat
import threading
from pathlib import Path
from typing import TypeVar

from dinrail.errors import FormatError, HostError
from dinrail.files import os_refusal
from dinrail.layout import decode

T = TypeVar("T")
STRONGLY_ORDERED = ("x86_64", "AMD64", "amd64")
_FENCE = threading.Lock()


def full_fence() -> None:
    """No load behind it happens before a store in front of it: taking a lock is an atomic read-modify-write."""
    with _FENCE:
        pass


class Memory:
    """One mapping. Offsets are bytes; words are aligned to their size. Not for use after `close`."""

    def __init__(self, mapping: mmap.mmap, identity: tuple[int, int]) -> None:
        if platform.machine() not in STRONGLY_ORDERED:
            raise HostError(
                f"a {platform.machine()} processor reorders memory accesses",
                why="the channel's readers and writers rely on the order that x86-64 keeps",
            )
        self._mapping = mapping
        self._bytes = memoryview(mapping)
        self._u32 = self._bytes.cast("I")
        self._u64 = self._bytes.cast("Q")
        self._anchor: ctypes.c_char | None = None
        self.identity = identity
        self.size_bytes = len(mapping)

    def u32(self, offset: int) -> int:
        return self._u32[offset >> 2]

    def u64(self, offset: int) -> int:
        return self._u64[offset >> 3]

    def set_u32(self, offset: int, value: int) -> None:
        self._u32[offset >> 2] = value

    def set_u64(self, offset: int, value: int) -> None:
        self._u64[offset >> 3] = value

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Raises FormatError when that is not inside the file."""
        self.inside(offset, size_bytes)
        return bytes(self._bytes[offset : offset + size_bytes])

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        self.inside(offset, len(data))
        self._bytes[offset : offset + len(data)] = data

    def record(self, kind: type[T], offset: int) -> T:
        """A record. Words may be of different moments."""
        return decode(kind, self._bytes, offset)

    def inside(self, offset: int, size_bytes: int) -> None:
        """Raises FormatError when these bytes are not inside the file."""
        if offset < 0 or size_bytes < 0 or offset + size_bytes > self.size_bytes:
            raise FormatError("a part lies outside the file", structure="Channel", offset=offset)

    def address(self) -> int:
        """Where a writable mapping lies in this process; good until `close`."""
        if self._anchor is None:
            self._anchor = ctypes.c_char.from_buffer(self._mapping)
        return ctypes.addressof(self._anchor)

    def close(self) -> None:
        """Idempotent."""
        self._anchor = None
        for view in (self._u32, self._u64, self._bytes):
            view.release()
        self._mapping.close()


def map_file(path: Path, *, writable: bool) -> Memory:
    """An existing file, whole. Raises HostError."""
    flags = os.O_RDWR if writable else os.O_RDONLY
    try:
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0 or facts.st_size % 8:
                raise FormatError("this is no channel", structure="Channel", where=str(path))
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            mapping = mmap.mmap(fd, facts.st_size, access=access)
        finally:
            os.close(fd)
    except OSError as fault:
        raise os_refusal(fault, "open the channel", path, hint="is the control up? dinrail control status") from fault
    return Memory(mapping, (facts.st_dev, facts.st_ino))


def create_file(path: Path, size_bytes: int, *, mode: int, group: int | None) -> Memory:
    """A new file of zeros under a name of its own beside `path`: `publish` gives it that name. Raises HostError."""
    temporary = draft_of(path)
    try:
        temporary.unlink(missing_ok=True)
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if group is not None:
                os.fchown(fd, -1, group)
            os.fchmod(fd, mode)
            os.posix_fallocate(fd, 0, size_bytes)  # memory that is there: no SIGBUS when tmpfs is full later
            facts = os.fstat(fd)
            mapping = mmap.mmap(fd, size_bytes, access=mmap.ACCESS_WRITE)
        finally:
            os.close(fd)
    except OSError as fault:
        raise os_refusal(fault, "make the channel", path) from fault
    return Memory(mapping, (facts.st_dev, facts.st_ino))


def publish(path: Path) -> None:
    """Give the file that `create_file` made its name: readers of an old one keep theirs. Raises HostError."""
    try:
        draft_of(path).replace(path)
    except OSError as fault:
        raise os_refusal(fault, "make the channel", path) from fault


def draft_of(path: Path) -> Path:
    """Where a new channel lies until it is whole."""
    return path.with_name(f".{path.name}.new")
