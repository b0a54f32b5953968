"""`HostFacts`: all that the product knows about a host, as one immutable value."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from dinrail.finding import Evidence
from dinrail.machine.realtime import FreeBsdRealTime, RealTime
from dinrail.pci.address import PciAddress
from dinrail.units import Hpa

CLASS_BRIDGE_PCI = 0x0604
CLASS_DISPLAY = 0x03
CLASS_VGA = 0x0300


@dataclass(frozen=True, slots=True)
class PciIds:
    """What a function calls itself. `class_code` is 24 bits: base, sub, programming interface."""

    vendor_id: int
    device_id: int
    subsystem_vendor_id: int
    subsystem_id: int
    class_code: int
    revision: int

    @property
    def pair(self) -> str:
        """`vvvv:dddd`, as lspci -n prints it."""
        return f"{self.vendor_id:04x}:{self.device_id:04x}"

    @property
    def subsystem_pair(self) -> str:
        return f"{self.subsystem_vendor_id:04x}:{self.subsystem_id:04x}"

    @property
    def base_class(self) -> int:
        return self.class_code >> 16

    @property
    def sub_class(self) -> int:
        """Base and sub class together: 0x0300 is a VGA controller."""
        return self.class_code >> 8


class BarKind(enum.StrEnum):
    """What a resource decodes. The ROM is told apart because reading it is an action."""

    MEMORY = "memory"
    IO = "io"
    ROM = "rom"


@dataclass(frozen=True, slots=True)
class Bar:
    """One resource as the host has placed it. `index` is 0-5, 6 for the expansion ROM; `hpa` 0 means not placed."""

    index: int
    kind: BarKind
    hpa: Hpa
    size_bytes: int
    prefetchable: bool = False
    is_64bit: bool = False


@dataclass(frozen=True, slots=True)
class PciFunction:
    """One function of one device, as found.

    parent:          the bridge it sits behind, None on a root bus.
    driver:          bound driver, None for none.
    driver_override: None where not set.
    group:           IOMMU group number, None where the host has none.
    reset_methods:   in the kernel's order; empty means the device cannot be reset.
    boot_vga:        None for functions that are no VGA device.
    has_rom:         the host offers an expansion ROM to read (BAR or shadow).
    config:          configuration space as read: 64 bytes, 256 or 4096 with Topic.PCI_CONFIG as root; empty where it
                     could not be read.
    """

    address: PciAddress
    ids: PciIds
    parent: PciAddress | None
    driver: str | None
    driver_override: str | None
    group: int | None
    reset_methods: tuple[str, ...]
    boot_vga: bool | None
    bars: tuple[Bar, ...]
    has_rom: bool
    enabled: bool
    numa_node: int | None
    config: bytes
    vendor_name: str = ""
    device_name: str = ""
    class_name: str = ""

    @property
    def is_bridge(self) -> bool:
        """PCI-to-PCI bridges may stay with the host when their group is handed to a guest."""
        return self.ids.sub_class == CLASS_BRIDGE_PCI

    @property
    def answers(self) -> bool:
        """False for a function whose configuration space reads as ones: powered down, hung, or gone."""
        return self.config[:4] != b"\xff\xff\xff\xff"

    @property
    def is_display(self) -> bool:
        return self.ids.base_class == CLASS_DISPLAY

    @property
    def rom_size_bytes(self) -> int | None:
        """Size of the expansion ROM BAR; None where the function has none."""
        return next((bar.size_bytes for bar in self.bars if bar.kind is BarKind.ROM), None)


@dataclass(frozen=True, slots=True)
class IommuGroup:
    """Functions that the IOMMU cannot tell apart: they go to one guest together, or not at all."""

    number: int
    members: tuple[PciAddress, ...]
    kind: str
    reserved: tuple[str, ...]


class IommuState(enum.StrEnum):
    """Four distinct situations with four distinct fixes."""

    ON = "on"
    NO_TABLE = "no-table"  # the firmware announces none: switched off in the setup, or absent
    DISABLED = "disabled"  # the table is there, the kernel left it off
    NO_GROUPS = "no-groups"  # enabled, yet no groups appeared
    UNKNOWN = "unknown"  # what would decide it could not be read


@dataclass(frozen=True, slots=True)
class Iommu:
    """The host's IOMMU. `kind` is `intel`, `amd` or empty; `evidence` is what `state` was concluded from."""

    kind: str
    state: IommuState
    units: tuple[str, ...]
    interrupt_remapping: bool | None
    address_bits: int | None
    unsafe_interrupts_allowed: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """The running kernel.

    lockdown: `none`, `integrity`, `confidentiality`, or empty where unknown.
    config:   its CONFIG_ options that concern devices and guests; empty where the file could not be read.
    config_path: the file that they are from.
    vfio_pci: the vfio-pci driver is registered.
    vfio_pci_available: it is, or its module lies on the disk; None where that cannot be told.
    """

    release: str
    version: str
    cmdline: tuple[str, ...]
    lockdown: str
    hostname: str
    boot_id: str
    booted_by_uefi: bool
    config: Mapping[str, str]
    vfio_pci: bool = False
    vfio_pci_available: bool | None = None
    config_path: str = ""


@dataclass(frozen=True, slots=True)
class Kvm:
    """Whether KVM really works here, and why that is believed.

    A /dev/kvm that exists proves nothing: some nested hosts answer its API and then hang a stock kernel. `usable` needs
    the CPU flag (vmx, svm) and a virtual CPU that ran a few instructions.
    """

    usable: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Cpus:
    """`flags` of the first CPU; `physical_bits` as the CPU reports them.

    locked_memory_bytes: how much the asking process may lock (root may lock all); None for no limit, or unknown.
    """

    model: str
    vendor: str
    count: int
    flags: frozenset[str]
    physical_bits: int | None
    memory_bytes: int
    kvm: Kvm
    locked_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Console:
    """Who shows the host's picture on one display function.

    owners: what holds it, in the system's words (`bochs-drmdrmfb`, `BOOTFB`, `vtcon1`).
    is_text_console: the kernel's own text console is on it.
    """

    address: PciAddress
    owners: tuple[str, ...]
    is_text_console: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ConsoleFacts:
    """All consoles. `serial` are working consoles without a picture (`ttyS0`): with one, no host is ever blind."""

    displays: tuple[Console, ...]
    serial: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestFirmware:
    """A firmware image that guests can run, from its descriptor (QEMU docs/interop/firmware.json)."""

    descriptor: str
    interface: str
    code_path: str
    vars_template_path: str
    machines: tuple[str, ...]
    architectures: tuple[str, ...]
    features: frozenset[str]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """What a QEMU binary says about itself. Empty where it is not installed."""

    version: str
    vfio_properties: frozenset[str]
    machines: frozenset[str]


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The host. A part that was not asked for (see `Topic`) is None, never an empty guess.

    Of FreeBSD only `freebsd_realtime` is known yet.
    """

    system: str
    functions: tuple[PciFunction, ...]
    groups: tuple[IommuGroup, ...]
    iommu: Iommu | None
    kernel: Kernel | None
    cpus: Cpus | None
    consoles: ConsoleFacts | None
    firmware: tuple[GuestFirmware, ...] | None
    hypervisor: Hypervisor | None
    realtime: RealTime | None = None
    freebsd_realtime: FreeBsdRealTime | None = None

    def function(self, address: PciAddress) -> PciFunction | None:
        return next((f for f in self.functions if f.address == address), None)

    def group_of(self, function: PciFunction) -> IommuGroup | None:
        return next((g for g in self.groups if g.number == function.group), None)
