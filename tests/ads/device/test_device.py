"""Commands 1-9: lengths, answers, permits, answers that come later."""

from __future__ import annotations

import struct

import pytest
from ads_device import TARGET, Client, FakePeer, FakePermit, Time

from dinrail.ads.contract import Action
from dinrail.ads.device.access import Access, Later
from dinrail.ads.device.device import AdsDevice
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command


class Box(AdsDevice):
    """One group that is read and written, one whose answers come later, and a cycle that counts."""

    name, version = "Box", (3, 1, 4024)

    def __init__(self) -> None:
        super().__init__()
        self.data = b"0123456789"
        self.laters: list[Later] = []
        self.walls: list[int] = []

    def read(self, access: Access) -> bytes | Later:
        return self.data if access.group == 1 else self.later(access)

    def write(self, access: Access, data: bytes) -> Later | None:
        if access.group == 1:
            self.data = data
            return None
        return self.later(access)

    def read_write(self, access: Access, data: bytes) -> bytes | Later:
        return data[::-1] if access.group == 1 else self.later(access)

    def control(self, state: int, device_state: int, data: bytes) -> Later | None:
        self.ads_state, self.device_state = state, device_state + len(data)
        return None

    def cycle(self, wall_ns: int) -> None:
        self.walls.append(wall_ns)

    def later(self, access: Access) -> Later:
        if access.group != 2:
            raise AdsFault(AdsError.INVALID_GROUP)
        self.laters.append(Later())
        return self.laters[-1]


@pytest.fixture
def client() -> Client:
    return Client(Box())


def test_device_info_tells_name_and_version(client: Client) -> None:
    """ReadDeviceInfo: result, major, minor, build, and the name in 16 bytes."""
    assert client.body(1, b"") == struct.pack("<IBBH16s", 0, 3, 1, 4024, b"Box")


def test_read_gives_no_more_than_was_asked_for(client: Client) -> None:
    """A Read is cut to its length, and any u32 is a legal length."""
    assert client.read(1, 0, 4) == (0, b"0123")
    assert client.read(1, 0, 0) == (0, b"")
    assert client.read(1, 0, 0xFFFF_FFFF) == (0, b"0123456789")


def test_write_and_read_write(client: Client) -> None:
    """A Write answers its result alone, a ReadWrite its data, cut to the length."""
    assert client.write(1, 0, b"ab") == 0
    assert client.read(1, 0, 9) == (0, b"ab")
    assert client.read_write(1, 0, 2, b"xyz") == (0, b"zy")


@pytest.mark.parametrize("command", [2, 3, 9, 6])
def test_what_a_device_does_not_have_is_service_not_supported(command: int) -> None:
    """A device without hooks answers 0x701 to whatever is asked of any group."""
    client = Client(AdsDevice())
    got = (client.read(0, 0, 4)[0], client.write(0, 0, b"1"), client.read_write(0, 0, 4, b"")[0])
    assert got == (0x701,) * 3
    assert client.subscribe(0, 0, 4) == (0x701, 0)
    assert client.control(5) == 0x701


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (1, b"x"),
        (4, b"x"),
        (2, bytes(11)),
        (2, bytes(13)),
        (3, bytes(11)),
        (3, struct.pack("<III", 1, 0, 5) + b"1234"),
        (3, struct.pack("<III", 1, 0, 5) + b"123456"),
        (5, bytes(7)),
        (5, struct.pack("<HHI", 5, 0, 1)),
        (6, bytes(39)),
        (6, bytes(41)),
        (7, bytes(3)),
        (7, bytes(5)),
        (9, bytes(15)),
        (9, struct.pack("<IIII", 1, 0, 9, 2) + b"1"),
    ],
)
def test_a_request_of_another_length_than_it_says_is_0x705(client: Client, command: int, payload: bytes) -> None:
    """Every command checks its length to the byte."""
    with pytest.raises(AdsFault) as fault:
        client.body(command, payload)
    assert fault.value.code == AdsError.INVALID_SIZE


def test_unknown_commands_are_errors_and_notifications_are_never_answered(client: Client) -> None:
    """Command 8 toward a device is no request; 0 and 10 are 0x8."""
    assert client.body(8, b"anything") is None
    for command in (0, 10, 0xFFFF):
        with pytest.raises(AdsFault) as fault:
            client.body(command, b"")
        assert fault.value.code == AdsError.UNKNOWN_COMMAND


@pytest.mark.parametrize(("state", "result"), [(0, 0x701), (1, 0), (5, 0), (19, 0), (20, 0x701), (0xFFFF, 0x701)])
def test_states_that_do_not_exist_are_refused(client: Client, state: int, result: int) -> None:
    """WriteControl with state 0, or from 20 on, is 0x701; all others reach the device, with 10 240 bytes of data."""
    assert client.control(state, 7, bytes(10240)) == result
    assert client.state() == ((5, 0) if result else (state, 10247))


def test_the_state_is_readable_as_f100(client: Client) -> None:
    """F100 at offset 0 is both states, at 2 the device state, elsewhere 0x701."""
    client.control(6, 3)
    assert client.read(0xF100, 0, 4) == (0, b"\6\0\3\0")
    assert client.read(0xF100, 0, 2) == (0, b"\6\0")
    assert client.read(0xF100, 2, 2) == (0, b"\3\0")
    assert client.read(0xF100, 1, 2)[0] == 0x701


def test_nothing_is_done_without_permission() -> None:
    """Each command asks with its own action, and is 0x723 when that is refused."""
    permit = FakePermit(rule=lambda *_: False)
    box = Box()
    client = Client(box, permit=permit)
    assert client.read(1, 2, 3)[0] == 0x723
    assert client.write(1, 2, b"x") == 0x723
    assert client.read_write(1, 2, 4, b"x")[0] == 0x723
    assert client.control(6) == 0x723
    assert client.subscribe(1, 0, 4)[0] == 0x723
    for command in (1, 4):
        with pytest.raises(AdsFault) as fault:
            client.body(command, b"")
        assert fault.value.code == AdsError.ACCESS_DENIED
    assert [question[0] for question in permit.asked] == [
        Action.READ, Action.WRITE, Action.WRITE, Action.CONTROL, Action.READ, Action.STATE, Action.STATE
    ]  # fmt: skip
    assert permit.asked[0] == (Action.READ, 1, 2, 3, ())
    assert (box.data, box.ads_state, len(box.notifications)) == (b"0123456789", 5, 0)


def test_answers_may_come_later(client: Client) -> None:
    """A hook that gives a Later is answered by `reply`, once, cut to the asked length, errors as results."""
    box = client.device
    assert isinstance(box, Box)
    read = client.request(Command.READ, struct.pack("<III", 2, 0, 3))
    write = client.request(Command.WRITE, struct.pack("<III", 2, 0, 0))
    failing = client.request(Command.READ_WRITE, struct.pack("<IIII", 2, 0, 3, 0))
    assert [box.request(one) for one in (read, write, failing)] == [None] * 3
    box.laters[1].done()
    box.laters[0].done(b"abcdef")
    box.laters[0].done(b"again")
    box.laters[2].fault(AdsError.TIMEOUT)
    assert read.replies == [(struct.pack("<II", 0, 3) + b"abc", 0)]
    assert write.replies == [(bytes(4), 0)]
    assert failing.replies == [(struct.pack("<II", 0x719, 0), 0)]


def test_a_later_that_is_over_already_is_answered_at_once() -> None:
    """A hook may return a Later that was settled before."""

    class Quick(AdsDevice):
        def read(self, access: Access) -> bytes | Later:
            later = Later()
            later.done(b"now!"[: access.size_bytes + 1])
            return later

    assert Client(Quick()).read(1, 0, 3) == (0, b"now")


def test_cycles_run_in_state_run_only(client: Client) -> None:
    """A device that overrides `cycle` is called at ideal times 10 ms apart, and not while it is stopped."""
    box, time = client.device, Time()
    assert isinstance(box, Box)
    time.tick(box)
    time.run(box, 40, late_ms=3)
    assert len(box.walls) == 4
    assert {after - before for before, after in zip(box.walls, box.walls[1:], strict=False)} == {10_000_000}
    client.control(6)
    time.run(box, 50)
    assert len(box.walls) == 4
    assert AdsDevice().due_ns() is None


def test_a_subclass_is_subscribed_by_its_read_hook(client: Client) -> None:
    """What `read` gives can be watched at its own size, from the address that the client called."""
    assert client.subscribe(1, 0, 11)[0] == 0x717
    result, handle = client.subscribe(1, 0, 10)
    assert result == 0
    time = Time()
    time.run(client.device, 25)
    assert [(got.handle, got.data) for got in client.peer.take()] == [(handle, b"0123456789")] * 2
    assert set(client.peer.senders) == {TARGET}


def test_peers_do_not_see_each_others_notifications(client: Client) -> None:
    """Deleting another's handle is 0x714, and so is one that nobody has."""
    _, handle = client.subscribe(1, 0, 4)
    other = Client(client.device, FakePeer())
    assert other.unsubscribe(handle) == 0x714
    assert other.read(0xF090, handle, 0)[0] == 0x714
    assert client.read(0xF090, handle, 0) == (0, b"")
    assert client.unsubscribe(handle) == 0
    assert client.unsubscribe(handle) == 0x714


def test_the_diagnosis_counts_whose_notifications_there_are(client: Client) -> None:
    """F091: total, clients, then each client's address and its number above one byte."""
    for _ in range(3):
        client.subscribe(1, 0, 4)
    diagnosis = struct.pack("<II8sI", 3, 1, client.peer.source, 3 << 8)
    assert client.read(0xF091, 0, 1000) == (0, diagnosis)
    _, handle = client.subscribe(1, 0, 4)
    assert client.read(0xF091, 0, 1000)[1][:4] == struct.pack("<I", 4)
    assert client.unsubscribe(handle) == 0
    assert client.read(0xF091, 0, 1000) == (0, diagnosis)


def test_the_diagnosis_costs_a_sum_no_more_than_its_items(client: Client) -> None:
    """However many clients subscribe, F091 is put together once and not for each of a sum's ten thousand items."""
    client.subscribe(1, 0, 4)
    first, again = (client.device.notifications.diagnosis() for _ in range(2))
    assert first is again
