"""Who may run or read a VBIOS, and what each of them demands: one table a consumer, in the order of its own checks.

| consumer         | source of the rules                                                                  |
|------------------|--------------------------------------------------------------------------------------|
| SeaBIOS          | seabios, src/optionroms.c (map_pcirom, is_valid_rom, init_optionrom)                 |
| edk2 (OVMF)      | edk2, MdeModulePkg/Bus/Pci/PciBusDxe/PciOptionRomSupport.c                           |
| ... Secure Boot  | edk2, SecurityPkg DxeImageVerificationLib, PcdOptionRomImageVerificationPolicy 0x04  |
| Linux            | linux, drivers/pci/rom.c (pci_get_rom_size): reads for its drivers, runs nothing     |
| bhyve            | pci_passthru.c (rom=), and edk2 as above with policy 0; there is no BIOS             |

A rule gives the evidence by which it is broken, or None.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass

from dinrail.finding import Evidence
from dinrail.machine.facts import CLASS_VGA, PciIds
from dinrail.pci.rom import RomImage
from dinrail.pci.rom_header import EFI_SIGNATURE, CodeType, Compression, Machine, Subsystem
from dinrail.vbios.rom import Rom, pair
from dinrail.vbios.signature import Signature, signature_of


class Consumer(enum.StrEnum):
    """Who is asked."""

    SEABIOS = "seabios"
    EDK2 = "edk2"
    EDK2_SECURE_BOOT = "edk2-secure-boot"
    LINUX = "linux"
    BHYVE = "bhyve"

    @property
    def full_name(self) -> str:
        """As tables and sentences name it."""
        return _FULL_NAMES[self]


_FULL_NAMES = {
    Consumer.SEABIOS: "SeaBIOS",
    Consumer.EDK2: "edk2",
    Consumer.EDK2_SECURE_BOOT: "edk2, Secure Boot",
    Consumer.LINUX: "Linux",
    Consumer.BHYVE: "bhyve",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at: one image of a ROM, and the device it would be shown on (None: any)."""

    rom: Rom
    image: RomImage
    device: PciIds | None

    def seen(self, at: int, size_bytes: int, says: str) -> Evidence:
        """Evidence: where, the bytes there, and what they say."""
        quoted = self.rom.data[at : at + size_bytes].hex(" ")
        return Evidence(f"{self.rom.origin} at {at:#x}", f"{quoted} ({says})" if quoted else says)


@dataclass(frozen=True, slots=True)
class ImageRule:
    """One demand on an image. `ends_walk`: a consumer that sees it broken looks at no further image."""

    name: str
    broken: Callable[[Subject], Evidence | None]
    message: str
    fix: str = ""
    ends_walk: bool = False


def _other_ids(s: Subject) -> Evidence | None:
    pcir = s.image.pcir
    if s.device is None or (pcir.vendor_id, pcir.device_id) == (s.device.vendor_id, s.device.device_id):
        return None
    return s.seen(s.image.pcir_offset + 4, 4, f"{pair(pcir.vendor_id, pcir.device_id)}, the device is {s.device.pair}")


def _no_size(s: Subject) -> Evidence | None:
    empty = s.image.legacy is not None and not s.image.legacy.size_blocks
    return s.seen(s.image.offset + 2, 1, "size in blocks is 0") if empty else None


def _wrong_sum(s: Subject) -> Evidence | None:
    if not s.image.checksum:
        return None
    blocks = s.image.legacy.size_blocks if s.image.legacy else 0
    return s.seen(s.image.offset + 2, 1, f"the {blocks} blocks sum up to {s.image.checksum:#04x}, not 0")


def _neither_vga_nor_pnp(s: Subject) -> Evidence | None:
    if s.device is None or not s.device.class_code or s.device.sub_class == CLASS_VGA:
        return None
    (at,) = struct.unpack_from("<H", s.rom.data, s.image.offset + 0x1A)
    if s.rom.data[s.image.offset + at : s.image.offset + at + 4] == b"$PnP":
        return None
    return s.seen(s.image.offset + 0x1A, 2, f"no $PnP header there, the device is of class {s.device.class_code:06x}")


def _unaligned(s: Subject) -> Evidence | None:
    distance = s.image.pcir_offset - s.image.offset
    return s.seen(s.image.offset + 0x18, 2, f"PCIR at {distance:#x}") if distance % 4 or not distance else None


def _no_efi_signature(s: Subject) -> Evidence | None:
    efi = s.image.efi
    return s.seen(s.image.offset + 4, 4, "not f1 0e 00 00") if efi and efi.efi_signature != EFI_SIGNATURE else None


def _other_machine(s: Subject) -> Evidence | None:
    efi = s.image.efi
    return s.seen(s.image.offset + 0x0A, 2, "not 0x8664, x64") if efi and efi.machine_id != Machine.X64 else None


def _no_driver(s: Subject) -> Evidence | None:
    drivers = (Subsystem.BOOT_SERVICE_DRIVER, Subsystem.RUNTIME_DRIVER)
    efi = s.image.efi
    return s.seen(s.image.offset + 8, 2, "neither 0x0b nor 0x0c") if efi and efi.subsystem_id not in drivers else None


def _unknown_compression(s: Subject) -> Evidence | None:
    efi = s.image.efi
    return s.seen(s.image.offset + 0x0C, 2, "neither 0 nor 1") if efi and efi.compression_id > Compression.EFI else None


def _too_much_to_initialise(s: Subject) -> Evidence | None:
    efi = s.image.efi
    if efi is None or efi.initialization_size_bytes <= s.image.size_bytes:
        return None
    says = f"{efi.initialization_size_bytes} bytes to initialise, ImageLength is {s.image.size_bytes}"
    return s.seen(s.image.offset + 2, 2, says)


def _driver_outside(s: Subject) -> Evidence | None:
    efi = s.image.efi
    if efi is None or efi.image_offset < efi.initialization_size_bytes:
        return None
    return s.seen(s.image.offset + 0x16, 2, f"behind the {efi.initialization_size_bytes} bytes that are loaded")


def _no_pe(s: Subject) -> Evidence | None:
    if s.image.efi is None or signature_of(s.rom.data, s.image) is not Signature.BROKEN:
        return None
    return s.seen(s.image.offset + s.image.efi.image_offset, 16, "no PE image")


def _unsigned(s: Subject) -> Evidence | None:
    if s.image.efi is None or signature_of(s.rom.data, s.image) is not Signature.ABSENT:
        return None
    return s.seen(s.image.offset + s.image.efi.image_offset, 2, "PE image without a certificate table")


SEABIOS_RULES = (
    ImageRule(
        "ids",
        _other_ids,
        "runs an image only where vendor and device of its PCIR are the device's; device lists are not read",
        "use this card's own ROM (`dinrail vbios extract`)",
    ),
    ImageRule("size", _no_size, "takes an image without a size for none", ends_walk=True),
    ImageRule(
        "checksum", _wrong_sum, "refuses an image whose bytes do not sum up to 0", "read the ROM anew", ends_walk=True
    ),
    ImageRule(
        "vga",
        _neither_vga_nor_pnp,
        "runs ROMs of VGA controllers, and of other devices only with a $PnP header",
        ends_walk=True,
    ),
)

_ALIGNED = ImageRule(
    "pcir-alignment",
    _unaligned,
    "stops at a PCIR that is not aligned to four bytes",
    "build the ROM anew with the PCIR at 0x1c",
    ends_walk=True,
)

EDK2_RULES = (
    ImageRule("efi-signature", _no_efi_signature, "loads no image without the EFI signature 0x0ef1"),
    ImageRule("machine", _other_machine, "loads drivers for x64 only"),
    ImageRule("subsystem", _no_driver, "loads boot service and runtime drivers, no applications"),
    ImageRule("compression", _unknown_compression, "knows plain and EFI-compressed drivers"),
    ImageRule("initialization-size", _too_much_to_initialise, "loads no image that is larger than its ImageLength"),
    ImageRule("image-offset", _driver_outside, "loads no image whose driver lies outside of it"),
    ImageRule("pe", _no_pe, "cannot start what is no PE image"),
)

SECURE_BOOT_RULES = (
    *EDK2_RULES,
    ImageRule(
        "unsigned",
        _unsigned,
        "starts signed drivers only",
        "start the guest without Secure Boot, or use the vendor's signed ROM",
    ),
)


@dataclass(frozen=True, slots=True)
class Demands:
    """What one consumer looks for, and by which rules. `walk_rule` is asked of every image, of whatever kind."""

    code_type: CodeType
    rules: tuple[ImageRule, ...]
    walk_rule: ImageRule | None = None
    wants: str = ""


DEMANDS = {
    Consumer.SEABIOS: Demands(CodeType.X86, SEABIOS_RULES, wants="an x86 image"),
    Consumer.EDK2: Demands(CodeType.EFI, EDK2_RULES, _ALIGNED, "an EFI image"),
    Consumer.EDK2_SECURE_BOOT: Demands(CodeType.EFI, SECURE_BOOT_RULES, _ALIGNED, "a signed EFI image"),
    Consumer.BHYVE: Demands(CodeType.EFI, EDK2_RULES, _ALIGNED, "an EFI image, since it has no BIOS"),
}
