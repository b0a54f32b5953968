"""What is forwarded is judged item by item, by name where rules name symbols; what is refused never leaves."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from ads_gate import ACCESS, LINE, ONE, gated, sum_of
from ads_wire import (
    PLC,
    Allow,
    add_note,
    answer_to,
    head_of,
    notification,
    read,
    read_write,
    request,
    result_of,
    write,
)
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import Action
from dinrail.ads.router.gate import path_of
from dinrail.ads.router.items import items_of, replies_of
from dinrail.ads.router.names import Names
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command
from dinrail.errors import FormatError

WRITES = [
    write(PLC, ONE, b"1"),
    read_write(PLC, ONE, 0x4020, 0, 4, b"1"),
    sum_of(0xF081, (0x4020, 0, 1), data=b"1"),
    sum_of(0xF081, (0xF006, 0, 4), (0x4020, 0, 1), data=bytes(5)),
    read_write(PLC, ONE, 0xF082, 1, 1000, struct.pack("<IIII", 0x4020, 0, 4, 1) + b"1"),
    request(PLC, ONE, Command.WRITE_CONTROL, bytes(8)),
    read_write(PLC, ONE, 0xF005, 7, 4, b""),
    request(PLC, ONE, Command.WRITE, ACCESS.pack(0xF00A, 0, 0)),
]
READS = [
    read(PLC, ONE),
    add_note(PLC, ONE),
    request(PLC, ONE, Command.READ_STATE),
    request(PLC, ONE, Command.READ_DEVICE_INFO),
    sum_of(0xF080, (0x4020, 0, 4), (0xF005, 7, 4)),
    sum_of(0xF084, (0x4020, 0, 4)),
    read_write(PLC, ONE, 0xF003, 0, 4, b"MAIN.x\0"),
    read_write(PLC, ONE, 0xF082, 1, 100, struct.pack("<IIII", 0xF003, 0, 4, 2) + b"x\0"),
    read_write(PLC, ONE, 0xF085, 1, 8, struct.pack("<IIIIII16x", 0x4020, 0, 4, 4, 0, 0)),
    read_write(PLC, ONE, 0xF086, 1, 4, bytes(4)),
    write(PLC, ONE, bytes(4), group=0xF006),
]


@pytest.mark.parametrize("frame", WRITES)
def test_a_read_only_route_refuses_what_changes_something(frame: bytes) -> None:
    """Writes, calls, control and downloads by a read-only route get 0x723 in the result and never leave."""
    bench, client, wire, _ = gated(Allow(), replace(LINE, read_only=True))
    answer = client.ask(frame)
    assert (result_of(answer), head_of(answer).source) == (AdsError.ACCESS_DENIED, PLC)
    assert wire.take() == []
    assert bench.counters.refused == 1


@pytest.mark.parametrize("frame", READS)
def test_a_read_only_route_passes_reading_and_browsing(frame: bytes) -> None:
    """State, browsing, reading, subscribing and giving handles back pass, alone and in sums."""
    _, client, wire, _ = gated(Allow(), replace(LINE, read_only=True))
    assert client.say(frame) == []
    assert len(wire.take()) == 1


@pytest.mark.parametrize("frame", WRITES + READS)
def test_a_permit_that_refuses_all_lets_nothing_leave(frame: bytes) -> None:
    """Each request is refused as a whole, with the shortest body of its command."""
    _, client, wire, _ = gated(Allow(refuse=frozenset(Action)))
    answer = client.ask(frame)
    assert result_of(answer) == AdsError.ACCESS_DENIED
    assert head_of(answer).size_bytes in (4, 8)
    assert wire.take() == []


def test_every_item_of_a_sum_is_asked_for() -> None:
    """A sum command is one question for each item, with its own action, group, offset and size."""
    permit = Allow()
    _, client, _, _ = gated(permit)
    client.say(sum_of(0xF081, (0x4020, 1, 2), (0x4040, 3, 4), data=bytes(6)))
    client.say(read_write(PLC, ONE, 0xF082, 1, 99, struct.pack("<IIII", 0xF003, 0, 4, 2) + b"x\0"))
    assert [asked[:4] for asked in permit.asked] == [
        (Action.WRITE, 0x4020, 1, 2),
        (Action.WRITE, 0x4040, 3, 4),
        (Action.BROWSE, 0xF003, 0, 4),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        ACCESS.pack(0x4020, 0, 4),
        struct.pack("<IIII", 0xF080, 2, 8, 12) + bytes(12),
        struct.pack("<IIII", 0xF080, 0xFFFFFFFF, 8, 12) + bytes(12),
        struct.pack("<IIII", 0xF080, 0, 8, 12) + bytes(12),
        struct.pack("<IIII", 0xF081, 1, 4, 12) + ACCESS.pack(0x4020, 0, 9),
        struct.pack("<IIII", 0x4020, 0, 4, 8) + bytes(4),
        struct.pack("<IIII", 0x4020, 0, 4, 0) + bytes(4),
    ],
)
def test_what_cannot_be_taken_apart_does_not_leave(payload: bytes) -> None:
    """A request whose numbers do not fit its bytes is answered 0x705: no device may read it otherwise."""
    _, client, wire, _ = gated(Allow())
    assert result_of(client.ask(request(PLC, ONE, Command.READ_WRITE, payload))) == AdsError.INVALID_SIZE
    assert wire.take() == []


def test_a_sum_within_a_sum_is_refused() -> None:
    """No device knows it, and its items would go unjudged."""
    _, client, wire, _ = gated(Allow())
    inner = struct.pack("<IIII", 0xF081, 1, 4, 13) + ACCESS.pack(0x4020, 0, 1) + b"1"
    assert result_of(client.ask(read_write(PLC, ONE, 0xF082, 1, 99, inner))) == AdsError.ACCESS_DENIED
    assert wire.take() == []


SYMBOLS = frozenset({"GVL.a", "GVL.s", "GVL.s.b"})


def test_a_handle_is_judged_by_the_name_it_was_given_for() -> None:
    """What F003 answered names the handle in every later access, whoever asked for it; an unknown one has no name."""
    permit = Allow(symbols=SYMBOLS)
    bench, client, wire, session = gated(permit)
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.other\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 8)))
    client.wire.take()
    other = bench.client()
    for who in (client, other):
        assert who.say(read(PLC, ONE, 7, group=0xF005)) == []
        assert who.say(write(PLC, ONE, b"1", 7, group=0xF005)) == []
        for handle in (8, 9):
            assert result_of(who.ask(read(PLC, ONE, handle, group=0xF005))) == AdsError.ACCESS_DENIED
    assert permit.asked[-1][4] == ()


def test_handles_given_out_by_a_sum_have_their_names() -> None:
    """ads-client asks for many handles by F082: each of them is known by its own name."""
    _, client, wire, session = gated(Allow(symbols=SYMBOLS))
    names = (b"GVL.x\0", b"GVL.a\0", b"GVL.gone\0")
    items = b"".join(struct.pack("<IIII", 0xF003, 0, 4, len(name)) for name in names)
    client.say(read_write(PLC, ONE, 0xF082, 3, 99, items + b"".join(names)))
    body = struct.pack("<6I", 0, 4, 0, 4, 0x710, 0) + struct.pack("<II", 21, 22)
    session.receive(answer_to(wire.take()[0], struct.pack("<II", 0, len(body)) + body))
    client.wire.take()
    assert client.say(read(PLC, ONE, 22, group=0xF005)) == []
    assert result_of(client.ask(read(PLC, ONE, 21, group=0xF005))) == AdsError.ACCESS_DENIED


def test_an_address_is_judged_by_the_symbols_that_are_known_to_contain_it() -> None:
    """F009 and F007 tell where symbols lie; a range that no known symbol contains has no name."""
    permit = Allow(symbols=SYMBOLS)
    _, client, wire, session = gated(permit)
    client.say(read_write(PLC, ONE, 0xF009, 0, 1000, b"GVL.s\0"))
    entry = struct.pack("<IIIIIHHHHH", 48, 0x4040, 100, 16, 65, 0, 0, 5, 3, 0) + b"GVL.s\0TYP\0\0"
    session.receive(answer_to(wire.take()[0], struct.pack("<II", 0, len(entry)) + entry))
    client.say(read_write(PLC, ONE, 0xF007, 0, 12, b"GVL.s.b\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<IIIII", 0, 12, 0x4040, 104, 4)))
    client.wire.take()
    assert client.say(read(PLC, ONE, 104, 4, group=0x4040)) == []
    assert ("GVL.s", "GVL.s.b") in [asked[4] for asked in permit.asked]
    for offset, size, group in ((99, 4, 0x4040), (112, 8, 0x4040), (100, 0xFFFFFFFF, 0x4040), (104, 4, 0x4020)):
        assert result_of(client.ask(read(PLC, ONE, offset, size, group=group))) == AdsError.ACCESS_DENIED
        assert permit.asked[-1][4] == ()


def test_names_end_with_the_connection() -> None:
    """After the connection was lost nothing of what the device told is believed any more."""
    bench, client, wire, session = gated(Allow(symbols=SYMBOLS))
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    session.closed()
    client.wire.take()
    bench.pass_time(bench.router.limits.backoff_first_ns)
    assert result_of(client.ask(read(PLC, ONE, 7, group=0xF005))) == AdsError.ACCESS_DENIED


def test_a_handle_that_was_given_back_has_no_name() -> None:
    """Once nobody has a handle its number may be another symbol's: the name that it had counts no more."""
    _, client, wire, session = gated(Allow(symbols=SYMBOLS))
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    client.say(write(PLC, ONE, struct.pack("<I", 7), group=0xF006))
    session.receive(answer_to(wire.take()[0], bytes(4)))
    client.wire.take()
    assert result_of(client.ask(read(PLC, ONE, 7, group=0xF005))) == AdsError.ACCESS_DENIED


def test_a_handle_that_another_still_has_keeps_its_name() -> None:
    """A device may give two clients one handle: when one gives it back, the other's still has its name."""
    bench, client, wire, session = gated(Allow(symbols=SYMBOLS))
    other = bench.client()
    for who in (client, other):
        who.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
        session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    client.say(write(PLC, ONE, struct.pack("<I", 7), group=0xF006))
    session.receive(answer_to(wire.take()[0], bytes(4)))
    other.wire.take()
    assert other.say(read(PLC, ONE, 7, group=0xF005)) == []


@pytest.mark.parametrize("notified", [False, True])
def test_another_symbol_version_ends_all_names(notified: bool) -> None:
    """When a client reads another symbol version, or is notified of one, what was learned before is forgotten."""
    _, client, wire, session = gated(Allow(symbols=SYMBOLS))

    def version(number: int) -> None:
        client.say(read(PLC, ONE, 0, 1, group=0xF008))
        session.receive(answer_to(wire.take()[-1], struct.pack("<IIB", 0, 1, number)))

    version(1)
    client.say(request(PLC, ONE, Command.ADD_NOTIFICATION, struct.pack("<IIIIII16x", 0xF008, 0, 1, 4, 0, 0)))
    (asked,) = wire.take()
    session.receive(answer_to(asked, struct.pack("<II", 0, 9)))
    client.say(read_write(PLC, ONE, 0xF003, 0, 4, b"GVL.a\0"))
    session.receive(answer_to(wire.take()[0], struct.pack("<III", 0, 4, 7)))
    version(1)
    client.wire.take()
    assert client.say(read(PLC, ONE, 7, group=0xF005)) == []
    if notified:
        session.receive(notification(head_of(asked).source, PLC, (9, b"\2")))
    else:
        version(2)
    client.wire.take()
    assert result_of(client.ask(read(PLC, ONE, 7, group=0xF005))) == AdsError.ACCESS_DENIED


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("", ()),
        ("MAIN", ("MAIN",)),
        ("MAIN.a", ("MAIN", "MAIN.a")),
        ("MAIN.a[1,2].b", ("MAIN", "MAIN.a", "MAIN.a[1,2]", "MAIN.a[1,2].b")),
        ("MAIN.p^.x.y", ("MAIN.p^", "MAIN.p^.x", "MAIN.p^.x.y")),
        ("MAIN.fb#Start", ("MAIN", "MAIN.fb", "MAIN.fb#Start")),
        (".global", (".global",)),
        ("a" * 1025, ()),
        ("a." * 65, ()),
    ],
)
def test_a_path_lies_within_its_beginnings(name: str, path: tuple[str, ...]) -> None:
    """Each part of a path is named, outermost first; what is pointed to lies within no variable."""
    assert path_of(name) == path


def test_a_book_is_bounded_and_forgets_the_oldest() -> None:
    """The oldest goes beyond the capacity, a place that moved is where it is now, and long names are not kept."""
    names = Names(2)
    assert names.at(PLC, 0x4040, 8, 4) == ()
    for number in range(3):
        names.put_handle(PLC, bytes([number, 0, 0, 0]), f"h{number}")
        names.put_place(PLC, f"p{number}", 0x4040, number * 4, 4)
    assert [names.of_handle(PLC, bytes([number, 0, 0, 0])) for number in range(3)] == [None, "h1", "h2"]
    assert [names.at(PLC, 0x4040, number * 4, 4) for number in range(3)] == [(), ("p1",), ("p2",)]
    names.put_place(PLC, "P1", 0x4020, 0, 4)
    assert names.at(PLC, 0x4040, 4, 4) == ()
    assert names.at(PLC, 0x4020, 0, 4) == ("P1",)
    names.put_handle(PLC, b"\1\0\0\0", "x" * 1025)
    names.put_place(PLC, "x" * 1025, 0x4020, 0, 4)
    assert names.of_handle(PLC, b"\1\0\0\0") is None
    assert names.at(PLC, 0x4020, 0, 4) == ("P1",)
    names.clear()
    assert len(names) == 0


@given(st.integers(0, 0xFFFF), st.binary(max_size=80))
def test_any_payload_is_taken_apart_or_refused(command: int, payload: bytes) -> None:
    """Items come of a payload, or FormatError; there are never more of them than bytes."""
    try:
        items = items_of(command, payload)
    except FormatError:
        return
    assert len(items) <= max(len(payload), 1)
    assert sum(len(item.data) for item in items) <= len(payload)


@given(
    st.sampled_from([3, 6, 7, 9]),
    st.sampled_from([0xF003, 0xF080, 0xF081, 0xF082, 0xF085, 0xF086]),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=80),
)
def test_any_answer_is_read_within_its_bytes(command: int, group: int, count: int, body: bytes) -> None:
    """An answer gives no more replies than it has room for, and no bytes that it has not."""
    replies = replies_of(command, group, count, body)
    assert len(replies) <= len(body)
    assert all(len(reply.data) <= len(body) for reply in replies)
