"""A guest as its owner wants it: plain values, before any host was asked.

`guest.section` makes these from TOML, `guest.plan` lays them against the facts of a host.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.errors import BadRequest
from dinrail.pci.address import PciAddress


class GuestOs(enum.StrEnum):
    """What runs inside, as far as it decides which emulated devices have a driver there."""

    WINDOWS = "windows"
    LINUX = "linux"
    OTHER = "other"


class FirmwareKind(enum.StrEnum):
    """UEFI and BIOS are chosen from what is installed; FILE is the user's own."""

    UEFI = "uefi"
    BIOS = "bios"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Firmware:
    """`path` only for FILE: a firmware image of the user's own, given as flash, without a variable store."""

    kind: FirmwareKind
    path: str = ""


class RomSource(enum.StrEnum):
    """Where a passed device's option ROM comes from.

    AUTO: a ROM kept for this very card, else extracted from it. FILE: the user's. NONE: the guest sees none.
    """

    AUTO = "auto"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RomChoice:
    """`path` only for FILE."""

    source: RomSource
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> RomChoice:
        """From `auto`, `none`, or anything else: a path."""
        if text in (RomSource.AUTO, RomSource.NONE):
            return cls(RomSource(text))
        return cls(RomSource.FILE, text)


NO_ROM = RomChoice(RomSource.NONE)


@dataclass(frozen=True, slots=True)
class PassedDevice:
    """One physical PCI function that the guest is to own."""

    address: PciAddress
    rom: RomChoice = NO_ROM

    @classmethod
    def parse(cls, text: str, *, default_rom: RomChoice = NO_ROM) -> PassedDevice:
        """From an address in any spelling, or as bhyve writes it: `passthru,0/2/0,rom=/path/vbios.rom`.

        default_rom: used where the text says nothing about a ROM. Raises BadRequest.
        """
        words = text.strip().split(",")
        if words[0] != "passthru":
            return cls(PciAddress.parse(text), default_rom)
        if len(words) == 1:
            raise BadRequest(f"{text!r} names no device", hint="write it like `passthru,0/2/0,rom=/path/vbios.rom`")
        return cls(PciAddress.parse(words[1]), _bhyve_rom(text, words[2:]) or default_rom)


def _bhyve_rom(text: str, options: list[str]) -> RomChoice | None:
    rom: RomChoice | None = None
    for option in options:
        name, equals, value = option.partition("=")
        if name != "rom" or not equals or not value or rom is not None:
            # bhyve takes a bare `/path/vbios.rom` for a boolean of that name and starts without any ROM
            hint = f"write `rom={option}`" if "/" in option and not equals else "the one option here is `rom=FILE`"
            raise BadRequest(f"{text!r}: the option {option!r} means nothing here", hint=hint)
        rom = RomChoice.parse(value)
    return rom


class DiskFormat(enum.StrEnum):
    """Never probed from a disk's bytes: those are the guest's, and could claim to be another file's overlay."""

    QCOW2 = "qcow2"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk image or block device, in the order in which the firmware tries them."""

    path: str
    format: DiskFormat
    read_only: bool = False


class NetworkKind(enum.StrEnum):
    """HOST_ONLY: an emulated card on a network that ends at this host. PASSTHROUGH: a physical card."""

    HOST_ONLY = "host-only"
    PASSTHROUGH = "passthrough"


@dataclass(frozen=True, slots=True)
class Network:
    """`device` only for PASSTHROUGH."""

    kind: NetworkKind
    device: PassedDevice | None = None


class Display(enum.StrEnum):
    """NONE: the only picture is the passed GPU's, if there is one. EMULATED: a display that the host can read."""

    NONE = "none"
    EMULATED = "emulated"


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """A Linux kernel handed over by the hypervisor, past any boot loader."""

    kernel: str
    initrd: str = ""
    cmdline: str = ""


@dataclass(frozen=True, slots=True)
class AdsRules:
    """All that this guest may do to the control; symbol patterns. Kept as data: `config` makes ADS policy of it."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class Restart(enum.StrEnum):
    """What a crash leads to."""

    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class OnCrash:
    """`rollback_after`: crashes in a row before the last snapshot comes back; None for never."""

    restart: Restart = Restart.NEVER
    rollback_after: int | None = None


@dataclass(frozen=True, slots=True)
class GuestDefinition:
    """One guest. `usb` are whole host controllers (PCI functions), ports and all."""

    name: str
    os: GuestOs
    cpus: int
    memory_bytes: int
    firmware: Firmware = Firmware(FirmwareKind.UEFI)
    disks: tuple[Disk, ...] = ()
    gpu: PassedDevice | None = None
    usb: tuple[PassedDevice, ...] = ()
    networks: tuple[Network, ...] = ()
    display: Display = Display.NONE
    boot: DirectBoot | None = None
    autostart: bool = False
    ads: AdsRules = AdsRules()
    on_crash: OnCrash = OnCrash()

    @property
    def passed(self) -> tuple[PassedDevice, ...]:
        """Every physical function that is named: GPU, USB controllers, network cards, in this order."""
        cards = tuple(n.device for n in self.networks if n.device is not None)
        return ((self.gpu,) if self.gpu else ()) + self.usb + cards
