"""Files that must survive a crash, and operating system errors in our own words."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from dinrail.errors import HostError

_CHUNK_BYTES = 1 << 16


def errno_name(fault: OSError) -> str:
    """`EACCES` for 13: the spelling that entries, messages and manual pages share."""
    return errno.errorcode.get(fault.errno or 0, "EIO")


def os_refusal(fault: OSError, doing: str, where: str | Path, *, hint: str | None = None) -> HostError:
    """The HostError for a system call that failed. `doing` completes "cannot ...". A missing permission names root."""
    if hint is None and fault.errno in (errno.EACCES, errno.EPERM):
        hint = "run it as root, or point DINRAIL_STATE and DINRAIL_RUN at directories of yours"
    why = os.strerror(fault.errno or 0)
    return HostError(f"cannot {doing}: {errno_name(fault)}", where=str(where), why=why, hint=hint)


def write_all(fd: int, data: bytes) -> None:
    """All bytes, however many calls that takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_all(fd: int, max_bytes: int) -> tuple[bytes, bool]:
    """What `fd` holds up to `max_bytes`, and whether there was more. Raises OSError.

    The size that the file system reports is not asked: it is 0 in /proc and a whole page in /sys.
    """
    first = os.read(fd, min(max_bytes + 1, _CHUNK_BYTES))
    if not first:
        return b"", False
    parts, total = [first], len(first)
    while total <= max_bytes:
        part = os.read(fd, min(max_bytes + 1 - total, _CHUNK_BYTES))
        if not part:
            return (first if len(parts) == 1 else b"".join(parts)), False
        parts.append(part)
        total += len(part)
    return b"".join(parts)[:max_bytes], True


def fsync_directory(directory: Path) -> None:
    """Make names that were created or renamed in `directory` survive a power cut. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def ensure_directory(directory: Path, mode: int = 0o755) -> None:
    """Make `directory` and what is missing above it, durably. Raises HostError."""
    if directory.is_dir():
        return
    try:
        missing = [directory]
        while not missing[-1].parent.is_dir():
            missing.append(missing[-1].parent)
        for step in reversed(missing):
            step.mkdir(mode=mode, exist_ok=True)
            fsync_directory(step.parent)
    except OSError as fault:
        raise os_refusal(fault, "make the directory", directory) from fault


def try_lock(path: Path, doing: str) -> int | None:
    """The file, made where it is not there, open and locked; None when somebody has it. Raises HostError.

    The lock is the open file's: whoever inherits it holds it, and the kernel lets it go with the last of them.
    doing: for messages, `lock the device`.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as fault:
        raise os_refusal(fault, doing, path) from fault
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def atomic_write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data`: a reader, or the next boot, sees the old bytes or the new ones. Raises HostError."""
    ensure_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
        fsync_directory(path.parent)
    except OSError as fault:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise os_refusal(fault, "write the file", path) from fault


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """The whole file. Raises HostError when it cannot be read or holds more than `max_bytes`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            data, more = read_all(fd, max_bytes)
        finally:
            os.close(fd)
    except OSError as fault:
        raise os_refusal(fault, "read the file", path) from fault
    if more:
        raise HostError(f"the file holds more than {max_bytes} bytes", where=str(path))
    return data
