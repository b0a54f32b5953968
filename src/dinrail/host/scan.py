"""Fetching declared sources from a Linux or FreeBSD file tree, fast.

Sources that share a directory pattern are read together: each directory is opened once and its files by name relative
to it, which spares the kernel the walk from the root for every file of every device.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator

from dinrail.files import errno_name, read_all
from dinrail.machine.sources import Entry, Source, SourceKind

_ON_PATHS = (SourceKind.FILE, SourceKind.LINK, SourceKind.NAMES, SourceKind.EXISTS)


def scan(root: str, sources: Iterable[Source]) -> dict[str, Entry]:
    """The entries of all path sources, read below `root` (no trailing slash; empty for the machine itself).

    What does not exist has no entry; what cannot be read has one with its fault. Never raises OSError.
    """
    groups: dict[str, dict[str, Source]] = {}
    for source in sources:
        if source.kind in _ON_PATHS:
            directory, _, leaf = source.pattern.rpartition("/")
            groups.setdefault(directory, {})[leaf] = source  # declared twice: the later one asks for more
    entries: dict[str, Entry] = {}
    listings: dict[str, list[str]] = {}
    for pattern, members in groups.items():
        for directory in _expand(root, pattern, listings, entries):
            _read_directory(root, directory, members, entries)
    return entries


def _expand(root: str, pattern: str, listings: dict[str, list[str]], entries: dict[str, Entry]) -> Iterator[str]:
    """The paths that match a directory pattern, `*` standing for what a listing shows."""
    found = [""]
    for part in pattern.split("/")[1:]:
        if "*" not in part:
            found = [f"{path}/{part}" for path in found]
            continue
        deeper: list[str] = []
        for path in found:
            if path not in listings:
                listings[path] = _names(root, path, entries)
            deeper += [f"{path}/{name}" for name in listings[path] if _matches(name, part)]
        found = deeper
    yield from found


def _names(root: str, path: str, entries: dict[str, Entry]) -> list[str]:
    try:
        return _listing(f"{root}{path}/")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as fault:
        entries.setdefault(path, Entry(SourceKind.NAMES, fault=errno_name(fault)))
        return []


def _listing(directory: str | int) -> list[str]:
    with os.scandir(directory) as listing:
        return sorted(entry.name for entry in listing)


def _matches(name: str, pattern: str) -> bool:
    """Shell rules: `*` within one component, and never a leading dot."""
    return (not name.startswith(".") or pattern.startswith(".")) and fnmatch.fnmatchcase(name, pattern)


def _read_directory(root: str, directory: str, members: dict[str, Source], entries: dict[str, Entry]) -> None:
    try:
        at = os.open(f"{root}{directory}/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as fault:
        if not _is_absence(fault):
            entries.setdefault(directory, Entry(SourceKind.NAMES, fault=errno_name(fault)))
        return
    try:
        names: list[str] | None = None
        for leaf, source in members.items():
            if "*" not in leaf:
                _read_one(at, leaf, directory, source, entries)
                continue
            if names is None:
                names = _listing(at)
            for name in names:
                if _matches(name, leaf):
                    _read_one(at, name, directory, source, entries)
    finally:
        os.close(at)


def _read_one(at: int, name: str, directory: str, source: Source, entries: dict[str, Entry]) -> None:
    try:
        entry = _READERS[source.kind](at, name, source)
    except OSError as fault:
        if _is_absence(fault):
            return
        entry = Entry(source.kind, fault=errno_name(fault))
    entries[f"{directory}/{name}"] = entry


def _is_absence(fault: OSError) -> bool:
    return isinstance(fault, FileNotFoundError | NotADirectoryError)


def _read_file(at: int, name: str, source: Source) -> Entry:
    # O_NONBLOCK: a FIFO in the place of a file must not stop us.
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=at)
    try:
        data, cut = read_all(fd, source.max_bytes)
    finally:
        os.close(fd)
    return Entry(SourceKind.FILE, data, cut=cut)


def _read_link(at: int, name: str, _: Source) -> Entry:
    return Entry(SourceKind.LINK, os.fsencode(os.readlink(name, dir_fd=at)))


def _read_names(at: int, name: str, source: Source) -> Entry:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
    try:
        data = b"\n".join(os.fsencode(entry) for entry in _listing(fd))
    finally:
        os.close(fd)
    return Entry(SourceKind.NAMES, data[: source.max_bytes], cut=len(data) > source.max_bytes)


def _read_existence(at: int, name: str, _: Source) -> Entry:
    status = os.stat(name, dir_fd=at)
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return Entry(SourceKind.EXISTS)
    numbers = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return Entry(SourceKind.EXISTS, f"{stat.filemode(status.st_mode)} {numbers}".encode())


_READERS = {
    SourceKind.FILE: _read_file,
    SourceKind.LINK: _read_link,
    SourceKind.NAMES: _read_names,
    SourceKind.EXISTS: _read_existence,
}
