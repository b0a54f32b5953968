"""One TCP connection of a client: bytes to and from its core, requests as awaitables.

A link ends once and is never opened again; `connection.AdsClient` makes the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from dinrail.ads.client.core import (
    Answer,
    ClientCore,
    Notified,
    PortClosed,
    PortGiven,
    RouterNote,
)
from dinrail.ads.client.faults import LinkLost, discover, route_back
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsError
from dinrail.ams.local import close_request, connect_request
from dinrail.errors import FormatError

_KEEPALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3))
"""A peer whose power went is noticed within 20 s, although nothing is asked of it."""


@dataclass(frozen=True, slots=True)
class LinkEvents:
    """Whom a link tells. Each is called in the event loop, in the order of the bytes, and must not raise."""

    notified: Callable[[Notified], None]
    router_note: Callable[[int], None]
    ended: Callable[[ClientLink, LinkLost], None]


class ClientLink(asyncio.Protocol):
    """A connection that is open, or was."""

    def __init__(self, core: ClientCore, events: LinkEvents, host: str) -> None:
        self.core = core
        self.host = host
        self.ended: LinkLost | None = None
        self._events = events
        self._transport: asyncio.Transport | None = None
        self._answers: dict[int, tuple[asyncio.Future[Answer], Callable[[Answer], None] | None]] = {}
        self._router: asyncio.Future[PortGiven | PortClosed] | None = None
        self._heard = False
        self._may_write = asyncio.Event()
        self._may_write.set()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none by inheritance
        tcp = transport.get_extra_info("socket")
        if tcp is not None:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE:
                if hasattr(socket, name):
                    tcp.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            for event in self.core.feed(data):
                if isinstance(event, Answer):
                    self._answered(event)
                elif isinstance(event, Notified):
                    self._events.notified(event)
                elif isinstance(event, RouterNote):
                    self._events.router_note(event.state)
                elif isinstance(event, PortGiven | PortClosed):
                    self._routed(event)
        except FormatError as fault:
            self.abort(f"what came is not AMS: {fault}")

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, fault: Exception | None) -> None:
        what = f"the connection broke: {fault}" if fault else "the other side ended the connection"
        # TwinCAT ends a connection at the first frame from a NetId that it has no route to.
        hint = None if self._heard else route_back(self.peer_ip or self.host, self.core.address.net_id)
        self._end(what, hint)

    # the client's side

    @property
    def local_ip(self) -> str:
        """Our IP address on this connection."""
        return self._name("sockname")

    @property
    def peer_ip(self) -> str:
        """The other end's."""
        return self._name("peername")

    async def ask(
        self, target: AmsAddr, command: int, body: bytes, timeout_s: float, at_once: Callable[[Answer], None] | None
    ) -> Answer:
        """Send one request and wait for its answer.

        at_once: called with the answer before anything that came after it is looked at.
        Raises LinkLost, and TimeoutError after `timeout_s` (which includes waiting for the peer to read).
        """
        async with asyncio.timeout(timeout_s):
            while not self._may_write.is_set() and self.ended is None:
                await self._may_write.wait()
            invoke_id = -1
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            try:
                if self.ended is not None or self._transport is None:
                    raise again(self.ended)
                invoke_id, frame = self.core.request(target, command, body)
                self._answers[invoke_id] = (future, at_once)
                self._transport.write(frame)
                return await future
            finally:
                self.core.forget(invoke_id)
                self._answers.pop(invoke_id, None)

    async def connect_port(self, wanted: int, timeout_s: float) -> PortGiven | None:
        """Ask the local router for a port. None when whoever is there does not know how to."""
        event = await self._ask_router(connect_request(wanted), timeout_s)
        return event if isinstance(event, PortGiven) and event.address.port else None

    async def close(self, timeout_s: float) -> None:
        """Give the port back, when it is the router's, and end the connection."""
        if self.core.router_net_id is not None and self.ended is None:
            await self._ask_router(close_request(self.core.address.port), timeout_s)
        self.abort("closed by us", politely=True)

    def abort(self, why: str, *, politely: bool = False) -> None:
        """End the connection now; politely: after what is still to be sent."""
        self._end(why)
        if self._transport is not None:
            if politely:
                self._transport.close()
            else:
                self._transport.abort()

    async def _ask_router(self, frame: bytes, timeout_s: float) -> PortGiven | PortClosed | None:
        if self.ended is not None or self._transport is None:
            return None
        self._router = asyncio.get_running_loop().create_future()
        self._transport.write(frame)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await self._router
        return None

    def _answered(self, answer: Answer) -> None:
        future, at_once = self._answers.pop(answer.invoke_id, (None, None))
        if future is None or future.done():
            return
        if at_once is not None:
            at_once(answer)
        if not future.done():  # `at_once` may have ended whoever waited
            future.set_result(answer)

    def _routed(self, event: PortGiven | PortClosed) -> None:
        if self._router is not None and not self._router.done():
            self._router.set_result(event)

    def _end(self, why: str, hint: str | None = None) -> None:
        if self.ended is not None:
            return
        self.ended = LinkLost(AdsError.PORT_NOT_CONNECTED, why, where=self.host, hint=hint)
        self._may_write.set()
        for future, _ in self._answers.values():
            if not future.done():
                future.set_exception(again(self.ended))
                future.exception()  # somebody may have stopped waiting
        self._answers.clear()
        if self._router is not None and not self._router.done():
            self._router.set_result(PortClosed())
        self._events.ended(self, self.ended)

    def _name(self, which: str) -> str:
        name = self._transport.get_extra_info(which) if self._transport is not None else None
        return str(name[0]) if isinstance(name, Sequence) and name else ""


def again(fault: LinkLost | None) -> LinkLost:
    """The same fault for one more request: an exception that is raised twice would tell both ways it came."""
    if fault is None:
        return LinkLost(AdsError.PORT_NOT_CONNECTED, "the connection is not open")
    return LinkLost(fault.code, fault.what, where=fault.where, hint=fault.hint)


async def open_tcp(host: str, port: int, core: ClientCore, events: LinkEvents, timeout_s: float) -> ClientLink:
    """Connect by TCP. Raises LinkLost with the reason and what to try."""
    where = f"{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, link = await loop.create_connection(lambda: ClientLink(core, events, host), host, port)
    except TimeoutError as fault:
        raise LinkLost(
            AdsError.HOST_UNREACHABLE,
            f"no connection within {timeout_s:g} s",
            where=where,
            hint="a firewall may drop it: TwinCAT/BSD leaves only 8016 (Secure ADS) open",
        ) from fault
    except OSError as fault:
        # asyncio puts the address where the system's own words should be.
        what = os.strerror(fault.errno) if fault.errno and fault.errno > 0 else fault.strerror or str(fault)
        raise LinkLost(AdsError.HOST_UNREACHABLE, what, where=where, hint=_refused(host)) from fault
    return link


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own loopback."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    return False


def _refused(host: str) -> str:
    if host == "localhost" or is_loopback(host):
        return "no router runs here: `dinrail ads serve` starts one; `--to HOST` asks another machine"
    return f"is it on, and does it speak ADS? `{discover(host)}`"
