"""The oracles themselves: small texts whose outcome is known, in all three readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from plc_oracle_compare import differences, make_trio
from plc_oracle_faults import Ended
from plc_oracle_st_compare import checked

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault
from dinrail.plc.source import column_of, line_of

CLASSES = """
INTERFACE I_A METHOD Kind : INT END_METHOD END_INTERFACE
INTERFACE I_B METHOD Other : INT END_METHOD END_INTERFACE
FUNCTION_BLOCK FB_1 IMPLEMENTS I_A
VAR_OUTPUT n : INT; END_VAR
n := n + 1;
METHOD Kind : INT Kind := 1; END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_2 EXTENDS FB_1 IMPLEMENTS I_B
SUPER^(); n := n + 10;
METHOD Kind : INT Kind := 2 + 10 * SUPER^.Kind(); END_METHOD
METHOD Other : INT Other := THIS^.Kind() + 100; END_METHOD
END_FUNCTION_BLOCK
"""

OUTCOMES = {
    "wrap": ("r : SINT := 127;", "r := r + 1;", "", -128),
    "division": ("r : INT; a : INT := -7;", "r := (a / 2) * 100 + a MOD 2;", "", -301),
    "shift": ("r : BYTE := 16#81;", "r := SHR(r, 1) OR SHL(r, 7) OR ROL(r, 1);", "", 0xC3),
    "rounding": ("r : INT; x : LREAL := 2.5;", "r := LREAL_TO_INT(x) * 10 + LREAL_TO_INT(x + 1.0);", "", 24),
    "case": (
        "r : INT; a : INT := 7;",
        "CASE a OF 1, 2: r := 1; 5..9: r := 2; 12: r := 3; END_CASE",
        "",
        2,
    ),
    "for": ("r, i : INT;", "FOR i := 5 TO 1 BY -2 DO r := r * 10 + i; IF i = 3 THEN CONTINUE; END_IF END_FOR", "", 531),
    "repeat": ("r : INT;", "REPEAT r := r + 3; IF r > 100 THEN EXIT; END_IF UNTIL r > 7 END_REPEAT", "", 9),
    "text": (
        "r : BOOL; s : STRING(3); t : STRING(9) := 'abcdef';",
        "s := t; r := (s = 'abc') AND (t > s) AND NOT (s < 'abb');",
        "",
        True,
    ),
    "union": ("r : WORD; u : U;", "u.b[0] := 16#34; u.b[1] := 16#12; r := u.w;", "", 0x1234),
    "pointer": ("r : INT; p : POINTER TO INT;", "p := ADR(r); p^ := 5; p^ := p^ * r;", "", 25),
    "jump": ("r : INT;", "again: r := r + 1; IF r < 5 THEN JMP again; END_IF r := r * 2;", "", 10),
    "virtual": ("r : INT; f : FB_2; p : POINTER TO FB_1;", "p := ADR(f); r := p^.Kind();", CLASSES, 12),
    "body": ("r : INT; f : FB_2; p : POINTER TO FB_1;", "p := ADR(f); p^(); r := f.n;", CLASSES, 11),
    "interface": ("r : INT; f : FB_2; i : I_B;", "i := f; r := i.Other();", CLASSES, 112),
    "query": (
        "r : INT; f1 : FB_1; f2 : FB_2; a : I_A; b : I_B;",
        (
            "a := f1; IF __QUERYINTERFACE(a, b) THEN r := 1; END_IF\n"
            "a := f2; IF __QUERYINTERFACE(a, b) THEN r := r + b.Other(); END_IF"
        ),
        CLASSES,
        112,
    ),
    "heap": (
        "r : INT; p : POINTER TO FB_1;",
        "p := __NEW(FB_2); r := p^.Kind(); p^(); r := r * 100 + p^.n; __DELETE(p); IF p = 0 THEN r := r + 1; END_IF",
        CLASSES,
        1212,
    ),
    "try": (
        "r, z : INT; code : DINT;",
        (
            "__TRY r := 1; r := r / z; r := 2; __CATCH(code) r := r * 10; __FINALLY r := r + 3; __ENDTRY\n"
            "IF code = 16#102 THEN r := r + 100; END_IF"
        ),
        "",
        113,
    ),
    "finally": (
        "r, z, k : INT; code : DINT;",
        (
            "FOR k := 1 TO 3 DO __TRY r := r / z; __CATCH(code) IF k = 2 THEN EXIT; END_IF\n"
            "__FINALLY r := r + 7; __ENDTRY END_FOR"
        ),
        "",
        14,
    ),
}
UNION = "TYPE U : UNION w : WORD; b : ARRAY[0..1] OF BYTE; END_UNION END_TYPE\n"


@pytest.mark.control
@pytest.mark.parametrize("name", OUTCOMES)
def test_all_three_readers_say_what_the_text_means(name: str, tmp_path: Path) -> None:
    """`r` after one cycle; and what one reader leaves in the statics, all leave."""
    declared, body, around, want = OUTCOMES[name]
    program = checked(f"{UNION}{around}\nPROGRAM P VAR {declared} END_VAR\n{body}\nEND_PROGRAM", Options())
    trio = make_trio(program, Options(), tmp_path)
    assert list(differences(trio, cycles=1)) == []
    assert trio.session.read("P.r") == want


FAULTS = {
    "r := r / z;": (Fault.DIVIDE, (0, 0, 0)),
    "r := a[r + 5];": (Fault.BOUNDS, (5, 1, 3)),
    "r := p^;": (Fault.NULL, (0, 0, 0)),
    "x := x / y;": (Fault.FLOAT_DIVIDE, (0, 0, 0)),
    "r := i.Kind();": (Fault.NULL, (0, 0, 0)),
}


@pytest.mark.control
@pytest.mark.parametrize("body", FAULTS)
def test_all_three_readers_stop_at_the_same_place(body: str, tmp_path: Path) -> None:
    """A fault has its code, its line, and for an index what it was and between what it should be."""
    code, values = FAULTS[body]
    text = f"{CLASSES}PROGRAM P VAR r, z : INT; a : ARRAY[1..3] OF INT; p : POINTER TO INT; x, y : LREAL; i : I_A;\n"
    program = checked(f"{text}END_VAR\nz := z;\n{body}\nEND_PROGRAM", Options())
    trio = make_trio(program, Options(), tmp_path)
    assert list(differences(trio, cycles=1)) == []
    ended = trio.machine.run(program.entry["P"])
    assert (ended.code, ended.values) == (code, values)
    assert line_of(ended.at) == text.count("\n") + 3
    assert column_of(ended.at) > 1
    assert ended != Ended(0, ended.at)
