"""What the code believes about memory: pointers see every change, and every change is seen through pointers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plc_run import run_st

from dinrail.plc.core.options import Options

OPTIONS = [Options(), replace(Options(), check_bounds=False, check_null=False, loop_abort=False)]


@pytest.mark.parametrize("options", OPTIONS, ids=["checked", "unchecked"])
def test_a_static_is_seen_through_its_pointer_and_the_pointer_through_the_static(options: Options) -> None:
    """Loops that write a variable by name and by address alternately never read an old value."""
    text = """
    PROGRAM MAIN
    VAR x : DINT; y : DINT; p : POINTER TO DINT; i : DINT; sum : DINT; END_VAR
    p := ADR(x);
    sum := 0;
    x := 0;
    FOR i := 1 TO 10 DO
        p^ := p^ + 1;
        sum := sum + x;
        x := x + 1;
        sum := sum + p^;
    END_FOR
    y := x;
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.sum", "MAIN.y"], options=options) == {"MAIN.sum": [210], "MAIN.y": [20]}


@pytest.mark.parametrize("options", OPTIONS, ids=["checked", "unchecked"])
def test_a_union_shows_one_memory_as_many_types(options: Options) -> None:
    """Writing one member changes all others, also in a loop and through a pointer to one of them."""
    text = """
    TYPE U : UNION d : DWORD; b : ARRAY [0..3] OF BYTE; r : REAL; END_UNION END_TYPE
    PROGRAM MAIN
    VAR u : U; i : DINT; p : POINTER TO BYTE; first : DWORD; second : DWORD; one : REAL; END_VAR
    u.d := 16#01020304;
    FOR i := 0 TO 3 DO
        u.b[i] := u.b[i] + 16#10;
        u.d := u.d + 1;
    END_FOR
    first := u.d;
    p := ADR(u.b[3]);
    p^ := 16#FF;
    second := u.d;
    u.d := 16#3F800000;
    one := u.r;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.first", "MAIN.second", "MAIN.one"], options=options)
    assert seen == {"MAIN.first": [0x11121318], "MAIN.second": [0xFF121318], "MAIN.one": [1.0]}


@pytest.mark.parametrize("options", OPTIONS, ids=["checked", "unchecked"])
def test_an_in_out_may_be_the_very_variable_that_the_callee_also_knows_by_name(options: Options) -> None:
    """A global passed as VAR_IN_OUT and used by its own name in the callee is one variable."""
    text = """
    VAR_GLOBAL g : DINT; END_VAR
    FUNCTION F_Both : DINT
    VAR_IN_OUT v : DINT; END_VAR
    VAR i : DINT; END_VAR
    FOR i := 1 TO 5 DO
        v := v + 1;
        g := g * 2;
        F_Both := F_Both + v;
    END_FOR
    END_FUNCTION
    PROGRAM MAIN
    VAR r : DINT; END_VAR
    g := 1;
    r := F_Both(v := g);
    END_PROGRAM
    """
    g, r = 1, 0
    for _ in range(5):
        g = (g + 1) * 2
        r += g
    assert run_st(text, ["MAIN.r"], options=options) == {"MAIN.r": [r]}


def test_bytes_copied_by_address_are_seen_by_name() -> None:
    """MEMCPY and MEMSET change what their addresses point to, whatever it is."""
    text = """
    PROGRAM MAIN
    VAR a : ARRAY [0..3] OF INT := [1, 2, 3, 4]; b : ARRAY [0..3] OF INT; x : INT; y : INT; END_VAR
    b[2] := 77;
    MEMCPY(ADR(b), ADR(a), SIZEOF(a));
    x := b[2];
    MEMSET(ADR(b), 1, 4);
    y := b[1];
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.x", "MAIN.y"]) == {"MAIN.x": [3], "MAIN.y": [0x0101]}


def test_bits_are_written_without_touching_their_neighbours() -> None:
    """Bits of integers, of statics, locals and through an in-out, at both ends of each byte."""
    text = """
    FUNCTION F_Bits : DWORD
    VAR_INPUT d : DWORD; END_VAR
    VAR k : DWORD; END_VAR
    k := d;
    k.0 := TRUE; k.7 := FALSE; k.8 := TRUE; k.31 := TRUE;
    F_Bits := k;
    END_FUNCTION
    PROGRAM MAIN
    VAR w : WORD := 16#00FF; d : DWORD; b : BOOL; END_VAR
    w.15 := TRUE; w.0 := FALSE; w.8 := w.1;
    b := w.15;
    d := F_Bits(16#80);
    END_PROGRAM
    """
    watched = run_st(text, ["MAIN.w", "MAIN.b", "MAIN.d"])
    assert watched == {"MAIN.w": [0x81FE], "MAIN.b": [True], "MAIN.d": [0x80000101]}


def test_what_overlaps_is_copied_as_if_it_did_not() -> None:
    """A text onto its own rest, a structure onto itself through a reference."""
    text = """
    TYPE S : STRUCT a : ARRAY [0..4] OF INT; END_STRUCT END_TYPE
    PROGRAM MAIN
    VAR s : STRING(20) := 'abcdef'; p : POINTER TO STRING(20); t : S := (a := [1, 2, 3, 4, 5]); r : REFERENCE TO S;
    END_VAR
    p := ADR(s) + 2;
    s := p^;
    r REF= t;
    t := r;
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.s", "MAIN.t"]) == {"MAIN.s": ["cdef"], "MAIN.t": [{"a": [1, 2, 3, 4, 5]}]}
