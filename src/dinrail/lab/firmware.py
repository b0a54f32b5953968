"""What the lab takes out of Debian's OVMF: the driver for its GPU, and the logo that its firmware shows.

Sources: UEFI Platform Initialization 1.8, volume 3, chapter 3 (firmware files and sections; unpacked by the
uefi-firmware library); UEFI 2.10, 34.3.7 (HII image package) for the logo.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uefi_firmware

from dinrail.errors import FormatError, HostError

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
"""Debian's ovmf package."""

GOP_DRIVER = "QemuVideoDxe"
LOGO_DRIVER = "LogoDxe"

_SECTION_PE32, _SECTION_NAME = 0x10, 0x15
_PACKAGE_IMAGES = 0x06
_BLOCK_IMAGE_8BIT = 0x14


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A picture of 24-bit pixels: rows from the top, red, green and blue for each."""

    width: int
    height: int
    rgb: bytes

    def row(self, y: int) -> bytes:
        return self.rgb[y * self.width * 3 : (y + 1) * self.width * 3]


def drivers(firmware: bytes) -> dict[str, bytes]:
    """Every driver of a firmware image that has a name, as PE image. Raises FormatError where there is none at all."""
    found: dict[str, bytes] = {}
    image = uefi_firmware.AutoParser(firmware).parse()
    for volume in image.iterate_objects() if image is not None else ():
        for node in _nodes(volume):
            if node["type"] == "FirmwareFile":
                sections = [n for n in _nodes(node) if n["type"] == "FirmwareFileSystemSection"]
                names = [n["label"] for n in sections if n["attrs"]["type"] == _SECTION_NAME]
                images = [bytes(n["_self"].content) for n in sections if n["attrs"]["type"] == _SECTION_PE32]
                if len(names) == 1 and len(images) == 1:
                    found[names[0]] = images[0]
    if not found:
        raise FormatError("holds no named driver", structure="firmware image")
    return found


def driver(path: Path, name: str) -> bytes:
    """One driver of a firmware file. Raises HostError where file or driver are missing."""
    try:
        return drivers(path.read_bytes())[name]
    except OSError as error:
        raise HostError("cannot be read", where=str(path), hint="install Debian's package ovmf") from error
    except KeyError:
        raise HostError(f"has no driver {name}", where=str(path), hint="use Debian 12's package ovmf") from None


def logo(logo_driver: bytes) -> Bitmap:
    """The bitmap that the driver carries as its HII image package. Raises FormatError where it is of another form.

    The package is found by its form, not through the PE's resources: a 24-bit length and type 0x06, then the offsets
    of image and palette blocks, the first image at 12 being one with 8 bits a pixel.
    """
    for start in range(len(logo_driver) - 20):
        length, kind = int.from_bytes(logo_driver[start : start + 3], "little"), logo_driver[start + 3]
        images_at, palettes_at = struct.unpack_from("<II", logo_driver, start + 4)
        if (kind, images_at, logo_driver[start + 12]) != (_PACKAGE_IMAGES, 12, _BLOCK_IMAGE_8BIT):
            continue
        width, height = struct.unpack_from("<HH", logo_driver, start + 14)
        indices = logo_driver[start + 18 : start + 18 + width * height]
        # Palette section: a count, then for each palette its size in bytes, then blue, green, red for each colour.
        palette = logo_driver[start + palettes_at + 4 : start + length]
        if len(indices) == width * height and len(palette) >= 3 * (max(indices, default=0) + 1):
            rgb = b"".join(palette[3 * i : 3 * i + 3][::-1] for i in indices)
            return Bitmap(width, height, rgb)
    raise FormatError("not found", structure="HII image package", field="8-bit image")


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node["objects"]:
        yield from _nodes(below)
