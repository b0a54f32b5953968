"""Ports that local clients connect, and clients that serve them."""

from __future__ import annotations

import struct

import pytest
from ads_wire import (
    HERE,
    OURS,
    Bench,
    Memory,
    add_note,
    answer_to,
    error_of,
    head_of,
    lan,
    notification,
    read,
    request,
    result_of,
)

from dinrail.ads.router.limits import Limits
from dinrail.ams.address import FREE_PORTS, LOOPBACK_NET_ID, AmsAddr, NetId
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command, TcpCommand, tcp_frame

STRANGER = AmsAddr.parse("127.0.0.1.1.1:30000")


def test_any_port_is_a_free_one_and_the_reply_is_as_the_reference_says() -> None:
    """Port 0 gets a port of 0x8000-0xBFFF; the reply has NetId and port behind the same command."""
    client = Bench(NetId.parse("192.168.0.231.1.1")).client()
    assert client.ask(bytes.fromhex("0010020000000000")).hex() == "001008000000c0a800e701010080"


def test_every_client_gets_another_port() -> None:
    """No two clients get the same port, and one that was given back is not handed out next."""
    bench = Bench()
    clients = [bench.client() for _ in range(50)]
    ports = {client.connect_port().port for client in clients}
    assert len(ports) == 50
    assert ports <= set(FREE_PORTS)
    clients[0].close_port(FREE_PORTS.start)
    assert clients[1].connect_port().port not in ports


def test_a_wanted_port_is_given_when_it_is_free() -> None:
    """A wanted port is given; to another client, or where a device is, the reply names a free one instead."""
    bench = Bench()
    bench.router.serve(851, Memory())
    one, other = bench.client(), bench.client()
    assert one.connect_port(33000).port == 33000
    assert one.connect_port(33000).port == 33000
    assert other.connect_port(33000).port in FREE_PORTS
    assert other.connect_port(851).port in FREE_PORTS
    one.drop()
    assert other.connect_port(33000).port == 33000


def test_the_net_id_is_told() -> None:
    """0x1002 is answered with the six bytes of this router."""
    assert Bench().client().ask(tcp_frame(TcpCommand.GET_NET_ID)) == tcp_frame(TcpCommand.GET_NET_ID, OURS)


def test_closing_a_port_ends_its_client_at_once() -> None:
    """0x0001 purges the client's notifications without waiting, is confirmed, and ends a link without ports."""
    bench, memory = Bench(), Memory()
    bench.router.serve(851, memory)
    client = bench.client()
    source = client.connect_port()
    client.ask(add_note(HERE, source))
    assert client.close_port(source.port) == [tcp_frame(TcpCommand.PORT_CLOSE)]
    assert [peer.source for peer in memory.gone] == [source]
    assert client.wire.closed_why == "port closed"


def test_a_link_with_other_ports_stays() -> None:
    """Closing one of two ports leaves the link and the other port's client."""
    bench, memory = Bench(), Memory()
    bench.router.serve(851, memory)
    client = bench.client()
    one, two = client.connect_port(), client.connect_port()
    client.ask(add_note(HERE, two))
    client.close_port(one.port)
    assert client.wire.closed_why is None
    assert memory.notes


def test_a_closed_port_is_a_new_client_afterwards() -> None:
    """Nothing that was prepared for a closed port answers it: the device meets it anew."""
    bench = Bench()
    bench.router.serve(851, bench.memory)
    client = bench.client()
    one = client.connect_port()
    client.connect_port()
    client.ask(read(HERE, one))
    client.close_port(one.port)
    client.ask(read(HERE, one))
    assert bench.memory.prepared == 2


def test_a_port_is_closed_by_its_owner_alone() -> None:
    """Closing another's port does nothing and is not answered."""
    bench = Bench()
    owner, other = bench.client(), bench.client()
    port = owner.connect_port().port
    assert other.close_port(port) == []
    assert bench.router.locals.owner(port) is owner.session


@pytest.mark.parametrize("command", [TcpCommand.PORT_CONNECT, TcpCommand.PORT_CLOSE, TcpCommand.GET_NET_ID, 0x1234])
def test_the_local_protocol_is_for_this_machine(command: int) -> None:
    """From the LAN no port is connected and nothing is told."""
    bench = Bench()
    assert bench.client(lan("192.0.2.8")).say(struct.pack("<HI", command, 2) + b"\0\0") == []
    assert bench.counters.dropped == {"not local": 1}


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\2\3"])
@pytest.mark.parametrize("command", [TcpCommand.PORT_CONNECT, TcpCommand.PORT_CLOSE, TcpCommand.ROUTER_NOTE])
def test_a_malformed_local_frame_is_dropped(command: TcpCommand, body: bytes) -> None:
    """A body of another size than the command's is dropped and counted."""
    bench = Bench()
    assert bench.client().say(tcp_frame(command, body)) == []
    assert bench.counters.dropped_frames == 1


def test_ports_are_bounded() -> None:
    """Beyond the limit no port is given; one's own is still confirmed."""
    bench = Bench(limits=Limits(max_ports=2))
    client = bench.client()
    first = client.connect_port()
    client.connect_port()
    assert client.say(tcp_frame(TcpCommand.PORT_CONNECT, b"\0\0")) == []
    assert client.connect_port(first.port) == first


def test_a_port_that_somebody_may_come_back_to_is_not_handed_out() -> None:
    """While a dropped client's subscriptions wait for it, nobody gets its port by chance."""
    bench = Bench()
    bench.router.serve(851, Memory())
    client = bench.client()
    source = client.connect_port()
    client.ask(read(HERE, source))
    client.drop()
    bench.router.locals._next = source.port
    assert bench.client().connect_port() != source
    bench.pass_time(bench.router.limits.orphan_ns)
    bench.router.locals._next = source.port
    assert bench.client().connect_port() == source


def test_a_client_may_serve_its_port() -> None:
    """A request to a connected port goes to its link, and the answer comes back byte for byte but for addresses."""
    bench = Bench()
    server, client = bench.client(), bench.client()
    address = server.connect_port()
    assert client.say(read(AmsAddr.of(LOOPBACK_NET_ID, address.port), STRANGER, invoke=77)) == []
    (asked,) = server.wire.take()
    assert head_of(asked).target == address
    assert server.say(answer_to(asked, b"\0\0\0\0\4\0\0\0abcd")) == []
    (answer,) = client.wire.take()
    expected = answer_to(read(AmsAddr.of(LOOPBACK_NET_ID, address.port), STRANGER, invoke=77), b"\0\0\0\0\4\0\0\0abcd")
    assert answer == expected


def test_a_serving_client_notifies_who_subscribed() -> None:
    """Notifications of a serving client reach the subscriber from the address that it subscribed at."""
    bench = Bench()
    server, client = bench.client(), bench.client()
    address = server.connect_port()
    called = AmsAddr.of(LOOPBACK_NET_ID, address.port)
    client.say(add_note(called, STRANGER))
    (asked,) = server.wire.take()
    server.say(answer_to(asked, struct.pack("<II", 0, 5)))
    client.wire.take()
    alias = head_of(asked).source
    server.say(notification(alias, address, (5, b"x")))
    assert client.wire.take() == [notification(STRANGER, called, (5, b"x"))]


def test_when_a_serving_client_leaves_its_askers_are_told() -> None:
    """A link that drops answers what is pending with 0x1B and ends each subscription by an empty sample."""
    bench = Bench()
    server, client = bench.client(), bench.client()
    address = server.connect_port()
    client.say(add_note(address, STRANGER))
    server.say(answer_to(server.wire.take()[0], struct.pack("<II", 0, 5)))
    client.say(read(address, STRANGER))
    client.wire.take()
    server.drop()
    unreachable, ended = client.wire.take()
    assert error_of(unreachable) == AdsError.HOST_UNREACHABLE
    assert ended[38:] == struct.pack("<IIqIII", 24, 1, 0, 1, 5, 0)
    assert error_of(client.ask(read(address, STRANGER))) == AdsError.TARGET_PORT_NOT_FOUND


def test_closing_a_served_port_tells_its_askers_though_the_link_stays() -> None:
    """0x0001 for one of two served ports ends what was asked of that one alone."""
    bench = Bench()
    server, client = bench.client(), bench.client()
    one, two = server.connect_port(), server.connect_port()
    client.say(request(one, STRANGER, Command.READ_STATE))
    client.say(request(two, STRANGER, Command.READ_STATE))
    server.wire.take()
    server.close_port(one.port)
    (answer,) = client.wire.take()
    assert (head_of(answer).source, head_of(answer).error) == (one, AdsError.HOST_UNREACHABLE)


def test_at_the_end_local_clients_are_told_and_what_is_pending_is_answered() -> None:
    """Shutdown answers pending requests with 0x71F and sends the router note `stop` to port-connected clients."""
    bench, memory = Bench(), Memory()
    bench.router.serve(851, memory)
    server, client, remote = bench.client(), bench.client(), bench.client(lan("192.0.2.8"))
    source, address = client.connect_port(), server.connect_port()
    client.say(request(HERE, source, Command.WRITE_CONTROL, bytes(8)))
    client.say(read(address, source))
    bench.router.shutdown()
    *answers, note = client.wire.take()
    assert [result_of(answer) for answer in answers] == [AdsError.ABORTED, AdsError.ABORTED]
    assert note == bytes.fromhex("01100400000000000000")
    assert remote.wire.take() == []
