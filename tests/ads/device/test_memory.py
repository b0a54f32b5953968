"""Memory areas by bytes, bits and sizes, through a device as clients reach them."""

from __future__ import annotations

import struct

import pytest
from ads_device import Client, FakePermit
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import Action
from dinrail.ads.device.memoried import MemoryDevice
from dinrail.ads.device.memory import BytesArea, Memory, plc_memory


@pytest.fixture
def client() -> Client:
    return Client(MemoryDevice(plc_memory(64, 128)))


@pytest.mark.parametrize("group", [0x4000, 0x4010, 0x4020, 0x4030, 0x4040, 0xF020, 0xF030])
def test_bytes_are_written_and_read_up_to_the_end(client: Client, group: int) -> None:
    """Every area takes bytes up to its last one: behind it is 0x703, across it 0x705, and nothing was written."""
    size = 128 if group == 0x4040 else 64
    assert client.write(group, size - 2, b"ab") == 0
    assert client.read(group, size - 2, 2) == (0, b"ab")
    assert client.write(group, size - 1, b"xy") == 0x705
    assert client.read(group, size, 1)[0] == 0x703
    assert client.read(group, 0, size + 1)[0] == 0x705
    assert client.read(group, 0xFFFF_FFFF, 0xFFFF_FFFF)[0] == 0x703
    assert client.read(group, size - 1, 1) == (0, b"b")


def test_no_bytes_are_always_fine(client: Client) -> None:
    """Reading or writing nothing is no error and changes nothing."""
    client.write(0x4020, 0, b"abcd")
    assert client.read(0x4020, 0, 0) == (0, b"")
    assert client.write(0x4020, 0, b"") == 0
    assert client.read(0x4020, 0, 4) == (0, b"abcd")


@pytest.mark.parametrize("group", [0x4005, 0x4015, 0x4025, 0x4035, 0x4045, 0xF025, 0xF035])
def test_sizes_are_told_at_offset_0_alone(client: Client, group: int) -> None:
    """A size is a u32 that cannot be written, and there is nothing else beside it: 0x701."""
    assert client.read(group, 0, 4) == (0, struct.pack("<I", 128 if group == 0x4045 else 64))
    assert client.write(group, 0, bytes(4)) == 0x701
    assert client.read(group, 0x10000, 4)[0] == 0x701
    assert client.write(group, 0x10000, bytes(4)) == 0x701
    assert client.read_write(group, 0x10000, 4, bytes(4))[0] == 0x701
    assert client.subscribe(group, 0x10000, 4)[0] == 0x701
    assert client.subscribe(group, 0, 4)[0] == 0


@pytest.mark.parametrize(("bits", "group"), [(0x4021, 0x4020), (0x4041, 0x4040), (0xF021, 0xF020), (0xF031, 0xF030)])
def test_bits_are_bytes_of_0_and_1(client: Client, bits: int, group: int) -> None:
    """A bit group counts in bits; other bits of the byte stay; several bits are several bytes."""
    client.write(group, 1, b"\x81")
    assert client.read(bits, 8, 1) == (0, b"\1")
    assert client.read(bits, 9, 1) == (0, b"\0")
    assert client.read(bits, 14, 3) == (0, b"\0\1\0")
    assert client.write(bits, 9, b"\xff") == 0
    assert client.write(bits, 8, b"\0") == 0
    assert client.read(group, 1, 1) == (0, b"\x82")
    assert client.read(bits, 0xFFFF_FFFF, 1)[0] == 0x703


@pytest.mark.parametrize("first", [0xF028, 0xF038])
def test_one_bit_groups_have_byte_offsets(client: Client, first: int) -> None:
    """F028 ... F02F and F038 ... F03F are bits 0 to 7 of the byte at the offset."""
    client.write(first - 8, 3, b"\xa5")
    assert b"".join(client.read(first + bit, 3, 1)[1] for bit in range(8)) == b"\1\0\1\0\0\1\0\1"
    assert client.write(first + 1, 3, b"\1") == 0
    assert client.read(first - 8, 3, 1) == (0, b"\xa7")
    assert client.read(first + 7, 64, 1)[0] == 0x703


def test_images_are_cleared_and_exchanged(client: Client) -> None:
    """F040 and F050 clear, F060 writes outputs and reads inputs, 0x4000 and 0x4010 are the same bytes."""
    client.write(0xF020, 0, b"in")
    assert client.read_write(0xF060, 0, 2, b"out") == (0, b"in")
    assert client.read(0x4010, 0, 3) == (0, b"out")
    assert client.read(0x4000, 0, 2) == (0, b"in")
    assert client.read_write(0xF060, 63, 2, b"!")[0] == 0x705
    assert client.read(0xF030, 63, 1) == (0, b"\0"), "nothing is written when reading fails"
    assert client.write(0xF040, 0, b"") == 0
    assert client.read(0xF020, 0, 2) == (0, b"\0\0")
    assert client.read(0xF030, 0, 3) == (0, b"out")
    assert client.write(0xF050, 0, b"") == 0
    assert client.read(0xF030, 0, 3) == (0, bytes(3))


def test_groups_without_memory_are_0x701(client: Client) -> None:
    """Index group 0, one between two areas, and F060 without images."""
    assert client.read(0, 0, 4)[0] == 0x701
    assert client.read(0x4022, 0, 1)[0] == 0x701
    assert Client(MemoryDevice(Memory())).read_write(0xF060, 0, 0, b"")[0] == 0x701


def test_permits_are_asked_about_the_bytes_that_are_touched() -> None:
    """A bit, an alias, a clearing and an exchange are asked as the bytes behind them, so no rule is got around."""
    permit = FakePermit()
    client = Client(MemoryDevice(plc_memory(64, 64)), permit=permit)
    client.write(0x4021, 17, b"\1")
    client.read(0x4000, 3, 4)
    client.write(0xF040, 0, b"")
    client.read_write(0xF060, 1, 2, b"abc")
    client.read(0xF02A, 5, 1)
    client.read(0x4021, 6, 4)
    assert [question[:4] for question in permit.asked] == [
        (Action.WRITE, 0x4020, 2, 1),
        (Action.READ, 0xF020, 3, 4),
        (Action.WRITE, 0xF020, 0, 64),
        (Action.READ, 0xF020, 1, 2),
        (Action.WRITE, 0xF030, 1, 3),
        (Action.READ, 0xF020, 5, 1),
        (Action.READ, 0x4020, 0, 2),
    ]


@given(st.binary(min_size=8, max_size=8), st.integers(0, 63), st.binary(max_size=64))
def test_bits_and_bytes_agree(content: bytes, at: int, bits: bytes) -> None:
    """Writing bits changes exactly those bits, whatever lies there."""
    memory = Memory()
    memory.add(0x4020, BytesArea(8))
    memory.write(0x4020, 0, content)
    bits = bits[: 64 - at]
    memory.write(0x4021, at, bits)
    number = int.from_bytes(content, "little")
    for position, bit in enumerate(bits, at):
        number = number | 1 << position if bit else number & ~(1 << position)
    assert memory.read(0x4020, 0, 8) == number.to_bytes(8, "little")
    assert memory.read(0x4021, at, len(bits)) == bytes(bool(bit) for bit in bits)
