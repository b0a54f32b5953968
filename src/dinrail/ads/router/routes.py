"""Routes: which NetId is reached how. Values only; additive, and every table is a snapshot that never changes.

A device's NetId stands in one route; one address may have many (sub-devices, EtherCAT masters). Adding a route never
touches another: a NetId that is already routed elsewhere is refused until that route is deleted, as AdsLib does.

Source: Beckhoff Information System, StaticRoutes.xml; TwinCAT SDK AdsSysAddRemote; Beckhoff/ADS AdsLib AmsRouter.cpp.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dinrail.ams.address import AMS_TCP_PORT, NULL_NET_ID, SECURE_ADS_PORT, NetId
from dinrail.errors import BadRequest, DinrailError, Refused
from dinrail.units import S_NS

MAX_NAME_BYTES = 255
MAX_ROUTES = 4096
MAX_FAULTS = 50


class Transport(enum.StrEnum):
    """How a route's connection is made."""

    TCP = "tcp"
    TLS = "tls"
    MQTT = "mqtt"


_DEFAULT_PORTS = {Transport.TCP: AMS_TCP_PORT, Transport.TLS: SECURE_ADS_PORT, Transport.MQTT: 0}


@dataclass(frozen=True, slots=True)
class Route:
    """One way to one NetId.

    host:           name or IP address; a broker's name for MQTT.
    tcp_port:       0: the transport's own.
    local_net_id:   what we speak as towards that device; None: the router's NetId.
    temporary:      not stored.
    read_only:      nothing but reading, browsing and state goes there.
    unidirectional: from there come only answers, notification requests and ReadState requests (SDK flag 0x80).
    timeout_ns:     how long one request may take.
    max_fragment:   bytes (a TwinCAT setting that we only keep).
    """

    name: str
    net_id: NetId
    host: str
    tcp_port: int = 0
    transport: Transport = Transport.TCP
    local_net_id: NetId | None = None
    temporary: bool = False
    read_only: bool = False
    unidirectional: bool = False
    timeout_ns: int = 5 * S_NS
    max_fragment: int = 0

    @property
    def endpoint(self) -> tuple[Transport, str, int]:
        """What there is one connection for: routes with the same endpoint share it.

        By a broker every device has a link of its own, so there the NetId is part of it.
        """
        host = f"{self.host}/{self.net_id}" if self.transport is Transport.MQTT else self.host.lower()
        return self.transport, host, self.tcp_port or _DEFAULT_PORTS[self.transport]


def _is_word(text: str) -> bool:
    return text.isprintable() and 0 < len(text.encode()) <= MAX_NAME_BYTES  # a lone surrogate is not printable


def check(route: Route) -> list[str]:
    """What is wrong with a route by itself; one sentence each."""
    faults = []
    if not _is_word(route.name):
        faults.append(f"a route's name is 1 to {MAX_NAME_BYTES} printable bytes")
    if not _is_word(route.host):
        faults.append(f"a route's host is 1 to {MAX_NAME_BYTES} printable bytes")
    if any(char.isspace() for char in route.host) and route.transport is not Transport.MQTT:
        faults.append(f"{route.host!r} is no host: it has blanks")
    if route.net_id == NULL_NET_ID:
        faults.append("0.0.0.0.0.0 is nobody's NetId")
    if not 0 <= route.tcp_port <= 0xFFFF:
        faults.append(f"{route.tcp_port} is no TCP port")
    if route.timeout_ns <= 0:
        faults.append("a timeout is above zero")
    if route.max_fragment < 0:
        faults.append("a fragment size is not below zero")
    return faults


class RouteExists(Refused):
    """That NetId, or that name, already has a route elsewhere (0x506 for those who ask by ADS)."""


class RouteTable:
    """Routes by NetId and name. Immutable: `added` and `removed` give new tables. Raises from these alone."""

    __slots__ = ("_by_name", "_by_net_id")

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._by_net_id: dict[bytes, Route] = {}
        self._by_name: dict[str, Route] = {}
        for route in routes:
            self._put(route)

    def _put(self, route: Route) -> None:
        faults = check(route)
        if faults:
            raise BadRequest(faults[0], where=f"route {route.name!r}", details=tuple(faults[1:]))
        known = self._by_net_id.get(route.net_id)
        if known is not None and (known.name.lower(), known.endpoint) != (route.name.lower(), route.endpoint):
            raise RouteExists(
                f"{route.net_id} is already reached by route {known.name!r} at {known.host}",
                where=f"route {route.name!r}",
                hint="delete that route first",
            )
        named = self._by_name.get(route.name.lower())
        if named is not None and named.net_id != route.net_id:
            raise RouteExists(
                f"there is a route of that name already, to {named.net_id} at {named.host}",
                where=f"route {route.name!r}",
                hint="take another name, or delete that route first",
            )
        if known is None and len(self._by_net_id) >= MAX_ROUTES:
            raise Refused(f"there are {MAX_ROUTES} routes already", where=f"route {route.name!r}")
        self._by_net_id[route.net_id] = route
        self._by_name[route.name.lower()] = route

    @classmethod
    def gather(cls, entries: Iterable[tuple[str, Callable[[], Route]]], *, where: str) -> RouteTable:
        """A table of (title, what gives the route). Raises BadRequest with the faults of all of them, or gives all."""
        table = cls()
        faults: list[str] = []
        for title, make in entries:
            try:
                table._put(make())
            except DinrailError as fault:
                faults += [f"{title}: {line}" for line in (fault.what, *fault.details)]
        if faults:
            shown = tuple(faults[:MAX_FAULTS])
            raise BadRequest(f"{len(faults)} faults", where=where, details=shown, why="none of its routes was taken")
        return table

    def __iter__(self) -> Iterator[Route]:
        return iter(tuple(self._by_net_id.values()))

    def __len__(self) -> int:
        return len(self._by_net_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouteTable) and self._by_net_id == other._by_net_id

    def __hash__(self) -> int:
        return hash(tuple(self._by_net_id.values()))

    def to(self, net_id: bytes) -> Route | None:
        """The route to a NetId."""
        return self._by_net_id.get(net_id)

    def named(self, name: str) -> Route | None:
        """The route of that name, in any spelling."""
        return self._by_name.get(name.lower())

    def added(self, route: Route) -> RouteTable:
        """This table and one more route; the same NetId, name and endpoint again renews the rest of it.

        Raises RouteExists when the NetId or the name is another route's, BadRequest when the route is none.
        """
        table = RouteTable()
        table._by_net_id, table._by_name = dict(self._by_net_id), dict(self._by_name)
        table._put(route)
        return table

    def removed(self, name: str) -> RouteTable:
        """This table without the route of that name. Raises Refused when there is none."""
        route = self.named(name)
        if route is None:
            raise Refused(f"there is no route {name!r}")
        return RouteTable(kept for kept in self if kept is not route)
