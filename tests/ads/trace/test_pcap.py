"""Capture files: pcap and pcapng read, pcap written."""

from __future__ import annotations

import struct

import pytest
from build_capture import START_NS, PcapNg, pcap
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.trace.captured import Captured, LinkType
from dinrail.ads.trace.pcap import MAX_PACKET_BYTES, CaptureReader, file_header, record
from dinrail.errors import FormatError

PACKETS = [(START_NS + 1_234_567_000, b"first"), (START_NS + 2_000_000_000, b""), (START_NS + 3_000_001_000, b"x" * 99)]


def read(data: bytes, *, step: int = 1 << 20) -> list[Captured]:
    reader = CaptureReader()
    found = [packet for at in range(0, len(data), step) for packet in reader.feed(data[at : at + step])]
    assert reader.pending_bytes == 0
    return found


def test_a_classic_file_has_the_bytes_that_the_standard_says() -> None:
    """Magic for ns, version 2.4, raw IP; seconds and ns in front of each packet."""
    data = file_header() + record(START_NS + 5, b"abc")
    assert data == bytes.fromhex(
        "4d3cb2a1 0200 0400 00000000 00000000 00001000 65000000  00b95569 05000000 03000000 03000000 616263"
    )
    assert read(data) == [Captured(START_NS + 5, LinkType.RAW, b"abc")]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("unit_ns", [1, 1000])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_classic_files_are_read_in_both_byte_orders_and_units(order: str, unit_ns: int, step: int) -> None:
    """Whole or byte by byte, stamps in us or ns, written by either kind of machine."""
    data = pcap(PACKETS, order=order, unit_ns=unit_ns, link_type=LinkType.ETHERNET)
    assert read(data, step=step) == [Captured(wall_ns, LinkType.ETHERNET, raw) for wall_ns, raw in PACKETS]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("resolution", [6, 9, 0x80 | 30])
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_pcapng_is_read_in_both_byte_orders_and_any_resolution(order: str, resolution: int, step: int) -> None:
    """Ticks in powers of ten or two, counted from an offset."""
    made = PcapNg(order=order, resolution=resolution, offset_s=1_700_000_000, link_type=LinkType.LINUX_SLL)
    found = read(made.file(PACKETS), step=step)
    assert [(packet.link_type, packet.data) for packet in found] == [(LinkType.LINUX_SLL, raw) for _, raw in PACKETS]
    for packet, (wall_ns, _) in zip(found, PACKETS, strict=True):
        assert abs(packet.wall_ns - wall_ns) <= (1 if resolution & 0x80 else 0)


def test_sections_have_their_own_interfaces_and_byte_order() -> None:
    """Two files joined are one file; unknown blocks are stepped over; older and simpler packet blocks are read."""
    one = PcapNg()
    old = one.block(2, struct.pack("<HHIIII", 0, 0, 0, 7, 2, 2) + b"ab")
    simple = one.block(3, struct.pack("<I", 3) + b"abc")
    data = one.section() + one.interface() + one.block(0xBAD, b"?") + old + simple + one.big().file(PACKETS[:1])
    assert [packet.data for packet in read(data)] == [b"ab", b"abc", b"first"]
    with pytest.raises(FormatError, match="never described"):
        read(one.file([]) + one.section() + one.packet(START_NS, b"x"))


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF",
        b"<?xml version",
        pcap([])[:24] + struct.pack("<IIII", 0, 0, MAX_PACKET_BYTES + 1, 1),
        pcap([])[:24] + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 1),
        PcapNg().section() + struct.pack("<II", 6, 0xFFFFFFFC),
        PcapNg().section() + struct.pack("<III", 6, 8, 0),
        PcapNg().section() + struct.pack("<III", 6, 13, 0),
        b"\x0a\x0d\x0d\x0a" + bytes(24),
        PcapNg(resolution=19).file([]),
        PcapNg(resolution=0xFF).file([]),
        PcapNg().section() + PcapNg().interface() * 2000,
    ],
)
def test_what_is_no_capture_is_refused_before_it_is_kept(data: bytes) -> None:
    """Wrong magic, lengths without bound, resolutions that no clock has, interfaces without end."""
    with pytest.raises(FormatError):
        list(CaptureReader().feed(data + bytes(16)))


def test_a_packet_longer_than_its_block_is_refused() -> None:
    """The captured length is held against the block."""
    made = PcapNg()
    data = bytearray(made.file([(START_NS, b"abcd")]))
    data[-12:-8] = data[-12:-8]
    struct.pack_into("<I", data, len(data) - 16, 5)
    with pytest.raises(FormatError):
        list(CaptureReader().feed(bytes(data)))


def test_a_file_cut_in_a_packet_gives_the_packets_before_it() -> None:
    """The rest is pending, and is no fault."""
    reader = CaptureReader()
    assert [packet.data for packet in reader.feed(pcap(PACKETS)[:-1])] == [b"first", b""]
    assert reader.pending_bytes == 16 + 98


@given(st.binary(max_size=200), st.sampled_from((pcap([]), PcapNg().file([]), PcapNg().big().file([]), b"")))
def test_any_bytes_are_packets_or_a_format_error(data: bytes, head: bytes) -> None:
    """Also behind a head that makes them plausible."""
    try:
        for packet in CaptureReader().feed(head + data):
            assert len(packet.data) <= len(data)
    except FormatError:
        pass


@given(st.integers(-(2**70), 2**70), st.binary(max_size=20))
def test_any_time_can_be_written(wall_ns: int, data: bytes) -> None:
    """What the format cannot say becomes the nearest time that it can."""
    (packet,) = read(file_header() + record(wall_ns, data))
    assert packet.data == data
    assert packet.wall_ns == min(max(wall_ns, 0), 0xFFFFFFFF * 10**9)
