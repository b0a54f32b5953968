"""Wrong variables, constants, addresses and initial values: what is said, and where."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

WRONG = {
    "a variable twice": """
        PROGRAM MAIN
        VAR
            n : INT;
        END_VAR
        VAR_INPUT
            N : REAL;
        //  ^ duplicate: N is declared already
        END_VAR
        END_PROGRAM
    """,
    "a variable with the name of the result": """
        FUNCTION F_A : INT
        VAR
            f_a : INT;
        //  ^ duplicate: F_A is the name of the result; no variable can have it
        END_VAR
        END_FUNCTION
    """,
    "VAR_INST outside of a method": """
        FUNCTION F_A : INT
            VAR_INST
        //  ^ misplaced-block: VAR_INST has no place in a function
        //    hint: VAR_INST belongs into a method of a function block
                n : INT;
            END_VAR
            F_A := 1;
        END_FUNCTION
    """,
    "VAR_IN_OUT in a program": """
        PROGRAM MAIN
            VAR_IN_OUT
        //  ^ misplaced-block: VAR_IN_OUT has no place in a program
                n : INT;
            END_VAR
        END_PROGRAM
    """,
    "VAR_STAT in an interface's method": """
        INTERFACE I_A
            METHOD Run : BOOL
                VAR_STAT
            //  ^ misplaced-block: VAR_STAT has no place in an interface's method
                    n : INT;
                END_VAR
            END_METHOD
        END_INTERFACE
    """,
    "VAR_ACCESS": """
        PROGRAM MAIN
            VAR_ACCESS
        //  ^ misplaced-block: VAR_ACCESS has no place in a program
                n : INT;
            END_VAR
        END_PROGRAM
    """,
    "VAR_EXTERNAL of nothing": """
        VAR_GLOBAL
            counter : INT;
        END_VAR
        PROGRAM MAIN
        VAR_EXTERNAL
            countr : INT;
        //  ^ no-such-global: there is no global countr
        //    hint: did you mean counter?
        END_VAR
        END_PROGRAM
    """,
    "VAR_EXTERNAL of another type": """
        VAR_GLOBAL
            counter : INT;
        END_VAR
        PROGRAM MAIN
        VAR_EXTERNAL
            counter : DINT;
        //  ^ external-type: the global test.counter is INT, not DINT
        END_VAR
        END_PROGRAM
    """,
    "an instance of an abstract function block": """
        FUNCTION_BLOCK ABSTRACT FB_A
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb : ARRAY [0..3] OF FB_A;
        //  ^ abstract-instance: FB_A is ABSTRACT: there are no instances of it
        //    hint: use one of those that extend it, or a POINTER TO it
            p : POINTER TO FB_A;
        END_VAR
        END_PROGRAM
    """,
    "arguments without a function block": """
        PROGRAM MAIN
        VAR
            n : INT(a := 5);
        //  ^ fb-init-arguments: n takes no arguments: INT is no function block
        //    hint: write := before an initial value
        END_VAR
        END_PROGRAM
    """,
    "constants in a circle": """
        VAR_GLOBAL CONSTANT
            a : INT := b + 1;
        //  ^ depends-on-itself: the value of a depends on itself
            b : INT := a + 1;
        END_VAR
    """,
    "a constant without a value": """
        VAR_GLOBAL CONSTANT
            a : INT;
        //  ^ warning constant-without-value: the constant a has no value
        END_VAR
    """,
    "an address that is none": """
        PROGRAM MAIN
        VAR
            y AT %MW1.2 : INT;
        //  ^ address: %MW1.2 is no address
        END_VAR
        END_PROGRAM
    """,
    "a word at a bit": """
        PROGRAM MAIN
        VAR
            x AT %IX0.3 : INT;
        //  ^ address: %IX0.3 is one bit, INT is not
        //    hint: write %IB0
        END_VAR
        END_PROGRAM
    """,
    "a double word in a word": """
        PROGRAM MAIN
        VAR
            x AT %MW0 : DINT;
        //  ^ address: DINT takes 4 bytes, %MW0 names 2
        END_VAR
        END_PROGRAM
    """,
    "an address of a local": """
        FUNCTION F_A : INT
        VAR
            x AT %MW0 : INT;
        //  ^ address: x cannot have an address: it is made anew at each call
        END_VAR
            F_A := x;
        END_FUNCTION
    """,
    "an address of a constant": """
        VAR_GLOBAL CONSTANT
            x AT %MW0 : INT := 1;
        //  ^ address: x cannot have an address: it is a constant
        END_VAR
    """,
    "VAR_CONFIG of nothing": """
        PROGRAM MAIN
        END_PROGRAM
        VAR_CONFIG
            MAIN.fb.x AT %IB0 : BOOL;
        //  ^ no-such-variable: VAR_CONFIG names MAIN.fb.x, which has no address to configure
        END_VAR
    """,
    "a bit for what is reached by reference": """
        FUNCTION_BLOCK FB_A
        VAR
            x AT %I* : BOOL;
        END_VAR
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb : FB_A;
        END_VAR
        END_PROGRAM
        VAR_CONFIG
            MAIN.fb.x AT %IX0.3 : BOOL;
        //  ^ address: MAIN.fb.x is reached by reference, so it needs a byte of its own; the address names a bit
        //    hint: write %IB0
        END_VAR
    """,
    "an address in a VAR_CONFIG that does not fit": """
        PROGRAM MAIN
        VAR
            x AT %I* : DINT;
        END_VAR
        END_PROGRAM
        VAR_CONFIG
            MAIN.x AT %IW0 : DINT;
        //  ^ address: DINT takes 4 bytes, %IW0 names 2
        END_VAR
    """,
    "a text that does not fit": """
        VAR_GLOBAL
            s : STRING(3) := 'hello';
        //                   ^ warning text-too-long: 5 characters do not fit into STRING(3): the rest is cut off
        w : WSTRING(1) := "bc";
        //                ^ warning text-too-long: 2 characters do not fit into WSTRING(1): the rest is cut off
        END_VAR
    """,
    "too many elements": """
        VAR_GLOBAL
            a : ARRAY [0..2] OF INT := [1, 2, 3, 4];
        //                                       ^ too-many-elements: ARRAY [0..2] OF INT has 3 elements; more are given
            b : ARRAY [0..2] OF INT := [1, 3(5)];
        //                                   ^ too-many-elements: ARRAY [0..2] OF INT has 3 elements; more are given
        END_VAR
    """,
    "a field that is not there": """
        TYPE ST_A : STRUCT
            speed : LREAL;
        END_STRUCT END_TYPE
        VAR_GLOBAL
            a : ST_A := (sped := 1);
        //               ^ no-such-field: ST_A has no field sped
        //                 hint: did you mean speed?
            b : ST_A := (speed := 1, speed := 2);
        //                           ^ duplicate: speed is given twice
        END_VAR
    """,
    "a list for a structure": """
        TYPE ST_A : STRUCT
            speed : LREAL;
        END_STRUCT END_TYPE
        VAR_GLOBAL
            a : ST_A := [1, 2];
        //              ^ initial-value: a list in brackets cannot be the value of ST_A
            b : ARRAY [0..1] OF INT := (x := 1);
        //                             ^ initial-value: values of fields cannot be the value of ARRAY [0..1] OF INT
        END_VAR
    """,
    "an initial value of a VAR_IN_OUT": """
        FUNCTION_BLOCK FB_A
        VAR_IN_OUT
            n : INT := 5;
        //             ^ initial-in-out: n is a VAR_IN_OUT: it starts with what the caller passes
        END_VAR
        END_FUNCTION_BLOCK
    """,
    "a VAR_IN_OUT in an instance's values": """
        FUNCTION_BLOCK FB_A
        VAR_IN_OUT
            n : INT;
        END_VAR
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb : FB_A := (n := 3);
        //                ^ initial-value: n refers to a place that its owner does not hold; it has no initial value
        END_VAR
        END_PROGRAM
    """,
    "a default value of a type that is not constant": """
        VAR_GLOBAL
            g : INT;
        END_VAR
        TYPE T_A : INT := g; END_TYPE
        //                ^ not-constant: the default value of T_A must be constant
    """,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_variable_is_told(text: str) -> None:
    """Each wrong declaration of a variable is said once, with its names, at its place."""
    assert_said(text)
