"""The compiler's own locals: as few as one statement needs."""

from __future__ import annotations

from plc_wrong import accepted

from dinrail.plc.types.variable import Role

TEXT = """
FUNCTION F_Twice : STRING
VAR_INPUT s : STRING; END_VAR
    F_Twice := s;
END_FUNCTION
PROGRAM MAIN VAR s : STRING; n : INT; END_VAR
    %s
END_PROGRAM
"""


def hidden(statements: str) -> int:
    """How many temporaries MAIN has."""
    function = accepted(TEXT % statements).entry["MAIN"]
    return sum(1 for variable in function.locals if variable.role is Role.HIDDEN)


def test_a_statement_gives_its_temporaries_back() -> None:
    """Statements one after the other, and conditions, share what they need; one statement has all that it needs."""
    once = hidden("s := F_Twice(s);")
    assert once == 2
    assert hidden("s := F_Twice(s); s := F_Twice('x'); IF F_Twice(s) = 'y' THEN s := F_Twice(s); END_IF") == once
    assert hidden("s := F_Twice(F_Twice(s));") == 2 * once


def test_a_loop_keeps_its_own() -> None:
    """The end of a FOR is not given away while the loop runs."""
    text = "FOR n := 0 TO n + 5 DO FOR n := 0 TO n + 3 DO s := F_Twice(s); END_FOR END_FOR"
    assert hidden(text) == 4
