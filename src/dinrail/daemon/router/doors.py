"""All doors of one router, opened from the settings: plain TCP with discovery beside it, Secure ADS, brokers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from dinrail.ads.contract import Link, Origin
from dinrail.ads.numbers import Numbers, numbers_of
from dinrail.ads.settings import Door as DoorKind
from dinrail.ads.settings import Listen
from dinrail.ads.transport import tcp, udp
from dinrail.ads.transport.sink import FrameSink
from dinrail.ads.transport.tcp import Sweepable
from dinrail.ams.address import AMS_TCP_PORT, AMS_UDP_PORT
from dinrail.daemon.router.origins import Classify, addresses, is_local
from dinrail.errors import DinrailError, HostError

if TYPE_CHECKING:
    from dinrail.daemon.router.brokers import Brokers
    from dinrail.daemon.router.process import RouterProcess
    from dinrail.daemon.router.secure import SecureDoors

LOG = logging.getLogger("dinrail.ads.doors")
_LATER_S = 2.0
_ANYWHERE = str(IPv4Address(0))


class Doors:
    """Opened by `open`, closed by `close`; a door on an interface that is not there yet opens when it comes."""

    def __init__(self, process: RouterProcess) -> None:
        self._process = process
        self._open = AsyncExitStack()
        self._names: list[str] = []
        self._bound: list[tuple[str | None, int]] = []
        self._swept: list[Sweepable] = []
        self._links: list[Callable[[], list[Link]]] = []
        self._tcp = tcp.TcpCounters()
        self._udp: list[udp.UdpDoor] = []
        self._secure: SecureDoors | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self.brokers: Brokers | None = None

    async def open(self) -> None:
        """Raises HostError, BadRequest for the first door that cannot be."""
        settings = self._process.settings
        if settings.tls is not None:
            from dinrail.daemon.router.secure import SecureDoors

            self._secure = SecureDoors(self._process)
            self._process.dialler.secure = self._secure.dial
            self._process.devices.fingerprint = self._secure.own.fingerprint
        for listen in settings.listen:
            if listen.interface:
                await self._when_it_is_there(listen)
            else:
                await self._open_one(listen)
        sweeping = asyncio.create_task(tcp.sweep(self._all), name="sweep doors")
        self._open.callback(sweeping.cancel)
        if settings.brokers:
            from dinrail.daemon.router.brokers import Brokers

            self.brokers = Brokers(self._process)
            self._open.push_async_callback(self.brokers.close)
            await self.brokers.open()

    async def close(self) -> None:
        for task in self._waiting:
            task.cancel()
        for links in self._links:
            for link in links():
                link.close("the router goes down")
        await self._open.aclose()
        await asyncio.sleep(0)  # transports say their last word in the loop's next round

    def also(self, door: Sweepable) -> None:
        """A door that somebody else opened, to be looked after with the others."""
        self._swept.append(door)

    def is_own(self, address: str, port: int) -> bool:
        """Whether somebody who connects there comes in by one of these doors."""
        return any(
            port == own_port and (address == own if own is not None else is_local(address))
            for own, own_port in self._bound
        )

    def names(self) -> list[str]:
        """What is listened on, with the ports that were really taken."""
        return list(self._names)

    def counters(self) -> Mapping[str, Numbers]:
        """By kind of door."""
        found: dict[str, Numbers] = {"tcp": numbers_of(self._tcp)}
        if self._udp:
            totals = [(door.received, door.answered, door.dropped) for door in self._udp]
            received, answered, dropped = (sum(column) for column in zip(*totals, strict=True))
            found["udp"] = {"received": received, "answered": answered, "dropped": dropped}
        if self._secure is not None:
            found["tls"] = numbers_of(self._secure.counters)
        if self.brokers is not None:
            found["mqtt"] = self.brokers.numbers()
        return found

    async def _open_one(self, listen: Listen) -> None:
        for address in addresses(listen):
            if listen.door is DoorKind.SECURE:
                await self._open_secure(listen, address)
            else:
                await self._open_plain(listen, address)

    async def _open_plain(self, listen: Listen, address: str | None) -> None:
        classify = Classify(listen)
        limits = tcp.Limits(max_links=self._process.settings.limits.max_links)
        door = tcp.Door(str(listen), classify, self._enter, limits, self._tcp)
        server = await tcp.listen(door, address, listen.port)
        self._keep(server, door, lambda: list(door.links))
        port = _port_of(server)
        self._names.append(f"tcp {_shown(address)}:{port}")
        self._bound.append((address, port))
        if self._process.settings.discovery:
            await self._open_udp(classify, address, port)

    async def _open_udp(self, classify: Callable[[str], Origin], address: str | None, tcp_port: int) -> None:
        """Beside a door at the usual port discovery is at its usual port; beside any other, one above it."""
        usual = tcp_port == AMS_TCP_PORT
        port = AMS_UDP_PORT if usual else tcp_port + 1
        door = udp.UdpDoor(self._process.devices.discovery.respond, classify)
        try:
            bound = await udp.listen(door, address or _ANYWHERE, port)
        except HostError as fault:
            if usual:
                raise
            LOG.warning("no discovery: %s", fault)
            return
        self._udp.append(door)
        self._open.callback(door.close)
        self._names.append(f"udp {_shown(address)}:{bound[1]}")

    async def _open_secure(self, listen: Listen, address: str | None) -> None:
        if self._secure is None:
            raise HostError("a secure door without [ads.tls]", where=str(listen))
        server, door = await self._secure.listen(listen, address)
        self._keep(server, door, lambda: list(door.links))
        self._names.append(f"tls {_shown(address)}:{_port_of(server)}")
        self._bound.append((address, _port_of(server)))

    def _keep(self, server: asyncio.Server, door: Sweepable, links: Callable[[], list[Link]]) -> None:
        self._open.callback(server.close)
        self._swept.append(door)
        self._links.append(links)

    async def _when_it_is_there(self, listen: Listen) -> None:
        try:
            await self._open_one(listen)
        except HostError as fault:
            LOG.warning("%s; waiting for it", fault)
            task = asyncio.create_task(self._retry(partial(self._open_one, listen)), name=f"wait for {listen}")
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _retry(self, open_it: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(_LATER_S)
            with suppress(DinrailError):
                await open_it()
                return

    def _all(self) -> tuple[Sweepable, ...]:
        return (*self._swept, *self._process.dialler.doors.values())

    def _enter(self, link: Link) -> FrameSink:
        return self._process.router.connect(link)


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _shown(address: str | None) -> str:
    return "*" if address is None else f"[{address}]" if ":" in address else address
