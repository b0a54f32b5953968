"""The command ring: records come out as they went in, and nothing in it is ever trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.control.channel.layout import MAX_RECORD_DATA_BYTES, RING_HEADER_BYTES
from dinrail.control.channel.memory import Memory, create_file
from dinrail.control.channel.ring import RingFull, RingReader, RingWriter, encode_command, record_bytes

SIZE = 1024
TAIL = 8192 - 64
records = st.tuples(
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=SIZE - 32),
    st.integers(0, 2**32 - 1),
)


@contextmanager
def a_ring(start: int = 0) -> Iterator[tuple[Memory, RingWriter, RingReader]]:
    """A ring of SIZE bytes whose two sides have come to `start`."""
    with TemporaryDirectory() as directory:
        memory = create_file(Path(directory) / "ring", 8192, mode=0o600, group=None)
        memory.set_u64(0, start)
        memory.set_u64(TAIL, start)
        yield memory, RingWriter(memory, 0, SIZE, TAIL), RingReader(memory, 0, SIZE, start)
        memory.close()


@given(st.lists(records, max_size=30), st.integers(0, 200).map(lambda n: n * 8))
def test_records_come_out_as_they_went_in(sent: list[tuple[int, int, int, bytes, int]], start: int) -> None:
    """Wherever they wrap, and however the reader catches up, nothing is lost, doubled or changed."""
    with a_ring(start) as (memory, writer, reader):
        got = []
        for record in sent:
            if record_bytes(len(record[3])) > writer.room_bytes:
                got += list(reader.records())
                memory.set_u64(TAIL, reader.tail)
            writer.push(*record)
        got += list(reader.records())
        assert [(one.kind, one.space, one.offset, one.data) for one in got] == [record[:4] for record in sent]
        assert (reader.dropped, reader.tail) == (0, writer.head)


def test_a_full_ring_says_so_and_stays_as_it_is() -> None:
    """A record that does not fit is refused; those before it stand."""
    with a_ring() as (_, writer, reader):
        writer.push(1, 0, 0, bytes(SIZE - 64))
        head = writer.head
        with pytest.raises(RingFull):
            writer.push(1, 0, 0, b"x")
        assert writer.head == head
        assert len(list(reader.records())) == 1


def test_a_record_takes_a_bounded_size() -> None:
    """More data than a record carries is the caller's mistake, told at once."""
    with pytest.raises(ValueError, match=str(MAX_RECORD_DATA_BYTES)):
        encode_command(0, 1, 0, 0, bytes(MAX_RECORD_DATA_BYTES + 1))


def test_a_writer_killed_in_the_middle_leaves_nothing() -> None:
    """With any part of a record written and the head not moved, there is no record, and the next writer goes on."""
    record = encode_command(0, 1, 0, 16, b"12345678")
    for size in range(len(record) + 1):
        with a_ring() as (memory, _, reader):
            memory.write(RING_HEADER_BYTES, record[:size])
            assert list(reader.records()) == []
            RingWriter(memory, 0, SIZE, TAIL).push(2, 0, 0, b"next")
            assert [(one.kind, one.data) for one in reader.records()] == [(2, b"next")]
            assert reader.dropped == 0


@given(st.binary(min_size=SIZE, max_size=SIZE), st.integers(0, 2**64 - 1), st.integers(0, 2**40).map(lambda n: n * 8))
def test_any_bytes_are_survived(content: bytes, head: int, tail: int) -> None:
    """Whatever stands in a ring, the reader ends at a head it can go on from, and counts what it dropped."""
    with a_ring(tail) as (memory, _, reader):
        memory.write(RING_HEADER_BYTES, content)
        memory.set_u64(0, head)
        found = list(reader.records())
        assert found == []  # no record has a guard by chance
        assert reader.dropped == (head != tail)
        memory.set_u64(TAIL, reader.tail)
        if head == reader.tail:
            RingWriter(memory, 0, SIZE, TAIL).push(7, 0, 0, b"after")
            assert [one.kind for one in reader.records()] == [7]


@given(st.integers(32, 63), st.integers(0, 7))
def test_a_changed_bit_of_a_header_is_noticed(byte: int, bit: int) -> None:
    """A record whose header lost a bit on the way is dropped, not obeyed. (byte: in the second record.)"""
    with a_ring() as (memory, writer, reader):
        first = writer.push(1, 0, 8, b"12345678")
        writer.push(1, 0, 16, b"abcdefgh")
        at = RING_HEADER_BYTES + first + byte - 32
        memory.write(at, bytes([memory.read(at, 1)[0] ^ 1 << bit]))
        assert [one.offset for one in reader.records()] == [8]
        assert reader.dropped == 1
