"""Methods and interfaces: who runs, for an instance that is known, and for one that is not."""

from __future__ import annotations

from plc_run import run_st

SHAPES = """
INTERFACE I_Named
PROPERTY Name : STRING GET END_GET END_PROPERTY
END_INTERFACE
INTERFACE I_Shape EXTENDS I_Named
METHOD Area : LREAL
END_METHOD
END_INTERFACE
FUNCTION_BLOCK ABSTRACT FB_Shape IMPLEMENTS I_Shape
VAR_INPUT fSide : LREAL := 2.0; END_VAR
VAR nCalls : INT; END_VAR
METHOD ABSTRACT Area : LREAL
END_METHOD
METHOD Twice : LREAL
Twice := 2 * THIS^.Area();
END_METHOD
PROPERTY Name : STRING
GET
Name := 'shape';
END_GET
END_PROPERTY
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Square EXTENDS FB_Shape
METHOD Area : LREAL
nCalls := nCalls + 1;
Area := fSide * fSide;
END_METHOD
PROPERTY Name : STRING
GET
Name := 'square';
END_GET
END_PROPERTY
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Line EXTENDS FB_Shape
METHOD Area : LREAL
Area := fSide;
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Cube EXTENDS FB_Square
METHOD Area : LREAL
Area := 6 * SUPER^.Area();
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Bolt IMPLEMENTS I_Named
PROPERTY Name : STRING
GET
Name := 'bolt';
END_GET
END_PROPERTY
END_FUNCTION_BLOCK
"""


def test_each_instance_runs_its_own_class_s_method_through_an_interface() -> None:
    """Through one interface three classes answer, inherited and overridden, methods and properties."""
    text = f"""{SHAPES}
    PROGRAM MAIN
    VAR
        q : FB_Square; l : FB_Line; c : FB_Cube; b : FB_Bolt; s : ARRAY [0..2] OF I_Shape; n : ARRAY [0..3] OF I_Named;
        area : ARRAY [0..2] OF LREAL; name : ARRAY [0..3] OF STRING; i : INT; calls : INT;
    END_VAR
    s[0] := q; s[1] := l; s[2] := c;
    n[0] := q; n[1] := l; n[2] := c; n[3] := b;
    FOR i := 0 TO 2 DO
        area[i] := s[i].Area();
    END_FOR
    FOR i := 0 TO 3 DO
        name[i] := n[i].Name;
    END_FOR
    calls := q.nCalls;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.area", "MAIN.name", "MAIN.q.nCalls", "MAIN.c.nCalls", "MAIN.l.nCalls"])
    assert seen == {
        "MAIN.area": [[4.0, 2.0, 24.0]],
        "MAIN.name": [["square", "shape", "square", "bolt"]],
        "MAIN.q.nCalls": [1],
        "MAIN.c.nCalls": [1],
        "MAIN.l.nCalls": [0],
    }


def test_an_inherited_method_calls_what_the_instance_overrides() -> None:
    """THIS^ is the instance's own class, also in a method that it inherited, and through pointers to its base."""
    text = f"""{SHAPES}
    PROGRAM MAIN
    VAR q : FB_Square; c : FB_Cube; l : FB_Line; p : POINTER TO FB_Shape; r : ARRAY [0..3] OF LREAL; END_VAR
    r[0] := q.Twice();
    r[1] := c.Twice();
    p := ADR(l);
    r[2] := p^.Twice();
    p := ADR(c);
    r[3] := p^.Area();
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.r"]) == {"MAIN.r": [[8.0, 48.0, 4.0, 24.0]]}


def test_a_class_is_asked_for_an_interface_at_run_time() -> None:
    """__QUERYINTERFACE gives the instance when its class has the interface, and says FALSE when not."""
    text = f"""{SHAPES}
    PROGRAM MAIN
    VAR q : FB_Square; b : FB_Bolt; n : I_Named; s : I_Shape; yes : BOOL; no : BOOL; area : LREAL; none : BOOL; END_VAR
    n := q;
    yes := __QUERYINTERFACE(n, s);
    IF yes THEN
        area := s.Area();
    END_IF
    n := b;
    no := __QUERYINTERFACE(n, s);
    none := s = 0;
    END_PROGRAM
    """
    watched = run_st(text, ["MAIN.yes", "MAIN.area", "MAIN.no", "MAIN.none"])
    assert watched == {"MAIN.yes": [True], "MAIN.area": [4.0], "MAIN.no": [False], "MAIN.none": [True]}


def test_arguments_are_evaluated_from_left_to_right() -> None:
    """Two calls with effects in one expression happen in the order in which they are written."""
    text = """
    VAR_GLOBAL n : DINT; END_VAR
    FUNCTION F_Next : DINT
    n := n * 10 + 1;
    F_Next := n;
    END_FUNCTION
    FUNCTION F_Pair : DINT
    VAR_INPUT a : DINT; b : DINT; END_VAR
    F_Pair := a * 1000 + b;
    END_FUNCTION
    PROGRAM MAIN
    VAR x : DINT; y : DINT; END_VAR
    n := 0;
    x := F_Pair(F_Next(), F_Next());
    n := 0;
    y := F_Next() - F_Next() * 2;
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.x", "MAIN.y"]) == {"MAIN.x": [1011], "MAIN.y": [1 - 22]}


def test_an_index_with_an_effect_is_evaluated_once() -> None:
    """A call as an index runs once, though its result is checked and used."""
    text = """
    VAR_GLOBAL n : DINT; END_VAR
    FUNCTION F_Next : DINT
    n := n + 1;
    F_Next := n;
    END_FUNCTION
    PROGRAM MAIN
    VAR a : ARRAY [1..4, 1..4] OF DINT; END_VAR
    n := 0;
    a[F_Next(), F_Next()] := 7;
    a[F_Next(), 1] := a[1, 2] + 1;
    END_PROGRAM
    """
    rows = [[0] * 4 for _ in range(4)]
    seen = run_st(text, ["MAIN.a"])["MAIN.a"][0]
    rows[0][1] = 7
    rows[2][0] = 8
    assert seen == [each for row in rows for each in row]
