"""Frames without their AMS/TCP header: any cut gives the same frames, and the length is the right one."""

from __future__ import annotations

import pytest
from build_ads_peer import read_state
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.transport.bare import MAX_BARE_BYTES, BareDecoder, unwrap, wrap
from dinrail.ams.frame import TcpCommand, tcp_frame
from dinrail.errors import FormatError


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 300))
def test_any_cut_gives_the_same_frames(bodies: list[bytes], cut: int) -> None:
    """A stream of messages comes out as the frames that went in, however it was cut."""
    frames = [read_state(extra=body) for body in bodies]
    stream = b"".join(frame[6:] for frame in frames)
    decoder = BareDecoder()
    assert [f for at in range(0, len(stream), cut) for f in decoder.feed(stream[at : at + cut])] == frames
    assert decoder.pending_bytes == 0


def test_the_length_is_not_the_error_code() -> None:
    """An error code at offset 24 changes nothing about where a message ends."""
    bare = bytearray(read_state(extra=b"1234")[6:])
    bare[24:28] = b"\xff\xff\xff\xff"
    decoder = BareDecoder()
    assert list(decoder.feed(bytes(bare) * 2)) == [wrap(bytes(bare))] * 2


@pytest.mark.parametrize("size", [MAX_BARE_BYTES - 31, 0xFFFFFFFF])
def test_a_length_above_the_cap_is_a_fault_at_once(size: int) -> None:
    """Too long is said when the header is there, before any of the data is kept."""
    bare = read_state()[6:]
    with pytest.raises(FormatError, match="allowed"):
        list(BareDecoder().feed(bare[:20] + size.to_bytes(4, "little") + bare[24:]))


@given(st.binary(max_size=100))
def test_any_bytes_unwrap_to_something(data: bytes) -> None:
    """What is no frame unwraps to nothing, and never raises."""
    assert all(message in data for message in unwrap(data))


def test_frames_end_to_end_unwrap_one_by_one() -> None:
    """Several frames in one answer come apart; what is no AMS command has no form here."""
    note = tcp_frame(TcpCommand.ROUTER_NOTE, b"abcd")
    assert unwrap(read_state() + note + read_state(extra=b"x")) == [read_state()[6:], read_state(extra=b"x")[6:]]
