"""A guest's definition laid against a host's facts: one backend-neutral plan, all its conflicts at once.

Nothing is read here and nothing is touched. A plan with blocking findings can still be printed.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

from dinrail.errors import Refused
from dinrail.finding import Evidence, Finding, Severity, blocking, refusal
from dinrail.guest.definition import (
    DirectBoot,
    Disk,
    Display,
    GuestDefinition,
    GuestOs,
    NetworkKind,
    PassedDevice,
    RomSource,
)
from dinrail.guest.firmware import PlannedFirmware, choose_firmware
from dinrail.guest.resources import accel_finding, judge_resources, phys_bits_limit
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.pci.address import PciAddress

_NAMESPACE = uuid.UUID("6f6a2f0e-3a44-5f0b-9f2e-6d1f3c8a9b57")


@dataclass(frozen=True, slots=True)
class GuestFiles:
    """Where the guest's own files lie, as text: `run` until it ends, `state` for ever."""

    run: str
    state: str


@dataclass(frozen=True, slots=True)
class GuestRom:
    """The option ROM that will be staged: `path` is the staged file, `origin` says where it came from, for people."""

    path: str
    origin: str


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """A function that the guest gets.

    role:      `gpu`, `usb` or `network`; `companion` for a further function of the same device.
    rom_path:  the option ROM that the guest sees; empty for none.
    """

    address: PciAddress
    role: str
    ids: str
    function: PciFunction | None
    rom_path: str = ""


@dataclass(frozen=True, slots=True)
class PlannedNic:
    """An emulated network card; its MAC address is the same at every start."""

    mac: str


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """What will be started, in no hypervisor's grammar.

    phys_bits_limit: the guest's CPU must not announce more address bits than this; None for no limit.
    """

    name: str
    uuid: str
    os: GuestOs
    cpus: int
    memory_bytes: int
    use_kvm: bool
    phys_bits_limit: int | None
    firmware: PlannedFirmware | None
    devices: tuple[PlannedDevice, ...]
    disks: tuple[Disk, ...]
    nics: tuple[PlannedNic, ...]
    display: Display
    boot: DirectBoot | None
    files: GuestFiles
    findings: tuple[Finding, ...]

    @property
    def addresses(self) -> tuple[PciAddress, ...]:
        """Every function that has to be claimed for this guest."""
        return tuple(device.address for device in self.devices)

    @property
    def blocked(self) -> tuple[Finding, ...]:
        return blocking(self.findings)

    def refusal(self) -> Refused:
        """The error for starting a plan that is blocked."""
        return refusal("the guest cannot be started as planned", self.findings, where=f"guest {self.name}")


def plan_guest(
    definition: GuestDefinition, facts: HostFacts, *, files: GuestFiles, rom: GuestRom | None = None, no_rom: str = ""
) -> GuestPlan:
    """The plan for this guest on this host. Conflicts are findings, never exceptions.

    rom: the GPU's ROM as it will be staged; None where its definition asks for none, or none could be had.
    no_rom: why none could be had.
    """
    devices, device_findings = _devices(definition, facts, rom)
    firmware, firmware_findings = choose_firmware(definition.firmware, facts.firmware, f"{files.state}/vars.fd")
    use_kvm = bool(facts.cpus and facts.cpus.kvm.usable)
    limit, limit_findings = phys_bits_limit(facts, needed=bool(devices) and use_kvm)
    findings = (
        accel_finding(facts.cpus),
        *judge_resources(definition, facts.cpus),
        *device_findings,
        *firmware_findings,
        *limit_findings,
        *_picture(definition, rom, no_rom),
        *_networks(definition),
    )
    seed = f"{facts.kernel.hostname if facts.kernel else ''}/{definition.name}"
    host_only = (n for n in definition.networks if n.kind is NetworkKind.HOST_ONLY)
    return GuestPlan(
        name=definition.name,
        uuid=str(uuid.uuid5(_NAMESPACE, seed)),
        os=definition.os,
        cpus=definition.cpus,
        memory_bytes=definition.memory_bytes,
        use_kvm=use_kvm,
        phys_bits_limit=limit,
        firmware=firmware,
        devices=devices,
        disks=definition.disks,
        nics=tuple(PlannedNic(_mac(f"{seed}/{index}")) for index, _ in enumerate(host_only)),
        display=definition.display,
        boot=definition.boot,
        files=files,
        findings=findings,
    )


def _mac(seed: str) -> str:
    """A locally administered address of QEMU's range, the same for the same seed."""
    tail = hashlib.sha256(seed.encode()).digest()[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)


def _devices(
    definition: GuestDefinition, facts: HostFacts, rom: GuestRom | None
) -> tuple[tuple[PlannedDevice, ...], tuple[Finding, ...]]:
    planned: list[PlannedDevice] = []
    findings: list[Finding] = []
    named = frozenset(device.address for device in definition.passed)
    for role, device in _roles(definition):
        if any(device.address == other.address for other in planned):
            findings.append(_twice(definition, device))
            continue
        function = facts.function(device.address)
        findings += _judge_device(role, device, function, facts)
        rom_path = rom.path if rom is not None and role == "gpu" else ""
        planned.append(_planned(device.address, role, function, rom_path))
        for companion in _companions(function, facts) if role == "gpu" else ():
            if companion.address not in named:
                planned.append(_planned(companion.address, "companion", companion, ""))
                findings.append(_goes_along(companion, device.address))
    return tuple(planned), tuple(findings)


def _roles(definition: GuestDefinition) -> list[tuple[str, PassedDevice]]:
    roles = [("gpu", definition.gpu)] if definition.gpu else []
    roles += [("usb", device) for device in definition.usb]
    roles += [("network", n.device) for n in definition.networks if n.device is not None]
    return roles


def _planned(address: PciAddress, role: str, function: PciFunction | None, rom_path: str) -> PlannedDevice:
    return PlannedDevice(address, role, function.ids.pair if function else "", function, rom_path)


def _companions(function: PciFunction | None, facts: HostFacts) -> tuple[PciFunction, ...]:
    """The other functions of the same card in the same group: a GPU's sound, its USB-C."""
    if function is None or function.group is None:
        return ()
    return tuple(
        other
        for other in facts.functions
        if other.address != function.address
        and other.address.same_slot(function.address)
        and other.group == function.group
        and not other.is_bridge
    )


def _goes_along(companion: PciFunction, with_address: PciAddress) -> Finding:
    return Finding(
        rule="guest.device.companion",
        subject=companion.address.short,
        severity=Severity.NOTE,
        message=f"goes to the guest along with {with_address.short}: it is a function of the same card",
        evidence=(Evidence(f"iommu_groups/{companion.group}", companion.address.short),),
    )


def _twice(definition: GuestDefinition, device: PassedDevice) -> Finding:
    return Finding(
        rule="guest.device.twice",
        subject=device.address.short,
        severity=Severity.BLOCK,
        message="is named twice in this guest",
        evidence=(Evidence(f"guest.{definition.name}", ", ".join(d.address.short for d in definition.passed)),),
        fix="name it once",
    )


def _judge_device(
    role: str, device: PassedDevice, function: PciFunction | None, facts: HostFacts
) -> tuple[Finding, ...]:
    subject = device.address.short
    if function is None:
        there = Evidence("PCI functions of this host", str(len(facts.functions)))
        return (
            Finding(
                rule="guest.device.missing",
                subject=subject,
                severity=Severity.BLOCK,
                message="there is no such device on this host",
                evidence=(there,),
                fix="take the address from `dinrail pci`; addresses move when cards are added",
                verify="dinrail pci",
            ),
        )
    seen = Evidence("class", f"{function.ids.class_code:06x} {function.class_name}".strip())
    if function.is_bridge:
        message, fix = "is a bridge: the host keeps it", "name the device behind it"
        return (Finding("guest.device.bridge", subject, Severity.BLOCK, message, (seen,), fix),)
    if role == "gpu" and not function.is_display:
        message, fix = "is named as the GPU and is no display controller", "look it up: dinrail pci"
        return (Finding("guest.gpu.class", subject, Severity.WARN, message, (seen,), fix),)
    return ()


def _picture(definition: GuestDefinition, rom: GuestRom | None, no_rom: str) -> tuple[Finding, ...]:
    where = f"guest.{definition.name}"
    if definition.gpu is None:
        if definition.display is Display.EMULATED:
            return ()
        seen = Evidence(f"{where}.display", "none, and no gpu")
        message = "has neither a GPU nor an emulated display: there will be no picture"
        return (Finding("guest.picture.none", definition.name, Severity.WARN, message, (seen,)),)
    subject = definition.gpu.address.short
    if rom is not None:
        seen = Evidence(rom.path, rom.origin)
        return (Finding("guest.rom", subject, Severity.OK, f"the guest gets {rom.origin}", (seen,)),)
    choice = definition.gpu.rom.source
    if choice is RomSource.NONE:
        message = "gets no option ROM: the picture begins when the guest's own driver loads"
        return (Finding("guest.rom.none", subject, Severity.NOTE, message, (Evidence(f"{where}.gpu.rom", "none"),)),)
    return (
        Finding(
            rule="guest.rom.missing",
            subject=subject,
            severity=Severity.WARN,
            message="no option ROM could be had: the picture begins when the guest's own driver loads",
            evidence=(Evidence(f"{where}.gpu.rom", no_rom or choice),),
            fix="extract one and name it: dinrail vbios extract " + subject,
        ),
    )


def _networks(definition: GuestDefinition) -> tuple[Finding, ...]:
    kinds = [n.kind for n in definition.networks]
    if NetworkKind.HOST_ONLY not in kinds:
        return ()
    return (
        Finding(
            rule="guest.network.unplugged",
            subject=definition.name,
            severity=Severity.WARN,
            message="host-only networks are not built yet: the guest gets the card, and nobody is on the other end",
            evidence=(
                Evidence(f"guest.{definition.name}.networks", f"{kinds.count(NetworkKind.HOST_ONLY)} host-only"),
            ),
        ),
    )
