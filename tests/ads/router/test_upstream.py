"""One connection for all clients of a route: dialled on demand, shared without mixing, tidied up after."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from ads_wire import (
    OURS,
    PLC,
    PLC_NET,
    Allow,
    Bench,
    Client,
    Policy,
    Wire,
    add_note,
    answer_to,
    delete_note,
    error_of,
    head_of,
    lan,
    notification,
    read,
    read_write,
    request,
    result_of,
    write,
)

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.router.limits import Limits
from dinrail.ads.router.routes import Route, RouteTable
from dinrail.ads.router.session import Session
from dinrail.ams.address import LOOPBACK_NET_ID, AmsAddr, NetId
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command, Flag
from dinrail.errors import Refused
from dinrail.units import S_NS

LINE = Route("line", PLC_NET, "192.0.2.50")
SUB = Route("ethercat", NetId.parse("5.80.201.232.2.1"), "192.0.2.50")
ONE = AmsAddr.parse("127.0.0.1.1.1:30000")
TWO = AmsAddr.parse("127.0.0.1.1.1:30001")


def joined(limits: Limits | None = None, *routes: Route) -> tuple[Bench, Client, Wire, Session]:
    """A router with a client whose ReadState made it dial; the connection is up and the answer is through."""
    bench = Bench(routes=routes or (LINE,), limits=limits)
    client = bench.client()
    client.say(request(PLC, ONE, Command.READ_STATE))
    wire, session = bench.up(LINE)
    session.receive(answer_to(wire.take()[0], bytes(8)))
    client.wire.take()
    return bench, client, wire, session


def subscribe(client: Client, wire: Wire, session: Session, handle: int, source: AmsAddr = ONE) -> AmsAddr:
    """Subscribe by the upstream connection; the alias that it was done as."""
    client.say(add_note(PLC, source))
    (asked,) = wire.take()
    session.receive(answer_to(asked, struct.pack("<II", 0, handle)))
    assert result_of(client.wire.take()[-1]) == 0
    return head_of(asked).source


def test_a_route_is_dialled_when_it_is_first_asked_for() -> None:
    """Nothing is dialled before a request; requests wait for the connection and leave in order; it is dialled once."""
    bench = Bench(routes=(LINE,))
    client = bench.client()
    assert bench.dialled == []
    for invoke in (1, 2, 3):
        assert client.say(read(PLC, ONE, invoke=invoke, offset=invoke)) == []
    assert bench.dialled == [LINE]
    wire, session = bench.up(LINE)
    sent = wire.take()
    assert [int.from_bytes(frame[42:46], "little") for frame in sent] == [1, 2, 3]
    for frame in reversed(sent):
        session.receive(answer_to(frame, b"\0\0\0\0\4\0\0\0" + frame[42:46]))
    for answer, invoke in zip(client.wire.take(), (3, 2, 1), strict=True):
        assert (head_of(answer).invoke_id, answer[46]) == (invoke, invoke)


def test_an_answer_is_mapped_back_byte_for_byte() -> None:
    """What the client gets is the device's answer with the client's own address and invoke id."""
    _, client, wire, session = joined()
    asked = read(PLC, ONE, invoke=0xDEADBEEF)
    client.say(asked)
    (sent,) = wire.take()
    assert head_of(sent).source.net_id == OURS
    assert (sent[:14], sent[22:34], sent[38:]) == (asked[:14], asked[22:34], asked[38:])
    session.receive(answer_to(sent, b"\0\0\0\0\4\0\0\0abcd", error=0))
    assert client.wire.take() == [answer_to(asked, b"\0\0\0\0\4\0\0\0abcd")]


def test_a_header_error_of_the_device_is_passed_on() -> None:
    """An error in the device's header reaches the client as it is."""
    _, client, wire, session = joined()
    client.say(read(PLC, ONE))
    session.receive(answer_to(wire.take()[0], error=6))
    assert error_of(client.wire.take()[0]) == 6


def test_every_client_has_a_source_of_its_own() -> None:
    """Two links with the same source, and two sources of one link, are four clients at the device."""
    bench, client, wire, _ = joined()
    other = bench.client()
    for each in (client, other):
        each.say(read(PLC, ONE))
        each.say(read(PLC, TWO))
    assert len({head_of(frame).source for frame in wire.take()}) == 4


def test_a_source_that_is_ours_already_is_kept() -> None:
    """A port-connected client keeps its address at the device, a second one with it does not."""
    bench, client, wire, _ = joined()
    source = client.connect_port()
    client.say(read(PLC, source))
    other = bench.client()
    other.say(read(PLC, source))
    mine, theirs = wire.take()
    assert head_of(mine).source == source
    assert head_of(theirs).source != source


def test_a_route_may_speak_as_another_net_id() -> None:
    """With `local_net_id` the device sees that NetId, the one that it has a route to."""
    known = NetId.parse("192.0.2.1.1.1")
    _, client, wire, _ = joined(None, replace(LINE, local_net_id=known))
    client.say(read(PLC, ONE))
    assert head_of(wire.take()[0]).source.net_id == known


def test_the_same_invoke_id_twice_is_two_requests() -> None:
    """Clients that reuse an invoke id get both answers, each its own."""
    _, client, wire, session = joined()
    client.say(read(PLC, ONE, 1, invoke=5))
    client.say(read(PLC, ONE, 2, invoke=5))
    first, second = wire.take()
    session.receive(answer_to(second, b"second"))
    session.receive(answer_to(first, b"first"))
    assert [frame[38:] for frame in client.wire.take()] == [b"second", b"first"]


def test_an_answer_is_believed_from_the_asked_link_alone() -> None:
    """An answer by another link, for another client, from another device, or twice, is dropped and counted."""
    bench, client, wire, session = joined()
    client.say(read(PLC, ONE))
    (sent,) = wire.take()
    answer = answer_to(sent, b"\0\0\0\0\4\0\0\0abcd")
    bench.client(lan("192.0.2.50")).say(answer)
    session.receive(answer[:6] + AmsAddr.of(OURS, 1) + answer[14:])
    session.receive(answer[:14] + AmsAddr.of(PLC_NET, 852) + answer[22:])
    session.receive(answer[:22] + b"\3" + answer[23:])
    assert client.wire.take() == []
    assert bench.counters.dropped == {"unasked": 4}
    session.receive(answer)
    session.receive(answer)
    assert len(client.wire.take()) == 1
    assert bench.counters.dropped == {"unasked": 5}


def test_when_dialling_fails_who_waits_is_answered() -> None:
    """All that waited gets 0x1B in the header; until the pause is over, so does the next, and nothing is dialled."""
    bench = Bench(routes=(LINE,))
    client = bench.client()
    client.say(read(PLC, ONE))
    bench.router.upstream_failed(LINE, "refused")
    assert error_of(client.wire.take()[0]) == AdsError.HOST_UNREACHABLE
    assert error_of(client.ask(read(PLC, ONE))) == AdsError.HOST_UNREACHABLE
    assert len(bench.dialled) == 1
    bench.pass_time(bench.router.limits.backoff_first_ns)
    assert client.say(read(PLC, ONE)) == []
    assert len(bench.dialled) == 2


def test_pauses_between_dials_double_up_to_their_limit() -> None:
    """Each failure doubles the pause; a connection that stood for as long as the longest pause resets it."""
    bench = Bench(routes=(LINE,), limits=Limits(backoff_first_ns=1 * S_NS, backoff_last_ns=4 * S_NS))
    client = bench.client()

    def assert_pause(seconds: int) -> None:
        client.wire.take()
        bench.pass_time(seconds * S_NS - 1)
        assert error_of(client.ask(read(PLC, ONE))) == AdsError.HOST_UNREACHABLE
        bench.pass_time(1)
        assert client.say(read(PLC, ONE)) == []

    client.say(read(PLC, ONE))
    for pause in (1, 2, 4, 4):
        bench.router.upstream_failed(LINE, "refused")
        assert_pause(pause)
    _, session = bench.up(LINE)
    session.closed()
    assert_pause(4)
    _, session = bench.up(LINE)
    bench.pass_time(4 * S_NS)
    session.closed()
    assert_pause(1)


def test_the_queue_while_dialling_is_bounded() -> None:
    """Beyond the queue's frames or bytes a request is answered 0x502, until what waits there has timed out."""
    bench = Bench(routes=(LINE,), limits=Limits(queue_frames=2, queue_bytes=200))
    client = bench.client()
    client.say(read(PLC, ONE))
    assert error_of(client.ask(write(PLC, ONE, bytes(200)))) == AdsError.ROUTER_MAILBOX_FULL
    client.say(read(PLC, ONE))
    assert error_of(client.ask(read(PLC, ONE))) == AdsError.ROUTER_MAILBOX_FULL
    for _ in range(5):
        bench.pass_time(LINE.timeout_ns)
        client.wire.take()
        assert client.say(write(PLC, ONE, bytes(100))) == []


def test_what_was_told_to_have_failed_is_not_carried_out_later() -> None:
    """A write that timed out, or whose client left, while the connection was dialled never reaches the device."""
    bench = Bench(routes=(LINE,))
    stays, leaves = bench.client(), bench.client()
    stays.say(write(PLC, ONE, b"old"))
    bench.pass_time(LINE.timeout_ns)
    assert error_of(stays.wire.take()[0]) == AdsError.HOST_UNREACHABLE
    unanswered = struct.pack("<III", 0x4020, 0, 3) + b"not"
    stays.say(request(PLC, ONE, Command.WRITE, unanswered, flags=4 | Flag.NO_RETURN))
    bench.now_ns += LINE.timeout_ns  # without a tick
    leaves.say(write(PLC, ONE, b"gone"))
    leaves.drop()
    stays.say(write(PLC, ONE, b"new"))
    wire, _ = bench.up(LINE)
    assert [frame[50:] for frame in wire.take()] == [b"new"]


def test_a_silent_device_is_a_timeout_in_the_result() -> None:
    """While the connection stands, no answer within the route's time is 0x719 in the body; a late one is dropped."""
    bench, client, wire, session = joined()
    client.say(read(PLC, ONE, invoke=7))
    assert bench.router.due_ns() == bench.now_ns + LINE.timeout_ns
    bench.pass_time(LINE.timeout_ns)
    (answer,) = client.wire.take()
    assert (result_of(answer), head_of(answer).invoke_id, head_of(answer).size_bytes) == (AdsError.TIMEOUT, 7, 8)
    session.receive(answer_to(wire.take()[0], bytes(8)))
    assert client.wire.take() == []
    assert bench.router.due_ns() is None


def test_a_lost_connection_answers_what_is_pending_and_ends_subscriptions() -> None:
    """Pending requests get 0x1B, and each lost handle one empty sample in a frame of its own."""
    bench, client, wire, session = joined()
    alias = subscribe(client, wire, session, 0x11)
    subscribe(client, wire, session, 0x22)
    session.receive(notification(alias, PLC, (0x11, b"last seen at 1")))
    client.wire.take()
    client.say(read(PLC, ONE, invoke=3))
    session.closed()
    unreachable, *ended = client.wire.take()
    assert (error_of(unreachable), head_of(unreachable).invoke_id) == (AdsError.HOST_UNREACHABLE, 3)
    assert ended == [notification(ONE, PLC, (handle, b"")) for handle in (0x11, 0x22)]
    assert bench.counters.upstreams == 0


def test_the_empty_sample_carries_the_present_time_when_it_is_known() -> None:
    """After a tick that tells the wall clock, subscriptions end at that time and not at their last sample's."""
    bench, client, wire, session = joined()
    subscribe(client, wire, session, 1)
    bench.router.tick(bench.now_ns, 1_767_225_600 * S_NS)
    session.closed()
    (ended,) = client.wire.take()
    assert ended[46:54].hex() == "00008192b17adc01"  # 2026-01-01, of the reference's vectors


def test_a_connection_with_subscriptions_is_dialled_again_by_itself() -> None:
    """After a loss the router dials again, with pauses, as long as somebody who had subscribed is there."""
    bench, client, wire, session = joined()
    subscribe(client, wire, session, 1)
    bench.dialled.clear()
    session.closed()
    bench.pass_time(bench.router.limits.backoff_first_ns)
    assert bench.dialled == [LINE]
    bench.router.upstream_failed(LINE, "refused")
    due_ns = bench.router.due_ns()
    assert due_ns is not None
    bench.pass_time(due_ns - bench.now_ns)
    assert len(bench.dialled) == 2
    client.drop()
    bench.router.upstream_failed(LINE, "refused")
    bench.pass_time(bench.router.limits.orphan_ns)
    assert len(bench.dialled) == 2
    assert bench.router.due_ns() is None


def test_a_connection_without_subscriptions_is_not_dialled_again() -> None:
    """Nobody misses a connection that only answered requests."""
    bench, _, _, session = joined()
    bench.dialled.clear()
    session.closed()
    bench.pass_time(10 * S_NS)
    assert bench.dialled == []


def test_a_notification_goes_to_who_subscribed() -> None:
    """Of two clients with one source on two links, each gets the samples of its own handle."""
    bench, one, wire, session = joined()
    other = bench.client()
    first = subscribe(one, wire, session, 1)
    second = subscribe(other, wire, session, 2)
    session.receive(notification(first, PLC, (1, b"for one")))
    session.receive(notification(second, PLC, (2, b"for other")))
    assert one.wire.take() == [notification(ONE, PLC, (1, b"for one"))]
    assert other.wire.take() == [notification(ONE, PLC, (2, b"for other"))]


def test_a_notification_without_a_subscription_is_dropped_and_deleted_there() -> None:
    """Samples of a handle that the client did not subscribe to are not passed on; the handle is deleted upstream."""
    bench, client, wire, session = joined()
    alias = subscribe(client, wire, session, 1)
    session.receive(notification(alias, PLC, (9, b"?")))
    assert client.wire.take() == []
    (deletion,) = wire.take()
    head = head_of(deletion)
    assert (head.target, head.source, head.command, deletion[38:]) == (PLC, alias, 7, struct.pack("<I", 9))
    session.receive(answer_to(deletion, bytes(4)))
    assert client.wire.take() == []
    assert bench.counters.dropped == {"unsubscribed": 1}


def test_late_deletions_are_limited() -> None:
    """However many stray handles come, no more than `late_deletes` a second are deleted."""
    bench, client, wire, session = joined(Limits(late_deletes=3, cleanup_window=1000))
    alias = subscribe(client, wire, session, 1)
    for handle in range(100, 150):
        session.receive(notification(alias, PLC, (handle, b"")))
    assert len(wire.take()) == 3
    bench.pass_time(S_NS)
    session.receive(notification(alias, PLC, *((handle, b"") for handle in range(100, 150))))
    assert len(wire.take()) == 3


def test_stray_samples_for_somebody_elses_net_id_are_not_answered() -> None:
    """A device cannot make the router send requests as a NetId that it does not have."""
    bench, _, wire, session = joined()
    session.receive(notification(AmsAddr.parse("1.2.3.4.5.6:7"), PLC, (9, b"")))
    assert wire.take() == []
    assert bench.counters.dropped == {"unsubscribed": 1}


def test_the_first_sample_may_overtake_its_handle() -> None:
    """While a subscription is being answered, samples of a yet unknown handle are passed on, and not deleted."""
    _, client, wire, session = joined()
    client.say(add_note(PLC, ONE))
    (asked,) = wire.take()
    session.receive(notification(head_of(asked).source, PLC, (5, b"early")))
    assert client.wire.take() == [notification(ONE, PLC, (5, b"early"))]
    assert wire.take() == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(7),
        struct.pack("<II", 4, 1),
        struct.pack("<IIqI", 16, 1, 0, 0xFFFFFFFF),
        struct.pack("<IIqIII", 24, 1, 0, 1, 1, 100),
        struct.pack("<II", 4, 0xFFFFFFFF),
        struct.pack("<II", 4, 0) + b"x",
    ],
)
def test_malformed_samples_are_dropped(payload: bytes) -> None:
    """A notification whose counts and sizes do not fit its frame goes nowhere."""
    bench, client, wire, session = joined()
    alias = subscribe(client, wire, session, 1)
    frame = notification(alias, PLC)[:38] + payload
    frame = (
        frame[:2]
        + (32 + len(payload)).to_bytes(4, "little")
        + frame[6:26]
        + struct.pack("<I", len(payload))
        + frame[30:]
    )
    session.receive(frame)
    assert client.wire.take() == []
    assert bench.counters.dropped_frames == 1


def test_a_deleted_notification_is_forgotten() -> None:
    """After DeleteDeviceNotification was answered, the handle's samples are strays."""
    _, client, wire, session = joined()
    alias = subscribe(client, wire, session, 1)
    client.say(delete_note(PLC, ONE, 1))
    session.receive(answer_to(wire.take()[0], bytes(4)))
    client.wire.take()
    session.receive(notification(alias, PLC, (1, b"late")))
    assert client.wire.take() == []


def test_sum_subscriptions_are_known_one_by_one() -> None:
    """F085's handles are the client's, those that failed are not; F086 takes them away as their results say."""
    _, client, wire, session = joined()
    notes = struct.pack("<IIIIII16x", 0x4020, 0, 4, 4, 0, 0) * 3
    client.say(read_write(PLC, ONE, 0xF085, 3, 24, notes))
    (asked,) = wire.take()
    body = struct.pack("<II", 0, 24) + struct.pack("<6I", 0, 1, 0x702, 0, 0, 3)
    session.receive(answer_to(asked, body))
    alias = head_of(asked).source
    client.wire.take()
    session.receive(notification(alias, PLC, (1, b"a"), (3, b"b")))
    assert client.wire.take() == [notification(ONE, PLC, (1, b"a"), (3, b"b"))]
    client.say(read_write(PLC, ONE, 0xF086, 2, 8, struct.pack("<II", 1, 3)))
    session.receive(answer_to(wire.take()[0], struct.pack("<IIII", 0, 8, 0, 0x705)))
    client.wire.take()
    session.receive(notification(alias, PLC, (1, b"a")))
    session.receive(notification(alias, PLC, (3, b"b")))
    assert client.wire.take() == [notification(ONE, PLC, (3, b"b"))]


def test_what_a_client_left_is_taken_away_in_its_name() -> None:
    """When a client is gone for good, its notifications are deleted and its handles released, unseen by others."""
    bench, client, wire, session = joined()
    other = bench.client()
    other.say(request(PLC, TWO, Command.READ_STATE))
    session.receive(answer_to(wire.take()[0], bytes(8)))
    other.wire.take()
    alias = subscribe(client, wire, session, 1)
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"MAIN.x\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 0x99)))
    client.drop()
    assert wire.take() == []
    bench.pass_time(bench.router.limits.orphan_ns)
    deletion, release = wire.take()
    assert head_of(deletion).source == head_of(release).source == alias
    assert (head_of(deletion).command, deletion[38:]) == (7, struct.pack("<I", 1))
    assert (head_of(release).command, release[38:]) == (3, struct.pack("<IIII", 0xF006, 0, 4, 0x99))
    for frame in (deletion, release):
        session.receive(answer_to(frame, bytes(4)))
    assert other.wire.take() == []
    assert bench.counters.pending == 0
    assert session.outlet is not None
    assert len(session.outlet.aliases) == 1  # that of nobody but `other`


def test_what_is_answered_after_its_client_left_is_taken_away_too() -> None:
    """A handle that arrives for a client that is gone by then is given back at once."""
    bench, client, wire, session = joined()
    client.say(add_note(PLC, ONE))
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"MAIN.x\0"))
    add, handle = wire.take()
    bench.router.clients.purge(next(iter(client.session.peers.values())))
    session.receive(answer_to(add, struct.pack("<II", 0, 1)))
    session.receive(answer_to(handle, struct.pack("<III", 0, 4, 2)))
    assert [(head_of(f).command, f[-4:]) for f in wire.take()] == [(7, b"\1\0\0\0"), (3, b"\2\0\0\0")]


def test_a_handle_given_back_is_not_given_back_again() -> None:
    """A symbol handle is released as often as it was given out, less what the client released itself."""
    bench, client, wire, session = joined()
    for _ in range(2):
        client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"MAIN.x\0"))
        session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    client.say(write(PLC, ONE, struct.pack("<I", 7), group=0xF006))
    session.receive(answer_to(wire.take()[0], bytes(4)))
    client.drop()
    bench.pass_time(bench.router.limits.orphan_ns)
    assert len(wire.take()) == 1


def test_many_are_taken_away_a_few_at_a_time() -> None:
    """No more than `cleanup_window` requests of the router's own are under way at one device."""
    bench, client, wire, session = joined(Limits(cleanup_window=4))
    for handle in range(1, 11):
        subscribe(client, wire, session, handle)
    client.drop()
    bench.pass_time(bench.router.limits.orphan_ns)
    rounds = []
    while frames := wire.take():
        rounds.append(len(frames))
        for frame in frames:
            session.receive(answer_to(frame, bytes(4)))
    assert sum(rounds) == 10
    assert max(rounds) <= 4


def test_a_handle_is_deleted_by_its_owner_alone() -> None:
    """Another client's notification or symbol handle cannot be given back by guessing it: 0x714, and not asked."""
    bench, client, wire, session = joined()
    subscribe(client, wire, session, 1)
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"MAIN.x\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    thief = bench.client()
    for frame in (delete_note(PLC, ONE, 1), write(PLC, ONE, struct.pack("<I", 7), group=0xF006)):
        assert result_of(thief.ask(frame)) == AdsError.NOTIFICATION_HANDLE_INVALID
    assert wire.take() == []
    thief.say(delete_note(PLC, ONE, 55))
    assert len(wire.take()) == 1


def test_subscriptions_of_one_client_are_bounded() -> None:
    """Beyond `subscriptions_per_peer` a subscription is answered 0x716, by sum command too."""
    bench, client, wire, session = joined(Limits(subscriptions_per_peer=2))
    subscribe(client, wire, session, 1)
    notes = struct.pack("<IIIIII16x", 0x4020, 0, 4, 4, 0, 0) * 2
    assert result_of(client.ask(read_write(PLC, ONE, 0xF085, 2, 16, notes))) == AdsError.NO_MORE_HANDLES
    subscribe(client, wire, session, 2)
    assert result_of(client.ask(add_note(PLC, ONE))) == AdsError.NO_MORE_HANDLES
    assert bench.counters.pending == 0


def test_symbol_handles_of_one_client_are_bounded() -> None:
    """Beyond `handles_per_peer` a further one is answered 0x70A; everything else still passes."""
    bench, client, wire, session = joined(Limits(handles_per_peer=1))
    ask = read_write(PLC, ONE, 0xF003, 0, 4, b"MAIN.x\0")
    client.say(ask)
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    client.wire.take()
    assert result_of(client.ask(ask)) == AdsError.NO_MEMORY
    assert client.say(read(PLC, ONE)) == []
    assert bench.counters.pending == 1


def test_new_rules_end_subscriptions_by_the_connection() -> None:
    """A subscription that the new rules refuse ends by an empty sample, and is deleted at the device; others stay."""
    bench, client, wire, session = joined()
    subscribe(client, wire, session, 1)
    bench.router.set_policy(Policy())
    assert (client.wire.take(), wire.take()) == ([], [])
    bench.router.set_policy(Policy(Allow(refuse=frozenset({Action.READ}))))
    assert client.wire.take() == [notification_without_time(1)]
    (deletion,) = wire.take()
    assert (head_of(deletion).command, deletion[38:]) == (Command.DELETE_NOTIFICATION, struct.pack("<I", 1))


def notification_without_time(handle: int) -> bytes:
    frame = notification(ONE, PLC, (handle, b""))
    return frame[:46] + bytes(8) + frame[54:]


def test_a_time_stamp_is_passed_on_with_its_request() -> None:
    """A request with the TIMESTAMP flag leaves as it came, and is judged without its last eight bytes."""
    _, client, wire, _ = joined()
    body = struct.pack("<III", 0x4020, 0, 2) + b"ab" + bytes(8)
    client.say(request(PLC, ONE, Command.WRITE, body, flags=4 | Flag.TIMESTAMP))
    assert wire.take()[0][38:] == body


def test_what_was_answered_is_not_remembered_behind_what_was_not() -> None:
    """However many requests are answered while one is not, little is kept of them."""
    bench, client, wire, session = joined()
    client.say(read(PLC, ONE))
    wire.take()
    for _ in range(5000):
        client.say(read(PLC, ONE))
        session.receive(answer_to(wire.take()[0], bytes(8)))
    assert session.outlet is not None
    assert len(session.outlet._deadlines) < 1100
    bench.pass_time(LINE.timeout_ns)
    assert result_of(client.wire.take()[-1]) == AdsError.TIMEOUT


def test_pending_requests_are_bounded() -> None:
    """Beyond `pending_per_peer` a request is answered 0x502 while another client still gets through."""
    bench, client, wire, _ = joined(Limits(pending_per_peer=2))
    client.say(read(PLC, ONE))
    client.say(read(PLC, ONE))
    assert error_of(client.ask(read(PLC, ONE))) == AdsError.ROUTER_MAILBOX_FULL
    bench.client().say(read(PLC, ONE))
    assert len(wire.take()) == 3


def test_a_request_without_an_answer_is_not_waited_for() -> None:
    """NO_RETURN is passed on, and nothing is pending for it."""
    bench, client, wire, _ = joined()
    client.say(request(PLC, ONE, Command.READ_STATE, flags=4 | Flag.NO_RETURN))
    assert len(wire.take()) == 1
    assert bench.counters.pending == 0


def test_routes_to_one_address_share_a_connection() -> None:
    """A sub-device's route at the same host dials nothing of its own."""
    bench, client, wire, _ = joined(None, LINE, SUB)
    client.say(read(AmsAddr.of(SUB.net_id, 0xFFFF), ONE))
    assert len(wire.take()) == 1
    assert bench.dialled == [LINE]


def test_adding_a_route_touches_no_other() -> None:
    """A connection stays when routes are added, and subscriptions by it go on."""
    bench, client, wire, session = joined()
    alias = subscribe(client, wire, session, 1)
    bench.router.add_route(Route("other", NetId.parse("1.2.3.4.1.1"), "192.0.2.60"))
    bench.router.add_route(SUB)
    session.receive(notification(alias, PLC, (1, b"on")))
    assert len(client.wire.take()) == 1
    assert wire.closed_why is None


def test_deleting_a_route_ends_what_went_by_it() -> None:
    """The last route of a connection closes it, answers what is pending with 0x1B, and then it is error 7."""
    bench, client, wire, session = joined()
    subscribe(client, wire, session, 1)
    client.say(read(PLC, ONE))
    bench.router.remove_route("line")
    unreachable, ended = client.wire.take()
    assert error_of(unreachable) == AdsError.HOST_UNREACHABLE
    assert head_of(ended).command == Command.NOTIFICATION
    assert wire.closed_why == "the route was deleted"
    assert error_of(client.ask(read(PLC, ONE))) == AdsError.TARGET_MACHINE_NOT_FOUND
    bench.pass_time(100 * S_NS)
    assert len(bench.dialled) == 1


def test_deleting_one_of_two_routes_leaves_the_connection() -> None:
    """A route that shares its connection ends what was asked of its own NetId alone."""
    bench, client, wire, session = joined(None, LINE, SUB)
    sub = AmsAddr.of(SUB.net_id, 1)
    client.say(request(sub, ONE, Command.READ_STATE))
    client.say(request(PLC, ONE, Command.READ_STATE))
    bench.router.remove_route("ethercat")
    (answer,) = client.wire.take()
    assert (head_of(answer).source, head_of(answer).error) == (sub, AdsError.HOST_UNREACHABLE)
    assert wire.closed_why is None
    session.receive(answer_to(wire.take()[1], bytes(8)))
    assert len(client.wire.take()) == 1


def test_a_connection_for_a_deleted_route_is_closed() -> None:
    """A dial that comes up after its route was deleted is closed at once."""
    bench = Bench(routes=(LINE,))
    bench.client().say(read(PLC, ONE))
    bench.router.remove_route("line")
    wire, session = bench.up(LINE)
    assert wire.closed_why == "the route is gone"
    assert session.receive(read(AmsAddr.of(OURS, 1), PLC)) is None
    assert bench.counters.links == 1


@pytest.mark.parametrize("net_id", [OURS, NetId.parse("10.9.0.2.1.1")])
def test_a_route_to_what_is_served_here_or_bound_elsewhere_is_refused(net_id: NetId) -> None:
    """Neither our own NetId nor one that is bound to somebody else gets a route, and nothing changes."""
    bench = Bench(routes=(LINE,))
    bench.policy.bound[NetId.parse("10.9.0.2.1.1")] = "10.9.0.2"
    with pytest.raises(Refused):
        bench.router.add_route(Route("bad", net_id, "192.0.2.66"))
    assert bench.router.routes == RouteTable((LINE,))
    bench.router.add_route(Route("guest", NetId.parse("10.9.0.2.1.1"), "10.9.0.2"))


def test_the_device_may_ask_us_by_the_same_connection() -> None:
    """A request that comes by an upstream connection is served like any other."""
    bench, _, _, session = joined()
    bench.router.serve(851, bench.memory)
    answer = session.receive(read(AmsAddr.of(OURS, 851), PLC))
    assert answer is not None
    assert result_of(answer) == 0


def test_a_device_does_not_speak_as_another_route() -> None:
    """By an upstream connection nobody speaks as a NetId that another connection leads to."""
    other = Route("other", NetId.parse("1.2.3.4.1.1"), "192.0.2.60")
    bench, _, _, session = joined(None, LINE, other)
    bench.router.serve(851, bench.memory)
    assert session.receive(read(AmsAddr.of(OURS, 851), AmsAddr.of(other.net_id, 1))) is None
    assert bench.counters.dropped == {"spoofed": 1}


@pytest.mark.parametrize("inbound", [False, True])
def test_a_unidirectional_route_lets_in_what_the_sdk_says(inbound: bool) -> None:
    """From there come answers, notifications and ReadState; all else is refused, subscriptions too, by any link."""
    bench, _, _, session = joined(None, replace(LINE, unidirectional=True))
    bench.router.serve(851, bench.memory)
    target = AmsAddr.of(OURS, 851)
    ask = bench.client(lan("192.0.2.50")).session.receive if inbound else session.receive
    refused = [read(target, PLC), write(target, PLC, b"1"), read_write(target, PLC, 0xF080, 0, 0, b"")]
    refused += [add_note(target, PLC), delete_note(target, PLC, 1)]
    assert result_of(ask(request(target, PLC, Command.READ_STATE)) or b"") == 0
    assert [result_of(ask(frame) or b"") for frame in refused] == [AdsError.ACCESS_DENIED] * 5


def test_nothing_goes_back_by_the_connection_that_it_came_by() -> None:
    """A request from upstream for what lies upstream is error 7, so that two routers do not play ball."""
    _, _, wire, session = joined(None, LINE, SUB)
    answer = session.receive(read(AmsAddr.of(SUB.net_id, 1), PLC))
    assert answer is not None
    assert error_of(answer) == AdsError.TARGET_MACHINE_NOT_FOUND
    assert wire.take() == []


def test_a_bound_client_is_reached_by_the_link_it_came_by() -> None:
    """A NetId without a route that is bound to an inbound link is asked by that link."""
    bench = Bench()
    net_id = NetId.parse("10.9.0.2.1.1")
    guest = bench.client(Origin(Via.HOST_ONLY, "vmnet0", "10.9.0.2", guest="hmi", net_ids=(net_id,)))
    client = bench.client()
    client.say(read(AmsAddr.of(net_id, 851), ONE))
    (asked,) = guest.wire.take()
    guest.say(answer_to(asked, bytes(8)))
    assert result_of(client.wire.take()[0]) == 0
    guest.drop()
    assert error_of(client.ask(read(AmsAddr.of(net_id, 851), ONE))) == AdsError.TARGET_MACHINE_NOT_FOUND


def test_a_dial_may_be_answered_at_once() -> None:
    """`upstream_up` and `upstream_failed` may be called from within `dial`."""
    bench = Bench(routes=(LINE,))
    wires: list[Wire] = []
    bench.dial = lambda route: wires.append(bench.up(route)[0])
    bench.client().say(read(PLC, ONE))
    assert len(wires[0].take()) == 1
    failing = Bench(routes=(LINE,))
    failing.dial = lambda route: failing.router.upstream_failed(route, "no")
    assert error_of(failing.client().ask(read(PLC, ONE))) == AdsError.HOST_UNREACHABLE


def test_a_second_connection_supersedes_the_first() -> None:
    """When a route comes up twice, the older connection is closed and the newer one is used."""
    bench, client, wire, _ = joined()
    newer, _ = bench.up(LINE)
    assert wire.closed_why == "superseded by a newer connection"
    client.say(read(PLC, ONE))
    assert (len(newer.take()), wire.take()) == (1, [])


def test_at_the_end_connections_are_closed_and_what_is_pending_is_answered() -> None:
    """Shutdown answers 0x71F in the result, closes every connection, and dials no more."""
    bench, client, wire, _ = joined()
    client.say(read(PLC, ONE))
    bench.router.shutdown()
    assert result_of(client.wire.take()[0]) == AdsError.ABORTED
    assert wire.closed_why == "the router ends"
    assert error_of(client.ask(read(PLC, ONE))) == AdsError.TARGET_MACHINE_NOT_FOUND
    assert bench.dialled == [LINE]


def test_the_clock_is_asked_for_ahead_of_its_time() -> None:
    """`wake` hears of every time that may come before what was due, so that a timer can be set."""
    bench = Bench(routes=(LINE,))
    woken: list[int | None] = []
    bench.router.wake = woken.append
    bench.client().say(read(PLC, ONE))
    assert woken == [bench.now_ns + LINE.timeout_ns]


def test_loopback_names_are_kept_for_each_client() -> None:
    """The alias is below the router's own NetId even for a client that calls itself 127.0.0.1.1.1."""
    _, client, wire, _ = joined()
    client.say(read(PLC, AmsAddr.of(LOOPBACK_NET_ID, 30000)))
    assert head_of(wire.take()[0]).source.net_id == OURS
