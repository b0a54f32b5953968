"""Option ROMs: a chain of images, each with a header (55 AA), a PCI data structure (PCIR) and code.

    offset 0   +--------------------+  image 0: 55 AA .. pointer at 0x18 -> PCIR: ids, ImageLength, code type
               | legacy (x86) image |
    ImageLength+--------------------+  image 1 starts where ImageLength ends, until a PCIR says "last" (indicator bit 7)
               | EFI image          |
               +--------------------+  what follows is padding of the flash chip, or a vendor's private data

Source: PCI Firmware Specification 3.3, chapter 5; UEFI Specification 2.10, 14.4.2 (EFI images in option ROMs).
The step is ImageLength, never the header's size byte: in an EFI image that byte is the low half of a 16-bit field.
Who tolerates which fault is not decided here but in `dinrail.vbios.verdict`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TypeVar

from dinrail.errors import FormatError, Truncated
from dinrail.layout import Buffer, decode, open_enum
from dinrail.pci.rom_header import (
    BLOCK_BYTES,
    PCIR_BYTES,
    PCIR_SIGNATURE,
    PCIR_TAIL_BYTES,
    SIGNATURE,
    CodeType,
    EfiHeader,
    LegacyHeader,
    Pcir,
    PcirTail,
    RomHeader,
)

MAX_DEVICE_LIST = 4096
"""The standard sets no bound. The longest lists seen have a few dozen entries."""
_SEARCH_BYTES = 1 << 20
_SEARCH_HITS = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RomImage:
    """One image of the chain, without its bytes (they are `data[image.offset:image.end]`).

    index:       0 for the first.
    offset:      of the header, from the start of the data; `size_bytes` is ImageLength.
    device_list: further device ids of the same vendor (revision 3); the PCIR's own id is not in it.
    checksum:    sum of the bytes modulo 256; over the header's size for x86 images, over ImageLength for all others.
                 0 is right for x86, and means nothing elsewhere.
    legacy, efi: the header as its code type reads it.
    """

    index: int
    offset: int
    size_bytes: int
    pcir_offset: int
    pcir: Pcir
    tail: PcirTail | None
    device_list: tuple[int, ...]
    code_type: CodeType | int
    checksum: int
    legacy: LegacyHeader | None
    efi: EfiHeader | None

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes

    @property
    def vendor_id(self) -> int:
        return self.pcir.vendor_id

    @property
    def device_ids(self) -> tuple[int, ...]:
        """Every device id that the image claims, the PCIR's own first."""
        return (self.pcir.device_id, *(i for i in self.device_list if i != self.pcir.device_id))

    @property
    def is_last(self) -> bool:
        return self.pcir.is_last

    def claims(self, vendor_id: int, device_id: int) -> bool:
        """The image says that it is for this device."""
        return vendor_id == self.vendor_id and device_id in self.device_ids


@dataclass(frozen=True, slots=True)
class RomSurvey:
    """As much of a chain as could be walked: whole images, then the fault that ended it (None for a whole chain).

    trailing_bytes: what follows the last whole image.
    """

    images: tuple[RomImage, ...]
    fault: FormatError | None
    trailing_bytes: int


def walk(data: Buffer, *, where: str | None = None) -> tuple[RomImage, ...]:
    """All images of a chain. Raises FormatError or Truncated, which name image, structure and field that they lost.

    Bytes after the image marked last are padding and allowed; a chain that ends without one is not.
    """
    images: list[RomImage] = []
    _walk(data, images, where)
    return tuple(images)


def survey(data: Buffer, *, where: str | None = None) -> RomSurvey:
    """The same for data that may be damaged: never raises."""
    images: list[RomImage] = []
    fault: FormatError | None = None
    try:
        _walk(data, images, where)
    except FormatError as broken:
        fault = broken
    return RomSurvey(tuple(images), fault, len(data) - (images[-1].end if images else 0))


def byte_sum(data: Buffer) -> int:
    """The sum of all bytes modulo 256.

    The low half of adler32 is the sum of the bytes modulo 65521, exact for up to 256 of them (256 * 255 < 65521):
    six times faster than `sum()`, and the walk's time is this.
    """
    view = memoryview(data)
    return sum([zlib.adler32(view[at : at + 256], 0) & 0xFFFF for at in range(0, len(view), 256)]) & 0xFF


def find_start(data: Buffer) -> int | None:
    """Offset of the first thing that looks like an image (55 AA whose pointer leads to PCIR), within the first MiB.

    Dumps of a whole flash chip carry a vendor's header in front of the ROM.
    """
    window = bytes(data[:_SEARCH_BYTES])
    at = -1
    for _ in range(_SEARCH_HITS):
        at = window.find(SIGNATURE, at + 1)
        if at < 0 or at + 0x1A > len(window):
            return None
        pcir = at + int(struct.unpack_from("<H", window, at + 0x18)[0])
        if window[pcir : pcir + 4] == PCIR_SIGNATURE:
            return at
    return None


def _walk(data: Buffer, images: list[RomImage], where: str | None) -> None:
    offset = 0
    for index in range(len(data) // BLOCK_BYTES + 1):  # every image is at least one block long
        image = _Place(data, index, offset, where).image()
        images.append(image)
        if image.is_last:
            return
        offset = image.end
        if offset == len(data):
            raise Truncated(
                f"the data ends after image {index}, which is not marked as the last",
                structure=f"ROM header of image {index + 1}",
                field="signature",
                offset=offset,
                where=where,
                hint="the file was cut off, or bit 7 of the PCIR's indicator is missing",
            )


@dataclass(frozen=True, slots=True)
class _Place:
    """One image about to be read: `offset` is where its header should be."""

    data: Buffer
    index: int
    offset: int
    where: str | None

    def image(self) -> RomImage:
        pcir_at = self.offset + self._header().pcir_offset
        pcir, tail = self._pcir(pcir_at)
        size_bytes = self._size(pcir, pcir_at)
        code_type = open_enum(CodeType, pcir.code_type_id)
        legacy = decode(LegacyHeader, self.data, self.offset) if code_type is CodeType.X86 else None
        summed = legacy.size_blocks * BLOCK_BYTES if legacy else size_bytes
        return RomImage(
            index=self.index,
            offset=self.offset,
            size_bytes=size_bytes,
            pcir_offset=pcir_at,
            pcir=pcir,
            tail=tail,
            device_list=self._device_list(pcir, pcir_at),
            code_type=code_type,
            checksum=byte_sum(memoryview(self.data)[self.offset : self.offset + summed]),
            legacy=legacy,
            efi=decode(EfiHeader, self.data, self.offset) if code_type is CodeType.EFI else None,
        )

    def _header(self) -> RomHeader:
        header = self._decode(RomHeader, self.offset)
        if header.signature != SIGNATURE:
            start = find_start(self.data) if self.index == 0 else None
            raise self._fault(
                f"reads {header.signature.hex(' ')}, not 55 aa",
                "ROM header",
                "signature",
                self.offset,
                hint=None if start is None else f"an image starts at {start:#x}: what precedes it is no option ROM",
            )
        return header

    def _pcir(self, at: int) -> tuple[Pcir, PcirTail | None]:
        pcir = self._decode(Pcir, at)
        if pcir.signature != PCIR_SIGNATURE:
            raise self._fault(
                f"reads {pcir.signature.hex(' ')}, not 'PCIR'",
                "PCIR",
                "signature",
                at,
                hint="the pointer at 0x18 of the image's header leads here",
            )
        if pcir.length < PCIR_BYTES:
            raise self._fault(
                f"says {pcir.length:#x} bytes, the shortest PCIR has {PCIR_BYTES:#x}", "PCIR", "length", at + 0x0A
            )
        is_long = pcir.revision >= 3 and pcir.length >= PCIR_BYTES + PCIR_TAIL_BYTES
        return pcir, self._decode(PcirTail, at + PCIR_BYTES) if is_long else None

    def _size(self, pcir: Pcir, pcir_at: int) -> int:
        """ImageLength in bytes, once it is known to hold the PCIR and to be there."""
        size_bytes = pcir.image_blocks * BLOCK_BYTES
        pcir_end = pcir_at + pcir.length - self.offset
        if pcir_end > size_bytes:
            raise self._fault(
                f"says {size_bytes} bytes, yet the PCIR itself ends at {pcir_end}",
                "PCIR",
                "image_blocks",
                pcir_at + 0x10,
            )
        missing = self.offset + size_bytes - len(self.data)
        if missing > 0:
            raise Truncated(
                f"the PCIR says {size_bytes} bytes, the data ends {missing} short",
                structure=f"image {self.index}",
                field="code",
                offset=len(self.data),
                where=self.where,
                hint="the file was cut off, or the ROM is larger than the window it was read through",
            )
        return size_bytes

    def _device_list(self, pcir: Pcir, pcir_at: int) -> tuple[int, ...]:
        if pcir.revision < 3 or not pcir.device_list:
            return ()
        start = pcir_at + pcir.device_list
        end = self.offset + pcir.image_blocks * BLOCK_BYTES
        count = min(max(end - start, 0) // 2, MAX_DEVICE_LIST)
        listed = struct.unpack_from(f"<{count}H", self.data, start) if count else ()
        if 0 not in listed:
            raise self._fault(
                f"has no end inside its image, or more than {MAX_DEVICE_LIST} entries",
                "device list",
                "terminator",
                min(start, end),
            )
        return listed[: listed.index(0)]

    def _decode(self, kind: type[T], at: int) -> T:
        try:
            return decode(kind, self.data, at)
        except Truncated as fault:
            raise Truncated(
                fault.what,
                structure=f"{fault.structure} of image {self.index}",
                field=fault.field,
                offset=fault.offset,
                where=self.where,
            ) from None

    def _fault(self, what: str, structure: str, field: str, offset: int, *, hint: str | None = None) -> FormatError:
        return FormatError(
            what,
            structure=f"{structure} of image {self.index}",
            field=field,
            offset=offset,
            where=self.where,
            hint=hint,
        )
