"""Calls on machine code: which value goes where, and in which order."""

from __future__ import annotations

from plc_run import run_st

FUNCTIONS = """
TYPE ST_Pair : STRUCT a : INT; b : INT := 7; END_STRUCT END_TYPE
FUNCTION F_Mix : DINT
VAR_INPUT a : INT; b : INT := 5; END_VAR
VAR_IN_OUT io : INT; END_VAR
VAR_OUTPUT q : INT; r : BOOL; END_VAR
    q := a * 10;
    r := a > b;
    io := io + 1;
    F_Mix := a + b;
END_FUNCTION
FUNCTION F_Pair : ST_Pair
VAR_INPUT x : INT; END_VAR
    F_Pair.a := x;
END_FUNCTION
FUNCTION F_Swap : ST_Pair
VAR_INPUT p : ST_Pair; END_VAR
    F_Swap.a := p.b;
    F_Swap.b := p.a;
    p.a := 99;
END_FUNCTION
FUNCTION F_Greet : STRING
VAR_INPUT s : STRING(10); END_VAR
    F_Greet := s;
    s := 'changed';
END_FUNCTION
FUNCTION F_Sum : DINT
VAR_IN_OUT v : ARRAY [*] OF INT; END_VAR
VAR i : DINT; END_VAR
    FOR i := LOWER_BOUND(v, 1) TO UPPER_BOUND(v, 1) DO F_Sum := F_Sum + v[i]; END_FOR
END_FUNCTION
FUNCTION F_Outer : DINT
VAR_IN_OUT v : ARRAY [*] OF INT; END_VAR
    F_Outer := F_Sum(v) * 10;
END_FUNCTION
FUNCTION F_Corner : INT
VAR_IN_OUT v : ARRAY [*, *] OF INT; END_VAR
    F_Corner := v[UPPER_BOUND(v, 1), LOWER_BOUND(v, 2)];
END_FUNCTION
FUNCTION F_Any : DINT
VAR_INPUT v : ANY; END_VAR
VAR p : POINTER TO BYTE; END_VAR
    p := v.pValue;
    F_Any := v.diSize * 1000 + p^;
END_FUNCTION
FUNCTION F_Kind : DINT
VAR_INPUT v : ANY; END_VAR
    F_Kind := TO_DINT(v.TypeClass);
END_FUNCTION
"""


def values(declared: str, statements: str, *names: str, cycles: int = 1) -> list[object]:
    """What the variables of MAIN hold after the last cycle."""
    text = f"{FUNCTIONS}\nPROGRAM MAIN VAR {declared} END_VAR\n{statements}\nEND_PROGRAM"
    found = run_st(text, [f"MAIN.{name}" for name in names], cycles)
    return [seen[-1] for seen in found.values()]


def test_arguments_go_by_position_by_name_and_mixed() -> None:
    """An argument without a name goes to the parameter of its position, a missing one takes the default."""
    declared = "d1, d2, d3, d4 : DINT; i, j, k : INT; b : BOOL;"
    statements = """
    d1 := F_Mix(1, 2, i);
    d2 := F_Mix(io := i, a := 3);
    d3 := F_Mix(4, io := i, b := 1, q => j, r => b);
    d4 := F_Mix(a := 5, 6, i, q => k);
    """
    assert values(declared, statements, "d1", "d2", "d3", "d4", "i", "j", "k", "b") == [3, 8, 5, 11, 4, 40, 50, True]


def test_an_output_converts_and_may_be_negated_or_left_out() -> None:
    """An output goes into a wider variable, NOT turns a BOOL around, `=>` with nothing behind is ignored."""
    declared = "d, wide : DINT; i : INT; b : BOOL; r : LREAL;"
    statements = "d := F_Mix(1, 2, i, q => wide, NOT r => b); d := F_Mix(2, 1, i, q => r, r => );"
    assert values(declared, statements, "wide", "b", "r", "i") == [10, True, 20.0, 2]


def test_an_aggregate_is_passed_and_given_back_as_a_copy() -> None:
    """What a function does to its input is not seen outside; a structure result starts with its type's defaults."""
    declared = "p, q : ST_Pair; n : INT; s, t : STRING;"
    statements = """
    p := F_Pair(3);
    q := F_Swap(F_Swap(p));
    p := F_Swap(p);
    n := F_Pair(11).a + F_Pair(1).b;
    s := 'hello';
    t := F_Greet(s);
    """
    assert values(declared, statements, "p.a", "p.b", "q.a", "q.b", "n", "s", "t") == [7, 3, 3, 7, 18, "hello", "hello"]


def test_a_text_is_cut_to_the_parameter() -> None:
    """A text longer than the parameter arrives shortened."""
    assert values("t : STRING;", "t := F_Greet('0123456789abc');", "t") == ["0123456789"]


def test_an_open_array_brings_its_bounds() -> None:
    """ARRAY [*] sees the bounds of what was passed, also through another ARRAY [*], in each dimension."""
    declared = "a : ARRAY [-1..2] OF INT := [1, 2, 3, 4]; b : ARRAY [5..5] OF INT := [9]; s, t, o : DINT;"
    declared += " m : ARRAY [2..3, 7..9] OF INT; c : INT;"
    statements = "s := F_Sum(a); t := F_Sum(b); o := F_Outer(a); m[3, 7] := 42; c := F_Corner(m);"
    assert values(declared, statements, "s", "t", "o", "c") == [10, 9, 100, 42]


def test_any_knows_class_address_and_size() -> None:
    """A parameter of type ANY tells what was passed; a value that lies nowhere is put somewhere first."""
    declared = "u : UINT := 16#0102; s : STRING(20) := 'A'; r : LREAL; d1, d2, d3, d4, d5 : DINT; p : ST_Pair;"
    statements = """
    d1 := F_Any(u);
    d2 := F_Any(s);
    d3 := F_Any(BYTE#16#07);
    d4 := F_Kind(r) * 100 + F_Kind(s);
    d5 := F_Kind(p);
    """
    assert values(declared, statements, "d1", "d2", "d3", "d4", "d5") == [2002, 21065, 1007, 1516, 28]


BLOCKS = """
FUNCTION_BLOCK FB_Add
VAR_INPUT in1 : INT := 1; in2 : INT; END_VAR
VAR_OUTPUT sum : INT; calls : INT; END_VAR
VAR_IN_OUT total : DINT; END_VAR
    sum := in1 + in2;
    calls := calls + 1;
    total := total + sum;
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Twice
VAR_INPUT r : REFERENCE TO INT; END_VAR
    r := r * 2;
END_FUNCTION_BLOCK
PROGRAM P_Count
VAR_INPUT step : INT := 1; END_VAR
VAR_OUTPUT n : INT; END_VAR
    n := n + step;
ACTION Reset
    n := 100;
END_ACTION
END_PROGRAM
PROGRAM MAIN
VAR
    fb : FB_Add; fbs : ARRAY [0..2] OF FB_Add; p : POINTER TO FB_Add; twice : FB_Twice;
    total : DINT; i, k, s, c : INT := 1; seen : INT; b : BOOL;
END_VAR
    fb(in2 := 5, total := total, sum => s);
    fb(2, 3, total, calls => c);
    fbs[i](in1 := i, total := total);
    p := ADR(fbs[2]);
    p^(in1 := 7, in2 := p^.in1, total := total);
    k := 21;
    twice(r := k);
    fb.in2 := 10;
    fb(total := total);
    P_Count(step := 3, n => seen);
    P_Count.Reset();
END_PROGRAM
"""


def test_a_block_keeps_its_inputs_and_gives_its_outputs() -> None:
    """Inputs that are not given keep their value; an in-out is bound at each call; outputs are copied behind it."""
    found = run_st(
        BLOCKS,
        ["MAIN.s", "MAIN.c", "MAIN.fb.sum", "MAIN.fbs[1].sum", "MAIN.fbs[2].sum", "MAIN.total", "MAIN.k", "MAIN.seen"],
    )
    # fb: 1+5, then 2+3, 1+0, 7+7 (an input is stored before the next argument is read), 2+10. The task has run
    # P_Count once before.
    assert [seen[-1] for seen in found.values()] == [6, 2, 12, 1, 14, 6 + 5 + 1 + 14 + 12, 42, 4]


def test_a_program_is_called_with_inputs_and_has_actions() -> None:
    """A program that is called keeps its state; its action runs on it."""
    assert run_st(BLOCKS.replace("P_Count.Reset();", ""), ["P_Count.n"], 2)["P_Count.n"][0] >= 3
    assert run_st(BLOCKS, ["P_Count.n"])["P_Count.n"] == [100]


def test_arguments_are_evaluated_from_left_to_right() -> None:
    """Each argument sees what those before it did."""
    text = """
FUNCTION F_Next : INT
VAR_IN_OUT n : INT; END_VAR
    n := n + 1;
    F_Next := n;
END_FUNCTION
FUNCTION F_Digits : INT
VAR_INPUT a, b, c : INT; END_VAR
    F_Digits := a * 100 + b * 10 + c;
END_FUNCTION
PROGRAM MAIN VAR n, d, e : INT; END_VAR
    n := 0; d := F_Digits(F_Next(n), n, F_Next(n));
    n := 0; e := F_Next(n) * 100 + n * 10 + F_Next(n);
END_PROGRAM
"""
    assert run_st(text, ["MAIN.d", "MAIN.e"]) == {"MAIN.d": [112], "MAIN.e": [112]}
