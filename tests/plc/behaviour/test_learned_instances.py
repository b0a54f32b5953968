"""What public projects write about instances and addresses, and what it does: values from the language's rules."""

from __future__ import annotations

from plc_run import run_st


def test_a_text_holds_the_path_of_its_instance() -> None:
    """instance-path in a block with reflection, in blocks below it, in elements, as ADS names them; elsewhere none."""
    text = """
    {attribute 'reflection'}
    FUNCTION_BLOCK FB_Base
    VAR
        {attribute 'instance-path'}
        {attribute 'noinit'}
        sPath : STRING(12);
        n : INT := 5;
    END_VAR
    END_FUNCTION_BLOCK
    FUNCTION_BLOCK FB_Plain
    VAR
        {attribute 'instance-path'}
        sPath : STRING;
        inner : FB_Base;
    END_VAR
    END_FUNCTION_BLOCK
    FUNCTION_BLOCK FB_Below EXTENDS FB_Base
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR p : FB_Plain; a : ARRAY [1..2, 0..1] OF FB_Below; END_VAR
        ;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.p.sPath", "MAIN.p.inner.sPath", "MAIN.p.inner.n", "MAIN.a[2,0].sPath"])
    assert seen == {
        "MAIN.p.sPath": [""],
        "MAIN.p.inner.sPath": ["MAIN.p.inner"],
        "MAIN.p.inner.n": [5],
        "MAIN.a[2,0].sPath": ["MAIN.a[2,0]"],
    }


def test_located_fields_of_a_local_instance_are_its_own() -> None:
    """An instance in a method has nobody outside to map its inputs to: they start anew with each call."""
    text = """
    FUNCTION_BLOCK FB_Io
    VAR_INPUT
        nIn AT %I* : INT := 3;
        bIn AT %I* : BOOL;
    END_VAR
    END_FUNCTION_BLOCK
    FUNCTION F_Read : INT
    VAR_INPUT n : INT; END_VAR
    VAR fb : FB_Io; p : POINTER TO INT := ADR(fb.nIn); a : ARRAY [0..1] OF FB_Io; q : POINTER TO INT; END_VAR
        q := ADR(a[1].nIn);
        q^ := 1000;
        F_Read := fb.nIn * 10 + n;
        p^ := 7;
        F_Read := F_Read + fb.nIn * 100 + a[1].nIn;
    END_FUNCTION
    PROGRAM MAIN
    VAR x, y : INT; io : FB_Io; END_VAR
        x := F_Read(1);
        x := F_Read(2);
        y := io.nIn;
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.x", "MAIN.y"]) == {"MAIN.x": [1732], "MAIN.y": [3]}


def test_return_with_a_condition_leaves_where_it_holds() -> None:
    """RETURN(condition), where the condition may assign, too."""
    text = """
    FUNCTION F_Grade : INT
    VAR_INPUT n : INT; END_VAR
    VAR bLow : BOOL; END_VAR
        F_Grade := 1;
        RETURN(bLow := n < 10);
        F_Grade := 2;
        RETURN (n < 20);
        F_Grade := SEL(bLow, 3, 99);
    END_FUNCTION
    PROGRAM MAIN
    VAR a, b, c : INT; END_VAR
        a := F_Grade(5);
        b := F_Grade(15);
        c := F_Grade(25);
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.a", "MAIN.b", "MAIN.c"]) == {"MAIN.a": [1], "MAIN.b": [2], "MAIN.c": [3]}


def test_any_is_kept_as_the_structure_that_it_is() -> None:
    """A parameter of type ANY can be assigned to __SYSTEM.AnyType, by an alias and a reference, too."""
    text = """
    TYPE T_Value : __SYSTEM.AnyType; END_TYPE
    FUNCTION F_Keep : T_Value
    VAR_INPUT v : ANY; END_VAR
    VAR r : REFERENCE TO T_Value; END_VAR
        r REF= v;
        F_Keep := v;
        F_Keep.diSize := F_Keep.diSize + 10 * r.diSize;
    END_FUNCTION
    PROGRAM MAIN
    VAR t : T_Value; n : INT := 7; p : POINTER TO INT; bInt : BOOL; d : DINT; END_VAR
        t := F_Keep(n);
        p := t.pValue;
        p^ := p^ + 1;
        bInt := t.TypeClass = __SYSTEM.TYPE_CLASS.TYPE_INT;
        d := t.diSize;
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.n", "MAIN.bInt", "MAIN.d"]) == {"MAIN.n": [8], "MAIN.bInt": [True], "MAIN.d": [22]}


def test_an_instance_may_give_its_own_memory_back() -> None:
    """__DELETE(THIS), after which as many can be made as before; FB_Exit runs."""
    text = (
        """
    {attribute 'enable_dynamic_creation'}
    FUNCTION_BLOCK FB_Job
    VAR_INPUT n : INT := 4; END_VAR
    VAR a : ARRAY [0..99_999] OF BYTE; END_VAR
    METHOD FB_Exit : BOOL
    VAR_INPUT bInCopyCode : BOOL; END_VAR
        GVL.nExits := GVL.nExits + 1;
    END_METHOD
    METHOD Finish : INT
        Finish := n;
        __DELETE(THIS);
    END_METHOD
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR p : POINTER TO FB_Job; i, nSum, nNone, nExits : INT; empty : FB_Job := (); END_VAR
        FOR i := 1 TO 500 DO
            p := __NEW(FB_Job);
            IF p = 0 THEN nNone := nNone + 1; ELSE nSum := nSum + p^.Finish(); END_IF
        END_FOR
        nExits := GVL.nExits;
    END_PROGRAM
    """.replace("GVL.nExits", "nGone")
        + "VAR_GLOBAL nGone : INT; END_VAR"
    )
    seen = run_st(text, ["MAIN.nSum", "MAIN.nNone", "MAIN.nExits", "MAIN.empty.n"])
    assert seen == {"MAIN.nSum": [2000], "MAIN.nNone": [0], "MAIN.nExits": [500], "MAIN.empty.n": [4]}


def test_an_alias_is_the_type_that_it_stands_for() -> None:
    """In methods that implement or override others; a strict enumeration is its base where an in-out counts on it."""
    text = """
    {attribute 'strict'}
    TYPE E_Mode : (Manual := 3, Automatic := 4) UINT; END_TYPE
    TYPE T_Port : UINT; END_TYPE
    INTERFACE I_Port
    METHOD Next : UINT
    VAR_INPUT n : UINT; END_VAR
    END_METHOD
    END_INTERFACE
    FUNCTION_BLOCK FB_Port IMPLEMENTS I_Port
    METHOD Next : T_Port
    VAR_INPUT n : T_Port; END_VAR
        Next := n + 1;
    END_METHOD
    END_FUNCTION_BLOCK
    FUNCTION F_Follow : UINT
    VAR_IN_OUT n : UINT; END_VAR
        n := n + 1;
        F_Follow := n;
    END_FUNCTION
    PROGRAM MAIN
    VAR fb : FB_Port; ip : I_Port; x, y : UINT; eMode : E_Mode := E_Mode.Manual; bAutomatic : BOOL; END_VAR
        ip := fb;
        x := ip.Next(851);
        y := F_Follow(eMode);
        bAutomatic := eMode = E_Mode.Automatic;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.x", "MAIN.y", "MAIN.bAutomatic"])
    assert seen == {"MAIN.x": [852], "MAIN.y": [4], "MAIN.bAutomatic": [True]}


def test_a_choice_may_be_a_pointer_or_none() -> None:
    """SEL between an address and 0 is an address, on either side."""
    text = """
    PROGRAM MAIN
    VAR f : BOOL; n : INT := 5; p, q : POINTER TO INT; a, b : INT; END_VAR
        p := SEL(f, 0, ADR(n));
        q := SEL(f, ADR(n), 0);
        a := SEL(p = 0, p^, -1);
        b := SEL(q = 0, q^, -1);
        f := TRUE;
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.a", "MAIN.b"], cycles=2) == {"MAIN.a": [-1, 5], "MAIN.b": [5, -1]}
