"""The standard's string functions against Python's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plc_calls import call, worth

MOST = 255
NARROW = st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=300)
WIDE = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
KINDS = pytest.mark.parametrize(("w", "kind"), [("", "STRING(255)"), ("W", "WSTRING(255)")])
NUMBERS = st.integers(-3, 300) | st.sampled_from([-(2**15), 2**15 - 1])


def texts(w: str) -> st.SearchStrategy[str]:
    return WIDE if w else NARROW


EXAMPLES = {
    "LEFT('hello', 3)": "hel",
    "RIGHT('hello', 3)": "llo",
    "MID('hello', 2, 2)": "el",
    "CONCAT('ab', 'cd')": "abcd",
    "INSERT('abcd', 'XY', 2)": "abXYcd",
    "DELETE('abcd', 2, 2)": "ad",
    "REPLACE('abcd', 'XY', 2, 3)": "abXY",
    "MID(STR := 'hello', LEN := 1, POS := 5)": "o",
    "REPLACE(STR1 := 'abc', STR2 := '', L := 1, P := 2)": "ac",
}


def test_the_standard_s_own_examples() -> None:
    """Positions count from 1; inputs have Tc2_Standard's names."""
    assert dict(zip(EXAMPLES, worth("STRING(255)", *EXAMPLES), strict=True)) == EXAMPLES


@KINDS
@given(data=st.data())
def test_lengths_and_places(w: str, kind: str, data: st.DataObject) -> None:
    """LEN counts, FIND gives the first place from 1, or 0."""
    a, b = data.draw(texts(w)), data.draw(texts(w).map(lambda text: text[:3]))
    a = a if not b or data.draw(st.booleans()) else (a[:200] + b + a[200:])
    a = a[:MOST]
    assert call(f"{w}LEN(a)", "INT", {"a": kind}, a=a) == len(a)
    wanted = a.find(b) + 1 if b else 0
    assert call(f"{w}FIND(a, b)", "INT", {"a": kind, "b": kind}, a=a, b=b) == wanted


@pytest.mark.control
@KINDS
@given(data=st.data())
def test_parts_of_a_text(w: str, kind: str, data: st.DataObject) -> None:
    """LEFT, RIGHT and MID with numbers in and out of the text."""
    a, n, p = data.draw(texts(w))[:MOST], data.draw(NUMBERS), data.draw(NUMBERS)
    count = max(n, 0)
    one = {"a": kind, "n": "INT"}
    assert call(f"{w}LEFT(a, n)", kind, one, a=a, n=n) == a[:count]
    assert call(f"{w}RIGHT(a, n)", kind, one, a=a, n=n) == (a[-count:] if count else "")
    wanted = a[p - 1 : p - 1 + count] if p >= 1 else ""
    assert call(f"{w}MID(a, n, p)", kind, one | {"p": "INT"}, a=a, n=n, p=p) == wanted


@pytest.mark.control
@KINDS
@given(data=st.data())
def test_texts_put_together(w: str, kind: str, data: st.DataObject) -> None:
    """CONCAT, INSERT, DELETE and REPLACE, cut at 255."""
    a, b = data.draw(texts(w))[:MOST], data.draw(texts(w))[:MOST]
    n, p = data.draw(NUMBERS), data.draw(NUMBERS)
    two = {"a": kind, "b": kind}
    assert call(f"{w}CONCAT(a, b)", kind, two, a=a, b=b) == (a + b)[:MOST]
    inserted = ((a[:p] + b)[:MOST] + a[p:])[:MOST] if p >= 0 else a
    assert call(f"{w}INSERT(a, b, p)", kind, two | {"p": "INT"}, a=a, b=b, p=p) == inserted
    deleted = a[: p - 1] + a[p - 1 + n :] if n > 0 and p >= 1 else a
    assert call(f"{w}DELETE(a, n, p)", kind, {"a": kind, "n": "INT", "p": "INT"}, a=a, n=n, p=p) == deleted
    replaced = ((a[: p - 1] + b)[:MOST] + a[p - 1 + n :])[:MOST] if n >= 0 and p >= 1 else a
    inputs = two | {"n": "INT", "p": "INT"}
    assert call(f"{w}REPLACE(a, b, n, p)", kind, inputs, a=a, b=b, n=n, p=p) == replaced
