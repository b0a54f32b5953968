"""Pragmas choose what is compiled."""

from __future__ import annotations

import pytest
from plc_sexpr import declared, faults, unit_of

from dinrail.plc.parse.declaration import Pragma


def chosen(condition: str, **defines: str) -> str:
    """Which branch of an {IF} is taken."""
    text = f"FUNCTION F {{IF {condition}}} a(); {{ELSE}} b(); {{END_IF}} END_FUNCTION"
    return declared(text, **defines)[0].removeprefix("(FUNCTION F (call ").removesuffix("))")


@pytest.mark.parametrize(
    ("condition", "branch"),
    [
        ("defined (X)", "a"),
        ("defined(x)", "a"),
        ("defined (Y)", "b"),
        ("NOT defined (Y)", "a"),
        ("NOT NOT defined (Y)", "b"),
        ("defined (X) AND defined (Y)", "b"),
        ("defined (Y) OR defined (X)", "a"),
        ("defined (X) OR defined (X) AND defined (Y)", "a"),
        ("(defined (X) OR defined (X)) AND defined (Y)", "b"),
        ("NOT (defined (X) AND defined (Y))", "a"),
        ("hasvalue (V, '5')", "a"),
        ("hasvalue (V, 6)", "b"),
        ("hasconstantvalue (V, 5)", "a"),
    ],
)
def test_a_condition_asks_for_defines(condition: str, branch: str) -> None:
    """NOT binds stronger than AND, AND stronger than OR; names in any case."""
    assert chosen(condition, X="", V="5") == branch


def test_conditions_nest_and_the_first_that_holds_counts() -> None:
    """Of {IF}, {ELSIF} and {ELSE} one branch is taken; what is inside a branch that is not, is not asked."""
    text = """FUNCTION F
{IF defined (A)} a();
    {IF defined (B)} ab(); {ELSE} a_only(); {END_IF}
{ELSIF defined (B)} b();
{ELSIF defined (C)} c(); {define D}
{ELSE} none(); {IF nonsense !} {END_IF}
{END_IF}
{IF defined (D)} d(); {END_IF}
END_FUNCTION"""
    assert declared(text, A="", B="") == ["(FUNCTION F (call a) (call ab))"]
    assert declared(text, A="") == ["(FUNCTION F (call a) (call a_only))"]
    assert declared(text, B="", C="") == ["(FUNCTION F (call b))"]
    assert declared(text, C="") == ["(FUNCTION F (call c) (call d))"]


def test_defines_can_be_made_and_taken_back() -> None:
    """{define} and {undefine} hold from where they stand."""
    text = "{define A 'x'} FUNCTION F {IF hasvalue (A, 'x')} a(); {END_IF} {undefine A} {IF defined (A)} b(); {END_IF}"
    assert declared(f"{text} END_FUNCTION") == ["(FUNCTION F (call a))"]


def test_declarations_and_attributes_can_be_chosen() -> None:
    """What is left out takes its attributes with it; what stays keeps its own."""
    text = """{IF defined (A)} {attribute 'a'} {ELSE} {attribute 'b'} {END_IF}
FUNCTION_BLOCK FB
VAR {IF defined (A)} {attribute 'x'} x : INT; {END_IF} {attribute 'y'} y : INT; END_VAR
END_FUNCTION_BLOCK"""
    block = unit_of(text).pous[0]
    assert block.attributes == (Pragma("b"),)
    assert [(each.name, each.attributes) for each in block.blocks[0].variables] == [("y", (Pragma("y"),))]
    block = unit_of(text, A="").pous[0]
    assert block.attributes == (Pragma("a"),)
    assert [each.attributes for each in block.blocks[0].variables] == [(Pragma("x"),), (Pragma("y"),)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{ELSE}", "1:1 pragma: {ELSE} without its {IF}"),
        ("{IF defined (A)}", "1:1 pragma: this {IF} has no {END_IF}"),
        ("{IF (defined (A)}{END_IF}", "1:1 pragma: this condition has more ( than )"),
        ("{IF }{END_IF}", "1:1 pragma: this condition ends too early"),
        ("{IF defined (A) defined (B)}{END_IF}", "1:1 pragma: `defined (B)` does not belong into this condition"),
        ("{IF hasattribute (pou: X, 'y')}{END_IF}", "1:1 pragma: `hasattribute (pou: X, 'y')` cannot be asked here"),
        ("{IF !}{END_IF}", "1:1 pragma: the condition `!` cannot be read"),
        ("{define}", "1:1 pragma: {DEFINE} needs a name"),
    ],
)
def test_a_faulty_condition_is_told(text: str, told: str) -> None:
    """Each with its place; it then does not hold."""
    (message,) = faults(text)
    assert message.partition(" | ")[0] == told


def test_what_is_for_other_tools_is_passed_over() -> None:
    """Regions, texts and whatever else stands in braces."""
    text = "{region 'x'} PROGRAM P {warning disable C0371} a(); {text 'a } b'} {analysis -33} END_PROGRAM {endregion}"
    assert declared(text) == ["(PROGRAM P (call a))"]
