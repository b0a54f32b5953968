"""Hypothesis strategies for AMS values, and what every decoder has to stand."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.entry import ArrayBound, Attribute
from dinrail.errors import FormatError

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
U64 = st.integers(0, 0xFFFFFFFFFFFFFFFF)
BYTES = st.binary(max_size=64)
NET_IDS = st.binary(min_size=6, max_size=6).map(NetId)
ADDRESSES = st.binary(min_size=8, max_size=8).map(AmsAddr)
GUIDS = st.binary(min_size=16, max_size=16)
TEXT = st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=40)
"""Whatever Windows-1252 can say, but for NUL."""
WIDE_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
BOUNDS = st.lists(st.builds(ArrayBound, st.integers(-(2**31), 2**31 - 1), U32), max_size=3).map(tuple)
ATTRIBUTES = st.lists(st.builds(Attribute, TEXT, TEXT), max_size=4).map(tuple)


def value_or_format_error(parse: Callable[[bytes], object], data: bytes) -> bool:
    """True when `parse` gives a value, False for a FormatError. Anything else is the test's failure."""
    try:
        parse(data)
    except FormatError:
        return False
    return True
