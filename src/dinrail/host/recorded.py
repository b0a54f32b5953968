"""A host that was recorded: the same questions, answered from an archive. It refuses every change.

`rehearse` gives a copy that makes changes in memory: what would happen on that machine, without the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dinrail.errors import BadRequest, HostError, Refused
from dinrail.host.archive import read_archive
from dinrail.host.port import TargetGone
from dinrail.host.rehearsal import RehearsedHost
from dinrail.host.replay import recorded_value, select
from dinrail.machine.change import Change
from dinrail.machine.sources import Raw, Topic
from dinrail.pci.address import PciAddress


class RecordedHost:
    """An archive behind the host port. `meta` says who recorded it, and when."""

    def __init__(self, raw: Raw, *, label: str, meta: Mapping[str, str] | None = None) -> None:
        self.raw = raw
        self.meta = dict(meta or {})
        self._label = label

    @classmethod
    def open(cls, path: Path) -> RecordedHost:
        """Raises BadRequest for a file that is not there, FormatError for what is no archive, HostError."""
        if not path.exists():
            raise BadRequest("there is no such archive", where=str(path), hint="`dinrail collect` makes one")
        archive = read_archive(path)
        return cls(archive.raw, label=str(path), meta=archive.meta)

    @property
    def label(self) -> str:
        return self._label

    @property
    def is_live(self) -> bool:
        return False

    def fetch(self, topics: Iterable[Topic]) -> Raw:
        """The same bytes that the recorded machine gave for these topics."""
        return select(self.raw, frozenset(topics))

    def current(self, change: Change) -> str:
        return recorded_value(self.raw.entries, change)

    def make(self, change: Change) -> None:
        raise Refused(
            f"{self._label} is a recorded host",
            where=f"{change.kind} {change.target}",
            why="there is no machine behind it that could be changed",
            hint="--dry-run rehearses the change on the archive",
        )

    def read_rom(self, address: PciAddress) -> bytes:
        if f"/sys/bus/pci/devices/{address}" not in self.raw.entries:
            raise TargetGone("the device is not in the archive", where=str(address))
        raise HostError(
            "an archive holds no option ROMs",
            where=f"{self._label}: {address}",
            why="reading one changes the machine, and a VBIOS is its maker's work: `collect` takes none along",
            hint="`dinrail vbios extract` on the machine itself",
        )

    def rehearse(self) -> RehearsedHost:
        """A copy that can be changed."""
        return RehearsedHost(self.raw, label=f"a rehearsal on {self._label}")
