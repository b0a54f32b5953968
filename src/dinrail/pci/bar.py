"""Base address registers: what a register says, and the size that the all-ones write gives back.

Source: PCI Local Bus Specification 3.0, 6.2.5. Sizes come from writing all ones and reading the mask back; that write
changes the device, so it is the host's business: here only the two values are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dinrail.errors import FormatError

ROM_MIN_BYTES = 1 << 11
ROM_MAX_BYTES = 1 << 24
"""The ROM register decodes address bits 31:11, and the standard ends at 16 MiB."""

_IO = 0x1
_TYPE_64 = 0x4
_TYPE_MASK = 0x6
_PREFETCHABLE = 0x8
_ROM_ENABLE = 0x1
_ROM_MASK = 0xFFFFF800


@dataclass(frozen=True, slots=True)
class BarRegister:
    """One base address register (or a pair, when 64-bit). `address` 0 means not placed; I/O ports are addresses too."""

    index: int
    is_io: bool
    is_64bit: bool
    is_prefetchable: bool
    address: int


@dataclass(frozen=True, slots=True)
class RomRegister:
    """The expansion ROM register."""

    address: int
    is_enabled: bool


def decode_bars(registers: Sequence[int]) -> tuple[BarRegister, ...]:
    """Read the registers in order; unused ones (all zero) are left out, the upper half of a pair is consumed.

    Raises FormatError for a 64-bit register without a second half.
    """
    bars: list[BarRegister] = []
    index = 0
    while index < len(registers):
        value = registers[index]
        width = 2 if _is_64bit(value) else 1
        if index + width > len(registers):
            raise FormatError(
                f"{value:#010x} asks for a second half, this is the last one",
                structure="base address registers",
                field=f"bar{index}",
            )
        high = registers[index + 1] if width == 2 else 0
        if value or high:
            bars.append(_register(index, value, high))
        index += width
    return tuple(bars)


def _is_64bit(value: int) -> bool:
    return not value & _IO and value & _TYPE_MASK == _TYPE_64


def _register(index: int, value: int, high: int) -> BarRegister:
    if value & _IO:
        return BarRegister(index, True, False, False, value & 0xFFFFFFFC)
    address = high << 32 | value & 0xFFFFFFF0
    return BarRegister(index, False, _is_64bit(value), bool(value & _PREFETCHABLE), address)


def decode_rom(register: int) -> RomRegister:
    """Read the expansion ROM register."""
    return RomRegister(register & _ROM_MASK, bool(register & _ROM_ENABLE))


def size_of(mask: int, mask_high: int | None = None) -> int:
    """Bytes that a register decodes, from what it reads back after all ones were written; 0 for one not there.

    mask_high: the second half of a 64-bit register. Raises FormatError for a mask with holes: sizes are powers of two.
    """
    if mask & _IO:
        # Devices may hard-wire the upper half of an I/O register to zero: 16 address bits are enough on a PC.
        bits = mask & 0xFFFFFFFC
        bits = bits | 0xFFFF0000 if bits and not bits >> 16 else bits
        width = 32
    elif mask_high is not None:
        bits, width = mask_high << 32 | mask & 0xFFFFFFF0, 64
    else:
        bits, width = mask & 0xFFFFFFF0, 32
    return _lowest(bits, width, "base address register")


def rom_size_of(mask: int) -> int:
    """Bytes that the ROM register decodes, from its read-back mask; 0 for none. Raises FormatError for holes."""
    return _lowest(mask & _ROM_MASK, 32, "expansion ROM register")


def _lowest(bits: int, width: int, structure: str) -> int:
    if not bits:
        return 0
    size_bytes = (1 << width) - bits
    if size_bytes & (size_bytes - 1):
        raise FormatError(f"mask {bits:#x} is not one run of ones", structure=structure, field="mask")
    return size_bytes


def rom_bar_size(file_bytes: int) -> int:
    """The smallest ROM window that holds a file: a power of two, 2 KiB at least (as QEMU rounds `romfile=`)."""
    return max(ROM_MIN_BYTES, 1 << max(file_bytes - 1, 0).bit_length())
