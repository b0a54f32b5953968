"""The client's protocol state: golden frames out, events in, for any split of the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.client.core import (
    Answer,
    ClientCore,
    Event,
    Notified,
    PortClosed,
    PortGiven,
    RouterNote,
    Stray,
)
from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import Command
from dinrail.errors import FormatError

PLC = AmsAddr.parse("192.168.0.231.1.1:851")
OURS = AmsAddr.parse("127.0.0.1.1.1:30000")

# reference/ads.md, appendix B: computed from the layouts, accepted by AdsLib, pyads and ads-client.
READ_STATE = "000020000000c0a800e7010153037f0000010101307504000400000000000000000001000000"
RUN = "0000280000007f00000101013075c0a800e701015303040005000800000000000000010000000000000005000000"
NO_PORT = "0000200000007f00000101013075c0a800e70101e80304000500000000000600000001000000"
SAMPLE = (
    "00003d0000007f00000101013075c0a800e701015303080004001d0000000000000000000000190000000100000000008192b17adc0101000000"
    "11000000010000002a"
)
PORT_GIVEN = "001008000000c0a800e701018980"


def waiting_for_state() -> ClientCore:
    core = ClientCore(OURS)
    core.request(PLC, Command.READ_STATE)
    return core


def test_requests_are_the_golden_frames() -> None:
    """A request has the header's every byte where the specification has it."""
    invoke_id, frame = ClientCore(OURS).request(PLC, Command.READ_STATE)
    assert (invoke_id, frame.hex()) == (1, READ_STATE)


def test_an_answer_finds_its_request_once() -> None:
    """The same answer a second time answers nothing."""
    core = waiting_for_state()
    assert list(core.feed(bytes.fromhex(RUN))) == [Answer(1, 0, bytes.fromhex("0000000005000000"))]
    assert isinstance(next(core.feed(bytes.fromhex(RUN))), Stray)
    assert (core.in_flight, core.strays) == (0, 1)


def test_an_error_in_the_header_is_the_answer() -> None:
    """A router's error has no data, and reaches the one who asked."""
    core = ClientCore(OURS)
    core.request(AmsAddr.of(PLC.net_id, 1000), Command.READ_STATE)
    assert list(core.feed(bytes.fromhex(NO_PORT))) == [Answer(1, 6, b"")]


@pytest.mark.parametrize(
    ("at", "byte"),
    [(34, 2), (22, 2), (20, 0x54), (24, 4)],
    ids=["another invoke id", "another command", "another port", "a request"],
)
def test_what_does_not_fit_the_request_is_no_answer(at: int, byte: int) -> None:
    """Invoke id, command and port have to agree, and it has to be a response; else the request waits on."""
    frame = bytearray.fromhex(RUN)
    frame[at] = byte
    core = waiting_for_state()
    assert isinstance(next(core.feed(bytes(frame))), Stray)
    assert core.in_flight == 1
    assert isinstance(next(core.feed(bytes.fromhex(RUN))), Answer)


def test_a_header_that_contradicts_its_frame_is_skipped() -> None:
    """The stream is still in step, so what follows is read."""
    frame = bytearray.fromhex(RUN)
    frame[26] = 9
    core = waiting_for_state()
    events = list(core.feed(bytes(frame) + bytes.fromhex(RUN)))
    assert [type(event) for event in events] == [Stray, Answer]


def test_a_length_beyond_all_bounds_ends_the_stream() -> None:
    """A frame longer than is allowed is a FormatError before it is gathered."""
    with pytest.raises(FormatError):
        list(ClientCore(OURS).feed(bytes.fromhex("0000ffffff7f")))


def test_the_router_s_port_is_our_address() -> None:
    """Port connect gives our address, and 127.0.0.1.1.1 is the router itself from then on."""
    core = ClientCore()
    assert list(core.feed(bytes.fromhex(PORT_GIVEN))) == [PortGiven(AmsAddr.parse("192.168.0.231.1.1:32905"))]
    assert core.address == AmsAddr.parse("192.168.0.231.1.1:32905")
    assert core.same_device(AmsAddr.parse("127.0.0.1.1.1:851")) == PLC
    assert core.same_device(AmsAddr.parse("127.0.0.2.1.1:851")) == AmsAddr.parse("127.0.0.2.1.1:851")


def test_the_router_s_other_words_are_understood() -> None:
    """Router notes carry their state; port close is confirmed; anything else is a stray."""
    core = ClientCore()
    events = list(core.feed(bytes.fromhex("01100400000001000000" + "010000000000" + "0210060000007f0000010101")))
    assert events[:2] == [RouterNote(1), PortClosed()]
    assert isinstance(events[2], Stray)


def test_notifications_come_with_their_source() -> None:
    """A DeviceNotification needs no request."""
    frame = bytes.fromhex(SAMPLE)
    assert list(ClientCore(OURS).feed(frame)) == [Notified(PLC, frame[38:])]


def test_invoke_ids_start_again_and_skip_those_under_way() -> None:
    """After 0xFFFFFFFF comes 1, never 0 and never one that still waits."""
    core = ClientCore(OURS, first_invoke_id=0xFFFF_FFFE)
    assert [core.request(PLC, Command.READ_STATE)[0] for _ in range(4)] == [0xFFFF_FFFE, 0xFFFF_FFFF, 1, 2]
    again = ClientCore(OURS)
    again.request(PLC, Command.READ_STATE)
    again._last_id = 0xFFFF_FFFF
    assert again.request(PLC, Command.READ_STATE)[0] == 2


def test_a_forgotten_request_s_answer_is_a_stray() -> None:
    """After a timeout the late answer does nothing."""
    core = waiting_for_state()
    core.forget(1)
    assert isinstance(next(core.feed(bytes.fromhex(RUN))), Stray)


@given(st.data())
def test_any_split_gives_the_same_events(data: st.DataObject) -> None:
    """Router's words, answers and samples, cut anywhere."""
    stream = bytes.fromhex(SAMPLE + RUN + "01100400000001000000" + NO_PORT + SAMPLE)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    whole, cut = waiting_for_state(), waiting_for_state()
    events: list[Event] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += cut.feed(stream[begin:end])
    assert events == list(whole.feed(stream))


@given(st.binary(max_size=300))
def test_any_bytes_give_events_or_one_declared_error(noise: bytes) -> None:
    """Nothing but FormatError is ever raised for what a peer sends."""
    core = waiting_for_state()
    try:
        list(core.feed(noise))
    except FormatError:
        return
