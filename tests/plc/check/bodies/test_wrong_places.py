"""Places, arrays and lists of values; what is refused, and in which words."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

HEAD = """
FUNCTION F_Fill
VAR_IN_OUT t : STRING(20); END_VAR
    t := 'x';
END_FUNCTION
FUNCTION F_Size : DINT
VAR_IN_OUT v : ARRAY [*] OF INT; END_VAR
    F_Size := UPPER_BOUND(v, 1);
END_FUNCTION
FUNCTION F_Open : DINT
VAR_IN_OUT v : ARRAY [*] OF INT; END_VAR
    F_Open := SIZEOF(v);
    //@15 sizeof: the size of ARRAY [*] OF INT is not known here
END_FUNCTION
PROGRAM MAIN
VAR
    n : DINT; i : INT; r : REAL; m : ARRAY [0..1, 0..1] OF INT; a : ARRAY [0..2] OF INT; s : STRING(5);
END_VAR
    n := F_Size(a);
    n := F_Open(a);
"""

PLACES = [
    ("n := i[1];", 7, "index: INT is no array"),
    ("n := a[r];", 8, "index: an index is an integer, this is REAL"),
    ("n := m[1];", 7, "index-count: ARRAY [0..1,0..1] OF INT has 2 dimensions, 1 given"),
    ("n := UPPER_BOUND(i, 1);", 6, "index: INT is no array, it has no bounds"),
    ("n := LOWER_BOUND(a, 2);", 21, "index-count: ARRAY [0..2] OF INT has dimensions 1 to 1"),
    ("5 := n;", 1, "target: this is nothing that can be assigned to"),
    ("F_Size(a) := n;", 1, "target: this is nothing that can be assigned to"),
    ("n := SINT#300;", 6, "literal: 300 does not fit SINT (-128 .. 127)"),
    ("n := 2#102;", 6, "literal: `2` is no digit of base 2"),
    (
        "F_Fill(s);",
        8,
        "warning in-out-length: t may write up to 20 characters, the variable holds 5",
    ),
]


@pytest.mark.parametrize(("statement", "column", "said"), PLACES)
def test_wrong_places_are_told_where_they_are(statement: str, column: int, said: str) -> None:
    """The message stands at the part that is wrong."""
    assert_said(f"{HEAD}{statement}\n//@{column} {said}\nEND_PROGRAM")


VALUES = [
    ("i := [1, 2]", 26, "initialiser: [...] is for arrays, this is INT"),
    ("i := (x := 1)", 26, "initialiser: (... := ...) is for structures, this is INT"),
    ("a := [1, 2, 3]", 26, "initialiser: more than the 2 elements of ARRAY [0..1] OF INT"),
]


@pytest.mark.parametrize(("given", "column", "said"), VALUES)
def test_values_that_are_assigned_behind_fb_init_fit_their_fields(given: str, column: int, said: str) -> None:
    """Lists for arrays, names for structures, not more than there is room for."""
    assert_said(f"""
FUNCTION_BLOCK FB_A
VAR_INPUT i : INT; a : ARRAY [0..1] OF INT; END_VAR
    METHOD FB_Init : BOOL
    VAR_INPUT bInitRetains : BOOL; bInCopyCode : BOOL; END_VAR
        FB_Init := TRUE;
    END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR
    n : INT; fb : FB_A := ({given});
//@{column + 7} {said}
END_VAR
    fb();
END_PROGRAM
""")


def test_an_expression_is_not_too_high() -> None:
    """Hundreds of operators in one expression are told once, and nothing else is said of it."""
    terms = " + ".join(["n"] * 250)
    assert_said(f"""
PROGRAM MAIN
VAR n : DINT; END_VAR
    n := {terms};
//@{len("    n := ") + len(terms) - 2} nesting: this expression chains more than 200 operators
    n := 1;
END_PROGRAM
""")
