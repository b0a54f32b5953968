"""What the gate's books may believe: handles that came or went unseen, and sums as long as a day."""

from __future__ import annotations

import struct
from dataclasses import replace

from ads_gate import ACCESS, LINE, ONE, gated, sum_of
from ads_wire import (
    PLC,
    Allow,
    Client,
    Wire,
    add_note,
    answer_to,
    head_of,
    read,
    read_write,
    request,
    result_of,
)
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.router.items import MAX_ITEMS
from dinrail.ads.router.names import Names
from dinrail.ads.router.session import Session
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command, Flag
from dinrail.units import S_NS

PATIENT = replace(LINE, timeout_ns=600 * S_NS)
SYMBOLS = frozenset({"GVL.a"})
NO_RETURN = Flag.ADS | Flag.NO_RETURN
GIVE_BACK_7 = ACCESS.pack(0xF006, 0, 4) + struct.pack("<I", 7)


def has_7_for_a(client: Client, wire: Wire, session: Session) -> None:
    """The client asked for a handle of GVL.a, and got 7."""
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    client.wire.take()


def test_what_nobody_would_tell_us_does_not_leave() -> None:
    """With NO_RETURN a handle could become another symbol's behind the book's back: asked for or given back so, it is
    dropped and counted; what changes no book passes."""
    bench, client, wire, session = gated(Allow(symbols=SYMBOLS))
    has_7_for_a(client, wire, session)
    name = struct.pack("<IIII", 0xF003, 0, 4, 6) + b"GVL.b\0"
    for command, body in ((Command.WRITE, GIVE_BACK_7), (Command.READ_WRITE, name)):
        assert client.say(request(PLC, ONE, command, body, flags=NO_RETURN)) == []
    entry = struct.pack("<IIIIII16x", 0x4020, 0, 4, 3, 0, 0)
    assert client.say(request(PLC, ONE, Command.ADD_NOTIFICATION, entry, flags=NO_RETURN)) == []
    assert wire.take() == []
    assert bench.counters.dropped["untold"] == 2  # the subscription by address was refused before
    client.say(request(PLC, ONE, Command.READ_STATE, flags=NO_RETURN))
    client.say(request(PLC, ONE, Command.DELETE_NOTIFICATION, bytes(4), flags=NO_RETURN))
    assert len(wire.take()) == 2


def test_a_handle_that_may_have_been_given_back_has_no_name() -> None:
    """When the answer to a release does not come in time, nobody knows whose the number is: it has no name."""
    bench, client, wire, session = gated(Allow(symbols=SYMBOLS))
    has_7_for_a(client, wire, session)
    client.say(request(PLC, ONE, Command.WRITE, GIVE_BACK_7))
    bench.pass_time(LINE.timeout_ns)
    assert result_of(client.wire.take()[0]) == AdsError.TIMEOUT
    wire.take()
    assert result_of(client.ask(read(PLC, ONE, 7, group=0xF005))) == AdsError.ACCESS_DENIED


def test_a_handle_that_came_too_late_has_no_name() -> None:
    """It is given back by the router itself, and its number may soon be another symbol's."""
    bench, client, wire, session = gated(Allow(symbols=SYMBOLS), PATIENT)
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
    (asked,) = wire.take()
    client.drop()
    bench.pass_time(bench.router.limits.orphan_ns)
    session.receive(answer_to(asked, struct.pack("<III", 0, 4, 7)))
    assert head_of(wire.take()[0]).command == Command.WRITE  # given back
    other = bench.client()
    assert result_of(other.ask(read(PLC, ONE, 7, group=0xF005))) == AdsError.ACCESS_DENIED


def test_a_sum_has_no_more_items_than_a_device_would_take() -> None:
    """Each item is judged by itself while everybody waits: ten thousand pass, one more is 0x705."""
    _, client, wire, _ = gated(Allow())
    items = [(0x4020, 0, 0)] * MAX_ITEMS
    assert client.say(sum_of(0xF080, *items)) == []
    assert len(wire.take()) == 1
    assert result_of(client.ask(sum_of(0xF080, *items, (0x4020, 0, 0)))) == AdsError.INVALID_SIZE


def test_a_sum_that_gives_back_anothers_handles_is_refused() -> None:
    """One of another client's among its items is enough, be it a symbol's or a notification's; one's own pass."""
    bench, client, wire, session = gated(Allow())
    other = bench.client()
    has_7_for_a(client, wire, session)
    client.say(add_note(PLC, ONE))
    session.receive(answer_to(wire.take()[0], struct.pack("<II", 0, 9)))
    forget = sum_of(0xF081, (0xF006, 0, 4), (0xF006, 0, 4), data=struct.pack("<II", 6, 7))
    delete = read_write(PLC, ONE, 0xF086, 2, 8, struct.pack("<II", 8, 9))
    for frame in (forget, delete):
        assert result_of(other.ask(frame)) == AdsError.NOTIFICATION_HANDLE_INVALID
        assert wire.take() == []
    client.wire.take()
    for frame in (forget, delete):
        assert client.say(frame) == []
        assert len(wire.take()) == 1


PLACES = st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 6000)), max_size=30)


@given(PLACES, st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 600)), max_size=20), st.sets(st.integers(0, 29)))
def test_a_book_finds_all_that_contain_a_range(
    places: list[tuple[int, int]], ranges: list[tuple[int, int]], moved: set[int]
) -> None:
    """As looking at each of them would, the largest first; also after some moved, and after all are forgotten."""
    book = Names(1000)
    for number, (offset, size) in enumerate(places):
        book.put_place(PLC, f"s{number}", 0x4040, offset, size)
    for number in moved & set(range(len(places))):
        places[number] = places[number][0] + 300, places[number][1]
        book.put_place(PLC, f"S{number}", 0x4040, *places[number])
    for offset, size in ranges:
        wanted = {f"S{n}" for n, (at, room) in enumerate(places) if at <= offset and offset + size <= at + room}
        found = book.at(PLC, 0x4040, offset, size)
        assert {name.upper() for name in found} == wanted
        sizes = [places[int(name[1:])][1] for name in found]
        assert sizes == sorted(sizes, reverse=True)
    book.forget_device(PLC)
    assert (len(book), book.at(PLC, 0x4040, 0, 0)) == (0, ())
