"""Statements with statements inside to trees."""

from __future__ import annotations

import pytest
from plc_sexpr import body_of


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("IF a THEN b(); END_IF", "(if (a (call b)))"),
        ("IF a THEN b(); END_IF;", "(if (a (call b)))"),
        ("IF a THEN ELSIF b THEN c(); ELSE d(); END_IF", "(if (a) (b (call c)) (else (call d)))"),
        ("if (a := b) then end_if", "(if ((:= a b)))"),
        ("FOR i := 0 TO 9 DO a(); END_FOR", "(for i 0 9 (call a))"),
        ("FOR x.i := n TO -1 BY -2 DO END_FOR", "(for x.i n (- 1) by (- 2))"),
        ("WHILE a < b DO a := a + 1; END_WHILE", "(while (< a b) (:= a (+ a 1)))"),
        ("REPEAT a(); UNTIL b END_REPEAT", "(repeat (call a) until b)"),
        ("REPEAT a(); UNTIL b; END_REPEAT;", "(repeat (call a) until b)"),
        ("__TRY a(); __CATCH(e) b(); __FINALLY c(); __ENDTRY", "(try (call a) (catch e (call b)) (call c))"),
        ("__TRY a(); __CATCH b(); __ENDTRY", "(try (call a) (catch _ (call b)))"),
        ("CASE n OF 1: a(); END_CASE", "(case n (1: (call a)))"),
        ("CASE n OF 1, 2..4, -1: a(); b(); ELSE END_CASE", "(case n (1,2..4,(- 1): (call a) (call b)) (else))"),
        (
            "CASE e OF E.Idle: a(); Busy: b(); E#Done: END_CASE",
            "(case e (E.Idle: (call a)) (Busy: (call b)) (E.Done:))",
        ),
        (
            "CASE n OF cLow..cHigh: a(); cBase + 1: b(); END_CASE",
            "(case n (cLow..cHigh: (call a)) ((+ cBase 1): (call b)))",
        ),
        ("CASE n OF 16#FF: x := 1; TRUE: y := 2; END_CASE", "(case n (255: (:= x 1)) (True: (:= y 2)))"),
        (
            "CASE n OF 1: a.b[1, 2] := 3; f(x := 1, y := 2); 2: END_CASE",
            "(case n (1: (:= a.b[1, 2] 3) (call f x:=1 y:=2)) (2:))",
        ),
        (
            "CASE n OF 1: CASE m OF 1: a(); END_CASE 2: b(); END_CASE",
            "(case n (1: (case m (1: (call a)))) (2: (call b)))",
        ),
        ("CASE n OF 1: IF a THEN b(); END_IF 2: ; END_CASE", "(case n (1: (if (a (call b)))) (2:))"),
        ("CASE n OF T#1s: a S= b; T#2s: END_CASE", "(case n (TIME#1000000000: (S= a b)) (TIME#2000000000:))"),
    ],
)
def test_a_block_becomes_this_tree(text: str, tree: str) -> None:
    """Every statement of the language, with its optional parts present and absent."""
    assert body_of(text) == tree
