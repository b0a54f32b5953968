"""Option ROMs from named fields: the way back of `dinrail.pci.rom`, for the lab's VBIOS and for fixtures.

Source: as there. EFI images are laid out as the field's tools do it: PCIR at 0x1C (aligned to four bytes, or UEFI
firmware ignores the ROM), device list right behind it, padding before an uncompressed PE image so that its end is the
image's end, behind a compressed one. A value that does not fit is a ValueError: these are our own values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dinrail.layout import encode
from dinrail.pci.rom import byte_sum
from dinrail.pci.rom_header import (
    BLOCK_BYTES,
    LAST_IMAGE,
    CodeType,
    Compression,
    EfiHeader,
    LegacyHeader,
    Machine,
    Pcir,
    PcirTail,
    Subsystem,
)

HEADER_END = 0x1C
CLASS_VGA = 0x030000
MAX_LEGACY_BLOCKS = 0xFF
MAX_BLOCKS = 0xFFFF
_FAR_RETURN = b"\xcb"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyImage:
    """An x86 image. `code` is entered at its first byte (far call); the checksum byte is 6.

    pcir_at: where the PCIR stands; vendors whose own tables begin at 0x1C need it elsewhere.
    pieces:  bytes at fixed offsets, as a vendor's format wants them.
    """

    vendor_id: int
    device_id: int
    class_code: int = CLASS_VGA
    code: bytes = _FAR_RETURN
    code_revision: int = 0
    pcir_revision: int = 0
    device_list: tuple[int, ...] = ()
    pcir_at: int = HEADER_END
    pieces: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EfiImage:
    """A UEFI driver. `payload` is a PE image, or its compressed form where `compression` says so."""

    vendor_id: int
    device_id: int
    payload: bytes
    class_code: int = CLASS_VGA
    code_revision: int = 0
    pcir_revision: int = 3
    device_list: tuple[int, ...] = ()
    machine: int = Machine.X64
    subsystem: int = Subsystem.BOOT_SERVICE_DRIVER
    compression: int = Compression.NONE


def build(*images: LegacyImage | EfiImage) -> bytes:
    """The chain of these images, the last one marked so. Raises ValueError for what a ROM cannot hold."""
    chain = []
    for index, image in enumerate(images):
        indicator = LAST_IMAGE if index == len(images) - 1 else 0
        chain.append(_legacy(image, indicator) if isinstance(image, LegacyImage) else _efi(image, indicator))
    return b"".join(chain)


def _pcir(image: LegacyImage | EfiImage, code_type: CodeType, blocks: int, indicator: int) -> bytes:
    """PCIR and, behind it, the device list."""
    is_long = image.pcir_revision >= 3
    if image.device_list and not is_long:
        raise ValueError("a device list needs PCIR revision 3")
    if 0 in image.device_list:
        raise ValueError("device id 0 ends a device list and cannot be in it")
    length = 0x1C if is_long else 0x18
    head = Pcir(
        vendor_id=image.vendor_id,
        device_id=image.device_id,
        device_list=length if image.device_list else 0,
        length=length,
        revision=image.pcir_revision,
        class_code=image.class_code,
        image_blocks=blocks,
        code_revision=image.code_revision,
        code_type_id=code_type,
        indicator=indicator,
    )
    listed = b"".join(i.to_bytes(2, "little") for i in (*image.device_list, 0)) if image.device_list else b""
    return encode(head) + (encode(PcirTail()) if is_long else b"") + listed


def _efi(image: EfiImage, indicator: int) -> bytes:
    header_bytes = HEADER_END + len(_pcir(image, CodeType.EFI, 0, indicator))
    blocks = -(-(header_bytes + len(image.payload)) // BLOCK_BYTES)
    if blocks > MAX_BLOCKS:
        raise ValueError(f"{len(image.payload)} bytes do not fit the 16-bit block count of an EFI image")
    padding = bytes(blocks * BLOCK_BYTES - header_bytes - len(image.payload))
    before = padding if image.compression == Compression.NONE else b""
    header = EfiHeader(
        initialization_blocks=blocks,
        subsystem_id=image.subsystem,
        machine_id=image.machine,
        compression_id=image.compression,
        image_offset=header_bytes + len(before),
        pcir_offset=HEADER_END,
    )
    pcir = _pcir(image, CodeType.EFI, blocks, indicator)
    after = b"" if before else padding
    return encode(header) + bytes(2) + pcir + before + image.payload + after


def _legacy(image: LegacyImage, indicator: int) -> bytes:
    pcir_bytes = len(_pcir(image, CodeType.X86, 0, indicator))
    fixed = {image.pcir_at: bytes(pcir_bytes), **image.pieces}
    code_at = max(HEADER_END, *(at + len(piece) for at, piece in fixed.items()))
    blocks = -(-(code_at + len(image.code)) // BLOCK_BYTES)
    if blocks > MAX_LEGACY_BLOCKS:
        raise ValueError(f"{blocks} blocks do not fit the 8-bit size of a legacy image ({MAX_LEGACY_BLOCKS})")
    header = LegacyHeader(
        size_blocks=blocks,
        entry=b"\xe9" + (code_at - 6).to_bytes(2, "little"),  # jmp near, relative to the byte behind it
        pcir_offset=image.pcir_at,
    )
    body = bytearray(blocks * BLOCK_BYTES)
    taken = 0
    pcir = _pcir(image, CodeType.X86, blocks, indicator)
    for at, piece in sorted({0: encode(header), **fixed, image.pcir_at: pcir, code_at: image.code}.items()):
        if at < taken:
            raise ValueError(f"the piece at {at:#x} overlaps what ends at {taken:#x}")
        body[at : at + len(piece)] = piece
        taken = at + len(piece)
    body[0x06] = -byte_sum(body) & 0xFF
    return bytes(body)
