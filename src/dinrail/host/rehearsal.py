"""A host that exists in memory only, and can be changed: "what would happen on that machine".

It starts from a machine's recorded bytes and edits them as the kernel would: the files and links that a change shows up
in. It refuses what the kernel refuses, so that a plan whose order is wrong fails here, too. `dinrail gpu claim
--dry-run` carries plans out on it; so do the tests that kill dinrail between two journal entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dinrail.errors import HostError
from dinrail.host import replay_timing
from dinrail.host.port import InUse, TargetGone
from dinrail.host.replay import DEVICES, DRIVERS, ROM_ON, recorded_value, select
from dinrail.machine.change import Change, ChangeKind
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic
from dinrail.pci.address import PciAddress

_VFIO = "vfio-pci"


class RehearsedHost:
    """See HostPort. `roms`: bytes that devices give while their ROM is on. `on_change`: told of every new state."""

    def __init__(
        self,
        raw: Raw,
        *,
        label: str,
        roms: Mapping[PciAddress, bytes] | None = None,
        on_change: Callable[[Raw], None] | None = None,
    ) -> None:
        self._system = raw.system
        self._topics = raw.topics
        self._entries = dict(raw.entries)
        self._label = label
        self._roms = dict(roms or {})
        self._on_change = on_change

    @property
    def label(self) -> str:
        return self._label

    @property
    def is_live(self) -> bool:
        return False

    @property
    def raw(self) -> Raw:
        """The whole state, as an archive would hold it."""
        return Raw(self._system, dict(self._entries), self._topics)

    def fetch(self, topics: Iterable[Topic]) -> Raw:
        return select(self.raw, frozenset(topics))

    def current(self, change: Change) -> str:
        return recorded_value(self._entries, change)

    def make(self, change: Change) -> None:
        """Edit the entries. Raises HostError, InUse and TargetGone where a kernel would refuse."""
        self.current(change)  # the target has to be there
        _EDITS[change.kind](self._entries, change)
        if self._on_change is not None:
            self._on_change(self.raw)

    def read_rom(self, address: PciAddress) -> bytes:
        rom = self._entries.get(f"{DEVICES}/{address}/rom")
        if rom is None:
            raise TargetGone("the device offers no option ROM", where=str(address))
        if rom.data != ROM_ON:
            raise HostError("cannot read the option ROM: EINVAL", where=str(address), why="it is not switched on")
        if address not in self._roms:
            raise HostError("a rehearsal knows no bytes of this option ROM", where=str(address))
        return self._roms[address]


def _edit_module(entries: dict[str, Entry], change: Change) -> None:
    path = f"{DRIVERS}/{change.target}"
    if change.want:
        entries[path] = Entry(SourceKind.EXISTS)
        return
    if any(e.kind is SourceKind.LINK and e.line.endswith(f"/drivers/{change.target}") for e in entries.values()):
        raise InUse("the module is in use by now, so it stays loaded", where=change.target)
    entries.pop(path, None)


def _edit_driver(entries: dict[str, Entry], change: Change) -> None:
    path = f"{DEVICES}/{change.target}/driver"
    entries.pop(path, None)
    if not change.want:
        return
    override = entries.get(f"{DEVICES}/{change.target}/driver_override")
    forced = "" if override is None or override.line == "(null)" else override.line
    if forced not in ("", change.want):
        raise HostError(f"driver_override is {forced}, so the kernel would refuse {change.want}", where=change.target)
    if change.want == _VFIO and f"{DRIVERS}/{_VFIO}" not in entries:
        raise HostError(f"the driver {_VFIO} is not loaded", where=change.target)
    if change.want == _VFIO and not forced:
        raise HostError(f"the driver {_VFIO} knows no device ids, so it binds by override only", where=change.target)
    entries[path] = Entry(SourceKind.LINK, f"../../../bus/pci/drivers/{change.want}".encode())


def _edit_override(entries: dict[str, Entry], change: Change) -> None:
    text = change.want or "(null)"
    entries[f"{DEVICES}/{change.target}/driver_override"] = Entry(SourceKind.FILE, f"{text}\n".encode())


def _edit_rom(entries: dict[str, Entry], change: Change) -> None:
    data = ROM_ON if change.want == "1" else b""
    entries[f"{DEVICES}/{change.target}/rom"] = Entry(SourceKind.EXISTS, data)


_EDITS: Mapping[ChangeKind, Callable[[dict[str, Entry], Change], None]] = {
    ChangeKind.MODULE: _edit_module,
    ChangeKind.DRIVER: _edit_driver,
    ChangeKind.DRIVER_OVERRIDE: _edit_override,
    ChangeKind.ROM_ENABLE: _edit_rom,
    **dict.fromkeys(replay_timing.KINDS, replay_timing.edit),
}
