"""How constants and images are spelled."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dinrail.plc.emit.scalar import floating, image_of, integer, quoted, text_of
from dinrail.plc.emit.values import decode, encode
from dinrail.plc.types.model import LREAL, REAL, SCALARS, ArrayType, Family, TextType


def read_image(kind: str, value: str) -> bytes:
    """An image's text back to bytes, as LLVM would read it."""
    parts = re.findall(r'\[(\d+) x i8\] (zeroinitializer|c"([^"]*)")', value if value[0] == "<" else f"{kind} {value}")
    out = b""
    for count, word, text in parts:
        if word == "zeroinitializer":
            out += bytes(int(count))
            continue
        data = re.sub(rb"\\([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())
        assert len(data) == int(count)
        out += data
    return out


@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 300).map(bytes)), min_size=1).map(b"".join))
@example(bytes(10_000) + b"x" + bytes(5000))
@example(b'"\\')
def test_an_image_reads_back_as_its_bytes(data: bytes) -> None:
    """Whatever runs of zeros it has, an image's text holds exactly its bytes."""
    if data:
        assert read_image(*image_of(data)) == data


def test_a_large_empty_image_is_a_short_text() -> None:
    """A million zeros cost one word."""
    kind, value = image_of(bytes(1 << 20))
    assert (kind, value) == ("[1048576 x i8]", "zeroinitializer")


@pytest.mark.parametrize(
    ("value", "bits", "text"),
    [(255, 8, "-1"), (127, 8, "127"), (-128, 8, "-128"), (2**64 - 1, 64, "-1"), (2**63, 64, str(-(2**63)))],
)
def test_integers_are_written_as_signed_numbers_of_their_width(value: int, bits: int, text: str) -> None:
    """LLVM refuses a literal that is too wide for its type."""
    assert integer(value, bits) == text


def test_a_real_constant_is_rounded_to_real_before_it_is_written() -> None:
    """LLVM takes a float's constant as the bits of a double that is a float."""
    assert floating(0.1, 4) == "0x3FB99999A0000000"
    assert floating(0.1, 8) == "0x3FB999999999999A"
    assert floating(1e39, 4) == "0x7FF0000000000000"


def test_names_outside_of_ascii_are_escaped() -> None:
    """A name's bytes in UTF-8, each as two hex digits."""
    assert quoted("FB_Axis.Reset") == '@"st.FB_Axis.Reset"'
    assert quoted("Größe") == '@"st.Gr\\C3\\B6\\C3\\9Fe"'
    assert text_of(b'a"\\\n') == "a\\22\\5C\\0A"


@given(st.sampled_from([kind for kind in SCALARS.values() if kind.is_integer]), st.integers(-(2**63), 2**64 - 1))
def test_an_integer_written_is_read_back_cut_to_its_type(kind: object, value: int) -> None:
    """encode and decode are opposites within a type's range, and cut outside of it."""
    assert hasattr(kind, "bits")
    read = decode(kind, encode(kind, value))  # type: ignore[arg-type]
    assert isinstance(read, int)
    assert (read - value) % (1 << kind.bits) == 0


@given(st.text("abcäöüß€", max_size=12), st.booleans())
def test_a_text_written_is_read_back_cut_to_its_length(text: str, wide: bool) -> None:
    """A STRING holds Windows-1252, a WSTRING UTF-16; both as many units as they have."""
    assert decode(TextType(8, wide), encode(TextType(8, wide), text)) == text[:8]


def test_arrays_and_floats_are_read_by_element() -> None:
    """An array's value is a list, row by row."""
    kind = ArrayType(REAL, ((1, 2), (0, 1)))
    assert decode(kind, encode(kind, [0.5, 1.5, 2.5, -1.0])) == [0.5, 1.5, 2.5, -1.0]
    assert decode(LREAL, encode(LREAL, 0.1)) == 0.1
    assert SCALARS["TIME"].family is Family.DURATION
