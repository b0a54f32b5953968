"""From a captured packet to its TCP segment or UDP datagram, and back: link layer, IPv4 or IPv6, TCP or UDP.

Fragments of IP packets are not put together (AMS runs over TCP, whose segments fit): they count as unreadable.

Source: RFC 791, RFC 8200, RFC 9293, RFC 768; tcpdump.org (link layers); IEEE 802.1Q.
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from dataclasses import dataclass
from functools import lru_cache

from dinrail.ads.trace.captured import Captured, LinkType
from dinrail.errors import FormatError

MAX_SEGMENT_BYTES = 65_000
"""Most payload of a segment that is built: the IP packet stays below 64 KiB."""
_IPV4 = 0x0800
_IPV6 = 0x86DD
_VLANS = (0x8100, 0x88A8, 0x9100)
_MAX_VLANS = 4
_MAX_EXTENSIONS = 8
_TCP, _UDP = 6, 17
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options: {next, length / 8 - 1}
_IPV4_HEAD = struct.Struct(">BBHHHBBH4s4s")
_IPV6_HEAD = struct.Struct(">IHBB16s16s")
_TCP_HEAD = struct.Struct(">HHIIBBHHH")
_UDP_HEAD = struct.Struct(">HHHH")
_FAMILIES = {2: _IPV4, 10: _IPV6, 24: _IPV6, 28: _IPV6, 30: _IPV6}


class TcpFlag(enum.IntFlag):
    """Flags of a TCP segment."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10


@dataclass(frozen=True, slots=True)
class Endpoint:
    """IP address as text, and port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment."""

    source: Endpoint
    target: Endpoint
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram."""

    source: Endpoint
    target: Endpoint
    payload: bytes


def parse_packet(packet: Captured) -> Segment | Datagram | None:
    """What a packet carries; None for what is neither TCP nor UDP. Raises FormatError for what is cut or malformed."""
    data = packet.data
    kind, at = _network(packet.link_type, data)
    if kind == _IPV4:
        return _ipv4(data, at)
    return _ipv6(data, at) if kind == _IPV6 else None


def _network(link_type: int, data: bytes) -> tuple[int, int]:
    """Which protocol lies above the link layer, and where it starts. 0 for one that is not IP."""
    if link_type == LinkType.ETHERNET:
        return _ethernet(data)
    if link_type == LinkType.LINUX_SLL:
        return _u16(data, 14), 16
    if link_type == LinkType.LINUX_SLL2:
        return _u16(data, 0), 20
    if link_type in (LinkType.NULL, LinkType.LOOP):
        _need(data, 4, "loopback")
        return _FAMILIES.get(data[0] or data[3], 0), 4
    if link_type in (LinkType.RAW, LinkType.RAW_BSD, LinkType.RAW_OPENBSD, LinkType.IPV4, LinkType.IPV6):
        _need(data, 1, "IP")
        return {4: _IPV4, 6: _IPV6}.get(data[0] >> 4, 0), 0
    return 0, 0


def _ethernet(data: bytes) -> tuple[int, int]:
    at = 12
    for _ in range(_MAX_VLANS):
        kind = _u16(data, at)
        if kind not in _VLANS:
            return kind, at + 2
        at += 4
    return 0, at


def _ipv4(data: bytes, at: int) -> Segment | Datagram | None:
    _need(data, at + 20, "IPv4")
    first, _, total, _, fragment, _, protocol, _, source, target = _IPV4_HEAD.unpack_from(data, at)
    head = (first & 0xF) * 4
    if first >> 4 != 4 or head < 20 or (total and total < head):
        raise FormatError(f"version and length {first:#04x}, total {total}", structure="IPv4", offset=at)
    if fragment & 0x3FFF:
        raise FormatError("is a fragment", structure="IPv4", field="fragment", offset=at)
    # Length 0: handed to the network card for segmentation. Longer than captured: the segment's own business.
    end = at + total if total else len(data)
    return _transport(protocol, data[at + head : end], _address(source), _address(target))


def _ipv6(data: bytes, at: int) -> Segment | Datagram | None:
    _need(data, at + 40, "IPv6")
    _, size, protocol, _, source, target = _IPV6_HEAD.unpack_from(data, at)
    if data[at] >> 4 != 6:
        raise FormatError(f"version {data[at] >> 4}", structure="IPv6", offset=at)
    end = at + 40 + size if size else len(data)
    at += 40
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            break
        _need(data, at + 8, "IPv6 extension")
        protocol, length = data[at], data[at + 1]
        at += 8 * (length + 1)
    if protocol == 44:
        raise FormatError("is a fragment", structure="IPv6", field="fragment", offset=at)
    return _transport(protocol, data[at:end], _address(source), _address(target))


@lru_cache(maxsize=1024)
def _address(raw: bytes) -> str:
    return str(ipaddress.ip_address(raw))


def _transport(protocol: int, data: bytes, source: str, target: str) -> Segment | Datagram | None:
    if protocol == _UDP:
        _need(data, 8, "UDP")
        from_port, to_port, size, _ = _UDP_HEAD.unpack_from(data)
        if size < 8 or size > len(data):
            raise FormatError(f"says {size} bytes, {len(data)} are there", structure="UDP", field="length", offset=4)
        return Datagram(Endpoint(source, from_port), Endpoint(target, to_port), data[8:size])
    if protocol != _TCP:
        return None
    _need(data, 20, "TCP")
    from_port, to_port, sequence, acknowledged, offset, flags, *_ = _TCP_HEAD.unpack_from(data)
    head = (offset >> 4) * 4
    if not 20 <= head <= len(data):
        raise FormatError(f"says {head} bytes of header", structure="TCP", field="data offset", offset=12)
    return Segment(Endpoint(source, from_port), Endpoint(target, to_port), sequence, acknowledged, flags, data[head:])


def build_segment(segment: Segment) -> bytes:
    """An IP packet with both checksums. Payload up to MAX_SEGMENT_BYTES; a ValueError for addresses of two families."""
    source, target = (ipaddress.ip_address(end.address) for end in (segment.source, segment.target))
    if source.version != target.version:
        raise ValueError(f"{source} and {target} are of different families")
    size = _TCP_HEAD.size + len(segment.payload)
    parts = (segment.source.port, segment.target.port, segment.sequence, segment.acknowledged, 0x50, segment.flags)
    bare = _TCP_HEAD.pack(*parts, 0xFFFF, 0, 0)
    if source.version == 4:
        pseudo = source.packed + target.packed + struct.pack(">HH", _TCP, size)
        head = _IPV4_HEAD.pack(0x45, 0, 20 + size, 0, 0x4000, 64, _TCP, 0, source.packed, target.packed)
        head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
    else:
        pseudo = source.packed + target.packed + struct.pack(">II", size, _TCP)
        head = _IPV6_HEAD.pack(6 << 28, size, _TCP, 64, source.packed, target.packed)
    summed = checksum(pseudo + bare + segment.payload)
    return head + _TCP_HEAD.pack(*parts, 0xFFFF, summed, 0) + segment.payload


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071).

    2^16 is 1 modulo 0xFFFF, so the ones' complement sum of all words is the number that they spell, modulo 0xFFFF.
    """
    number = int.from_bytes(data + bytes(len(data) % 2), "big")
    folded = number % 0xFFFF
    return 0xFFFF - (folded or (0xFFFF if number else 0))


def _u16(data: bytes, at: int) -> int:
    _need(data, at + 2, "link layer")
    return data[at] << 8 | data[at + 1]


def _need(data: bytes, size: int, structure: str) -> None:
    if len(data) < size:
        raise FormatError(f"{size} bytes are needed, {len(data)} are there", structure=structure)
