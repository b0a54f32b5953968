"""ROMs that were kept: the bytes and, beside them, a JSON that says where they came from. Files only, no judgement.

10de-1c82-3842-6253-1f0c2a....rom     ids, subsystem ids and the beginning of the SHA-256: one card's ROM, one name
10de-1c82-3842-6253-1f0c2a....rom.json
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import HostError
from dinrail.files import atomic_write, os_refusal, read_file
from dinrail.machine.facts import PciIds

MAX_ROM_BYTES = 32 << 20
_MAX_NOTE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class KeptRom:
    """One ROM in the store. `note` is the JSON text beside it, empty where it is missing: such a ROM proves nothing."""

    path: Path
    note: str

    def read(self) -> bytes:
        """The ROM's bytes, at most MAX_ROM_BYTES. Raises HostError."""
        return read_file(self.path, max_bytes=MAX_ROM_BYTES)


class RomStore:
    """The directory of kept ROMs (`Paths.roms`)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, ids: PciIds, data: bytes, note: str) -> KeptRom:
        """Store a ROM with its provenance. Raises HostError.

        The note is written first: a crash may leave a note without a ROM, which nobody finds, and never the reverse.
        """
        path = self._directory / f"{_stem(ids)}-{hashlib.sha256(data).hexdigest()[:16]}.rom"
        keep_beside(path, data, note)
        return KeptRom(path, note)

    def kept_for(self, ids: PciIds) -> tuple[KeptRom, ...]:
        """Candidates for this kind of card, by name; whether one belongs to the very card, its note tells."""
        try:
            paths = sorted(self._directory.glob(f"{_stem(ids)}-*.rom"))
        except OSError as fault:
            raise os_refusal(fault, "list the kept ROMs", self._directory) from fault
        return tuple(load(path) for path in paths)


def keep_beside(path: Path, data: bytes, note: str) -> None:
    """Write `path` and its note (see `note_path`), each whole or not at all. Raises HostError."""
    atomic_write(note_path(path), note.encode())
    atomic_write(path, data)


def load(path: Path) -> KeptRom:
    """A ROM file with its note, wherever it lies. Raises HostError."""
    if not path.is_file():
        raise HostError("there is no such ROM file", where=str(path))
    note = note_path(path)
    text = read_file(note, max_bytes=_MAX_NOTE_BYTES).decode("utf-8", "replace") if note.is_file() else ""
    return KeptRom(path, text)


def note_path(path: Path) -> Path:
    """Where a ROM's provenance stands: `card.rom.json` beside `card.rom`."""
    return path.with_name(f"{path.name}.json")


def _stem(ids: PciIds) -> str:
    return f"{ids.pair}:{ids.subsystem_pair}".replace(":", "-")
