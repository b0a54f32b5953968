"""TCP streams put together, and cut into frames."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from build_capture import request
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.trace.stream import GAP_NS, MAX_STASH_BYTES, MAX_STASH_SEGMENTS, Assembler, FrameStream
from dinrail.ams.command import ReadRequest, WriteRequest
from dinrail.ams.frame import MAX_FRAME_BYTES, Command, TcpCommand, tcp_frame
from dinrail.ams.local import connect_request

READ = request(Command.READ, ReadRequest(0x4020, 0, 4).encode())
WRITE = request(Command.WRITE, WriteRequest(0x4020, 0, bytes(300)).encode())


def put(assembler: Assembler, segments: list[tuple[int, bytes]], *, step_ns: int = 0) -> list[bytes | None]:
    return [
        piece for n, (sequence, data) in enumerate(segments) for piece in assembler.add(sequence, data, n * step_ns)
    ]


@given(st.binary(min_size=1, max_size=200), st.integers(0, 2**32 - 1), st.data())
def test_segments_in_any_order_and_repeated_are_the_stream(stream: bytes, start: int, data: st.DataObject) -> None:
    """Shuffled, repeated and overlapping, across the turn of the sequence number: every byte once, in order."""
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=8))})
    pieces = [(a, stream[a : data.draw(st.integers(b, len(stream)))]) for a, b in itertools.pairwise(cuts)]
    order = data.draw(st.permutations(pieces + pieces[:3]))
    assembler = Assembler()
    assembler.start(start)
    found = put(assembler, [((start + 1 + at) % 2**32, piece) for at, piece in order])
    assert None not in found
    assert b"".join(piece for piece in found if piece) == stream
    assert assembler.pending_bytes == 0


def test_a_stream_that_was_joined_in_the_middle_starts_with_a_hole() -> None:
    """Without a SYN nobody knows where frames begin."""
    assert put(Assembler(), [(700, b"ab"), (702, b"cd")]) == [None, b"ab", b"cd"]


def test_a_hole_is_given_up_after_a_while() -> None:
    """A second, many segments or many bytes behind a hole, and the end of the capture."""
    for segments, step_ns in (
        ([(1, b"a"), (9, b"x"), (10, b"y")], GAP_NS + 1),
        ([(1, b"a"), *((100 + 2 * n, b"z") for n in range(MAX_STASH_SEGMENTS + 1))], 0),
        ([(1, b"a"), (9, bytes(MAX_STASH_BYTES)), (9 + MAX_STASH_BYTES, b"b")], 0),
    ):
        assembler = Assembler()
        assembler.start(0)
        found = put(assembler, segments, step_ns=step_ns)
        assert found[:2] == [b"a", None]
        assert assembler.pending_bytes <= MAX_STASH_BYTES
    assembler = Assembler()
    assembler.start(0)
    assert put(assembler, [(5, b"x"), (9, b"y")]) == []
    assert list(assembler.finish()) == [None, b"x", None, b"y"]


def test_repeats_of_what_waits_cost_nothing() -> None:
    """The same early segment a thousand times waits once."""
    assembler = Assembler()
    assembler.start(0)
    assert put(assembler, [(100, bytes(1000))] * 1000) == []
    assert assembler.pending_bytes == 1000


def test_a_new_syn_forgets_what_was() -> None:
    """The same ports are used again for another connection."""
    assembler = Assembler()
    assembler.start(0)
    put(assembler, [(50, b"old")])
    assembler.start(5000)
    assert put(assembler, [(5001, b"new")]) == [b"new"]
    assert assembler.pending_bytes == 0


FRAMES = [READ, WRITE, connect_request(), READ]


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_stream_that_is_in_step_gives_all_frames(step: int) -> None:
    """Local frames, too, however it was cut."""
    stream = b"".join(FRAMES)
    cutter = FrameStream()
    found = [frame for at in range(0, len(stream), step) for frame in cutter.feed(stream[at : at + step])]
    assert (found, cutter.skipped_bytes, cutter.pending_bytes) == (FRAMES, 0, 0)


@pytest.mark.parametrize("step", [1, 13, 100_000])
def test_after_a_hole_frames_start_anew_at_the_next_header(step: int) -> None:
    """The rest of a frame whose head is lost is skipped and counted, whatever it holds."""
    lost = WRITE[50:]
    cutter = FrameStream()
    list(cutter.feed(READ[:20]))
    cutter.gap()
    stream = lost + b"".join(FRAMES)
    found = [frame for at in range(0, len(stream), step) for frame in cutter.feed(stream[at : at + step])]
    assert found == FRAMES
    assert cutter.skipped_bytes == 20 + len(lost)


def test_what_is_no_ams_is_skipped_without_being_kept() -> None:
    """A megabyte of something else leaves less than a header behind."""
    noise = b"".join(hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(1 << 15))
    cutter = FrameStream()
    assert list(cutter.feed(noise)) == []
    assert cutter.pending_bytes < 38
    assert cutter.skipped_bytes + cutter.pending_bytes == len(noise)
    assert list(cutter.feed(READ * 2))[-1] == READ


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES + 1, 31, 0xFFFFFFFF])
def test_impossible_lengths_put_a_stream_out_of_step(size: int) -> None:
    """A frame that cannot be is not waited for: the next header is looked for."""
    cutter = FrameStream()
    hostile = TcpCommand.AMS.to_bytes(2, "little") + size.to_bytes(4, "little")
    assert list(cutter.feed(hostile + READ + tcp_frame(TcpCommand.GET_NET_ID))) == [
        READ,
        tcp_frame(TcpCommand.GET_NET_ID),
    ]
    assert cutter.skipped_bytes == 6


@given(st.lists(st.binary(max_size=80) | st.sampled_from(FRAMES), max_size=8))
def test_any_stream_is_frames_and_skipped_bytes(pieces: list[bytes]) -> None:
    """Every byte is in a frame, skipped, or pending; nothing is raised."""
    cutter = FrameStream()
    found = [frame for piece in pieces for frame in cutter.feed(piece)]
    assert sum(map(len, found)) + cutter.skipped_bytes + cutter.pending_bytes == sum(map(len, pieces))
