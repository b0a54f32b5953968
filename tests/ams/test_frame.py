"""Framing: headers, and a stream cut in any way."""

from __future__ import annotations

import pytest
from ams_values import ADDRESSES, BYTES, U16, U32, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import (
    FRAME_HEADER_BYTES,
    INVOKE_ID,
    MAX_FRAME_BYTES,
    REQUEST_FLAGS,
    RESPONSE_FLAGS,
    SOURCE,
    TARGET,
    Command,
    Decoder,
    TcpCommand,
    build_frame,
    parse_header,
    response_to,
    tcp_frame,
)
from dinrail.errors import FormatError

PLC = AmsAddr.parse("192.168.0.231.1.1:851")
CLIENT = AmsAddr.parse("127.0.0.1.1.1:30000")
REQUEST = bytes.fromhex(
    "0000 2c000000"  # AMS/TCP: AMS, 44 bytes follow
    "c0a800e70101 5303  7f0000010101 3075"  # to 192.168.0.231.1.1:851, from 127.0.0.1.1.1:30000
    "0200 0400 0c000000 00000000 02000000"  # Read, request, 12 bytes of data, no error, invoke 2
    "20400000 00000000 04000000"  # group 0x4020, offset 0, 4 bytes
)


def test_a_frame_has_the_bytes_that_the_table_says() -> None:
    """A built Read request is the one written by hand; its slices are where the constants say."""
    made = build_frame(PLC, CLIENT, Command.READ, REQUEST_FLAGS, 2, bytes.fromhex("204000000000000004000000"))
    assert made == REQUEST
    assert (REQUEST[TARGET], REQUEST[SOURCE], REQUEST[INVOKE_ID]) == (PLC, CLIENT, b"\2\0\0\0")
    header = parse_header(REQUEST)
    assert header[:4] == (PLC, CLIENT, Command.READ, 4)
    assert (header.size_bytes, header.error, header.invoke_id, header.is_response) == (12, 0, 2, False)


def test_a_transport_error_is_in_the_header_and_has_no_data() -> None:
    """Unknown port: addresses swapped, response flag, error 6, nothing behind."""
    request = build_frame(AmsAddr.parse("192.168.0.231.1.1:1000"), CLIENT, Command.READ_STATE, REQUEST_FLAGS, 1)
    assert response_to(request, error=6) == bytes.fromhex(
        "0000 20000000  7f0000010101 3075  c0a800e70101 e803  0400 0500 00000000 06000000 01000000"
    )


@given(ADDRESSES, ADDRESSES, U16, U16, U32, BYTES, U32)
def test_what_is_built_is_what_is_parsed(
    target: AmsAddr, source: AmsAddr, command: int, flags: int, invoke_id: int, data: bytes, error: int
) -> None:
    """Every field comes back, and a response turns the addresses round."""
    frame = build_frame(target, source, command, flags, invoke_id, data, error=error)
    header = parse_header(frame)
    assert header == (target, source, command, flags, len(data), error, invoke_id)
    assert frame[FRAME_HEADER_BYTES:] == data
    answer = parse_header(response_to(frame, b"xy"))
    assert answer == (source, target, command, flags | 1, 2, 0, invoke_id)
    assert answer.is_response
    assert REQUEST_FLAGS | 1 == RESPONSE_FLAGS


@given(st.binary(max_size=120))
def test_any_bytes_are_a_header_or_a_format_error(data: bytes) -> None:
    """A header needs its 38 bytes, and exactly the data that it announces."""
    if value_or_format_error(parse_header, data):
        assert parse_header(data).size_bytes == len(data) - FRAME_HEADER_BYTES


def test_a_frame_with_more_or_less_than_it_announces_is_refused() -> None:
    """Cut anywhere, or with one byte more, there is no header."""
    for length in range(len(REQUEST)):
        with pytest.raises(FormatError):
            parse_header(REQUEST[:length])
    with pytest.raises(FormatError, match="announces 12 bytes of data, 13 are there"):
        parse_header(REQUEST + b"\0")


FRAMES = st.lists(st.builds(tcp_frame, st.sampled_from(TcpCommand), BYTES), max_size=8)


@given(FRAMES, st.data())
def test_any_split_of_a_stream_gives_the_same_frames(frames: list[bytes], data: st.DataObject) -> None:
    """Whole, byte by byte, or cut at will: the frames are those that were sent, and nothing is pending."""
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    for parts in ([stream], [stream[i : i + 1] for i in range(len(stream))], pieces):
        decoder = Decoder()
        assert [frame for part in parts for frame in decoder.feed(part)] == frames
        assert decoder.pending_bytes == 0


def test_an_unfinished_frame_is_pending() -> None:
    """What is not complete is kept, and counted."""
    decoder = Decoder()
    assert list(decoder.feed(REQUEST + REQUEST[:9])) == [REQUEST]
    assert decoder.pending_bytes == 9
    assert list(decoder.feed(REQUEST[9:])) == [REQUEST]


def test_a_frame_taken_is_taken_even_when_the_taker_stops() -> None:
    """Whoever stops after the first of two frames gets the second one next, not the first again."""
    decoder = Decoder()
    second = REQUEST[:-1] + b"\x09"
    assert next(iter(decoder.feed(REQUEST + second))) == REQUEST
    assert list(decoder.feed(b"")) == [second]


def test_a_header_that_announces_too_much_is_refused_before_its_data_comes() -> None:
    """Six bytes that announce 4 GiB are the end, and frames before them are still given."""
    hostile = b"\0\0\xff\xff\xff\xff"
    with pytest.raises(FormatError, match="announces 4294967301 bytes"):
        list(Decoder().feed(hostile))
    decoder = Decoder()
    given = iter(decoder.feed(REQUEST + hostile))
    assert next(given) == REQUEST
    with pytest.raises(FormatError):
        next(given)
    with pytest.raises(FormatError):  # spent
        list(decoder.feed(REQUEST))


def test_the_cap_is_the_whole_frame() -> None:
    """A frame of exactly `max_bytes` passes, one byte more does not."""
    frame = tcp_frame(TcpCommand.AMS, bytes(94))
    assert list(Decoder(max_bytes=100).feed(frame)) == [frame]
    for part in (frame, frame[:50]):
        with pytest.raises(FormatError):
            list(Decoder(max_bytes=99).feed(part))
    assert MAX_FRAME_BYTES == 4 << 20


@given(st.binary(max_size=200))
def test_any_stream_gives_frames_or_a_format_error(data: bytes) -> None:
    """What comes out is a prefix of what went in, in order."""
    decoder = Decoder(max_bytes=64)
    found: list[bytes] = []

    def feed(stream: bytes) -> None:
        found.extend(decoder.feed(stream))

    if value_or_format_error(feed, data):
        assert b"".join(found) == data[: len(data) - decoder.pending_bytes]
    assert data.startswith(b"".join(found))
    assert all(len(frame) <= 64 for frame in found)
