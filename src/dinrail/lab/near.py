"""The files that commands inside open most, on a disk of their own: what Python and dinrail load at every start.

Everything else inside comes from the outer root by 9p, where each `open` is a round trip through the emulator. A start
of `dinrail` opens some 300 files, so that more than half of its time went there. The disk lies over the 9p root as one
more layer of the overlay: same paths, same contents, made anew at every boot (a third of a second).
virtio-fs was not taken: its daemon needs shared memory for the whole machine, and an `open` is a round trip there too.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import dinrail
from dinrail.host.run import run
from dinrail.units import KIB, MIB

EXTRA = "guest"
"""Which extra of dinrail's runs inside."""

_NOT_LOADED = {
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
    "pydoc_data",
    "site-packages",
}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*\bextra\s*==\s*.([\w-]+).*|;.*)?")
_SUFFIXES = {".py", ".pyc", ".so", ".pth", ".cfg", ".typed", ".json", ".txt"}
_BLOCK_BYTES = 4 * KIB


def make_disk(image: Path, staging: Path) -> None:
    """Write the disk's image. `staging` is made, used and removed. Raises HostError, CommandFailed."""
    try:
        used_bytes = _stage(staging, sorted(set(near_files())))
        _format(image, staging, used_bytes)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def near_files() -> Iterator[Path]:
    """The standard library, dinrail, and the packages that it needs inside."""
    yield from _below(Path(sysconfig.get_path("stdlib")))
    yield from _below(Path(dinrail.__file__).parent)
    for name in _packages("dinrail", EXTRA, set()):
        for file in importlib.metadata.files(name) or ():
            path = Path(str(file.locate()))
            if _belongs(path):
                yield path


def _below(directory: Path) -> Iterator[Path]:
    for place, directories, names in os.walk(directory):
        directories[:] = [d for d in directories if d not in _NOT_LOADED and not d.startswith("config-")]
        for name in names:
            path = Path(place, name)
            if _belongs(path):
                yield path


def _belongs(path: Path) -> bool:
    """Files themselves; what a link leads to is found by 9p, like everything that is not on this disk."""
    return path.suffix in _SUFFIXES and ".opt-" not in path.name and path.is_file() and not path.is_symlink()


def _packages(name: str, extra: str, seen: set[str]) -> set[str]:
    """The distributions that `name` needs with that extra, their own needs included, as far as installed."""
    for line in importlib.metadata.requires(name) or ():
        match = _REQUIREMENT.match(line)
        if match is None or match[1] in seen or match[2] not in (None, extra):
            continue  # known already, or part of an extra that does not run inside
        try:
            importlib.metadata.distribution(match[1])
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or Python
        seen.add(match[1])
        _packages(match[1], extra="", seen=seen)
    return seen


def _stage(staging: Path, files: Iterable[Path]) -> int:
    """Lay the files out below `staging` as they lie below /. Returns the bytes they take on the disk."""
    used_bytes = 0
    made: set[Path] = set()
    for file in files:
        target = staging / file.relative_to("/")
        if target.parent not in made:
            _directory(target.parent, file.parent, made)
        try:
            target.hardlink_to(file)
        except OSError:  # another file system
            shutil.copy2(file, target)
        used_bytes += -(-target.stat().st_size // _BLOCK_BYTES) * _BLOCK_BYTES
    return used_bytes + len(made) * _BLOCK_BYTES


def _directory(target: Path, original: Path, made: set[Path]) -> None:
    """Make a directory and those above it with the modes that they have outside: the overlay shows ours."""
    target.mkdir(parents=True, exist_ok=True)
    while original != Path("/") and target not in made:
        shutil.copystat(original, target)
        made.add(target)
        target, original = target.parent, original.parent


def _format(image: Path, staging: Path, used_bytes: int) -> None:
    size_kib = int(used_bytes * 1.1 + 16 * MIB) // KIB
    image.unlink(missing_ok=True)
    options = ("-q", "-t", "ext2", "-b", str(_BLOCK_BYTES), "-m", "0", "-d", str(staging))
    run(("mke2fs", *options, str(image), f"{size_kib}k"))
