"""Texts in UTF-8, against Python's."""

from __future__ import annotations

from plc_run import run_st


def test_literals_become_utf8() -> None:
    """From Windows-1252 and from UTF-16, one to four bytes a character; in an initial value, too."""
    narrow, wide = "aäß€ŽŸ–\x81ÿ", "zΩ€Ж漢\U0001f600!"
    text = f"""
    PROGRAM MAIN
    VAR
        {{attribute 'TcEncoding' := 'UTF-8'}}
        a : STRING := sLiteral_TO_UTF8('{narrow.replace(chr(0x81), "$81")}');
        b : STRING;
        n, m, i : INT;
        x, y : ARRAY [0..31] OF BYTE;
    END_VAR
        b := wsLiteral_TO_UTF8("{wide}");
        n := LEN(a); m := LEN(b);
        FOR i := 0 TO 31 DO x[i] := a[i]; y[i] := b[i]; END_FOR
    END_PROGRAM
    """
    found = run_st(text, ["MAIN.x", "MAIN.y", "MAIN.n", "MAIN.m"])
    first, second = narrow.encode(), wide.encode()
    assert found == {
        "MAIN.x": [list(first) + [0] * (32 - len(first))],
        "MAIN.y": [list(second) + [0] * (32 - len(second))],
        "MAIN.n": [len(first)],
        "MAIN.m": [len(second)],
    }


def test_what_does_not_fit_is_empty() -> None:
    """511 bytes at most: 255 characters of two bytes do, 256 do not."""
    text = """
    PROGRAM MAIN
    VAR s : STRING(255); w : STRING(511); i, fits, none : INT; END_VAR
        FOR i := 0 TO 254 DO s[i] := 16#E4; END_FOR
        w := sLiteral_TO_UTF8(s); fits := F_Size(w);
        s[0] := 16#80;
        s[1] := 16#80;
        w := sLiteral_TO_UTF8(s); none := F_Size(w);
    END_PROGRAM
    FUNCTION F_Size : INT VAR_IN_OUT s : STRING(511); END_VAR
        WHILE s[F_Size] <> 0 DO F_Size := F_Size + 1; END_WHILE
    END_FUNCTION
    """
    assert run_st(text, ["MAIN.fits", "MAIN.none"]) == {"MAIN.fits": [510], "MAIN.none": [0]}
