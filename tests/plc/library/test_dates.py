"""Dates and times of day against Python's calendar, and calculating with them."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st
from plc_calls import call, worth
from plc_run import run_st

DAY_S = 86_400
DAY_NS = DAY_S * 10**9
EPOCH = datetime.date(1970, 1, 1)
SECONDS = st.integers(0, 2**32 - 1)
LONG = st.integers(0, 2**64 - 1)


def date_of(seconds: int) -> datetime.date:
    return EPOCH + datetime.timedelta(days=seconds // DAY_S)


def clock_of(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def fraction(value: int, digits: int) -> str:
    return f".{value:0{digits}}" if value else ""


@given(SECONDS)
def test_dates_and_times_to_texts_and_back(seconds: int) -> None:
    """DATE and DT, as their literals are written."""
    day, clock = f"{date_of(seconds):%Y-%m-%d}", clock_of(seconds % DAY_S)
    assert call("DT_TO_STRING(v)", "STRING", {"v": "DT"}, v=seconds) == f"DT#{day}-{clock}"
    assert call("STRING_TO_DT(v)", "DT", {"v": "STRING"}, v=f"DT#{day}-{clock}") == seconds
    begin = seconds // DAY_S * DAY_S
    assert call("DATE_TO_STRING(v)", "STRING", {"v": "DATE"}, v=begin) == f"D#{day}"
    assert call("STRING_TO_DATE(v)", "DATE", {"v": "STRING"}, v=f"D#{day}") == begin


@given(LONG)
def test_long_dates_and_times_to_texts_and_back(value: int) -> None:
    """LDATE and LDT, to the nanosecond and up to 2554."""
    seconds = value // 10**9
    day, clock = f"{date_of(seconds):%Y-%m-%d}", clock_of(seconds % DAY_S) + fraction(value % 10**9, 9)
    assert call("LDT_TO_STRING(v)", "STRING", {"v": "LDT"}, v=value) == f"LDT#{day}-{clock}"
    assert call("STRING_TO_LDT(v)", "LDT", {"v": "STRING"}, v=f"{day}-{clock}") == value
    begin = value // DAY_NS * DAY_NS
    assert call("LDATE_TO_STRING(v)", "STRING", {"v": "LDATE"}, v=begin) == f"LDATE#{day}"
    assert call("STRING_TO_LDATE(v)", "LDATE", {"v": "STRING"}, v=f"LDATE#{day}") == begin


@given(st.integers(0, DAY_NS - 1))
def test_times_of_day_to_texts_and_back(value: int) -> None:
    """TOD in milliseconds, LTOD in nanoseconds; a fraction only where there is one."""
    long = clock_of(value // 10**9) + fraction(value % 10**9, 9)
    assert call("LTOD_TO_STRING(v)", "STRING", {"v": "LTOD"}, v=value) == f"LTOD#{long}"
    assert call("STRING_TO_LTOD(v)", "LTOD", {"v": "STRING"}, v=f"LTOD#{long}") == value
    ms = value // 10**6
    short = clock_of(ms // 1000) + fraction(ms % 1000, 3)
    assert call("TOD_TO_STRING(v)", "STRING", {"v": "TOD"}, v=ms) == f"TOD#{short}"
    assert call("STRING_TO_TOD(v)", "TOD", {"v": "STRING"}, v=f"TOD#{short}") == ms


def test_what_is_no_date_is_the_begin_of_all() -> None:
    """Texts that are none give 0."""
    texts = [
        "''",
        "'2024-13-01-00:00'",
        "'2024-01-32-00:00'",
        "'1969-12-31-00:00'",
        "'12:30'",
        "'2024-01-01'",
        "'2024-01-01-24:00'",
    ]
    assert worth("DT", *(f"STRING_TO_DT({text})" for text in texts)) == [0] * 7


@given(SECONDS, st.integers(0, DAY_S * 1000 - 1))
def test_dates_are_taken_apart_and_put_together(seconds: int, ms: int) -> None:
    """SPLIT and CONCAT turn one into the other; the day of the week counts from Sunday."""
    day = date_of(seconds)
    begin = seconds // DAY_S * DAY_S
    assert call("CONCAT_DATE_TOD(d, t)", "DT", {"d": "DATE", "t": "TOD"}, d=begin, t=ms) == (begin + ms // 1000) % 2**32
    assert call("DAY_OF_WEEK(d)", "INT", {"d": "DATE"}, d=begin) == day.isoweekday() % 7
    if day.year < 2106:
        inputs = {"y": "INT", "m": "INT", "d": "INT"}
        assert call("CONCAT_DATE(y, m, d)", "DATE", inputs, y=day.year, m=day.month, d=day.day) == begin


def test_split_gives_all_parts() -> None:
    """Of a date and time, by outputs."""
    text = """PROGRAM MAIN
VAR y, mo, d, h, mi, s, ms : INT; END_VAR
SPLIT_DT(DT#2024-02-29-12:30:15, YEAR => y, MONTH => mo, DAY => d, HOUR => h, MINUTE => mi, SECOND => s);
SPLIT_TOD(TOD#1:2:3.456, MILLISECOND => ms);
END_PROGRAM"""
    names = ["y", "mo", "d", "h", "mi", "s", "ms"]
    seen = run_st(text, [f"MAIN.{name}" for name in names])
    assert [seen[f"MAIN.{name}"][0] for name in names] == [2024, 2, 29, 12, 30, 15, 456]


def test_calculating_by_name() -> None:
    """Each of the standard's functions once; times of day stay within their day."""
    wanted = {
        "ADD_TIME(T#1S, T#2S)": "T#3s",
        "SUB_TIME(T#3S, T#2S)": "T#1s",
        "MUL_TIME(T#1S, 2.5)": "T#2s500ms",
        "DIV_TIME(T#1S, 4.0)": "T#250ms",
        "ADD_LTIME(LTIME#1S, LTIME#1NS)": "LTIME#1s1ns",
        "SUB_LTIME(LTIME#1S, LTIME#1NS)": "LTIME#999ms999us999ns",
        "ADD_TOD_TIME(TOD#23:0:0, T#2H)": "TOD#01:00:00",
        "SUB_TOD_TIME(TOD#1:0:0, T#2H)": "TOD#23:00:00",
        "SUB_TOD_TOD(TOD#2:0:0, TOD#1:0:0)": "T#1h",
        "ADD_DT_TIME(DT#2024-02-28-23:59:59, T#1500MS)": "DT#2024-02-29-00:00:00",
        "SUB_DT_TIME(DT#2024-03-01-0:0:0, T#1S)": "DT#2024-02-29-23:59:59",
        "SUB_DT_DT(DT#2024-03-01-0:0:0, DT#2024-02-29-0:0:0)": "T#1d",
        "SUB_DATE_DATE(D#2024-03-01, D#2024-02-28)": "T#2d",
        "ADD_LDT_LTIME(LDT#2024-02-29-0:0:0, LTIME#1NS)": "LDT#2024-02-29-00:00:00.000000001",
        "SUB_LDT_LDT(LDT#2024-02-29-0:0:1, LDT#2024-02-29-0:0:0)": "LTIME#1s",
        "CONCAT_DT(2024, 2, 29, 12, 30, 15, 0)": "DT#2024-02-29-12:30:15",
        "CONCAT_TOD(1, 2, 3, 4)": "TOD#01:02:03.004",
    }
    assert dict(zip(wanted, worth("STRING", *(f"TO_STRING({each})" for each in wanted)), strict=True)) == wanted
