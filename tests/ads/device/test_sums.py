"""Sum commands F080 ... F086, and prepared answers to them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from ads_device import Client, FakePermit, subscription
from build_device import DATA, M, plc

from dinrail.ads.contract import Action
from dinrail.ads.device.access import Access, Later, Limits
from dinrail.ads.device.device import AdsDevice
from dinrail.ams.errors import AdsFault

ANY = 0xFFFF_FFFF


def reads(*items: tuple[int, int, int]) -> bytes:
    return b"".join(struct.pack("<III", *item) for item in items)


def not_at_4(_action: Action, _group: int, offset: int, _size: int, _names: tuple[str, ...]) -> bool:
    return offset != 4


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


@pytest.fixture
def client() -> Client:
    client = Client(plc())
    client.write(M, 0, b"0123456789")
    return client


THREE = reads((M, 0, 4), (M, 9000, 3), (M, 8, 2))


def test_sum_read_keeps_the_place_of_what_failed(client: Client) -> None:
    """F080: all results, then blocks of the asked lengths, zeros for an error."""
    assert client.read_write(0xF080, 3, ANY, THREE) == (0, numbers(0, 0x703, 0) + b"0123\0\0\0" + b"89")


def test_sum_read_without_a_count_gives_blocks_alone(client: Client) -> None:
    """F080 with offset 0 has no results."""
    assert client.read_write(0xF080, 0, ANY, THREE) == (0, b"0123\0\0\0" + b"89")


def test_sum_read_pads_what_is_shorter_than_asked(client: Client) -> None:
    """A symbol version is one byte; its block has the four that were asked for."""
    assert client.read_write(0xF080, 2, ANY, reads((0xF008, 0, 4), (M, 0, 1))) == (
        0,
        numbers(0, 0) + b"\1\0\0\0" + b"0",
    )


def test_sum_read_ex_tells_lengths(client: Client) -> None:
    """F083 has result and length of each and asked-for blocks, F084 blocks as long as they are."""
    pairs = numbers(0, 4, 0x703, 0, 0, 2)
    assert client.read_write(0xF083, 3, ANY, THREE) == (0, pairs + b"0123\0\0\0" + b"89")
    assert client.read_write(0xF084, 3, ANY, THREE) == (0, pairs + b"0123" + b"89")


def test_sum_write_writes_all_that_can_be(client: Client) -> None:
    """F081: one result for each; a failing item stops no other."""
    data = reads((M, 0, 1), (0, 0, 2), (M, 5, 3)) + b"A" + b"xx" + b"BCD"
    assert client.read_write(0xF081, 3, ANY, data) == (0, numbers(0, 0x701, 0))
    assert client.read(M, 0, 10) == (0, b"A1234BCD89")


def test_sum_read_write_gives_what_came(client: Client) -> None:
    """F082: result and length of each, then data of these lengths; 0xFFFF is a usual read length there."""
    data = struct.pack("<8I", 0xF003, 0, 4, 6, 0xF004, 0, 0xFFFF, 7) + b"MAIN.i" + b"MAIN.zz"
    result, got = client.read_write(0xF082, 2, ANY, data)
    assert (result, got) == (0, numbers(0, 4, 0x710, 0) + numbers(1))


def test_sum_notifications(client: Client) -> None:
    """F085 adds and F086 deletes, each item with a result of its own."""
    entries = subscription(M, 0, 4) + subscription(0, 0, 4) + subscription(M, 4, 1, mode=0)
    result, got = client.read_write(0xF085, 3, ANY, entries)
    assert (result, got) == (0, numbers(0, 1, 0x701, 0, 0x713, 0))
    assert client.read_write(0xF086, 3, ANY, numbers(1, 1, 7)) == (0, numbers(0, 0x714, 0x714))
    assert len(client.device.notifications) == 0


@pytest.mark.parametrize(
    ("group", "count", "data"),
    [
        (0xF080, 2, reads((M, 0, 1))),
        (0xF080, 1, reads((M, 0, 1)) + b"x"),
        (0xF080, 0, b"x" * 13),
        (0xF080, ANY, b""),
        (0xF080, 1, reads((M, 0, ANY))),
        (0xF083, 2, reads((M, 0, 3_000_000), (M, 0, 3_000_000))),
        (0xF081, 1, reads((M, 0, 5)) + b"1234"),
        (0xF081, 1, reads((M, 0, 3)) + b"1234"),
        (0xF081, ANY, reads((M, 0, 3))),
        (0xF082, 1, struct.pack("<IIII", M, 0, 1, ANY)),
        (0xF085, 1, bytes(39)),
        (0xF085, 20_000, bytes(40)),
        (0xF086, 2, bytes(4)),
        (0xF086, ANY, b""),
    ],
)
def test_a_malformed_sum_is_refused_as_a_whole(client: Client, group: int, count: int, data: bytes) -> None:
    """Counts and lengths that do not fit what is there, or what the router carries, are 0x705."""
    assert client.read_write(group, count, ANY, data)[0] == 0x705


def test_sums_do_not_nest(client: Client) -> None:
    """A sum inside of a sum is 0x701 for that item."""
    data = struct.pack("<IIII", 0xF080, 0, 100, 12) + reads((M, 0, 4))
    assert client.read_write(0xF082, 1, ANY, data) == (0, numbers(0x701, 0))


def test_thousands_of_items_are_fine(client: Client) -> None:
    """5 000 items answer as one does."""
    result, got = client.read_write(0xF080, 5000, ANY, reads((M, 0, 2)) * 5000)
    assert (result, got) == (0, bytes(20_000) + b"01" * 5000)


def test_what_came_in_all_is_bounded() -> None:
    """F082 and F084 stop at the response limit: items behind it are 0x70A, and there is no data of them."""
    client = Client(plc(limits=Limits(response_bytes=5000)))
    result, got = client.read_write(0xF084, 3, ANY, reads((M, 0, 3000), (M, 0, 3000), (M, 0, 10)))
    assert result == 0
    assert got[:24] == numbers(0, 3000, 0x70A, 0, 0x70A, 0)
    assert len(got) == 24 + 3000


def test_each_item_needs_its_own_permission(client: Client) -> None:
    """A refused item is 0x723 in its result, the others go on, and the sum itself is not asked about."""
    client.permit.rule = not_at_4
    assert client.read_write(0xF080, 2, ANY, reads((M, 4, 2), (M, 0, 2))) == (0, numbers(0x723, 0) + b"\0\0" + b"01")
    assert [one[:4] for one in client.permit.asked] == [
        (Action.WRITE, M, 0, 10),
        (Action.READ, M, 4, 2),
        (Action.READ, M, 0, 2),
    ]
    entries = subscription(M, 4, 1) + subscription(M, 0, 1)
    assert client.read_write(0xF085, 2, ANY, entries) == (0, numbers(0x723, 0, 0, 1))


def test_a_sum_waits_for_all_of_its_laters() -> None:
    """Items that are answered later are put in their places, and the answer goes out once all are there."""

    class Slow(AdsDevice):
        laters: list[Later]

        def read(self, access: Access) -> bytes | Later:
            if access.offset == 0:
                return b"now"
            self.laters.append(Later())
            return self.laters[-1]

    slow = Slow()
    slow.laters = []
    client = Client(slow)
    data = reads((1, 7, 2), (1, 0, 3), (1, 9, 1))
    request = client.request(9, struct.pack("<IIII", 0xF080, 3, ANY, len(data)) + data)
    assert slow.request(request) is None
    slow.laters[1].fault(0x719)
    assert request.replies == []
    slow.laters[0].done(b"hi, more than was asked for")
    body = numbers(0, 0, 0x719) + b"hi" + b"now" + b"\0"
    assert request.replies == [(numbers(0, len(body)) + body, 0)]


def sum_request(items: bytes, *, count: int, size: int = ANY) -> bytes:
    return struct.pack("<IIII", 0xF080, count, size, len(items)) + items


def prepared_again(client: Client, payload: bytes) -> Callable[[], bytes]:
    """What a read by handle is prepared to from the second time on."""
    assert client.prepared(2, payload) is None
    prepared = client.prepared(2, payload)
    assert prepared is not None
    return prepared


def test_a_read_by_handle_is_prepared_when_it_comes_again(client: Client) -> None:
    """A handle that is taken for one read costs no preparing; a number that was released and given again is new."""
    for _ in range(2):
        client.device.handles._next = 7  # type: ignore[attr-defined]  # a SymbolDevice
        _, handle = client.read_write(0xF003, 0, 4, b"MAIN.i\0")
        payload = struct.pack("<II", 0xF005, *struct.unpack("<I", handle)) + numbers(2)
        assert prepared_again(client, payload)() == client.body(2, payload)
        client.write(0xF006, 0, handle)
    assert client.prepared(2, payload) is None
    assert client.prepared(2, payload) is None


def test_prepared_answers_are_the_same_as_any(client: Client) -> None:
    """A prepared read or sum read gives what a request gives, again and again, with the values of that moment."""
    _, handle = client.read_write(0xF003, 0, 4, b"MAIN.aInt\0")
    (number,) = struct.unpack("<I", handle)
    mixed = reads((M, 2, 3), (0xF005, number, 8), (M, 0, 8), (M, 9000, 5), (DATA + 1, 8 * 104 + 1, 1), (0xF100, 0, 4))
    for command, payload in (
        (2, struct.pack("<III", M, 1, 4)),
        (2, struct.pack("<III", 0xF005, number, 100)),
        (2, struct.pack("<III", M + 1, 3, 2)),
        (9, sum_request(mixed, count=6)),
        (9, sum_request(mixed, count=6, size=20)),
        (9, sum_request(mixed, count=0)),
    ):
        prepared = client.prepared(command, payload) or client.prepared(command, payload)
        assert prepared is not None
        for value in (b"\1\2", b"\3\4"):
            client.write(DATA, 104, value)
            client.write(M, 1, value)
            assert prepared() == client.body(command, payload)


def test_prepared_answers_notice_handles_that_end(client: Client) -> None:
    """A prepared read by handle follows its handle: released is 0x710, and an online change is 0x711."""
    _, handle = client.read_write(0xF003, 0, 4, b"MAIN.i\0")
    (number,) = struct.unpack("<I", handle)
    payload = struct.pack("<III", 0xF005, number, 2)
    single = prepared_again(client, payload)
    several = client.prepared(9, sum_request(reads((0xF005, number, 2), (M, 0, 2)), count=2))
    assert several is not None
    client.write(0xF006, 0, handle)
    assert single() == numbers(0x710, 0)
    assert several() == numbers(0, 12) + numbers(0x710, 0) + b"\0\0" + b"01"

    _, handle = client.read_write(0xF003, 0, 4, b"MAIN.i\0")
    single = prepared_again(client, struct.pack("<II", 0xF005, *struct.unpack("<I", handle)) + numbers(2))
    other = plc()
    client.device.online_change(other.source, other.uploads, other.memory)  # type: ignore[attr-defined]  # a SymbolDevice
    assert single() == numbers(0x711, 0)


def test_prepared_answers_follow_memory_through_an_online_change(client: Client) -> None:
    """After an online change a prepared read shows the new memory."""
    prepared = client.prepared(2, struct.pack("<III", M, 0, 2))
    assert prepared is not None
    other = plc()
    other.memory.write(M, 0, b"xy")
    client.device.online_change(other.source, other.uploads, other.memory)  # type: ignore[attr-defined]  # a SymbolDevice
    assert prepared() == numbers(0, 2) + b"xy"


def test_only_permitted_reads_of_memory_are_prepared() -> None:
    """What is refused, malformed, writes, or is no memory is asked each time, so that each refusal is counted."""
    permit = FakePermit(rule=not_at_4)
    client = Client(plc(), permit=permit)
    read = struct.Struct("<III").pack
    assert client.prepared(2, read(M, 0, 4)) is not None
    assert client.prepared(2, read(M, 4, 4)) is None
    assert client.prepared(2, read(M, 9000, 4)) is None
    assert client.prepared(2, read(0, 0, 4)) is None
    assert client.prepared(2, read(M, 0, 4) + b"x") is None
    assert client.prepared(3, read(M, 0, 0)) is None
    assert client.prepared(9, sum_request(reads((M, 0, 4), (M, 4, 4)), count=2)) is None
    assert client.prepared(9, sum_request(reads((M, 0, 4)), count=3)) is None
    assert client.prepared(9, struct.pack("<IIII", 0xF081, 0, 0, 0)) is None
    assert permit.asked == []  # nothing was counted yet
    with pytest.raises(AdsFault):
        client.body(9, sum_request(reads((M, 0, 4)), count=3))


def test_a_prepared_pointer_read_that_fails_once_is_answered_all_the_same(client: Client) -> None:
    """A value behind a pointer is prepared, too; while the pointer is null the answer is that of a request."""
    client.write(DATA, 144, struct.pack("<Q", DATA << 32 | 104))
    _, handle = client.read_write(0xF003, 0, 4, b"MAIN.pInt^")
    (number,) = struct.unpack("<I", handle)
    single = prepared_again(client, struct.pack("<III", 0xF005, number, 2))
    several = client.prepared(9, sum_request(reads((0xF005, number, 2), (M, 0, 2)), count=2))
    assert several is not None
    assert single() == numbers(0, 2) + b"\0\0"
    client.write(DATA, 144, bytes(8))
    assert single() == numbers(0x703, 0)
    assert several() == numbers(0, 12) + numbers(0x703, 0) + b"\0\0" + b"01"
