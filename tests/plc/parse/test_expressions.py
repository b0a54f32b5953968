"""Expressions to trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plc_sexpr import body_of, expression_of

OPERATORS = [["OR"], ["XOR"], ["AND"], ["=", "<>"], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/", "MOD"], ["**"]]
"""IEC 61131-3:2013, table 71, from the weakest to the strongest."""
RANK = {operator: rank for rank, row in enumerate(OPERATORS) for operator in row}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c", "(+ a (* b c))"),
        ("a - b - c", "(- (- a b) c)"),
        ("(a - b) * c", "(* (- a b) c)"),
        ("-a ** b", "(** (- a) b)"),
        ("NOT a = b", "(= (NOT a) b)"),
        ("NOT NOT a", "(NOT (NOT a))"),
        ("- - a + +b", "(+ (- (- a)) (+ b))"),
        ("a AND_THEN b OR_ELSE c", "(OR_ELSE (AND_THEN a b) c)"),
        ("a OR b AND c XOR d", "(OR a (XOR (AND b c) d))"),
        ("a < b = c < d", "(= (< a b) (< c d))"),
        ("a & b", "(AND a b)"),
        ("a MOD 3", "(MOD a 3)"),
        ("a.b.c", "a.b.c"),
        ("w.3", "w.3"),
        ("w.%X7", "w.7"),
        ("x[1].w.3", "x[1].w.3"),
        ("x[i, j + 1]", "x[i, (+ j 1)]"),
        ("x[i][j]", "x[i][j]"),
        ("p^", "p^"),
        ("p^.x^[2]", "p^.x^[2]"),
        ("THIS^.x", "THIS^.x"),
        ("SUPER^.m(1)", "(call SUPER^.m 1)"),
        (".gvl.x", ".gvl.x"),
        ("Lib.GVL.x", "Lib.GVL.x"),
        ("E_Color#Red", "E_Color.Red"),
        ("%IX0.1", "%IX0.1"),
        ("f()", "(call f)"),
        ("f(1, 2)", "(call f 1 2)"),
        ("f(a := 1, b => c, NOT d => e)", "(call f a:=1 b=>c NOT d=>e)"),
        ("f(a := , b => )", "(call f a:=_ b=>_)"),
        ("f(1, b := 2)", "(call f 1 b:=2)"),
        ("f(g(x))^.y", "(call f (call g x))^.y"),
        ("AND(a, b, c)", "(call AND a b c)"),
        ("XOR(a, b) OR MOD(c, d)", "(OR (call XOR a b) (call MOD c d))"),
        ("NOT(a) AND b", "(AND (NOT a) b)"),
        ("(a := b) + 1", "(+ (:= a b) 1)"),
        ("SIZEOF(ST_X)", "(call SIZEOF ST_X)"),
        ("INT_TO_REAL(i)", "(call INT_TO_REAL i)"),
        ("T#1s", "TIME#1000000000"),
        ("'a' = \"b\"", "(= b'a' wstring#'b')"),
        ("method + set + property", "(+ (+ method set) property)"),
        ("x.type", "x.type"),
    ],
)
def test_an_expression_becomes_this_tree(text: str, tree: str) -> None:
    """Precedence, signs, places, calls: one way to read each."""
    assert expression_of(text) == tree


@given(st.lists(st.sampled_from(sorted(RANK)), min_size=1, max_size=12))
def test_operators_bind_as_the_standard_ranks_them(operators: list[str]) -> None:
    """Any chain of operators: the weakest splits it, and of equals the last (from left to right)."""

    def tree(first: int, chain: list[str]) -> str:
        if not chain:
            return f"v{first}"
        weakest = min(RANK[operator] for operator in chain)
        split = max(at for at, operator in enumerate(chain) if RANK[operator] == weakest)
        return f"({chain[split]} {tree(first, chain[:split])} {tree(first + split + 1, chain[split + 1 :])})"

    text = "v0" + "".join(f" {operator} v{at + 1}" for at, operator in enumerate(operators))
    assert expression_of(text) == tree(0, operators)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a := 1;", "(:= a 1)"),
        ("a := b := c;", "(:= a (:= b c))"),
        ("a S= b; a R= c; r REF= x;", "(S= a b) (R= a c) (REF= r x)"),
        ("a S= b R= c;", "(S= a (R= b c))"),
        ("IF s = 1 AND r = 2 THEN s := r; END_IF", "(if ((AND (= s 1) (= r 2)) (:= s r)))"),
        ("fb(); fb.m(x := 1); a.b[1]^.c(2);", "(call fb) (call fb.m x:=1) (call a.b[1]^.c 2)"),
        ("%QX0.0 := TRUE; .x := 1;", "(:= %QX0.0 True) (:= .x 1)"),
        ("THIS^.a := 1; SUPER^();", "(:= THIS^.a 1) (call SUPER^)"),
        (";;a;", "a"),
        ("RETURN; EXIT; CONTINUE;", "(return) (exit) (continue)"),
        ("JMP done; done: a := 1;", "(jmp done) (label done) (:= a 1)"),
        ("action := 1; property := action;", "(:= action 1) (:= property action)"),
    ],
)
def test_a_simple_statement_becomes_this_tree(text: str, tree: str) -> None:
    """Assignments, calls and jumps, and words that are keywords elsewhere."""
    assert body_of(text) == tree
