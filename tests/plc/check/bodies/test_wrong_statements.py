"""Statements: loops, CASE, jumps, __TRY; what is refused or warned about, and in which words."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

WRONG = {
    "CASE labels that overlap": """
PROGRAM MAIN VAR i : INT; END_VAR
    CASE i OF
        1, 2: i := 0;
        2: i := 1;
    //  ^ duplicate-label: the label 2 occurs already
        5..9: i := 2;
        9..12: i := 3;
    //   ^ duplicate-label: the label 9..12 occurs already
    END_CASE
END_PROGRAM
""",
    "CASE labels that are no constants, or do not fit": """
TYPE E_S : (Idle, Busy); END_TYPE
PROGRAM MAIN VAR u : USINT; n : USINT; e : E_S; r : REAL; END_VAR
    CASE u OF
        n: u := 0;
    //  ^ case-label: a label of CASE is a constant
    //    hint: use IF for what is known at run time only
        300: u := 1;
    //  ^ constant-range: 300 does not fit USINT (0..255)
        9..5: u := 2;
    //   ^ case-range: the range 9..5 is empty: its first number is the larger one
    END_CASE
    CASE r OF
    //   ^ case-selector: CASE needs an integer or an enumeration, this is REAL
        1: u := wrong;
    //          ^ undeclared: wrong is not declared
    END_CASE
    CASE e OF
        Idle: u := 1;
        E_S.Busy: u := 2;
    END_CASE
END_PROGRAM
""",
    "FOR with what does not count": """
PROGRAM MAIN VAR r : REAL; i : INT; u : USINT; END_VAR
VAR CONSTANT c : INT := 1; END_VAR
    FOR r := 0 TO 10 DO i := 1; END_FOR
    //  ^ for-variable: FOR counts with an integer variable, this is REAL
    FOR i := 0 TO 10 BY 0 DO u := 1; END_FOR
    //                  ^ for-step: a step of 0 never ends
    FOR i := 0 TO r DO u := 1; END_FOR
    //            ^ for-bound: FOR counts to an integer, this is REAL
    FOR u := 0 TO 300 DO i := wrong; END_FOR
    //            ^ constant-range: 300 does not fit USINT (0..255)
    //                        ^ undeclared: wrong is not declared
    FOR c := 0 TO 3 DO i := 1; END_FOR
    //  ^ read-only: this cannot be assigned to: it is a constant
    FOR i := 0 TO 3 DO
        i := 3;
    //    ^ warning loop-variable: the FOR loop's variable i is changed inside of it
    END_FOR
END_PROGRAM
""",
    "EXIT and CONTINUE outside of a loop": """
PROGRAM MAIN VAR i : INT; END_VAR
    IF i > 0 THEN EXIT; END_IF
    //            ^ no-loop: EXIT stands in no loop
    CONTINUE;
    //@5 no-loop: CONTINUE stands in no loop
END_PROGRAM
""",
    "what is never reached": """
FUNCTION F_A : INT
    F_A := 1;
    RETURN;
    F_A := 2;
    //@5 warning unreachable: this is never reached
    F_A := 3;
END_FUNCTION
PROGRAM MAIN VAR i : INT; END_VAR
    WHILE i < 3 DO
        EXIT;
        i := F_A();
    //  ^ warning unreachable: this is never reached
    END_WHILE
    JMP done;
done:
    i := 0;
END_PROGRAM
""",
    "labels": """
PROGRAM MAIN VAR i : INT; END_VAR
again:
    //@1 warning unused-label: nothing jumps to the label AGAIN
    i := i + 1;
again:
    //@1 duplicate: there is a label again already
    JMP nowhere;
    //@5 no-label: there is no label NOWHERE here
END_PROGRAM
""",
    "__TRY that is left": """
FUNCTION F_A : INT
VAR code : DINT; END_VAR
    WHILE F_A < 3 DO
        __TRY
            F_A := F_A + 1;
            WHILE F_A < 2 DO EXIT; END_WHILE
            EXIT;
    //      ^ leaves-try: EXIT would leave the __TRY that it stands in
    //        hint: set a variable, and leave behind __ENDTRY
            RETURN;
    //      ^ leaves-try: RETURN would leave the __TRY that it stands in
        __CATCH(code)
            RETURN;
        __ENDTRY
    END_WHILE
END_FUNCTION
PROGRAM MAIN VAR i : INT; s : STRING; END_VAR
    i := F_A();
    __TRY
        i := 1;
    __CATCH(s)
    //      ^ catch: __CATCH takes a variable of type __SYSTEM.ExceptionCode or DINT, not STRING(80)
        i := 2;
    __ENDTRY
END_PROGRAM
""",
    "a function that never sets its result": """
FUNCTION F_A : INT
//       ^ warning no-result: F_A never sets its result
VAR_INPUT x : INT; END_VAR
    x := 1;
END_FUNCTION
PROGRAM MAIN VAR i : INT; END_VAR
    i := F_A(1);
END_PROGRAM
""",
    "references": """
TYPE ST_P : STRUCT x : INT; END_STRUCT END_TYPE
PROGRAM MAIN VAR r : REFERENCE TO INT; i : INT; d : DINT; w : WORD; END_VAR
    r REF= d;
    //     ^ reference: type DINT is not what REFERENCE TO INT refers to
    //       hint: a reference takes variables of its very type
    r REF= 5;
    //     ^ reference: a reference needs a variable to refer to
    r REF= w.0;
    //       ^ reference: a reference needs a variable to refer to
    i REF= d;
    //@7 reference: REF= is for variables of type REFERENCE TO, this is INT
    r REF= i;
    r := 3;
    i := __ISVALIDREF(i);
    //   ^ reference: __ISVALIDREF is for references, this is INT
END_PROGRAM
""",
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_statement_that_cannot_be_meant_is_told(rule: str) -> None:
    """What a statement cannot do, or never does, is said at its place; what stands beside it is still looked at."""
    assert_said(WRONG[rule])
