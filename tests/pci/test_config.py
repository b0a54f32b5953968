"""Configuration headers and base address registers."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from build_config import gpu, root_port
from hypothesis import given
from hypothesis import strategies as st
from lspci import HAVE_LSPCI, lspci

from dinrail.errors import FormatError, Truncated
from dinrail.pci.bar import decode_bars, decode_rom, rom_bar_size, rom_size_of, size_of
from dinrail.pci.config import Command, Status, read_header

needs_lspci = pytest.mark.skipif(not HAVE_LSPCI, reason="pciutils is not installed")


def test_an_endpoint_header_is_read_field_by_field() -> None:
    """A graphics card's header gives ids, class, command, subsystem and registers back."""
    header = read_header(gpu())
    assert (header.vendor_id, header.device_id, header.class_code) == (0x10DE, 0x1B80, 0x030000)
    assert header.command == Command.IO_SPACE | Command.MEMORY_SPACE | Command.BUS_MASTER
    assert header.status == Status.CAPABILITY_LIST
    assert (header.is_multifunction, header.capability_pointer, header.bridge) == (True, 0x60, None)
    assert header.endpoint is not None
    assert (header.endpoint.subsystem_vendor_id, header.endpoint.subsystem_id) == (0x3842, 0x6183)
    assert header.rom_register == 0xF7000001


def test_a_bridge_header_gives_its_buses() -> None:
    """A root port's header gives primary, secondary and subordinate bus."""
    header = read_header(root_port())
    assert header.endpoint is None
    assert header.bridge is not None
    assert (header.bridge.primary_bus, header.bridge.secondary_bus, header.bridge.subordinate_bus) == (0, 1, 2)
    assert len(header.bar_registers) == 2


def test_other_header_types_have_no_body() -> None:
    """A CardBus bridge is data without registers, not a fault."""
    header = read_header(gpu()[:0x0E] + b"\x02" + gpu()[0x0F:])
    assert (header.body, header.bar_registers, header.rom_register, header.capability_pointer) == (None, (), 0, None)


def test_a_function_that_is_gone_is_said_to_be_gone() -> None:
    """All ones is no device with strange ids, but none."""
    with pytest.raises(FormatError, match="no function answers"):
        read_header(b"\xff" * 256)


@pytest.mark.parametrize("length", [0, 1, 0x0F, 0x10, 0x30, 0x3F])
def test_a_short_header_is_a_truncation(length: int) -> None:
    """Fewer than 64 bytes name the header and field that they end in."""
    with pytest.raises(Truncated, match="header, field"):
        read_header(gpu()[:length])


def test_registers_pair_up_where_they_are_64_bits_wide() -> None:
    """A 64-bit register takes the next one with it, and unused registers are left out."""
    bars = decode_bars((0xF6000000, 0xE000000C, 0x2, 0, 0, 0xE001))
    assert [(b.index, b.address, b.is_64bit, b.is_prefetchable, b.is_io) for b in bars] == [
        (0, 0xF6000000, False, False, False),
        (1, 0x2_E000_0000, True, True, False),
        (5, 0xE000, False, False, True),
    ]
    assert decode_rom(0xF7000001).address == 0xF7000000
    assert decode_rom(0xF7000001).is_enabled


def test_a_64_bit_register_needs_its_second_half() -> None:
    """The last register cannot be a pair."""
    with pytest.raises(FormatError, match="second half"):
        decode_bars((0, 0, 0, 0, 0, 0x4))


@pytest.mark.parametrize(
    ("mask", "high", "size_bytes"),
    [
        (0xFF000000, None, 16 << 20),
        (0xFFFFFFF0, None, 16),
        (0x0000000C, 0xFFFFFFFC, 16 << 30),
        (0xF000000C, 0xFFFFFFFF, 256 << 20),
        (0xFFFFFFE1, None, 32),
        (0x0000FF81, None, 128),
        (0, None, 0),
    ],
)
def test_sizes_come_from_the_lowest_one_of_the_mask(mask: int, high: int | None, size_bytes: int) -> None:
    """Memory, 64-bit and I/O masks give their size; zero means no register."""
    assert size_of(mask, high) == size_bytes


def test_a_mask_with_holes_is_a_fault() -> None:
    """Sizes are powers of two; anything else was not read from a register."""
    with pytest.raises(FormatError):
        size_of(0xF0F00000)
    with pytest.raises(FormatError):
        rom_size_of(0xFFF0F800)
    assert (rom_size_of(0xFFFE0001), rom_size_of(0)) == (128 << 10, 0)


@pytest.mark.parametrize(("file", "window"), [(0, 2048), (2048, 2048), (2049, 4096), (65536, 65536), (65537, 131072)])
def test_a_rom_window_is_the_next_power_of_two(file: int, window: int) -> None:
    """A file that is a power of two fits a window of its size; the smallest window has 2 KiB."""
    assert rom_bar_size(file) == window


@needs_lspci
def test_lspci_reads_the_same_header(tmp_path: Path) -> None:
    """Ids, subsystem, BARs, ROM and buses agree with lspci on the same bytes."""
    seen = lspci(tmp_path, {"00:01.0": root_port(), "01:00.0": gpu()}, "-vv", "-n")
    header = read_header(gpu())
    card = seen["01:00.0"]
    assert card.head.startswith(f"{header.class_code >> 8:04x}: {header.vendor_id:04x}:{header.device_id:04x} (rev a1)")
    assert card.find(r"^Subsystem: (.*)") == ["3842:6183"]
    regions = {int(i): line for i in card.find(r"^Region (\d)") for line in card.find(rf"^Region {i}: (.*)")}
    for bar in decode_bars(header.bar_registers):
        kind = "I/O ports at" if bar.is_io else "Memory at"
        assert regions[bar.index].startswith(f"{kind} {bar.address:x}")
        assert ("64-bit" in regions[bar.index]) == bar.is_64bit
        assert (", prefetchable" in regions[bar.index]) == bar.is_prefetchable
    assert card.find(r"^Expansion ROM at ([0-9a-f]+)") == [f"{decode_rom(header.rom_register).address:x}"]
    assert seen["00:01.0"].find(r"^Bus: (.*), sec-") == ["primary=00, secondary=01, subordinate=02"]


@given(st.binary(max_size=80), st.lists(st.integers(0, 0xFFFFFFFF), max_size=6))
def test_any_bytes_are_a_header_or_a_format_error(data: bytes, registers: list[int]) -> None:
    """Garbage never raises anything but the declared error."""
    for read in (lambda: read_header(data), lambda: decode_bars(registers), lambda: size_of(*registers[:1] or [0])):
        with contextlib.suppress(FormatError):
            read()
