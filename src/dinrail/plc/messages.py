"""Messages as people and programs read them: the place, the sentence, the line with a caret, the hint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from dinrail.plc.source import Message, Severity, Source, column_of, line_of, source_index_of

Sources = Mapping[int, Source]
"""By Source.index."""
_MAX_SHOWN_CHARACTERS: Final = 160
_LEAD: Final = 60


def location(message: Message, sources: Sources) -> tuple[str, int, int]:
    """(file, line, column) of a message; line 0 where it concerns no line."""
    source = sources.get(source_index_of(message.at))
    return (source.name if source else "", line_of(message.at), column_of(message.at))


def headline(message: Message, sources: Sources) -> str:
    """`file:line:column: error: text [rule]`."""
    name, line, column = location(message, sources)
    place = f"{name}:{line}:{column}: " if line else f"{name}: " if name else ""
    return f"{place}{message.severity.value}: {message.text} [{message.rule}]"


def render(message: Message, sources: Sources) -> str:
    """The whole message: the headline, the line of the source with a caret below, and the hint."""
    lines = [headline(message, sources), *_marked_line(message, sources)]
    if message.hint:
        lines.append(f"    hint: {message.hint}")
    return "\n".join(lines)


def _marked_line(message: Message, sources: Sources) -> list[str]:
    source = sources.get(source_index_of(message.at))
    line, column = line_of(message.at), column_of(message.at)
    lines = source.text.split("\n") if source else []
    if not source or not 0 <= line - source.first_line < len(lines):
        return []
    text = lines[line - source.first_line].rstrip("\r")
    at = column - (source.first_column if line == source.first_line else 1)
    if len(text) > _MAX_SHOWN_CHARACTERS:
        start = max(0, at - _LEAD)
        text, at = text[start : start + _MAX_SHOWN_CHARACTERS], at - start
    # A tab stays one in the caret's line, so that the caret stands right however wide tabs are shown.
    indent = "".join("\t" if char == "\t" else " " for char in text[:at].ljust(at))
    shown = "".join(char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
    return [f"    {shown}", f"    {indent}^"]


def ordered(messages: Iterable[Message], sources: Sources) -> list[Message]:
    """By file, line and column, each once; warnings about a library's code are left out."""
    kept: dict[tuple[str, int, int, str, str], Message] = {}
    for message in messages:
        source = sources.get(source_index_of(message.at))
        if message.severity is Severity.ERROR or not (source and source.from_library):
            kept.setdefault((*location(message, sources), message.rule, message.text), message)
    return [kept[key] for key in sorted(kept)]


def render_all(messages: Iterable[Message], sources: Sources) -> str:
    """Every message whole, in order, one blank line between them."""
    return "\n\n".join(render(message, sources) for message in ordered(messages, sources))


def as_dicts(messages: Iterable[Message], sources: Sources) -> list[dict[str, object]]:
    """Every message in order as fields, for `--json`."""
    out: list[dict[str, object]] = []
    for message in ordered(messages, sources):
        name, line, column = location(message, sources)
        fields: dict[str, object] = {"file": name, "line": line, "column": column}
        fields |= {"severity": message.severity.value, "rule": message.rule, "text": message.text}
        out.append(fields | {"hint": message.hint})
    return out
