"""The discovery port (UDP 48899): datagrams in, answers out. What is answered, and to whom, decides `respond`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from dinrail.ads.contract import Origin
from dinrail.ads.transport.tcp import listen_refusal

LOG = logging.getLogger("dinrail.ads.udp")
MAX_DATAGRAM_BYTES = 2048
"""Real requests are below 300 bytes; what is longer is not looked at."""
_MAX_IN_WORK = 16

Responder = Callable[[bytes, Origin], Awaitable[bytes | None]]
"""The answer to a datagram from there, or None for silence. Checking a password takes time, so it is awaited."""


class UdpDoor(asyncio.DatagramProtocol):
    """One socket. At most `_MAX_IN_WORK` datagrams are worked on at a time; more are dropped and counted."""

    def __init__(self, respond: Responder, classify: Callable[[str], Origin]) -> None:
        self._respond = respond
        self._classify = classify
        self._work: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self.received = 0
        self.answered = 0
        self.dropped = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's own class is none by inheritance

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received += 1
        if len(data) > MAX_DATAGRAM_BYTES or len(self._work) >= _MAX_IN_WORK:
            self.dropped += 1
            return
        task = asyncio.get_running_loop().create_task(self._answer(data, addr))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = await self._respond(data, self._classify(addr[0]))
        if answer is not None and self._transport is not None and not self._transport.is_closing():
            self.answered += 1
            self._transport.sendto(answer, addr)

    def error_received(self, exc: Exception) -> None:
        LOG.debug("%s", exc)  # an earlier answer found nobody there

    def close(self) -> None:
        for task in self._work:
            task.cancel()
        if self._transport is not None:
            self._transport.close()


async def listen(door: UdpDoor, host: str, port: int) -> tuple[str, int]:
    """Bind the door to one address; returns the address it got. Raises HostError when it is taken."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: door, local_addr=(host, port))
    except (OSError, OverflowError) as fault:
        raise listen_refusal(fault, host, port) from fault
    bound = transport.get_extra_info("sockname")
    return str(bound[0]), int(bound[1])
