"""Images that were built before, by everything that decides about them. The folder may be lost at any time.

What decides: the project's texts and settings, the compiler's own files, LLVM, and the processor that code is made for.
Nothing here loads the checker or LLVM: an unchanged project is answered at once.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import HostError
from dinrail.files import atomic_write, ensure_directory
from dinrail.plc.core.options import Options
from dinrail.plc.project.model import Project

_PACKAGE = Path(__file__).resolve().parent.parent
_DECIDING = ("plc", "control", "iec", "layout.py")
"""Rooms of ours whose code goes into an image."""
_KEPT = 64
"""Images; the oldest go."""


@dataclass(frozen=True, slots=True)
class ImageCache:
    """A folder of images."""

    folder: Path

    @classmethod
    def of_user(cls) -> ImageCache:
        """Below XDG_CACHE_HOME, as all programs of a desktop do."""
        base = os.environ.get("XDG_CACHE_HOME", "")
        return cls((Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "dinrail" / "images")

    def find(self, project: Project, programs: Sequence[str] = ()) -> bytes | None:
        """The image of this very project. programs: see plc.build.check."""
        try:
            return self._path(project, programs).read_bytes()
        except OSError:
            return None

    def keep(self, project: Project, programs: Sequence[str], image: bytes) -> bool:
        """Remember an image; False when that is not possible, which only costs time."""
        return self._keep(self._path(project, programs), image)

    def find_executive(self, options: Options) -> bytes | None:
        """The object that every image of these options has in it."""
        try:
            return self._executive_path(options).read_bytes()
        except OSError:
            return None

    def keep_executive(self, options: Options, made: bytes) -> bool:
        """As `keep`."""
        return self._keep(self._executive_path(options), made)

    def _keep(self, path: Path, data: bytes) -> bool:
        try:
            ensure_directory(self.folder)
            atomic_write(path, data)
            old = sorted(self.folder.glob(f"*{path.suffix}"), key=lambda one: one.stat().st_mtime_ns)[:-_KEPT]
            for one in old:
                one.unlink(missing_ok=True)
        except (HostError, OSError):
            return False
        return True

    def _executive_path(self, options: Options) -> Path:
        key = _key(f"{options.cpu}\0{options.optimise}", options)
        return self.folder / f"{key}.o"

    def _path(self, project: Project, programs: Sequence[str]) -> Path:
        key = _key(f"{project.digest()}\0{tuple(programs)}", project.options)
        return self.folder / f"{key}.image"


def _key(what: str, options: Options) -> str:
    """Of something that this compiler makes with these options for this processor."""
    state = hashlib.sha256(f"{what}\0{_compiler()}".encode())
    if options.cpu == "host":
        state.update(_processor())
    return state.hexdigest()


@functools.cache
def _compiler() -> str:
    """Which compiler this is: its files by size and time, and LLVM's."""
    state = hashlib.sha256()
    llvm = importlib.util.find_spec("llvmlite")  # its release's number would take longer than all the rest here
    for folder in llvm.submodule_search_locations or () if llvm else ():
        for path in sorted(Path(folder).glob("binding/*")):
            facts = path.stat()
            state.update(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    for room in _DECIDING:
        place = _PACKAGE / room
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix in (".py", ".st"):
                facts = path.stat()
                state.update(f"{path.relative_to(_PACKAGE)}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return state.hexdigest()


@functools.cache
def _processor() -> bytes:
    """What tells processors with other instructions apart, without asking LLVM (whose loading takes its time)."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return repr(os.uname()).encode()
    first = text.split("\n\n", 1)[0].split("\n")
    return "\n".join(line for line in first if line.startswith(("model name", "flags", "Features"))).encode()
