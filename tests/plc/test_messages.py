"""Messages as people and programs read them."""

from __future__ import annotations

from dinrail.plc.messages import as_dicts, headline, render, render_all
from dinrail.plc.source import NOWHERE, Message, Severity, Source, place

PLAIN = Source("plc/MAIN.st", "PROGRAM MAIN\n\tx := y\tz;\r\nEND_PROGRAM", 0)
SECTION = Source("FB.TcPOU", "a := 1;\nb = 2;", 3, 30, 20, "FB.Implementation")
LIBRARY = Source("<library>/standard/timers.st", "x", 9, from_library=True)
SOURCES = {source.index: source for source in (PLAIN, SECTION, LIBRARY)}


def error(source: Source, line: int, column: int, text: str = "wrong", hint: str = "") -> Message:
    return Message(place(source.index, line, column), Severity.ERROR, "rule", text, hint)


def test_a_message_shows_its_line_with_a_caret_below() -> None:
    """Tabs stay tabs in the caret's line, so that it stands right at any width; the hint comes last."""
    assert render(error(PLAIN, 2, 9, "`z` does not belong here", "leave it out"), SOURCES).split("\n") == [
        "plc/MAIN.st:2:9: error: `z` does not belong here [rule]",
        "    \tx := y\tz;",
        "    \t      \t^",
        "    hint: leave it out",
    ]


def test_a_section_s_lines_are_those_of_its_file() -> None:
    """The line that is shown is the section's, where the file's numbers say it is."""
    assert render(error(SECTION, 30, 22), SOURCES).splitlines()[1:] == ["    a := 1;", "      ^"]
    assert render(error(SECTION, 31, 3), SOURCES).splitlines()[1:] == ["    b = 2;", "      ^"]


def test_a_place_outside_of_a_text_has_its_headline_alone() -> None:
    """A file's own line, a text that is gone, no place at all."""
    assert render(error(SECTION, 1, 1), SOURCES) == "FB.TcPOU:1:1: error: wrong [rule]"
    assert render(error(Source("x", "", 77), 5, 1), SOURCES) == ":5:1: error: wrong [rule]"
    assert headline(Message(NOWHERE, Severity.WARNING, "rule", "wrong"), {}) == "warning: wrong [rule]"


def test_a_long_line_is_cut_around_its_place() -> None:
    """160 characters are shown, the place among them."""
    source = Source("x.st", "a" * 1000 + "!" + "b" * 1000, 0)
    _, line, caret = render(error(source, 1, 1001), {0: source}).splitlines()
    assert len(line) == 4 + 160
    assert line[len(caret) - 1] == "!"


def test_control_characters_do_not_reach_the_terminal() -> None:
    """What cannot be printed is shown as a replacement, one character wide."""
    source = Source("x.st", "a\x1b[31mb", 0)
    assert render(error(source, 1, 7), {0: source}).splitlines()[1:] == [
        "    a\N{REPLACEMENT CHARACTER}[31mb",
        "          ^",
    ]


def test_messages_are_ordered_and_told_once() -> None:
    """By file, line and column; the same message again, and warnings about a library, are left out."""
    warning = Message(place(LIBRARY.index, 1, 1), Severity.WARNING, "rule", "unused")
    messages = [
        error(PLAIN, 2, 9),
        error(SECTION, 31, 1),
        warning,
        error(PLAIN, 1, 5),
        error(PLAIN, 2, 9),
        error(LIBRARY, 1, 1),
    ]
    told = [(each["file"], each["line"], each["column"]) for each in as_dicts(messages, SOURCES)]
    assert told == [
        ("<library>/standard/timers.st", 1, 1),
        ("FB.TcPOU", 31, 1),
        ("plc/MAIN.st", 1, 5),
        ("plc/MAIN.st", 2, 9),
    ]
    assert len(render_all(messages, SOURCES).split("\n\n")) == 4


def test_a_message_as_fields_has_all_its_parts() -> None:
    """For `--json`."""
    assert as_dicts([error(PLAIN, 2, 9, "text", "hint")], SOURCES) == [
        {
            "file": "plc/MAIN.st",
            "line": 2,
            "column": 9,
            "severity": "error",
            "rule": "rule",
            "text": "text",
            "hint": "hint",
        }
    ]
