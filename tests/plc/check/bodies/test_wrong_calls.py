"""Calls: arguments, in-outs, outputs, instances; what is refused, and in which words."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

HEAD = """
TYPE ST_P : STRUCT x : INT; END_STRUCT END_TYPE
FUNCTION F_Two : INT
VAR_INPUT a : INT; b : INT := 5; END_VAR
VAR_OUTPUT q : BOOL; END_VAR
    F_Two := a + b;
END_FUNCTION
FUNCTION F_Change : BOOL
VAR_IN_OUT v : INT; END_VAR
    v := v + 1; F_Change := TRUE;
END_FUNCTION
FUNCTION F_Sum : DINT
VAR_IN_OUT v : ARRAY [*] OF INT; END_VAR
    F_Sum := v[0];
END_FUNCTION
FUNCTION F_Any : DINT
VAR_INPUT v : ANY_NUM; END_VAR
    F_Any := v.diSize;
END_FUNCTION
FUNCTION F_Nothing
VAR_INPUT a : INT; END_VAR
END_FUNCTION
FUNCTION_BLOCK FB_Base
VAR_INPUT in1 : INT; END_VAR
VAR_OUTPUT out1 : INT; END_VAR
VAR_IN_OUT io : INT; END_VAR
VAR hidden : INT; END_VAR
    out1 := in1 + io + hidden;
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Plain
VAR_INPUT x : INT; END_VAR
VAR_OUTPUT y : INT; END_VAR
VAR z : INT; END_VAR
    y := x + z;
END_FUNCTION_BLOCK
PROGRAM P_Other
VAR_INPUT k : INT; END_VAR
VAR m : INT; END_VAR
    m := k;
END_PROGRAM
"""
DECLARED = """
PROGRAM MAIN
VAR
    i, n : INT; d : DINT; b : BOOL; s : STRING; r : REAL; u : UINT; w : WORD; p : ST_P;
    fb : FB_Base; plain : FB_Plain; a : ARRAY [0..3] OF INT; a2 : ARRAY [0..1, 0..1] OF INT;
    ar : ARRAY [0..3] OF REAL;
END_VAR
VAR CONSTANT c : INT := 3; END_VAR
"""

CALLS = [
    ("i := F_Two();", 6, "missing-argument: F_Two needs a value for a"),
    ("i := F_Two(1, 2, 3);", 18, "argument-count: F_Two takes 2 inputs, this is one more"),
    ("i := F_Two(a := 1, a := 2);", 20, "argument-twice: a is given twice"),
    ("i := F_Two(1, a := 2);", 15, "argument-twice: a is given twice"),
    ("i := F_Two(a := 1, bb := 2);", 20, "no-input: bb is no input of F_Two"),
    ("i := F_Two(a := 1, q := b);", 20, "no-input: q is no input of F_Two"),
    ("i := F_Two(a => i);", 12, "no-output: a is no output of F_Two"),
    ("i := F_Two(1, z => b);", 15, "no-output: z is no output of F_Two"),
    ("i := F_Two('x');", 12, "conversion: cannot convert type STRING(1) to type INT"),
    ("i := F_Two(d);", 12, "narrowing: cannot convert type DINT to type INT"),
    ("i := F_Two(1, q => i);", 15, "conversion: cannot convert type BOOL to type INT"),
    ("i := F_Two(1, NOT q => i);", 19, "conversion: cannot convert type BOOL to type INT"),
    ("i := F_Nothing(1);", 6, "no-value: this call gives nothing, INT is wanted"),
    ("i := F_Two;", 6, "missing-parentheses: the function F_Two is called with parentheses"),
    ("b := F_Change(5);", 15, "in-out: VAR_IN_OUT v needs a variable that it can write"),
    ("b := F_Change(c);", 15, "in-out: VAR_IN_OUT v needs a variable that it can write (it is a constant)"),
    ("b := F_Change(i + 1);", 17, "in-out: VAR_IN_OUT v needs a variable that it can write"),
    ("b := F_Change(d);", 15, "in-out-type: type DINT is not type INT of VAR_IN_OUT v"),
    ("b := F_Change(u);", 15, "in-out-type: type UINT is not type INT of VAR_IN_OUT v"),
    ("b := F_Change();", 6, "missing-argument: F_Change needs a variable for its VAR_IN_OUT v"),
    (
        "b := F_Change(plain.y);",
        21,
        "in-out: VAR_IN_OUT v needs a variable that it can write (it is no input of FB_Plain)",
    ),
    ("d := F_Sum(a2);", 12, "in-out-type: type ARRAY [0..1,0..1] OF INT is not type ARRAY [*] OF INT of VAR_IN_OUT v"),
    ("d := F_Sum(ar);", 12, "in-out-type: type ARRAY [0..3] OF REAL is not type ARRAY [*] OF INT of VAR_IN_OUT v"),
    ("d := F_Any(s);", 12, "any-type: STRING(80) is not what ANY_NUM takes"),
    ("fb(in1 := 1);", 1, "missing-argument: FB_Base needs a variable for its VAR_IN_OUT io"),
    ("fb(io := 1);", 10, "in-out: VAR_IN_OUT io needs a variable that it can write"),
    ("fb(hidden := 1, io := i);", 4, "no-input: hidden is no input of FB_Base"),
    ("fb(in1 := s, io := i);", 11, "conversion: cannot convert type STRING(80) to type INT"),
    ("fb(1, i, 3);", 10, "argument-count: FB_Base takes 2 inputs, this is one more"),
    ("i := plain(x := 1);", 6, "no-value: the call of a FB_Plain gives no value"),
    ("i := plain;", 6, "conversion: cannot convert type FB_Plain to type INT"),
    ("FB_Plain(x := 1);", 1, "no-instance: the function block FB_Plain needs an instance"),
    ("i(1);", 1, "not-callable: INT cannot be called"),
    ("p(x := 1);", 1, "not-callable: ST_P cannot be called"),
    ("fb.io := 1;", 4, "in-out-access: io is VAR_IN_OUT of FB_Base: it is reached in its call only"),
    ("fb.out1 := 1;", 4, "read-only: this cannot be assigned to: it is no input of FB_Base"),
    ("fb.hidden := 1;", 4, "read-only: this cannot be assigned to: it is no input of FB_Base"),
    ("P_Other(m := 1);", 9, "no-input: m is no input of P_Other"),
    ("P_Other.m := 1;", 9, "read-only: this cannot be assigned to: it is no input of P_Other"),
    ("P_Other.j := 1;", 9, "no-member: P_Other has no member j"),
    ("i := P_Other();", 6, "no-value: P_Other is a program: its call gives no value"),
    ("P_Other;", 1, "missing-parentheses: the program P_Other is called with parentheses"),
    ("c := 4;", 1, "read-only: this cannot be assigned to: it is a constant"),
    ("unknown(i, missing);", 1, "undeclared: unknown is not declared"),
]


@pytest.mark.parametrize(("statement", "column", "said"), CALLS)
def test_a_call_gives_what_is_declared_and_takes_what_there_is(statement: str, column: int, said: str) -> None:
    """Each argument goes to a parameter that exists and has its type; in-outs are bound to variables."""
    text = f"{HEAD}{DECLARED}{statement}\n//@{column} {said}\n"
    if statement.startswith("unknown"):
        text += "//@12 undeclared: missing is not declared\n"
    assert_said(text + "END_PROGRAM")
