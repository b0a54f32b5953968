"""Configuration space: the header every function starts with, and the two bodies that matter.

Source: PCI Local Bus Specification 3.0, 6.1-6.2; PCI-to-PCI Bridge Architecture Specification 1.2, 3.2.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.errors import FormatError
from dinrail.layout import Buffer, decode, pad, record, u8, u16, u24, u32

HEADER_SIZE_BYTES = 0x40
CONVENTIONAL_SIZE_BYTES = 0x100
EXTENDED_SIZE_BYTES = 0x1000
ABSENT_VENDOR_ID = 0xFFFF


class HeaderType(enum.IntEnum):
    """Layout of bytes 0x10-0x3F (header type register without its multifunction bit)."""

    ENDPOINT = 0x00
    BRIDGE = 0x01
    CARDBUS = 0x02


class Command(enum.IntFlag):
    """The command register."""

    IO_SPACE = 1 << 0
    MEMORY_SPACE = 1 << 1
    BUS_MASTER = 1 << 2
    PARITY_RESPONSE = 1 << 6
    SERR = 1 << 8
    INTX_DISABLE = 1 << 10


class Status(enum.IntFlag):
    """The status register."""

    INTERRUPT = 1 << 3
    CAPABILITY_LIST = 1 << 4
    PARITY_ERROR = 1 << 8
    SIGNALED_TARGET_ABORT = 1 << 11
    RECEIVED_TARGET_ABORT = 1 << 12
    RECEIVED_MASTER_ABORT = 1 << 13
    SIGNALED_SYSTEM_ERROR = 1 << 14
    DETECTED_PARITY_ERROR = 1 << 15


@record(size_bytes=0x10, name="configuration header", source="PCI Local Bus Specification 3.0, 6.1")
class CommonHeader:
    """What all header types share."""

    vendor_id: int = u16(0x00)
    device_id: int = u16(0x02)
    command: int = u16(0x04, default=0)
    status: int = u16(0x06, default=0)
    revision: int = u8(0x08, default=0)
    class_code: int = u24(0x09, default=0)
    cache_line_size: int = u8(0x0C, default=0)
    latency_timer: int = u8(0x0D, default=0)
    header_type: int = u8(0x0E, default=0)
    self_test: int = u8(0x0F, default=0)


@record(size_bytes=0x30, name="type 0 header", source="PCI Local Bus Specification 3.0, 6.1 (from offset 0x10)")
class EndpointHeader:
    """The body of an endpoint's header. Offsets are counted from 0x10."""

    bar0: int = u32(0x00, default=0)
    bar1: int = u32(0x04, default=0)
    bar2: int = u32(0x08, default=0)
    bar3: int = u32(0x0C, default=0)
    bar4: int = u32(0x10, default=0)
    bar5: int = u32(0x14, default=0)
    cardbus_cis: int = u32(0x18, default=0)
    subsystem_vendor_id: int = u16(0x1C, default=0)
    subsystem_id: int = u16(0x1E, default=0)
    rom_bar: int = u32(0x20, default=0)
    capability_pointer: int = u8(0x24, default=0)
    _reserved_35: bytes = pad(0x25, 7)
    interrupt_line: int = u8(0x2C, default=0)
    interrupt_pin: int = u8(0x2D, default=0)
    min_grant: int = u8(0x2E, default=0)
    max_latency: int = u8(0x2F, default=0)

    @property
    def bar_registers(self) -> tuple[int, ...]:
        """The six base address registers, raw."""
        return (self.bar0, self.bar1, self.bar2, self.bar3, self.bar4, self.bar5)


@record(size_bytes=0x30, name="type 1 header", source="PCI-to-PCI Bridge 1.2, 3.2 (from offset 0x10)")
class BridgeHeader:
    """The body of a PCI-to-PCI bridge's header. Offsets are counted from 0x10."""

    bar0: int = u32(0x00, default=0)
    bar1: int = u32(0x04, default=0)
    primary_bus: int = u8(0x08, default=0)
    secondary_bus: int = u8(0x09, default=0)
    subordinate_bus: int = u8(0x0A, default=0)
    secondary_latency_timer: int = u8(0x0B, default=0)
    io_base: int = u8(0x0C, default=0)
    io_limit: int = u8(0x0D, default=0)
    secondary_status: int = u16(0x0E, default=0)
    memory_base: int = u16(0x10, default=0)
    memory_limit: int = u16(0x12, default=0)
    prefetchable_base: int = u16(0x14, default=0)
    prefetchable_limit: int = u16(0x16, default=0)
    prefetchable_base_high: int = u32(0x18, default=0)
    prefetchable_limit_high: int = u32(0x1C, default=0)
    io_base_high: int = u16(0x20, default=0)
    io_limit_high: int = u16(0x22, default=0)
    capability_pointer: int = u8(0x24, default=0)
    _reserved_35: bytes = pad(0x25, 3)
    rom_bar: int = u32(0x28, default=0)
    interrupt_line: int = u8(0x2C, default=0)
    interrupt_pin: int = u8(0x2D, default=0)
    bridge_control: int = u16(0x2E, default=0)

    @property
    def bar_registers(self) -> tuple[int, ...]:
        """The two base address registers, raw."""
        return (self.bar0, self.bar1)


@dataclass(frozen=True, slots=True)
class ConfigHeader:
    """The decoded first 64 bytes. `body` is None for header types that are neither endpoint nor PCI bridge."""

    common: CommonHeader
    body: EndpointHeader | BridgeHeader | None

    @property
    def vendor_id(self) -> int:
        return self.common.vendor_id

    @property
    def device_id(self) -> int:
        return self.common.device_id

    @property
    def class_code(self) -> int:
        """24 bits: base class, sub class, programming interface."""
        return self.common.class_code

    @property
    def command(self) -> Command:
        return Command(self.common.command)

    @property
    def status(self) -> Status:
        return Status(self.common.status)

    @property
    def is_multifunction(self) -> bool:
        return bool(self.common.header_type & 0x80)

    @property
    def bar_registers(self) -> tuple[int, ...]:
        return self.body.bar_registers if self.body else ()

    @property
    def rom_register(self) -> int:
        """The expansion ROM base address register, raw; 0 where the header has none."""
        return self.body.rom_bar if self.body else 0

    @property
    def capability_pointer(self) -> int | None:
        """Where the capability list starts; None where the status register says there is none."""
        if self.body is None or not self.common.status & Status.CAPABILITY_LIST:
            return None
        return self.body.capability_pointer & 0xFC

    @property
    def endpoint(self) -> EndpointHeader | None:
        return self.body if isinstance(self.body, EndpointHeader) else None

    @property
    def bridge(self) -> BridgeHeader | None:
        return self.body if isinstance(self.body, BridgeHeader) else None


def read_header(config: Buffer, *, where: str | None = None) -> ConfigHeader:
    """Decode the first 64 bytes of a configuration space (64, 256 or 4096 bytes long).

    Raises FormatError: Truncated below 64 bytes, and for a function that is not there (vendor id ffff).
    """
    common = decode(CommonHeader, config, 0, where=where)
    if common.vendor_id == ABSENT_VENDOR_ID:
        raise FormatError(
            "reads as all ones: no function answers here",
            structure="configuration header",
            field="vendor_id",
            offset=0,
            where=where,
            hint="the device is gone, or asleep in D3cold",
        )
    kind = common.header_type & 0x7F
    if kind == HeaderType.ENDPOINT:
        return ConfigHeader(common, decode(EndpointHeader, config, 0x10, where=where))
    if kind == HeaderType.BRIDGE:
        return ConfigHeader(common, decode(BridgeHeader, config, 0x10, where=where))
    return ConfigHeader(common, None)
