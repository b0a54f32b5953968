"""Where a guest's devices sit: the value that every backend's `place` makes and its `render` spells."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.finding import Finding
from dinrail.pci.address import PciAddress


@dataclass(frozen=True, slots=True)
class Slot:
    """One guest device. `occupant` is a host address, or `disk0`, `nic0`, `display`.

    port:          the root port it sits behind, empty on the root bus.
    port_device:   that port's own device number on the root bus.
    device, function: its number on its bus.
    multifunction: function 0 of several.
    """

    occupant: str
    port: str
    port_device: int
    device: int
    function: int = 0
    multifunction: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """A window of guest address space that has to be larger than the firmware's default."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PlacedBar:
    """A BAR that the guest's firmware will have to place, largest first."""

    address: PciAddress
    index: int
    size_bytes: int
    is_64bit: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """All slots of a guest. `primary`: the occupant whose picture the firmware shows, empty for none."""

    slots: tuple[Slot, ...]
    regions: tuple[Region, ...]
    bars: tuple[PlacedBar, ...]
    primary: str
    findings: tuple[Finding, ...]

    def slot(self, occupant: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.occupant == occupant), None)
