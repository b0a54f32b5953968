"""Wrong programs with what is to be said about them, written into them.

    VAR x : INTT; END_VAR
    //      ^ unknown-type: there is no type INTT
    //        hint: did you mean INT?

The caret stands under the place, below the line it means; `warning` before the rule's name when it is one. What stands
in such comments must be said, in these words, and nothing else. A message before column 4 is written `//@1 rule: text`,
one about no place `//@0`. The hint is compared only when it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Program
from dinrail.plc.parse.declaration import Unit
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import NOWHERE, Message, Report, Severity, Source, column_of, line_of

_MARK = re.compile(
    r"\s*//(?:@(?P<column>\d+)|\s*(?P<caret>\^)) (?P<warning>warning )?(?P<rule>[a-z0-9-]+): (?P<text>.*)"
)
_HINT = re.compile(r"\s*//\s+hint: (?P<hint>.*)")


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """One message, as a test compares it."""

    line: int
    column: int
    severity: str
    rule: str
    text: str
    hint: str | None = None


def expected_messages(text: str) -> list[Said]:
    """What the markers in a text ask for."""
    out: list[Said] = []
    line = 0
    for number, content in enumerate(text.splitlines(), 1):
        if (mark := _MARK.fullmatch(content)) is not None:
            column = int(mark["column"]) if mark["column"] else content.index("^") + 1
            severity = Severity.WARNING if mark["warning"] else Severity.ERROR
            out.append(Said(line if column else 0, column, severity.value, mark["rule"], mark["text"]))
        elif out and (hint := _HINT.fullmatch(content)) is not None:
            last = out.pop()
            out.append(Said(last.line, last.column, last.severity, last.rule, last.text, hint["hint"]))
        else:
            line = number
    return out


def said(message: Message) -> Said:
    """A message in the same form."""
    at = message.at
    line, column = (0, 0) if at == NOWHERE else (line_of(at), column_of(at))
    return Said(line, column, message.severity.value, message.rule, message.text, message.hint)


def check_text(
    text: str,
    tasks: Sequence[tuple[str, Sequence[str]]] | None = None,
    libraries: Sequence[Unit] = (),
    options: Options | None = None,
) -> tuple[Program, Report]:
    """A text checked. tasks: by default one that calls MAIN, if the text has one."""
    report = Report()
    unit = parse_source(Source("test.st", text, 0), report)
    if tasks is None:
        tasks = [("PlcTask", ["MAIN"])] if re.search(r"^\s*PROGRAM MAIN\b", text, re.MULTILINE) else []
    return check_program([unit, *libraries], tasks, options or Options(), report), report


def assert_said(
    text: str,
    tasks: Sequence[tuple[str, Sequence[str]]] | None = None,
    libraries: Sequence[Unit] = (),
    options: Options | None = None,
) -> None:
    """Fails unless exactly what the markers ask for is said about a text."""
    _, report = check_text(text, tasks, libraries, options)
    expected = sorted(expected_messages(text), key=_order)
    actual = sorted((said(message) for message in report.messages), key=_order)
    shown = list(_without_unasked_hints(actual, expected))
    assert shown == expected, "\n".join(["said:", *map(str, actual), "expected:", *map(str, expected)])


def _order(message: Said) -> tuple[int, int, str, str]:
    return message.line, message.column, message.rule, message.text


def _without_unasked_hints(actual: Sequence[Said], expected: Sequence[Said]) -> Iterator[Said]:
    for number, one in enumerate(actual):
        asked = number < len(expected) and expected[number].hint is not None
        yield one if asked else Said(one.line, one.column, one.severity, one.rule, one.text)


def accepted(
    text: str,
    tasks: Sequence[tuple[str, Sequence[str]]] | None = None,
    libraries: Sequence[Unit] = (),
    options: Options | None = None,
) -> Program:
    """The program of a text about which nothing may be said."""
    program, report = check_text(text, tasks, libraries, options)
    assert report.messages == [], "\n".join(str(said(message)) for message in report.messages)
    return program
