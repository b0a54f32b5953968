"""The VBIOS on the lab's GPU, put together from real parts: a legacy image and an EFI image, as real cards have.

Image 1 is SeaBIOS's VGA BIOS for the card, image 2 the GOP driver out of Debian's OVMF, wrapped here. Ids, sizes, last
flags and checksums are what a real card's ROM would hold, so that `dinrail vbios` meets nothing special.
Sources: PCI Firmware Specification 3.3, 5.1.2 (PCIR) and 5.2 (checksum of a legacy image); UEFI 2.10, 14.4.2 (EFI
header). edk2 ignores a PCIR that is not dword aligned; like EfiRom we pad before the PE, so that both end together.
This builder does not use dinrail.pci, so that each checks the other in the tests.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import HostError
from dinrail.lab.firmware import GOP_DRIVER, OVMF_CODE, driver

LEGACY_ROMS = {
    "bochs-display": Path("/usr/share/seabios/vgabios-bochs-display.bin"),
    "VGA": Path("/usr/share/seabios/vgabios-stdvga.bin"),
}
"""Debian's package seabios: the VGA BIOS of each display model that a topology uses as its GPU."""

_BLOCK = 512
_PCIR_POINTER = 0x18
_PCIR_DEVICE, _PCIR_BLOCKS, _PCIR_INDICATOR = 0x06, 0x10, 0x15
_LAST = 0x80
_FIXUP = 6  # the byte that by custom makes a legacy image's sum zero

_EFI_PCIR, _EFI_HEADER = 0x1C, 0x38
_EFI_SIGNATURE, _BOOT_DRIVER, _X64, _UNCOMPRESSED = 0x0EF1, 0x0B, 0x8664, 0
_PE_ALIGN = 16


@dataclass(frozen=True, slots=True)
class Ids:
    """Whose ROM it says it is."""

    vendor: int = 0x1234
    device: int = 0x1111


def vbios(model: str = "bochs-display", ids: Ids | None = None) -> bytes:
    """The ROM for one display model; with other `ids`, somebody else's. Raises HostError where a part is missing."""
    path = LEGACY_ROMS[model]
    try:
        legacy = path.read_bytes()
    except OSError as error:
        raise HostError("cannot be read", where=str(path), hint="install Debian's package seabios") from error
    ids = ids or Ids()
    return legacy_image(legacy, ids, last=False) + efi_image(driver(OVMF_CODE, GOP_DRIVER), ids, last=True)


def legacy_image(rom: bytes, ids: Ids, *, last: bool) -> bytes:
    """A legacy image with these ids and this last flag, its checksum right, filled up to the size it states."""
    image = bytearray(rom)
    pcir = struct.unpack_from("<H", image, _PCIR_POINTER)[0]
    blocks = struct.unpack_from("<H", image, pcir + _PCIR_BLOCKS)[0]
    image += bytes(blocks * _BLOCK - len(image))
    struct.pack_into("<HH", image, pcir + _PCIR_DEVICE - 2, ids.vendor, ids.device)
    image[pcir + _PCIR_INDICATOR] = _LAST if last else 0
    image[_FIXUP] = 0
    image[_FIXUP] = -sum(image) % 256
    return bytes(image)


def efi_image(pe: bytes, ids: Ids, *, last: bool, code_revision: int = 1) -> bytes:
    """A PE image wrapped as an EFI option ROM image (code type 3, PCIR of revision 3)."""
    size_bytes = -(-(_EFI_HEADER + len(pe)) // _BLOCK) * _BLOCK
    pe_at = (size_bytes - len(pe)) // _PE_ALIGN * _PE_ALIGN
    blocks = size_bytes // _BLOCK
    header = struct.pack(
        "<HHIHHH8xHH",
        *(0xAA55, blocks, _EFI_SIGNATURE, _BOOT_DRIVER, _X64, _UNCOMPRESSED),
        *(pe_at, _EFI_PCIR),
    )
    pcir = struct.pack(
        "<4sHHHHB3sHHBBHHH",
        *(b"PCIR", ids.vendor, ids.device, 0, _EFI_HEADER - _EFI_PCIR, 3),
        bytes((0x00, 0x00, 0x03)),  # class: display controller, VGA, as the legacy image says
        *(blocks, code_revision, 3, _LAST if last else 0, blocks, 0, 0),
    )
    image = bytearray(size_bytes)
    image[: len(header)] = header
    image[_EFI_PCIR : _EFI_PCIR + len(pcir)] = pcir
    image[pe_at : pe_at + len(pe)] = pe
    return bytes(image)
