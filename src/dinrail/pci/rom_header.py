"""The structures of an option ROM, one table each: what stands at which byte.

Source: PCI Firmware Specification 3.3, chapter 5; UEFI Specification 2.10, 14.4.2 (EFI images in option ROMs).
"""

from __future__ import annotations

import enum

from dinrail.layout import open_enum, pad, raw, record, u8, u16, u24, u32

BLOCK_BYTES = 512
SIGNATURE = b"\x55\xaa"
PCIR_SIGNATURE = b"PCIR"
EFI_SIGNATURE = 0x0EF1
LAST_IMAGE = 0x80
PCIR_BYTES = 0x18
PCIR_TAIL_BYTES = 4


class CodeType(enum.IntEnum):
    """What kind of code an image holds. Vendors have numbers of their own; those stay numbers."""

    X86 = 0x00
    OPEN_FIRMWARE = 0x01
    PA_RISC = 0x02
    EFI = 0x03


class Machine(enum.IntEnum):
    """Processor of an EFI image, as in PE/COFF."""

    IA32 = 0x014C
    ARM = 0x01C2
    IA64 = 0x0200
    EBC = 0x0EBC
    RISCV64 = 0x5064
    X64 = 0x8664
    AARCH64 = 0xAA64


class Subsystem(enum.IntEnum):
    """What an EFI image is, as in PE/COFF."""

    APPLICATION = 0x0A
    BOOT_SERVICE_DRIVER = 0x0B
    RUNTIME_DRIVER = 0x0C


class Compression(enum.IntEnum):
    """How the PE image inside an EFI image is stored."""

    NONE = 0x0
    EFI = 0x1


@record(size_bytes=0x1A, name="ROM header", source="PCI Firmware Specification 3.3, 5.1.1")
class RomHeader:
    """What all images start with."""

    signature: bytes = raw(0x00, 2, default=SIGNATURE)
    unique: bytes = raw(0x02, 0x16)
    pcir_offset: int = u16(0x18)


@record(size_bytes=0x1A, name="legacy ROM header", source="PCI Firmware Specification 3.3, 5.1.1 and 5.2.1")
class LegacyHeader:
    """An x86 image. `size_blocks` counts 512 bytes and is what the checksum runs over."""

    signature: bytes = raw(0x00, 2, default=SIGNATURE)
    size_blocks: int = u8(0x02)
    entry: bytes = raw(0x03, 3)
    checksum_byte: int = u8(0x06, default=0)
    _reserved_07: bytes = pad(0x07, 0x11)
    pcir_offset: int = u16(0x18)


@record(size_bytes=0x1A, name="EFI ROM header", source="UEFI Specification 2.10, table 14.16")
class EfiHeader:
    """An EFI image. `image_offset` leads to the PE image, or to its compressed form."""

    signature: bytes = raw(0x00, 2, default=SIGNATURE)
    initialization_blocks: int = u16(0x02)
    efi_signature: int = u32(0x04, default=EFI_SIGNATURE)
    subsystem_id: int = u16(0x08)
    machine_id: int = u16(0x0A)
    compression_id: int = u16(0x0C)
    _reserved_0e: bytes = pad(0x0E, 8)
    image_offset: int = u16(0x16)
    pcir_offset: int = u16(0x18)

    @property
    def initialization_size_bytes(self) -> int:
        return self.initialization_blocks * BLOCK_BYTES

    @property
    def subsystem(self) -> Subsystem | int:
        return open_enum(Subsystem, self.subsystem_id)

    @property
    def machine(self) -> Machine | int:
        return open_enum(Machine, self.machine_id)

    @property
    def compression(self) -> Compression | int:
        return open_enum(Compression, self.compression_id)


@record(size_bytes=0x18, name="PCIR", source="PCI Firmware Specification 3.3, 5.1.2")
class Pcir:
    """The PCI data structure, the part that all revisions have. `device_list` exists from revision 3."""

    signature: bytes = raw(0x00, 4, default=PCIR_SIGNATURE)
    vendor_id: int = u16(0x04)
    device_id: int = u16(0x06)
    device_list: int = u16(0x08, default=0)
    length: int = u16(0x0A)
    revision: int = u8(0x0C)
    class_code: int = u24(0x0D)
    image_blocks: int = u16(0x10)
    code_revision: int = u16(0x12, default=0)
    code_type_id: int = u8(0x14)
    indicator: int = u8(0x15)
    max_runtime_blocks: int = u16(0x16, default=0)

    @property
    def is_last(self) -> bool:
        return bool(self.indicator & LAST_IMAGE)


@record(size_bytes=0x04, name="PCIR", source="PCI Firmware Specification 3.3, 5.1.2 (revision 3, from offset 0x18)")
class PcirTail:
    """What revision 3 adds. Offsets are counted from 0x18."""

    config_utility_offset: int = u16(0x00, default=0)
    dmtf_clp_offset: int = u16(0x02, default=0)
