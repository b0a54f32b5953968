"""Texts to tokens, each at its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plc_sexpr import show

from dinrail.plc.scan.comments import comment_text
from dinrail.plc.scan.tokens import KEYWORDS, Tokens, scan
from dinrail.plc.source import MAX_COLUMN, Report, Source, column_of, line_of, source_index_of

NO_BREAK = "a no-break space, as text processors write it: replace it by a plain one"
PIECES = [
    "a",
    "IF",
    " ",
    "\n",
    "\t",
    "(*",
    "*)",
    "//",
    "/*",
    "'",
    '"',
    "{",
    "}",
    "5",
    "16#F",
    "T#1s",
    ":=",
    "..",
    "ä",
    "§",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=60).map("".join)


def tokens_of(text: str, **where: int) -> tuple[Tokens, list[str]]:
    report = Report()
    tokens = scan(Source("a.st", text, where.pop("index", 0), **where), report)
    return tokens, [show(message) for message in report.messages]


def kinds_of(text: str) -> list[str]:
    tokens, faults = tokens_of(text)
    assert faults == []
    assert tokens.kinds[-3:] == ["end"] * 3
    return tokens.kinds[:-3]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("x := y;", ["name", ":=", "name", ";"]),
        ("a.b[1,2]^", ["name", ".", "name", "[", "literal", ",", "literal", "]", "^"]),
        ("1..5", ["literal", "..", "literal"]),
        ("1.5..2.5", ["literal", "..", "literal"]),
        ("x.3", ["name", ".", "literal"]),
        ("ARRAY[*] OF INT", ["name", "[", "*", "]", "OF", "name"]),
        ("if If iF", ["IF", "IF", "IF"]),
        ("E_Color#Red INT#5 BOOL#TRUE T#1h_2m", ["typed name", "literal", "literal", "literal"]),
        ("16#FE-5", ["literal", "-", "literal"]),
        ("1E-5-5", ["literal", "-", "literal"]),
        ("INT#5-3-2", ["literal", "-", "literal", "-", "literal"]),
        ("D#2020-01-05-x", ["literal", "-", "name"]),
        ("DT#2020-01-05-12:30:15.25", ["literal"]),
        ("TOD#12:30:15: y", ["literal", ":", "name"]),
        ("%IX0.1 %QD4 %M* %I*", ["address"] * 4),
        ("'it$'s' \"wide$\"\"", ["literal", "literal"]),
        ("a & b **c <> <= >= =>", ["name", "AND", "name", "**", "name", "<>", "<=", ">=", "=>"]),
        ("// all\n(* this *) /", ["/"]),
        ("\ufeffx", ["name"]),
        ("FUNCTIONBLOCK", ["FUNCTION_BLOCK"]),
        ("SET TEST AT GET STEP", ["name"] * 5),
    ],
)
def test_a_text_becomes_these_tokens(text: str, kinds: list[str]) -> None:
    """Each spelling has its kind: keywords in any case, literals whole, ranges and bits apart from numbers."""
    assert kinds_of(text) == kinds


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_keywords_are_keywords_in_any_case(word: str) -> None:
    """A keyword's kind is its upper-case spelling."""
    assert kinds_of(f"{word} {word.lower()} {word.title()}") == [word] * 3


def test_places_count_lines_and_columns_from_one() -> None:
    """A token's place is its first character's, with the source's index."""
    tokens, _ = tokens_of("x\n  yy :=\r\n\tz", index=7)
    places = [(line_of(at), column_of(at)) for at in tokens.places[:4]]
    assert places == [(1, 1), (2, 3), (2, 6), (3, 2)]
    assert {source_index_of(at) for at in tokens.places} == {7}


def test_a_section_of_a_file_counts_from_where_it_begins() -> None:
    """The first line is shifted by both line and column, later ones by the line alone."""
    tokens, _ = tokens_of("a\nb", first_line=10, first_column=30)
    assert [(line_of(at), column_of(at)) for at in tokens.places[:2]] == [(10, 30), (11, 1)]


def test_columns_end_where_a_place_ends() -> None:
    """What stands farther right than a place can tell has the last column, and the right line."""
    tokens, _ = tokens_of("x" + " " * 5000 + "y\nz")
    assert [(line_of(at), column_of(at)) for at in tokens.places[:3]] == [(1, 1), (1, MAX_COLUMN), (2, 1)]


def test_comments_nest() -> None:
    """A comment ends with its own mark, whatever comments or quotes are inside."""
    assert kinds_of("a (* x (* don't *) // *) b") == ["name", "name"]
    assert kinds_of("a (* (* (* *) *) (* *)*) b // (*") == ["name", "name"]


def test_comments_and_pragmas_are_kept_apart() -> None:
    """Comments and pragmas are no tokens; a pragma knows the token that it precedes."""
    tokens, _ = tokens_of("a // one\n{attribute 'x' := '{}'} b (* two\nlines *) c {y}")
    assert [remark.text for remark in tokens.remarks] == [
        "// one",
        "{attribute 'x' := '{}'}",
        "(* two\nlines *)",
        "{y}",
    ]
    assert [(index, remark.text) for index, remark in tokens.pragmas] == [(1, "{attribute 'x' := '{}'}"), (3, "{y}")]
    assert (line_of(tokens.remarks[2].at), tokens.remarks[2].end_line) == (2, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [("// a // b", "a // b"), ("///< a", "< a"), ("(* a *)", "a"), ("(**** a\n * b\n ****)", "a\nb"), ("(**)", "")],
)
def test_a_comment_says_what_is_between_its_marks(text: str, said: str) -> None:
    """Marks and frames of stars are no part of it."""
    assert comment_text(text) == said


@pytest.mark.parametrize(
    ("text", "kinds", "faults"),
    [
        ("a == b", ["name", "=", "name"], ["1:3 syntax: `==` is not Structured Text | `=` compares, and `:=` assigns"]),
        ("a != b", ["name", "<>", "name"], ["1:3 syntax: `!=` is not Structured Text | write <>"]),
        ("a && b", ["name", "AND", "name"], ["1:3 syntax: `&&` is not Structured Text | write AND"]),
        ("a || b", ["name", "OR", "name"], ["1:3 syntax: `||` is not Structured Text | write OR"]),
        ("!a", ["NOT", "name"], ["1:1 syntax: `!` is not Structured Text | write NOT"]),
        ("a % b", ["name", "MOD", "name"], ["1:3 syntax: `%` is not Structured Text | the remainder is MOD"]),
        ("a § b", ["name", "name"], ["1:3 syntax: `§` does not belong here"]),
        (
            "a\xa0b",
            ["name", "name"],
            [
                f"1:2 syntax: the character U+00A0 does not belong here | {NO_BREAK}",
            ],
        ),
        (
            "größe",
            ["name"],
            [
                "1:1 syntax: the name `größe` holds letters beyond A to Z | names are made of A to Z, digits and _",
            ],
        ),
        ("{a", ["name"], ["1:1 syntax: `{` does not belong here | a pragma is closed by }"]),
        ("*) a", ["name"], ["1:1 syntax: this `*)` closes no comment | a comment opens with (*"]),
        ("/* x */ a", ["name"], ["1:1 syntax: `/*` is no comment in Structured Text | write (* ... *)"]),
        ("a (* (* *) b", ["name"], ["1:3 syntax: this comment is never closed | close it with *)"]),
        (
            "'ab",
            ["faulty"],
            ["1:1 syntax: this string is not closed on its line | a quote inside a string is written $'"],
        ),
    ],
)
def test_what_is_no_token_is_told_once_and_read_as_what_was_meant(
    text: str, kinds: list[str], faults: list[str]
) -> None:
    """Signs of other languages become ours, so that nothing behind them is told again."""
    tokens, told = tokens_of(text)
    assert (tokens.kinds[:-3], told) == (kinds, faults)


@given(TEXTS)
def test_every_token_stands_where_it_says(text: str) -> None:
    """For any text at all: tokens ascend, and each one's text is found at its place."""
    tokens, _ = tokens_of(text)
    lines = text.split("\n")
    assert tokens.places == sorted(tokens.places)
    for kind, token, at in zip(tokens.kinds, tokens.texts, tokens.places, strict=True):
        if kind != "end":
            line = "\n".join(lines[line_of(at) - 1 :])
            assert line[column_of(at) - 1 :].startswith(token)
