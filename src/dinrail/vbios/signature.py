"""Does the driver inside an EFI image carry a signature? Only whether, not whose.

Source: PE/COFF specification (Microsoft), "MS-DOS stub" to "Optional header data directories". The certificate table
is data directory 4; its address is an offset in the file.
"""

from __future__ import annotations

import enum

from dinrail.errors import FormatError
from dinrail.layout import Buffer, decode, raw, record, u16, u32
from dinrail.pci.rom import RomImage
from dinrail.pci.rom_header import Compression

_PE32, _PE32_PLUS = 0x10B, 0x20B
_DIRECTORIES_AT = {_PE32: 0x60, _PE32_PLUS: 0x70}
_CERTIFICATES = 4


class Signature(enum.StrEnum):
    """UNKNOWN: compressed, so that it cannot be seen from outside. BROKEN: what is there is no PE image."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    BROKEN = "broken"


@record(size_bytes=0x40, name="MS-DOS header", source="PE/COFF, MS-DOS stub")
class DosHeader:
    """Only its ends matter: `MZ`, and where the PE header is."""

    magic: bytes = raw(0x00, 2)
    stub: bytes = raw(0x02, 0x3A)
    pe_offset: int = u32(0x3C)


@record(size_bytes=0x1A, name="PE header", source="PE/COFF, COFF file header, and the optional header's magic")
class PeHeader:
    """Signature, COFF header, and the first field of the optional header."""

    signature: bytes = raw(0x00, 4)
    machine: int = u16(0x04)
    sections: int = u16(0x06)
    timestamp: int = u32(0x08)
    symbols_at: int = u32(0x0C)
    symbols: int = u32(0x10)
    optional_size_bytes: int = u16(0x14)
    characteristics: int = u16(0x16)
    magic: int = u16(0x18)


@record(size_bytes=0x08, name="PE data directory", source="PE/COFF, optional header data directories")
class DataDirectory:
    """Where one table is."""

    at: int = u32(0x00)
    size_bytes: int = u32(0x04)


@record(size_bytes=0x04, name="PE optional header", source="PE/COFF, NumberOfRvaAndSizes")
class DirectoryCount:
    """How many data directories there are."""

    count: int = u32(0x00)


def signature_of(data: Buffer, image: RomImage) -> Signature:
    """Looks into an EFI image of the ROM `data`. Never raises."""
    if image.efi is None:
        return Signature.BROKEN
    if image.efi.compression_id == Compression.EFI:
        return Signature.UNKNOWN
    end = image.offset + min(image.efi.initialization_size_bytes, image.size_bytes)
    try:
        return _signature(memoryview(data)[image.offset + image.efi.image_offset : end])
    except FormatError:
        return Signature.BROKEN


def _signature(pe: memoryview) -> Signature:
    dos = decode(DosHeader, pe)
    header = decode(PeHeader, pe, dos.pe_offset)
    table_at = _DIRECTORIES_AT.get(header.magic)
    if dos.magic != b"MZ" or header.signature != b"PE\0\0" or table_at is None:
        return Signature.BROKEN
    optional_at = dos.pe_offset + 0x18
    count = decode(DirectoryCount, pe, optional_at + table_at - 4).count
    if count <= _CERTIFICATES:
        return Signature.ABSENT
    certificates = decode(DataDirectory, pe, optional_at + table_at + _CERTIFICATES * 8)
    inside = 0 < certificates.at <= len(pe) - certificates.size_bytes
    return Signature.PRESENT if certificates.size_bytes and inside else Signature.ABSENT
