"""What one link's frames become: answers of local devices, errors in their right place, silence where it belongs."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

import pytest
from ads_wire import (
    HERE,
    LOCAL,
    OURS,
    PLC,
    Allow,
    Bench,
    Client,
    Memory,
    Policy,
    Wire,
    add_note,
    answer_to,
    error_of,
    head_of,
    lan,
    notification,
    read,
    read_write,
    request,
    result_of,
    samples,
    write,
)

from dinrail.ads.contract import Action, Origin, Peer, Permit, Request, Via
from dinrail.ads.router.limits import Limits
from dinrail.ads.router.routes import Route
from dinrail.ams.address import LOOPBACK_NET_ID, AmsAddr, NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command, Flag, TcpCommand, build_frame, tcp_frame

# reference: AdsLib's own vectors, as a client at 127.0.0.1.1.1 sends them to 192.168.0.231.1.1.
GOLDEN_READ = "00002c000000c0a800e7010153037f00000101013075020004000c0000000000000002000000204000000000000004000000"
GOLDEN_ANSWER = "00002c0000007f00000101013075c0a800e701015303020005000c00000000000000020000000000000004000000efbeadde"
GOLDEN_UNKNOWN_PORT = "0000200000007f00000101013075c0a800e70101e80304000500000000000600000001000000"
ADSLIB = AmsAddr.parse("127.0.0.1.1.1:30000")


@pytest.fixture
def bench() -> Bench:
    """A router that serves `bench.memory` at port 851."""
    bench = Bench()
    bench.router.serve(851, bench.memory)
    return bench


def test_a_read_is_answered_with_the_bytes_that_the_reference_says() -> None:
    """AdsLib's read request gets, byte for byte, the answer of the reference."""
    bench, memory = Bench(NetId.parse("192.168.0.231.1.1")), Memory()
    memory.data[:4] = bytes.fromhex("efbeadde")
    bench.router.serve(851, memory)
    client = bench.client()
    assert client.ask(bytes.fromhex(GOLDEN_READ)).hex() == GOLDEN_ANSWER
    assert client.ask(bytes.fromhex(GOLDEN_READ)).hex() == GOLDEN_ANSWER


def test_an_unknown_port_is_error_6_in_the_header() -> None:
    """A request to a port that nobody serves is answered as the reference says: error 6, no data."""
    bench = Bench(NetId.parse("192.168.0.231.1.1"))
    frame = request(AmsAddr.parse("192.168.0.231.1.1:1000"), ADSLIB, Command.READ_STATE)
    assert bench.client().ask(frame).hex() == GOLDEN_UNKNOWN_PORT


def test_an_unknown_machine_is_error_7(bench: Bench) -> None:
    """A NetId that is not ours and has no route is answered with error 7."""
    assert error_of(bench.client().ask(read(PLC, ADSLIB))) == AdsError.TARGET_MACHINE_NOT_FOUND


@pytest.mark.parametrize("command", [0, 10, 0x100, 0xFFFF])
def test_an_unknown_command_is_error_8(bench: Bench, command: int) -> None:
    """A command that ADS does not have is answered with error 8, and never reaches the device."""
    assert error_of(bench.client().ask(request(HERE, ADSLIB, command))) == AdsError.UNKNOWN_COMMAND
    assert bench.memory.requests == 0


def test_this_router_answers_as_whom_it_was_called(bench: Bench) -> None:
    """127.0.0.1.1.1 is this router, and its answers come from there when it was called so."""
    target = AmsAddr.of(LOOPBACK_NET_ID, 851)
    answer = head_of(bench.client().ask(read(target, ADSLIB)))
    assert (answer.source, answer.target) == (target, ADSLIB)


def test_policy_is_asked_about_this_router_by_its_own_net_id(bench: Bench) -> None:
    """Whoever calls this router 127.0.0.1.1.1 falls under the same rules as who calls it by its NetId."""
    bench.client().ask(read(AmsAddr.of(LOOPBACK_NET_ID, 851), ADSLIB))
    assert bench.policy.asked == [(LOCAL, ADSLIB, HERE)]


def test_further_net_ids_are_served(bench: Bench) -> None:
    """A device may be served under a NetId of its own, and its other ports are then error 6, not 7."""
    bench.router.serve(852, Memory(), net_id=PLC.net_id)
    client = bench.client()
    assert result_of(client.ask(read(AmsAddr.of(PLC.net_id, 852), ADSLIB))) == 0
    assert error_of(client.ask(read(PLC, ADSLIB))) == AdsError.TARGET_PORT_NOT_FOUND
    bench.router.withdraw(852, net_id=PLC.net_id)
    assert error_of(client.ask(read(PLC, ADSLIB))) == AdsError.TARGET_MACHINE_NOT_FOUND


def test_what_was_found_out_for_a_client_ends_with_what_it_rests_on(bench: Bench) -> None:
    """A device withdrawn, or another in its place, counts with the next request, for old clients, too."""
    client, other = bench.client(), Memory()
    other.data[0] = 99
    for target in (HERE, AmsAddr.of(LOOPBACK_NET_ID, 851)):
        for _ in range(2):
            assert result_of(client.ask(write(target, ADSLIB, b"1"))) == 0
    bench.router.serve(851, other)
    for target in (HERE, AmsAddr.of(LOOPBACK_NET_ID, 851)):
        assert client.ask(read(target, ADSLIB, size=1))[46] == 99
    bench.router.withdraw(851)
    assert error_of(client.ask(write(HERE, ADSLIB, b"1"))) == AdsError.TARGET_PORT_NOT_FOUND


def test_a_request_carries_the_permit_of_its_time(bench: Bench) -> None:
    """Other rules reach the device with the very next request, whatever was permitted to that client until then."""
    seen: list[Permit] = []

    class Noting(Memory):
        def request(self, request: Request) -> bytes | None:
            seen.append(request.permit)
            return super().request(request)

    bench.router.serve(852, Noting())
    client, frame, other = bench.client(), write(AmsAddr.of(OURS, 852), ADSLIB, b"1"), Policy()
    client.ask(frame)
    client.ask(frame)
    bench.router.set_policy(other)
    client.ask(frame)
    assert seen == [bench.policy.answer, bench.policy.answer, other.answer]


def test_a_route_that_becomes_unidirectional_counts_for_its_clients(bench: Bench) -> None:
    """Who could write until now may no more once its route lets nothing in."""
    client = bench.client(lan("192.0.2.50"))
    assert result_of(client.ask(write(HERE, PLC, b"1"))) == 0
    bench.router.add_route(Route("line", PLC.net_id, "192.0.2.50", unidirectional=True))
    assert result_of(client.ask(write(HERE, PLC, b"1"))) == AdsError.ACCESS_DENIED


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (request(HERE, ADSLIB, Command.READ), 8),
        (request(HERE, ADSLIB, Command.READ_WRITE), 8),
        (request(HERE, ADSLIB, Command.WRITE), 4),
    ],
)
def test_a_devices_fault_is_the_shortest_body_with_the_code(bench: Bench, frame: bytes, size: int) -> None:
    """An AdsFault of a device becomes result (and a zero length), with no error in the header."""
    answer = bench.client().ask(frame)
    assert head_of(answer).size_bytes == size
    assert result_of(answer) == AdsError.SERVICE_NOT_SUPPORTED


def test_a_length_that_is_not_the_frames_is_error_e(bench: Bench) -> None:
    """An AMS length that does not fit its frame is counted and answered with error 0xE."""
    frame = bytearray(read(HERE, ADSLIB))
    frame[26] += 1
    assert error_of(bench.client().ask(bytes(frame))) == AdsError.INVALID_AMS_LENGTH
    assert bench.counters.dropped == {"length": 1}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (tcp_frame(TcpCommand.AMS, bytes(31)), "short"),
        (request(HERE, ADSLIB, Command.READ_STATE, flags=4 | Flag.SYSTEM), "system"),
        (request(HERE, ADSLIB, Command.READ_STATE, flags=4 | Flag.BROADCAST), "system"),
        (answer_to(read(ADSLIB, HERE)), "unasked"),
        (notification(HERE, ADSLIB, (1, b"")), "unasked"),
    ],
)
def test_what_nobody_asked_for_is_dropped_and_counted(bench: Bench, frame: bytes, reason: str) -> None:
    """Frames too short, of the routers' own traffic, answers and notifications without a question: silence."""
    assert bench.client().say(frame) == []
    assert bench.counters.dropped == {reason: 1}


def test_a_request_that_wants_no_answer_gets_none(bench: Bench) -> None:
    """NO_RETURN is done and not answered, even when it fails."""
    client = bench.client()
    body = struct.pack("<III", 0x4020, 0, 1) + b"\xee"
    assert client.say(request(HERE, ADSLIB, Command.WRITE, body, flags=4 | Flag.NO_RETURN)) == []
    assert bench.memory.data[0] == 0xEE
    assert client.say(request(PLC, ADSLIB, Command.WRITE, body, flags=4 | Flag.NO_RETURN)) == []
    assert client.say(request(HERE, ADSLIB, Command.WRITE, flags=4 | Flag.NO_RETURN)) == []
    for _ in range(2):
        assert client.say(request(HERE, ADSLIB, Command.READ, body[:12], flags=4 | Flag.NO_RETURN)) == []


@pytest.mark.parametrize("counted", [True, False])
def test_a_time_stamp_at_the_end_is_taken_off(bench: Bench, counted: bool) -> None:
    """With the TIMESTAMP flag the data is eight bytes longer, whether its length says so or not."""
    frame = bytearray(read(HERE, ADSLIB) + bytes(8))
    frame[24] |= Flag.TIMESTAMP
    frame[2:6] = (len(frame) - 6).to_bytes(4, "little")
    if counted:
        frame[26:30] = (20).to_bytes(4, "little")
    answer = bench.client().ask(bytes(frame))
    assert answer[38:] == struct.pack("<II", 0, 4) + bytes(range(4))
    assert head_of(answer).flags == 5


def test_no_answer_is_longer_than_what_was_asked_for(bench: Bench) -> None:
    """A device that says too much is cut to the requested length, at the first time and at the next."""

    class Chatty(Memory):
        def prepare(self, request: Request) -> Callable[[], bytes]:
            del request
            return lambda: struct.pack("<II", 0, 8) + bytes(8)

    bench.router.serve(852, Chatty())
    client = bench.client()
    for _ in range(3):
        answer = client.ask(read(AmsAddr.of(OURS, 852), ADSLIB, size=4))
        assert answer[38:] == struct.pack("<II", 0, 4) + bytes(4)


def test_a_prepared_answer_is_given_until_something_changes(bench: Bench) -> None:
    """The same read again does not reach the device's `request`; its value is the present one; `changed` ends it."""
    client, memory = bench.client(), bench.memory
    for invoke, value in ((1, 0x11), (2, 0x22), (0xFFFFFFFF, 0x33)):
        memory.data[0] = value
        answer = client.ask(read(HERE, ADSLIB, size=1, invoke=invoke))
        assert answer[38:] == struct.pack("<IIB", 0, 1, value)
        assert head_of(answer).invoke_id == invoke
    assert (memory.requests, memory.prepared) == (0, 1)
    bench.router.changed()
    client.ask(read(HERE, ADSLIB, size=1))
    assert memory.prepared == 2
    bench.router.sweep()
    assert (bench.counters.fast_hits, bench.counters.requests, bench.counters.frames_in) == (2, 4, 4)


def test_a_known_read_is_answered_from_its_segment(bench: Bench) -> None:
    """`quick` answers what was prepared and nothing else: no part of a frame, no two frames, no other first word."""
    client = bench.client()
    frame = read(HERE, ADSLIB)
    assert client.session.quick(frame) is None
    answer = client.ask(frame)
    assert client.session.quick(frame) == answer
    for other in (frame[:-1], frame + frame, b"\1" + frame[1:], frame[:2] + b"\0" + frame[3:], b"", frame[:34]):
        assert client.session.quick(other) is None


def test_prepared_answers_are_bounded(bench: Bench) -> None:
    """However many different reads a client sends, no more than `fast_entries` are kept for it."""
    bench.router.limits = Limits(fast_entries=8)
    client = bench.client()
    for offset in range(50):
        assert client.ask(read(HERE, ADSLIB, offset, 1))[46] == offset
        assert len(client.session._fast) <= 8


def test_a_prepared_answer_belongs_to_one_source_on_one_link(bench: Bench) -> None:
    """The same bytes from another source, or by another link, are prepared anew: permits may differ."""
    one, other = bench.client(), bench.client()
    for client, port in ((one, 30000), (one, 30001), (other, 30000)):
        client.ask(read(HERE, AmsAddr.of(LOOPBACK_NET_ID, port)))
    assert bench.memory.prepared == 3


def test_a_device_may_answer_later_and_once(bench: Bench) -> None:
    """A deferred answer goes by the link, once; after the link is gone it goes nowhere."""
    client, memory = bench.client(), bench.memory
    frame = request(HERE, ADSLIB, Command.WRITE_CONTROL, bytes(8), invoke=9)
    assert client.say(frame) == []
    memory.waiting[0].reply(bytes(4))
    memory.waiting[0].reply(bytes(4))
    (answer,) = client.wire.take()
    assert (head_of(answer).invoke_id, result_of(answer)) == (9, 0)
    client.say(frame)
    client.drop()
    memory.waiting[1].reply(bytes(4))
    assert client.wire.take() == []
    assert not bench.router.deferred


def test_a_device_that_answers_at_once_by_reply_is_answered_once(bench: Bench) -> None:
    """`reply` within `request` is the answer, whatever `request` then gives."""

    class Eager(Memory):
        def request(self, request: Request) -> bytes | None:
            request.reply(bytes(4))
            return bytes(4)

    bench.router.serve(852, Eager())
    assert len(bench.client().say(write(AmsAddr.of(OURS, 852), ADSLIB, b"1"))) == 1


def test_a_device_that_never_answers_times_out(bench: Bench) -> None:
    """A deferred request is answered 0x719 in its result when its time is over, and is forgotten."""
    client = bench.client()
    client.say(request(HERE, ADSLIB, Command.WRITE_CONTROL, bytes(8)))
    assert bench.router.due_ns() == bench.now_ns + bench.router.limits.deferred_ns
    bench.pass_time(bench.router.limits.deferred_ns)
    (answer,) = client.wire.take()
    assert result_of(answer) == AdsError.TIMEOUT
    assert not bench.router.deferred


def test_deferred_requests_are_bounded(bench: Bench) -> None:
    """Beyond `max_deferred` a request is answered 0x502 at once."""
    bench.router.limits = Limits(max_deferred=2)
    client = bench.client()
    frame = request(HERE, ADSLIB, Command.WRITE_CONTROL, bytes(8))
    assert client.say(frame) == client.say(frame) == []
    assert error_of(client.ask(frame)) == AdsError.ROUTER_MAILBOX_FULL


def test_a_fault_while_preparing_is_an_answer(bench: Bench) -> None:
    """An AdsFault raised by `prepare` is answered like any other."""

    class Faulty(Memory):
        def prepare(self, request: Request) -> Callable[[], bytes]:
            del request
            raise AdsFault(AdsError.INVALID_OFFSET)

    bench.router.serve(852, Faulty())
    assert result_of(bench.client().ask(read(AmsAddr.of(OURS, 852), ADSLIB))) == AdsError.INVALID_OFFSET


def test_a_prepared_answer_that_fails_is_an_answer() -> None:
    """A prepared body that raises AdsFault later on is answered with its code, and prepared anew."""

    class Fickle(Memory):
        def prepare(self, request: Request) -> Callable[[], bytes] | None:
            good = super().prepare(request)

            def body() -> bytes:
                if not self.data:
                    raise AdsFault(AdsError.INVALID_OFFSET)
                assert good is not None
                return good()

            return body

    bench, memory = Bench(), Fickle()
    bench.router.serve(851, memory)
    client = bench.client()
    assert result_of(client.ask(read(HERE, ADSLIB))) == 0
    memory.data.clear()
    assert result_of(client.ask(read(HERE, ADSLIB))) == AdsError.INVALID_OFFSET
    assert memory.prepared == 2


GUEST = Origin(Via.HOST_ONLY, "vmnet0", "10.9.0.2", guest="hmi", net_ids=(NetId.parse("10.9.0.2.1.1"),))


def test_a_bound_link_speaks_only_as_its_net_ids(bench: Bench) -> None:
    """What a link with bound NetIds says in another's name is dropped and counted."""
    client = bench.client(GUEST)
    assert len(client.say(read(HERE, AmsAddr.parse("10.9.0.2.1.1:30000")))) == 1
    assert client.say(read(HERE, AmsAddr.parse("10.9.0.3.1.1:30000"))) == []
    assert bench.counters.dropped == {"spoofed": 1}


def test_a_bound_net_id_is_believed_from_its_owner_alone(bench: Bench) -> None:
    """Nobody else, not even a program on this machine, may speak as a NetId that is bound."""
    bench.policy.bound[PLC.net_id] = "192.0.2.7"
    assert bench.client().say(read(HERE, PLC)) == []
    assert bench.client(lan("192.0.2.8")).say(read(HERE, PLC)) == []
    assert len(bench.client(lan("192.0.2.7")).say(read(HERE, PLC))) == 1


@pytest.mark.parametrize("net_id", [OURS, LOOPBACK_NET_ID])
def test_nobody_elsewhere_speaks_as_this_router(bench: Bench, net_id: NetId) -> None:
    """A frame from the LAN with this router's NetId as its source is dropped."""
    assert bench.client(lan("192.0.2.8")).say(read(HERE, AmsAddr.of(net_id, 30000))) == []


def test_binding_a_net_id_ends_who_spoke_as_it(bench: Bench) -> None:
    """When a policy binds a NetId, a client that used it before is dropped at its next frame."""
    client = bench.client(lan("192.0.2.8"))
    client.ask(add_note(HERE, PLC))
    bench.policy.bound[PLC.net_id] = "192.0.2.7"
    bench.router.changed()
    assert client.say(read(HERE, PLC)) == []
    assert [peer.source for peer in bench.memory.gone] == [PLC]


class Strict(Memory):
    """A device that looks at its subscriptions again."""

    def review(self, peer: Peer, permit: Permit) -> None:
        if not permit.allows(Action.READ, 0x4020, 0, 4):
            self.notes = {handle: note for handle, note in self.notes.items() if note[0] is not peer}


@pytest.mark.parametrize("away", [False, True])
def test_new_rules_hold_for_what_stands_already(away: bool) -> None:
    """`set_policy` has devices look at the subscriptions of all clients again, also of those that are away."""
    bench, memory = Bench(), Strict()
    bench.router.serve(851, memory)
    client = bench.client()
    client.ask(add_note(HERE, ADSLIB))
    if away:
        client.drop()
    bench.router.set_policy(Policy())
    assert memory.notes
    bench.router.set_policy(Policy(Allow(refuse=frozenset({Action.READ}))))
    assert not memory.notes


def test_new_bindings_hold_at_once(bench: Bench) -> None:
    """`set_policy` ends whoever speaks as a NetId that is now bound elsewhere, before it says another word."""
    bench.client(lan("192.0.2.8")).ask(add_note(HERE, PLC))
    bench.router.set_policy(Policy(bound={PLC.net_id: "192.0.2.7"}))
    assert [peer.source for peer in bench.memory.gone] == [PLC]


def test_two_links_with_one_source_each_get_their_own(bench: Bench) -> None:
    """Two processes of one host with the same source address get their own answers and notifications."""
    one, other = bench.client(lan("192.0.2.8")), bench.client(lan("192.0.2.8"))
    one.ask(add_note(HERE, PLC))
    assert other.wire.sent == []
    assert result_of(other.ask(read(HERE, PLC))) == 0
    assert bench.memory.publish(b"abcd") == 1
    assert one.wire.take() == [build_frame(PLC, HERE, Command.NOTIFICATION, 4, 0, samples((1, b"abcd")))]
    assert other.wire.take() == []


def test_peers_of_one_link_are_bounded(bench: Bench) -> None:
    """Beyond the limit a new source is answered 0x502, until one has been idle long enough to make room."""
    bench.router.limits = Limits(max_peers_per_link=2)
    client = bench.client()
    sources = [AmsAddr.of(LOOPBACK_NET_ID, port) for port in (1, 2, 3)]
    client.ask(read(HERE, sources[0]))
    client.ask(read(HERE, sources[1]))
    assert error_of(client.ask(read(HERE, sources[2]))) == AdsError.ROUTER_MAILBOX_FULL
    bench.pass_time(bench.router.limits.idle_ns)
    client.ask(read(HERE, sources[1], 1))
    assert result_of(client.ask(read(HERE, sources[2]))) == 0
    assert [peer.source for peer in bench.memory.gone] == [sources[0]]


def test_who_subscribed_is_not_let_go_for_being_idle(bench: Bench) -> None:
    """A client that only listens makes no room for others, however long it says nothing."""
    bench.router.limits = Limits(max_peers_per_link=1)
    client = bench.client()
    client.ask(add_note(HERE, ADSLIB))
    bench.pass_time(10 * bench.router.limits.idle_ns)
    assert error_of(client.ask(read(HERE, PLC))) == AdsError.ROUTER_MAILBOX_FULL
    assert bench.memory.gone == []


def test_links_are_bounded(bench: Bench) -> None:
    """Beyond the limit a new link is closed at once, and what it says is dropped."""
    bench.router.limits = Limits(max_links=1)
    bench.client()
    late = bench.client()
    assert late.wire.closed_why == "too many links"
    assert late.say(read(HERE, ADSLIB)) == []
    late.drop()
    assert bench.counters.links == 1


def test_in_strict_mode_the_newest_connection_of_an_address_wins() -> None:
    """Like TwinCAT, a strict router closes the older connection of the same remote address."""
    bench = Bench(limits=Limits(strict=True))
    old, elsewhere = bench.client(lan("192.0.2.8")), bench.client(lan("192.0.2.9"))
    new = bench.client(lan("192.0.2.8"))
    assert old.wire.closed_why == "superseded by a newer connection"
    assert (elsewhere.wire.closed_why, new.wire.closed_why) == (None, None)
    assert bench.counters.links == 2


def test_counters_tell_what_is_there(bench: Bench) -> None:
    """Links, peers and orphans are as they are now, and all are gone in the end."""
    client = bench.client()
    client.ask(read(HERE, ADSLIB))
    assert (bench.counters.links, bench.counters.peers, bench.counters.orphans) == (1, 1, 0)
    client.drop()
    assert (bench.counters.links, bench.counters.peers, bench.counters.orphans) == (0, 0, 1)
    bench.pass_time(bench.router.limits.orphan_ns)
    assert bench.counters.orphans == 0


def test_a_closed_link_is_closed_once(bench: Bench) -> None:
    """`closed` twice counts once, and what is received after it is dropped."""
    client = bench.client()
    client.ask(read(HERE, ADSLIB))
    client.drop()
    client.drop()
    assert client.say(read(HERE, ADSLIB)) == []
    assert bench.counters.links == 0


def test_a_sum_read_is_prepared_too() -> None:
    """F080 is offered to `prepare`; other ReadWrites are not."""
    asked: list[int] = []

    class Noting(Memory):
        def prepare(self, request: Request) -> None:
            asked.append(int.from_bytes(request.payload[:4], "little"))

    bench = Bench()
    bench.router.serve(851, Noting())
    client = bench.client()
    for group in (0xF080, 0xF081, 0xF003):
        client.ask(read_write(HERE, ADSLIB, group, 0, 4, b"x"))
    assert asked == [0xF080]


def test_a_container_network_is_local_when_it_is_named() -> None:
    """Clients of a configured subnet may connect ports and speak as this router; a guest there may not."""
    networks = (ipaddress.ip_network("172.17.0.0/16"),)
    bench = Bench(limits=Limits(local_networks=networks))
    bench.router.serve(851, Memory())
    container = Client(bench.router, lan("172.17.0.5"))
    assert result_of(container.ask(read(HERE, container.connect_port()))) == 0
    guest = Client(bench.router, Origin(Via.HOST_ONLY, "vmnet0", "172.17.0.6", guest="hmi"))
    assert guest.say(tcp_frame(TcpCommand.PORT_CONNECT, b"\0\0")) == []


def test_a_peer_that_is_away_cannot_be_notified(bench: Bench) -> None:
    """`notify` says False while the client's link is gone, and nothing is sent anywhere."""
    client = bench.client()
    client.ask(add_note(HERE, ADSLIB))
    peer: Peer = bench.memory.notes[1][0]
    assert peer.notify(HERE, samples((1, b"")))
    client.drop()
    assert not peer.notify(HERE, samples((1, b"")))
    assert (peer.source, peer.origin) == (ADSLIB, LOCAL)


def test_a_wire_is_a_link(bench: Bench) -> None:
    """The session keeps the link's origin as the transport proved it."""
    wire = Wire(GUEST)
    assert bench.router.connect(wire).origin is GUEST
