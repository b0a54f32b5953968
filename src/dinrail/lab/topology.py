"""The virtual industrial PC as data: which cards, behind which ports, under which IOMMU.

A topology is a value; `hardware` turns it into QEMU's arguments. Its shapes follow what the kernel makes of them:
a multifunction slot under a root port without ACS is one IOMMU group, and so is everything behind a PCIe-to-PCI bridge.
This is the only place in dinrail that names the lab's device models.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from dinrail.errors import BadRequest


class Iommu(enum.StrEnum):
    """The three states that a user meets, and that `dinrail doctor` has to tell apart."""

    ON = "on"  # the firmware describes it (DMAR) and the kernel uses it
    OFF = "off"  # the firmware describes it, the kernel was told not to use it
    ABSENT = "absent"  # the firmware does not describe one


@dataclass(frozen=True, slots=True)
class Function:
    """One PCI function: QEMU's device id and model, further properties, and whether it carries the lab's VBIOS."""

    id: str
    model: str
    properties: tuple[str, ...] = ()
    vbios: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A root port and what is plugged into it.

    number:    the port's device number on bus 0.
    functions: one card; function numbers follow the order.
    bridged:   put the card behind a PCIe-to-PCI bridge, each function in a slot of its own there.
    """

    number: int
    functions: tuple[Function, ...]
    bridged: bool = False

    @property
    def buses(self) -> int:
        """How many bus numbers the firmware spends on this port."""
        return 2 if self.bridged else 1


@dataclass(frozen=True, slots=True)
class Topology:
    """One whole machine.

    console: the display on bus 0 that shows the PC's own console, or None where the GPU itself has to.
    serial:  the kernel has a console on the serial port too.
    options: further words for the kernel's command line.
    """

    name: str
    summary: str
    ports: tuple[Port, ...]
    iommu: Iommu = Iommu.ON
    console: Function | None = field(default_factory=lambda: Function("console", "VGA"))
    serial: bool = True
    cpus: int = 2
    memory_mib: int = 2048
    options: tuple[str, ...] = ()

    def address(self, function_id: str) -> str:
        """Where the kernel will find a function (`0000:01:00.0`): buses are counted in the order of the ports."""
        bus = 1
        for port in self.ports:
            for index, function in enumerate(port.functions):
                if function.id == function_id:
                    return f"0000:{bus + 1:02x}:{index + 1:02x}.0" if port.bridged else f"0000:{bus:02x}:00.{index}"
            bus += port.buses
        raise BadRequest(f"topology {self.name!r} has no function {function_id!r}")

    @property
    def displays(self) -> tuple[str, ...]:
        """The device ids whose monitor can be looked at."""
        ids = [self.console.id] if self.console else []
        return (*ids, *(f.id for port in self.ports for f in port.functions if f.vbios))

    @property
    def kernel_options(self) -> tuple[str, ...]:
        """The kernel's command line, without what the boot itself adds. The last `console=` gets /dev/console."""
        consoles = ("console=tty0", "console=ttyS0") if self.serial else ("console=tty0",)
        iommu = {Iommu.ON: ("intel_iommu=on", "iommu=pt"), Iommu.OFF: ("intel_iommu=off",), Iommu.ABSENT: ()}
        return (*consoles, *iommu[self.iommu], *self.options)


_GPU = Function("gpu", "bochs-display", vbios=True)
# Without its iPXE ROM, which the boot would wait for.
_NIC = Port(3, (Function("nic", "e1000e", ("netdev=lan", "romfile=")),))
_USB = Port(4, (Function("usb", "qemu-xhci"),))

STANDARD = Topology(
    name="standard",
    summary="a GPU, a NIC and a USB controller, each in its own IOMMU group; another card shows the console",
    ports=(Port(2, (_GPU,)), _NIC, _USB),
)

TOPOLOGIES: dict[str, Topology] = {
    topology.name: topology
    for topology in (
        STANDARD,
        replace(
            STANDARD, name="no-iommu", summary="as standard, but the firmware describes no IOMMU", iommu=Iommu.ABSENT
        ),
        replace(
            STANDARD,
            name="iommu-off",
            summary="as standard, with a DMAR table, and a kernel that was told intel_iommu=off",
            iommu=Iommu.OFF,
        ),
        replace(
            STANDARD,
            name="shared-group",
            summary="the GPU's card has a second function, a USB controller, in the same IOMMU group",
            ports=(Port(2, (_GPU, Function("gpu-usb", "qemu-xhci"))), _NIC, _USB),
        ),
        replace(
            STANDARD,
            name="only-console",
            summary="the GPU is the boot display and the host's only console, not even a serial one",
            ports=(Port(2, (Function("gpu", "VGA", vbios=True),)), _NIC, _USB),
            console=None,
            serial=False,
        ),
        replace(
            STANDARD,
            name="three-cores",
            summary="as standard, with a third CPU that control can have for itself",
            cpus=3,
        ),
    )
}
"""By name, for `dinrail lab --topology NAME` and for the tests."""


def topology_named(name: str) -> Topology:
    """The topology of that name. Raises BadRequest listing those that exist."""
    if name not in TOPOLOGIES:
        raise BadRequest(f"there is no topology {name!r}", hint=f"one of: {', '.join(sorted(TOPOLOGIES))}")
    return TOPOLOGIES[name]
