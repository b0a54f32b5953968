"""Wrong function blocks, interfaces, methods and properties: what is said, and where."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

INTERFACE = """
        INTERFACE I_Run
            METHOD Run : BOOL
            VAR_INPUT
                n : INT;
            END_VAR
            END_METHOD
            PROPERTY Speed : LREAL
                GET
                END_GET
            END_PROPERTY
        END_INTERFACE
"""

WRONG = {
    "extending nothing": """
        FUNCTION_BLOCK FB_Base
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_Bas
        //                          ^ unknown-type: there is no function block FB_Bas
        //                            hint: did you mean FB_Base?
        END_FUNCTION_BLOCK
    """,
    "extending an interface": """
        INTERFACE I_A
        END_INTERFACE
        FUNCTION_BLOCK FB_A EXTENDS I_A
        //                          ^ extends: a function block can only extend a function block; I_A is an interface
        //                            hint: write IMPLEMENTS I_A
        END_FUNCTION_BLOCK
    """,
    "extending a structure": """
        TYPE ST_A : STRUCT
            n : INT;
        END_STRUCT END_TYPE
        FUNCTION_BLOCK FB_A EXTENDS ST_A
        //                          ^ extends: a function block can only extend a function block; ST_A is a type
        END_FUNCTION_BLOCK
    """,
    "implementing a function block": """
    FUNCTION_BLOCK FB_B
    END_FUNCTION_BLOCK
    FUNCTION_BLOCK FB_A IMPLEMENTS FB_B
    //                             ^ extends: a function block can only implement an interface; FB_B is a function block
    END_FUNCTION_BLOCK
    """,
    "extending itself": """
        FUNCTION_BLOCK FB_A EXTENDS FB_A
        //                          ^ extends-itself: FB_A extends itself
        END_FUNCTION_BLOCK
    """,
    "extending itself by way of others": """
        FUNCTION_BLOCK FB_A EXTENDS FB_B
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_B EXTENDS FB_C
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_C EXTENDS FB_A
        //                          ^ extends-itself: FB_C extends itself by way of FB_A
        END_FUNCTION_BLOCK
    """,
    "an interface that extends itself": """
        INTERFACE I_A EXTENDS I_B
        END_INTERFACE
        INTERFACE I_B EXTENDS I_A
        //                    ^ extends-itself: I_B extends itself by way of I_A
        END_INTERFACE
    """,
    "extending what is FINAL": """
        FUNCTION_BLOCK FINAL FB_B
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
        //                          ^ final-extended: FB_B is FINAL: FB_A cannot extend it
        END_FUNCTION_BLOCK
    """,
    "implementing twice": """
        INTERFACE I_A
        END_INTERFACE
        FUNCTION_BLOCK FB_A IMPLEMENTS I_A, I_A
        //                                  ^ duplicate: FB_A implements I_A twice
        END_FUNCTION_BLOCK
    """,
    "a variable that the base has": """
        FUNCTION_BLOCK FB_B
        VAR
            n : INT;
        END_VAR
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
        VAR
            N : INT;
        //  ^ duplicate: N is declared in FB_B already
        //    hint: FB_A extends it; take another name
        END_VAR
        END_FUNCTION_BLOCK
    """,
    "a method with the name of a variable": """
        FUNCTION_BLOCK FB_A
        VAR
            run : INT;
        END_VAR
            METHOD Run
        //         ^ duplicate: FB_A has a variable Run already
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "a method twice": """
        FUNCTION_BLOCK FB_A
            METHOD Run
            END_METHOD
            METHOD RUN
        //         ^ duplicate: FB_A has a method RUN already
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "a method that is not implemented": INTERFACE
    + """
        FUNCTION_BLOCK FB_A IMPLEMENTS I_Run
        //             ^ not-implemented: FB_A does not implement I_Run.Run
        //@24 not-implemented: FB_A does not implement I_Run.Speed (get)
        END_FUNCTION_BLOCK
    """,
    "a method that is implemented otherwise": INTERFACE
    + """
        FUNCTION_BLOCK FB_A IMPLEMENTS I_Run
            METHOD Run : BOOL
        //         ^ override-signature: Run does not implement I_Run.Run: n is DINT instead of INT
            VAR_INPUT
                n : DINT;
            END_VAR
            END_METHOD
            PROPERTY Speed : REAL
                GET
        //      ^ override-signature: Speed.get does not implement I_Run.Speed (get): gives REAL instead of LREAL
                    Speed := 1;
                END_GET
            END_PROPERTY
        END_FUNCTION_BLOCK
    """,
    "an interface's method that is PRIVATE": """
        INTERFACE I_A
            METHOD Run
            END_METHOD
        END_INTERFACE
        FUNCTION_BLOCK FB_A IMPLEMENTS I_A
            METHOD PRIVATE Run
        //                 ^ override-access: Run implements I_A.Run, so it cannot be PRIVATE
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "overriding with other parameters": """
        FUNCTION_BLOCK FB_B
            METHOD One
            VAR_INPUT
                n : INT;
            END_VAR
            END_METHOD
            METHOD Two
            VAR_INPUT
                n : INT;
            END_VAR
            END_METHOD
            METHOD Three : INT
                Three := 1;
            END_METHOD
            METHOD Four
            VAR_OUTPUT
                n : INT;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
            METHOD One
        //         ^ override-signature: One overrides that of FB_B, but takes 2 parameters instead of one parameter
            VAR_INPUT
                n, m : INT;
            END_VAR
            END_METHOD
            METHOD Two
        //         ^ override-signature: Two overrides that of FB_B, but has m where n is expected
            VAR_INPUT
                m : INT;
            END_VAR
            END_METHOD
            METHOD Three : DINT
        //         ^ override-signature: Three overrides that of FB_B, but gives DINT instead of INT
                Three := 1;
            END_METHOD
            METHOD Four
        //         ^ override-signature: Four overrides that of FB_B, but has n as in_out instead of output
            VAR_IN_OUT
                n : INT;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "overriding what is FINAL, PRIVATE, or seen by others": """
        FUNCTION_BLOCK FB_B
            METHOD FINAL One
            END_METHOD
            METHOD PRIVATE Two
            END_METHOD
            METHOD PROTECTED Three
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
            METHOD One
        //         ^ final-overridden: One is FINAL in FB_B: FB_A cannot override it
            END_METHOD
            METHOD Two
        //         ^ private-overridden: FB_B has a PRIVATE Two, which FB_A can neither see nor override
        //           hint: take another name, or make it PROTECTED there
            END_METHOD
            METHOD Three
        //         ^ override-access: Three is PROTECTED in FB_B, and PUBLIC here
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "ABSTRACT in what is not": """
        FUNCTION_BLOCK FB_A
            METHOD ABSTRACT Run
        //                  ^ abstract-method: Run is ABSTRACT, but FB_A is not
        //                    hint: write FUNCTION_BLOCK ABSTRACT FB_A
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "ABSTRACT that nobody implements": """
        FUNCTION_BLOCK ABSTRACT FB_B
            METHOD ABSTRACT Run
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
        //             ^ not-implemented: FB_A does not implement FB_B.Run, which is ABSTRACT
        //               hint: implement it, or make the function block ABSTRACT
        END_FUNCTION_BLOCK
    """,
    "an interface that an abstract base leaves open": """
        INTERFACE I_A
            METHOD Run
            END_METHOD
        END_INTERFACE
        FUNCTION_BLOCK ABSTRACT FB_B IMPLEMENTS I_A
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
        //             ^ not-implemented: FB_A does not implement I_A.Run, which FB_B leaves open
        END_FUNCTION_BLOCK
    """,
    "a property without accessors": """
        FUNCTION_BLOCK FB_A
            PROPERTY Speed : LREAL
        //           ^ empty-property: the property Speed can neither be read nor written
        //             hint: give it a GET or a SET
            END_PROPERTY
        END_FUNCTION_BLOCK
    """,
    "a result that cannot be": """
        FUNCTION F_A : ARRAY [*] OF INT
        //             ^ result: a result cannot be ARRAY [*] OF INT
        END_FUNCTION
    """,
    "FB_Init without its own two inputs": """
        FUNCTION_BLOCK FB_A
            METHOD FB_Init : BOOL
        //         ^ fb-init-signature: FB_Init gives BOOL and begins with two inputs of the system's
            VAR_INPUT
                n : INT;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "FB_Init that does not begin as its base's": """
        FUNCTION_BLOCK FB_B
            METHOD FB_Init : BOOL
            VAR_INPUT
                bInitRetains : BOOL;
                bInCopyCode : BOOL;
                nId : INT;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_B
            METHOD FB_Init : BOOL
        //         ^ override-signature: FB_Init of FB_A must begin as that of FB_B does: nId is missing
            VAR_INPUT
                bInitRetains : BOOL;
                bInCopyCode : BOOL;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
    """,
    "FB_Init's arguments": """
        FUNCTION_BLOCK FB_A
            METHOD FB_Init : BOOL
            VAR_INPUT
                bInitRetains : BOOL;
                bInCopyCode : BOOL;
                nId : INT;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_B
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb1 : FB_A;
        //  ^ fb-init-arguments: FB_Init of FB_A needs nId
        //    hint: write FB_A(nId := ...) in the declaration
            fb2 : FB_A(1, 2);
        //                ^ fb-init-arguments: FB_Init of FB_A takes one argument; 2 are given
            fb3 : FB_B(n := 1);
        //             ^ fb-init-arguments: FB_B has no FB_Init that could take arguments
        //               hint: write := (x := 1) to set its inputs
            fb4 : ARRAY [0..1] OF FB_A[(nId := 1)];
        //  ^ fb-init-arguments: fb4 has 2 elements; arguments are given for 1
        END_VAR
        END_PROGRAM
    """,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_block_is_told(text: str) -> None:
    """Each wrong function block, interface or member is said once, with its names, at its place."""
    assert_said(text)
