"""What only a whole application shows: recursion, tasks that share, programs that are not there."""

from __future__ import annotations

import pytest
from plc_wrong import accepted, assert_said

RECURSION = {
    "a function that calls itself": """
        FUNCTION F_A : INT
        VAR_INPUT
            n : INT;
        END_VAR
            F_A := F_A(n - 1);
        //         ^ recursion: F_A calls itself
        END_FUNCTION
    """,
    "functions in a circle": """
        FUNCTION F_A : INT
            F_A := F_B();
        //         ^ recursion: F_A calls itself: F_A calls F_B calls F_C calls F_A
        END_FUNCTION
        FUNCTION F_B : INT
            F_B := F_C();
        END_FUNCTION
        FUNCTION F_C : INT
            F_C := F_A();
        END_FUNCTION
    """,
    "a method that calls itself": """
        FUNCTION_BLOCK FB_A
            METHOD Run : INT
                Run := Run();
        //             ^ recursion: FB_A.Run calls itself
        //               hint: write a loop, or allow it, bounded: {attribute 'dinrail.recursive'} before the function
            END_METHOD
        END_FUNCTION_BLOCK
    """,
}


@pytest.mark.parametrize("text", RECURSION.values(), ids=RECURSION.keys())
def test_recursion_is_refused_with_its_circle(text: str) -> None:
    """A function that certainly calls itself is refused, and all on the way are named."""
    assert_said(text)


def test_recursion_is_taken_where_it_is_allowed() -> None:
    """The attribute `dinrail.recursive` on one function of a circle allows it."""
    program = accepted("""
        {attribute 'dinrail.recursive'}
        FUNCTION F_A : INT
        VAR_INPUT
            n : INT;
        END_VAR
            IF n > 0 THEN
                F_A := F_A(n - 1);
            END_IF
        END_FUNCTION
    """)
    assert [each.recursion_allowed for each in program.functions] == [True]


def test_a_circle_that_may_not_close_is_bounded_and_not_refused() -> None:
    """Calls through an interface could come back: the functions on the way are marked, nothing is said."""
    program = accepted("""
        INTERFACE I_Node
            METHOD Run
            END_METHOD
        END_INTERFACE
        FUNCTION_BLOCK FB_Leaf IMPLEMENTS I_Node
            METHOD Run
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_Node IMPLEMENTS I_Node
        VAR
            child : I_Node;
        END_VAR
            METHOD Run
                IF child <> 0 THEN
                    child.Run();
                END_IF
            END_METHOD
        END_FUNCTION_BLOCK
    """)
    allowed = {each.name for each in program.functions if each.recursion_allowed}
    assert allowed == {"FB_Node.Run"}


def test_a_task_that_calls_what_is_no_program() -> None:
    """A program that a task calls and that is not there is told with a near name."""
    assert_said(
        """
        PROGRAM Main_1
        END_PROGRAM
        //@0 no-such-program: the task Fast calls MAIN1, which is no program of this project
        //   hint: did you mean Main_1?
        """,
        tasks=[("Fast", ["MAIN1"])],
    )


TWO_TASKS = [("Fast", ["P_Fast"]), ("Slow", ["P_Slow"])]
SHARED = {
    "a variable that two tasks write": """
        VAR_GLOBAL
            n : INT;
        END_VAR
        PROGRAM P_Fast
            n := 1;
        //  ^ warning shared: test.n is written by the tasks Fast and Slow
        //    hint: let one task write it; give the other a variable of its own
        END_PROGRAM
        PROGRAM P_Slow
            n := 2;
        END_PROGRAM
    """,
    "an array that is too large to be handed over": """
TYPE T : ARRAY[0..9999] OF LREAL; END_TYPE
VAR_GLOBAL
    s : T;
END_VAR
PROGRAM P_Fast
VAR
    mine : T;
END_VAR
  s := mine;
//^ warning shared: test.s (T) is written by the task Fast and read by Slow: its 80000 bytes are not written in one step
//  hint: more than 65536 bytes are not handed over: make it smaller, or let one task do both
END_PROGRAM
PROGRAM P_Slow
VAR
    mine : T;
END_VAR
    mine := s;
END_PROGRAM
    """,
    "a structure beside a flag that both write": """
TYPE ST : STRUCT
    a, b : LREAL;
END_STRUCT END_TYPE
VAR_GLOBAL
    s : ST;
    ready : BOOL;
END_VAR
PROGRAM P_Fast
VAR
    mine : ST;
END_VAR
IF NOT ready THEN
    s := mine;
//  ^ warning shared: test.s (ST) is written by the task Fast and read by Slow: its 16 bytes are not written in one step
//    hint: test.ready cannot be handed over; where it is no handshake: {attribute 'dinrail.no_handshake'}
    ready := TRUE;
//  ^ warning shared: test.ready is written by the tasks Fast and Slow
END_IF
END_PROGRAM
PROGRAM P_Slow
VAR
    mine : ST;
END_VAR
    IF ready THEN
        mine := s;
        ready := FALSE;
    END_IF
END_PROGRAM
    """,
    "a function block that both call": """
        FUNCTION_BLOCK FB_A
        VAR
            n : INT;
        END_VAR
            n := n + 1;
        END_FUNCTION_BLOCK
        VAR_GLOBAL
            fb : FB_A;
        END_VAR
        PROGRAM P_Fast
            fb();
        //  ^ warning shared: test.fb is written by the tasks Fast and Slow
        END_PROGRAM
        PROGRAM P_Slow
            fb();
        END_PROGRAM
    """,
}


@pytest.mark.parametrize("text", SHARED.values(), ids=SHARED.keys())
def test_what_tasks_disturb_each_other_with_is_told(text: str) -> None:
    """Two writers, or values wider than a word that cannot be handed over as a whole, give a warning."""
    assert_said(text, tasks=TWO_TASKS)


def test_what_one_task_writes_and_different_fields_may_be_shared() -> None:
    """One writer and readers of a structure, and two fields of one structure, are fine."""
    accepted(
        """
        TYPE ST_A : STRUCT
            a, b : LREAL;
        END_STRUCT END_TYPE
        VAR_GLOBAL
            n : ST_A;
            s : ST_A;
        END_VAR
        PROGRAM P_Fast
            n.a := n.a + 1;
            s.a := 1;
        END_PROGRAM
        PROGRAM P_Slow
        VAR
            m : ST_A;
        END_VAR
            m := n;
            s.b := 2;
        END_PROGRAM
        """,
        tasks=TWO_TASKS,
    )
