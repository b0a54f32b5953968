"""Names, members, places: what is refused, and in which words."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

NAMES = {
    "a name that nothing has": """
PROGRAM MAIN VAR nCount : INT; END_VAR
    nCount := nCuont + 1;
    //        ^ undeclared: nCuont is not declared
    //          hint: did you mean nCount?
END_PROGRAM
""",
    "each wrong name of a statement": """
PROGRAM MAIN VAR n : INT; END_VAR
    n := firstWrong
    //   ^ undeclared: firstWrong is not declared
       + otherWrong;
    //   ^ undeclared: otherWrong is not declared
END_PROGRAM
""",
    "a member that a structure does not have": """
TYPE ST_P : STRUCT nLeft : INT; END_STRUCT END_TYPE
PROGRAM MAIN VAR p : ST_P; END_VAR
    p.nLeff := 1;
    //^ no-member: ST_P has no member nLeff
    //  hint: did you mean nLeft?
END_PROGRAM
""",
    "a member of an elementary variable": """
PROGRAM MAIN VAR n : INT; END_VAR
    n.x := 1;
    //^ no-member: INT has no members; x is no constant that names a bit
END_PROGRAM
""",
    "a member of an enumeration": """
TYPE E_S : (Idle, Busy); END_TYPE
PROGRAM MAIN VAR e : E_S; END_VAR
    e := E_S.Idel;
    //       ^ no-member: the enumeration E_S has no member Idel
    //         hint: did you mean Idle?
END_PROGRAM
""",
    "a bare member of two enumerations": """
TYPE E_A : (Same, OtherA); END_TYPE
TYPE E_B : (Same, OtherB); END_TYPE
PROGRAM MAIN VAR n : INT; END_VAR
    n := Same;
    //   ^ ambiguous: SAME is a member of several enumerations
    //     hint: write one of E_A.Same, E_B.Same
END_PROGRAM
""",
    "a member of a qualified_only enumeration without it": """
{attribute 'qualified_only'}
TYPE E_A : (Only, OtherA); END_TYPE
PROGRAM MAIN VAR e : E_A; END_VAR
    e := Only;
    //   ^ undeclared: Only is not declared
END_PROGRAM
""",
    "a bit that its type does not have": """
PROGRAM MAIN VAR w : WORD; b : BOOL; END_VAR
    b := w.16;
    //     ^ bit: WORD has bits 0 to 15, not 16
END_PROGRAM
""",
    "a bit of a REAL": """
PROGRAM MAIN VAR r : REAL; b : BOOL; END_VAR
    b := r.3;
    //     ^ bit: REAL has no bits to reach
END_PROGRAM
""",
    "a bit of a call's result": """
FUNCTION F_W : WORD F_W := 1; END_FUNCTION
PROGRAM MAIN VAR b : BOOL; END_VAR
    b := F_W().3;
    //         ^ bit: a call's result has no bits to reach
    //           hint: assign it to a variable first
END_PROGRAM
""",
    "an index outside of the array": """
PROGRAM MAIN VAR a : ARRAY [1..3] OF INT; END_VAR
    a[4] := 1;
    //@6 index-range: index 4 is outside of ARRAY [1..3] OF INT (1..3)
END_PROGRAM
""",
    "a pointer without ^": """
TYPE ST_P : STRUCT x : INT; END_STRUCT END_TYPE
PROGRAM MAIN VAR p : POINTER TO ST_P; END_VAR
    p.x := 1;
    //^ pointer: POINTER TO ST_P has no member x
    //  hint: write ^.x
END_PROGRAM
""",
    "^ of what is no pointer": """
PROGRAM MAIN VAR n : INT; END_VAR
    n^ := 1;
    //@6 pointer: INT is no pointer, so it has no ^
END_PROGRAM
""",
    "THIS in a program": """
PROGRAM MAIN VAR n : INT; END_VAR
    n := THIS^.x;
    //       ^ no-instance: THIS is for function blocks and their methods
END_PROGRAM
""",
    "SUPER of what extends nothing": """
FUNCTION_BLOCK FB_A
    SUPER^();
    //   ^ super: FB_A extends nothing, so there is no SUPER
END_FUNCTION_BLOCK
""",
    "a block's name in place of an instance": """
FUNCTION_BLOCK FB_A VAR_INPUT x : INT; END_VAR END_FUNCTION_BLOCK
PROGRAM MAIN
    FB_A.x := 1;
    //   ^ no-instance: the function block FB_A needs an instance
    //     hint: declare one: fb : FB_A;
END_PROGRAM
""",
}


@pytest.mark.parametrize("rule", NAMES)
def test_a_name_that_means_nothing_here_is_told_with_its_place(rule: str) -> None:
    """What cannot be found or reached is refused where it stands, with a near name where there is one."""
    assert_said(NAMES[rule])
