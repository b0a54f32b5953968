"""`[guest.NAME]`: the TOML of one guest, checked, as a `GuestDefinition`. Unknown keys are faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from dinrail.errors import BadRequest
from dinrail.guest import definition as d
from dinrail.section import PathText, Section, Text, fault, printable, text_with
from dinrail.units import MIB, parse_size

_SIZE_SCHEMA = {"type": "string", "examples": ["4 GiB", "512 MiB"]}
_DEVICE_SCHEMA = {
    "type": "string",
    "description": "PCI address (`01:00.0`, `1/0/0`), or bhyve's `passthru,0/2/0,rom=/path/vbios.rom`",
    "examples": ["00:02.0", "passthru,0/2/0,rom=/path/vbios.rom"],
}
MAX_CPUS = 255
MIN_MEMORY_BYTES = 8 * MIB


def _memory(size_bytes: int) -> int:
    if size_bytes < MIN_MEMORY_BYTES or size_bytes % MIB:
        raise fault(f"{size_bytes} bytes are no memory for a guest", "at least `8 MiB`, in whole MiB")
    return size_bytes


def _gpu(text: str) -> d.PassedDevice:
    return d.PassedDevice.parse(text, default_rom=d.RomChoice(d.RomSource.AUTO))


def _rom(text: str) -> d.RomChoice:
    if not text:
        raise BadRequest("no ROM is named", hint="`auto`, `none`, or the path of a ROM file")
    return d.RomChoice.parse(printable(text))


def _firmware(text: str) -> d.Firmware:
    if text in (d.FirmwareKind.UEFI, d.FirmwareKind.BIOS):
        return d.Firmware(d.FirmwareKind(text))
    if "/" not in text:
        raise BadRequest(f"{text!r} is no firmware", hint="`uefi`, `bios`, or the path of a firmware image")
    return d.Firmware(d.FirmwareKind.FILE, printable(text))


Memory = Annotated[int, text_with(parse_size, "a size"), AfterValidator(_memory), WithJsonSchema(_SIZE_SCHEMA)]
Device = Annotated[d.PassedDevice, text_with(d.PassedDevice.parse, "a device"), WithJsonSchema(_DEVICE_SCHEMA)]
GpuDevice = Annotated[d.PassedDevice, text_with(_gpu, "a device"), WithJsonSchema(_DEVICE_SCHEMA)]
Rom = Annotated[d.RomChoice, text_with(_rom, "a ROM"), WithJsonSchema({"type": "string", "default": "auto"})]
FirmwareText = Annotated[
    d.Firmware,
    text_with(_firmware, "a firmware"),
    WithJsonSchema({"anyOf": [{"enum": ["uefi", "bios"]}, {"type": "string", "description": "path of an image"}]}),
]
GuestName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
"""It becomes a directory and a process name."""


def _or_text(schema: dict[str, Any]) -> None:
    """The JSON Schema of a table that may be abbreviated to a device's spelling."""
    table = {key: schema.pop(key) for key in list(schema) if key != "title"}
    schema["anyOf"] = [_DEVICE_SCHEMA, table]


class DiskSection(Section):
    """One disk; its format by its name, unless it is said."""

    path: PathText
    format: Annotated[d.DiskFormat, Field(strict=False)] | None = None
    read_only: bool = False

    def value(self, base: Path) -> d.Disk:
        guessed = d.DiskFormat.QCOW2 if self.path.endswith(".qcow2") else d.DiskFormat.RAW
        return d.Disk(_absolute(base, self.path), self.format or guessed, self.read_only)


class GpuSection(Section):
    """`gpu = { device = "01:00.0", rom = "auto" }`, or just the device in any spelling."""

    model_config = ConfigDict(json_schema_extra=_or_text)

    device: GpuDevice
    rom: Rom | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"device": value} if isinstance(value, str) else value

    def value(self, base: Path) -> d.PassedDevice:
        return _rooted(base, d.PassedDevice(self.device.address, self.rom or self.device.rom))


class NetworkSection(Section):
    """One network card, emulated or physical."""

    kind: Annotated[d.NetworkKind, Field(strict=False)]
    device: Annotated[Device | None, Field(validate_default=True)] = None

    @field_validator("device")
    @classmethod
    def _device_belongs_to_passthrough(
        cls, device: d.PassedDevice | None, info: ValidationInfo
    ) -> d.PassedDevice | None:
        kind = info.data.get("kind")
        if kind is d.NetworkKind.PASSTHROUGH and device is None:
            raise fault("a passed network card needs its address", 'add `device = "03:00.0"`')
        if kind is d.NetworkKind.HOST_ONLY and device is not None:
            raise fault("a host-only network has no device", 'remove it, or say `kind = "passthrough"`')
        return device

    def value(self, base: Path) -> d.Network:
        return d.Network(self.kind, _rooted(base, self.device) if self.device else None)


class BootSection(Section):
    """A kernel handed over past any boot loader."""

    kernel: PathText
    initrd: PathText | None = None
    cmdline: Text = ""

    def value(self, base: Path) -> d.DirectBoot:
        initrd = _absolute(base, self.initrd) if self.initrd else ""
        return d.DirectBoot(_absolute(base, self.kernel), initrd, self.cmdline)


class GuestAdsSection(Section):
    """What the guest may do to the control."""

    read: list[Text] = Field(default_factory=list)
    write: list[Text] = Field(default_factory=list)


class OnCrashSection(Section):
    """What a crash leads to."""

    restart: Annotated[d.Restart, Field(strict=False)] = d.Restart.NEVER
    rollback_after: Annotated[int, Field(ge=1, le=100)] | None = None


class GuestSection(Section):
    """One guest, as its owner writes it."""

    os: Annotated[d.GuestOs, Field(strict=False)]
    cpus: Annotated[int, Field(ge=1, le=MAX_CPUS)]
    memory: Memory
    firmware: FirmwareText = d.Firmware(d.FirmwareKind.UEFI)
    disks: list[DiskSection] = Field(default_factory=list)
    gpu: GpuSection | None = None
    usb: list[Device] = Field(default_factory=list)
    networks: list[NetworkSection] = Field(default_factory=list)
    display: Annotated[d.Display, Field(strict=False)] | None = None
    boot: BootSection | None = None
    autostart: bool = False
    ads: GuestAdsSection = GuestAdsSection()
    on_crash: OnCrashSection = OnCrashSection()

    def definition(self, name: str, base: Path) -> d.GuestDefinition:
        """The same as plain values. `base`: the document's directory, to which relative paths belong."""
        firmware = self.firmware
        if firmware.kind is d.FirmwareKind.FILE:
            firmware = d.Firmware(firmware.kind, _absolute(base, firmware.path))
        return d.GuestDefinition(
            name=name,
            os=self.os,
            cpus=self.cpus,
            memory_bytes=self.memory,
            firmware=firmware,
            disks=tuple(disk.value(base) for disk in self.disks),
            gpu=self.gpu.value(base) if self.gpu else None,
            usb=tuple(_rooted(base, device) for device in self.usb),
            networks=tuple(network.value(base) for network in self.networks),
            display=self.display or (d.Display.NONE if self.gpu else d.Display.EMULATED),
            boot=self.boot.value(base) if self.boot else None,
            autostart=self.autostart,
            ads=d.AdsRules(tuple(self.ads.read), tuple(self.ads.write)),
            on_crash=d.OnCrash(self.on_crash.restart, self.on_crash.rollback_after),
        )


def _absolute(base: Path, text: str) -> str:
    return str(base / text)


def _rooted(base: Path, device: d.PassedDevice) -> d.PassedDevice:
    if device.rom.source is not d.RomSource.FILE:
        return device
    return d.PassedDevice(device.address, d.RomChoice(d.RomSource.FILE, _absolute(base, device.rom.path)))
