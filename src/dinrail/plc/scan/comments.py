"""Comments that a regular expression cannot see: nested, unclosed, or those of C. And what a comment says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from dinrail.plc.source import Place, Report

_OUTSIDE: Final = re.compile(
    r"""\(\*|\*\)|/\*|//[^\n]*|'(?:[^'$\r\n]|\$[^\r\n])*'?|"(?:[^"$\r\n]|\$[^\r\n])*"?|\{[^{}]*+\}"""
)
_INSIDE: Final = re.compile(r"\(\*|\*\)")
_NOT_NEWLINE: Final = re.compile(r"[^\r\n]")


def flatten_comments(text: str, place_at: Callable[[int], Place], report: Report) -> tuple[str, bool]:
    """The text with the same offsets, where no comment has another inside; and whether the last one never ends.

    Marks of inner comments become blanks. A comment of C, and a mark that ends nothing, are reported and blanked.
    """
    pieces: list[str] = []
    copied = 0
    found = _OUTSIDE.search(text)
    while found:
        start, mark = found.start(), found.group()
        end = found.end()
        if mark in ("(*", "*)", "/*"):
            pieces.append(text[copied:start])
            if mark == "(*":
                end = _end_of_nested(text, end)
                if not end:
                    report.error(place_at(start), "syntax", "this comment is never closed", "close it with *)")
                    pieces.append(_blank(text[start:]))
                    return "".join(pieces), True
                pieces.append("(*" + _INSIDE.sub("  ", text[start + 2 : end - 2]) + "*)")
            elif mark == "/*":
                closing = text.find("*/", end)
                end = closing + 2 if closing >= 0 else len(text)
                report.error(place_at(start), "syntax", "`/*` is no comment in Structured Text", "write (* ... *)")
                pieces.append(_blank(text[start:end]))
            else:
                report.error(place_at(start), "syntax", "this `*)` closes no comment", "a comment opens with (*")
                pieces.append("  ")
            copied = end
        found = _OUTSIDE.search(text, end)
    pieces.append(text[copied:])
    return "".join(pieces), False


def _end_of_nested(text: str, at: int) -> int:
    """The offset behind the `*)` that closes the comment whose `(*` ends at `at`; 0: there is none."""
    depth = 1
    for mark in _INSIDE.finditer(text, at):
        depth += 1 if mark.group() == "(*" else -1
        if not depth:
            return mark.end()
    return 0


def _blank(text: str) -> str:
    return _NOT_NEWLINE.sub(" ", text)


def comment_text(remark: str) -> str:
    """What a comment says, without its marks and a frame of stars around it; a pragma says nothing."""
    if remark[0] == "{":
        return ""
    if remark.startswith("//"):
        return remark.lstrip("/").strip()
    lines = [line.strip().strip("*").strip() for line in remark[2:-2].splitlines()]
    return "\n".join(lines).strip()
