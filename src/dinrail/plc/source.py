"""Texts, places in them, and messages about them.

A `Place` packs (source, line, column) into one integer, so that each token, node, instruction and fault can carry it:
bits 40.. the source's index, 12..39 the line from 1, 0..11 the column from 1 (columns beyond 4095 read 4095).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NewType

Place = NewType("Place", int)

NOWHERE = Place(0)
MAX_COLUMN = 4095


def place(source_index: int, line: int, column: int) -> Place:
    """One place. line and column count from 1."""
    return Place(source_index << 40 | line << 12 | min(column, MAX_COLUMN))


def source_index_of(at: Place) -> int:
    """Source.index of a place."""
    return at >> 40


def line_of(at: Place) -> int:
    """Its line, from 1."""
    return at >> 12 & 0xFFFFFFF


def column_of(at: Place) -> int:
    """Its column, from 1."""
    return at & 0xFFF


@dataclass(frozen=True, slots=True)
class Source:
    """One text to compile, as it lies in a file.

    name:         the file as its user would spell it (`plc/MAIN.TcPOU`).
    text:         the whole file for a plain `.st`; one section of it (a declaration, a body) for TwinCAT's XML.
    index:        its number in the project, which places carry. Sections of one file have indices of their own.
    first_line, first_column: where `text` begins in the file (from 1): 1, 1 for a plain file.
    section:      empty, or what the text is in its file (`MAIN.Declaration`, `FB_Axis.Reset.Implementation`).
    from_library: whether it is one of dinrail's own, or of a referenced library: warnings about it are not shown.
    """

    name: str
    text: str
    index: int
    first_line: int = 1
    first_column: int = 1
    section: str = ""
    from_library: bool = False


class Severity(enum.StrEnum):
    """Whether it stops the build."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Message:
    """What is wrong at a place, as a colleague would say it.

    rule: the rule's short name (`undeclared`, `narrowing`, ...): stable, for tests, filters and documentation.
    text: one sentence, no full stop. hint: what to write instead; empty when there is nothing to say.
    """

    at: Place
    severity: Severity
    rule: str
    text: str
    hint: str = ""


@dataclass(slots=True)
class Report:
    """Collects messages while the rooms go on, so that a user sees every error at once."""

    messages: list[Message] = field(default_factory=list)

    def error(self, at: Place, rule: str, text: str, hint: str = "") -> None:
        self.messages.append(Message(at, Severity.ERROR, rule, text, hint))

    def warning(self, at: Place, rule: str, text: str, hint: str = "") -> None:
        self.messages.append(Message(at, Severity.WARNING, rule, text, hint))

    @property
    def failed(self) -> bool:
        return any(message.severity is Severity.ERROR for message in self.messages)
