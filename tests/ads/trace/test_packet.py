"""Packets: link layers, IP, TCP, UDP."""

from __future__ import annotations

import contextlib
import struct

import pytest
from build_capture import CLIENT_END, SERVER_END, on_link, udp
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.trace.captured import Captured, LinkType
from dinrail.ads.trace.packet import (
    Datagram,
    Endpoint,
    Segment,
    TcpFlag,
    build_segment,
    checksum,
    parse_packet,
)
from dinrail.errors import FormatError

V6_CLIENT, V6_SERVER = Endpoint("2001:db8::7", 50000), Endpoint("fe80::1", 48898)
V4 = Segment(CLIENT_END, SERVER_END, 1, 2, TcpFlag.PSH | TcpFlag.ACK, b"payload")
V6 = Segment(V6_CLIENT, V6_SERVER, 0xFFFFFFFF, 0, TcpFlag.SYN, b"")


def test_a_segment_has_the_bytes_that_the_standards_say() -> None:
    """IPv4 and TCP headers written by hand, checksums computed with pencil and paper."""
    assert build_segment(
        Segment(Endpoint("10.0.0.7", 50000), Endpoint("10.0.0.1", 48898), 1, 2, 0x18, b"hi")
    ) == bytes.fromhex(
        "45 00 002a 0000 4000 40 06 26c7  0a000007 0a000001"  # 42 bytes, don't fragment, TTL 64, TCP
        "c350 bf02 00000001 00000002 50 18 ffff b103 0000"  # no options, PSH and ACK, largest window
        "6869"
    )


@pytest.mark.parametrize("link_type", list(LinkType))
@pytest.mark.parametrize("segment", [V4, V6])
def test_every_link_layer_leads_to_its_segment(link_type: LinkType, segment: Segment) -> None:
    """Ethernet, Linux cooked (both), raw, and loopback in either byte order, with IPv4 and IPv6."""
    assert parse_packet(Captured(0, link_type, on_link(link_type, build_segment(segment)))) == segment


def test_vlan_tags_are_stepped_over_and_padding_is_not_payload() -> None:
    """Two tags, and Ethernet's padding to 60 bytes."""
    raw = on_link(LinkType.ETHERNET, build_segment(V4), vlans=2) + bytes(20)
    assert parse_packet(Captured(0, LinkType.ETHERNET, raw)) == V4
    many = on_link(LinkType.ETHERNET, build_segment(V4), vlans=9)
    assert parse_packet(Captured(0, LinkType.ETHERNET, many)) is None


def test_what_is_not_ours_is_no_segment() -> None:
    """ARP, ICMP and unknown link types are None, not faults."""
    assert parse_packet(Captured(0, LinkType.ETHERNET, bytes(12) + b"\x08\x06" + bytes(28))) is None
    icmp = bytearray(build_segment(V4))
    icmp[9] = 1
    assert parse_packet(Captured(0, LinkType.RAW, bytes(icmp))) is None
    assert parse_packet(Captured(0, 147, build_segment(V4))) is None


def test_datagrams_are_read() -> None:
    """UDP with its own length."""
    packet = udp(CLIENT_END, SERVER_END, b"who")
    assert parse_packet(Captured(0, LinkType.RAW, packet)) == Datagram(CLIENT_END, SERVER_END, b"who")
    with pytest.raises(FormatError):
        parse_packet(Captured(0, LinkType.RAW, packet[:-1]))


def test_a_packet_that_the_network_card_was_to_cut_is_read_whole() -> None:
    """IPv4's total length 0 means that the hardware does the segmentation."""
    raw = bytearray(build_segment(V4))
    raw[2:4] = b"\0\0"
    assert parse_packet(Captured(0, LinkType.RAW, bytes(raw))) == V4


def test_extension_headers_are_stepped_over() -> None:
    """Hop-by-hop and destination options in front of TCP; more than eight are not followed."""
    raw = build_segment(V6)
    two = raw[:6] + b"\0" + raw[7:40] + bytes((60, 0)) + bytes(6) + bytes((6, 1)) + bytes(14) + raw[40:]
    two = two[:4] + struct.pack(">H", len(two) - 40) + two[6:]
    assert parse_packet(Captured(0, LinkType.RAW, two)) == V6
    endless = raw[:6] + b"\0" + raw[7:40] + bytes(8) * 20
    endless = endless[:4] + struct.pack(">H", len(endless) - 40) + endless[6:]
    assert parse_packet(Captured(0, LinkType.RAW, endless)) is None


@pytest.mark.parametrize(
    ("at", "value"), [(6, b"\x20\0"), (6, b"\0\x01"), (0, b"\x44"), (2, b"\0\x13"), (32, b"\xf0"), (32, b"\x40")]
)
def test_fragments_and_impossible_headers_are_faults(at: int, value: bytes) -> None:
    """More fragments, an offset, a header of 16 bytes, a total below it, a TCP header past the end or too short."""
    raw = bytearray(build_segment(V4))
    raw[at : at + len(value)] = value
    with pytest.raises(FormatError):
        parse_packet(Captured(0, LinkType.RAW, bytes(raw)))


@given(st.binary(max_size=80), st.sampled_from([*LinkType, 147]), st.sampled_from((b"", b"\x45", b"\x60")))
def test_any_bytes_are_a_packet_or_a_format_error(data: bytes, link_type: int, head: bytes) -> None:
    """No link layer and no IP header raises anything else."""
    with contextlib.suppress(FormatError):
        parse_packet(Captured(0, link_type, head + data))


@given(st.binary(max_size=300))
def test_the_fast_checksum_is_the_checksum(data: bytes) -> None:
    """Equal to adding 16-bit words with carry, as RFC 1071 has it; a header with its own sum sums up to zero."""
    total = 0
    for (word,) in struct.iter_unpack(">H", data + bytes(len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    assert checksum(data) == total ^ 0xFFFF


@given(
    st.binary(max_size=100),
    st.sampled_from(((CLIENT_END, SERVER_END), (V6_CLIENT, V6_SERVER))),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_built_segments_come_back_and_their_checksums_are_right(
    payload: bytes, ends: tuple[Endpoint, Endpoint], sequence: int, acknowledged: int
) -> None:
    """Any payload, both families: the sum over pseudo header and segment is zero."""
    segment = Segment(*ends, sequence, acknowledged, TcpFlag.ACK, payload)
    raw = build_segment(segment)
    assert parse_packet(Captured(0, LinkType.RAW, raw)) == segment
    if raw[0] >> 4 == 4:
        assert checksum(raw[:20]) == 0
        assert checksum(raw[12:20] + struct.pack(">HH", 6, len(raw) - 20) + raw[20:]) == 0
    else:
        assert checksum(raw[8:40] + struct.pack(">II", len(raw) - 40, 6) + raw[40:]) == 0


def test_ends_of_two_families_are_our_bug() -> None:
    """One IP packet has addresses of one family."""
    with pytest.raises(ValueError, match="different families"):
        build_segment(Segment(CLIENT_END, V6_SERVER, 0, 0, 0, b""))
    assert str(V6_SERVER) == "[fe80::1]:48898"
