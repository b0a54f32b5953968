"""Route tables: additive, never changing, one way to each NetId."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dinrail.ads.router.routes import MAX_ROUTES, Route, RouteExists, RouteTable, Transport
from dinrail.ams.address import NULL_NET_ID, NetId
from dinrail.errors import BadRequest, Refused
from dinrail.units import S_NS

A = Route("a", NetId.parse("5.1.1.1.1.1"), "192.0.2.1")
B = Route("b", NetId.parse("5.2.2.2.1.1"), "192.0.2.2")


def test_adding_gives_a_new_table_and_leaves_the_old() -> None:
    """A table never changes; the new one has all of the old and one more."""
    table = RouteTable((A,))
    more = table.added(B)
    assert (tuple(table), tuple(more)) == ((A,), (A, B))
    assert more.to(A.net_id) is A
    assert more.named("B") is B


def test_one_address_may_have_many_net_ids() -> None:
    """A second NetId at the same host leaves the first in place, and shares its connection."""
    sub = Route("sub", NetId.parse("5.1.1.1.2.1"), "192.0.2.1")
    table = RouteTable((A,)).added(sub)
    assert len(table) == 2
    assert A.endpoint == sub.endpoint


def test_a_net_id_has_one_way_until_it_is_deleted() -> None:
    """The same NetId elsewhere is refused; after `removed` it may be added."""
    elsewhere = replace(A, name="other", host="192.0.2.9")
    table = RouteTable((A,))
    with pytest.raises(RouteExists, match="already reached"):
        table.added(elsewhere)
    with pytest.raises(RouteExists):
        table.added(replace(A, host="192.0.2.9"))
    with pytest.raises(RouteExists):
        table.added(replace(A, name="other"))
    assert tuple(table.removed("A").added(elsewhere)) == (elsewhere,)


def test_a_name_has_one_net_id() -> None:
    """A name that is taken, in any spelling, is refused for another NetId."""
    with pytest.raises(RouteExists, match="of that name"):
        RouteTable((A,)).added(replace(B, name="A"))


def test_the_same_route_again_renews_it() -> None:
    """Same name, NetId and endpoint: the rest is taken from the new one."""
    renewed = replace(A, read_only=True, timeout_ns=9 * S_NS)
    assert tuple(RouteTable((A, B)).added(renewed)) == (renewed, B)


def test_deleting_what_is_not_there_is_refused() -> None:
    """An unknown name is Refused."""
    with pytest.raises(Refused, match="no route 'x'"):
        RouteTable((A,)).removed("x")


@pytest.mark.parametrize(
    "bad",
    [
        replace(A, name=""),
        replace(A, name="a\nb"),
        replace(A, name="x" * 256),
        replace(A, host=""),
        replace(A, host="two words"),
        replace(A, net_id=NULL_NET_ID),
        replace(A, tcp_port=65536),
        replace(A, tcp_port=-1),
        replace(A, timeout_ns=0),
        replace(A, max_fragment=-1),
    ],
)
def test_what_is_no_route_is_a_bad_request(bad: Route) -> None:
    """Empty or unprintable names and hosts, impossible numbers and the null NetId are refused."""
    with pytest.raises(BadRequest):
        RouteTable().added(bad)


def test_all_faults_of_a_route_are_told() -> None:
    """The first is the sentence, the others are its details."""
    with pytest.raises(BadRequest) as caught:
        RouteTable((replace(A, name="", host="", tcp_port=70000),))
    assert len(caught.value.details) == 2


def test_routes_are_bounded() -> None:
    """No table takes more than MAX_ROUTES."""
    many = (Route(f"r{n}", NetId(bytes((1, 1, n >> 8, n & 255, 1, 1))), "h") for n in range(MAX_ROUTES))
    with pytest.raises(Refused, match="routes already"):
        RouteTable(many).added(A)


def test_every_transport_has_its_own_port() -> None:
    """Without a port TCP is 48898 and TLS 8016; a port that says the same is the same endpoint."""
    assert A.endpoint == (Transport.TCP, "192.0.2.1", 48898)
    assert replace(A, transport=Transport.TLS).endpoint[2] == 8016
    assert replace(A, tcp_port=48898).endpoint == A.endpoint


def test_devices_behind_one_broker_have_a_connection_each() -> None:
    """By MQTT two NetIds never share a link, whatever the broker's name."""
    one, two = (replace(route, transport=Transport.MQTT, host="plant") for route in (A, B))
    assert one.endpoint != two.endpoint


def test_tables_are_compared_by_their_routes() -> None:
    """Two tables with the same routes are equal and hash alike."""
    assert RouteTable((A, B)) == RouteTable((A,)).added(B)
    assert hash(RouteTable((A, B))) == hash(RouteTable((A,)).added(B))
    assert RouteTable((A,)) != RouteTable((B,))
