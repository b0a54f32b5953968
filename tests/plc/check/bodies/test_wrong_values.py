"""Types of values: conversions, operators, constants; what is refused or warned about, and in which words."""

from __future__ import annotations

import pytest
from plc_wrong import accepted, assert_said

from dinrail.plc.core.options import Options

# (declarations, statement, column of the message, what is said)
CONVERSIONS = [
    ("d : DINT; i : INT", "i := d;", 6, "narrowing: cannot convert type DINT to type INT"),
    ("i : INT; s : SINT", "s := i;", 6, "narrowing: cannot convert type INT to type SINT"),
    ("w : WORD; b : BYTE", "b := w;", 6, "narrowing: cannot convert type WORD to type BYTE"),
    (
        "u : UINT; i : INT",
        "i := u;",
        6,
        "warning sign-change: implicit conversion from unsigned type UINT to signed type INT: the sign may change",
    ),
    (
        "u : UINT; i : INT",
        "u := i;",
        6,
        "warning sign-change: implicit conversion from signed type INT to unsigned type UINT: the sign may change",
    ),
    (
        "u : UDINT; i : INT",
        "u := i;",
        6,
        "warning sign-change: implicit conversion from signed type INT to unsigned type UDINT: the sign may change",
    ),
    (
        "w : WORD; i : INT",
        "i := w;",
        6,
        "warning sign-change: implicit conversion from unsigned type WORD to signed type INT: the sign may change",
    ),
    ("r : REAL; i : INT", "i := r;", 6, "conversion: cannot convert type REAL to type INT"),
    (
        "r : REAL; l : LREAL",
        "r := l;",
        6,
        "warning loss: implicit conversion from LREAL to REAL: information may be lost",
    ),
    (
        "r : REAL; d : DINT",
        "r := d;",
        6,
        "warning loss: implicit conversion from DINT to REAL: information may be lost",
    ),
    (
        "l : LREAL; d : LINT",
        "l := d;",
        6,
        "warning loss: implicit conversion from LINT to LREAL: information may be lost",
    ),
    ("b : BOOL; i : INT", "b := i;", 6, "conversion: cannot convert type INT to type BOOL"),
    ("b : BOOL; i : INT", "i := b;", 6, "conversion: cannot convert type BOOL to type INT"),
    ("t : TIME; d : DWORD", "d := t;", 6, "conversion: cannot convert type TIME to type DWORD"),
    ("t : TIME; l : LTIME", "t := l;", 6, "conversion: cannot convert type LTIME to type TIME"),
    ("t : TIME", "t := 5;", 6, "conversion: the number 5 is no TIME"),
    ("s : STRING; i : INT", "s := i;", 6, "conversion: cannot convert type INT to type STRING(80)"),
    ("s : STRING; w : WSTRING", "s := w;", 6, "conversion: cannot convert type WSTRING(80) to type STRING(80)"),
    ("i : INT", "i := 'a';", 6, "conversion: cannot convert type STRING(1) to type INT"),
    ("s : STRING(3)", "s := 'long';", 6, "warning text-length: this text of 4 characters is cut to the 3 of STRING(3)"),
    ("i : INT", "i := 40000;", 6, "constant-range: 40000 does not fit INT (-32768..32767)"),
    ("u : USINT", "u := -1;", 6, "constant-range: -1 does not fit USINT (0..255)"),
    ("i : INT", "i := INT#30000 + INT#10000;", 16, "constant-range: 40000 does not fit INT (-32768..32767)"),
    ("i : INT", "i := 200 * 200;", 10, "constant-range: 40000 does not fit INT (-32768..32767)"),
    ("p : POINTER TO INT; d : DWORD", "p := d;", 6, "conversion: cannot convert type DWORD to type POINTER TO INT"),
    (
        "p : POINTER TO INT; d : DWORD",
        "d := p;",
        6,
        "warning loss: implicit conversion from POINTER TO INT to DWORD: information may be lost",
    ),
    (
        "a : ARRAY [0..1] OF INT; b : ARRAY [0..2] OF INT",
        "a := b;",
        6,
        "conversion: cannot convert type ARRAY [0..2] OF INT to type ARRAY [0..1] OF INT",
    ),
    ("i : INT (0..100)", "i := 101;", 6, "subrange: 101 is outside of INT (0..100) (0..100)"),
]


@pytest.mark.parametrize(("declared", "statement", "column", "said"), CONVERSIONS)
def test_a_value_of_another_type_is_taken_warned_about_or_refused(
    declared: str, statement: str, column: int, said: str
) -> None:
    """An assignment converts as TwinCAT does; what it does not convert is said with both types."""
    assert_said(f"PROGRAM MAIN VAR {declared}; END_VAR\n{statement}\n//@{column} {said}\nEND_PROGRAM")


OPERATORS = [
    ("b : BOOL; i : INT", "i := b + 1;", 8, "operator: + is not possible between BOOL and INT"),
    ("r : REAL", "r := r MOD 2;", 8, "operator: MOD is not possible between REAL and INT"),
    ("b : BOOL; i : INT", "b := b AND i;", 8, "operator: AND is not possible between BOOL and INT"),
    ("r : REAL; i : INT", "i := NOT r;", 6, "operator: NOT is not possible on REAL"),
    ("t : TIME", "t := t * t;", 8, "operator: * is not possible between TIME and TIME"),
    ("t : TIME", "t := t + 5;", 8, "operator: + is not possible between TIME and INT"),
    ("d : DATE; e : DATE", "d := d + e;", 8, "operator: + is not possible between DATE and DATE"),
    ("s : STRING", "s := s + 'x';", 8, "operator: + is not possible between STRING(80) and STRING(1)"),
    ("b : BOOL; s : STRING; i : INT", "b := s = i;", 8, "compare: cannot compare STRING(80) with INT"),
    ("b : BOOL; t : TIME; i : INT", "b := t > i;", 8, "compare: cannot compare TIME with INT"),
    ("b : BOOL; i : INT", "b := b = i;", 8, "compare: cannot compare BOOL with INT"),
    (
        "b : BOOL; a, c : ARRAY [0..1] OF INT",
        "b := a = c;",
        8,
        "compare: cannot compare ARRAY [0..1] OF INT with ARRAY [0..1] OF INT",
    ),
    ("i : INT", "i := i / 0;", 8, "division-by-zero: division by zero"),
    ("i : INT", "i := i MOD 0;", 8, "division-by-zero: division by zero"),
    ("r : REAL", "r := r / 0.0;", 8, "division-by-zero: division by zero"),
    (
        "l : LINT",
        "l := 9223372036854775807 * 4;",
        26,
        "overflow: the constant 36893488147419103228 does not fit 64 bits",
    ),
    ("i : INT; r : REAL", "i := SHL(r, 2);", 6, "operator: SHL is not possible on REAL"),
    ("b : BOOL", "b := MAX(b, b);", 6, "operator: MAX is not possible on BOOL"),
    ("i : INT; s : STRING", "i := SEL(TRUE, i, s);", 6, "operator: SEL is not possible with INT and STRING(80)"),
    ("i : INT", "i := ABS(i, 1);", 6, "argument-count: ABS takes 1 argument, 2 given"),
    ("i : INT; b : BOOL", "i := ABS(b);", 6, "operator: ABS is not possible on BOOL"),
    ("i : INT", "IF i THEN i := 1; END_IF", 4, "conversion: cannot convert type INT to type BOOL"),
    ("i : INT", "i;", 1, "warning no-effect: this statement has no effect"),
    ("p : POINTER TO INT; i : INT", "p := p * 2;", 8, "operator: * is not possible between POINTER TO INT and INT"),
    ("b : BOOL; p : POINTER TO INT", "p := ADR(b.0);", 12, "bit: BOOL has no bits to reach"),
    (
        "w : WORD; p : POINTER TO BOOL",
        "p := ADR(w.0);",
        6,
        "adr: ADR needs a variable: a bit has no address of its own",
    ),
    ("p : POINTER TO INT", "p := ADR(5);", 6, "adr: ADR needs a variable: a value has no address of its own"),
    ("i : INT", "i := TO_INT(TO_STRANGE(i));", 13, "undeclared: TO_STRANGE is not declared"),
    (
        "i : INT; a : ARRAY [0..1] OF INT",
        "i := TO_INT(a);",
        6,
        "conversion: TO_INT cannot convert type ARRAY [0..1] OF INT",
    ),
]


@pytest.mark.parametrize(("declared", "statement", "column", "said"), OPERATORS)
def test_an_operator_takes_what_it_is_for(declared: str, statement: str, column: int, said: str) -> None:
    """An operator or built-in function says which types it cannot work on; constants are checked now."""
    assert_said(f"PROGRAM MAIN VAR {declared}; END_VAR\n{statement}\n//@{column} {said}\nEND_PROGRAM")


ENUMS = {
    "a number into an enumeration": """
TYPE E_S : (Idle, Busy); END_TYPE
PROGRAM MAIN VAR e : E_S; i : INT; END_VAR
    e := i;
    //   ^ warning enum: INT is assigned to the enumeration E_S
    //     hint: assign a member of E_S
END_PROGRAM
""",
    "a number into a strict one": """
{attribute 'strict'}
TYPE E_S : (Idle, Busy); END_TYPE
PROGRAM MAIN VAR e : E_S; i : INT; END_VAR
    e := i;
    //   ^ enum: INT is assigned to the enumeration E_S
    e := 2;
    //   ^ enum: 2 is no member of the enumeration E_S
    i := e + 1;
    //     ^ enum: + is not possible on the strict enumeration E_S
    e := 1;
END_PROGRAM
""",
    "another enumeration": """
TYPE E_A : (A1, A2); END_TYPE
{attribute 'strict'}
TYPE E_B : (B1, B2); END_TYPE
PROGRAM MAIN VAR a : E_A; b : E_B; x : BOOL; END_VAR
    b := a;
    //   ^ enum: E_A is assigned to the enumeration E_B
    x := a = b;
    //     ^ enum: E_A is compared with another enumeration, E_B
END_PROGRAM
""",
    "an enumeration into a smaller number": """
TYPE E_S : (Idle, Busy); END_TYPE
PROGRAM MAIN VAR e : E_S; s : SINT; d : DINT; u : UINT; END_VAR
    s := e;
    //   ^ narrowing: cannot convert type E_S to type SINT
    d := e;
    u := e;
    //   ^ warning sign-change: implicit conversion from signed type E_S to unsigned type UINT: the sign may change
    s := E_S.Busy;
END_PROGRAM
""",
}


@pytest.mark.parametrize("rule", ENUMS)
def test_enumerations_and_numbers_mix_as_far_as_their_strictness_lets_them(rule: str) -> None:
    """An enumeration is its base when it is read; what is written into it is looked at."""
    assert_said(ENUMS[rule])


SILENT = [
    ("d : DINT; i : INT", "d := i;"),
    ("i : INT; b : BYTE", "i := b;"),
    ("d : DINT; u : UINT", "d := u;"),
    ("w : WORD; u : UINT", "w := u; u := w;"),
    ("r : REAL; i : INT", "r := i;"),
    ("r : REAL; l : LREAL; d : DINT", "l := r; l := d;"),
    ("r : REAL; i : INT", "r := i * 0.5; r := r * 2; r := 2.5 * r + 1;"),
    ("u : USINT; w : WORD", "u := u + 1; w := w AND 16#FF; w := w AND NOT 16#F; w := NOT 16#F;"),
    ("i : INT", "i := -32768; i := i * 2 - 1;"),
    ("b : BOOL", "b := 1; b := 0; b := NOT b; b := b AND TRUE;"),
    ("t : TIME; l : LTIME", "l := t; t := t * 2; t := 2 * t / 4; t := t - T#1ms; l := l + t;"),
    ("d : DT; t : TIME; o : TOD", "t := d - d; d := d + t; o := o + t; t := o - o;"),
    ("p : POINTER TO INT; q : POINTER TO REAL; u : ULINT", "p := q; u := p; p := u; p := p + 2; p := 0;"),
    ("s : STRING(5); q : STRING(9)", "s := q; q := s; s := 'abcde';"),
    ("x : LWORD; y : ULINT; b : BOOL; u : UDINT; i : INT", "x := y; b := x > u; b := u > i; b := i < 5;"),
    ("i : INT; u : UINT", "i := LIMIT(0, i, 100); u := MAX(u, 3); i := MIN(i, i, 4); i := SEL(TRUE, i, 5);"),
    ("r : REAL; i : INT", "r := LIMIT(0, i, 2.5); r := MAX(r, 0.1); r := SEL(TRUE, i, 1.5);"),
    ("r : REAL; i : INT; l : LREAL", "r := SIN(r); l := SQRT(l); r := EXPT(r, 2); l := LN(i); r := SIN(0.5);"),
    ("i : INT; w : WORD; y : BYTE", "w := SHL(w, i); y := ROR(y, 3); w := SHL(1, i);"),
]


@pytest.mark.parametrize(("declared", "statements"), SILENT)
@pytest.mark.parametrize("wide", [True, False])
def test_what_keeps_its_value_needs_no_word(declared: str, statements: str, wide: bool) -> None:
    """Widening, literals that fit, and operators on what they are for go without a message, in both dialects."""
    accepted(
        f"PROGRAM MAIN VAR {declared}; END_VAR\n{statements}\nEND_PROGRAM", options=Options(wide_intermediates=wide)
    )


def test_an_in_out_takes_an_enumeration_as_the_integer_that_it_is() -> None:
    """An enumeration that is not strict and its base are one type to a VAR_IN_OUT."""
    accepted("""
TYPE E_S : (Idle, Busy); END_TYPE
FUNCTION F_Next : BOOL
VAR_IN_OUT n : INT; END_VAR
    n := n + 1;
    F_Next := n > 1;
END_FUNCTION
PROGRAM MAIN VAR e : E_S; b : BOOL; END_VAR
    b := F_Next(e);
END_PROGRAM
""")
