"""Statements and places on machine code."""

from __future__ import annotations

import pytest
from plc_run import run_st

from dinrail.plc.core.options import Options


def values(
    declared: str, statements: str, *names: str, cycles: int = 1, options: Options | None = None
) -> list[object]:
    """What the variables of MAIN hold after the last cycle."""
    text = f"PROGRAM MAIN VAR {declared} END_VAR\n{statements}\nEND_PROGRAM"
    found = run_st(text, [f"MAIN.{name}" for name in names], cycles, options=options)
    return [seen[-1] for seen in found.values()]


FOR_LOOPS = [
    ("i : INT", "FOR i := 1 TO 5 DO n := n + i; END_FOR", 15, 6),
    ("i : INT", "FOR i := 5 TO 1 DO n := n + i; END_FOR", 0, 5),
    ("i : INT", "FOR i := 10 TO 0 BY -3 DO n := n + i; END_FOR", 10 + 7 + 4 + 1, -2),
    ("i : INT", "FOR i := 1 TO 10 BY 4 DO n := n + i; END_FOR", 1 + 5 + 9, 13),
    ("i : USINT", "FOR i := 250 TO 255 DO n := n + 1; END_FOR", 6, 0),
    ("i : USINT", "FOR i := 5 TO 0 BY -1 DO n := n + 1; END_FOR", 6, 255),
    ("i : USINT", "FOR i := 0 TO 255 BY 100 DO n := n + 1; END_FOR", 3, 44),
    ("i : SINT; e : SINT := 127", "FOR i := 120 TO e DO n := n + 1; END_FOR", 8, -128),
    ("i : INT; e : INT := 3", "FOR i := 1 TO e DO e := 1; n := n + 1; END_FOR", 3, 4),
    ("i : INT; e : DINT := 4; s : INT := 2", "FOR i := 0 TO e BY s DO n := n + 1; s := 1; END_FOR", 3, 6),
    ("i : INT; s : INT := -2", "FOR i := 4 TO 0 BY s DO n := n + 1; END_FOR", 3, -2),
    (
        "i : INT",
        "FOR i := 0 TO 9 DO IF i = 3 THEN CONTINUE; END_IF IF i > 5 THEN EXIT; END_IF n := n + i; END_FOR",
        12,
        6,
    ),
    ("i : UDINT; e : UDINT := 4294967295", "FOR i := 4294967290 TO e DO n := n + 1; END_FOR", 6, 0),
    ("i : LINT", "FOR i := 9223372036854775805 TO 9223372036854775807 DO n := n + 1; END_FOR", 3, -(2**63)),
]


@pytest.mark.parametrize(("declared", "loop", "total", "last"), FOR_LOOPS)
def test_for_counts_and_ends(declared: str, loop: str, total: int, last: int) -> None:
    """The end and the step are taken once; the variable is one step further behind the loop, and wraps at its limit."""
    assert values(f"{declared}; n : DINT;", loop, "n", "i") == [total, last]


def test_other_loops() -> None:
    """WHILE tests before, REPEAT behind each round; EXIT leaves the inner loop only."""
    declared = "a, b, c, d, i, k : INT;"
    statements = """
    WHILE a < 5 DO a := a + 2; END_WHILE
    WHILE FALSE DO b := 1; END_WHILE
    REPEAT c := c + 1; UNTIL c >= 1 END_REPEAT
    FOR i := 1 TO 3 DO
        k := 0;
        REPEAT k := k + 1; IF k = i THEN EXIT; END_IF d := d + 1; UNTIL k >= 10 END_REPEAT
    END_FOR
    """
    assert values(declared, statements, "a", "b", "c", "d") == [6, 0, 1, 3]


def test_case_by_value_range_and_name() -> None:
    """The branch whose label holds the value runs, ELSE where none does; negative labels, ranges, members."""
    text = """
TYPE E_S : (Idle, Busy := 5, Done); END_TYPE
FUNCTION F_Which : INT
VAR_INPUT x : INT; END_VAR
    CASE x OF
        1: F_Which := 10;
        2, 3: F_Which := 20;
        -5..-1: F_Which := 30;
        100..200, 7: F_Which := 40;
    ELSE
        F_Which := 99;
    END_CASE
END_FUNCTION
PROGRAM MAIN VAR a : ARRAY [0..6] OF INT; e : E_S := E_S.Busy; n : INT; w : UINT := 65535; END_VAR
    a[0] := F_Which(1); a[1] := F_Which(3); a[2] := F_Which(-3); a[3] := F_Which(150); a[4] := F_Which(7);
    a[5] := F_Which(0); a[6] := F_Which(-6);
    CASE e OF
        Idle: n := 1;
        Busy: n := 2; e := Done;
        E_S.Done: n := 3;
    END_CASE
    CASE w + 1 OF
        0: n := n + 10;
        65536: n := n + 20;
    END_CASE
END_PROGRAM
"""
    assert run_st(text, ["MAIN.a", "MAIN.n"], 2) == {
        "MAIN.a": [[10, 20, 30, 40, 40, 99, 99]] * 2, "MAIN.n": [22, 23],
    }  # fmt: skip


def test_assignments_in_a_chain_and_as_values() -> None:
    """`a := b := c` goes from right to left and narrows at each step; S= and R= hold."""
    declared = "a : LREAL; b : INT; c : DINT := 7; d : BOOL; s, r : BOOL := TRUE; n : INT; arr : ARRAY [0..3] OF INT;"
    statements = """
    a := b := 3;
    IF (d := c > 5) THEN n := 1; END_IF
    s S= FALSE; r R= TRUE;
    arr[n] := arr[n + 1] := 4;
    """
    assert values(declared, statements, "a", "b", "d", "n", "s", "r", "arr") == [
        3.0, 3, True, 1, True, False, [0, 4, 4, 0],
    ]  # fmt: skip


def test_bits_of_integers() -> None:
    """A bit is read, written, and named by a constant; also of a signed number and an array's element."""
    declared = (
        "w : WORD; d : DINT; a : ARRAY [0..1] OF BYTE; x, y : BOOL; i : INT := 1; END_VAR VAR CONSTANT cB : INT := 9;"
    )
    statements = "w.0 := TRUE; w.15 := TRUE; w.cB := TRUE; d.31 := TRUE; a[i].7 := w.15; x := w.9; y := w.8;"
    assert values(declared, statements, "w", "d", "a", "x", "y") == [0x8201, -(2**31), [0, 128], True, False]


def test_pointers_and_references() -> None:
    """A pointer counts in bytes and indexes in elements; a reference is what it refers to."""
    text = """
TYPE ST_P : STRUCT a : INT; b : DINT; END_STRUCT END_TYPE
PROGRAM MAIN
VAR
    arr : ARRAY [0..4] OF INT := [10, 20, 30, 40, 50]; p, q : POINTER TO INT; pp : POINTER TO POINTER TO INT;
    s : ST_P; ps : POINTER TO ST_P; r : REFERENCE TO ST_P; ri : REFERENCE TO INT; n, m, k, v : INT; d : LINT; ok : BOOL;
    pb : POINTER TO BYTE; text : STRING := 'abc'; letter : BYTE;
END_VAR
    p := ADR(arr[1]);
    n := p^ + p[2];
    p := p + 2; m := p^;
    q := ADR(arr); d := p - q;
    pp := ADR(q); k := pp^^;
    ps := ADR(s); ps^.b := 5; ps^.a := ps[0].b > 4;
    ok := __ISVALIDREF(r);
    r REF= s; r.b := r.b + 1;
    ri REF= arr[4]; ri := ri + 1; v := arr[4];
    pb := ADR(text); letter := pb[1]; text[2] := 16#7A;
END_PROGRAM
"""
    text = text.replace("ps^.a := ps[0].b > 4;", "ps^.a := TO_INT(ps[0].b);")
    watch = ["n", "m", "k", "v", "d", "s.a", "s.b", "ok", "letter", "text"]
    found = run_st(text, [f"MAIN.{name}" for name in watch])
    assert [seen[-1] for seen in found.values()] == [60, 30, 10, 51, 4, 5, 6, False, 98, "abz"]


def test_arrays_with_several_dimensions() -> None:
    """`a[i, j]`, `a[i][j]` and arrays of arrays are laid out row by row."""
    declared = (
        "a : ARRAY [1..2, -1..1] OF INT; b : ARRAY [0..1] OF ARRAY [0..2] OF INT; i : INT := 2; n : INT; j : INT;"
    )
    statements = """
    FOR j := -1 TO 1 DO a[1, j] := j; a[i][j] := 10 + j; END_FOR
    b[1][2] := a[2, 1]; b[0, 1] := a[1][-1];
    n := b[1, 2] + b[0][1];
    """
    assert values(declared, statements, "a", "n") == [[-1, 0, 1, 9, 10, 11], 10]


def test_texts_are_cut_compared_and_copied() -> None:
    """A text takes what fits; comparison is by characters; WSTRING likewise."""
    declared = "s : STRING(4); t : STRING := 'hello'; a, b, c, d : BOOL; w, v : WSTRING(3);"
    statements = """
    s := t; a := s = 'hell'; b := s < t; c := 'abc' > 'abd';
    w := "äöü€"; v := w; d := v = "äöü";
    """
    assert values(declared, statements, "s", "a", "b", "c", "d") == ["hell", True, True, False, True]


def test_jumps() -> None:
    """JMP goes to its label, forwards and back."""
    statements = "again: n := n + 1; IF n < 5 THEN JMP again; END_IF JMP done; n := 100; done: m := n;"
    assert values("n, m : INT;", statements, "m") == [5]


def test_a_fault_goes_to_the_catch_around_it() -> None:
    """__TRY: a fault in it runs __CATCH with its code, __FINALLY runs in any case."""
    declared = "a, b, c, d, zero : INT; code : DINT; p : POINTER TO INT;"
    statements = """
    __TRY a := 1; a := 10 / zero; a := 2; __CATCH(code) b := 1; __FINALLY c := c + 1; __ENDTRY
    __TRY d := 1; __CATCH d := 2; __FINALLY c := c + 10; __ENDTRY
    """
    assert values(declared, statements, "a", "b", "c", "d", "code") == [1, 1, 11, 1, 0x102]


def test_direct_addresses_share_the_process_image() -> None:
    """%M addresses of any size lie over each other."""
    declared = "a : BYTE; b : BOOL; w AT %MW10 : WORD;"
    assert values(declared, "%MW4 := 16#0102; a := %MB5; b := %MX4.1; %MB10 := 7; %MX11.0 := TRUE;", "a", "b", "w") == [
        1, True, 0x107,
    ]  # fmt: skip
