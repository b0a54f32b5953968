"""Clients that drop and come back, and those that do not."""

from __future__ import annotations

import pytest
from ads_wire import HERE, LOCAL, PLC, Bench, Memory, add_note, delete_note, lan, read, result_of

from dinrail.ads.contract import Origin, Via
from dinrail.ads.router.limits import Limits
from dinrail.ams.address import AmsAddr

SOURCE = AmsAddr.parse("192.0.2.8.1.1:30000")
AT = lan("192.0.2.8")


def subscribed(limits: Limits | None = None, origin: Origin = AT) -> tuple[Bench, Memory]:
    """A router whose one client subscribed and then lost its link."""
    bench, memory = Bench(limits=limits), Memory()
    bench.router.serve(851, memory)
    client = bench.client(origin)
    client.ask(add_note(HERE, SOURCE))
    client.drop()
    return bench, memory


def test_subscriptions_survive_a_reconnect() -> None:
    """A new link of the same origin that speaks as the same source gets the old subscription's samples."""
    bench, memory = subscribed()
    assert memory.publish(b"lost") == 0
    again = bench.client(AT)
    assert memory.publish(b"lost") == 0
    again.ask(read(HERE, SOURCE))
    assert memory.publish(b"here") == 1
    assert again.wire.take()[0].endswith(b"here")
    assert result_of(again.ask(delete_note(HERE, SOURCE, 1))) == 0


def test_who_does_not_come_back_is_gone_after_its_time() -> None:
    """After `orphan_ns` the device is told, not before; and `due_ns` says when."""
    bench, memory = subscribed()
    assert bench.router.due_ns() == bench.now_ns + bench.router.limits.orphan_ns
    bench.pass_time(bench.router.limits.orphan_ns - 1)
    assert memory.gone == []
    bench.pass_time(1)
    assert [peer.source for peer in memory.gone] == [SOURCE]
    assert bench.router.due_ns() is None


def test_coming_back_starts_the_time_anew() -> None:
    """A client that came back and dropped again has its whole time once more."""
    bench, memory = subscribed()
    bench.pass_time(bench.router.limits.orphan_ns - 1)
    again = bench.client(AT)
    again.ask(read(HERE, SOURCE))
    bench.pass_time(10)
    assert memory.gone == []
    again.drop()
    bench.pass_time(bench.router.limits.orphan_ns - 1)
    assert memory.gone == []
    bench.pass_time(1)
    assert len(memory.gone) == 1


def test_time_that_was_running_before_a_return_counts_no_more() -> None:
    """A client that came and dropped again in between waits from its last drop, not from its first."""
    bench, memory = subscribed()
    half_ns = bench.router.limits.orphan_ns // 2
    bench.now_ns += half_ns  # without a tick
    again = bench.client(AT)
    again.ask(read(HERE, SOURCE))
    again.drop()
    bench.pass_time(half_ns)
    assert memory.gone == []
    bench.pass_time(half_ns)
    assert len(memory.gone) == 1


@pytest.mark.parametrize(
    "other",
    [
        lan("192.0.2.9"),
        LOCAL,
        Origin(Via.TLS, AT.listener, AT.address, identity="sha256:00"),
        Origin(Via.LAN, "10.0.0.1:48898", AT.address),
        Origin(Via.HOST_ONLY, AT.listener, AT.address, guest="hmi"),
    ],
)
def test_an_orphan_is_nobody_elses(other: Origin) -> None:
    """Another address, door, guest or identity that speaks as the same source gets nothing of it."""
    bench, memory = subscribed()
    thief = bench.client(other)
    thief.ask(read(HERE, SOURCE))
    assert memory.publish(b"none") == 0
    assert thief.wire.take() == []


def test_another_source_of_the_same_origin_takes_nothing_over() -> None:
    """Orphans are handed over by source: a client with another port is another client."""
    bench, memory = subscribed()
    bench.client(AT).ask(read(HERE, AmsAddr.of(SOURCE.net_id, 30001)))
    assert memory.publish(b"none") == 0


def test_two_orphans_of_one_source_go_to_two_links() -> None:
    """When two processes with one source both dropped, each new link takes one of them over."""
    bench, memory = subscribed()
    second = bench.client(AT)
    third = bench.client(AT)
    second.ask(read(HERE, SOURCE))
    third.ask(add_note(HERE, SOURCE))
    second.drop()
    third.drop()
    links = [bench.client(AT), bench.client(AT)]
    for link in links:
        link.ask(read(HERE, SOURCE))
    assert memory.publish(b"both") == 2
    assert [len(link.wire.take()) for link in links] == [1, 1]


def test_orphans_are_bounded() -> None:
    """Beyond `max_orphans` the oldest is given up early."""
    bench, memory = subscribed(Limits(max_orphans=1))
    client = bench.client(AT)
    client.ask(add_note(HERE, PLC))
    client.drop()
    assert [peer.source for peer in memory.gone] == [SOURCE]
    assert bench.counters.orphans == 1
