"""What TwinCAT warns of: the program runs, and is hardly what was meant."""

from __future__ import annotations

from plc_wrong import assert_said


def test_what_cannot_run_and_what_does_nothing() -> None:
    """Behind RETURN, EXIT, CONTINUE and JMP; a value as a statement; a label without a jump."""
    assert_said("""
PROGRAM MAIN
VAR n, i : INT; END_VAR
    n;
//  ^ warning no-effect: this statement has no effect
    FOR i := 1 TO 3 DO
        IF i = 2 THEN
            EXIT;
            n := 5;
//          ^ warning unreachable: this is never reached
        ELSE
            CONTINUE;
            ;n := 6;
//           ^ warning unreachable: this is never reached
        END_IF
    END_FOR
    JMP done;
    n := 7;
//  ^ warning unreachable: this is never reached
    done:
    nobody:
//  ^ warning unused-label: nothing jumps to the label NOBODY
    RETURN;
    n := 8;
//  ^ warning unreachable: this is never reached
END_PROGRAM
""")


def test_a_function_that_never_sets_its_result() -> None:
    """It always gives the type's default; one that has no code at all is a placeholder."""
    assert_said("""
FUNCTION F_A : INT
//       ^ warning no-result: F_A never sets its result
VAR n : INT; END_VAR
    n := 1;
END_FUNCTION
FUNCTION F_B : INT
END_FUNCTION
""")


def test_messages_that_the_program_itself_gives() -> None:
    """{warning} and {error} are told where they are compiled; {info} and {text} are the editor's."""
    assert_said("""
PROGRAM MAIN
VAR n : INT; END_VAR
    {warning 'to be tuned'}
//  ^ warning message: to be tuned
    {IF defined (NEVER)}
    {error 'not compiled'}
    {ELSE}
    {error 'no hardware chosen'}
//  ^ message: no hardware chosen
    {END_IF}
    {info 'x'} {text 'y'} {region 'z'} n := 1; {endregion}
END_PROGRAM
""")


def test_what_is_obsolete_is_told_where_it_is_used() -> None:
    """Types, blocks, functions and methods with {attribute 'obsolete'}; not where they are declared."""
    assert_said("""
{attribute 'obsolete' := 'use F_New'}
FUNCTION F_Old : INT
    F_Old := 1;
END_FUNCTION
{attribute 'obsolete'}
FUNCTION_BLOCK FB_Old
    {attribute 'obsolete' := 'Run'}
    METHOD Go : INT
        Go := 1;
    END_METHOD
END_FUNCTION_BLOCK
{attribute 'obsolete' := 'ST_New'}
TYPE ST_Old : STRUCT n : INT; END_STRUCT END_TYPE
PROGRAM MAIN
VAR
    n : INT;
    fb : FB_Old;
//       ^ warning obsolete: FB_Old is obsolete
    st : ST_Old;
//       ^ warning obsolete: ST_Old is obsolete: ST_New
END_VAR
    n := F_Old();
//       ^ warning obsolete: F_Old is obsolete: use F_New
    n := fb.Go() + st.n;
//          ^ warning obsolete: Go is obsolete: Run
END_PROGRAM
""")
