"""Classes on machine code: methods, properties, inheritance, interfaces, pointers, the heap."""

from __future__ import annotations

from plc_run import run_st

SHAPES = """
INTERFACE I_Shape
METHOD Area : INT
VAR_INPUT factor : INT := 1; END_VAR
END_METHOD
PROPERTY Edges : INT
GET END_GET
SET END_SET
END_PROPERTY
END_INTERFACE
INTERFACE I_Named
METHOD Name : STRING
END_METHOD
END_INTERFACE
FUNCTION_BLOCK FB_Shape IMPLEMENTS I_Shape
VAR_INPUT w : INT := 2; END_VAR
VAR _edges : INT := 4; calls : INT; END_VAR
    calls := calls + 1;
METHOD Area : INT
VAR_INPUT factor : INT := 1; END_VAR
    Area := w * w * factor;
END_METHOD
METHOD Double : INT
    Double := THIS^.Area() * 2;
END_METHOD
METHOD Plain : INT
    Plain := Area(factor := 3);
END_METHOD
PROPERTY Edges : INT
GET
    Edges := _edges;
END_GET
SET
    _edges := Edges;
END_SET
END_PROPERTY
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Tri EXTENDS FB_Shape IMPLEMENTS I_Named
VAR h : INT := 10; END_VAR
    SUPER^();
    calls := calls + 10;
METHOD Area : INT
VAR_INPUT factor : INT := 1; END_VAR
    Area := SUPER^.Area(factor) + h;
END_METHOD
METHOD Name : STRING
    Name := 'tri';
END_METHOD
END_FUNCTION_BLOCK
FUNCTION F_Call : INT
VAR_IN_OUT s : FB_Shape; END_VAR
    F_Call := s.Area();
    s();
END_FUNCTION
FUNCTION F_ByRef : INT
VAR_INPUT s : REFERENCE TO FB_Shape; i : I_Shape; END_VAR
    F_ByRef := s.Area() * 100 + i.Area(2);
END_FUNCTION
"""


def values(declared: str, statements: str, *names: str, cycles: int = 1) -> list[object]:
    """What the variables of MAIN hold after the last cycle."""
    text = f"{SHAPES}\nPROGRAM MAIN VAR {declared} END_VAR\n{statements}\nEND_PROGRAM"
    found = run_st(text, [f"MAIN.{name}" for name in names], cycles)
    return [seen[-1] for seen in found.values()]


def test_a_method_is_the_instances_own() -> None:
    """An overridden method runs also where the base calls it, by THIS^, by its bare name, by a pointer or reference."""
    declared = "s : FB_Shape; t : FB_Tri; p : POINTER TO FB_Shape; a, b, c, d, e, f, g : INT;"
    statements = """
    a := s.Area();
    b := t.Area();
    c := t.Double();
    d := t.Plain();
    p := ADR(t);
    e := p^.Area(factor := 2);
    f := F_Call(t);
    g := F_ByRef(t, t);
    """
    assert values(declared, statements, "a", "b", "c", "d", "e", "f", "g") == [4, 14, 28, 22, 18, 14, 1418]


def test_a_body_is_the_instances_own() -> None:
    """Calling an instance through its base runs the body of its class; SUPER^() runs the base's."""
    declared = "s : FB_Shape; t : FB_Tri; p : POINTER TO FB_Shape; a : INT;"
    assert values(declared, "s(); t(); p := ADR(t); p^(); a := F_Call(t);", "s.calls", "t.calls") == [1, 33]


def test_an_interface_reaches_methods_and_properties() -> None:
    """An interface holds an instance of any class that has it, or nothing; properties go through it too."""
    declared = "s : FB_Shape; t : FB_Tri; i : I_Shape; n : I_Named; a, b, c, d : INT; x, y, z : BOOL; name : STRING;"
    statements = """
    x := i = 0;
    i := s; a := i.Area(3);
    i := t; b := i.Area(3);
    i.Edges := 3; c := t.Edges + i.Edges;
    y := __QUERYINTERFACE(i, n); name := n.Name();
    i := s; z := __QUERYINTERFACE(i, n) OR n <> 0;
    d := SEL(TRUE, a, b);
    """
    assert values(declared, statements, "a", "b", "c", "d", "x", "y", "z", "name") == [
        12, 22, 6, 22, True, True, False, "tri",
    ]  # fmt: skip


def test_a_pointer_is_asked_for_the_class() -> None:
    """__QUERYPOINTER gives the instance where it is of the pointer's class or below, else 0."""
    declared = "s : FB_Shape; t : FB_Tri; i : I_Shape; p : POINTER TO FB_Tri; x, y : BOOL; a : INT;"
    statements = "i := t; x := __QUERYPOINTER(i, p); a := p^.h; i := s; y := __QUERYPOINTER(i, p) OR p <> 0;"
    assert values(declared, statements, "x", "y", "a") == [True, False, 10]


def test_a_property_may_be_a_structure_or_refer() -> None:
    """A property of structure type gives a copy, one of reference type the variable itself."""
    text = """
TYPE ST_P : STRUCT x : INT; y : INT; END_STRUCT END_TYPE
FUNCTION_BLOCK FB_A
VAR p : ST_P := (x := 1, y := 2); END_VAR
PROPERTY Copy : ST_P
GET
    Copy := p;
END_GET
SET
    p := Copy;
END_SET
END_PROPERTY
PROPERTY Ref : REFERENCE TO ST_P
GET
    Ref REF= p;
END_GET
END_PROPERTY
METHOD Where : REFERENCE TO INT
    Where REF= p.y;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN VAR a : FB_A; q : ST_P; n, m : INT; END_VAR
    q := a.Copy;
    q.x := 10;
    n := a.Copy.x;
    a.Copy := q;
    a.Ref.y := 30;
    m := a.Ref.x + a.Where();
    a.Where() := 7;
END_PROGRAM
"""
    found = run_st(text, ["MAIN.n", "MAIN.m", "MAIN.a.p.x", "MAIN.a.p.y", "MAIN.q.y"])
    assert [seen[-1] for seen in found.values()] == [1, 40, 10, 7, 2]


def test_locals_of_methods_by_their_kind() -> None:
    """VAR and VAR_TEMP begin anew at each call, VAR_INST stays with the instance, VAR_STAT with the class."""
    text = """
FUNCTION_BLOCK FB_A
METHOD Step : INT
VAR a : INT := 5; END_VAR
VAR_INST b : INT; END_VAR
VAR_STAT c : INT; END_VAR
    a := a + 1; b := b + 1; c := c + 1;
    Step := a * 100 + b * 10 + c;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN VAR x, y : FB_A; n, m : INT; END_VAR
    n := x.Step(); n := x.Step(); m := y.Step();
END_PROGRAM
"""
    assert run_st(text, ["MAIN.n", "MAIN.m"]) == {"MAIN.n": [622], "MAIN.m": [613]}


def test_the_heap_makes_instances_and_takes_them_back() -> None:
    """__NEW runs the initial values and FB_Init, __DELETE runs FB_Exit and leaves the pointer 0."""
    text = """
VAR_GLOBAL gExits : INT; END_VAR
FUNCTION_BLOCK FB_A
VAR n : INT := 3; END_VAR
METHOD FB_Init : BOOL
VAR_INPUT bInitRetains : BOOL; bInCopyCode : BOOL; start : INT; END_VAR
    n := n + start;
END_METHOD
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
    gExits := gExits + n;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR p : POINTER TO FB_A; q : POINTER TO INT; n, exits, k : INT; gone : BOOL; END_VAR
    p := __NEW(FB_A(start := 4));
    IF p <> 0 THEN n := p^.n; END_IF
    q := __NEW(INT, 10);
    q[9] := 5; k := q[9] + q[0];
    __DELETE(p);
    __DELETE(q);
    gone := p = 0 AND q = 0;
    __DELETE(p);
    exits := gExits;
END_PROGRAM
"""
    found = run_st(text, ["MAIN.n", "MAIN.k", "MAIN.gone", "MAIN.exits"], 3)
    assert {name: seen[-1] for name, seen in found.items()} == {
        "MAIN.n": 7, "MAIN.k": 5, "MAIN.gone": True, "MAIN.exits": 21,
    }  # fmt: skip
