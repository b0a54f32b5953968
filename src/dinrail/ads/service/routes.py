"""Routes by port 10000: add, delete, enumerate, test, and MQTT on and off (index groups 801-808).

The service only translates; the router owns its table and refuses what it does not want. A refused addition has changed
nothing. What a route here cannot say (a TLS block of unknown form, further NetIds in one route) is refused, too, and
not half taken.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from dinrail.ads.contract import Action
from dinrail.ads.router.routes import Route, RouteExists, Transport
from dinrail.ads.service.access import Access, Service, Services, always, changing, text_of
from dinrail.ams import remote
from dinrail.ams.address import NET_ID_BYTES, NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.remote import AddRemote, RemoteFlag
from dinrail.ams.service import MqttSwitch, ServiceGroup
from dinrail.errors import BadRequest, DinrailError, FormatError, Refused
from dinrail.units import S_NS

MAX_TIMEOUT_S = 3600


class RouteAdmin(Protocol):
    """The router, as far as its routes can be changed from outside."""

    def routes(self) -> tuple[Route, ...]:
        """All of them, in an order that only changes when they do."""

    def add(self, route: Route) -> None:
        """Add and keep (unless temporary). Raises any DinrailError; then nothing has changed."""

    def remove(self, name: str) -> None:
        """Raises Refused when there is no such route."""

    def is_connected(self, route: Route) -> bool:
        """Whether its connection stands now."""

    def switch_mqtt(self, enabled: bool, *, temporary: bool) -> None:
        """Brokers on or off. Raises Refused, e.g. when none is configured."""


class RouteService:
    """`admin` None: this process has no routes that could be changed; enumerating gives none."""

    def __init__(self, admin: RouteAdmin | None) -> None:
        self._admin = admin

    def services(self) -> Services:
        """The functions by index group. Looking is BROWSE, all else ADMIN."""
        return {
            ServiceGroup.ADD_REMOTE: Service(self._add, always(Action.ADMIN)),
            ServiceGroup.DELETE_REMOTE: Service(self._delete, always(Action.ADMIN)),
            ServiceGroup.ENUMERATE_REMOTE: Service(self._enumerate, changing(Action.BROWSE)),
            ServiceGroup.TEST_REMOTE: Service(self._test, always(Action.ADMIN)),
            ServiceGroup.MQTT: Service(self._mqtt, always(Action.ADMIN)),
        }

    @property
    def _routes(self) -> tuple[Route, ...]:
        return self._admin.routes() if self._admin is not None else ()

    def _need_admin(self) -> RouteAdmin:
        if self._admin is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, "there are no routes here that could be changed")
        return self._admin

    def _add(self, access: Access) -> bytes:
        admin = self._need_admin()
        try:
            wanted = AddRemote.parse(access.data)
        except FormatError as fault:
            raise AdsFault(AdsError.INVALID_DATA, str(fault)) from fault
        route = route_of(wanted)
        is_there = any(route.net_id == known.net_id for known in admin.routes())
        if wanted.flags & RemoteFlag.NO_OVERRIDE and is_there:
            raise AdsFault(AdsError.EXISTS, f"{route.net_id} has a route already")
        with _told():
            admin.add(route)
        return b""

    def _delete(self, access: Access) -> bytes:
        admin = self._need_admin()
        name = self._named(access.data).name
        with _told():
            admin.remove(name)
        return b""

    def _enumerate(self, access: Access) -> bytes:
        if access.is_write:
            raise AdsFault(AdsError.INVALID_ACCESS)
        routes = self._routes
        if access.offset >= len(routes):
            raise AdsFault(AdsError.NO_MORE_HANDLES)
        answer = remote_of(routes[access.offset])
        access.need_room(len(answer))
        return answer

    def _test(self, access: Access) -> bytes:
        if not self._need_admin().is_connected(self._named(access.data)):
            raise AdsFault(AdsError.HOST_UNREACHABLE)
        return b""

    def _mqtt(self, access: Access) -> bytes:
        if access.offset not in list(MqttSwitch):
            raise AdsFault(AdsError.INVALID_OFFSET)
        switch = MqttSwitch(access.offset)
        admin = self._need_admin()
        with _told():
            admin.switch_mqtt(
                switch in (MqttSwitch.ENABLE, MqttSwitch.ENABLE_TEMPORARILY),
                temporary=switch in (MqttSwitch.DISABLE_TEMPORARILY, MqttSwitch.ENABLE_TEMPORARILY),
            )
        return b""

    def _named(self, data: bytes) -> Route:
        """The route of that name, or of that NetId in six bytes. Raises AdsFault 0x70C."""
        if len(data) == NET_ID_BYTES:
            for route in self._routes:
                if route.net_id == data:
                    return route
        name = text_of(data, max_bytes=remote.MAX_REMOTE_BYTES).decode("cp1252", "replace").lower()
        for route in self._routes:
            if route.name.lower() == name:
                return route
        raise AdsFault(AdsError.NOT_FOUND, "there is no such route")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the router says, as the ADS error that says the same."""
    try:
        yield
    except AdsFault:
        raise
    except RouteExists as fault:
        raise AdsFault(AdsError.ROUTER_PORT_IN_USE, str(fault)) from fault
    except BadRequest as fault:
        raise AdsFault(AdsError.INVALID_DATA, str(fault)) from fault
    except Refused as fault:
        raise AdsFault(AdsError.ACCESS_DENIED, str(fault)) from fault
    except DinrailError as fault:
        raise AdsFault(AdsError.DEVICE_ERROR, str(fault)) from fault


def route_of(wanted: AddRemote) -> Route:
    """What the router is asked for. Raises AdsFault for what it cannot do."""
    transports = {remote.Transport.TCP_IP: Transport.TCP, remote.Transport.MQTT: Transport.MQTT}
    transport = transports.get(remote.Transport(wanted.transport)) if wanted.transport in list(transports) else None
    if transport is None:
        raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"routes of type {wanted.transport} are not made here")
    if wanted.flags & RemoteFlag.TLS:
        raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, "a TLS route is made in the configuration, with its certificate")
    if wanted.net_ids:
        raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, "one route has one NetId; add one for each")
    if wanted.timeout_s > MAX_TIMEOUT_S:
        raise AdsFault(AdsError.INVALID_DATA, f"a timeout is {MAX_TIMEOUT_S} s at most")
    route = Route(
        name=wanted.name,
        net_id=wanted.net_id,
        host=wanted.address,
        transport=transport,
        local_net_id=wanted.remote_net_id,
        temporary=bool(wanted.flags & RemoteFlag.TEMPORARY),
        unidirectional=bool(wanted.flags & RemoteFlag.UNIDIRECTIONAL),
        max_fragment=wanted.max_fragment,
    )
    return replace(route, timeout_ns=wanted.timeout_s * S_NS) if wanted.timeout_s else route


def remote_of(route: Route) -> bytes:
    """A route as AdsSysAddRemote. The TLS block is not given: what is in it is nobody's business."""
    flags = RemoteFlag.IP_ADDRESS if _is_ip(route.host) else RemoteFlag.DYNAMIC
    flags |= RemoteFlag.TEMPORARY if route.temporary else 0
    flags |= RemoteFlag.UNIDIRECTIONAL if route.unidirectional else 0
    transport = remote.Transport.MQTT if route.transport is Transport.MQTT else remote.Transport.TCP_IP
    return AddRemote(
        net_id=route.net_id,
        address=_plain(route.host),
        name=_plain(route.name),
        flags=int(flags),
        transport=transport.value,
        timeout_s=min(-(-route.timeout_ns // S_NS), 0xFFFF_FFFF),
        max_fragment=route.max_fragment,
        remote_net_id=None if route.local_net_id is None else NetId(route.local_net_id),
    ).encode()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    return text.encode("cp1252", "replace").decode("cp1252")
