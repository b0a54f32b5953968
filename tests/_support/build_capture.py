"""Capture files and packets from named fields, for tests of the trace."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from dinrail.ads.trace.captured import LinkType
from dinrail.ads.trace.packet import Endpoint, Segment, TcpFlag, build_segment
from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import REQUEST_FLAGS, build_frame, response_to

CLIENT_END = Endpoint("10.0.0.7", 50000)
SERVER_END = Endpoint("10.0.0.1", 48898)
CLIENT = AmsAddr.parse("10.0.0.7.1.1:30000")
PLC = AmsAddr.parse("192.168.0.231.1.1:851")
START_NS = 1_767_225_600 * 10**9  # 2026-01-01
MS = 10**6


def request(command: int, data: bytes = b"", *, invoke_id: int = 1, device: AmsAddr = PLC) -> bytes:
    return build_frame(device, CLIENT, command, REQUEST_FLAGS, invoke_id, data)


def answer(frame: bytes, data: bytes = b"", *, error: int = 0) -> bytes:
    return response_to(frame, data, error=error)


@dataclass
class Talk:
    """A TCP connection: packets in the order in which they were sent, each (wall ns, IP packet)."""

    client: Endpoint = CLIENT_END
    server: Endpoint = SERVER_END
    wall_ns: int = START_NS
    client_sequence: int = 1000
    server_sequence: int = 0xFFFFFF00  # goes round soon
    packets: list[tuple[int, bytes]] = field(default_factory=list)

    def open(self) -> Talk:
        self._add(Segment(self.client, self.server, self.client_sequence, 0, TcpFlag.SYN, b""))
        self._add(Segment(self.server, self.client, self.server_sequence, 0, TcpFlag.SYN | TcpFlag.ACK, b""))
        self.client_sequence += 1
        self.server_sequence = (self.server_sequence + 1) % (1 << 32)
        return self

    def up(self, data: bytes, *, flags: int = TcpFlag.ACK) -> Talk:
        """From the client."""
        self._add(Segment(self.client, self.server, self.client_sequence, self.server_sequence, flags, data))
        self.client_sequence = (self.client_sequence + len(data)) % (1 << 32)
        return self

    def down(self, data: bytes, *, flags: int = TcpFlag.ACK) -> Talk:
        """From the server."""
        self._add(Segment(self.server, self.client, self.server_sequence, self.client_sequence, flags, data))
        self.server_sequence = (self.server_sequence + len(data)) % (1 << 32)
        return self

    def later(self, ns: int) -> Talk:
        self.wall_ns += ns
        return self

    def _add(self, segment: Segment) -> None:
        self.packets.append((self.wall_ns, build_segment(segment)))
        self.wall_ns += MS


def udp(source: Endpoint, target: Endpoint, payload: bytes) -> bytes:
    """An IPv4 packet with a UDP datagram, made from the TCP builder's IP header."""
    head = build_segment(Segment(source, target, 0, 0, 0, b""))[:20]
    size = 8 + len(payload)
    head = head[:2] + struct.pack(">H", 20 + size) + head[4:9] + b"\x11" + head[10:]
    return head + struct.pack(">HHHH", source.port, target.port, size, 0) + payload


def on_link(link_type: int, packet: bytes, *, vlans: int = 0) -> bytes:
    """An IP packet with the head of a link layer."""
    is_v6 = packet[0] >> 4 == 6
    kind = b"\x86\xdd" if is_v6 else b"\x08\x00"
    family = 30 if is_v6 else 2
    return {
        LinkType.ETHERNET: bytes(12) + b"\x81\x00\x00\x05" * vlans + kind,
        LinkType.LINUX_SLL: bytes(14) + kind,
        LinkType.LINUX_SLL2: kind + bytes(18),
        LinkType.NULL: struct.pack("<I", family),
        LinkType.LOOP: struct.pack(">I", family),
    }.get(LinkType(link_type), b"") + packet


def pcap(
    packets: list[tuple[int, bytes]], *, link_type: int = LinkType.RAW, order: str = "<", unit_ns: int = 1
) -> bytes:
    magic = 0xA1B23C4D if unit_ns == 1 else 0xA1B2C3D4
    parts = [struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 262144, link_type)]
    for wall_ns, data in packets:
        seconds, rest = divmod(wall_ns, 10**9)
        parts.append(struct.pack(f"{order}IIII", seconds, rest // unit_ns, len(data), len(data)) + data)
    return b"".join(parts)


@dataclass(frozen=True)
class PcapNg:
    """A section of a pcapng file."""

    order: str = "<"
    link_type: int = LinkType.RAW
    resolution: int = 9  # 10^-9; 0x80 | n for 2^-n
    offset_s: int = 0

    def block(self, kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(f"{self.order}I", len(body) + 12)
        return struct.pack(f"{self.order}I", kind) + size + body + size

    def section(self) -> bytes:
        return self.block(0x0A0D0D0A, struct.pack(f"{self.order}IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(self) -> bytes:
        options = struct.pack(f"{self.order}HHB3x", 9, 1, self.resolution)
        options += struct.pack(f"{self.order}HHq", 14, 8, self.offset_s) + bytes(4)
        return self.block(1, struct.pack(f"{self.order}HHI", self.link_type, 0, 262144) + options)

    def packet(self, wall_ns: int, data: bytes, *, interface: int = 0) -> bytes:
        base = 2 ** (self.resolution & 0x7F) if self.resolution & 0x80 else 10**self.resolution
        ticks = (wall_ns - self.offset_s * 10**9) * base // 10**9
        head = struct.pack(f"{self.order}IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        return self.block(6, head + data)

    def file(self, packets: list[tuple[int, bytes]]) -> bytes:
        return self.section() + self.interface() + b"".join(self.packet(*packet) for packet in packets)

    def big(self) -> PcapNg:
        return replace(self, order=">")
