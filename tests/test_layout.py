"""Binary structures as tables."""

from __future__ import annotations

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import Truncated
from dinrail.layout import decode, encode, label, layout_of, open_enum, pad, raw, record, u8, u16, u24, u32, u64


@record(size_bytes=0x18, name="SAMPLE", source="this test")
class Sample:
    """Every kind of field once."""

    magic: bytes = raw(0x00, 4)
    byte: int = u8(0x04)
    three: int = u24(0x05)
    word: int = u16(0x08, default=0x0B0A)
    _reserved_0a: bytes = pad(0x0A, 2)
    double: int = u32(0x0C, default=0)
    quad: int = u64(0x10, default=0)


SAMPLE = Sample(magic=b"ABCD", byte=0x04, three=0x070605, word=0x0908, double=0x0F0E0D0C, quad=0x1716151413121110)
BYTES = b"ABCD" + bytes((4, 5, 6, 7, 8, 9, 0, 0, *range(0x0C, 0x18)))


def test_every_byte_of_a_record_stands_at_its_own_offset() -> None:
    """A record whose bytes spell their offsets encodes to those offsets, and decodes back to itself."""
    assert encode(SAMPLE) == BYTES
    assert decode(Sample, BYTES) == SAMPLE


def test_a_record_may_stand_anywhere_in_any_buffer() -> None:
    """Decoding takes bytes, bytearray and memoryview, at any offset."""
    for kind in (bytes, bytearray, memoryview):
        assert decode(Sample, kind(b"\xff" + BYTES), 1) == SAMPLE


@pytest.mark.parametrize("length", range(0x18))
def test_every_truncation_names_the_field_that_it_cuts(length: int) -> None:
    """Bytes that end early name structure, field and the field's absolute offset."""
    with pytest.raises(Truncated) as fault:
        decode(Sample, b"xx" + BYTES[:length], 2, where="a file")
    name, spec = layout_of(Sample).field_at(length)
    assert (fault.value.structure, fault.value.field, fault.value.offset) == ("SAMPLE", name, 2 + spec.offset)
    assert str(fault.value).startswith("a file: SAMPLE, field ")


def test_an_offset_behind_the_data_is_a_truncation_at_the_first_field() -> None:
    """A pointer far behind the end, or before the start, is no crash."""
    for at in (1 << 40, -1):
        with pytest.raises(Truncated, match="magic"):
            decode(Sample, BYTES, at)


def test_a_wrong_transcription_cannot_be_imported() -> None:
    """A gap, an overlap or a wrong total is a ValueError when the class is made."""
    with pytest.raises(ValueError, match="declared at 0x2, the table stands at 0x1"):

        @record(size_bytes=4, name="GAP", source="this test")
        class _Gap:
            one: int = u8(0)
            two: int = u16(2)

    with pytest.raises(ValueError, match="declared as 0x4 bytes, its fields are 0x2"):

        @record(size_bytes=4, name="SHORT", source="this test")
        class _Short:
            one: int = u16(0)


@pytest.mark.parametrize("wrong", [{"byte": 0x100}, {"word": -1}, {"magic": b"ABC"}])
def test_a_value_that_does_not_fit_is_our_bug(wrong: dict[str, object]) -> None:
    """Encoding a value that is too large, negative or of another length is a ValueError."""
    with pytest.raises(ValueError, match="SAMPLE"):
        encode(Sample(**{"magic": b"ABCD", "byte": 0, "three": 0, **wrong}))  # type: ignore[arg-type]  # wrong on purpose


@given(st.binary(min_size=0x18, max_size=0x18))
def test_any_bytes_survive_decoding_and_encoding(data: bytes) -> None:
    """Decoding keeps every byte, reserved ones too."""
    assert encode(decode(Sample, data)) == data


class _Colour(enum.IntEnum):
    DARK_RED = 3


def test_unknown_numbers_stay_numbers() -> None:
    """An open enum gives the member or the number, and both can be printed."""
    assert open_enum(_Colour, 3) is _Colour.DARK_RED
    assert open_enum(_Colour, 0x42) == 0x42
    assert label(_Colour.DARK_RED) == "dark-red (0x03)"
    assert label(0x42) == "unknown (0x42)"
