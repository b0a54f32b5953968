"""Routes through port 10000: what is asked of the router, and what is not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from ads_service import Client, FakePeer, FakePermit
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import Action
from dinrail.ads.router.routes import Route, RouteTable, Transport
from dinrail.ads.service.access import ServiceDevice
from dinrail.ads.service.routes import RouteService
from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.errors import HostError, Refused
from dinrail.units import S_NS

NET_ID = bytes((5, 1, 2, 3, 1, 1))
OTHER = bytes((5, 1, 2, 4, 1, 1))
PLC = Route("plc", NetId(NET_ID), "192.168.0.5")


@dataclass
class Admin:
    """A router's routes, and nothing else of it."""

    table: RouteTable = field(default_factory=lambda: RouteTable((PLC,)))
    connected: bool = True
    switched: list[tuple[bool, bool]] = field(default_factory=list)
    closed: bool = False

    def routes(self) -> tuple[Route, ...]:
        return tuple(self.table)

    def add(self, route: Route) -> None:
        if self.closed:
            raise Refused("routes are only made in the configuration here")
        self.table = self.table.added(route)

    def remove(self, name: str) -> None:
        self.table = self.table.removed(name)

    def is_connected(self, route: Route) -> bool:
        return self.connected and route in self.table

    def switch_mqtt(self, enabled: bool, *, temporary: bool) -> None:
        if self.closed:
            raise Refused("no broker is configured")
        self.switched.append((enabled, temporary))


def client_of(admin: Admin | None) -> Client:
    return Client(ServiceDevice("routes", RouteService(admin).services()))


def remote(
    net_id: bytes = OTHER,
    address: bytes = b"192.168.0.6",
    name: bytes = b"new",
    *,
    transport: int = 1,
    flags: int = 0,
    timeout: int = 5,
    more: bytes = b"",
    net_ids: int = 0,
) -> bytes:
    """AdsSysAddRemote by hand (ads.md 2.8)."""
    head = struct.pack("<6sHIII12xIII", net_id, transport, flags, timeout, 0, len(address) + 1, len(name) + 1, net_ids)
    return head + address + b"\0" + name + b"\0" + more


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_routes_are_told_one_by_one_until_0x716() -> None:
    """Each as AdsSysAddRemote with its flags: address or name, temporary, unidirectional, another NetId of ours."""
    admin = Admin()
    admin.table = admin.table.added(
        Route(
            "gate",
            NetId(OTHER),
            "gate.local",
            temporary=True,
            unidirectional=True,
            local_net_id=NetId(NET_ID),
            timeout_ns=1500 * S_NS // 1000,
            max_fragment=64,
        )
    )
    client = client_of(admin)
    assert client.read(803, 0) == remote(NET_ID, PLC.host.encode(), b"plc", flags=0x20)
    gate = remote(OTHER, b"gate.local", b"gate", flags=0x183, timeout=2, more=NET_ID)
    assert client.read(803, 1) == gate[:16] + b"\x40\0\0\0" + gate[20:]
    assert code_of(client.read, 803, 2) == AdsError.NO_MORE_HANDLES
    assert code_of(client.read, 803, 0xFFFF_FFFF) == AdsError.NO_MORE_HANDLES
    assert code_of(client.read, 803, 0, 20) == AdsError.INVALID_SIZE
    assert code_of(client.write, 803, 0, b"") == AdsError.INVALID_ACCESS


def test_a_route_is_added_as_it_was_asked_for() -> None:
    """NetId, address, name, timeout and flags reach the router."""
    admin = Admin()
    client_of(admin).write(801, 0, remote(flags=0x181, timeout=7, more=NET_ID))
    assert admin.table.named("new") == Route(
        "new",
        NetId(OTHER),
        "192.168.0.6",
        temporary=True,
        unidirectional=True,
        local_net_id=NetId(NET_ID),
        timeout_ns=7 * S_NS,
    )
    client_of(admin).write(801, 0, remote(bytes((9, 9, 9, 9, 1, 1)), b"broker", b"m", transport=14, timeout=0))
    made = admin.table.named("m")
    assert made is not None
    assert (made.transport, made.timeout_ns) == (Transport.MQTT, PLC.timeout_ns)


REFUSED: list[tuple[str, bytes, int]] = [
    ("NetId elsewhere", remote(NET_ID), 0x506),
    ("name elsewhere", remote(name=b"PLC"), 0x506),
    ("no override", remote(NET_ID, PLC.host.encode(), b"plc", flags=4), AdsError.EXISTS),
    ("TLS", remote(flags=8, more=bytes(20)), AdsError.SERVICE_NOT_SUPPORTED),
    ("unknown transport", remote(transport=2), AdsError.SERVICE_NOT_SUPPORTED),
    ("more NetIds", remote(net_ids=6, more=NET_ID), AdsError.SERVICE_NOT_SUPPORTED),
    ("null NetId", remote(bytes(6)), AdsError.INVALID_DATA),
    ("no address", remote(address=b""), AdsError.INVALID_DATA),
    ("no name", remote(name=b""), AdsError.INVALID_DATA),
    ("long name", remote(name=b"n" * 300), AdsError.INVALID_DATA),
    ("blank in the address", remote(address=b"a b"), AdsError.INVALID_DATA),
    ("control character", remote(name=b"a\nb"), AdsError.INVALID_DATA),
    ("for ever", remote(timeout=0xFFFF_FFFF), AdsError.INVALID_DATA),
    ("cut off", remote()[:-8], AdsError.INVALID_DATA),
    ("nothing", b"", AdsError.INVALID_DATA),
    ("lengths that lie", remote()[:32] + b"\xff" * 12 + remote()[44:], AdsError.INVALID_DATA),
    ("half a NetId", remote(net_ids=5, more=bytes(5)), AdsError.INVALID_DATA),
]


@pytest.mark.parametrize(("data", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_refused_addition_leaves_everything_as_it_was(data: bytes, code: int) -> None:
    """No route is replaced, taken half, or made of what is no route."""
    admin = Admin()
    assert code_of(client_of(admin).write, 801, 0, data) == code
    assert admin.routes() == (PLC,)


def test_the_same_route_again_renews_it() -> None:
    """The same NetId, name and address with another timeout is no conflict."""
    admin = Admin()
    client_of(admin).write(801, 0, remote(NET_ID, PLC.host.encode(), b"plc", timeout=9))
    assert admin.routes() == (replace(PLC, timeout_ns=9 * S_NS),)


def test_routes_are_deleted_and_tested_by_name_or_net_id() -> None:
    """The name in any case, or six bytes; what is not there is 0x70C, a connection that does not stand 0x1B."""
    admin = Admin()
    client = client_of(admin)
    client.write(804, 0, b"plc\0")
    admin.connected = False
    assert code_of(client.write, 804, 0, NET_ID) == AdsError.HOST_UNREACHABLE
    assert code_of(client.write, 804, 0, OTHER) == AdsError.NOT_FOUND
    assert code_of(client.write, 802, 0, b"other\0") == AdsError.NOT_FOUND
    assert code_of(client.write, 802, 0, b"") == AdsError.NOT_FOUND
    client.write(802, 0, b"PLC\0")
    assert admin.routes() == ()
    admin.add(PLC)
    client.write(802, 0, NET_ID)
    assert admin.routes() == ()


def test_mqtt_is_switched() -> None:
    """Offsets 1 to 4: off, on, and both until the router ends."""
    admin = Admin()
    client = client_of(admin)
    for offset in (1, 2, 3, 4):
        client.write(808, offset)
    assert admin.switched == [(False, False), (True, False), (False, True), (True, True)]
    assert code_of(client.write, 808, 5) == AdsError.INVALID_OFFSET


def test_a_router_may_refuse_everything() -> None:
    """What the router does not want is 0x723; without a router there is nothing to change, and no route."""
    client = client_of(Admin(closed=True))
    assert code_of(client.write, 801, 0, remote()) == AdsError.ACCESS_DENIED
    assert code_of(client.write, 808, 1) == AdsError.ACCESS_DENIED
    alone = client_of(None)
    assert code_of(alone.read, 803, 0) == AdsError.NO_MORE_HANDLES
    for group in (801, 802, 804, 808):
        assert code_of(alone.write, group, 1, remote()) == AdsError.SERVICE_NOT_SUPPORTED


def test_a_route_that_cannot_be_stored_is_a_device_error() -> None:
    """A full disk is not the client's fault, and no refusal."""

    class Full(Admin):
        def add(self, route: Route) -> None:
            raise HostError("cannot write the file", where=route.name)

    assert code_of(client_of(Full()).write, 801, 0, remote()) == AdsError.DEVICE_ERROR


def test_looking_is_browse_and_changing_is_admin() -> None:
    """Who may only browse sees the routes; who may not sees none."""
    admin = Admin()
    guest = Client(client_of(admin).device, FakePeer(), FakePermit(frozenset((Action.BROWSE,))))
    assert guest.read(803, 0)[:6] == NET_ID
    for group, data in ((801, remote()), (802, b"plc\0"), (804, b"plc\0"), (808, b"")):
        assert code_of(guest.write, group, 1, data) == AdsError.ACCESS_DENIED
    nobody = Client(guest.device, FakePeer(), FakePermit(frozenset((Action.READ, Action.STATE))))
    assert code_of(nobody.read, 803, 0) == AdsError.ACCESS_DENIED
    assert admin.routes() == (PLC,)


@given(st.sampled_from((801, 802, 804, 808)), st.integers(0, 5), st.binary(max_size=90))
def test_any_bytes_are_taken_or_refused(group: int, offset: int, data: bytes) -> None:
    """Whatever is written: it is done, or an AdsFault."""
    try:
        client_of(Admin()).write(group, offset, data)
    except AdsFault:
        return
