"""cpio archives in the form that the kernel unpacks as its first file system.

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst ("newc": thirteen eight-digit
hexadecimal fields after the magic, name and data padded to four bytes, ended by an entry TRAILER!!!).
cpio(1) was not taken: it needs the files in a directory first, and root for device nodes.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


@dataclass(slots=True)
class Archive:
    """Entries in the order they were added; parents first, as the kernel makes no directory by itself."""

    _blocks: list[bytes] = field(default_factory=list)

    def directory(self, *paths: str) -> None:
        for path in paths:
            self._add(path, stat.S_IFDIR | 0o755)

    def file(self, path: str, data: bytes, *, executable: bool = False) -> None:
        self._add(path, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def symlink(self, path: str, target: str) -> None:
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path: str, major: int, minor: int) -> None:
        self._add(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def to_bytes(self) -> bytes:
        """The whole archive, trailer included."""
        return b"".join((*self._blocks, _entry(0, _TRAILER, 0, b"", (0, 0))))

    def _add(self, path: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._blocks.append(_entry(len(self._blocks) + 1, path, mode, data, device))


def _entry(inode: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    encoded = name.encode() + b"\0"
    uid = gid = mtime = check = 0
    fields = (inode, mode, uid, gid, 1, mtime, len(data), 0, 0, *device, len(encoded), check)
    return _padded(_MAGIC + b"".join(b"%08X" % value for value in fields) + encoded) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
