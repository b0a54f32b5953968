"""Every kind of literal, as a value and typed: what it is worth. Source: IEC 61131-3:2013, 6.3 (tables 5 to 9)."""

from __future__ import annotations

import datetime as dt

from plc_run import run_st


def check(rows: list[tuple[str, str, object]]) -> None:
    """(type, literal, value): as an initial value, and assigned."""
    declared = "".join(f"a{n} : {kind} := {text}; b{n} : {kind};\n" for n, (kind, text, _) in enumerate(rows))
    statements = "".join(f"b{n} := {text};\n" for n, (_, text, _) in enumerate(rows))
    names = [f"MAIN.{letter}{n}" for n in range(len(rows)) for letter in "ab"]
    found = run_st(f"PROGRAM MAIN VAR\n{declared}END_VAR\n{statements}END_PROGRAM", names)
    seen = [(text, found[f"MAIN.a{n}"][0], found[f"MAIN.b{n}"][0]) for n, (_, text, _) in enumerate(rows)]
    assert seen == [(text, value, value) for _, text, value in rows]


def test_integers_in_every_base() -> None:
    """Decimal, 2#, 8#, 16#, with underscores, signed, and with their type before them."""
    check([
        ("DINT", "1_000_000", 1_000_000),
        ("WORD", "16#FF_FF", 0xFFFF),
        ("BYTE", "16#a", 10),
        ("BYTE", "2#1010_1010", 0xAA),
        ("INT", "8#777", 511),
        ("SINT", "-128", -128),
        ("LINT", "-9223372036854775808", -(2**63)),
        ("ULINT", "18446744073709551615", 2**64 - 1),
        ("UDINT", "UDINT#16#FFFF_FFFF", 2**32 - 1),
        ("LWORD", "LWORD#16#FFFFFFFFFFFFFFFF", 2**64 - 1),
        ("BYTE", "BYTE#2#11", 3),
        ("INT", "INT#-5", -5),
        ("DINT", "INT#10", 10),
        ("REAL", "INT#7", 7.0),
        ("WORD", "WORD#8#17", 15),
    ])  # fmt: skip


def test_bools_and_floats() -> None:
    """TRUE, 1, BOOL#1; with and without exponent; a whole number where a REAL is wanted."""
    check([
        ("BOOL", "TRUE", True),
        ("BOOL", "1", True),
        ("BOOL", "BOOL#1", True),
        ("BOOL", "BOOL#FALSE", False),
        ("REAL", "1.5E3", 1500.0),
        ("LREAL", "1e-3", 0.001),
        ("LREAL", "-1.0e+2", -100.0),
        ("LREAL", "3.14_15", 3.1415),
        ("LREAL", "1_000.5", 1000.5),
        ("REAL", "REAL#2", 2.0),
        ("LREAL", "LREAL#1.5", 1.5),
        ("REAL", "5", 5.0),
    ])  # fmt: skip


def since_1970(*moment: int) -> int:
    return int(dt.datetime(*moment, tzinfo=dt.UTC).timestamp())


def test_durations() -> None:
    """TIME counts milliseconds, LTIME nanoseconds; the first part may be large, the last may have a point."""
    check([
        ("TIME", "T#1h2m3.5s", 3_723_500),
        ("TIME", "t#12h34m15s", 45_255_000),
        ("TIME", "TIME#1d", 86_400_000),
        ("TIME", "T#100s", 100_000),
        ("TIME", "T#1_000ms", 1000),
        ("TIME", "T#1.5d", 129_600_000),
        ("TIME", "T#0s", 0),
        ("TIME", "T#49d17h2m47s295ms", 2**32 - 1),
        ("LTIME", "LTIME#1s2ms3us4ns", 1_002_003_004),
        ("LTIME", "LT#1us", 1000),
        ("LTIME", "T#1s", 10**9),
    ])  # fmt: skip


def test_dates() -> None:
    """Seconds since 1970 in the short types, nanoseconds in the long ones; every spelling of their names."""
    check([
        ("DATE", "D#1996-05-06", since_1970(1996, 5, 6)),
        ("DATE", "DATE#2024-2-29", since_1970(2024, 2, 29)),
        ("TOD", "TOD#15:36:30.123", 56_190_123),
        ("TIME_OF_DAY", "TIME_OF_DAY#0:0:1", 1000),
        ("DT", "DT#1996-5-6-15:36:30", since_1970(1996, 5, 6, 15, 36, 30)),
        ("DATE_AND_TIME", "DATE_AND_TIME#1970-01-01-00:00:01", 1),
        ("DT", "DT#2106-02-07-06:28:15", 2**32 - 1),
        ("LDATE", "LDATE#1970-01-02", 86_400 * 10**9),
        ("LTOD", "LTOD#0:0:0.000000001", 1),
        ("LTIME_OF_DAY", "LTIME_OF_DAY#1:0:0", 3600 * 10**9),
        ("LDT", "LDT#1970-01-01-00:00:00.5", 500_000_000),
        ("LDATE_AND_TIME", "LDATE_AND_TIME#1970-01-01-0:0:0.25", 250_000_000),
    ])  # fmt: skip


def test_texts() -> None:
    """$-escapes by letter and by code, in STRING and WSTRING; typed; UTF8# gives the bytes of UTF-8."""
    text = """
    PROGRAM MAIN
    VAR
        a : STRING := 'x$$y$'z$L$R$T$41';
        b : WSTRING := "a$"b$0041$$";
        c : STRING := STRING#'abc';
        d : WSTRING := WSTRING#"def";
        e : STRING(3) := '';
        f : STRING[5] := 'hello';
        u : STRING := UTF8#'ä€$21';
        n, m : INT;
        p : POINTER TO BYTE;
        first : ARRAY [0..5] OF BYTE;
        one : STRING := '€';
    END_VAR
        n := LEN(u);
        p := ADR(u);
        FOR m := 0 TO 5 DO first[m] := p[m]; END_FOR
        p := ADR(one);
        m := p[0];
    END_PROGRAM
    """
    found = run_st(text, [f"MAIN.{name}" for name in ("a", "b", "c", "d", "e", "f", "n", "first", "m")])
    assert [seen[0] for seen in found.values()] == [
        "x$y'z\n\r\tA", 'a"bA$', "abc", "def", "", "hello", 6, list("ä€!".encode()), 0x80,
    ]  # fmt: skip


def test_members_of_enumerations() -> None:
    """By their bare name, behind the type and a point, behind the type and #."""
    text = """
    TYPE E_Colour : (Red := 1, Green, Blue := 10) BYTE := Green; END_TYPE
    PROGRAM MAIN
    VAR a : E_Colour; b : E_Colour := Blue; c : E_Colour := E_Colour.Red; d : E_Colour := E_Colour#Blue;
        e : (One, Two := 5, Three) := Three; n : UDINT; END_VAR
        n := SIZEOF(E_Colour);
    END_PROGRAM
    """
    found = run_st(text, [f"MAIN.{name}" for name in "abcden"])
    assert [seen[0] for seen in found.values()] == [2, 10, 1, 10, 6, 1]
