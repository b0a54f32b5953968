"""What literals are worth, and what is said of those that are none."""

from __future__ import annotations

import datetime
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.plc.parse.expression import LiteralKind as Kind
from dinrail.plc.scan.literal import LITERALS

EPOCH = datetime.datetime.combine(datetime.date(1970, 1, 1), datetime.time())
LAST = datetime.datetime.combine(datetime.date(2106, 2, 7), datetime.time())
HOUR = 3600 * 10**9
DAY = 24 * HOUR
UNITS = {"d": DAY, "h": HOUR, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@pytest.mark.parametrize(
    ("text", "kind", "value", "prefix"),
    [
        ("0", Kind.INTEGER, 0, ""),
        ("1_000_000", Kind.INTEGER, 1_000_000, ""),
        ("16#Ff", Kind.INTEGER, 255, ""),
        ("2#1010_1010", Kind.INTEGER, 0xAA, ""),
        ("8#17", Kind.INTEGER, 15, ""),
        ("18446744073709551615", Kind.INTEGER, 2**64 - 1, ""),
        ("int#-5", Kind.INTEGER, -5, "INT"),
        ("BYTE#16#FF", Kind.INTEGER, 255, "BYTE"),
        ("ULINT#2#1", Kind.INTEGER, 1, "ULINT"),
        ("LINT#-9223372036854775808", Kind.INTEGER, -(2**63), "LINT"),
        ("1.5", Kind.REAL, 1.5, ""),
        ("2E3", Kind.REAL, 2000.0, ""),
        ("1.0e-3", Kind.REAL, 0.001, ""),
        ("REAL#1", Kind.REAL, 1.0, "REAL"),
        ("LREAL#-1.5E300", Kind.REAL, -1.5e300, "LREAL"),
        ("TRUE", Kind.BOOL, True, ""),
        ("BOOL#0", Kind.BOOL, False, "BOOL"),
        ("'a$41$'$N$L$R$T$P$$'", Kind.STRING, b"aA'\n\n\r\t\f$", ""),
        ("'ü€'", Kind.STRING, b"\xfc\x80", ""),
        ("STRING#'x'", Kind.STRING, b"x", "STRING"),
        ('"a$0041$""', Kind.WSTRING, 'aA"', ""),
        ("T#1h2m3.5s", Kind.TIME, HOUR + 123_500_000_000, "TIME"),
        ("TIME#36h", Kind.TIME, 36 * HOUR, "TIME"),
        ("t#1d_2h", Kind.TIME, DAY + 2 * HOUR, "TIME"),
        ("T#49d17h2m47s295ms", Kind.TIME, (2**32 - 1) * 10**6, "TIME"),
        ("LTIME#5us7ns", Kind.LTIME, 5007, "LTIME"),
        ("D#1970-1-2", Kind.DATE, DAY, "DATE"),
        ("LDATE#1970-01-02", Kind.LDATE, DAY, "LDATE"),
        ("TOD#12:30:15.25", Kind.TIME_OF_DAY, 12 * HOUR + 30 * 60 * 10**9 + 15_250_000_000, "TIME_OF_DAY"),
        ("LTOD#0:0:0.000000001", Kind.LTIME_OF_DAY, 1, "LTIME_OF_DAY"),
        ("DT#1970-1-2-1:0", Kind.DATE_AND_TIME, DAY + HOUR, "DATE_AND_TIME"),
        ("DATE_AND_TIME#1970-1-1-0:0:1", Kind.DATE_AND_TIME, 10**9, "DATE_AND_TIME"),
        ("LDT#1970-1-1-0:0:0.5", Kind.LDATE_AND_TIME, 5 * 10**8, "LDATE_AND_TIME"),
    ],
)
def test_a_literal_is_worth_this(text: str, kind: Kind, value: object, prefix: str) -> None:
    """Kind, value and type of every form that the standard has."""
    assert tuple(LITERALS[text]) == (kind, value, prefix, "", "")


@pytest.mark.parametrize(
    ("text", "fault", "hint"),
    [
        ("INT#40000", "40000 does not fit INT (-32768 .. 32767)", ""),
        ("BYTE#-1", "-1 does not fit BYTE (0 .. 255)", ""),
        ("18446744073709551616", "18446744073709551616 does not fit any type", ""),
        ("2#12", "`2` is no digit of base 2", ""),
        ("16#1G", "`G` is no digit of base 16", ""),
        ("2#0b1", "`b` is no digit of base 2", ""),
        ("10#5", "there is no base 10", "2#, 8# and 16# are the bases besides ten"),
        ("0xFF", "`0xFF` is no number", "hexadecimal is written 16#FF"),
        ("5ms", "`5ms` is no number", "a duration is written T#5ms"),
        ("1.5s", "`1.5s` is no number", "a duration is written T#1.5s"),
        ("5abc", "`5abc` is no number", "a name does not begin with a digit"),
        ("1__0", "`1__0` is no number", "digits may be grouped by single _, as in 1_000_000"),
        ("1e999", "1e999 does not fit LREAL", ""),
        ("REAL#1E39", "1E39 does not fit REAL", ""),
        ("FOO#5", "`FOO` is no type that a literal can have", "as in INT#5, BYTE#16#FF or T#1s"),
        ("INT#", "`INT#` has no value", "it stands right behind the #, as in INT#5"),
        ("BOOL#2", "`2` is no BOOL", "TRUE or FALSE"),
        ("'a$x'", "`$x` is no escape", "$ is written $$, a code $41"),
        ('"a$41"', "`$4` is no escape", "$ is written $$, a code $0041"),
        ("'Ω'", "a STRING cannot hold the character `Ω` (U+03A9)", 'a WSTRING holds it: "..."'),
        ("T#5", "`5` is no part of a duration", "a number needs its unit: d, h, m, s, ms"),
        ("T#5s1h", "`h` comes too late in this duration", "the order is d, h, m, s, ms"),
        ("T#1.5h3s", "only the last part of a duration may have a fraction", ""),
        ("T#5us", "TIME counts milliseconds: it has no `us`", "LTIME#5us"),
        ("T#50d", "50d does not fit TIME", "its largest value is TIME#49d17h2m47s295ms"),
        ("T#-5s", "TIME is never negative", "TIME counts up from 0"),
        ("D#2026-02-30", "there is no day 2026-02-30", ""),
        ("D#1969-12-31", "1969-12-31 does not fit DATE", "it reaches from 1970-01-01 to 2106-02-07"),
        ("D#12:30", "`12:30` is no date", "as in DATE#2026-01-31"),
        ("TOD#24:00", "there is no time 24:00", "from 0:00:00 to 23:59:59.999"),
        ("DT#2026-01-31", "`2026-01-31` is no date and time", "as in DATE_AND_TIME#2026-01-31-12:30:15"),
    ],
)
def test_a_faulty_literal_is_told_with_what_to_write(text: str, fault: str, hint: str) -> None:
    """Each range and each form has its own message."""
    worth = LITERALS[text]
    assert (worth.fault, worth.hint) == (fault, hint)


def test_a_faulty_literal_keeps_its_kind() -> None:
    """What follows a faulty literal is not told that its type is wrong, too."""
    assert [LITERALS[text].kind for text in ("T#5", "'a$x'", '"$x"', "REAL#x", "0x1")] == [
        Kind.TIME,
        Kind.STRING,
        Kind.WSTRING,
        Kind.REAL,
        Kind.INTEGER,
    ]


@given(st.integers(0, 2**64 - 1), st.sampled_from([("", "d"), ("16#", "X"), ("2#", "b"), ("8#", "o")]))
def test_integers_read_back_in_every_base(value: int, base: tuple[str, str]) -> None:
    """What Python writes in a base is read as the same number."""
    assert LITERALS[f"{base[0]}{value:{base[1]}}"].value == value


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_floats_read_as_the_nearest_number(value: float) -> None:
    """Any finite number that Python writes with all its digits comes back bit by bit."""
    text = f"{value:.17e}"
    read = LITERALS[text].value
    assert isinstance(read, float)
    assert struct.pack("<d", read) == struct.pack("<d", value)


@given(st.lists(st.integers(0, 999), min_size=7, max_size=7).filter(any))
def test_durations_are_the_sum_of_their_parts(counts: list[int]) -> None:
    """Every part counts by its unit; parts that are 0 may be left out."""
    parts = [(count, unit) for count, unit in zip(counts, UNITS, strict=True) if count]
    total = sum(count * UNITS[unit] for count, unit in parts)
    assert LITERALS["LTIME#" + "".join(f"{count}{unit}" for count, unit in parts)].value == total


@given(st.datetimes(EPOCH, LAST))
def test_dates_agree_with_the_calendar(moment: datetime.datetime) -> None:
    """Seconds since 1970 are those of Python's calendar."""
    seconds = int((moment - EPOCH).total_seconds())
    assert LITERALS[f"DT#{moment:%Y-%m-%d-%H:%M:%S}"].value == seconds * 10**9


@given(st.binary(max_size=30))
def test_strings_hold_every_byte_by_its_code(data: bytes) -> None:
    """`$xx` names any byte."""
    assert LITERALS["'" + "".join(f"${byte:02x}" for byte in data) + "'"].value == data
