"""Text on the wire."""

from __future__ import annotations

import pytest
from ams_values import TEXT, WIDE_TEXT
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.text import CP1252, UTF_8, cut_text, decode_text, encode_text, fit_text
from dinrail.errors import BadRequest


@given(st.binary(max_size=80))
def test_any_bytes_are_a_text_of_1252_and_come_back(raw: bytes) -> None:
    """The five bytes that 1252 leaves open are control characters, as in Windows: nothing is lost."""
    assert encode_text(decode_text(raw)) == raw


@given(TEXT)
def test_windows_1252_is_windows_1252(text: str) -> None:
    """Where Python's own code page knows a character, we agree with it."""
    assert encode_text(text) == text.encode("cp1252")
    assert decode_text(text.encode("cp1252")) == text


@given(WIDE_TEXT)
def test_code_page_65001_is_utf_8(text: str) -> None:
    """Any text goes there and back."""
    assert decode_text(encode_text(text, UTF_8), UTF_8) == text


def test_what_is_no_utf_8_is_read_as_1252() -> None:
    """A name in the wrong code page is shown, not lost."""
    assert decode_text(b"T\xfcr", UTF_8) == "Tür"
    assert decode_text("Tür".encode(), UTF_8) == "Tür"
    assert decode_text(b"\x80\x81\x8d\x8f\x90\x9d") == "€\x81\x8d\x8f\x90\x9d"


def test_a_character_that_the_code_page_lacks_is_a_bad_request() -> None:
    """Nothing is replaced by a question mark."""
    with pytest.raises(BadRequest, match="code page 1252"):
        encode_text("電")
    assert encode_text("電", UTF_8) == b"\xe9\x9b\xbb"


def test_text_ends_with_its_first_nul() -> None:
    """What follows the NUL is left over from something else."""
    assert cut_text(b"abc\0def") == "abc"
    assert cut_text(b"abc") == "abc"


@given(WIDE_TEXT, st.integers(0, 20))
def test_text_is_cut_between_characters(text: str, size: int) -> None:
    """What fits is a prefix, never longer than allowed, never half a character."""
    cut = fit_text(text, size, UTF_8)
    assert len(cut) <= size
    assert text.startswith(cut.decode())
    assert cut == text.encode() or len(cut) > size - 4


def test_the_default_code_page_is_1252() -> None:
    """TwinCAT's symbols are 1252 unless the upload info says otherwise."""
    assert fit_text("äöü", 2) == fit_text("äöü", 2, CP1252) == b"\xe4\xf6"
