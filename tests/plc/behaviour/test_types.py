"""Types that a project declares: aliases, subranges, structures, unions, bits, arrays, texts, packing."""

from __future__ import annotations

from plc_run import run_st


def seen(text: str, *names: str, cycles: int = 1) -> list[object]:
    """What variables of MAIN hold after the last cycle."""
    return [values[-1] for values in run_st(text, [f"MAIN.{name}" for name in names], cycles).values()]


def test_aliases_of_everything() -> None:
    """Of scalars, texts, arrays, pointers, aliases; with a default of their own."""
    text = """
    TYPE T_Count : INT := 42; END_TYPE
    TYPE T_Same : T_Count; END_TYPE
    TYPE T_Name : STRING(4); END_TYPE
    TYPE T_List : ARRAY [0..1] OF T_Count; END_TYPE
    TYPE T_Where : POINTER TO T_Count; END_TYPE
    PROGRAM MAIN
    VAR a : T_Count; b : T_Same := 3; c : T_Name; d : T_List; e : T_Where; f : T_Same; END_VAR
        c := 'abcdefgh';
        e := ADR(b);
        e^ := e^ + 1;
        d[1] := b;
    END_PROGRAM
    """
    assert seen(text, "a", "b", "c", "d", "f") == [42, 4, "abcd", [42, 4], 42]


def test_subranges() -> None:
    """They start inside of their range, and hold what their base holds."""
    text = """
    TYPE T_Percent : INT (0..100); END_TYPE
    TYPE T_Month : USINT (1..12) := 7; END_TYPE
    PROGRAM MAIN
    VAR a : T_Percent := 50; b : T_Month; c : UINT (10..20); d : DINT (-5..5); n : UDINT; END_VAR
        a := a + 25;
        n := SIZEOF(b);
    END_PROGRAM
    """
    assert seen(text, "a", "b", "c", "n") == [75, 7, 10, 1]


def test_structures_extend_and_nest() -> None:
    """Inherited members come first; values by name at any depth; assignment copies all of it."""
    text = """
    TYPE ST_Base : STRUCT x : INT; y : INT := 9; END_STRUCT END_TYPE
    TYPE ST_More EXTENDS ST_Base : STRUCT z : INT; END_STRUCT END_TYPE
    TYPE ST_Deep : STRUCT more : ST_More := (x := 4); list : ARRAY [0..2] OF INT := [3(5)]; END_STRUCT END_TYPE
    PROGRAM MAIN
    VAR
        a : ST_More := (x := 1, z := 3);
        b : ARRAY [0..1] OF ST_Base := [(x := 1), (y := 2)];
        c : ST_Deep := (more := (z := 8), list := [1, 2(7)]);
        d : ST_Deep;
        e : ARRAY [1..3] OF ST_Base := [(x := 1), 2((x := 7))];
        p : POINTER TO ST_Base; n : INT;
    END_VAR
        d := c;
        d.list[0] := 100;
        p := ADR(a);
        n := p^.y + p^.x;
    END_PROGRAM
    """
    names = ("a.y", "a.z", "b[0].y", "b[1].x", "b[1].y", "c.more.x", "c.more.y", "c.more.z", "c.list", "d.list")
    assert seen(text, *names, "d.more.z", "e[3].x", "e[1].y", "n") == [
        9, 3, 9, 0, 2, 4, 9, 8, [1, 7, 7], [100, 7, 7], 8, 7, 9, 10,
    ]  # fmt: skip


def test_unions_and_bits() -> None:
    """Members of a union lie over each other; BITs of a structure share a byte, a BIT of a union is its first."""
    text = """
    TYPE ST_Bits : STRUCT b0 : BIT; b1 : BIT; b2 : BIT; b3 : BIT; END_STRUCT END_TYPE
    TYPE U_Number : UNION r : REAL; d : DWORD; bytes : ARRAY [0..3] OF BYTE; END_UNION END_TYPE
    TYPE U_Bits : UNION whole : BYTE; bits : ST_Bits; first : BIT; END_UNION END_TYPE
    TYPE ST_Mixed : STRUCT a : BIT; b : BIT; c : BYTE; d : BIT; END_STRUCT END_TYPE
    FUNCTION_BLOCK FB_Bits
    VAR x, y : BIT; END_VAR
        x := TRUE; y := NOT x;
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR u : U_Number; b : U_Bits; m : ST_Mixed; fb : FB_Bits; n : UDINT; x, y : BOOL; END_VAR
        u.r := 1.0;
        b.bits.b0 := TRUE; b.bits.b3 := TRUE;
        x := b.first;
        n := SIZEOF(m);
        m.b := TRUE;
        fb();
        y := fb.x AND NOT fb.y;
    END_PROGRAM
    """
    assert seen(text, "u.d", "u.bytes", "b.whole", "x", "n", "m.b", "m.a", "y") == [
        0x3F800000, [0, 0, 0x80, 0x3F], 9, True, 3, True, False, True,
    ]  # fmt: skip


def test_packing() -> None:
    """pack_mode 0 and 1 leave no gaps, 2, 4 and 8 align up to that width; 8 is the default."""
    modes = "".join(
        f"{{attribute 'pack_mode' := '{n}'}} TYPE S{n} : STRUCT a : BYTE; b : LREAL; c : BYTE; END_STRUCT END_TYPE\n"
        for n in (0, 1, 2, 4, 8)
    )
    text = f"""{modes}
    TYPE S : STRUCT a : BYTE; b : LREAL; c : BYTE; END_STRUCT END_TYPE
    PROGRAM MAIN VAR n : ARRAY [0..5] OF UDINT; END_VAR
        n[0] := SIZEOF(S0); n[1] := SIZEOF(S1); n[2] := SIZEOF(S2); n[3] := SIZEOF(S4); n[4] := SIZEOF(S8);
        n[5] := SIZEOF(S);
    END_PROGRAM
    """
    assert seen(text, "n") == [[10, 10, 12, 16, 24, 24]]


def test_bounds_and_lengths_are_constant_expressions() -> None:
    """Of the same POU, of a list, members of enumerations, in several dimensions."""
    text = """
    VAR_GLOBAL CONSTANT cMost : INT := 2 + 2; cHold : TIME := T#2s; END_VAR
    TYPE E_Axis : (X, Y, Z); END_TYPE
    FUNCTION_BLOCK FB_A
    VAR CONSTANT cOwn : INT := 4; END_VAR
    VAR a : ARRAY [1..cOwn] OF INT; END_VAR
    VAR_OUTPUT o : INT; END_VAR
        a[cOwn] := cOwn; o := a[4];
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR
        a : ARRAY [E_Axis.X..E_Axis.Z] OF INT; b : ARRAY [0..cMost - 1, 1..cMost / 2] OF BYTE; i : E_Axis;
        s : STRING(cMost) := 'abcdefgh'; t : TIME := cHold + T#1s; n : UDINT; fb : FB_A; k : INT := cMost * 2;
    END_VAR
        FOR i := E_Axis.X TO E_Axis.Z DO a[i] := 10 + i; END_FOR
        n := SIZEOF(b) * 100 + SIZEOF(s);
        fb();
    END_PROGRAM
    """
    assert seen(text, "a", "n", "s", "t", "fb.o", "k") == [[10, 11, 12], 805, "abcd", 3000, 4, 8]


def test_wide_texts() -> None:
    """WSTRING counts characters of two bytes: cut, compared, indexed, written by index."""
    text = """
    PROGRAM MAIN
    VAR a : WSTRING := "abc"; b : WSTRING(2); c : BOOL; w : WORD; n : UDINT; d : WSTRING := "Ωé"; END_VAR
        b := a; c := a > b; w := d[0]; a[1] := 16#41; n := SIZEOF(b);
    END_PROGRAM
    """
    assert seen(text, "a", "b", "c", "w", "n") == ["aAc", "ab", True, 0x3A9, 6]


def test_names_of_members_as_texts() -> None:
    """With {attribute 'to_string'} TO_STRING and TO_WSTRING give a member's name, of another value its number."""
    text = """
    {attribute 'qualified_only'}
    {attribute 'to_string'}
    TYPE E_Step : (Idle := 1, Running, Done) UINT; END_TYPE
    TYPE E_Plain : (A, B); END_TYPE
    PROGRAM MAIN
    VAR step : E_Step := E_Step.Running; other : E_Plain := E_Plain.B;
        a, b, c, d : STRING; w : WSTRING; p : POINTER TO UINT;
    END_VAR
        a := TO_STRING(step);
        b := CONCAT('is ', TO_STRING(E_Step.Done));
        w := TO_WSTRING(step);
        p := ADR(step); p^ := 77;
        c := TO_STRING(step);
        d := TO_STRING(other);
    END_PROGRAM
    """
    assert seen(text, "a", "b", "w", "c", "d") == ["Running", "is Done", "Running", "77", "1"]


def test_smallest_and_largest_of_texts() -> None:
    """MIN, MAX and LIMIT take texts, by the order of their characters; the result has room for the longest."""
    text = """
    PROGRAM MAIN
    VAR s : STRING(3) := 'm'; a, b, c, d, g : STRING; e : WSTRING; f : STRING(2); END_VAR
        a := MAX('abc', 'abd', 'ab');
        b := MIN('b', 'a', s);
        c := LIMIT('f', s, 'k');
        d := LIMIT('a', 'f', 'k');
        g := LIMIT('h', 'a', 'k');
        e := MAX("x", "y");
        f := MAX('abc', 'b');
    END_PROGRAM
    """
    assert seen(text, *"abcdgef") == ["abd", "a", "k", "f", "h", "y", "b"]
