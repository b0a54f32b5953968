"""Sizes and times as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import BadRequest
from dinrail.units import GIB, KIB, MIB, MS_NS, S_NS, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("4 GiB", 4 * GIB), ("512MiB", 512 * MIB), ("64K", 64 * KIB), ("17", 17), ("1.5 KiB", 1536), (" 0 ", 0)],
)
def test_sizes_are_binary(text: str, size_bytes: int) -> None:
    """A size is a number with a binary unit, or bytes without one."""
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "GiB", "4 GB", "-1", "1e9", "0.3", "1.0000000001 KiB", "4 GiB please", "9" * 19])
def test_what_is_no_size_is_refused_with_the_right_spelling(text: str) -> None:
    """Decimal units, fractions of a byte and anything else are a wrong request whose hint shows how to write it."""
    with pytest.raises(BadRequest) as fault:
        parse_size(text)
    assert "GiB" in (fault.value.hint or "")


@pytest.mark.parametrize(
    ("text", "duration_ns"), [("1 ms", MS_NS), ("250us", 250_000), ("1.5 s", 3 * S_NS // 2), ("2 min", 120 * S_NS)]
)
def test_times_are_whole_nanoseconds(text: str, duration_ns: int) -> None:
    """A time is a number with its unit."""
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize("text", ["1", "1 h", "0.1 ns", "ms"])
def test_a_time_needs_its_unit(text: str) -> None:
    """A bare number is no time: seconds and milliseconds differ by a factor of a thousand."""
    with pytest.raises(BadRequest):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=1 << 50))
def test_a_formatted_size_reads_back(size_bytes: int) -> None:
    """Formatting keeps the number whole."""
    assert parse_size(format_size(size_bytes)) == size_bytes


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_a_wrong_request(text: str) -> None:
    """No text makes the parsers crash."""
    for parse in (parse_size, parse_duration):
        with contextlib.suppress(BadRequest):
            assert parse(text) >= 0
