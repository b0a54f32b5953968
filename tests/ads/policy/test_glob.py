"""Symbol patterns against a slow and plain reading of the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.policy.glob import INSIDE_MARKS, Glob, fold


def slow_match(pattern: str, name: str) -> bool:
    """The definition, by recursion."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return slow_match(pattern[1:], name) or bool(name and slow_match(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and slow_match(pattern[1:], name[1:])


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("MAIN.*", "main.x", True),
        ("MAIN.*", "MAIN", False),
        ("MAIN.*", "MAIN2.x", False),
        ("main.a[1]", "MAIN.a[1]", True),
        ("main.a[1]", "MAIN.a1", False),
        ("*.a[?]", "GVL.a[7]", True),
        ("*.a[?]", "GVL.a[17]", False),
        ("a*a", "a", False),
        ("a*b*c", "abbc", True),
        ("*", "", True),
        ("", "", True),
        ("?", "", False),
        ("*ß", "x.SS", True),
        ("MAIN.s", "MAIN.ſ", True),
    ],
)
def test_what_a_pattern_means(pattern: str, name: str, fits: bool) -> None:
    """Only `*` and `?` are special, and case is nothing, however odd its letters."""
    assert Glob(pattern).matches(fold(name)) is fits


@given(st.text("ab.[?*", max_size=9), st.text("ab.[?*", max_size=9))
def test_a_pattern_matches_exactly_what_its_definition_says(pattern: str, name: str) -> None:
    """The search part by part and the definition agree."""
    assert Glob(pattern).matches(fold(name)) is slow_match(pattern, name)


@given(st.text("ab.[*?", max_size=6), st.text("ab", max_size=3), st.text("ab.[", max_size=3))
def test_what_lies_inside_and_fits_was_foreseen(pattern: str, name: str, rest: str) -> None:
    """No symbol within another fits a pattern without its container being told as possible."""
    glob = Glob(pattern)
    if any(glob.matches(name + mark + rest) for mark in INSIDE_MARKS):
        assert glob.may_match_inside(name)


@pytest.mark.parametrize(
    ("pattern", "name", "may"),
    [
        ("MAIN.axis.pos", "MAIN.axis", True),
        ("MAIN.axis.pos", "MAIN.axis.pos", False),
        ("MAIN.axis.pos", "MAIN.ax", False),
        ("MAIN.a[3]", "MAIN.a", True),
        ("*.secret", "MAIN.x", True),
        ("MAIN.*", "GVL", False),
    ],
)
def test_containers_are_told_from_others(pattern: str, name: str, may: bool) -> None:
    """A name is a possible container when the pattern could go on behind it with a separator."""
    assert Glob(pattern).may_match_inside(fold(name)) is may


@given(st.text(max_size=30), st.text(max_size=60))
def test_no_text_makes_a_pattern_raise(pattern: str, name: str) -> None:
    """Any text is a pattern, and any text a name."""
    glob = Glob(pattern)
    assert isinstance(glob.matches(fold(name)), bool)
    assert isinstance(glob.may_match_inside(fold(name)), bool)


def test_a_hostile_name_costs_no_backtracking() -> None:
    """Twenty stars against ten thousand letters end at once: a backtracking matcher would never come back."""
    assert not Glob("*a" * 20 + "*b").matches("a" * 10_000)
    assert Glob("*a" * 20 + "*b").may_match_inside("a" * 10_000)
