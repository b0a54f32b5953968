"""Sum commands: many requests in one, and what is read back."""

from __future__ import annotations

import struct

import pytest
from ams_values import BYTES, U32, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams import sum as sums
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import AddNotificationRequest, ReadRequest, ReadWriteRequest, WriteRequest
from dinrail.ams.frame import FRAME_HEADER_BYTES, REQUEST_FLAGS, Command, build_frame
from dinrail.ams.group import SUM_GROUPS, IndexGroup
from dinrail.ams.sum import HandleResult, SumResult
from dinrail.errors import FormatError

GOLDEN = bytes.fromhex(
    "0000 48000000  c0a800e70101 5303  7f0000010101 3075  0900 0400 28000000 00000000 05000000"
    "80f00000 02000000 10000000 18000000"  # F080, two items, read 16 (2 results + 2 blocks), write 24
    "20400000 00000000 04000000"
    "20400000 04000000 04000000"
)
TWO = [ReadRequest(0x4020, 0, 4), ReadRequest(0x4020, 4, 4)]


def test_a_sum_read_has_the_bytes_that_clients_send() -> None:
    """Two items of four bytes in one frame, built and read."""
    made = ReadWriteRequest(IndexGroup.SUM_READ, 2, 16, sums.build_read(TWO))
    plc, client = AmsAddr.parse("192.168.0.231.1.1:851"), AmsAddr.parse("127.0.0.1.1.1:30000")
    assert build_frame(plc, client, Command.READ_WRITE, REQUEST_FLAGS, 5, made.encode()) == GOLDEN
    parsed = ReadWriteRequest.parse(GOLDEN[FRAME_HEADER_BYTES:])
    assert sums.parse_read(parsed.offset, parsed.data) == TWO
    assert parsed.group in SUM_GROUPS


def test_a_failed_item_of_a_sum_read_keeps_its_place() -> None:
    """F080: results first, then blocks as long as asked for, zeros for an error, also for what was too short."""
    results = [SumResult(0, b"\1\2\3\4"), SumResult(0x710), SumResult(0, b"\5")]
    body = sums.build_blocks(results, [4, 2, 3])
    assert body == bytes.fromhex("00000000 10070000 00000000  01020304 0000 050000")
    assert sums.parse_blocks(body, [4, 2, 3]) == [(0, b"\1\2\3\4"), (0x710, b""), (0, b"\5\0\0")]


def test_offset_0_of_a_sum_read_asks_for_data_alone() -> None:
    """No results are sent, and the number of items follows from what was written."""
    assert sums.parse_read(0, sums.build_read(TWO)) == TWO
    body = sums.build_blocks([SumResult(0, b"ab"), SumResult(0x710)], [2, 2], with_results=False)
    assert body == b"ab\0\0"
    assert sums.parse_blocks(body, [2, 2], with_results=False) == [(0, b"ab"), (0, b"\0\0")]


def test_the_blocks_of_the_other_sum_reads_are_cut_as_their_groups_say() -> None:
    """F083 steps by the lengths asked for, F084 and F082 by those returned."""
    results = [SumResult(0, b"ab"), SumResult(0x703), SumResult(0, b"cdef")]
    wide = sums.build_blocks_ex(results, [4, 2, 4])
    assert wide == bytes.fromhex("00000000 02000000  03070000 00000000  00000000 04000000") + b"ab\0\0" + b"\0\0cdef"
    assert sums.parse_blocks_ex(wide, [4, 2, 4]) == results
    narrow = sums.build_data(results)
    assert narrow == wide[:24] + b"abcdef"
    assert sums.parse_data(narrow, 3) == results


def test_more_is_never_returned_than_was_asked_for() -> None:
    """A device that has more than an item asked for is cut, so that the next item stays in its place."""
    long = [SumResult(0, b"abcdef"), SumResult(0, b"gh")]
    assert sums.build_blocks(long, [2, 2])[8:] == b"abgh"
    assert sums.parse_blocks_ex(sums.build_blocks_ex(long, [2, 2]), [2, 2]) == [(0, b"ab"), (0, b"gh")]


@pytest.mark.parametrize("parse", [sums.parse_read, sums.parse_write, sums.parse_read_write, sums.parse_add])
def test_a_count_that_the_bytes_do_not_hold_is_refused_at_once(parse: object) -> None:
    """Counts far above the bytes, or above the cap, take no memory."""
    assert callable(parse)
    for count in (2, 0xFFFFFFFF):
        with pytest.raises(FormatError):
            parse(count, bytes(12))
    with pytest.raises(FormatError, match="16384 are allowed"):
        parse(sums.MAX_SUB_COMMANDS + 1, bytes(40 * (sums.MAX_SUB_COMMANDS + 1)))


def test_blocks_that_no_frame_could_hold_are_refused_before_they_are_made() -> None:
    """Requested lengths are summed up first: two items of 3 GiB are a FormatError, and so is one byte over the cap."""
    hostile = sums.build_read([ReadRequest(0x4020, 0, 3 << 30), ReadRequest(0x4020, 0, 3 << 30)])
    with pytest.raises(FormatError, match="asks for 6442450944 bytes"):
        sums.parse_read(2, hostile)
    assert len(sums.parse_read(2, sums.build_read(TWO), max_bytes=8)) == 2
    with pytest.raises(FormatError):
        sums.parse_read(2, sums.build_read(TWO), max_bytes=7)
    assert len(sums.parse_read_ex(2, hostile)) == 2  # F084's lengths are upper bounds: 0xFFFFFFFF is common


@pytest.mark.parametrize("size", ["05000000", "03000000"])
def test_data_of_a_sum_write_that_does_not_fit_its_lengths_is_refused(size: str) -> None:
    """Neither a length past the end nor bytes that belong to no item are guessed at."""
    with pytest.raises(FormatError):
        sums.parse_write(1, bytes.fromhex(f"20400000 00000000 {size}") + b"1234")
    with pytest.raises(FormatError):
        sums.parse_read_write(1, bytes.fromhex(f"20400000 00000000 04000000 {size}") + b"1234")


READS = st.lists(st.builds(ReadRequest, U32, U32, st.integers(0, 4096)), min_size=1, max_size=20)
WRITES = st.lists(st.builds(WriteRequest, U32, U32, BYTES), max_size=20)
READ_WRITES = st.lists(st.builds(ReadWriteRequest, U32, U32, U32, BYTES), max_size=20)
ADDS = st.lists(st.builds(AddNotificationRequest, *[U32] * 6, st.binary(min_size=16, max_size=16)), max_size=20)
HANDLES = st.lists(U32, max_size=20)


@given(READS, WRITES, READ_WRITES, ADDS, HANDLES)
def test_requests_come_back_as_they_were(
    reads: list[ReadRequest],
    writes: list[WriteRequest],
    read_writes: list[ReadWriteRequest],
    adds: list[AddNotificationRequest],
    handles: list[int],
) -> None:
    """What a client packs is what a server finds."""
    assert sums.parse_read(len(reads), sums.build_read(reads)) == reads
    assert sums.parse_write(len(writes), sums.build_write(writes)) == writes
    assert sums.parse_read_write(len(read_writes), sums.build_read_write(read_writes)) == read_writes
    assert sums.parse_add(len(adds), sums.build_add(adds)) == adds
    assert sums.parse_delete(len(handles), sums.build_delete(handles)) == handles


RESULTS = st.lists(
    st.builds(SumResult, st.just(0), BYTES) | st.builds(SumResult, U32.filter(bool), st.just(b"")), max_size=20
)


@given(RESULTS, st.lists(st.builds(HandleResult, U32, U32), max_size=20))
def test_answers_come_back_as_they_were(results: list[SumResult], handles: list[HandleResult]) -> None:
    """What a server packs is what a client finds, by each of the four ways to cut it."""
    sizes = [len(data) for _, data in results]
    assert sums.parse_blocks(sums.build_blocks(results, sizes), sizes) == results
    assert sums.parse_blocks_ex(sums.build_blocks_ex(results, sizes), sizes) == results
    assert sums.parse_data(sums.build_data(results), len(results)) == results
    codes = [result for result, _ in results]
    assert sums.parse_results(sums.build_results(codes), len(codes)) == codes
    assert sums.parse_handles(sums.build_handles(handles), len(handles)) == handles


@given(st.integers(0, 6) | U32, st.binary(max_size=120), st.lists(st.integers(0, 40), max_size=5))
def test_any_bytes_are_a_sum_or_a_format_error(count: int, data: bytes, sizes: list[int]) -> None:
    """No parser, of requests or of answers, raises anything else for any count."""
    requests = (sums.parse_read, sums.parse_read_ex, sums.parse_write, sums.parse_read_write, sums.parse_add)
    for parse in (*requests, sums.parse_delete):
        value_or_format_error(lambda raw, parse=parse: parse(count, raw), data)
    for answer in (sums.parse_data, sums.parse_results, sums.parse_handles):
        value_or_format_error(lambda raw, answer=answer: answer(raw, count), data)
    for blocks in (sums.parse_blocks, sums.parse_blocks_ex):
        value_or_format_error(lambda raw, blocks=blocks: blocks(raw, sizes), data)


def test_returned_lengths_past_the_end_are_refused() -> None:
    """A server that announces 4 GiB for one item is not believed."""
    hostile = struct.pack("<II", 0, 0xFFFFFFFF)
    with pytest.raises(FormatError):
        sums.parse_data(hostile, 1)
    with pytest.raises(FormatError):
        sums.parse_blocks_ex(hostile + bytes(4), [4])
