"""A VBIOS: the bytes, the images found in them, and whose they say they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dinrail.errors import FormatError
from dinrail.layout import label
from dinrail.pci.bar import ROM_MAX_BYTES
from dinrail.pci.rom import RomImage, survey
from dinrail.pci.rom_header import CodeType
from dinrail.units import format_size


@dataclass(frozen=True, slots=True)
class Rom:
    """One ROM.

    images:     whole images only, in their order.
    origin:     where the bytes came from, as messages name it: a path, or a device.
    device_ids: every (vendor, device) pair that any image claims, in their order.
    sha256:     of all bytes, in hex.
    """

    data: bytes
    images: tuple[RomImage, ...]
    origin: str
    device_ids: tuple[tuple[int, int], ...]
    sha256: str

    @property
    def trailing_bytes(self) -> int:
        """What follows the last image: padding, or a vendor's private data."""
        return len(self.data) - (self.images[-1].end if self.images else 0)

    def bytes_of(self, image: RomImage) -> bytes:
        return self.data[image.offset : image.end]

    def first(self, code_type: CodeType) -> RomImage | None:
        """The first image of a kind."""
        return next((image for image in self.images if image.code_type is code_type), None)


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """One image in words, as `show` prints it and a provenance keeps it. Id pairs are `vvvv:dddd`."""

    index: int
    offset: int
    size_bytes: int
    kind: str
    ids: tuple[str, ...]
    pcir_revision: int
    code_revision: int
    class_code: str
    checksum: int
    detail: str


def read_rom(data: bytes, *, origin: str) -> Rom:
    """A whole ROM. Raises FormatError (or Truncated) that names image, structure and field."""
    rom, fault = survey_rom(data, origin=origin)
    if fault is not None:
        raise fault
    return rom


def survey_rom(data: bytes, *, origin: str) -> tuple[Rom, FormatError | None]:
    """As much of a ROM as is whole, and the fault that ended it (None for a whole one). Never raises."""
    if len(data) > ROM_MAX_BYTES:
        fault = FormatError(
            f"holds {format_size(len(data))}, the largest ROM window is {format_size(ROM_MAX_BYTES)}",
            structure="option ROM",
            field="size",
            where=origin,
            hint="this is no option ROM; a dump of a whole flash chip has to be cut first",
        )
        return Rom(data, (), origin, (), hashlib.sha256(data).hexdigest()), fault
    found = survey(data, where=origin)
    pairs = dict.fromkeys((image.vendor_id, device) for image in found.images for device in image.device_ids)
    return Rom(data, found.images, origin, tuple(pairs), hashlib.sha256(data).hexdigest()), found.fault


def pair(vendor_id: int, device_id: int) -> str:
    """`vvvv:dddd`."""
    return f"{vendor_id:04x}:{device_id:04x}"


def summarise(image: RomImage) -> ImageSummary:
    """One image in words."""
    return ImageSummary(
        index=image.index,
        offset=image.offset,
        size_bytes=image.size_bytes,
        kind=kind_name(image),
        ids=tuple(pair(image.vendor_id, device) for device in image.device_ids),
        pcir_revision=image.pcir.revision,
        code_revision=image.pcir.code_revision,
        class_code=f"{image.pcir.class_code:06x}",
        checksum=image.checksum,
        detail=_detail(image),
    )


def kind_name(image: RomImage) -> str:
    """`x86`, `efi`, or the number of a kind that the standard does not know."""
    known = isinstance(image.code_type, CodeType)
    return label(image.code_type).partition(" ")[0] if known else label(image.code_type)


def _detail(image: RomImage) -> str:
    if image.efi is not None:
        words = (image.efi.machine, image.efi.subsystem)
        packed = {0: "", 1: ", compressed"}.get(image.efi.compression_id, f", compression {image.efi.compression_id}")
        return ", ".join(label(word) for word in words) + packed
    if image.legacy is not None:
        state = "checksum right" if image.checksum == 0 else f"checksum wrong (sum {image.checksum:#04x})"
        return f"{image.legacy.size_blocks} blocks, {state}"
    return ""
