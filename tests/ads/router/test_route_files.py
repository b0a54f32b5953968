"""Routes as text: StaticRoutes.xml, in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.router.routes import Route, Transport
from dinrail.ads.router.staticroutes import MAX_TEXT_BYTES, parse_static_routes, render_static_routes
from dinrail.ams.address import NULL_NET_ID, NetId
from dinrail.errors import BadRequest
from dinrail.units import S_NS

A = Route("a", NetId.parse("5.1.1.1.1.1"), "192.0.2.1")
STATIC = b"""<?xml version="1.0"?>
<TcConfig xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <RemoteConnections>
    <Route>
      <Name>CX-1234</Name>
      <Address>192.0.2.7</Address>
      <NetId>5.80.201.232.1.1</NetId>
      <Type>TCP_IP</Type>
      <Flags>64</Flags>
    </Route>
    <Route>
      <Name>R&amp;D</Name><Address>plc.example</Address><NetId>5.80.201.233.1.1</NetId>
      <Flags>137</Flags><Timeout>3</Timeout><Tls><Ca>x</Ca></Tls>
    </Route>
    <Mqtt><Name>b</Name></Mqtt>
  </RemoteConnections>
</TcConfig>
"""


def test_twincats_file_is_read() -> None:
    """Names, addresses, NetIds, flags and time-outs become routes; what has no place here is named."""
    result = parse_static_routes(STATIC)
    first = Route("CX-1234", NetId.parse("5.80.201.232.1.1"), "192.0.2.7")
    second = Route(
        "R&D",
        NetId.parse("5.80.201.233.1.1"),
        "plc.example",
        transport=Transport.TLS,
        temporary=True,
        unidirectional=True,
        timeout_ns=3 * S_NS,
    )
    assert tuple(result.routes) == (first, second)
    assert result.skipped == ("<Mqtt> in line 15 is no route to one device",)


def test_all_faults_of_a_file_are_told_by_line() -> None:
    """One bad file gives every fault at once, and no routes."""
    text = b"""<TcConfig><RemoteConnections>
<Route><Name>x</Name><Address>h</Address><NetId>1.2.3</NetId></Route>
<Route><Name>y</Name><Type>MQTT</Type><Flags>-1</Flags></Route>
<Route><Name>z</Name><Address>h</Address><NetId>1.2.3.4.5.6</NetId></Route>
<Route><Name>z2</Name><Address>other</Address><NetId>1.2.3.4.5.6</NetId></Route>
</RemoteConnections></TcConfig>"""
    with pytest.raises(BadRequest) as caught:
        parse_static_routes(text)
    details = "\n".join(caught.value.details)
    assert len(caught.value.details) == 6
    for part in ("line 2: '1.2.3' is not", "line 3: has no <Address>", "no <NetId>", "'MQTT'", "no number", "line 5"):
        assert part in details


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<TcConfig>",
        b"<Other/>",
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><TcConfig/>",
        b"<?xml version='1.0' encoding='no-such'?><TcConfig/>",
        b"<TcConfig>&undefined;</TcConfig>",
        b"<TcConfig>" + b"<a>" * 20,
        b"<TcConfig>" + b" " * MAX_TEXT_BYTES,
    ],
)
def test_what_is_no_route_file_is_a_bad_request(text: bytes) -> None:
    """Broken XML, entities, unknown encodings, too deep or too long: one kind of error."""
    with pytest.raises(BadRequest):
        parse_static_routes(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_file_or_a_bad_request(data: bytes) -> None:
    """The parser raises nothing else, whatever is put inside of a document."""
    for text in (data, b"<TcConfig><RemoteConnections><Route>" + data + b"</Route></RemoteConnections></TcConfig>"):
        try:
            parse_static_routes(text)
        except BadRequest:
            continue


PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
ROUTES = st.builds(
    Route,
    name=PRINTABLE,
    net_id=st.binary(min_size=6, max_size=6).map(NetId).filter(lambda net_id: net_id != NULL_NET_ID),
    host=PRINTABLE,
    tcp_port=st.integers(0, 65535),
    transport=st.sampled_from(Transport),
    local_net_id=st.none() | st.binary(min_size=6, max_size=6).map(NetId),
    read_only=st.booleans(),
    unidirectional=st.booleans(),
    timeout_ns=st.integers(1, 10**12),
    max_fragment=st.integers(0, 10**6),
)


@given(ROUTES, st.booleans(), st.integers(1, 1000))
def test_static_routes_give_back_what_they_can_say(route: Route, temporary: bool, timeout_s: int) -> None:
    """What TwinCAT's file has fields for survives it."""
    said = Route(
        route.name,
        route.net_id,
        route.host,
        transport=Transport.TLS if route.transport is Transport.TLS else Transport.TCP,
        temporary=temporary,
        unidirectional=route.unidirectional,
        timeout_ns=timeout_s * S_NS,
    )
    assert tuple(parse_static_routes(render_static_routes((said,))).routes) == (said,)


def test_mqtt_routes_are_not_in_static_routes() -> None:
    """TwinCAT keeps them elsewhere."""
    assert b"<Route>" not in render_static_routes((replace(A, transport=Transport.MQTT),))
