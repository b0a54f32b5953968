"""What one client may take of what all share: links, and the NetId that another is known by."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from ads_wire import HERE, LOCAL, OURS, Bench, Client, head_of, lan, read_write, request

from dinrail.ads.contract import Origin, Via
from dinrail.ads.policy.policy import Policy
from dinrail.ads.router.limits import Limits
from dinrail.ads.simulate import default_plc
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import Command

CLAIMED = NetId.parse("5.1.2.3.1.1")
FIRST = Origin(Via.TLS, "*:8016", "192.0.2.7", identity="sha256:aa", net_ids=(CLAIMED,))
ME = AmsAddr.of(OURS, 30000)


@pytest.fixture
def bench() -> Bench:
    return Bench(limits=Limits(max_links=400))


def is_open(client: Client) -> bool:
    return client.wire.closed_why is None


def test_a_stranger_takes_an_eighth_of_all_links(bench: Bench) -> None:
    """However many connections one address opens, and uses, others come in; what it gives back it may have again."""
    strangers = [bench.client(lan("192.0.2.66")) for _ in range(60)]
    assert [is_open(one) for one in strangers] == [True] * 50 + [False] * 10
    assert bench.counters.dropped["links"] == 10
    assert is_open(bench.client(lan("192.0.2.67")))
    strangers[0].drop()
    assert is_open(bench.client(lan("192.0.2.66")))
    assert not is_open(bench.client(lan("192.0.2.66")))


def test_a_guest_is_one_however_many_addresses_it_has() -> None:
    """Few links are one address's own in any case, and a refused link costs its place nothing."""
    bench = Bench(limits=Limits(max_links=64))
    guests = [bench.client(Origin(Via.HOST_ONLY, "vm0", "10.9.0.2", guest="hmi")) for _ in range(40)]
    assert sum(map(is_open, guests)) == 32
    for guest in guests:
        guest.drop()
    assert is_open(bench.client(Origin(Via.HOST_ONLY, "vm0", "10.9.0.2", guest="hmi")))


def test_this_machine_always_has_room(bench: Bench) -> None:
    """With all addresses of a LAN busy an eighth is left for local clients, and these may have all of it."""
    others = [bench.client(lan(f"192.0.2.{number % 200}")) for number in range(400)]
    assert sum(map(is_open, others)) == 350
    local = [bench.client(LOCAL) for _ in range(60)]
    assert sum(map(is_open, local)) == 50
    assert head_of(local[0].ask(request(AmsAddr.of(OURS, 9), ME, Command.READ_STATE))).error == 6


@pytest.mark.parametrize(
    "other",
    [
        Origin(Via.TLS, "*:8016", "192.0.2.8", identity="sha256:bb", net_ids=(CLAIMED,)),
        Origin(Via.MQTT, "cell", identity=f"mqtt:cell/{CLAIMED}", net_ids=(CLAIMED,)),
        Origin(Via.LAN, "192.0.2.1:48898", "192.0.2.8", net_ids=(CLAIMED,)),
    ],
)
def test_a_net_id_stays_with_who_had_it_first(bench: Bench, other: Origin) -> None:
    """Another who claims the NetId of somebody who is there gets nothing that is asked of it until that one is gone."""
    asking, first, liar = bench.client(), bench.client(FIRST), bench.client(other)
    asked = request(AmsAddr.of(CLAIMED, 851), ME, Command.READ_STATE)
    asking.say(asked)
    assert (len(first.wire.take()), len(liar.wire.take())) == (1, 0)
    again = bench.client(FIRST)  # its old connection is dead, and nobody knows yet
    asking.say(asked)
    assert (len(first.wire.take()), len(again.wire.take()), len(liar.wire.take())) == (0, 1, 0)
    first.drop()
    again.drop()
    asking.wire.take()
    asking.say(asked)
    assert len(liar.wire.take()) == 1


@pytest.mark.parametrize(("items", "size", "times"), [(1, 4_000_000, 4), (1, 200_000, 60), (5_000, 1, 12)])
def test_prepared_answers_of_a_link_are_bounded_in_bytes(bench: Bench, items: int, size: int, times: int) -> None:
    """Questions of few bytes may have answers of megabytes, and long ones cost more than their length: what is kept of
    either for one link stays within some megabytes."""
    bench.router.serve(851, default_plc())
    bench.router.set_policy(Policy(own=OURS))  # the tests' own remembers what it was asked
    client = bench.client()

    def ask(number: int) -> None:
        places = b"".join(struct.pack("<III", 0x4040, 0xF000_0000 + at, size) for at in range(number, number + items))
        answer = client.ask(read_write(HERE, ME, 0xF080, items, 4 << 20, places))
        assert len(answer) > items * size

    ask(0)
    tracemalloc.start()
    try:
        for number in range(1, times):
            ask(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 6 << 20
