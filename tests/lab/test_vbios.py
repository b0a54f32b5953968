"""The lab's VBIOS is what a real card's would be: two images, right ids, right checksum, exactly one last flag."""

from __future__ import annotations

import struct

import pytest

from dinrail.lab.firmware import GOP_DRIVER, LOGO_DRIVER, OVMF_CODE, driver, logo
from dinrail.lab.vbios import LEGACY_ROMS, Ids, efi_image, legacy_image, vbios

needs_ovmf = pytest.mark.skipif(not OVMF_CODE.exists(), reason="Debian's ovmf is not installed")
needs_seabios = pytest.mark.skipif(not LEGACY_ROMS["VGA"].exists(), reason="Debian's seabios is not installed")

TINY_PCIR = struct.pack("<4sHHHHB3sHHBBH", b"PCIR", 1, 2, 0, 0x18, 0, b"\0\0\3", 1, 0, 0, 0x80, 0)
TINY_ROM = struct.pack("<HB21xH2x", 0xAA55, 1, 0x1C) + TINY_PCIR


def test_a_legacy_image_sums_to_zero_and_fills_its_size() -> None:
    """Byte 6 takes up whatever ids and flag change."""
    image = legacy_image(TINY_ROM, Ids(0xABCD, 0x1234), last=False)
    assert len(image) == 512
    assert sum(image) % 256 == 0
    assert image[0x20:0x24] == bytes.fromhex("cdab3412")
    assert image[0x1C + 0x15] == 0


def test_an_efi_image_points_at_its_pe() -> None:
    """The PE stands where the header says, its end is the image's, and the PCIR is dword aligned (edk2 demands it)."""
    pe = b"MZ" + bytes(range(250)) * 4
    image = efi_image(pe, Ids(0xABCD, 0x1234), last=True)
    signature, blocks, efi, subsystem, machine, compression = struct.unpack_from("<HHIHHH", image)
    pe_at, pcir = struct.unpack_from("<HH", image, 0x16)
    assert (signature, blocks * 512, efi) == (0xAA55, len(image), 0xEF1)
    assert (subsystem, machine, compression) == (0x0B, 0x8664, 0)
    assert image[pe_at : pe_at + len(pe)] == pe
    assert len(image) - pe_at - len(pe) < 16
    assert pcir % 4 == 0
    assert image[pcir : pcir + 8] == b"PCIR\xcd\xab\x34\x12"
    assert image[pcir + 0x14 : pcir + 0x16] == b"\x03\x80"


@needs_ovmf
@needs_seabios
@pytest.mark.parametrize("model", list(LEGACY_ROMS))
def test_the_whole_rom_is_a_legacy_and_an_efi_image(model: str) -> None:
    """Walking by the length in each PCIR meets code types 0 and 3 and ends at the end."""
    rom, at, kinds = vbios(model), 0, []
    while at < len(rom):
        pcir = at + struct.unpack_from("<H", rom, at + 0x18)[0]
        assert rom[pcir : pcir + 8] == b"PCIR\x34\x12\x11\x11"
        blocks = struct.unpack_from("<H", rom, pcir + 0x10)[0]
        kinds.append((rom[pcir + 0x14], rom[pcir + 0x15]))
        at += blocks * 512
    assert kinds == [(0, 0), (3, 0x80)]
    assert at == len(rom)


@needs_ovmf
def test_the_driver_and_the_logo_come_out_of_ovmf() -> None:
    """The GOP driver is a PE image; the logo is a coloured bitmap of a size that fits a screen."""
    assert driver(OVMF_CODE, GOP_DRIVER)[:2] == b"MZ"
    bitmap = logo(driver(OVMF_CODE, LOGO_DRIVER))
    assert (bitmap.width, bitmap.height) == (193, 58)
    assert len(bitmap.rgb) == 193 * 58 * 3
    assert len(set(bitmap.rgb)) > 16
