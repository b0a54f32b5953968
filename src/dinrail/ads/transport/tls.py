"""Secure ADS on sockets: the core of `tls_core` under asyncio, for those who come (8016) and those who are dialled.

What keeps one peer from hurting the others is that of plain TCP (unsent bytes, frames that never end), and besides:

* who has not come through the handshake after `handshake_s` is dropped, however busy it keeps the line;
* beyond `max_handshakes` unfinished ones the oldest makes room: a hundred half-open connections delay nobody;
* who may come in is asked in a task of its own (a password's check takes time), and reading stops meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import cast

from dinrail.ads.contract import Origin, Via
from dinrail.ads.transport.sink import FrameSink, SinkFactory
from dinrail.ads.transport.tcp import keep_alive, listen_refusal
from dinrail.ads.transport.tls_claim import Asked, Claim, Ended, Established, Event, SecureAdsFault
from dinrail.ads.transport.tls_core import TlsCore
from dinrail.ams.address import NetId
from dinrail.errors import BadRequest, DinrailError, HostError

LOG = logging.getLogger("dinrail.ads.tls")
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class TlsLimits:
    """What one connection may cost (bytes, seconds), and how many there may be."""

    soft_bytes: int = 256 << 10
    hard_bytes: int = 8 << 20
    slow_s: float = 10.0
    frame_s: float = 10.0
    handshake_s: float = 10.0
    max_handshakes: int = 256
    max_links: int = 1024


@dataclass(slots=True)
class TlsCounters:
    """Since the process came up; `open` and `handshaking` are now.

    refused: came through TLS and were not admitted. failed: never came through it.
    """

    open: int = 0
    handshaking: int = 0
    accepted: int = 0
    established: int = 0
    refused: int = 0
    failed: int = 0
    handshake_timeouts: int = 0
    turned_away: int = 0
    slow_dropped: int = 0
    stalled_dropped: int = 0
    malformed_dropped: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(slots=True)
class TlsDoor:
    """What the links of one listener, or of one route, share.

    start:    a fresh core for a peer's IP address. A route's, too: it may be another certificate each time.
    admit:    the NetIds that are bound to whoever claims this from that IP address (`()`: any), or None: not admitted.
              A task of its own, so that it may take its time. For a route it compares the server's NetId.
    classify: the origin by IP address alone, as for plain TCP; what TLS proves is written over it.
    """

    name: str
    start: Callable[[str], TlsCore]
    admit: Callable[[Claim, str], Awaitable[tuple[NetId, ...] | None]]
    classify: Callable[[str], Origin]
    connect: SinkFactory
    limits: TlsLimits = field(default_factory=TlsLimits)
    counters: TlsCounters = field(default_factory=TlsCounters)
    links: dict[TlsLink, None] = field(default_factory=dict)

    def sweep(self, now_s: float) -> None:
        """End what takes too long: handshakes, stalled frames, peers that do not read. Call about once a second."""
        for link in tuple(self.links):
            link.check(now_s)

    def make_room(self) -> bool:
        """Whether another connection may come. The oldest unfinished handshake is given up for it.

        `links` keeps the order of their coming.
        """
        if len(self.links) < self.limits.max_links and self.counters.handshaking < self.limits.max_handshakes:
            return True
        oldest = next((link for link in self.links if link.is_waiting), None)
        if oldest is None:
            return False
        oldest.give_up("another connection needs the room")
        return True


class TlsLink(asyncio.Protocol):
    """One connection. `ads.contract.Link` towards the router once it is established, never before."""

    def __init__(self, door: TlsDoor, loop: asyncio.AbstractEventLoop, dialled: asyncio.Future[TlsLink] | None) -> None:
        self._door = door
        self._loop = loop
        self._dialled = dialled
        self._transport: asyncio.Transport
        self._core: TlsCore
        self._sink: FrameSink | None = None
        self._origin: Origin
        self._asking: asyncio.Task[None] | None = None
        self._is_closed = False
        self._started_s = loop.time()
        self._frame_s: float | None = None
        self._congested_s: float | None = None
        self._unsent = 0

    @property
    def origin(self) -> Origin:
        return self._origin

    @property
    def is_established(self) -> bool:
        return self._sink is not None

    @property
    def is_waiting(self) -> bool:
        """Not established, and not given up."""
        return self._sink is None and not self._is_closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        door = self._door
        peer = transport.get_extra_info("peername")
        self._origin = door.classify(str(peer[0]) if peer else "")
        door.counters.accepted += 1
        if not door.make_room():
            door.counters.turned_away += 1
            self._abort()
            return
        keep_alive(transport.get_extra_info("socket"))
        transport.set_write_buffer_limits(high=door.limits.soft_bytes)
        door.links[self] = None
        door.counters.open += 1
        door.counters.handshaking += 1
        self._core = door.start(self._origin.address)
        self._flush()

    def data_received(self, data: bytes) -> None:
        if not self._is_closed:
            self._door.counters.bytes_in += len(data)
            self._handle(self._core.receive(data))

    def send(self, frame: bytes) -> None:
        """Queue one whole frame."""
        if self._is_closed:
            return
        self._core.send(frame)
        self._flush()
        if not self._core.is_open:
            self.give_up("TLS broke")
        elif self._congested_s is not None:
            self._check_unsent()

    def close(self, why: str) -> None:
        """End the connection after what is queued."""
        if not self._is_closed:
            LOG.info("%s: closed: %s", self._origin.address, why)
            self._shut()

    def give_up(self, why: str) -> None:
        """End it at once."""
        LOG.info("%s: %s; connection ended", self._origin.address, why)
        self._abort()

    def pause_writing(self) -> None:
        self._congested_s = self._loop.time()
        with contextlib.suppress(RuntimeError):  # closing: nothing is read any more
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._congested_s = None
        if self._asking is None:
            with contextlib.suppress(RuntimeError):
                self._transport.resume_reading()

    def check(self, now_s: float) -> None:
        """Called by the sweep: is there a reason to end this connection?"""
        limits, counters = self._door.limits, self._door.counters
        if self._congested_s is not None and now_s - self._congested_s > limits.slow_s:
            counters.slow_dropped += 1
            self.give_up("does not read")
        elif self._is_closed and now_s - self._started_s > limits.slow_s:
            self._abort()  # said goodbye to, and still there
        elif self.is_waiting and now_s - self._started_s > limits.handshake_s:
            counters.handshake_timeouts += 1
            self.give_up(f"no Secure ADS within {limits.handshake_s:g} s")
        elif self._frame_s is not None and now_s - self._frame_s > limits.frame_s:
            counters.stalled_dropped += 1
            self.give_up(f"a frame did not end within {limits.frame_s:g} s")

    def connection_lost(self, exc: Exception | None) -> None:
        door = self._door
        self._is_closed = True
        if self._asking is not None:
            self._asking.cancel()
        if self in door.links:
            del door.links[self]
            door.counters.open -= 1
            if self._sink is None:
                door.counters.handshaking -= 1
        if self._sink is not None:
            self._sink.closed()
        why = f"the connection broke: {exc}" if exc else "the connection ended before it was established"
        self._dial_failed(HostError(why, where=self._origin.address))

    def _handle(self, events: list[Event]) -> None:
        frames = 0
        for event in events:
            if self._is_closed:
                break
            if isinstance(event, bytes):
                frames += 1
                self._frame(event)
            elif isinstance(event, Asked):
                self._transport.pause_reading()
                self._asking = self._loop.create_task(self._ask(event.claim))
            elif isinstance(event, Established):
                self._established()
            else:
                self._ended(event)
        if not self._is_closed:
            if not self._core.pending_bytes:
                self._frame_s = None
            elif frames or self._frame_s is None:
                self._frame_s = self._loop.time()
        self._flush()

    def _frame(self, frame: bytes) -> None:
        answer = self._sink.receive(frame) if self._sink is not None else None
        if answer:
            self._core.send(answer)
            self._unsent += len(answer)
            if self._unsent > self._door.limits.soft_bytes:  # one read may hold thousands of requests
                self._flush()
                self._check_unsent()

    async def _ask(self, claim: Claim) -> None:
        net_ids: tuple[NetId, ...] | None = None
        try:
            net_ids = await self._door.admit(claim, self._origin.address)
        except DinrailError as fault:
            LOG.warning("%s: whether %r may come in could not be found out: %s", self._origin.address, claim, fault)
        self._asking = None
        if self._is_closed:
            return
        if net_ids is not None:
            self._origin = replace(
                self._origin, via=Via.TLS, listener=self._door.name, identity=claim.identity, net_ids=net_ids
            )
        if self._congested_s is None:
            self._transport.resume_reading()
        self._handle(self._core.decide(admitted=net_ids is not None))

    def _established(self) -> None:
        counters = self._door.counters
        counters.handshaking -= 1
        counters.established += 1
        self._sink = self._door.connect(self)
        LOG.info("%s: %s (%s)", self._origin.address, self._origin.identity, self._core.cipher)
        if self._dialled is not None and not self._dialled.done():
            self._dialled.set_result(self)

    def _ended(self, event: Ended) -> None:
        fault, counters = event.fault, self._door.counters
        if fault is not None:
            if self.is_established:
                counters.malformed_dropped += 1
            elif fault.error:
                counters.refused += 1
            else:
                counters.failed += 1
            LOG.info("%s: %s; connection ended", self._origin.address, fault)
            self._dial_failed(fault)
        self._shut()

    def _dial_failed(self, fault: DinrailError) -> None:
        if self._dialled is not None and not self._dialled.done():
            self._dialled.set_exception(fault)

    def _check_unsent(self) -> None:
        if not self._is_closed and self._transport.get_write_buffer_size() > self._door.limits.hard_bytes:
            self._door.counters.slow_dropped += 1
            self.give_up("too much unsent")

    def _flush(self) -> None:
        self._unsent = 0
        data = self._core.outgoing()
        if data and not self._transport.is_closing():
            self._door.counters.bytes_out += len(data)
            self._transport.write(data)

    def _shut(self) -> None:
        self._core.close()
        self._flush()
        self._is_closed = True
        self._started_s = self._loop.time()
        self._transport.close()

    def _abort(self) -> None:
        self._is_closed = True
        self._transport.abort()


async def listen(door: TlsDoor, host: str | None, port: int) -> asyncio.Server:
    """Accept Secure ADS on one address. Raises BadRequest for an address that is none, HostError when it is taken."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(lambda: TlsLink(door, loop, None), host, port, backlog=_BACKLOG)
    except socket.gaierror as fault:
        hint = "an IP address, or a name of this one"
        raise BadRequest(f"{host!r} is no address of this machine", hint=hint) from fault
    except (OSError, OverflowError) as fault:
        raise listen_refusal(fault, host, port) from fault


async def dial(door: TlsDoor, host: str, port: int, *, timeout_s: float) -> TlsLink:
    """Call on a Secure ADS server; `door.connect` gets the link once the server is known and has let us in.

    Raises SecureAdsFault (refused, by either side) or HostError (no connection).
    """
    loop = asyncio.get_running_loop()
    dialled: asyncio.Future[TlsLink] = loop.create_future()
    where = f"{host}:{port}"
    link: TlsLink | None = None
    try:
        async with asyncio.timeout(timeout_s):
            _, link = await loop.create_connection(lambda: TlsLink(door, loop, dialled), host, port)
            return await dialled
    except TimeoutError as fault:
        raise HostError("no Secure ADS connection", where=where, why=f"within {timeout_s:g} s") from fault
    except SecureAdsFault as fault:
        fault.where = where
        raise
    except OSError as fault:
        raise HostError("cannot connect", where=where, why=fault.strerror or str(fault)) from fault
    finally:
        if link is not None and not (dialled.done() and not dialled.cancelled() and dialled.exception() is None):
            link.give_up("not established")
        dialled.cancel()
