"""The rest of the language as TwinCAT's users write it: names, blocks of variables, operators, calls, attributes."""

from __future__ import annotations

from plc_run import run_st


def seen(text: str, *names: str, cycles: int = 1) -> list[object]:
    """What variables of MAIN hold after the last cycle."""
    return [values[-1] for values in run_st(text, [f"MAIN.{name}" for name in names], cycles).values()]


def main(declared: str, statements: str, before: str = "") -> str:
    return f"{before}\nPROGRAM MAIN\nVAR {declared} END_VAR\n{statements}\nEND_PROGRAM"


def test_comments_case_and_missing_semicolons() -> None:
    """Comments nest, words stand in any case, END_IF and its like need no semicolon, an empty statement is one."""
    text = """
    program MAIN
    Var N : int; end_var
        (* a (* nested *) one *) n := 1; // to the line's end
        if N = 1 then n := N + 1; end_if for n := n to 3 do ; END_FOR
        IF n = 4 THEN n := 40; ELSE IF n = 5 THEN n := 50; END_IF END_IF
        ;;
        CASE n OF 40: n := n + 2; END_CASE
    end_program
    """
    assert seen(text, "n") == [42]


def test_words_that_are_names_too() -> None:
    """What is a keyword in one place only may be a variable."""
    names = ("SET", "TEST", "Reset", "Step", "Read", "Get", "Override", "Parameter", "On", "From", "Action", "Internal")
    declared = " ".join(f"{name} : INT;" for name in names)
    statements = " ".join(f"{name} := {number};" for number, name in enumerate(names))
    assert seen(main(declared, statements), *names) == list(range(len(names)))


def test_conditions_choose_code() -> None:
    """{define}, {undefine}, {IF defined}, ELSIF and ELSE, in code and in declarations."""
    text = """
    PROGRAM MAIN
    VAR a, b, c : INT; {IF defined (NEVER)} d : BOOL; {ELSE} d : INT := 4; {END_IF} END_VAR
        {define FAST}
        {IF defined (FAST)} a := 1; {ELSE} a := 2; {END_IF}
        {IF defined (SLOW)} b := 1; {ELSIF defined (FAST) AND NOT defined (SLOW)} b := 2; {ELSE} b := 3; {END_IF}
        {undefine FAST}
        {IF NOT defined (FAST)} c := 1; {END_IF}
    END_PROGRAM
    """
    assert seen(text, "a", "b", "c", "d") == [1, 2, 1, 4]


def test_conditions_are_evaluated_as_far_as_they_matter() -> None:
    """AND_THEN and OR_ELSE leave the right side alone where the left one decides; & is AND."""
    declared = "p : POINTER TO INT; a, b, c, d : BOOL; n : INT;"
    statements = """
        a := p <> 0 AND_THEN p^ = 5;
        b := p = 0 OR_ELSE p^ = 5;
        IF p <> 0 AND_THEN p^ > 1 THEN n := 1; END_IF
        c := TRUE & NOT a;
        d := (p = 0 AND_THEN TRUE) OR_ELSE p^ = 0;
    """
    assert seen(main(declared, statements), "a", "b", "n", "c", "d") == [False, True, 0, True, True]


def test_operators_by_rank() -> None:
    """Power binds strongest and from the left, then signs, products, sums, comparisons, AND, XOR, OR."""
    rows = [
        ("LREAL", "2 ** 3 ** 2", 64.0),
        ("DINT", "-5 MOD 3", -2),
        ("DINT", "2 + 3 * 4 - 10 / 4", 12),
        ("WORD", "16#FF AND 16#0F OR 16#F00", 0xF0F),
        ("BOOL", "TRUE XOR TRUE AND FALSE", True),
        ("BOOL", "1 + 1 = 2 AND 3 > 2", True),
        ("BOOL", "NOT TRUE OR TRUE", True),
        ("DINT", "3 - (-(-3))", 0),
    ]
    declared = " ".join(f"x{number} : {kind};" for number, (kind, _, _) in enumerate(rows))
    statements = " ".join(f"x{number} := {text};" for number, (_, text, _) in enumerate(rows))
    found = seen(main(declared, statements), *(f"x{number}" for number in range(len(rows))))
    assert found == [value for _, _, value in rows]


def test_variables_of_every_block() -> None:
    """VAR_EXTERNAL, RETAIN, PERSISTENT, VAR_TEMP and VAR_STAT; `.x` is the global beside a local of that name."""
    text = """
    VAR_GLOBAL x : INT := 7; END_VAR
    VAR_GLOBAL PERSISTENT kept : INT := 3; END_VAR
    FUNCTION_BLOCK FB_Count
    VAR_STAT s : INT; END_VAR
    VAR_OUTPUT o : INT; END_VAR
        s := s + 1; o := s;
    END_FUNCTION_BLOCK
    PROGRAM P_Other
    VAR_EXTERNAL x : INT; END_VAR
        x := x + 1;
    END_PROGRAM
    PROGRAM MAIN
    VAR RETAIN a : INT := 5; END_VAR
    VAR PERSISTENT b : INT := 6; END_VAR
    VAR RETAIN PERSISTENT c : INT; END_VAR
    VAR_TEMP t : INT := 5; END_VAR
    VAR x : INT := 100; local, global_, temp, s : INT; one, two : FB_Count; END_VAR
        a := a + 1; b := b + 1; c := a + b + kept;
        t := t + 1; temp := t;
        local := x; global_ := .x;
        one(); two(); s := two.o;
    END_PROGRAM
    """
    found = seen(text, "a", "b", "c", "temp", "local", "global_", "s", cycles=2)
    assert found == [7, 8, 18, 6, 100, 9, 4]


CLASSES = """
INTERFACE I_Base
METHOD M : INT END_METHOD
END_INTERFACE
INTERFACE I_More EXTENDS I_Base
PROPERTY P : INT GET END_GET END_PROPERTY
END_INTERFACE
FUNCTION_BLOCK ABSTRACT FB_Frame IMPLEMENTS I_More
METHOD ABSTRACT M : INT END_METHOD
METHOD FINAL N : INT
    N := 100 + Hidden() + Own() + Inner();
END_METHOD
METHOD PRIVATE Hidden : INT
    Hidden := 1;
END_METHOD
METHOD PROTECTED Own : INT
    Own := 2;
END_METHOD
METHOD INTERNAL Inner : INT
    Inner := 3;
END_METHOD
PROPERTY ABSTRACT P : INT GET END_GET END_PROPERTY
END_FUNCTION_BLOCK
FUNCTION_BLOCK FINAL FB_Real EXTENDS FB_Frame
METHOD M : INT
    M := 5 + Own();
END_METHOD
METHOD PROTECTED Own : INT
    Own := SUPER^.Own() * 10;
END_METHOD
PROPERTY P : INT
GET
    P := 3;
END_GET
END_PROPERTY
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Other IMPLEMENTS I_Base
METHOD M : INT
    M := 9;
END_METHOD
END_FUNCTION_BLOCK
"""


def test_abstract_final_and_access() -> None:
    """What is abstract is filled in below; PRIVATE, PROTECTED, INTERNAL are reached from inside."""
    declared = """
        real : FB_Real; other : FB_Other; base : I_Base; more : I_More; frame : POINTER TO FB_Frame;
        list : ARRAY [0..1] OF I_Base; a, b, c, d, e, i : INT; same, apart, empty : BOOL;
    """
    statements = """
        empty := base = 0;
        a := real.M(); more := real; base := more; b := base.M() * 10 + more.P;
        frame := ADR(real); c := frame^.N();
        list[0] := real; list[1] := other;
        FOR i := 0 TO 1 DO d := d * 100 + list[i].M(); END_FOR
        same := list[0] = base; apart := list[1] <> base;
        base := 0; e := SEL(base = 0, 1, 2);
    """
    names = ("a", "b", "c", "d", "e", "same", "apart", "empty")
    assert seen(main(declared, statements, CLASSES), *names) == [25, 253, 124, 2509, 2, True, True, True]


def test_calls_in_a_row() -> None:
    """A method that gives an interface or a reference can be called on, and a structure's member be taken."""
    text = """
    TYPE ST_P : STRUCT x : INT; l : ARRAY [0..2] OF INT; END_STRUCT END_TYPE
    INTERFACE I_Sum
    METHOD Add : I_Sum VAR_INPUT n : INT; END_VAR END_METHOD
    END_INTERFACE
    FUNCTION_BLOCK FB_Sum IMPLEMENTS I_Sum
    VAR v : INT; END_VAR
    METHOD Add : I_Sum
    VAR_INPUT n : INT; END_VAR
        v := v + n; Add := THIS^;
    END_METHOD
    METHOD Me : REFERENCE TO FB_Sum
        Me REF= THIS^;
    END_METHOD
    METHOD Point : ST_P
        Point.x := v; Point.l[1] := 5;
    END_METHOD
    METHOD Nothing
        v := v + 1000;
    END_METHOD
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR s : FB_Sum; a, b, c : INT; END_VAR
        s.Add(1).Add(2).Add(n := 3);
        a := s.v;
        s.Me().Me().Add(10);
        b := s.Me().v + s.Point().x + s.Point().l[1];
        s.Nothing();
        c := s.v;
    END_PROGRAM
    """
    assert seen(text, "a", "b", "c") == [6, 37, 1016]


def test_what_is_passed_by_reference() -> None:
    """References as inputs and as in-outs, constants as in-outs, blocks as in-outs and by pointer, PVOID for any."""
    text = """
    FUNCTION_BLOCK FB_A VAR_INPUT v : INT := 3; END_VAR END_FUNCTION_BLOCK
    FUNCTION F_Up VAR_INPUT r : REFERENCE TO INT; END_VAR r := r + 1; END_FUNCTION
    FUNCTION F_Ten VAR_IN_OUT r : INT; END_VAR r := r * 10; END_FUNCTION
    FUNCTION F_Len : INT VAR_IN_OUT CONSTANT s : STRING; END_VAR VAR_INPUT CONSTANT k : INT; END_VAR
        F_Len := LEN(s) + k;
    END_FUNCTION
    FUNCTION F_Block : INT VAR_IN_OUT b : FB_A; END_VAR b.v := b.v + 1; F_Block := b.v; END_FUNCTION
    FUNCTION F_Far : INT VAR_INPUT p : POINTER TO FB_A; END_VAR F_Far := p^.v; END_FUNCTION
    FUNCTION F_Copy : INT VAR_INPUT b : FB_A; END_VAR F_Copy := b.v; END_FUNCTION
    PROGRAM MAIN
    VAR
        a : INT := 1; r, q : REFERENCE TO INT; s : STRING := 'abc'; n, m, k : INT; b, c : FB_A; valid, none : BOOL;
        pv : PVOID; x : __UXINT; y : __XWORD; z : __XINT; p : POINTER TO INT; size : ULINT; t : REFERENCE TO INT;
    END_VAR
        none := __ISVALIDREF(r);
        F_Up(a); F_Ten(r := a);
        r REF= a; q REF= r; F_Up(q); F_Ten(r);
        valid := __ISVALIDREF(q);
        n := F_Len(s, 5) + F_Len('de', 1);
        m := F_Block(b) + F_Far(ADR(b)) + F_Copy(b);
        c := b; m := m * 10 + c.v;
        pv := ADR(a); x := pv; y := x; z := -1; p := pv; k := p^;
        size := XSIZEOF(pv) + SIZEOF(x);
        r REF= 0; none := none OR __ISVALIDREF(r);
    END_PROGRAM
    """
    found = seen(text, "a", "valid", "none", "n", "m", "k", "size", "z")
    assert found == [210, True, False, 11, 124, 210, 16, -1]


def test_properties_of_every_type_and_through_inheritance() -> None:
    """Arrays, structures and texts as properties; one that is overridden can call its base's."""
    text = """
    TYPE ST_P : STRUCT x : INT; END_STRUCT END_TYPE
    INTERFACE I_Value
    PROPERTY P : INT GET END_GET SET END_SET END_PROPERTY
    END_INTERFACE
    FUNCTION_BLOCK FB_A IMPLEMENTS I_Value
    VAR _p : INT; _a : ARRAY [0..1] OF INT := [1, 2]; END_VAR
    PROPERTY P : INT GET P := _p; END_GET SET _p := P; END_SET END_PROPERTY
    PROPERTY A : ARRAY [0..1] OF INT GET A := _a; END_GET SET _a := A; END_SET END_PROPERTY
    PROPERTY S : ST_P GET S.x := 3; END_GET END_PROPERTY
    {attribute 'monitoring' := 'call'}
    PROPERTY T : STRING GET T := 'text'; END_GET END_PROPERTY
    END_FUNCTION_BLOCK
    FUNCTION_BLOCK FB_B EXTENDS FB_A
    PROPERTY P : INT GET P := SUPER^.P; END_GET SET SUPER^.P := P + 1; END_SET END_PROPERTY
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR b : FB_B; i : I_Value; n, m : INT; s : STRING; l : ARRAY [0..1] OF INT := [8, 9]; END_VAR
        b.P := 4; b.P := b.P + 1; i := b; n := i.P; i.P := 9;
        m := b.A[1] * 10 + b.S.x; s := b.T; b.A := l;
    END_PROGRAM
    """
    assert seen(text, "n", "b._p", "m", "s", "b._a") == [7, 10, 23, "text", [8, 9]]


def test_actions_by_their_name() -> None:
    """An action of a program is called by its name, one of a block by the instance; inside, its variables are there."""
    text = """
    VAR_GLOBAL g : INT; END_VAR
    FUNCTION_BLOCK FB_A
    VAR v : INT; END_VAR
        Step();
        ACTION Step: v := v + 1; END_ACTION
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR fb : FB_A; own, other : INT; END_VAR
        fb(); fb.Step(); Mine();
        own := fb.v; other := g;
        ACTION Mine: g := own + 9; END_ACTION
    END_PROGRAM
    """
    assert seen(text, "own", "other") == [2, 9]


def test_characters_of_a_text_are_bytes() -> None:
    """A STRING holds Windows-1252; what another encoding makes of it is the reader's business (TcEncoding)."""
    text = """
    PROGRAM MAIN
    VAR s : STRING := 'ä€'; {attribute 'TcEncoding' := 'UTF-8'} u : STRING := UTF8#'ä'; n, m : INT; b, c : BYTE;
        p : POINTER TO BYTE; END_VAR
        n := LEN(s); p := ADR(s); b := p[1]; m := LEN(u); c := u[0];
    END_PROGRAM
    """
    assert seen(text, "n", "b", "m", "c") == [2, 0x80, 2, 0xC3]


def test_where_code_and_variables_stand() -> None:
    """__POSITION gives line and column, BITADR area and bit of a written address, __POUNAME the code's name."""
    text = """PROGRAM MAIN
VAR
    b AT %MX3.5 : BOOL; w AT %IW2 : INT; q AT %QB1 : BYTE;
    x, y, z : DWORD; p, body, name : STRING;
    declared : STRING := __POSITION();
END_VAR
    x := BITADR(b); y := BITADR(w); z := BITADR(q);
    body := __POSITION(); name := __POUNAME();
END_PROGRAM
"""
    assert seen(text, "x", "y", "z", "declared", "body", "name") == [
        0x4000001D, 0x80000010, 0xC0000008, "Line 5 (Decl)", "Line 8, Column 13 (Impl)", "MAIN",
    ]  # fmt: skip
