"""What a vendor's VBIOS says about itself: part number, version, date, and the board that it was made for.

The one file of this room that knows vendors, and no more of them than these few fields.

AMD: ATOMBIOS, as Linux reads it (drivers/gpu/drm/amd/amdgpu/atom.c, atombios.h). Offsets from the x86 image's start:
0x2F number of strings, 0x48 -> ROM header ("ATOM" at +4, subsystem vendor at +0x18, subsystem id at +0x1A),
0x50 date, 0x6E -> strings (part number first), 0x80 part number of images without strings.
NVIDIA: the text `Version vv.vv.vv.vv.vv` that its x86 image shows at power-on.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from dinrail.pci.rom_header import CodeType
from dinrail.vbios.rom import Rom

NVIDIA_VENDOR_ID = 0x10DE
_ATOM_MAGIC = (b"ATOM", b"MOTA")
_AMD_BUILD = b"ATOMBIOSBK-AMD"
_NVIDIA_VERSION = re.compile(rb"Version ([0-9A-F]{2}(?:\.[0-9A-F]{2}){4})")
_MAX_TEXT = 64


@dataclass(frozen=True, slots=True)
class VbiosText:
    """Empty and None where the image does not say. `subsystem` is (vendor, device) of the board."""

    vendor: str
    part_number: str = ""
    version: str = ""
    date: str = ""
    subsystem: tuple[int, int] | None = None

    @property
    def identity(self) -> str:
        """What tells one release from another: part number and version, where there are any."""
        return " ".join(word for word in (self.part_number, self.version) if word)


def read_text(rom: Rom) -> VbiosText | None:
    """What the ROM's x86 image says about itself; None where no known vendor's form is recognised. Never raises."""
    image = rom.first(CodeType.X86)
    if image is None:
        return None
    data = rom.bytes_of(image)
    if (header := _atom_header(data)) is not None:
        return _atom(data, header)
    if image.vendor_id == NVIDIA_VENDOR_ID and (found := _NVIDIA_VERSION.search(data)):
        return VbiosText("nvidia", version=found[1].decode("ascii"))
    return None


def _atom_header(data: bytes) -> int | None:
    at = _u16(data, 0x48)
    return at if at and data[at + 4 : at + 8] in _ATOM_MAGIC and at + 0x1C <= len(data) else None


def _atom(data: bytes, header: int) -> VbiosText:
    strings_at = _u16(data, 0x6E)
    has_strings = data[0x2F:0x30] not in (b"", b"\0") and 0 < strings_at < len(data)
    build = data.find(_AMD_BUILD, strings_at if has_strings else 0, header)
    subsystem = (_u16(data, header + 0x18), _u16(data, header + 0x1A))
    return VbiosText(
        "amd",
        part_number=_text(data, strings_at if has_strings else 0x80),
        version=_text(data, build + 18, 20) if build >= 0 else "",
        date=_text(data, 0x50, 14),
        subsystem=subsystem if any(subsystem) else None,
    )


def _u16(data: bytes, at: int) -> int:
    """0 behind the end: in these tables it always means "none"."""
    return int(struct.unpack_from("<H", data, at)[0]) if at + 2 <= len(data) else 0


def _text(data: bytes, at: int, max_bytes: int = _MAX_TEXT) -> str:
    """Printable ASCII from `at` up to the first byte that is none."""
    part = data[at : at + max_bytes]
    end = next((i for i, byte in enumerate(part) if not 0x20 <= byte < 0x7F), len(part))
    return part[:end].decode("ascii").strip()
