"""Which loops go without a look at the abort flag: those that are sure to end, and no others."""

from __future__ import annotations

import pytest
from plc_run import checked, fault_of_st, run_st

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault, TaskProgram
from dinrail.plc.emit.module import write_module

HEAD = """
VAR_GLOBAL g : INT; k : INT; END_VAR
FUNCTION F_Bump : INT
VAR_IN_OUT v : INT; END_VAR
v := v - 1;
END_FUNCTION
FUNCTION F_Global : INT
g := g - 1;
END_FUNCTION
FUNCTION_BLOCK FB_Own
VAR i : INT; j : INT; a : ARRAY [0..9] OF INT; n : LINT; p : POINTER TO INT; END_VAR
{own}
END_FUNCTION_BLOCK
FUNCTION F_Local : LINT
VAR i : INT; j : INT; a : ARRAY [0..9] OF INT; p : POINTER TO INT; n : LINT; END_VAR
{local}
F_Local := n;
END_FUNCTION
PROGRAM MAIN
VAR fb : FB_Own; n : LINT; i : INT; j : INT; a : ARRAY [0..9] OF INT; p : POINTER TO INT; x : LINT; END_VAR
{main}
fb();
x := F_Local();
END_PROGRAM
"""


def looks(*, own: str = "", local: str = "", main: str = "") -> int:
    """How many loops look at the flag."""
    program, _ = checked(HEAD.format(own=own, local=local, main=main))
    module = write_module(program, [TaskProgram("PlcTask", [program.entry["MAIN"]])], Options())
    return module.text.count("load atomic i32, ptr %ctx monotonic")


SHORT = [
    "FOR i := 0 TO 9 DO a[i] := i; END_FOR",
    "FOR i := 9 TO 0 BY -1 DO n := n + a[i]; END_FOR",
    "FOR i := 1 TO 9 BY 2 DO IF a[i] = 0 THEN EXIT; END_IF CONTINUE; END_FOR",
    "FOR i := 5 TO 1 DO n := n + 1; END_FOR",
]
LONG = [
    "FOR i := 0 TO 9 DO i := i - 1; END_FOR",
    "FOR i := 0 TO 9 DO i.0 := FALSE; END_FOR",
    "FOR i := 0 TO 30000 DO n := n + 1; END_FOR",
    "FOR i := 0 TO j DO n := n + 1; END_FOR",
    "FOR i := j TO 9 DO n := n + 1; END_FOR",
    "FOR i := 0 TO 9 DO F_Bump(v := i); END_FOR",
    "p := ADR(i); FOR i := 0 TO 9 DO p^ := 0; END_FOR",
    "WHILE i < 10 DO i := i + 1; END_WHILE",
    "REPEAT i := i + 1; UNTIL i > 5 END_REPEAT",
]


@pytest.mark.parametrize("place", ["own", "local", "main"])
@pytest.mark.parametrize("loop", SHORT)
def test_a_short_for_that_nothing_disturbs_does_not_look(loop: str, place: str) -> None:
    """Constant bounds, few rounds, a variable that only the loop changes: in a program, a block, a function."""
    assert looks(**{place: loop}) == 0


@pytest.mark.parametrize("place", ["own", "local", "main"])
@pytest.mark.parametrize("loop", LONG)
def test_a_loop_that_could_turn_for_ever_looks(loop: str, place: str) -> None:
    """Whatever might change the variable, or make many rounds, keeps the look."""
    assert looks(**{place: loop}) == 1


def test_only_the_innermost_of_two_goes_without() -> None:
    """The outer loop looks once for each run of the inner one."""
    assert looks(main="FOR i := 0 TO 9 DO FOR j := 0 TO 9 DO a[j] := i; END_FOR END_FOR") == 1


def test_a_global_that_a_called_function_changes_keeps_the_look() -> None:
    """A static loop variable and a call: nobody knows what the call does."""
    assert looks(main="FOR g := 0 TO 9 DO F_Global(); END_FOR") == 1
    assert looks(main="FOR k := 0 TO 9 DO n := n + 1; END_FOR") == 0


@pytest.mark.parametrize("loop", LONG[:2] + LONG[5:7])
def test_the_loops_that_never_end_are_ended(loop: str) -> None:
    """Each of these turns for ever: the flag still ends it."""
    text = HEAD.format(own="", local="", main=loop)
    assert fault_of_st(text, limit_s=0.2).code == Fault.RUNAWAY


def test_a_short_loop_counts_as_it_always_did() -> None:
    """Rounds and the variable's last value are those of the language."""
    text = HEAD.format(
        own="", local="", main="\n".join((*SHORT[:2], "n := 0;", SHORT[3], "FOR i := 1 TO 10 DO n := n + i; END_FOR"))
    )
    assert run_st(text, ["MAIN.n", "MAIN.i"]) == {"MAIN.n": [55], "MAIN.i": [11]}
