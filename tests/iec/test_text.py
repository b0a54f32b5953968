"""Values as text and as JSON."""

from __future__ import annotations

import json

import pytest
from build_iec import AXIS, BOOL, DINT, INT, LREAL, MODE, POINT, REAL, TIME, WORD, array, le, struct_of, types, values
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import BadRequest
from dinrail.iec.text import as_json, format_value, parse, parse_bytes, split
from dinrail.iec.types import Elementary, ElementaryType, IecType, OpaqueType, PointerType, StringType, WStringType
from dinrail.iec.value import decode, encode

NAMED = struct_of("ST_Named", ("sName", StringType(10)), ("tTime", TIME), ("aNumbers", array(INT, (0, 1))))


@given(st.data())
def test_what_is_shown_can_be_written_back(data: st.DataObject) -> None:
    """Parsing the text of a value gives its bytes again, for every type."""
    kind = data.draw(types)
    raw = encode(kind, data.draw(values(kind)))
    assert parse_bytes(kind, format_value(kind, decode(kind, raw))) == raw


@given(st.data())
def test_json_can_be_written_back(data: st.DataObject) -> None:
    """JSON of a value is valid JSON, and encoding what it holds gives the same bytes."""
    kind = data.draw(types)
    raw = encode(kind, data.draw(values(kind)))
    text = json.dumps(as_json(kind, decode(kind, raw)), allow_nan=False)
    assert encode(kind, json.loads(text)) == raw


@pytest.mark.parametrize(
    ("kind", "text", "data"),
    [
        (INT, "12", le("h", 12)),
        (INT, " -1_000 ", le("h", -1000)),
        (INT, "INT#5", le("h", 5)),
        (WORD, "16#FF", le("H", 255)),
        (WORD, "0xff", le("H", 255)),
        (WORD, "2#1010", le("H", 10)),
        (WORD, "8#17", le("H", 15)),
        (WORD, "WORD#16#ff_ff", le("H", 0xFFFF)),
        (BOOL, "true", b"\1"),
        (BOOL, "BOOL#0", b"\0"),
        (REAL, "1.5e1", le("f", 15)),
        (REAL, "-.5", le("f", -0.5)),
        (LREAL, "inf", le("d", float("inf"))),
        (TIME, "T#1s200ms", le("I", 1200)),
        (TIME, "1m", le("I", 60_000)),
        (TIME, "1.5s", le("I", 1500)),
        (TIME, "250", le("I", 250)),
        (ElementaryType(Elementary.LTIME), "LTIME#1s5ns", le("Q", 1_000_000_005)),
        (ElementaryType(Elementary.DATE), "D#1970-01-02", le("I", 86_400)),
        (ElementaryType(Elementary.TIME_OF_DAY), "TOD#00:00:01.5", le("I", 1500)),
        (ElementaryType(Elementary.DATE_AND_TIME), "DT#1970-01-02-00:01", le("I", 86_460)),
        (ElementaryType(Elementary.DATE_AND_TIME), "1970-01-02T00:00:05", le("I", 86_405)),
        (StringType(9), "'it$'s$N'", b"it's\n".ljust(10, b"\0")),
        (StringType(9), "plain text", b"plain text"[:9] + b"\0"),
        (StringType(3), "'$41$$'", b"A$\0\0"),
        (WStringType(3), '"a$20AC"', "a€".encode("utf-16-le") + bytes(4)),
        (MODE, "Manual", le("h", 1)),
        (PointerType(INT), "16#10", le("Q", 16)),
        (OpaqueType("X", 2), "0aff", b"\x0a\xff"),
        (array(INT, (0, 2)), "[1, 2 ,3]", le("3h", 1, 2, 3)),
        (array(INT, (0, 1), (0, 1)), "[[1,2],[3,4]]", le("4h", 1, 2, 3, 4)),
        (array(INT, (0, 1), (0, 1)), "[1,2,3,4]", le("4h", 1, 2, 3, 4)),
        (array(StringType(3), (0, 1)), "['a,b', \"c\"]", b"a,b\0c\0\0\0"),
        (array(POINT, (0, 1)), '[(x := 1, y := 2), {"x": 3, "y": 4}]', le("4h", 1, 2, 3, 4)),
        (POINT, '{"X": 1, "y": "16#10"}', le("hh", 1, 16)),
        (POINT, "(x:=1, Y:=2)", le("hh", 1, 2)),
    ],
)
def test_text_of_every_type_is_read(kind: IecType, text: str, data: bytes) -> None:
    """What people and scripts write for a type gives its bytes."""
    if text == "plain text":
        with pytest.raises(BadRequest, match="is no STRING"):
            parse_bytes(kind, text)
        text = text[:9]
    assert parse_bytes(kind, text) == data


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (INT, "12x", "'12x' is no INT"),
        (INT, "", "'' is no INT"),
        (WORD, "2#3", "'2#3' is no WORD"),
        (INT, "9" * 5000, "is no INT"),
        (REAL, "1e", "'1e' is no REAL"),
        (REAL, ".", "'.' is no REAL"),
        (TIME, "T#1parsec", "is no TIME"),
        (TIME, "T#1us", "finer than its unit"),
        (TIME, "D#1s", "D# is not how a TIME begins"),
        (ElementaryType(Elementary.DATE), "2026-02-30", "is no DATE"),
        (ElementaryType(Elementary.TIME_OF_DAY), "12:61:00", "is no TIME_OF_DAY"),
        (StringType(9), "'$Q'", "unknown escape $Q"),
        (array(INT, (0, 1)), "1,2", "a list like [1, 2, 3]"),
        (array(INT, (0, 1)), "[1,(2]", "lacks its closing )"),
        (array(StringType(4), (0, 1)), "['a, 'b']", "lacks its closing '"),
        (array(INT, (0, 1)), "[1,x]", "[1]: 'x' is no INT"),
        (POINT, "5", "JSON like"),
        (POINT, "{x: 1}", "is no JSON for ST_Point"),
        (POINT, '{"x":' * 100_000, "is no JSON for ST_Point"),
        (POINT, "(q := 1)", "sets no member of ST_Point"),
    ],
)
def test_text_that_is_no_value_is_told(kind: IecType, text: str, says: str) -> None:
    """Text that is no value of the type is a BadRequest that says so."""
    with pytest.raises(BadRequest) as fault:
        parse_bytes(kind, text)
    assert says in "\n".join(fault.value.lines())


def test_values_are_shown_as_iec_literals() -> None:
    """Each type is shown in its own notation, and a REAL by the shortest decimal that means it."""
    assert format_value(WORD, 255) == "16#00FF"
    assert format_value(REAL, decode(REAL, le("f", 0.1))) == "0.1"
    assert format_value(NAMED, {"sName": "a'b", "tTime": decode(TIME, le("I", 5)), "aNumbers": [1, 2]}) == (
        "(sName := 'a$'b', tTime := T#5ms, aNumbers := [1, 2])"
    )
    assert format_value(PointerType(INT), 255) == "16#00000000000000FF"
    assert format_value(BOOL, False) == "FALSE"


def test_json_holds_names_literals_and_only_numbers_that_json_has() -> None:
    """Enumerations are names, times literals, NaN a string; raw turns names and literals into numbers."""
    assert as_json(MODE, decode(MODE, le("h", 1))) == "Manual"
    assert as_json(MODE, decode(MODE, le("h", 1)), raw=True) == 1
    assert as_json(TIME, decode(TIME, le("I", 1200))) == "T#1s200ms"
    assert as_json(TIME, decode(TIME, le("I", 1200)), raw=True) == 1200
    assert as_json(REAL, decode(REAL, le("f", 0.1))) == 0.1
    assert as_json(LREAL, float("nan")) == "nan"
    assert as_json(OpaqueType("X", 2), b"\x0a\xff") == "0aff"
    shown = as_json(AXIS, decode(AXIS, bytes(AXIS.size_bytes)))
    assert isinstance(shown, dict)
    assert shown["aGrid"] == [[0, 0, 0], [0, 0, 0]]


@given(
    st.sampled_from([INT, BOOL, REAL, TIME, MODE, POINT, AXIS, StringType(4), WStringType(4), array(DINT, (0, 2))]),
    st.text(),
)
def test_any_text_gives_a_value_or_a_bad_request(kind: IecType, text: str) -> None:
    """No text makes the parser raise anything else."""
    for body in (text, f"[{text}]", f"({text})", "{" + text + "}"):
        try:
            parse(kind, body)
            parse_bytes(kind, body)
        except BadRequest:
            pass


def test_commas_in_quotes_and_brackets_do_not_split() -> None:
    """Only a comma outside of all brackets and quotes separates."""
    assert split("a, [b, c], 'd, $', e', \"f, g\", (h, i)") == ["a", "[b, c]", "'d, $', e'", '"f, g"', "(h, i)"]
    assert split("  ") == []
