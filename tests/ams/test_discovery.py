"""UDP packets: who is there, and adding a route."""

from __future__ import annotations

import pytest
from ams_values import ADDRESSES, BYTES, NET_IDS, TEXT, U8, U16, U32, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.discovery import (
    MAX_PACKET_BYTES,
    AddRoute,
    OsPlatform,
    OsVersion,
    Packet,
    ServerInfo,
    Service,
    TagId,
    parse_packet,
    server_info_request,
    status_of,
    status_reply,
)
from dinrail.errors import BadRequest, FormatError

SERVER = NetId.parse("192.168.0.231.1.1")
ADD_ROUTE = (  # as openHAB and plc4x know it
    bytes.fromhex("03661471 00000000 06000000 0a0a0a0a0101 1027 05000000")
    + bytes.fromhex("0c00 0c00")
    + b"10.10.10.10\0"  # route name
    + bytes.fromhex("0700 0600 0a0a0a0a0101")  # NetId
    + bytes.fromhex("0d00 0900")
    + b"username\0"
    + bytes.fromhex("0200 0900")
    + b"password\0"
    + bytes.fromhex("0500 0c00")
    + b"10.10.10.10\0"  # address
)
CLIENT = NetId.parse("10.10.10.10.1.1")


def test_packets_have_the_bytes_that_clients_know() -> None:
    """Server-info request, add-route request and its reply, each written by hand."""
    assert server_info_request() == bytes.fromhex("03661471 00000000 01000000 0000000000000000 00000000")
    route = AddRoute(CLIENT, "10.10.10.10", "10.10.10.10", "username", "password")
    assert route.request(AmsAddr.of(CLIENT, 10000)) == ADD_ROUTE
    reply = status_reply(parse_packet(ADD_ROUTE), SERVER, 0)
    assert reply == bytes.fromhex("03661471 00000000 06000080 c0a800e70101 1027 01000000 0100 0400 00000000")
    assert status_of(parse_packet(status_reply(parse_packet(ADD_ROUTE), SERVER, 0x704))) == 0x704


def test_an_add_route_request_is_read_by_name_and_keeps_its_password_to_itself() -> None:
    """All five tags of a captured request; the password is in no repr, of the packet neither."""
    packet = parse_packet(ADD_ROUTE)
    route = AddRoute.of(packet)
    assert route == AddRoute(CLIENT, "10.10.10.10", "10.10.10.10", "username", "password")
    assert (packet.service, packet.is_reply, str(packet.address)) == (Service.ADD_ROUTE, False, "10.10.10.10.1.1:10000")
    assert "password'" not in repr(route) + repr(packet)
    assert "username" not in repr(packet)


@given(st.permutations(range(6)))
def test_tags_come_in_any_order(order: list[int]) -> None:
    """AdsLib, ads-rs and pyads each have their own."""
    route = AddRoute(CLIENT, "host", "name", "u", "p", is_temporary=True)
    packet = parse_packet(route.request(AmsAddr()))
    assert len(packet.tags) == 6
    assert AddRoute.of(Packet(6, packet.address, tuple(packet.tags[i] for i in order))) == route


def test_the_first_of_two_tags_counts_and_a_route_without_a_name_has_its_address_s() -> None:
    """Repeating a tag changes nothing, and nothing but the NetId is indispensable."""
    tags = ((7, bytes(CLIENT)), (7, bytes(6)), (5, b"10.0.0.1\0"))
    route = AddRoute.of(Packet(6, AmsAddr(), tags))
    assert (route.net_id, route.name, route.address, route.user) == (CLIENT, "10.0.0.1", "10.0.0.1", "")


@pytest.mark.parametrize(
    ("tags", "service"),
    [((), 6), (((7, b"12345"),), 6), (((7, bytes(6)), (9, b"\1")), 6), (((7, bytes(6)),), 1)],
)
def test_what_is_no_add_route_request_is_refused(tags: tuple[tuple[int, bytes], ...], service: int) -> None:
    """No NetId, one of five bytes, options of one byte, another service."""
    with pytest.raises(FormatError):
        AddRoute.of(Packet(service, AmsAddr(), tags))


def test_a_server_info_reply_is_as_long_as_a_real_one() -> None:
    """A name of nine characters, OS version, TwinCAT version and fingerprint make 395 bytes, as on a real target."""
    info = ServerInfo(
        AmsAddr.of(SERVER, 10000),
        "CX-123456",
        (3, 1, 4024),
        OsVersion(10, 0, 19044, OsPlatform.WINDOWS_NT),
        "ab" * 32,
    )
    reply = info.reply(7)
    assert len(reply) == 395
    assert reply[:24] == bytes.fromhex("03661471 07000000 01000080 c0a800e70101 1027 04000000")
    assert ServerInfo.of(parse_packet(reply)) == info
    assert parse_packet(reply).tag(TagId.VERSION) == bytes.fromhex("03 01 b80f")


def test_an_os_version_says_its_text_in_either_width() -> None:
    """Windows in UTF-16, TwinCAT/BSD in single bytes."""
    numbers = bytes.fromhex("14010000 0a000000 00000000 65580000 02000000")
    assert OsVersion.parse(numbers + "SP 1".encode("utf-16-le").ljust(256, b"\0")) == OsVersion(10, 0, 22629, 2, "SP 1")
    bsd = OsVersion(13, 2, 0, OsPlatform.TWINCAT_BSD, "TwinCAT/BSD 13.2")
    assert len(bsd.encode()) == 276
    assert OsVersion.parse(bsd.encode()) == bsd
    assert OsVersion.parse(numbers).text == ""


def test_hostile_packets_are_refused() -> None:
    """The packet that once crashed a real service, a long tag, many tags, a long datagram: FormatError each."""
    for data in (
        ADD_ROUTE[:24] + b"\xff" * 1514,
        ADD_ROUTE[:26] + b"\xff\xff" + ADD_ROUTE[28:],
        ADD_ROUTE[:20] + b"\xff\xff\xff\xff" + ADD_ROUTE[24:],
        ADD_ROUTE[:20] + b"\x21\0\0\0" + bytes(4 * 33),
        ADD_ROUTE + bytes(MAX_PACKET_BYTES),
        b"\x04" + ADD_ROUTE[1:],
    ):
        with pytest.raises(FormatError):
            parse_packet(data)
    for length in range(len(ADD_ROUTE)):
        with pytest.raises(FormatError):
            parse_packet(ADD_ROUTE[:length])


def test_a_packet_that_no_one_would_read_is_not_made() -> None:
    """Texts that are too long for one datagram are a bad request."""
    with pytest.raises(BadRequest):
        AddRoute(CLIENT, "x" * MAX_PACKET_BYTES, "name").request(AmsAddr())


@given(st.builds(Packet, U32, ADDRESSES, st.lists(st.tuples(U16, BYTES), max_size=8).map(tuple), U32))
def test_packets_come_back_as_they_were(packet: Packet) -> None:
    """Any tags; what follows the last one is ignored."""
    assert parse_packet(packet.encode()) == packet
    assert parse_packet(packet.encode() + b"behind") == packet


INFOS = st.builds(
    ServerInfo,
    ADDRESSES,
    TEXT,
    st.tuples(U8, U8, U16),
    st.builds(OsVersion, U32, U32, U32, U32, st.sampled_from(("", "Service Pack 1", "TwinCAT/BSD ä"))),
    TEXT,
)


@given(INFOS, U32)
def test_server_infos_come_back_as_they_were(info: ServerInfo, invoke_id: int) -> None:
    """Every field, and the invoke id by which a client finds its answer."""
    packet = parse_packet(info.reply(invoke_id))
    assert ServerInfo.of(packet) == info
    assert (packet.invoke_id, packet.is_reply) == (invoke_id, True)


@given(st.builds(AddRoute, NET_IDS, TEXT, TEXT.filter(bool), TEXT, TEXT, st.booleans()))
def test_routes_come_back_as_they_were(route: AddRoute) -> None:
    """Every field."""
    assert AddRoute.of(parse_packet(route.request(AmsAddr()))) == route


@given(st.binary(max_size=80), st.integers(0, 40), st.sampled_from((1, 6, 0x80000001, 0x80000006)))
def test_any_bytes_are_a_packet_or_a_format_error(data: bytes, count: int, service: int) -> None:
    """Also behind a header that makes them plausible, through every reader of a packet."""
    value_or_format_error(parse_packet, data)
    head = bytes.fromhex("03661471 00000000") + service.to_bytes(4, "little") + bytes(8) + count.to_bytes(4, "little")
    for read in (ServerInfo.of, AddRoute.of, status_of):
        value_or_format_error(lambda raw, read=read: read(parse_packet(raw)), head + data)
    value_or_format_error(OsVersion.parse, data)
