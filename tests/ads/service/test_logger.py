"""Port 100: messages to those who listen, and from those who speak."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from ads_service import Client, FakePeer, FakePermit
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import Action
from dinrail.ads.service.logger import MESSAGES_PER_SECOND, SUBSCRIPTIONS, SUBSCRIPTIONS_PER_PEER, LoggerDevice
from dinrail.ams.diagnostics import LogKind, LogMessage
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.clock import ManualClock
from dinrail.units import S_NS

NEW_YEAR_NS = 1_767_225_600_000_000_000
NEW_YEAR = 0x01DC_7AB1_9281_0000


class Room:
    """A logger with its clock, a client, and what it heard."""

    def __init__(self) -> None:
        self.clock = ManualClock(wall_ns=NEW_YEAR_NS)
        self.heard: list[LogMessage] = []
        self.device = LoggerDevice(
            monotonic_ns=self.clock.monotonic_ns,
            wall_ns=self.clock.wall_ns,
            version=(3, 1, 4024),
            heard=self.heard.append,
        )
        self.client = Client(self.device)


@pytest.fixture
def room() -> Room:
    return Room()


def sample(payload: bytes) -> tuple[int, int, bytes]:
    """(FILETIME, handle, data) of a payload with one stamp and one sample."""
    length, stamps, stamp, samples, handle, size = struct.unpack_from("<IIQIII", payload)
    assert (length, stamps, samples) == (len(payload) - 4, 1, 1)
    assert len(payload) == 28 + size
    return stamp, handle, payload[28:]


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def test_a_message_has_its_exact_bytes_and_its_own_length(room: Room) -> None:
    """FILETIME, kind, port, sender[16], length, text with NUL; not padded to what was registered."""
    handle = room.client.subscribe(1, 0xFFFF, 1024)
    room.device.log("refused", LogKind.ERROR | LogKind.LOG)
    (payload,) = room.client.peer.notes
    body = struct.pack("<QII16sI", NEW_YEAR, 0x14, 100, b"dinrail", 8) + b"refused\0"
    assert sample(payload) == (NEW_YEAR, handle, body)


def test_each_message_is_a_frame_of_its_own(room: Room) -> None:
    """AdsLib gives up the rest of a frame at a sample of another length: there is no rest."""
    handles = {room.client.subscribe(1, 0xFFFF, 256) for _ in range(2)}
    room.device.log("one")
    room.device.log("second")
    assert len(room.client.peer.notes) == 4
    assert {sample(note)[1] for note in room.client.peer.notes} == handles


def test_a_text_is_cut_to_what_was_registered(room: Room) -> None:
    """No sample is longer than the client said it takes, and what is too short for any message is 0x717."""
    room.client.subscribe(1, 0xFFFF, 40)
    room.device.log("a long message")
    assert sample(room.client.peer.notes[0])[2][32:] == b"\4\0\0\0a l\0"
    assert code_of(room.client.subscribe, 1, 0xFFFF, 36) == AdsError.WATCH_SIZE_INVALID


def test_what_a_client_writes_is_heard_by_all(room: Room) -> None:
    """A structure or plain text; time and port are what they are, and a box on the screen is not made."""
    other = Client(room.device, FakePeer())
    other.subscribe(1, 0xFFFF, 256)
    room.client.write(1, 0xFFFF, struct.pack("<QII16sI", 1, 0x24, 851, b"PlcTask", 3) + b"hi\0")
    room.client.write(1, 0, b"plain \xe4\0")
    told = [LogMessage.parse(sample(note)[2]) for note in other.peer.notes]
    assert told == [
        LogMessage(NEW_YEAR, 0x04, 30000, "PlcTask", "hi"),
        LogMessage(NEW_YEAR, 0x11, 30000, "1.2.3.4.1.1", "plain ä"),
    ]
    assert room.heard == told


def test_nobody_paints_on_a_terminal(room: Room) -> None:
    """Control characters become blanks, long texts are cut, and what cp1252 has not is a question mark."""
    room.client.subscribe(1, 0xFFFF, 4096)
    room.client.write(1, 0, b"a\x1b[2J\r\nb\0")
    room.device.log("\u0416" + "x" * 2000)
    room.client.write(1, 0, b"y" * 2000)
    texts = [LogMessage.parse(sample(note)[2]).text for note in room.client.peer.notes]
    assert texts == ["a [2J  b", "?" + "x" * 899, "y" * 900]
    assert code_of(room.client.write, 1, 0, bytes(2049)) == AdsError.INVALID_SIZE


def test_messages_are_so_many_a_second_and_the_rest_is_counted(room: Room) -> None:
    """A flood ends at 200; the writer is told 0x708, and the next second's first message says how many went lost."""
    room.client.subscribe(1, 0xFFFF, 256)
    for _ in range(MESSAGES_PER_SECOND):
        room.client.write(1, 0, b"x")
    assert code_of(room.client.write, 1, 0, b"x") == AdsError.BUSY
    room.device.log("lost")
    assert (len(room.client.peer.notes), len(room.heard), room.device.lost) == (200, 200, 2)
    room.clock.sleep_ns(S_NS)
    room.device.log("next")
    assert LogMessage.parse(sample(room.client.peer.notes[-1])[2]).text == "(2 messages left out) next"


def test_subscriptions_end(room: Room) -> None:
    """By deleting (once, and only one's own), and when the client is gone."""
    handle = room.client.subscribe(1, 0xFFFF, 256)
    other = Client(room.device, FakePeer())
    assert code_of(other.unsubscribe, handle) == AdsError.NOTIFICATION_HANDLE_INVALID
    room.client.unsubscribe(handle)
    assert code_of(room.client.unsubscribe, handle) == AdsError.NOTIFICATION_HANDLE_INVALID
    other.subscribe(1, 0xFFFF, 256)
    other.gone()
    room.device.log("x")
    assert room.client.peer.notes == other.peer.notes == []


def test_subscriptions_have_a_limit(room: Room) -> None:
    """So many for one client and so many in all."""
    for _ in range(SUBSCRIPTIONS // SUBSCRIPTIONS_PER_PEER):
        client = Client(room.device, FakePeer())
        for _ in range(SUBSCRIPTIONS_PER_PEER):
            client.subscribe(1, 0xFFFF, 256)
        assert code_of(client.subscribe, 1, 0xFFFF, 256) == AdsError.NO_MORE_HANDLES
    assert code_of(Client(room.device, FakePeer()).subscribe, 1, 0xFFFF, 256) == AdsError.NO_MORE_HANDLES


def test_a_full_link_is_counted_and_holds_nobody_up(room: Room) -> None:
    """A message that one client does not take still reaches the others."""
    room.client.peer.is_full = True
    other = Client(room.device, FakePeer())
    for client in (room.client, other):
        client.subscribe(1, 0xFFFF, 256)
    room.device.log("x")
    assert (len(other.peer.notes), room.device.dropped) == (1, 1)


def test_its_state_is_subscribed_like_any_device_s(room: Room) -> None:
    """Other notifications of the port go the usual way, and other services are 0x701."""
    handle = room.client.subscribe(0xF100, 0, 4)
    for millisecond in (0, 10):
        room.device.tick(millisecond * 1_000_000, NEW_YEAR_NS + millisecond * 1_000_000)
    first_cycle = NEW_YEAR + 100_000  # 10 ms, in a FILETIME's units
    assert [sample(note) for note in room.client.peer.notes] == [(first_cycle, handle, b"\5\0\0\0")]
    room.client.unsubscribe(handle)
    assert code_of(room.client.subscribe, 1, 0, 256) == AdsError.SERVICE_NOT_SUPPORTED
    assert code_of(room.client.read, 1, 0xFFFF, 256) == AdsError.SERVICE_NOT_SUPPORTED
    assert code_of(room.client.write, 2, 0, b"x") == AdsError.SERVICE_NOT_SUPPORTED


def test_listening_is_read_and_speaking_is_write(room: Room) -> None:
    """Who may not read hears nothing, who may not write says nothing."""
    reader = Client(room.device, FakePeer(), FakePermit(frozenset((Action.READ,))))
    writer = Client(room.device, FakePeer(), FakePermit(frozenset((Action.WRITE,))))
    reader.subscribe(1, 0xFFFF, 256)
    writer.write(1, 0, b"x")
    assert code_of(writer.subscribe, 1, 0xFFFF, 256) == AdsError.ACCESS_DENIED
    assert code_of(reader.write, 1, 0, b"x") == AdsError.ACCESS_DENIED
    assert len(reader.peer.notes) == 1


def test_who_may_listen_no_more_is_told_and_hears_no_more(room: Room) -> None:
    """When the rules change, a subscription that they do not allow ends by a sample without data; others stay."""
    handle = room.client.subscribe(1, 0xFFFF, 256)
    other = Client(room.device, FakePeer())
    other.subscribe(1, 0xFFFF, 256)
    room.device.review(room.client.peer, FakePermit())
    assert room.client.peer.notes == []
    room.device.review(room.client.peer, FakePermit(frozenset((Action.WRITE,))))
    room.device.log("x")
    assert [sample(note) for note in room.client.peer.notes] == [(NEW_YEAR, handle, b"")]
    assert len(other.peer.notes) == 1
    assert code_of(room.client.unsubscribe, handle) == AdsError.NOTIFICATION_HANDLE_INVALID


@given(st.binary(max_size=120), st.text(max_size=60))
def test_any_bytes_and_any_text_can_be_said(data: bytes, text: str) -> None:
    """Whatever a client writes or we log is told in a sample that can be read again."""
    room = Room()
    room.client.subscribe(1, 0xFFFF, 256)
    room.client.write(1, 0, data)
    room.device.log(text)
    for note in room.client.peer.notes:
        assert LogMessage.parse(sample(note)[2]).text.isprintable()
