"""All AMS connections of a capture: packets in, frames and datagrams out, memory bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from dinrail.ads.trace.captured import Captured
from dinrail.ads.trace.packet import Datagram, Endpoint, Segment, TcpFlag, parse_packet
from dinrail.ads.trace.stream import Assembler, FrameStream
from dinrail.ams.address import AMS_TCP_PORT, AMS_UDP_PORT
from dinrail.errors import FormatError

MAX_FLOWS = 4096
"""Directions that are followed at a time; the one that was silent longest is given up for a new one."""
MAX_BUFFERED_BYTES = 64 << 20
"""Of all unfinished frames and waiting segments together: flows are given up from the longest silent one on."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame or discovery datagram on its way. `wall_ns` is when its last byte was captured."""

    wall_ns: int
    source: Endpoint
    target: Endpoint
    data: bytes
    is_datagram: bool = False


@dataclass(slots=True)
class FlowCounters:
    """What could not be used. Packets, but for `skipped_bytes` (of AMS streams) and `gaps`."""

    packets: int = 0
    other: int = 0
    unreadable: int = 0
    gaps: int = 0
    skipped_bytes: int = 0
    given_up: int = 0


class _Flow:
    """One direction of one connection."""

    __slots__ = ("assembler", "buffered", "stream", "told_skipped")

    def __init__(self) -> None:
        self.assembler = Assembler()
        self.stream = FrameStream()
        self.buffered = 0
        self.told_skipped = 0


class Flows:
    """Follows every TCP connection that has one of `ports` at either end, and UDP on the discovery port."""

    def __init__(self, ports: Collection[int] = (AMS_TCP_PORT,), *, max_flows: int = MAX_FLOWS) -> None:
        self._ports = frozenset(ports)
        self._max_flows = max_flows
        self._flows: OrderedDict[tuple[Endpoint, Endpoint], _Flow] = OrderedDict()
        self._buffered = 0
        self.counters = FlowCounters()

    def add(self, captured: Captured) -> Iterator[Seen]:
        """What this packet completes. Never raises."""
        self.counters.packets += 1
        try:
            packet = parse_packet(captured)
        except FormatError:
            self.counters.unreadable += 1
            return
        if packet is None or not self._concerns(packet):
            self.counters.other += 1
        elif isinstance(packet, Datagram):
            yield Seen(captured.wall_ns, packet.source, packet.target, packet.payload, is_datagram=True)
        else:
            yield from self._segment(packet, captured.wall_ns)

    def finish(self, wall_ns: int = 0) -> Iterator[Seen]:
        """What still waits behind holes when the capture ends."""
        for (source, target), flow in self._flows.items():
            yield from self._frames(flow, flow.assembler.finish(), source, target, wall_ns)

    def _concerns(self, packet: Segment | Datagram) -> bool:
        ends = (packet.source.port, packet.target.port)
        return AMS_UDP_PORT in ends if isinstance(packet, Datagram) else not self._ports.isdisjoint(ends)

    def _segment(self, segment: Segment, wall_ns: int) -> Iterator[Seen]:
        key = (segment.source, segment.target)
        flow = self._flows.get(key)
        if segment.flags & TcpFlag.SYN:
            if flow is not None:
                yield from self._close(key, wall_ns)
            flow = self._open(key)
            flow.assembler.start(segment.sequence)
            return
        if flow is None:
            if not segment.payload:
                return
            flow = self._open(key)
        self._flows.move_to_end(key)
        if segment.payload:
            pieces = flow.assembler.add(segment.sequence, segment.payload, wall_ns)
            yield from self._frames(flow, pieces, *key, wall_ns)
        if segment.flags & TcpFlag.RST:
            yield from self._close(key, wall_ns)
        while self._buffered > MAX_BUFFERED_BYTES:
            yield from self._give_up(wall_ns)

    def _frames(
        self, flow: _Flow, pieces: Iterator[bytes | None], source: Endpoint, target: Endpoint, wall_ns: int
    ) -> Iterator[Seen]:
        for piece in pieces:
            if piece is None:
                self.counters.gaps += 1
                flow.stream.gap()
            else:
                for frame in flow.stream.feed(piece):
                    yield Seen(wall_ns, source, target, frame)
        buffered = flow.stream.pending_bytes + flow.assembler.pending_bytes
        self._buffered += buffered - flow.buffered
        flow.buffered = buffered
        self.counters.skipped_bytes += flow.stream.skipped_bytes - flow.told_skipped
        flow.told_skipped = flow.stream.skipped_bytes

    def _open(self, key: tuple[Endpoint, Endpoint]) -> _Flow:
        while len(self._flows) >= self._max_flows:
            self._forget(next(iter(self._flows)))
            self.counters.given_up += 1
        flow = self._flows[key] = _Flow()
        return flow

    def _close(self, key: tuple[Endpoint, Endpoint], wall_ns: int) -> Iterator[Seen]:
        flow = self._flows[key]
        yield from self._frames(flow, flow.assembler.finish(), *key, wall_ns)
        self._forget(key)

    def _give_up(self, wall_ns: int) -> Iterator[Seen]:
        self.counters.given_up += 1
        yield from self._close(next(iter(self._flows)), wall_ns)

    def _forget(self, key: tuple[Endpoint, Endpoint]) -> None:
        self._buffered -= self._flows.pop(key).buffered
