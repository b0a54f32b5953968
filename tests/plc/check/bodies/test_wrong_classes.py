"""Methods, properties, interfaces, THIS and SUPER: what is refused, and in which words."""

from __future__ import annotations

import pytest
from plc_wrong import assert_said

HEAD = """
INTERFACE I_Run
METHOD Run : BOOL
VAR_INPUT n : INT; END_VAR
END_METHOD
PROPERTY Speed : INT
GET END_GET
END_PROPERTY
END_INTERFACE
INTERFACE I_Stop
METHOD Stop : BOOL
END_METHOD
END_INTERFACE
FUNCTION_BLOCK ABSTRACT FB_Base IMPLEMENTS I_Run
VAR m : INT; END_VAR
METHOD PUBLIC ABSTRACT Run : BOOL
VAR_INPUT n : INT; END_VAR
END_METHOD
METHOD PROTECTED Inner : INT
    Inner := m;
END_METHOD
METHOD PRIVATE Own : INT
    Own := m;
END_METHOD
PROPERTY Speed : INT
GET
    Speed := m;
END_GET
END_PROPERTY
PROPERTY Target : INT
SET
    m := Target;
END_SET
END_PROPERTY
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Run EXTENDS FB_Base
METHOD PUBLIC Run : BOOL
VAR_INPUT n : INT; END_VAR
    m := n + Inner();
    Run := TRUE;
END_METHOD
METHOD Bad : INT
    %s
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR fb : FB_Run; i : INT; b : BOOL; run : I_Run; stop : I_Stop; p : POINTER TO FB_Run; END_VAR
"""

OUTSIDE = [
    ("fb.Inner();", 4, "access: Inner of FB_Base is PROTECTED"),
    ("fb.Own();", 4, "access: Own of FB_Base is PRIVATE"),
    ("fb.Speed := 1;", 4, "read-only: the property Speed has no SET: it cannot be written"),
    ("i := fb.Target;", 9, "write-only: the property Target has no GET: it cannot be read"),
    ("fb.Run;", 4, "missing-parentheses: the method Run is called with parentheses"),
    ("i := fb.Run;", 9, "missing-parentheses: the method Run is called with parentheses"),
    ("fb.Run();", 4, "missing-argument: Run needs a value for n"),
    ("fb.Rum(1);", 4, "no-member: FB_Run has no member Rum"),
    ("fb.m := 1;", 4, "read-only: this cannot be assigned to: it is no input of FB_Run"),
    ("run := 5;", 8, "conversion: cannot convert the number 5 to type I_Run"),
    ("stop := fb;", 9, "conversion: cannot convert type FB_Run to type I_Stop"),
    ("stop := run;", 9, "conversion: cannot convert type I_Run to type I_Stop"),
    ("fb := run;", 7, "conversion: cannot convert type I_Run to type FB_Run"),
    ("run.Stop();", 5, "no-member: I_Run has no member Stop"),
    ("run();", 1, "not-callable: I_Run cannot be called"),
    ("b := run < fb;", 10, "compare: cannot compare I_Run with FB_Run"),
    ("i := run + 1;", 10, "operator: + is not possible between I_Run and INT"),
    ("b := __QUERYINTERFACE(run, i);", 28, "query: the second argument is a variable that holds an interface"),
    ("b := __QUERYINTERFACE(i, stop);", 23, "query: this asks an interface or an instance, not INT"),
    ("p := __NEW(FB_Base);", 12, "abstract: FB_Base is ABSTRACT: it has no instances"),
    ("p := __NEW(5);", 12, "new: __NEW needs a type"),
    ("__DELETE(i);", 1, "delete: __DELETE needs a variable that holds a pointer"),
]


@pytest.mark.parametrize(("statement", "column", "said"), OUTSIDE)
def test_what_a_class_keeps_to_itself_is_not_reached_from_outside(statement: str, column: int, said: str) -> None:
    """Access, accessors and interfaces decide what a statement outside of the class may do."""
    assert_said(HEAD % "Bad := 1;" + f"{statement}\n//@{column} {said}\nEND_PROGRAM")


INSIDE = [
    ("Bad := Own();", 12, "access: Own of FB_Base is PRIVATE"),
    ("SUPER^.Run(1);", 12, "abstract-call: the method Run is ABSTRACT there: it has nothing to run"),
    ("Bad := SUPER^.nope;", 19, "no-member: FB_Base has no member nope"),
    ("THIS.m := 1;", 10, "pointer: POINTER TO FB_Run has no member m"),
    ("Bad := Target;", 12, "write-only: the property Target has no GET: it cannot be read"),
]


@pytest.mark.parametrize(("statement", "column", "said"), INSIDE)
def test_a_method_reaches_what_its_class_inherits(statement: str, column: int, said: str) -> None:
    """Inside of a class, PRIVATE of its base stays closed, and what is abstract cannot run."""
    text = HEAD % f"{statement}\n//@{column} {said}"
    if not statement.startswith("Bad"):
        text = text.replace("METHOD Bad : INT", "METHOD Bad")
    assert_said(text + "    fb.Run(1);\nEND_PROGRAM")
