"""Connections that the router asks for: one for each endpoint, by TCP or Secure ADS; a broker's are there already."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from dinrail.ads.contract import Link, Origin, Via
from dinrail.ads.router.core import Router
from dinrail.ads.router.routes import Route, Transport
from dinrail.ads.transport import tcp
from dinrail.ads.transport.sink import FrameSink
from dinrail.ads.transport.tcp import Door
from dinrail.errors import DinrailError
from dinrail.units import S_NS

LOG = logging.getLogger("dinrail.ads.dial")
DialSecure = Callable[[Route], Coroutine[Any, Any, None]]
"""Opens a Secure ADS connection for a route and gives the router its link. Raises DinrailError."""


class Dialler:
    """What `Router(dial=...)` calls. `router`, and what else can be dialled, are set once they are there."""

    def __init__(self, limits: tcp.Limits) -> None:
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self.router: Router | None = None
        self.secure: DialSecure | None = None
        self.join: Callable[[Route], object] | None = None
        self.is_own: Callable[[str, int], bool] = lambda _address, _port: False
        self.doors: dict[str, Door] = {}

    def __call__(self, route: Route) -> None:
        if route.transport is Transport.MQTT:
            self._broker(route)
            return
        task = asyncio.get_running_loop().create_task(self._dial(route), name=f"dial {route.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for door in self.doors.values():
            for link in tuple(door.links):
                link.close("the router goes down")

    def _broker(self, route: Route) -> None:
        if self.join is None:
            self._failed(route, "no broker is configured")
            return
        try:
            self.join(route)
        except DinrailError as fault:
            self._failed(route, str(fault))

    async def _dial(self, route: Route) -> None:
        _, host, port = route.endpoint
        if await self._leads_here(host, port):
            # Else one frame would go round until no client is left to be had.
            self._failed(route, f"{host}:{port} is this router itself")
            return
        try:
            if route.transport is Transport.TLS:
                if self.secure is None:
                    self._failed(route, "Secure ADS is not configured here: there is no [ads.tls]")
                    return
                await self.secure(route)
            else:
                await tcp.dial(self._door(route), host, port, timeout_s=route.timeout_ns / S_NS)
        except DinrailError as fault:
            self._failed(route, str(fault))

    async def _leads_here(self, host: str, port: int) -> bool:
        """Whether any address of that name is one of our own doors."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return False  # dialling says so in its own words
        return any(self.is_own(str(address[0]), int(address[1])) for *_, address in found)

    def _door(self, route: Route) -> Door:
        """Made anew for each attempt: the link belongs to the route as it is now. Counters are kept."""
        known = self.doors.get(route.name)

        def connect(link: Link) -> FrameSink:
            LOG.info("route %s: connected to %s", route.name, route.host)
            return self._up(route, link)

        def classify(address: str) -> Origin:
            # Never this machine, whatever the address: a tunnel's near end is 127.0.0.1, and its far end is a device.
            return Origin(Via.LAN, f"route {route.name}", address)

        door = Door(f"route {route.name}", classify, connect, self._limits)
        if known is not None:
            door.counters, door.links = known.counters, known.links
        self.doors[route.name] = door
        return door

    def _up(self, route: Route, link: Link) -> FrameSink:
        if self.router is None:
            raise RuntimeError("a route was dialled before there is a router")
        return self.router.upstream_up(route, link)

    def _failed(self, route: Route, why: str) -> None:
        LOG.warning("route %s: %s", route.name, why)
        if self.router is not None:
            self.router.upstream_failed(route, why)
