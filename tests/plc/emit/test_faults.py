"""What ends a task: each check of the code, where it says it was, and what __TRY makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plc_run import fault_of_st, run_st, session_of

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault
from dinrail.plc.source import Place, line_of, source_index_of

DECLARED = """PROGRAM MAIN
VAR
    x : INT; y : INT; a : ARRAY [1..3] OF INT; b : ARRAY [0..1, 5..6] OF INT; p : POINTER TO INT; f : REAL; g : REAL;
    i : I_Door; s : STRING(4); n : LINT;
END_VAR
"""
OTHERS = """
INTERFACE I_Door
METHOD Open
END_METHOD
END_INTERFACE
FUNCTION_BLOCK FB_Door IMPLEMENTS I_Door
VAR_IN_OUT v : INT; END_VAR
METHOD Open
END_METHOD
v := 1;
END_FUNCTION_BLOCK
"""


@pytest.mark.parametrize(
    ("statement", "code", "values"),
    [
        ("y := y / x;", Fault.DIVIDE, (0, 0, 0)),
        ("y := y MOD x;", Fault.DIVIDE, (0, 0, 0)),
        ("g := f / f;", Fault.FLOAT_DIVIDE, (0, 0, 0)),
        ("y := 4; a[y] := 1;", Fault.BOUNDS, (4, 1, 3)),
        ("y := 0; x := a[y];", Fault.BOUNDS, (0, 1, 3)),
        ("y := -7; x := b[1, y];", Fault.BOUNDS, (-7, 5, 6)),
        ("y := 2; x := b[y, 6];", Fault.BOUNDS, (2, 0, 1)),
        ("p^ := 1;", Fault.NULL, (0, 0, 0)),
        ("x := p^;", Fault.NULL, (0, 0, 0)),
        ("p[3] := 1;", Fault.NULL, (0, 0, 0)),
        ("i.Open();", Fault.NULL, (0, 0, 0)),
        ("WHILE TRUE DO x := x + 1; END_WHILE", Fault.RUNAWAY, (0, 0, 0)),
        ("REPEAT x := 1; UNTIL FALSE END_REPEAT", Fault.RUNAWAY, (0, 0, 0)),
        ("again: x := x + 1; JMP again;", Fault.RUNAWAY, (0, 0, 0)),
    ],
)
def test_each_check_faults_with_its_number_its_line_and_what_was_wrong(
    statement: str, code: Fault, values: tuple[int, int, int]
) -> None:
    """A statement that the checks refuse ends the cycle with the documented fault, at its own line."""
    text = f"{DECLARED}x := 0;\n{statement}\ny := 77;\nEND_PROGRAM\n{OTHERS}"
    fault = fault_of_st(text, limit_s=0.2)
    assert fault.code == code
    assert fault.values == values
    assert source_index_of(Place(fault.place)) == 1
    assert text.splitlines()[line_of(Place(fault.place)) - 1] == statement


@pytest.mark.parametrize(
    ("statement", "expected"),
    [("x := 5; y := x / z;", 0), ("x := 5; y := x MOD z;", 0), ("y := -32768; z := -1; y := y / z;", -32768)],
)
def test_division_without_checks_gives_zero_and_wraps(statement: str, expected: int) -> None:
    """Without the check a division by zero gives 0; the smallest number by -1 wraps in any case."""
    options = replace(Options(), check_divide=False, wide_intermediates=False)
    text = f"PROGRAM MAIN\nVAR x : INT; y : INT; z : INT; END_VAR\n{statement}\nEND_PROGRAM"
    assert run_st(text, ["MAIN.y"], options=options) == {"MAIN.y": [expected]}


def test_a_float_division_without_checks_is_ieee_754() -> None:
    """Without the check a float divided by zero is infinite."""
    text = "PROGRAM MAIN\nVAR f : LREAL; g : LREAL := -1.0; END_VAR\ng := g / f;\nEND_PROGRAM"
    assert run_st(text, ["MAIN.g"], options=replace(Options(), check_float_divide=False)) == {"MAIN.g": [-float("inf")]}


def test_an_in_out_that_was_never_bound_is_a_null_fault() -> None:
    """A body that reads a VAR_IN_OUT before any call has bound it faults instead of reading address 0."""
    text = """
    FUNCTION_BLOCK FB_User
    VAR_IN_OUT v : INT; END_VAR
    METHOD Peek : INT
    Peek := v;
    END_METHOD
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR fb : FB_User; x : INT; END_VAR
    x := fb.Peek();
    END_PROGRAM
    """
    assert fault_of_st(text).code == Fault.NULL


def test_a_cycle_after_a_fault_starts_afresh() -> None:
    """After a fault the task can run again: the next cycle is a whole one."""
    session = session_of("""
    PROGRAM MAIN
    VAR n : INT; z : INT; d : INT := 1; END_VAR
    n := n + 1;
    z := 1 / d;
    n := n + 100;
    END_PROGRAM
    """)
    session.write("MAIN.d", 0)
    first = session.cycle()
    assert first is not None
    assert first.code == Fault.DIVIDE
    session.write("MAIN.d", 1)
    assert session.cycle() is None
    assert session.read("MAIN.n") == 102


TRY = """PROGRAM MAIN
VAR x : INT; y : INT; c : DINT; n : INT; z : INT; END_VAR
VAR_TEMP t : INT; END_VAR
__TRY
    t := 5;
    y := t;
    y := y / x;
    y := 6;
__CATCH(c)
    n := n + 1;
    z := t;
__FINALLY
    n := n + 10;
__ENDTRY
END_PROGRAM"""


def test_a_catch_gets_the_number_and_all_that_was_done_before_the_fault() -> None:
    """__TRY keeps what was assigned before the fault, in statics and locals; CATCH and FINALLY run once each."""
    assert run_st(TRY, ["MAIN.y", "MAIN.c", "MAIN.n", "MAIN.z"], 2) == {
        "MAIN.y": [5, 5],
        "MAIN.c": [Fault.DIVIDE, Fault.DIVIDE],
        "MAIN.n": [11, 22],
        "MAIN.z": [5, 5],
    }


def test_a_try_without_a_fault_skips_its_catch() -> None:
    """FINALLY runs, CATCH does not."""
    watched = run_st(TRY, ["MAIN.y", "MAIN.n"], inputs={"MAIN.x": [1]})
    assert watched == {"MAIN.y": [6], "MAIN.n": [10]}


def test_a_fault_deep_inside_calls_is_caught_by_the_innermost_try() -> None:
    """A fault leaves every call between it and the __TRY; locals of the function with the __TRY keep their values."""
    text = """
    FUNCTION F_Deep : INT
    VAR_INPUT n : INT; END_VAR
    VAR a : ARRAY [0..2] OF INT; END_VAR
    F_Deep := a[n];
    END_FUNCTION
    FUNCTION F_Middle : INT
    VAR_INPUT n : INT; END_VAR
    F_Middle := F_Deep(n) + 1;
    END_FUNCTION
    FUNCTION F_Guarded : INT
    VAR_INPUT n : INT; END_VAR
    VAR k : INT; e : DINT; END_VAR
    k := 10 * n;
    __TRY
        k := k + 1;
        k := k + F_Middle(n);
    __CATCH(e)
        k := k + 500;
    __ENDTRY
    F_Guarded := k;
    END_FUNCTION
    PROGRAM MAIN
    VAR good : INT; bad : INT; END_VAR
    good := F_Guarded(2);
    bad := F_Guarded(3);
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.good", "MAIN.bad"]) == {"MAIN.good": [22], "MAIN.bad": [531]}


def test_a_fault_in_a_catch_goes_on_outwards_after_the_finally_part() -> None:
    """FINALLY runs even when the CATCH faults, and the fault is not lost."""
    text = """
    PROGRAM MAIN
    VAR x : INT; y : INT; n : INT; p : POINTER TO INT; outer : DINT; c : DINT; END_VAR
    __TRY
        __TRY
            y := y / x;
        __CATCH(c)
            p^ := 1;
        __FINALLY
            n := n + 1;
        __ENDTRY
    __CATCH(outer)
        n := n + 10;
    __ENDTRY
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.n", "MAIN.c", "MAIN.outer"]) == {
        "MAIN.n": [11],
        "MAIN.c": [Fault.DIVIDE],
        "MAIN.outer": [Fault.NULL],
    }


RECURSIVE = """
{attribute 'dinrail.recursive'}
FUNCTION F_Sum : LINT
VAR_INPUT n : LINT; END_VAR
IF n = 0 THEN
    RETURN;
END_IF
F_Sum := n + F_Sum(n - 1);
END_FUNCTION
PROGRAM MAIN
VAR n : LINT := 60; sum : LINT; e : DINT; END_VAR
__TRY
    sum := F_Sum(n);
__CATCH(e)
    n := 5;
__ENDTRY
END_PROGRAM
"""


def test_recursion_is_bounded_by_the_option_and_its_depth_is_right_again_after_a_fault() -> None:
    """So deep and no deeper: one call more is Fault.RECURSION, and a caught fault gives all the depth back."""
    assert run_st(RECURSIVE, ["MAIN.sum"]) == {"MAIN.sum": [1830]}
    watched = run_st(RECURSIVE, ["MAIN.e", "MAIN.sum"], 2, inputs={"MAIN.n": [64]})
    assert watched == {"MAIN.e": [Fault.RECURSION] * 2, "MAIN.sum": [0, 15]}


def test_a_runaway_in_one_program_stops_where_the_supervisor_says() -> None:
    """The abort flag ends nested loops and loops in called functions, wherever they are."""
    text = """
    FUNCTION F_Forever : INT
    VAR k : INT; END_VAR
    WHILE k < 100 DO
        F_Forever := F_Forever + 1;
    END_WHILE
    END_FUNCTION
    PROGRAM MAIN
    VAR x : INT; i : INT; END_VAR
    FOR i := 0 TO 10 DO
        x := F_Forever();
    END_FOR
    END_PROGRAM
    """
    fault = fault_of_st(text, limit_s=0.2)
    assert (fault.code, line_of(Place(fault.place))) == (Fault.RUNAWAY, 4)
