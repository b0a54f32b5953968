"""The route table and its connections: one for each endpoint that a route names and somebody has asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.ads.contract import Origin, Via
from dinrail.ads.router.routes import Route, RouteTable, Transport
from dinrail.ads.router.upstream import Upstream
from dinrail.ams.errors import AdsError
from dinrail.errors import Refused

if TYPE_CHECKING:
    from dinrail.ads.router.core import Router
    from dinrail.ads.router.session import Session
    from dinrail.ams.address import NetId

_VIA = {Transport.TCP: Via.LAN, Transport.TLS: Via.TLS, Transport.MQTT: Via.MQTT}


class Uplinks:
    """All upstream connections of a router."""

    def __init__(self, router: Router, table: RouteTable, dial: Callable[[Route], None]) -> None:
        self._router = router
        self._dial = dial
        self._by_endpoint: dict[tuple[Transport, str, int], Upstream] = {}
        self.table = RouteTable()
        self.replace(table)

    def replace(self, table: RouteTable) -> None:
        """Take another table. Raises Refused, and changes nothing, when a route claims what is another's."""
        for route in table:
            if self.table.to(route.net_id) != route:
                self._check(route)
        self.table = table
        for endpoint, upstream in tuple(self._by_endpoint.items()):
            routes = self._sharing(endpoint)
            if routes:
                for route in upstream.routes:
                    if table.to(route.net_id) not in routes:
                        upstream.device_gone(route.net_id)
                upstream.renew(routes)
            else:
                del self._by_endpoint[endpoint]
                upstream.shut(AdsError.HOST_UNREACHABLE, "the route was deleted", in_header=True)

    def _check(self, route: Route) -> None:
        where = f"route {route.name!r}"
        if route.net_id in self._router.own:
            raise Refused(f"{route.net_id} is served here", where=where, hint="give one of the two another NetId")
        origin = Origin(_VIA[route.transport], where, route.host, identity=self._router.identity_of(route))
        if not self._router.policy.accepts_source(origin, route.net_id):
            raise Refused(
                f"{route.net_id} is bound to somebody else than {route.host}",
                where=where,
                why="what is asked of a bound NetId would be answered by whoever is at that address",
            )

    def _sharing(self, endpoint: tuple[Transport, str, int]) -> tuple[Route, ...]:
        return tuple(route for route in self.table if route.endpoint == endpoint)

    def to(self, net_id: bytes) -> Upstream | None:
        """The connection of the route to that NetId, made (not dialled) when there is none. None: no route."""
        route = self.table.to(net_id)
        if route is None:
            return None
        upstream = self._by_endpoint.get(route.endpoint)
        if upstream is None:
            upstream = Upstream(self._router, self._sharing(route.endpoint), self._dial)
            self._by_endpoint[route.endpoint] = upstream
        return upstream

    def may_speak(self, session: Session, net_id: NetId) -> bool:
        """Whether that connection's other end may be `net_id`: not when another connection leads there."""
        route = self.table.to(net_id)
        return route is None or self.at(route) is session.outlet

    def at(self, route: Route) -> Upstream | None:
        """The connection that `route` was dialled for, when it is still wanted."""
        return self._by_endpoint.get(route.endpoint)

    def all(self) -> tuple[Upstream, ...]:
        """Every connection that was ever asked for, up or not."""
        return tuple(self._by_endpoint.values())

    def tick(self, now_ns: int) -> None:
        """Time out, dial again."""
        for upstream in self.all():
            upstream.tick(now_ns)

    def due_ns(self) -> int | None:
        """When the first of them is due."""
        dues = (upstream.due_ns() for upstream in self._by_endpoint.values())
        return min((due for due in dues if due is not None), default=None)

    def shutdown(self) -> None:
        """Answer what is pending, close, and dial no more."""
        for upstream in self.all():
            upstream.shut(AdsError.ABORTED, "the router ends", in_header=False)
        self._by_endpoint.clear()
        self.table = RouteTable()
