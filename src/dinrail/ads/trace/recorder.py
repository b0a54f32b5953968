"""Frames as they pass, written as a capture that Wireshark and `dinrail ads trace decode` open.

Links are told as TCP connections with IP headers of our own making: true addresses where the link has them, addresses
for documentation (192.0.2.0/24) where it has none (MQTT, inside). Each starts with a handshake, so that nobody takes it
for a connection joined in the middle.
"""

from __future__ import annotations

import enum
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from dinrail.ads.trace.packet import MAX_SEGMENT_BYTES, Endpoint, Segment, TcpFlag, build_segment
from dinrail.ads.trace.pcap import file_header, record
from dinrail.ams.address import AMS_TCP_PORT

MAX_LINKS = 8192
_SEQUENCE = 1 << 32
_NO_ADDRESS = int(ipaddress.IPv4Address("192.0.2.0"))
_FIRST_PORT = 1024
_PORTS = 0x10000 - _FIRST_PORT


class Direction(enum.StrEnum):
    """Which way a frame passed, seen from this process."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class LinkName:
    """The two ends of a link: who is over there, and where here."""

    peer: Endpoint
    local: Endpoint

    @classmethod
    def of(cls, number: int, address: str = "", *, port: int = 0, local: Endpoint | None = None) -> LinkName:
        """From a link's own number and what is known of its peer; text that is no IP address counts as none."""
        try:
            peer = str(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            peer = str(ipaddress.IPv4Address(_NO_ADDRESS | number // _PORTS & 0xFF))
        here = local or Endpoint("::1" if ":" in peer else "127.0.0.1", AMS_TCP_PORT)
        return cls(Endpoint(peer, port or _FIRST_PORT + number % _PORTS), here)


class _Side:
    """What one end has sent so far."""

    __slots__ = ("endpoint", "sequence")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.sequence = 0


class FrameRecorder:
    """Give it frames, it gives `sink` the bytes of a pcap file (IP without link layer, ns stamps).

    `max_bytes` ends the file: what comes then is counted in `dropped`. Whatever `sink` raises passes through.
    """

    def __init__(
        self, sink: Callable[[bytes], object], *, max_bytes: int = 1 << 40, max_links: int = MAX_LINKS
    ) -> None:
        self._sink = sink
        self._max_bytes = max_bytes
        self._max_links = max_links
        self._links: OrderedDict[LinkName, tuple[_Side, _Side]] = OrderedDict()
        self.frames = 0
        self.dropped = 0
        head = file_header()
        self.written_bytes = len(head)
        sink(head)

    def record(self, direction: Direction, link: LinkName, frame: bytes, wall_ns: int) -> None:
        """One frame, or any piece of a stream. Longer ones than an IP packet are cut into segments."""
        if self.written_bytes + len(frame) > self._max_bytes:
            self.dropped += 1
            return
        peer, local = self._sides(link, wall_ns)
        sender, receiver = (peer, local) if direction is Direction.IN else (local, peer)
        for at in range(0, len(frame), MAX_SEGMENT_BYTES):
            self._write(sender, receiver, TcpFlag.PSH | TcpFlag.ACK, frame[at : at + MAX_SEGMENT_BYTES], wall_ns)
        self.frames += 1

    def ended(self, link: LinkName, wall_ns: int) -> None:
        """The link is gone. One that was never recorded leaves no trace."""
        sides = self._links.pop(link, None)
        if sides is not None and self.written_bytes < self._max_bytes:
            self._write(*sides, TcpFlag.FIN | TcpFlag.ACK, b"", wall_ns)
            self._write(sides[1], sides[0], TcpFlag.FIN | TcpFlag.ACK, b"", wall_ns)

    def _sides(self, link: LinkName, wall_ns: int) -> tuple[_Side, _Side]:
        sides = self._links.get(link)
        if sides is None:
            if len(self._links) >= self._max_links:
                self._links.popitem(last=False)
            sides = self._links[link] = (_Side(link.peer), _Side(link.local))
            peer, local = sides
            self._write(peer, local, TcpFlag.SYN, b"", wall_ns)
            self._write(local, peer, TcpFlag.SYN | TcpFlag.ACK, b"", wall_ns)
            self._write(peer, local, TcpFlag.ACK, b"", wall_ns)
        else:
            self._links.move_to_end(link)
        return sides

    def _write(self, sender: _Side, receiver: _Side, flags: int, payload: bytes, wall_ns: int) -> None:
        acknowledged = receiver.sequence if flags & TcpFlag.ACK else 0
        segment = Segment(sender.endpoint, receiver.endpoint, sender.sequence, acknowledged, flags, payload)
        counts = bool(flags & (TcpFlag.SYN | TcpFlag.FIN))
        sender.sequence = (sender.sequence + len(payload) + counts) % _SEQUENCE
        data = record(wall_ns, build_segment(segment))
        self.written_bytes += len(data)
        self._sink(data)
