"""DMAR: Intel's announcement of its IOMMUs. Source: Intel VT-d Architecture Specification 4.1, chapter 8.

header  host address width, flags
DRHD    one remapping unit and the devices in its scope
RMRR    memory that a device must always reach (firmware's own use of the device)
ATSR    root ports that support address translation services
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.acpi.table import BODY_AT, parse_table, structures
from dinrail.errors import FormatError
from dinrail.layout import decode, layout_of, open_enum, pad, record, u8, u16, u64


@record(size_bytes=12, name="DMAR", source="VT-d 4.1, 8.1")
class DmarHead:
    """What follows the ACPI header. The width is stored less one."""

    host_address_width_less_1: int = u8(0)
    flags: int = u8(1)
    _reserved_02: bytes = pad(2, 10)


@record(size_bytes=4, name="DMAR remapping structure", source="VT-d 4.1, 8.2")
class StructureHead:
    """The beginning of every remapping structure; the length includes it."""

    kind: int = u16(0)
    length_bytes: int = u16(2)


@record(size_bytes=16, name="DRHD", source="VT-d 4.1, 8.3")
class DrhdHead:
    """One remapping unit; device scopes follow. Flag bit 0: all devices of the segment that no other unit names."""

    kind: int = u16(0, default=0)
    length_bytes: int = u16(2)
    flags: int = u8(4)
    size: int = u8(5, default=0)
    segment: int = u16(6, default=0)
    register_base: int = u64(8)


@record(size_bytes=24, name="RMRR", source="VT-d 4.1, 8.4")
class RmrrHead:
    """Reserved memory, `limit` being its last byte; device scopes follow."""

    kind: int = u16(0, default=1)
    length_bytes: int = u16(2)
    _reserved_04: bytes = pad(4, 2)
    segment: int = u16(6, default=0)
    base: int = u64(8)
    limit: int = u64(16)


@record(size_bytes=8, name="ATSR", source="VT-d 4.1, 8.5")
class AtsrHead:
    """Root ports with address translation services; device scopes follow. Flag bit 0: all ports of the segment."""

    kind: int = u16(0, default=2)
    length_bytes: int = u16(2)
    flags: int = u8(4)
    _reserved_05: bytes = pad(5, 1)
    segment: int = u16(6, default=0)


@record(size_bytes=6, name="DMAR device scope", source="VT-d 4.1, 8.3.1")
class ScopeHead:
    """One device; pairs of (device, function) follow up to the length."""

    kind: int = u8(0)
    length_bytes: int = u8(1)
    flags: int = u8(2, default=0)
    _reserved_03: bytes = pad(3, 1)
    enumeration_id: int = u8(4, default=0)
    start_bus: int = u8(5)


class StructureKind(enum.IntEnum):
    """Remapping structures, table 8-1 of the specification."""

    DRHD = 0
    RMRR = 1
    ATSR = 2
    RHSA = 3
    ANDD = 4
    SATC = 5
    SIDP = 6


class ScopeKind(enum.IntEnum):
    """What a device scope speaks of."""

    PCI_ENDPOINT = 1
    PCI_SUB_HIERARCHY = 2
    IOAPIC = 3
    HPET = 4
    ACPI_DEVICE = 5


@dataclass(frozen=True, slots=True)
class Scope:
    """One device. `path` holds (device, function) pairs from `start_bus` on, through each bridge."""

    kind: ScopeKind | int
    enumeration_id: int
    start_bus: int
    path: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RemappingUnit:
    """One DRHD. `takes_all_others`: every PCI device of the segment that no other unit names."""

    register_base: int
    segment: int
    takes_all_others: bool
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class ReservedRegion:
    """One RMRR; `limit` is the last byte."""

    base: int
    limit: int
    segment: int
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class RootPorts:
    """One ATSR."""

    segment: int
    all_ports: bool
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Dmar:
    """The table. `others` are the types of structures that are not read here."""

    host_address_bits: int
    interrupt_remapping: bool
    x2apic_opt_out: bool
    dma_control_opt_in: bool
    units: tuple[RemappingUnit, ...]
    reserved: tuple[ReservedRegion, ...]
    root_ports: tuple[RootPorts, ...]
    others: tuple[StructureKind | int, ...]


def parse_dmar(data: bytes, *, where: str | None = None) -> Dmar:
    """The whole table. Raises FormatError (Truncated where bytes are missing)."""
    table = parse_table(data, b"DMAR", where=where)
    head = decode(DmarHead, table.data, BODY_AT, where=where)
    units: list[RemappingUnit] = []
    reserved: list[ReservedRegion] = []
    ports: list[RootPorts] = []
    others: list[StructureKind | int] = []
    for kind, body in structures(table, DmarHead, StructureHead, StructureKind, where=where):
        if kind == StructureKind.DRHD:
            drhd = decode(DrhdHead, body, where=where)
            units.append(
                RemappingUnit(drhd.register_base, drhd.segment, bool(drhd.flags & 1), _scopes(body, DrhdHead, where))
            )
        elif kind == StructureKind.RMRR:
            rmrr = decode(RmrrHead, body, where=where)
            reserved.append(ReservedRegion(rmrr.base, rmrr.limit, rmrr.segment, _scopes(body, RmrrHead, where)))
        elif kind == StructureKind.ATSR:
            atsr = decode(AtsrHead, body, where=where)
            ports.append(RootPorts(atsr.segment, bool(atsr.flags & 1), _scopes(body, AtsrHead, where)))
        else:
            others.append(kind)
    return Dmar(
        host_address_bits=head.host_address_width_less_1 + 1,
        interrupt_remapping=bool(head.flags & 1),
        x2apic_opt_out=bool(head.flags & 2),
        dma_control_opt_in=bool(head.flags & 4),
        units=tuple(units),
        reserved=tuple(reserved),
        root_ports=tuple(ports),
        others=tuple(others),
    )


def _scopes(body: bytes, after: type, where: str | None) -> tuple[Scope, ...]:
    scopes: list[Scope] = []
    head_bytes = layout_of(ScopeHead).size_bytes
    at = layout_of(after).size_bytes
    while at < len(body):
        head = decode(ScopeHead, body, at, where=where)
        path_bytes = head.length_bytes - head_bytes
        if path_bytes < 2 or path_bytes % 2 or at + head.length_bytes > len(body):
            raise FormatError(
                f"the length {head.length_bytes} holds no whole path within {layout_of(after).name}",
                structure="DMAR device scope",
                field="length_bytes",
                offset=at + 1,
                where=where,
            )
        steps = body[at + head_bytes : at + head.length_bytes]
        path = tuple(zip(steps[::2], steps[1::2], strict=True))
        scopes.append(Scope(open_enum(ScopeKind, head.kind), head.enumeration_id, head.start_bus, path))
        at += head.length_bytes
    return tuple(scopes)
