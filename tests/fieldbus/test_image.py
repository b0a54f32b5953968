"""Bytes of the process image and values of a device's tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import BadRequest
from dinrail.fieldbus.image import check_spans, put, requests, values_of
from dinrail.fieldbus.settings import Span, Table

SPANS = st.builds(
    lambda table, count, byte, words, swapped: Span(
        table, 7, count * words, 8 * byte, words if not table.is_bits else 1, swapped
    ),
    st.sampled_from(Table),
    st.integers(1, 40),
    st.integers(0, 9),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)


def test_a_register_is_a_little_endian_word() -> None:
    """A register's value is a WORD of the image, at the byte that the span says."""
    image = bytearray(6)
    put(image, Span(Table.HOLDING_REGISTER, 0, 2, bit=16), [0x1234, 0xABCD])
    assert image == bytes.fromhex("0000 3412 cdab")


def test_swapped_words_change_places() -> None:
    """Of a value whose device sends the upper word first, the image has the lower word first."""
    image = bytearray(8)
    put(image, Span(Table.INPUT_REGISTER, 0, 4, bit=0, words=2, swapped=True), [0x0001, 0x0002, 0x0003, 0x0004])
    assert image == bytes.fromhex("0200 0100 0400 0300")


def test_bits_begin_at_any_bit_and_leave_their_neighbours() -> None:
    """Bits land from the span's bit on; the other bits of their bytes stay."""
    image = bytearray(b"\xff\x00")
    put(image, Span(Table.COIL, 0, 4, bit=6), [False, True, True, False])
    assert image == bytes([0b1011_1111, 0b0000_0001])


@given(SPANS, st.binary(min_size=400, max_size=400))
def test_what_was_put_is_read_back(span: Span, noise: bytes) -> None:
    """values_of gives what put took, for any span that fits."""
    image = bytearray(noise)
    values = [(number * 40503 + 11) % (2 if span.table.is_bits else 65536) for number in range(span.count)]
    put(image, span, values)
    assert values_of(bytes(image), span) == values


@given(SPANS.map(lambda span: Span(span.table, 0, span.count * 60, 0, span.words, span.swapped)), st.booleans())
def test_pieces_make_the_whole_and_each_fits_a_request(span: Span, written: bool) -> None:
    """A span's requests lie side by side, none is too long, and none cuts a value of several words."""
    parts = list(requests(span, written=written))
    width = 1 if span.table.is_bits else 16
    most = {True: (1968, 123), False: (2000, 125)}[written][not span.table.is_bits]
    assert sum(part.count for part in parts) == span.count
    for part in parts:
        assert part.count <= most
        assert part.count % span.words == 0
        assert part.bit == (part.address - span.address) * width


@pytest.mark.parametrize(
    ("span", "written", "says"),
    [
        (Span(Table.INPUT_REGISTER, 0, 1, 0), True, "does not take"),
        (Span(Table.COIL, 65535, 2, 0), False, "0 to 65535"),
        (Span(Table.HOLDING_REGISTER, 0, 3, 0), False, "does not fit into 4 bytes"),
        (Span(Table.HOLDING_REGISTER, 0, 1, 4), False, "whole bytes"),
        (Span(Table.HOLDING_REGISTER, 0, 1, 0, words=2), False, "whole bytes"),
    ],
)
def test_what_no_device_has_is_refused(span: Span, written: bool, says: str) -> None:
    """A span outside its table or its piece of the image is refused before anything is connected."""
    with pytest.raises(BadRequest, match=says):
        check_spans([span], 4, written=written)
