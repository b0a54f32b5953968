"""Functions that the language has, and arithmetic with times and dates, on machine code."""

from __future__ import annotations

import datetime as dt

import pytest
from plc_run import run_st
from plc_wrong import accepted

from dinrail.plc.core.expression import Constant
from dinrail.plc.core.options import Options
from dinrail.plc.core.statement import Assign


def values(declared: str, statements: str, *names: str, options: Options | None = None) -> list[object]:
    """What the variables of MAIN hold after one cycle."""
    text = f"PROGRAM MAIN VAR {declared} END_VAR\n{statements}\nEND_PROGRAM"
    return [seen[-1] for seen in run_st(text, [f"MAIN.{name}" for name in names], options=options).values()]


EXPRESSIONS: list[tuple[str, str, object]] = [
    ("INT", "SEL(TRUE, 1, i)", 5),
    ("INT", "SEL(G := FALSE, IN0 := 1, IN1 := i)", 1),
    ("STRING", "SEL(i = 5, 'no', 'yes!')", "yes!"),
    ("INT", "MUX(2, 10, 20, 30)", 30),
    ("INT", "MUX(i, 10, 20, 30)", 30),
    ("STRING", "MUX(i - 5, 'zero', s, 'two')", "zero"),
    ("INT", "MIN(i, 3, n)", -7),
    ("INT", "MAX(i, 3, n)", 5),
    ("REAL", "MAX(r, i)", 5.0),
    ("INT", "LIMIT(0, n, 100)", 0),
    ("INT", "LIMIT(0, 500, 100)", 100),
    ("INT", "LIMIT(MN := 0, IN := i, MX := 100)", 5),
    ("TIME", "LIMIT(T#1s, t, T#2s)", 1500),
    ("INT", "ABS(n)", 7),
    ("INT", "ABS(-3)", 3),
    ("LREAL", "ABS(-2.5)", 2.5),
    ("INT", "ADD(i, 1, n)", -1),
    ("INT", "SUB(i, 1)", 4),
    ("INT", "MUL(i, 2, 3)", 30),
    ("INT", "DIV(MOD(17, 10), 2)", 3),
    ("BOOL", "AND(b, TRUE, i > 3)", True),
    ("WORD", "OR(w, 16#1, 16#2)", 0xF0F3),
    ("WORD", "XOR(w, 16#FFFF)", 0x0F0F),
    ("WORD", "NOT(w)", 0x0F0F),
    ("BOOL", "GT(10, i, n)", True),
    ("BOOL", "LE(1, 2, 2, 1)", False),
    ("BOOL", "EQ(i, 5)", True),
    ("LREAL", "EXPT(2, 10)", 1024.0),
    ("LREAL", "SQRT(i + 4)", 3.0),
    ("INT", "MOVE(i)", 5),
    ("DINT", "TRUNC(-2.7)", -2),
    ("DINT", "TRUNC(r)", 2),
    ("INT", "REAL_TO_INT(r)", 2),
    ("INT", "REAL_TO_INT(3.5)", 4),
    ("WORD", "SHL(w, 4)", 0x0F00),
    ("WORD", "SHR(w, i)", 0x0787),
    ("WORD", "ROL(w, 20)", 0x0F0F),
    ("INT", "SHR(n, 1)", 0x7FFC),
    ("BYTE", "SHL(BYTE#16#81, big)", 0),
    ("WORD", "SHL(1, i)", 32),
    ("UDINT", "SIZEOF(a)", 12),
    ("UDINT", "SIZEOF(s) + SIZEOF(LREAL) + SIZEOF('abc')", 81 + 8 + 4),
    ("DINT", "UPPER_BOUND(a, 1) * 10 + LOWER_BOUND(a, 1)", 40 - 7),
    ("BOOL", "TO_BOOL(i)", True),
    ("SINT", "TO_SINT(300)", 44),
    ("DINT", "TIME_TO_DINT(t)", 1500),
    ("TIME", "DINT_TO_TIME(20)", 20),
    ("LTIME", "TO_LTIME(t)", 1_500_000_000),
    ("TIME", "LTIME_TO_TIME(LTIME#2s3ms)", 2003),
    ("LREAL", "TIME_TO_LREAL(t)", 1500.0),
    ("DINT", "BOOL_TO_DINT(b)", 1),
    ("REAL", "WORD_TO_REAL(w)", 61680.0),
    ("UINT", "ANY_TO_UINT(w)", 61680),
    ("STRING", "__POUNAME()", "MAIN"),
]
DECLARED = """
    i : INT := 5; n : INT := -7; r : REAL := 2.5; b : BOOL := TRUE; w : WORD := 16#F0F0; t : TIME := T#1.5s;
    s : STRING := 'one'; a : ARRAY [-7..4] OF BYTE; big : DINT := 256;
"""


@pytest.mark.parametrize("wide", [True, False], ids=["wide", "iec"])
def test_a_function_of_the_language_gives_what_the_standard_says(wide: bool) -> None:
    """Each expression, in both dialects (literals may come in any place)."""
    results = "".join(f"x{number} : {kind}; " for number, (kind, _, _) in enumerate(EXPRESSIONS))
    statements = "\n".join(f"x{number} := {text};" for number, (_, text, _) in enumerate(EXPRESSIONS))
    names = [f"x{number}" for number in range(len(EXPRESSIONS))]
    found = values(DECLARED + results, statements, *names, options=Options(wide_intermediates=wide))
    wrong = [
        f"{text}: {seen!r}, not {value!r}"
        for (_, text, value), seen in zip(EXPRESSIONS, found, strict=True)
        if seen != value
    ]
    assert wrong == []


def seconds(*moment: int) -> int:
    """Of a moment since 1970."""
    return int(dt.datetime(*moment, tzinfo=dt.UTC).timestamp())


TIMES: list[tuple[str, str, int]] = [
    ("TIME", "T#1s + t", 2500),
    ("TIME", "t - T#1s500ms", 0),
    ("TIME", "T#1ms - T#2ms", 2**32 - 1),
    ("TIME", "t * 2", 3000),
    ("TIME", "2 * t / 3", 1000),
    ("TIME", "t * 1.5", 2250),
    ("TIME", "t MOD T#1s", 500),
    ("LTIME", "t + LTIME#1ns", 1_500_000_001),
    ("TIME", "d2 - d1", 86_400_000),
    ("TIME", "dt2 - dt1", 3_661_000),
    ("DATE_AND_TIME", "dt1 + T#1h", seconds(2024, 2, 29, 1)),
    ("DATE_AND_TIME", "dt2 - T#1h1m1s", seconds(2024, 2, 29)),
    ("TIME_OF_DAY", "o + T#30m", 12 * 3_600_000 + 1_800_000),
    ("TIME", "o - TOD#10:00:00", 7_200_000),
    ("DATE", "d1 + T#1d", seconds(2024, 3, 1)),
    ("LDATE_AND_TIME", "l + LTIME#5ns", seconds(2024, 2, 29) * 10**9 + 5),
    ("LTIME", "l - LDT#2024-02-28-23:59:59", 10**9),
    ("LDATE_AND_TIME", "dt1", seconds(2024, 2, 29) * 10**9),
    ("DATE", "DT_TO_DATE(dt2)", seconds(2024, 2, 29)),
    ("TIME_OF_DAY", "DT_TO_TOD(dt2)", 3_661_000),
    ("BOOL", "t < LTIME#2s", 1),
    ("BOOL", "dt1 >= dt2", 0),
]


def test_times_and_dates_are_calculated_in_their_units() -> None:
    """Durations add, scale and compare; moments move by durations, and differ by one. 32-bit ones wrap."""
    declared = """
    t : TIME := T#1.5s; d1 : DATE := D#2024-02-29; d2 : DATE := D#2024-03-01; dt1 : DT := DT#2024-02-29-00:00:00;
    dt2 : DT := DT#2024-02-29-01:01:01; o : TOD := TOD#12:00:00; l : LDT := LDT#2024-02-29-00:00:00;
    """
    results = "".join(f"x{number} : {kind}; " for number, (kind, _, _) in enumerate(TIMES))
    statements = "\n".join(f"x{number} := {text};" for number, (_, text, _) in enumerate(TIMES))
    found = values(declared + results, statements, *(f"x{number}" for number in range(len(TIMES))))
    assert [f"{text} = {int(seen)}" for (_, text, _), seen in zip(TIMES, found, strict=True)] == [  # type: ignore[call-overload]
        f"{text} = {value}" for _, text, value in TIMES
    ]


FOLDED = [
    ("INT", "(3 + 4) * 2 MOD 5", 4),
    ("INT", "cBase * 2 + 1", 201),
    ("BOOL", "cBase > 50 AND NOT FALSE", True),
    ("WORD", "16#FF00 AND NOT 16#F000", 0x0F00),
    ("LREAL", "SQRT(2.25) + 1", 2.5),
    ("TIME", "T#1s * 3 - T#500ms", 2500),
    ("DINT", "SIZEOF(LREAL) * 4", 32),
    ("INT", "LIMIT(0, cBase, 50)", 50),
    ("INT", "SEL(cBase = 100, 1, 2)", 2),
    ("UINT", "TO_UINT(E_S.Busy) + 1", 6),
    ("REAL", "1 / 2.0", 0.5),
    ("DINT", "REAL_TO_DINT(2.5) + TRUNC(-2.9)", 0),
    ("BYTE", "SHL(BYTE#1, 3) OR ROR(BYTE#1, 1)", 0x88),
]


@pytest.mark.parametrize(("kind", "text", "value"), FOLDED)
def test_what_is_constant_is_calculated_now(kind: str, text: str, value: object) -> None:
    """An expression of constants is one constant, and may be one where the language wants one."""
    program = accepted(f"""
TYPE E_S : (Idle, Busy := 5); END_TYPE
PROGRAM MAIN
VAR x : {kind}; END_VAR
VAR CONSTANT cBase : INT := 100; cIt : {kind} := {text}; END_VAR
    x := {text};
    x := cIt;
END_PROGRAM
""")
    body = program.entry["MAIN"].body
    stored = [node.value.value for node in body if isinstance(node, Assign) and isinstance(node.value, Constant)]
    assert stored == [value, value]
