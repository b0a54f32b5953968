"""Conversions between texts and everything else, against Python's own."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plc_calls import call, worth

SIZES = (("S", 8), ("", 16), ("D", 32), ("L", 64))
INTEGERS = {f"{size}INT": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for size, bits in SIZES}
UNSIGNED = {f"U{size}INT": (0, 2**bits - 1) for size, bits in SIZES}
BITS = {name: (0, 2**bits - 1) for name, bits in (("BYTE", 8), ("WORD", 16), ("DWORD", 32), ("LWORD", 64))}
RANGES = INTEGERS | UNSIGNED | BITS
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32)
UNITS = {"d": 86_400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def digits_of(text: str) -> str:
    """The digits of a decimal that matter."""
    return text.lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")


@pytest.mark.parametrize("kind", RANGES)
@given(data=st.data())
def test_integers_write_and_read_as_decimals(kind: str, data: st.DataObject) -> None:
    """Every value of every type, its ends among them."""
    low, high = RANGES[kind]
    value = data.draw(st.integers(low, high) | st.sampled_from([low, high, 0]))
    assert call(f"{kind}_TO_STRING(v)", "STRING", {"v": kind}, v=value) == str(value)
    assert call(f"STRING_TO_{kind}(v)", kind, {"v": "STRING"}, v=str(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("  -12 apples", -12),
        ("+7", 7),
        ("16#7F", 127),
        ("-16#10", -16),
        ("2#1010", 10),
        ("8#17", 15),
        ("1_000", 1000),
        ("", 0),
        ("x1", 0),
        ("40000", 40000 - 65536),
    ],
)
def test_a_text_s_number_is_what_it_begins_with(text: str, value: int) -> None:
    """A sign, a base; what follows is ignored; what does not fit wraps."""
    assert call("STRING_TO_INT(v)", "INT", {"v": "STRING"}, v=text) == value


def test_booleans() -> None:
    """As their literals are written."""
    assert worth("STRING", "BOOL_TO_STRING(TRUE)", "TO_STRING(FALSE)") == ["TRUE", "FALSE"]
    texts = ["'TRUE'", "'true'", "'1'", "'FALSE'", "'0'", "''", "'yes'"]
    wanted = [True, True, True, False, False, False, False]
    assert worth("BOOL", *(f"STRING_TO_BOOL({text})" for text in texts)) == wanted


@given(DOUBLES)
@example(5e-324)
@example(2.2250738585072014e-308)
@example(1.7976931348623157e308)
@example(9007199254740993.0)
@example(2.0**1000)
@example(1e23)
@example(0.1)
def test_lreal_writes_the_shortest_text_that_reads_back(value: float) -> None:
    """The same digits as Python's repr, which is the shortest, and the same number."""
    text = str(call("LREAL_TO_STRING(v)", "STRING", {"v": "LREAL"}, v=value))
    assert float(text) == value
    assert digits_of(text) == digits_of(repr(value))


@given(SINGLES)
@example(1.401298464324817e-45)
@example(3.4028234663852886e38)
@example(16777216.0)
def test_real_writes_the_shortest_text_that_reads_back(value: float) -> None:
    """No text with a digit less gives the same REAL; this one does."""
    text = str(call("REAL_TO_STRING(v)", "STRING", {"v": "REAL"}, v=value))
    assert struct.pack("<f", float(text)) == struct.pack("<f", value) or value == 0
    count = len(digits_of(text))
    if count > 1:
        assert struct.pack("<f", float(f"{value:.{count - 2}e}")) != struct.pack("<f", value)


FORMS = {
    "REAL_TO_STRING(1.0)": "1.0",
    "REAL_TO_STRING(-1.5)": "-1.5",
    "REAL_TO_STRING(0.1)": "0.1",
    "REAL_TO_STRING(1E10)": "1e+10",
    "REAL_TO_STRING(1.25E-7)": "1.25e-07",
    "LREAL_TO_STRING(123456789.125)": "123456789.125",
    "LREAL_TO_STRING(0.00001)": "0.00001",
    "LREAL_TO_STRING(0.000001)": "1e-06",
    "LREAL_TO_STRING(1E14)": "100000000000000.0",
    "LREAL_TO_STRING(1E15)": "1e+15",
    "LREAL_TO_STRING(1E-300)": "1e-300",
    "LREAL_TO_STRING(0.0)": "0.0",
    "TO_STRING(LREAL#2.5)": "2.5",
    "LREAL_TO_STRING(STRING_TO_LREAL('1e999'))": "#INF",
    "LREAL_TO_STRING(-STRING_TO_LREAL('1e999'))": "-#INF",
}


def test_the_form_of_a_float_s_text() -> None:
    """A point always; an exponent where the point would stand far off."""
    assert dict(zip(FORMS, worth("STRING", *FORMS), strict=True)) == FORMS


DIGITS = st.text("0123456789", max_size=40)


@given(DIGITS, DIGITS, st.integers(-400, 400), st.sampled_from(["", "-", "+"]))
@example("2", "2250738585072011", -308, "")
@example("9007199254740993", "", 0, "")
@example("17976931348623158079372897", "", 283, "")
@example("17976931348623158079372898", "", 283, "")
def test_texts_read_as_the_nearest_lreal(whole: str, fraction: str, exponent: int, sign: str) -> None:
    """Correctly rounded for any count of digits; beyond the range infinite or 0."""
    text = f"{sign}{whole}.{fraction}e{exponent}"[:255]
    wanted = float(text) if whole or fraction else 0.0
    read = call("STRING_TO_LREAL(v)", "LREAL", {"v": "STRING(255)"}, v=text)
    assert read == wanted
    if wanted:
        assert math.copysign(1, float(str(read))) == math.copysign(1, wanted)


@given(SINGLES)
def test_reals_read_back(value: float) -> None:
    """From all of their digits, without a step over LREAL that would round twice."""
    read = call("STRING_TO_REAL(v)", "REAL", {"v": "STRING"}, v=f"{value:.20e}")
    assert struct.pack("<f", float(str(read))) == struct.pack("<f", value) or value == 0


def test_a_real_is_rounded_once() -> None:
    """A text right above the middle of two REALs, by less than LREAL can tell."""
    assert call("STRING_TO_REAL(v)", "REAL", {"v": "STRING"}, v="1.00000005960464477539062500001") == 1.0 + 2**-23


def span(value_ns: int) -> str:
    text = ""
    for unit, size in UNITS.items():
        count, value_ns = divmod(value_ns, size)
        text += f"{count}{unit}" if count else ""
    return text or "0ms"


@given(st.integers(0, 2**32 - 1))
def test_time(value: int) -> None:
    """As a literal without parts that are 0, and back."""
    text = f"T#{span(value * 10**6)}"
    assert call("TIME_TO_STRING(v)", "STRING", {"v": "TIME"}, v=value) == text
    assert call("STRING_TO_TIME(v)", "TIME", {"v": "STRING"}, v=text) == value


@given(st.integers(0, 2**64 - 1))
def test_ltime(value: int) -> None:
    """To the nanosecond."""
    text = f"LTIME#{span(value)}"
    assert call("LTIME_TO_STRING(v)", "STRING", {"v": "LTIME"}, v=value) == text
    assert call("STRING_TO_LTIME(v)", "LTIME", {"v": "STRING"}, v=text) == value


@pytest.mark.parametrize(
    ("text", "value_ms"),
    [("1.5s", 1500), ("t#1H2M", 3_720_000), ("TIME#0.25m", 15_000), ("T#", 0), ("T#5", 0), ("five", 0), ("T#1s5", 0)],
)
def test_a_duration_s_text_may_lack_its_prefix(text: str, value_ms: int) -> None:
    """In any case; what is none is 0."""
    assert call("STRING_TO_TIME(v)", "TIME", {"v": "STRING"}, v=text) == value_ms
