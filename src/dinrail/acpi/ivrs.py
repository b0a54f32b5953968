"""IVRS: AMD's announcement of its IOMMUs. Source: AMD I/O Virtualization Technology Specification 3.07, chapter 5.

header  IVinfo: address sizes and the firmware's DMA protection
IVHD    one IOMMU (types 10h, 11h, 40h describe the same unit, each newer one in more detail)
IVMD    memory that devices must always reach
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.acpi.table import BODY_AT, parse_table, structures
from dinrail.errors import FormatError
from dinrail.layout import decode, layout_of, pad, record, u8, u16, u32, u64


@record(size_bytes=12, name="IVRS", source="AMD I/O Virtualization 3.07, table 82")
class IvrsHead:
    """What follows the ACPI header."""

    iv_info: int = u32(0)
    _reserved_04: bytes = pad(4, 8)


@record(size_bytes=4, name="IVRS block", source="AMD I/O Virtualization 3.07, 5.2.2")
class BlockHead:
    """The beginning of every block; the length includes it."""

    kind: int = u8(0)
    flags: int = u8(1)
    length_bytes: int = u16(2)


@record(size_bytes=24, name="IVHD", source="AMD I/O Virtualization 3.07, table 84")
class IvhdHead:
    """The common beginning of types 10h, 11h and 40h; the later two have 16 more bytes before their devices."""

    kind: int = u8(0, default=0x10)
    flags: int = u8(1)
    length_bytes: int = u16(2)
    device_id: int = u16(4)
    capability_offset: int = u16(6)
    iommu_base: int = u64(8)
    segment: int = u16(16, default=0)
    iommu_info: int = u16(18, default=0)
    features: int = u32(20, default=0)


@record(size_bytes=32, name="IVMD", source="AMD I/O Virtualization 3.07, table 97")
class IvmdHead:
    """One memory definition. Flag bit 0: unity mapping, bit 3: exclusion range."""

    kind: int = u8(0)
    flags: int = u8(1)
    length_bytes: int = u16(2)
    device_id: int = u16(4)
    last_device_id: int = u16(6, default=0)
    _reserved_08: bytes = pad(8, 8)
    base: int = u64(16)
    size: int = u64(24)


class BlockKind(enum.IntEnum):
    """Blocks by their type byte; the three IVHD types describe the same units."""

    IVHD_10 = 0x10
    IVHD_11 = 0x11
    IVMD_ALL = 0x20
    IVMD_ONE = 0x21
    IVMD_RANGE = 0x22
    IVHD_40 = 0x40


_IVHD = (BlockKind.IVHD_10, BlockKind.IVHD_11, BlockKind.IVHD_40)
_IVMD = (BlockKind.IVMD_ALL, BlockKind.IVMD_ONE, BlockKind.IVMD_RANGE)


@dataclass(frozen=True, slots=True)
class Ivhd:
    """One IOMMU. `bus`, `device`, `function` are its own PCI address; `devices` are the entries' bytes, unread."""

    kind: BlockKind | int
    flags: int
    segment: int
    bus: int
    device: int
    function: int
    iommu_base: int
    devices: bytes


@dataclass(frozen=True, slots=True)
class Ivmd:
    """Reserved memory. `unity`: the device reaches it at its own address; `exclusion`: not translated at all."""

    kind: BlockKind | int
    first_device_id: int
    last_device_id: int
    base: int
    size_bytes: int
    unity: bool
    exclusion: bool


@dataclass(frozen=True, slots=True)
class Ivrs:
    """The table. Address sizes in bits, as IVinfo states them (0 where it states none)."""

    physical_bits: int
    virtual_bits: int
    dma_remap_by_firmware: bool
    units: tuple[Ivhd, ...]
    reserved: tuple[Ivmd, ...]
    others: tuple[BlockKind | int, ...]


def parse_ivrs(data: bytes, *, where: str | None = None) -> Ivrs:
    """The whole table. Raises FormatError (Truncated where bytes are missing)."""
    table = parse_table(data, b"IVRS", where=where)
    head = decode(IvrsHead, table.data, BODY_AT, where=where)
    units: list[Ivhd] = []
    reserved: list[Ivmd] = []
    others: list[BlockKind | int] = []
    for kind, body in structures(table, IvrsHead, BlockHead, BlockKind, where=where):
        if kind in _IVHD:
            units.append(_ivhd(kind, body, where))
        elif kind in _IVMD:
            reserved.append(_ivmd(kind, body, where))
        else:
            others.append(kind)
    return Ivrs(
        physical_bits=head.iv_info >> 8 & 0x7F,
        virtual_bits=head.iv_info >> 15 & 0x7F,
        dma_remap_by_firmware=bool(head.iv_info & 2),
        units=tuple(units),
        reserved=tuple(reserved),
        others=tuple(others),
    )


def _ivhd(kind: BlockKind | int, body: bytes, where: str | None) -> Ivhd:
    head = decode(IvhdHead, body, where=where)
    head_bytes = layout_of(IvhdHead).size_bytes + (0 if kind == BlockKind.IVHD_10 else 16)
    if len(body) < head_bytes:
        raise FormatError(
            f"the length {len(body)} is less than this type's header of {head_bytes}",
            structure="IVHD",
            field="length_bytes",
            offset=2,
            where=where,
        )
    return Ivhd(
        kind=kind,
        flags=head.flags,
        segment=head.segment,
        bus=head.device_id >> 8,
        device=head.device_id >> 3 & 0x1F,
        function=head.device_id & 7,
        iommu_base=head.iommu_base,
        devices=body[head_bytes:],
    )


def _ivmd(kind: BlockKind | int, body: bytes, where: str | None) -> Ivmd:
    head = decode(IvmdHead, body, where=where)
    last = {BlockKind.IVMD_ALL: 0xFFFF, BlockKind.IVMD_ONE: head.device_id}.get(BlockKind(kind), head.last_device_id)
    return Ivmd(
        kind=kind,
        first_device_id=0 if kind == BlockKind.IVMD_ALL else head.device_id,
        last_device_id=last,
        base=head.base,
        size_bytes=head.size,
        unity=bool(head.flags & 1),
        exclusion=bool(head.flags & 8),
    )
