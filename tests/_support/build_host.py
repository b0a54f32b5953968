"""Hosts built from named fields: a `Machine` as a person would describe it, and the bytes that such a host would give.

The machines at the end are the ones that the rules exist for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dinrail.acpi.dmar import DmarHead, DrhdHead, RmrrHead, ScopeHead
from dinrail.acpi.ivrs import IvhdHead, IvrsHead
from dinrail.acpi.table import TableHeader, sealed
from dinrail.layout import encode
from dinrail.machine.facts import HostFacts
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic
from dinrail.pci.config import BridgeHeader, CommonHeader, EndpointHeader

MIB = 1 << 20
ALL_TOPICS = frozenset(Topic)
BRIDGE, VGA, DISPLAY, AUDIO, USB, ETHERNET, SATA = 0x060400, 0x030000, 0x038000, 0x040300, 0x0C0330, 0x020000, 0x010601


@dataclass(frozen=True, slots=True)
class Bar:
    """`index` 6 is the ROM."""

    index: int
    hpa: int
    size_bytes: int
    io: bool = False
    prefetchable: bool = False
    is_64bit: bool = False

    @property
    def line(self) -> str:
        """As the kernel prints a line of `resource` (include/linux/ioport.h)."""
        flags = (
            (0x100 if self.io else 0x200) | (0x2000 if self.prefetchable else 0) | (0x100000 if self.is_64bit else 0)
        )
        return f"{self.hpa:#018x} {self.hpa + self.size_bytes - 1:#018x} {flags:#018x}"


@dataclass(frozen=True, slots=True)
class Function:
    """One PCI function. `behind`: the bridge above it. `ids` and `subsystem` as vendor:device."""

    address: str
    class_code: int
    ids: tuple[int, int]
    subsystem: tuple[int, int] = (0x1043, 0x8694)
    revision: int = 0
    behind: str | None = None
    driver: str | None = None
    driver_override: str | None = None
    group: int | None = None
    reset: str = "flr bus"
    boot_vga: bool | None = None
    bars: tuple[Bar, ...] = ()
    rom: bool = False
    enabled: bool = True
    silent: bool = False

    @property
    def config(self) -> bytes:
        """64 bytes of configuration space."""
        if self.silent:
            return b"\xff" * 64
        is_bridge = self.class_code >> 8 == 0x0604
        common = CommonHeader(
            vendor_id=self.ids[0],
            device_id=self.ids[1],
            command=0x0006 if self.enabled else 0,
            revision=self.revision,
            class_code=self.class_code,
            header_type=1 if is_bridge else 0,
        )
        if is_bridge:
            return encode(common) + encode(BridgeHeader())
        body = EndpointHeader(subsystem_vendor_id=self.subsystem[0], subsystem_id=self.subsystem[1])
        return encode(common) + encode(body)


@dataclass(frozen=True, slots=True)
class Framebuffer:
    """One line of /proc/fb; `on`: the PCI function it belongs to, None for one of the firmware's."""

    name: str
    on: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A host. `tables`: ACPI tables by name. `iomem`: further lines of /proc/iomem (start, size, name)."""

    functions: tuple[Function, ...]
    iommu_units: tuple[str, ...] = ()
    group_reserved: dict[int, tuple[str, ...]] = field(default_factory=dict)
    tables: dict[str, bytes] = field(default_factory=dict)
    cmdline: str = "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet"
    kconfig: tuple[str, ...] = ("CONFIG_INTEL_IOMMU=y", "CONFIG_AMD_IOMMU=y", "CONFIG_VFIO_PCI=m")
    lockdown: str = "[none] integrity confidentiality"
    vfio_pci_loaded: bool = False
    unsafe_interrupts: bool | None = None
    interrupt_remapping: bool = True
    framebuffers: tuple[Framebuffer, ...] = ()
    vtconsoles: tuple[tuple[str, bool], ...] = (("(S) dummy device", False), ("(M) frame buffer device", True))
    consoles: tuple[str, ...] = ("tty0                 -WU (EC  p  )    4:1",)
    iomem: tuple[tuple[int, int, str], ...] = ()
    drm: dict[str, str] = field(default_factory=dict)
    connected: tuple[str, ...] = ()
    cpu_flags: str = "fpu vmx ept"
    physical_bits: int = 39
    dmar_cap: int = 0xD2008C40660462  # bits 21:16: 38, so 39 address bits
    kvm_ran: bool = True

    def raw(self, topics: Iterable[Topic] = ALL_TOPICS) -> Raw:
        files: dict[str, Entry] = {}
        for function in self.functions:
            files |= _function_files(function)
        files |= _iommu_files(self) | _kernel_files(self) | _cpu_files(self) | _console_files(self)
        return Raw("linux", files, frozenset(topics))

    def facts(self) -> HostFacts:
        return read_facts(self.raw())

    def without(self, address: str) -> Machine:
        return replace(self, functions=tuple(f for f in self.functions if f.address != address))

    def changed(self, address: str, **fields: object) -> Machine:
        """The same machine with one function changed."""
        functions = tuple(replace(f, **fields) if f.address == address else f for f in self.functions)  # type: ignore[arg-type]  # named fields
        return replace(self, functions=functions)


def _file(text: str) -> Entry:
    return Entry(SourceKind.FILE, text.encode())


def _link(text: str) -> Entry:
    return Entry(SourceKind.LINK, text.encode())


def _function_files(function: Function) -> dict[str, Entry]:
    base = f"/sys/bus/pci/devices/{function.address}"
    above = f"/{function.behind}" if function.behind else ""
    lines = {bar.index: bar.line for bar in function.bars}
    nothing = " ".join(["0x0000000000000000"] * 3)
    ids = f"{function.ids[0]:04X}:{function.ids[1]:04X}"
    subsystem = f"{function.subsystem[0]:04X}:{function.subsystem[1]:04X}"
    uevent = (
        f"PCI_CLASS={function.class_code:X}\nPCI_ID={ids}\nPCI_SUBSYS_ID={subsystem}\nPCI_SLOT_NAME={function.address}"
    )
    found = {
        base: _link(f"../../../devices/pci0000:00{above}/{function.address}"),
        f"{base}/config": Entry(SourceKind.FILE, function.config),
        f"{base}/uevent": _file(uevent),
        f"{base}/resource": _file("\n".join(lines.get(index, nothing) for index in range(13))),
        f"{base}/enable": _file(f"{function.enabled:d}\n"),
        f"{base}/driver_override": _file(f"{function.driver_override or '(null)'}\n"),
        f"{base}/numa_node": _file("-1\n"),
    }
    if function.reset:
        found[f"{base}/reset_method"] = _file(function.reset + "\n")
    if function.boot_vga is not None:
        found[f"{base}/boot_vga"] = _file(f"{function.boot_vga:d}\n")
    if function.rom:
        found[f"{base}/rom"] = Entry(SourceKind.EXISTS)
    if function.driver:
        found[f"{base}/driver"] = _link(f"../../../../bus/pci/drivers/{function.driver}")
    if function.group is not None:
        found[f"{base}/iommu_group"] = _link(f"../../../../kernel/iommu_groups/{function.group}")
    return found


def _iommu_files(machine: Machine) -> dict[str, Entry]:
    groups = "/sys/kernel/iommu_groups"
    chip = "IR-" if machine.interrupt_remapping else ""
    found = {
        "/sys/class/iommu": Entry(SourceKind.NAMES, "\n".join(machine.iommu_units).encode()),
        "/sys/firmware/acpi/tables": Entry(SourceKind.NAMES, "\n".join(["APIC", "FACP", *machine.tables]).encode()),
        "/proc/interrupts": _file(f"   CPU0\n   2:   44   {chip}IO-APIC    2-edge      timer\n"),
    }
    for name, data in machine.tables.items():
        found[f"/sys/firmware/acpi/tables/{name}"] = Entry(SourceKind.FILE, data)
    for unit in machine.iommu_units:
        if unit.startswith("dmar"):
            found[f"/sys/class/iommu/{unit}/intel-iommu/cap"] = _file(f"{machine.dmar_cap:x}\n")
    for number in sorted({f.group for f in machine.functions if f.group is not None}):
        members = "\n".join(f.address for f in machine.functions if f.group == number)
        found[f"{groups}/{number}/devices"] = Entry(SourceKind.NAMES, members.encode())
        found[f"{groups}/{number}/type"] = _file("DMA-FQ\n")
        always = "0x00000000fee00000 0x00000000feefffff msi"
        found[f"{groups}/{number}/reserved_regions"] = _file(
            "\n".join([*machine.group_reserved.get(number, ()), always]) + "\n"
        )
    if machine.unsafe_interrupts is not None:
        path = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
        found[path] = _file("Y\n" if machine.unsafe_interrupts else "N\n")
    return found


RELEASE = "6.1.0-40-amd64"


def _kernel_files(machine: Machine) -> dict[str, Entry]:
    found = {
        "/proc/cmdline": _file(machine.cmdline + "\n"),
        "/proc/version": _file(f"Linux version {RELEASE}\n"),
        "/proc/sys/kernel/osrelease": _file(RELEASE + "\n"),
        "/proc/sys/kernel/hostname": _file("press-7\n"),
        "/proc/sys/kernel/random/boot_id": _file("2d5bb0a4-7f4c-4c1e-9c0a-5a3c0f3f9d11\n"),
        "/sys/kernel/security/lockdown": _file(machine.lockdown + "\n"),
        f"/boot/config-{RELEASE}": _file("# Linux\n" + "\n".join(machine.kconfig) + "\n"),
    }
    if machine.vfio_pci_loaded:
        found["/sys/bus/pci/drivers/vfio-pci"] = Entry(SourceKind.EXISTS)
    return found


def _cpu_files(machine: Machine) -> dict[str, Entry]:
    cpu = {
        "processor": "0",
        "vendor_id": "GenuineIntel",
        "model name": "A CPU",
        "flags": machine.cpu_flags,
        "address sizes": f"{machine.physical_bits} bits physical, 48 bits virtual",
    }
    answer = {"node": True, "api_version": 12, "ran": machine.kvm_ran, "fault": ""}
    return {
        "/proc/cpuinfo": _file("".join(f"{key}\t: {value}\n" for key, value in cpu.items()) + "\n"),
        "/proc/meminfo": _file("MemTotal:       16384000 kB\nMemFree: 1 kB\n"),
        "/proc/self/limits": _file(
            "Limit  Soft Limit  Hard Limit  Units\nMax locked memory  unlimited  unlimited  bytes\n"
        ),
        "/dev/kvm": Entry(SourceKind.EXISTS, b"crw-rw---- 10:232"),
        "probe:kvm": Entry(SourceKind.PROBE, json.dumps(answer).encode()),
    }


def _console_files(machine: Machine) -> dict[str, Entry]:
    ranges = [(b.hpa, b.size_bytes, f.address) for f in machine.functions for b in f.bars if not b.io and b.hpa]
    lines = [f"  {start:08x}-{start + size - 1:08x} : {name}" for start, size, name in (*ranges, *machine.iomem)]
    found = {
        "/proc/iomem": _file("\n".join(lines) + "\n"),
        "/proc/consoles": _file("\n".join(machine.consoles) + "\n"),
        "/proc/fb": _file("".join(f"{index} {fb.name}\n" for index, fb in enumerate(machine.framebuffers))),
    }
    for index, fb in enumerate(machine.framebuffers):
        target = fb.on if fb.on else "simple-framebuffer.0"
        found[f"/sys/class/graphics/fb{index}/device"] = _link(f"../../../{target}")
    for index, (name, bound) in enumerate(machine.vtconsoles):
        found[f"/sys/class/vtconsole/vtcon{index}/name"] = _file(name + "\n")
        found[f"/sys/class/vtconsole/vtcon{index}/bind"] = _file(f"{bound:d}\n")
    for card, address in machine.drm.items():
        found[f"/sys/class/drm/{card}/device"] = _link(f"../../../{address}")
    for port in machine.connected:
        found[f"/sys/class/drm/{port}/status"] = _file("connected\n")
    return found


def acpi_table(signature: bytes, body: bytes) -> bytes:
    """A whole table with a right checksum."""
    header = TableHeader(signature=signature, length_bytes=36 + len(body))
    return sealed(encode(header) + body)


def scope(start_bus: int, *path: tuple[int, int], kind: int = 1) -> bytes:
    steps = bytes(value for step in path for value in step)
    return encode(ScopeHead(kind=kind, length_bytes=6 + len(steps), start_bus=start_bus)) + steps


def drhd(base: int, *scopes: bytes, takes_all_others: bool = False) -> bytes:
    body = b"".join(scopes)
    return encode(DrhdHead(length_bytes=16 + len(body), flags=int(takes_all_others), register_base=base)) + body


def rmrr(base: int, limit: int, *scopes: bytes) -> bytes:
    body = b"".join(scopes)
    return encode(RmrrHead(length_bytes=24 + len(body), base=base, limit=limit)) + body


def dmar(*structures: bytes, address_bits: int = 39, interrupt_remapping: bool = True) -> bytes:
    head = DmarHead(host_address_width_less_1=address_bits - 1, flags=int(interrupt_remapping))
    return acpi_table(b"DMAR", encode(head) + b"".join(structures))


def ivhd(base: int, *, device_id: int = 0x0002, devices: bytes = b"") -> bytes:
    head = IvhdHead(
        flags=0xB0, length_bytes=24 + len(devices), device_id=device_id, capability_offset=0x40, iommu_base=base
    )
    return encode(head) + devices


def ivrs(*blocks: bytes, physical_bits: int = 48, virtual_bits: int = 64) -> bytes:
    head = IvrsHead(iv_info=physical_bits << 8 | virtual_bits << 15)
    return acpi_table(b"IVRS", encode(head) + b"".join(blocks))


# --- the machines

DMAR = dmar(drhd(0xFED90000, scope(0, (2, 0))), drhd(0xFED91000, takes_all_others=True))
IVRS = ivrs(ivhd(0xFEB80000))

_HOST_BRIDGE = Function("0000:00:00.0", 0x060000, (0x8086, 0x3EC2), group=0, reset="")
_NIC = Function("0000:00:1f.6", ETHERNET, (0x8086, 0x15BC), driver="e1000e", group=4)

IGPU = "0000:00:02.0"
INTEL_IGPU = Machine(
    functions=(
        _HOST_BRIDGE,
        Function(
            IGPU,
            VGA,
            (0x8086, 0x3E92),
            driver="i915",
            group=1,
            boot_vga=True,
            rom=True,
            bars=(
                Bar(0, 0xA1000000, 16 * MIB, is_64bit=True),
                Bar(2, 0x90000000, 256 * MIB, prefetchable=True, is_64bit=True),
                Bar(4, 0x4000, 64, io=True),
                Bar(6, 0xC0000, 128 * 1024),
            ),
        ),
        _NIC,
    ),
    iommu_units=("dmar0", "dmar1"),
    tables={"DMAR": DMAR},
    cmdline="BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro intel_iommu=on",
    framebuffers=(Framebuffer("i915drmfb", IGPU),),
    consoles=("ttyS0                -W- (EC p a)    4:64", "tty0                 -WU (E   p  )    4:1"),
    drm={"card0": IGPU},
    connected=("card0-HDMI-A-1",),
)
"""Intel desktop, one integrated GPU that shows the console; a serial console too."""

ONLY_CONSOLE = replace(INTEL_IGPU, consoles=("tty0                 -WU (EC  p  )    4:1",))
"""The same without the serial console: whoever takes the GPU blinds the host."""

DGPU, DGPU_AUDIO = "0000:0b:00.0", "0000:0b:00.1"
AMD_DGPU = Machine(
    functions=(
        Function("0000:00:03.1", BRIDGE, (0x1022, 0x1483), driver="pcieport", group=15, reset="pm"),
        Function(
            DGPU,
            VGA,
            (0x1002, 0x67DF),
            behind="0000:00:03.1",
            driver="amdgpu",
            group=16,
            boot_vga=False,
            rom=True,
            reset="bus",
            bars=(Bar(0, 0xD0000000, 256 * MIB, prefetchable=True, is_64bit=True), Bar(6, 0xFCC00000, 128 * 1024)),
        ),
        Function(
            DGPU_AUDIO, AUDIO, (0x1002, 0xAAF0), behind="0000:00:03.1", driver="snd_hda_intel", group=16, reset="bus"
        ),
        Function("0000:0c:00.0", VGA, (0x10DE, 0x1287), driver="nouveau", group=17, boot_vga=True, rom=True),
    ),
    iommu_units=("ivhd0",),
    tables={"IVRS": IVRS},
    cpu_flags="fpu svm npt",
    framebuffers=(Framebuffer("nouveaudrmfb", "0000:0c:00.0"), Framebuffer("amdgpudrmfb", DGPU)),
    vfio_pci_loaded=True,
)
"""AMD desktop: a discrete GPU whose audio function shares its group, and a second GPU with the console."""


def _ungrouped(machine: Machine) -> tuple[Function, ...]:
    return tuple(replace(function, group=None) for function in machine.functions)


NO_IOMMU = replace(INTEL_IGPU, functions=_ungrouped(INTEL_IGPU), iommu_units=(), tables={})
"""VT-d is off in the firmware setup: no table at all."""

IOMMU_OFF = replace(
    INTEL_IGPU, functions=_ungrouped(INTEL_IGPU), iommu_units=(), cmdline="BOOT_IMAGE=/vmlinuz ro intel_iommu=off"
)
"""The table is there, the kernel was told to leave it."""

IOMMU_NOT_ASKED = replace(
    IOMMU_OFF,
    cmdline="BOOT_IMAGE=/vmlinuz ro",
    kconfig=("CONFIG_INTEL_IOMMU=y", "# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set", "CONFIG_VFIO_PCI=m"),
)
"""The table is there, and neither the command line nor the kernel's build says on."""

INTGPU_OFF = replace(
    INTEL_IGPU.changed(IGPU, group=None),
    cmdline="BOOT_IMAGE=/vmlinuz ro",
    kconfig=("CONFIG_INTEL_IOMMU=y", "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y", "CONFIG_VFIO_PCI=m"),
)
"""Debian's default: the IOMMU is on for everything but the integrated GPU."""

NEIGHBOUR = "0000:02:01.0"
BEHIND_A_BRIDGE = Machine(
    functions=(
        Function("0000:00:01.0", BRIDGE, (0x1B36, 0x000E), driver="pcieport", group=2, reset=""),
        Function(
            "0000:02:00.0",
            DISPLAY,
            (0x1234, 0x1111),
            behind="0000:00:01.0",
            group=2,
            rom=True,
            reset="bus",
            bars=(Bar(0, 0xFD000000, 16 * MIB, prefetchable=True),),
        ),
        Function(NEIGHBOUR, ETHERNET, (0x8086, 0x10D3), behind="0000:00:01.0", driver="e1000e", group=2),
    ),
    iommu_units=("dmar0",),
    tables={"DMAR": DMAR},
)
"""A display controller behind a conventional bridge, with a network card that the host uses in its group."""

RESERVED = replace(
    INTEL_IGPU,
    group_reserved={
        1: ("0x000000008d800000 0x000000008fffffff direct-relaxable",),
        4: ("0x000000008a000000 0x000000008a0fffff direct",),
    },
)
"""The firmware keeps memory for the GPU (which may be given up) and for the network card (which may not)."""

MACHINES = {
    "intel-igpu": INTEL_IGPU,
    "only-console": ONLY_CONSOLE,
    "amd-dgpu": AMD_DGPU,
    "no-iommu": NO_IOMMU,
    "iommu-off": IOMMU_OFF,
    "iommu-not-asked": IOMMU_NOT_ASKED,
    "intgpu-off": INTGPU_OFF,
    "behind-a-bridge": BEHIND_A_BRIDGE,
    "reserved": RESERVED,
}


class BuiltHost:
    """A port that answers with a machine's bytes. It is what `--host FILE` is, without the file."""

    label = "a built host"
    is_live = False

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.asked: list[frozenset[Topic]] = []

    def fetch(self, topics: Iterable[Topic]) -> Raw:
        asked = frozenset(topics)
        self.asked.append(asked)
        return self.machine.raw(asked)
