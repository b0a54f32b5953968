"""AMS over TCP (port 48898): one asyncio protocol for connections that came in and for those that were dialled.

What keeps one client from hurting the others:

* reading stops while more than `Limits.soft_bytes` of a client's answers are unsent, so that its own requests wait;
* a client that has `hard_bytes` unsent, or has not drained for `slow_s`, is dropped and counted;
* a frame that is not complete within `frame_s` of its first byte ends its connection (slowloris);
* a connection that has not said one whole frame within `silent_s` ends; the kernel's keep-alive ends half-open ones;
* beyond `max_links` the longest silent connection makes room, and where none is silent the new one is turned away.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, cast

from dinrail.ads.contract import Origin
from dinrail.ads.transport.sink import FrameSink, SinkFactory
from dinrail.ams.frame import TCP_HEADER_BYTES, Decoder
from dinrail.errors import BadRequest, FormatError, HostError

LOG = logging.getLogger("dinrail.ads.tcp")
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
_SWEEP_S = 1.0
_BACKLOG = 1024


class Sweepable(Protocol):
    """A door of any kind: what its links wait for in vain is ended once a second."""

    def sweep(self, now_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost (bytes, seconds), and how many there may be."""

    soft_bytes: int = 256 << 10
    hard_bytes: int = 8 << 20
    slow_s: float = 10.0
    frame_s: float = 10.0
    silent_s: float = 60.0
    max_links: int = 4096


@dataclass(slots=True)
class TcpCounters:
    """Since the process came up; `open` is now."""

    open: int = 0
    accepted: int = 0
    turned_away: int = 0
    slow_dropped: int = 0
    stalled_dropped: int = 0
    silent_dropped: int = 0
    malformed_dropped: int = 0


@dataclass(slots=True)
class Door:
    """What the links of one listener, or of one route, share."""

    name: str
    classify: Callable[[str], Origin]
    connect: SinkFactory
    limits: Limits = field(default_factory=Limits)
    counters: TcpCounters = field(default_factory=TcpCounters)
    links: set[TcpLink] = field(default_factory=set)

    def sweep(self, now_s: float) -> None:
        """End what waits for nothing: stalled frames, slow readers, connections that never said anything."""
        for link in tuple(self.links):
            link.check(now_s)


class TcpLink(asyncio.Protocol):
    """One connection. `ads.contract.Link` towards the router, asyncio's protocol towards the socket."""

    __slots__ = (
        "_closed",
        "_congested_s",
        "_decoder",
        "_door",
        "_loop",
        "_origin",
        "_quick",
        "_receive",
        "_sink",
        "_spoke",
        "_started_s",
        "_transport",
        "_write_out",
    )

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop
        self._decoder: Decoder | None = None
        self._closed = False
        self._spoke = False
        self._congested_s: float | None = None
        self._started_s = loop.time()
        self._transport: asyncio.Transport
        self._origin: Origin
        self._sink: FrameSink
        self._receive: Callable[[bytes], bytes | None]
        self._quick: Callable[[bytes], bytes | None]
        self._write_out: Callable[[bytes], None]

    @property
    def origin(self) -> Origin:
        return self._origin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's own class is none by inheritance
        door = self._door
        if len(door.links) >= door.limits.max_links and not self._make_room():
            door.counters.turned_away += 1
            self._closed = True
            transport.abort()
            return
        peer = transport.get_extra_info("peername")
        self._origin = door.classify(str(peer[0]) if peer else "")
        keep_alive(transport.get_extra_info("socket"))
        transport.set_write_buffer_limits(high=door.limits.soft_bytes)
        door.links.add(self)
        door.counters.open += 1
        door.counters.accepted += 1
        self._sink = door.connect(self)
        self._receive, self._quick = self._sink.receive, self._sink.quick
        self._write_out = transport.write

    def data_received(self, data: bytes) -> None:
        if self._decoder is None:
            answer = self._quick(data)
            if answer is not None:
                self._write_out(answer)
                return
            size = len(data)
            if size > TCP_HEADER_BYTES and int.from_bytes(data[2:6], "little") + TCP_HEADER_BYTES == size:
                self._spoke = True  # the usual case: one whole frame in one segment
                answer = self._receive(data)
                if answer:
                    self._write_out(answer)
                return
        self._slow(data)

    def _slow(self, data: bytes) -> None:
        """Segments that are not exactly one frame. Answers to one segment leave together."""
        if self._closed:
            return
        if self._decoder is None:
            self._decoder = Decoder()
            self._started_s = self._loop.time()
        answers: list[bytes] = []
        try:
            for frame in self._decoder.feed(data):
                self._spoke = True
                self._started_s = self._loop.time()
                answer = self._receive(frame)
                if answer:
                    answers.append(answer)
                if self._ended():
                    break
        except FormatError as fault:
            self._door.counters.malformed_dropped += 1
            LOG.info("%s: %s; connection ended", self._origin.address, fault)
            self._write(answers)
            self._closed = True
            self._transport.close()  # not abort: what came before the fault keeps its answer
            return
        self._write(answers)
        if self._decoder is not None and not self._decoder.pending_bytes:
            self._decoder = None

    def _ended(self) -> bool:
        return self._closed

    def _write(self, answers: list[bytes]) -> None:
        if answers and not self._closed:
            self._transport.write(b"".join(answers))

    def send(self, frame: bytes) -> None:
        if self._closed:
            return
        transport = self._transport
        if transport.is_closing():
            return  # lost already, and `connection_lost` not called yet
        transport.write(frame)
        if self._congested_s is not None and transport.get_write_buffer_size() > self._door.limits.hard_bytes:
            self._drop_slow("too much unsent")

    def close(self, why: str) -> None:
        if not self._closed:
            LOG.debug("%s: closed: %s", self._origin.address, why)
            self._closed = True
            self._transport.close()

    def pause_writing(self) -> None:
        self._congested_s = self._loop.time()
        with contextlib.suppress(RuntimeError):  # closing: nothing is read any more
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._congested_s = None
        with contextlib.suppress(RuntimeError):
            self._transport.resume_reading()

    def check(self, now_s: float) -> None:
        """Called by the sweep: is there a reason to end this connection?"""
        limits, counters = self._door.limits, self._door.counters
        if self._congested_s is not None and now_s - self._congested_s > limits.slow_s:
            self._drop_slow("does not read")
        elif self._decoder is not None and now_s - self._started_s > limits.frame_s:
            counters.stalled_dropped += 1
            LOG.info("%s: a frame did not end within %g s; connection ended", self._origin.address, limits.frame_s)
            self._abort()
        elif not self._spoke and now_s - self._started_s > limits.silent_s:
            counters.silent_dropped += 1
            self._abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._closed = True
        if self in self._door.links:
            self._door.links.discard(self)
            self._door.counters.open -= 1
            self._sink.closed()

    def _make_room(self) -> bool:
        silent = [link for link in self._door.links if not link._spoke]
        if not silent:
            return False
        oldest = min(silent, key=lambda link: link._started_s)
        self._door.counters.silent_dropped += 1
        oldest._abort()
        return True

    def _drop_slow(self, why: str) -> None:
        self._door.counters.slow_dropped += 1
        LOG.warning("%s: %s; dropped", self._origin.address, why)
        self._abort()

    def _abort(self) -> None:
        self._closed = True
        self._transport.abort()


def keep_alive(sock: socket.socket | None) -> None:
    """Half-open peers are found by the kernel within half a minute."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own loopback, in any spelling."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


async def listen(door: Door, host: str | None, port: int) -> asyncio.Server:
    """Accept connections on one address, or on all. Raises BadRequest for what is none, HostError when it is taken."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(lambda: TcpLink(door, loop), host, port, backlog=_BACKLOG)
    except socket.gaierror as fault:
        raise BadRequest(
            f"{host!r} is no address of this machine", hint="an IP address, or a name of this one"
        ) from fault
    except (OSError, OverflowError) as fault:
        raise listen_refusal(fault, host, port) from fault


def listen_refusal(fault: Exception, host: str | None, port: int) -> HostError:
    """Why an address could not be listened on, and what to try."""
    why = getattr(fault, "strerror", None) or str(fault)
    hint = f"`ss -lntup sport = :{port}` shows who has it; `--listen ADDRESS:PORT` takes another"
    return HostError("cannot listen", where=f"{host or '*'}:{port}", why=why, hint=hint)


async def dial(door: Door, host: str, port: int, *, timeout_s: float) -> None:
    """Open a connection; `door.connect` gets its link. Raises HostError with the reason."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            await loop.create_connection(lambda: TcpLink(door, loop), host, port)
    except TimeoutError as fault:
        raise HostError(
            "no answer to the connection attempt", where=f"{host}:{port}", why=f"{timeout_s:g} s"
        ) from fault
    except OSError as fault:
        raise HostError("cannot connect", where=f"{host}:{port}", why=fault.strerror or str(fault)) from fault


async def sweep(doors: Callable[[], Iterable[Sweepable]]) -> None:
    """Look after all doors until cancelled. They are asked for anew each time: routes come and go."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_S)
        for door in tuple(doors()):
            door.sweep(loop.time())
