"""Sets of CPUs as Linux spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.machine.cpulist import MAX_CPUS, format_list, format_mask, parse_list, parse_mask

SETS = st.frozensets(st.integers(min_value=0, max_value=MAX_CPUS - 1), max_size=40)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("", set()), ("3\n", {3}), ("0-2,7", {0, 1, 2, 7}), ("0-7:2/4", {0, 1, 4, 5}), (" 1, 4 ", {1, 4})],
)
def test_a_list_is_read(text: str, cpus: set[int]) -> None:
    """Single CPUs, ranges and groups of ranges, as bitmap_parselist takes them."""
    assert parse_list(text) == cpus


@pytest.mark.parametrize(
    "text", ["(null)", "x", "3-1", "1-", "-1", "0-99999999", "0-7:0/4", "0-7:5/4", "1 2", f"{MAX_CPUS}"]
)
def test_what_is_no_list_is_none(text: str) -> None:
    """Other words, backward ranges, and more CPUs than any kernel has."""
    assert parse_list(text) is None


@pytest.mark.parametrize(
    ("text", "cpus"), [("7", {0, 1, 2}), ("00000001,0000000f", {0, 1, 2, 3, 32}), ("0", set()), ("F0", {4, 5, 6, 7})]
)
def test_a_mask_is_read(text: str, cpus: set[int]) -> None:
    """Words of 32 bits, the highest first."""
    assert parse_mask(text) == cpus


@pytest.mark.parametrize("text", ["", "g", "1,2", "123456789", "f" * 5000])
def test_what_is_no_mask_is_none(text: str) -> None:
    """Words that are not of eight digits, and endless ones."""
    assert parse_mask(text) is None


@given(SETS)
def test_both_spellings_read_back(cpus: frozenset[int]) -> None:
    """What is written as a list or a mask is read as the same set."""
    assert parse_list(format_list(cpus)) == cpus
    assert parse_mask(format_mask(cpus)) == cpus


@given(st.text(max_size=60))
def test_any_text_is_a_set_or_none(text: str) -> None:
    """Nothing else comes out, and nothing large."""
    for found in (parse_list(text), parse_mask(text)):
        assert found is None or all(0 <= cpu < MAX_CPUS for cpu in found)
