"""Wrong types: what is said, and where."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

WRONG = {
    "unknown type, with a near one": """
        VAR_GLOBAL
            x : INTT;
        //      ^ unknown-type: there is no type INTT
        //        hint: did you mean INT?
        END_VAR
    """,
    "an unknown type is said once where it is written, and nothing follows from it": """
        TYPE ST_A : STRUCT
            a : ST_Missing;
        //      ^ unknown-type: there is no type ST_Missing
        END_STRUCT END_TYPE
        PROGRAM MAIN
        VAR
            s : ST_A;
            n : DINT;
        END_VAR
            n := s.a.b;
        END_PROGRAM
    """,
    "a program is no type": """
        PROGRAM P_Other
        END_PROGRAM
        VAR_GLOBAL
            x : P_Other;
        //      ^ not-a-type: P_Other is a program, not a type
        //        hint: a program has no instances
        END_VAR
    """,
    "unknown library": """
        VAR_GLOBAL
            t : Tc9_Magic.TON;
        //      ^ unknown-library: no library is called Tc9_Magic
        END_VAR
    """,
    "bounds the wrong way round": """
        VAR_GLOBAL
            a : ARRAY [5..1] OF INT;
        //             ^ array-bounds: the lower bound 5 is above the upper bound 1
        END_VAR
    """,
    "array of references": """
        VAR_GLOBAL
            a : ARRAY [0..1] OF REFERENCE TO INT;
        //      ^ array-of-reference: an array cannot hold references
        //        hint: hold pointers: ARRAY ... OF POINTER TO ...
        END_VAR
    """,
    "array of BIT": """
        TYPE ST_A : STRUCT
            a : ARRAY [0..7] OF BIT;
        //      ^ array-of-bit: an array cannot hold BITs
        END_STRUCT END_TYPE
    """,
    "an array that no machine can hold": """
        VAR_GLOBAL
            a : ARRAY [0..40000, 0..40000] OF INT;
        //      ^ array-size: an array of 1600080001 elements does not fit into the memory of a control
        END_VAR
    """,
    "a bound that is no integer": """
        VAR_GLOBAL CONSTANT
            c : REAL := 1.5;
        END_VAR
        VAR_GLOBAL
            a : ARRAY [0..c] OF INT;
        //                ^ not-an-integer: a constant integer belongs here, not REAL
        END_VAR
    """,
    "pointer to reference": """
        VAR_GLOBAL
            p : POINTER TO REFERENCE TO INT;
        //      ^ pointer-to-reference: a pointer to a reference is not possible: a reference has no place of its own
        END_VAR
    """,
    "reference to BIT": """
        VAR_GLOBAL
            r : REFERENCE TO BIT;
        //      ^ pointer-to-bit: a reference cannot point to a BIT, which shares its byte
        END_VAR
    """,
    "BIT outside of a structure": """
        VAR_GLOBAL
            b : BIT;
        //  ^ bit-outside: BIT stands in structures and function blocks only
        //    hint: use BOOL
        END_VAR
    """,
    "a text of no length": """
        VAR_GLOBAL
            s : STRING(0);
        //             ^ text-length: a STRING holds 1 to 65535 characters, not 0
        END_VAR
    """,
    "subrange the wrong way round": """
        VAR_GLOBAL
            s : INT (10..1);
        //           ^ subrange: the lower limit 10 is above the upper limit 1
        END_VAR
    """,
    "subrange beyond its base": """
        VAR_GLOBAL
            s : SINT (0..200);
        //               ^ subrange: 200 is outside of SINT (-128..127)
        END_VAR
    """,
    "subrange of REAL": """
        VAR_GLOBAL
            s : REAL (0..1);
        //      ^ subrange: a subrange needs an integer type, not REAL
        END_VAR
    """,
    "an enumeration's member twice": """
        TYPE E_A : (
            One,
            Two,
            ONE
        //  ^ duplicate: E_A has a member ONE already
        ); END_TYPE
    """,
    "an enumeration's value that its base cannot hold": """
        TYPE E_A : (
            One := 300
        //  ^ enum-range: One is 300, which BYTE cannot hold (0..255)
        //    hint: write a wider type behind the enumeration's members
        ) BYTE; END_TYPE
    """,
    "an enumeration over REAL": """
        TYPE E_A : (One, Two) REAL; END_TYPE
        //                    ^ enum-base: an enumeration needs an integer type, not REAL
    """,
    "a structure that contains itself": """
        TYPE ST_A : STRUCT
        //   ^ contains-itself: ST_A contains itself, so it has no size
        //     hint: hold a POINTER TO it instead
            n : ARRAY [0..1] OF ST_B;
        END_STRUCT END_TYPE
        TYPE ST_B : STRUCT
            a : ST_A;
        END_STRUCT END_TYPE
    """,
    "a function block that contains itself": """
        FUNCTION_BLOCK FB_A
        //             ^ contains-itself: FB_A contains itself, so it has no size
        VAR
            a : FB_A;
        END_VAR
        END_FUNCTION_BLOCK
    """,
    "a function block that holds what extends it": """
        FUNCTION_BLOCK FB_A
        //             ^ contains-itself: FB_A contains itself, so it has no size
        VAR
            b : FB_B;
        END_VAR
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_B EXTENDS FB_A
        END_FUNCTION_BLOCK
    """,
    "an alias of itself": """
        TYPE T_A : T_B; END_TYPE
        //   ^ depends-on-itself: T_A stands for itself
        TYPE T_B : T_A; END_TYPE
    """,
    "a structure that extends itself": """
        TYPE ST_A EXTENDS ST_B : STRUCT
            a : INT;
        END_STRUCT END_TYPE
        TYPE ST_B EXTENDS ST_A : STRUCT
        //                ^ extends-itself: ST_B extends itself by way of ST_A
            b : INT;
        END_STRUCT END_TYPE
    """,
    "a structure that extends an enumeration": """
        TYPE E_A : (One); END_TYPE
        TYPE ST_A EXTENDS E_A : STRUCT
        //                ^ extends: ST_A cannot extend E_A: only structures extend structures
            a : INT;
        END_STRUCT END_TYPE
    """,
    "a field twice": """
        TYPE ST_A : STRUCT
            a : INT;
            A : REAL;
        //  ^ duplicate: ST_A has a field A already
        END_STRUCT END_TYPE
    """,
    "a field that the base has": """
        TYPE ST_A : STRUCT
            a : INT;
        END_STRUCT END_TYPE
        TYPE ST_B EXTENDS ST_A : STRUCT
            a : REAL;
        //  ^ duplicate: ST_B inherits a field from ST_A, a already
        END_STRUCT END_TYPE
    """,
    "a type twice": """
        TYPE T_A : INT; END_TYPE
        FUNCTION_BLOCK t_a
        //             ^ duplicate: there is a type or POU T_A already
        END_FUNCTION_BLOCK
    """,
    "a reference in a union": """
        TYPE U_A : UNION
            r : REFERENCE TO INT;
        //  ^ reference-in-union: a union cannot hold references
        END_UNION END_TYPE
    """,
    "an instance in a union": """
        FUNCTION_BLOCK FB_A
        END_FUNCTION_BLOCK
        TYPE U_A : UNION
            f : FB_A;
        //  ^ block-in-union: a union cannot hold an instance of FB_A
        END_UNION END_TYPE
    """,
    "an alias of a function block": """
        FUNCTION_BLOCK FB_A
        END_FUNCTION_BLOCK
        TYPE T_A : FB_A; END_TYPE
        //   ^ alias-of-block: T_A cannot stand for the function block FB_A
        //     hint: extend it: FUNCTION_BLOCK T_A EXTENDS FB_A
    """,
    "an open array that is no VAR_IN_OUT": """
        FUNCTION F_A : INT
        VAR_INPUT
            a : ARRAY [*] OF INT;
        //  ^ open-array: only a VAR_IN_OUT can be ARRAY [*] OF INT
        END_VAR
            F_A := 1;
        END_FUNCTION
    """,
    "half an open array": """
        FUNCTION F_A : INT
        VAR_IN_OUT
            a : ARRAY [*, 0..3] OF INT;
        //      ^ open-array: either all bounds of an array are open (`*`) or none
        END_VAR
            F_A := 1;
        END_FUNCTION
    """,
    "ANY in a function block": """
        FUNCTION_BLOCK FB_A
        VAR_INPUT
            a : ANY;
        //  ^ any-type: only a VAR_INPUT of a function or method can be ANY
        END_VAR
        END_FUNCTION_BLOCK
    """,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_type_is_told(text: str) -> None:
    """Each wrong type is said once, with its names, at its place."""
    assert_said(text)
