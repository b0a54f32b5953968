"""Capability lists: the classic one (byte pointers, from 0x34) and the extended one (from 0x100).

Source: PCI Local Bus Specification 3.0, 6.7; PCI Express Base Specification 5.0, 7.5-7.9; PCI Power Management 1.2;
Advanced Capabilities for Conventional PCI ECN. The lists come from hardware that may be broken, asleep or hostile, so
every walk has a bound and remembers where it has been.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import TypeVar

from dinrail.errors import FormatError, Truncated
from dinrail.layout import Buffer, decode, open_enum, record, u8, u16, u32
from dinrail.pci.config import CONVENTIONAL_SIZE_BYTES, EXTENDED_SIZE_BYTES, HEADER_SIZE_BYTES, read_header

T = TypeVar("T")


class CapabilityId(enum.IntEnum):
    """Classic capability ids (PCI Code and ID Assignment Specification 1.11, 2)."""

    POWER_MANAGEMENT = 0x01
    AGP = 0x02
    VITAL_PRODUCT_DATA = 0x03
    SLOT_ID = 0x04
    MSI = 0x05
    COMPACT_PCI_HOT_SWAP = 0x06
    PCI_X = 0x07
    HYPERTRANSPORT = 0x08
    VENDOR_SPECIFIC = 0x09
    DEBUG_PORT = 0x0A
    HOT_PLUG = 0x0C
    SUBSYSTEM_ID = 0x0D
    SECURE_DEVICE = 0x0F
    PCI_EXPRESS = 0x10
    MSI_X = 0x11
    SATA = 0x12
    ADVANCED_FEATURES = 0x13
    ENHANCED_ALLOCATION = 0x14


class ExtendedId(enum.IntEnum):
    """Extended capability ids (PCI Code and ID Assignment Specification 1.11, 3)."""

    ADVANCED_ERROR_REPORTING = 0x0001
    VIRTUAL_CHANNEL = 0x0002
    DEVICE_SERIAL_NUMBER = 0x0003
    POWER_BUDGETING = 0x0004
    VENDOR_SPECIFIC = 0x000B
    ACCESS_CONTROL_SERVICES = 0x000D
    ALTERNATIVE_ROUTING_ID = 0x000E
    ADDRESS_TRANSLATION_SERVICES = 0x000F
    SINGLE_ROOT_IO_VIRTUALIZATION = 0x0010
    PAGE_REQUEST = 0x0013
    RESIZABLE_BAR = 0x0015
    LATENCY_TOLERANCE_REPORTING = 0x0018
    SECONDARY_PCI_EXPRESS = 0x0019
    PROCESS_ADDRESS_SPACE_ID = 0x001B
    L1_PM_SUBSTATES = 0x001E
    DOWNSTREAM_PORT_CONTAINMENT = 0x001D
    DATA_LINK_FEATURE = 0x0025
    PHYSICAL_LAYER_16 = 0x0026


class PortType(enum.IntEnum):
    """Device/port type in the PCI Express capability."""

    ENDPOINT = 0x0
    LEGACY_ENDPOINT = 0x1
    ROOT_PORT = 0x4
    UPSTREAM_PORT = 0x5
    DOWNSTREAM_PORT = 0x6
    PCIE_TO_PCI_BRIDGE = 0x7
    PCI_TO_PCIE_BRIDGE = 0x8
    ROOT_COMPLEX_ENDPOINT = 0x9
    ROOT_COMPLEX_EVENT_COLLECTOR = 0xA


class Acs(enum.IntFlag):
    """Access control services: the bits of both the capability and the control register."""

    SOURCE_VALIDATION = 1 << 0
    TRANSLATION_BLOCKING = 1 << 1
    P2P_REQUEST_REDIRECT = 1 << 2
    P2P_COMPLETION_REDIRECT = 1 << 3
    UPSTREAM_FORWARDING = 1 << 4
    P2P_EGRESS_CONTROL = 1 << 5
    DIRECT_TRANSLATED_P2P = 1 << 6

    @property
    def letters(self) -> str:
        """The field's short names, as `SV RR CR UF`."""
        short = ("SV", "TB", "RR", "CR", "UF", "EC", "DT")
        return " ".join(name for bit, name in enumerate(short) if self & 1 << bit)


ACS_ISOLATION = Acs.SOURCE_VALIDATION | Acs.P2P_REQUEST_REDIRECT | Acs.P2P_COMPLETION_REDIRECT | Acs.UPSTREAM_FORWARDING
"""What a port must offer so that what is behind it is a group of its own."""


@record(size_bytes=0x14, name="PCI Express capability", source="PCI Express Base 5.0, 7.5.3")
class PciExpress:
    """The part of the capability that every version and every port type has."""

    id: int = u8(0x00, default=CapabilityId.PCI_EXPRESS)
    next: int = u8(0x01, default=0)
    flags: int = u16(0x02)
    device_capabilities: int = u32(0x04)
    device_control: int = u16(0x08, default=0)
    device_status: int = u16(0x0A, default=0)
    link_capabilities: int = u32(0x0C, default=0)
    link_control: int = u16(0x10, default=0)
    link_status: int = u16(0x12, default=0)

    @property
    def version(self) -> int:
        return self.flags & 0xF

    @property
    def port_type(self) -> PortType | int:
        return open_enum(PortType, self.flags >> 4 & 0xF)

    @property
    def has_function_level_reset(self) -> bool:
        return bool(self.device_capabilities & 1 << 28)

    @property
    def link_width(self) -> int:
        """Lanes in use; 0 where there is no link."""
        return self.link_status >> 4 & 0x3F


@record(size_bytes=0x08, name="power management capability", source="PCI Power Management 1.2, 3.2")
class PowerManagement:
    """Power states. `pm` reset goes D3hot and back, which resets only where the state is not kept."""

    id: int = u8(0x00, default=CapabilityId.POWER_MANAGEMENT)
    next: int = u8(0x01, default=0)
    capabilities: int = u16(0x02)
    control_status: int = u16(0x04)
    bridge_extensions: int = u8(0x06, default=0)
    data: int = u8(0x07, default=0)

    @property
    def state(self) -> int:
        """0-3: D0, D1, D2, D3hot."""
        return self.control_status & 0x3

    @property
    def resets_in_d3(self) -> bool:
        """False where the function keeps its state in D3hot (NoSoftRst), so that this is no reset."""
        return not self.control_status & 1 << 3


@record(size_bytes=0x06, name="advanced features capability", source="Advanced Capabilities for Conventional PCI ECN")
class AdvancedFeatures:
    """FLR for functions that are no PCI Express devices."""

    id: int = u8(0x00, default=CapabilityId.ADVANCED_FEATURES)
    next: int = u8(0x01, default=0)
    length: int = u8(0x02, default=6)
    capabilities: int = u8(0x03)
    control: int = u8(0x04, default=0)
    status: int = u8(0x05, default=0)

    @property
    def has_function_level_reset(self) -> bool:
        """FLR, with the pending-transactions bit that it needs."""
        return self.capabilities & 0x3 == 0x3


@record(size_bytes=0x08, name="subsystem capability", source="PCI-to-PCI Bridge 1.2, 3.2.5.13")
class SubsystemId:
    """Where a bridge keeps its subsystem ids."""

    id: int = u8(0x00, default=CapabilityId.SUBSYSTEM_ID)
    next: int = u8(0x01, default=0)
    reserved: int = u16(0x02, default=0)
    subsystem_vendor_id: int = u16(0x04)
    subsystem_id: int = u16(0x06)


@record(size_bytes=0x08, name="ACS extended capability", source="PCI Express Base 5.0, 7.7.8")
class AccessControl:
    """What a port can keep apart (`capabilities`), and what it does keep apart now (`control`)."""

    header: int = u32(0x00, default=0x0001_000D)
    capability_bits: int = u16(0x04)
    control_bits: int = u16(0x06)

    @property
    def capabilities(self) -> Acs:
        return Acs(self.capability_bits & 0x7F)

    @property
    def control(self) -> Acs:
        return Acs(self.control_bits & 0x7F)

    @property
    def isolates(self) -> bool:
        """Everything that isolation needs is on."""
        return self.control & ACS_ISOLATION == ACS_ISOLATION


@dataclass(frozen=True, slots=True)
class Capability:
    """One entry of the classic list."""

    id: CapabilityId | int
    offset: int


@dataclass(frozen=True, slots=True)
class ExtendedCapability:
    """One entry of the extended list."""

    id: ExtendedId | int
    version: int
    offset: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Both lists as far as they could be walked. `fault` is why a list was left early, None when both are whole."""

    classic: tuple[Capability, ...] = ()
    extended: tuple[ExtendedCapability, ...] = ()
    pcie: PciExpress | None = None
    power: PowerManagement | None = None
    advanced_features: AdvancedFeatures | None = None
    subsystem: SubsystemId | None = None
    acs: AccessControl | None = None
    fault: FormatError | None = None

    @property
    def has_function_level_reset(self) -> bool:
        """Either kind of FLR is announced."""
        pcie = self.pcie is not None and self.pcie.has_function_level_reset
        return pcie or (self.advanced_features is not None and self.advanced_features.has_function_level_reset)


def survey(config: Buffer, *, where: str | None = None) -> Capabilities:
    """Walk and decode all that can be: a broken list gives what stands before the break, and the fault.

    An ordinary user gets only 64 bytes from Linux; the fault then is Truncated, at the first capability.
    """
    classic: list[Capability] = []
    extended: list[ExtendedCapability] = []
    faults = _walk(config, classic, extended, where)
    first: dict[int, int] = {c.id: c.offset for c in reversed(classic)}
    acs_at = next((c.offset for c in extended if c.id == ExtendedId.ACCESS_CONTROL_SERVICES), None)

    def part(kind: type[T], at: int | None) -> T | None:
        try:
            return None if at is None else decode(kind, config, at, where=where)
        except FormatError as fault:
            faults.append(fault)
            return None

    return Capabilities(
        classic=tuple(classic),
        extended=tuple(extended),
        pcie=part(PciExpress, first.get(CapabilityId.PCI_EXPRESS)),
        power=part(PowerManagement, first.get(CapabilityId.POWER_MANAGEMENT)),
        advanced_features=part(AdvancedFeatures, first.get(CapabilityId.ADVANCED_FEATURES)),
        subsystem=part(SubsystemId, first.get(CapabilityId.SUBSYSTEM_ID)),
        acs=part(AccessControl, acs_at),
        fault=faults[0] if faults else None,
    )


def walk(config: Buffer, *, where: str | None = None) -> Capabilities:
    """Walk and decode both lists. Raises FormatError: Truncated, a loop, or a pointer into the header."""
    found = survey(config, where=where)
    if found.fault is not None:
        raise found.fault
    return found


def _walk(
    config: Buffer, classic: list[Capability], extended: list[ExtendedCapability], where: str | None
) -> list[FormatError]:
    try:
        _walk_classic(config, classic, where)
        if len(config) > CONVENTIONAL_SIZE_BYTES:
            _walk_extended(config, extended, where)
    except FormatError as fault:
        return [fault]
    return []


def _walk_classic(config: Buffer, found: list[Capability], where: str | None) -> None:
    trail = _Trail("capability list", HEADER_SIZE_BYTES, min(len(config), CONVENTIONAL_SIZE_BYTES), where)
    at, field = read_header(config, where=where).capability_pointer or 0, "capability_pointer"
    while at:
        trail.step(at, 2, field)
        if config[at] == 0xFF:
            raise FormatError("reads as all ones", structure=trail.structure, field="id", offset=at, where=where)
        found.append(Capability(open_enum(CapabilityId, config[at]), at))
        field, at = f"next of {at:#04x}", config[at + 1] & 0xFC


def _walk_extended(config: Buffer, found: list[ExtendedCapability], where: str | None) -> None:
    trail = _Trail("extended capability list", CONVENTIONAL_SIZE_BYTES, min(len(config), EXTENDED_SIZE_BYTES), where)
    at, field = CONVENTIONAL_SIZE_BYTES, "first"
    while at:
        trail.step(at, 4, field)
        (header,) = struct.unpack_from("<I", config, at)
        if header in (0, 0xFFFFFFFF):  # no (further) capability
            return
        found.append(ExtendedCapability(open_enum(ExtendedId, header & 0xFFFF), header >> 16 & 0xF, at))
        field, at = f"next of {at:#05x}", header >> 20 & 0xFFC


class _Trail:
    """Where a walk has been: no step may lead below the list's start, behind the data, or back."""

    def __init__(self, structure: str, lowest: int, end: int, where: str | None) -> None:
        self.structure = structure
        self._lowest = lowest
        self._end = end
        self._where = where
        self._visited: set[int] = set()

    def step(self, at: int, size_bytes: int, field: str) -> None:
        """Go to `at`, where `size_bytes` are needed; `field` is the pointer that led there. Raises FormatError."""
        fault = ""
        if at < self._lowest:
            fault = f"points to {at:#x}, below the list's start {self._lowest:#x}"
        elif at in self._visited:
            fault = f"loops back to {at:#x}"
        if fault:
            raise FormatError(fault, structure=self.structure, field=field, offset=at, where=self._where)
        if at + size_bytes > self._end:
            raise Truncated(
                f"the data ends at {self._end:#x}, {field} leads to {at:#x}",
                structure=self.structure,
                field=field,
                offset=at,
                where=self._where,
                hint="only root may read more than 64 bytes of a configuration space",
            )
        self._visited.add(at)
