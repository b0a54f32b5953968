"""Any text at all gives messages or a tree, never anything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plc_sexpr import faults, unit_of

from dinrail.plc.messages import as_dicts, render_all
from dinrail.plc.parse.cursor import MAX_HEIGHT, MAX_NESTING
from dinrail.plc.parse.unit import (
    parse_accessor,
    parse_body,
    parse_declaration,
    parse_method,
    parse_property,
    parse_source,
)
from dinrail.plc.scan.tokens import KEYWORDS
from dinrail.plc.source import Report, Source, line_of

WORDS = """a b c 5 5.5 16#FF T#1s 'x' ' " ; : := = ( ) [ ] ^ . .. , + - * / ** < > & == => S= R= REF= %IX0.1 %I* E#x
INT# ARRAY POINTER REFERENCE STRING AT GET SET EXTENDS IMPLEMENTS PUBLIC ABSTRACT ENDIF JMP END
(* *) /* { } {ELSE} {END_IF} ä §"""
PIECES = [*sorted(KEYWORDS), *WORDS.split(), "//c\n", "\n", "{attribute 'x'}", "{IF defined (a)}", "\xa0", "\x00"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=80).map(" ".join) | st.text()
READERS: list[Callable[[Source, Report], object]] = [
    parse_source,
    parse_declaration,
    parse_body,
    parse_method,
    parse_property,
    lambda source, report: parse_accessor(source, report, name="GET"),
]


@given(TEXTS, st.sampled_from(["", "PROGRAM P\n", "FUNCTION_BLOCK F VAR\n", "TYPE T :\n", "CASE x OF\n"]))
def test_any_text_is_read_to_its_end(text: str, before: str) -> None:
    """Every reader takes every text; each message has a place in it, and can be shown."""
    for read in READERS:
        report, source = Report(), Source("x.st", before + text, 0)
        read(source, report)
        last = source.text.count("\n") + 1
        assert all(1 <= line_of(message.at) <= last for message in report.messages)
        assert len(as_dicts(report.messages, {0: source})) <= len(report.messages)
        render_all(report.messages, {0: source})


@given(st.data())
def test_a_program_that_breaks_off_is_told(data: st.DataObject) -> None:
    """Whatever end is missing of a good program, something is said, and nothing of what is there."""
    text = (
        "PROGRAM P\nVAR a : INT; b : ARRAY[0..1] OF INT := [1, 2]; END_VAR\nIF a = 1 THEN\nb[0] := f(x := a);\nEND_IF\n"
    )
    whole = text + "END_PROGRAM"
    assert faults(whole) == []
    cut = whole[: data.draw(st.integers(len("PROGRAM P\n"), len(whole) - len("END_PROGRAM")))]
    told = faults(cut)
    assert told
    assert len(told) <= 4, "one for each block that is open, and one for the broken statement"


@pytest.mark.parametrize(
    "text",
    [
        "x := " + "(" * 10_000 + "1" + ")" * 10_000 + ";",
        "x := " + "-" * 10_000 + "1;",
        "x := " + "NOT " * 10_000 + "1;",
        "x := " + "f(" * 10_000 + ";",
        "x := " + "a[" * 10_000 + ";",
        "x := y" + " := y" * 10_000 + ";",
        "IF a THEN " * 10_000,
        "CASE a OF 1: " * 10_000,
        "REPEAT " * 10_000,
    ],
    ids=["brackets", "signs", "not", "calls", "indices", "assignments", "if", "case", "repeat"],
)
def test_what_is_nested_too_deep_is_told_once(text: str) -> None:
    """The bound is told, at the place that goes beyond it, and the rest of the text is read on."""
    told = faults(f"PROGRAM P\n{text}\nEND_PROGRAM\nPROGRAM Q\na = 1;\nEND_PROGRAM")
    first, *rest = told
    assert f"this is nested more than {MAX_NESTING} deep" in first
    assert rest == ["5:3 syntax: `=` compares and changes nothing | write := to assign"]


@pytest.mark.parametrize(
    "text", ["ARRAY[0..1] OF " * 10_000 + "INT", "POINTER TO " * 10_000 + "INT", "INT := " + "[" * 10_000]
)
def test_types_and_initial_values_have_the_same_bound(text: str) -> None:
    """The first declaration is given up, and the next one read."""
    told = faults(f"PROGRAM P\nVAR\na : {text};\nb : INT = 1;\nEND_VAR\nEND_PROGRAM")
    assert [line.partition(" | ")[0].partition(" ")[2] for line in told] == [
        f"syntax: this is nested more than {MAX_NESTING} deep",
        "syntax: `=` compares, and a declaration assigns",
    ]


@pytest.mark.parametrize("chain", [" + a", ".b", "^", "[1]", "()"])
def test_chains_have_a_bound_too(chain: str) -> None:
    """What stands behind each other makes a tree as high as it is long; up to the bound it is taken."""
    assert faults(f"PROGRAM P x := a{chain * (MAX_HEIGHT - 1)}; END_PROGRAM") == []
    (told,) = faults(f"PROGRAM P x := a{chain * 10_000}; END_PROGRAM")
    assert f"this expression chains more than {MAX_HEIGHT} operators" in told


def test_long_lists_are_no_chains() -> None:
    """Ten thousand initial values, members, labels or statements are fine."""
    values = ", ".join(str(value) for value in range(10_000))
    labels = "\n".join(f"{value}: x := {value};" for value in range(10_000))
    unit = unit_of(
        f"TYPE E : ({', '.join(f'e{value}' for value in range(10_000))}); END_TYPE\n"
        f"PROGRAM P VAR a : ARRAY[0..9999] OF INT := [{values}]; END_VAR\nCASE n OF\n{labels}\nEND_CASE END_PROGRAM"
    )
    assert (len(unit.pous), len(unit.types)) == (1, 1)
