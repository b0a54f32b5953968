"""A project as it lies on the disk: its texts, tasks and options, before anything is parsed."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dinrail.control.settings import TaskSettings
from dinrail.plc.core.options import Options
from dinrail.plc.source import Message, Place, Source

FIRST_LIBRARY_SOURCE = 1 << 16
"""Source.index of the first text of dinrail's own library; a project's texts count from 0."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A file of plain Structured Text."""

    source: Source


class PartKind(enum.Enum):
    """What a part of a TwinCAT object is, by its XML element."""

    METHOD = "Method"
    PROPERTY = "Property"
    ACTION = "Action"


@dataclass(slots=True)
class Part:
    """A method, property or action of a TwinCAT object.

    declaration, body: None where the file has none. accessors: of a property, `Get` and `Set` by name: their own
    (declaration, body).
    """

    kind: PartKind
    name: str
    declaration: Source | None = None
    body: Source | None = None
    accessors: dict[str, tuple[Source | None, Source | None]] = field(default_factory=dict)


@dataclass(slots=True)
class TwinCatObject:
    """A .TcPOU, .TcGVL, .TcDUT or .TcIO. element: POU, GVL, DUT, Itf."""

    element: str
    name: str
    declaration: Source | None = None
    body: Source | None = None
    parts: list[Part] = field(default_factory=list)

    def sources(self) -> Iterator[Source]:
        """All its texts."""
        yield from (source for source in (self.declaration, self.body) if source)
        for part in self.parts:
            yield from (source for source in (part.declaration, part.body) if source)
            for pair in part.accessors.values():
                yield from (source for source in pair if source)


@dataclass(slots=True)
class Library:
    """Another project that this one refers to by `name`."""

    name: str
    documents: list[PlainText | TwinCatObject]


@dataclass(slots=True)
class Project:
    """One application.

    root:      the folder that everything else is named from.
    documents: its texts, in the order in which they are declared (sorted by name for plain folders).
    tasks:     as project.toml or .TcTTO files say; empty: one that calls MAIN or the only PROGRAM (see `tasks_of`).
    libraries: names of dinrail's library that it refers to, in our spelling; empty for plain projects, which see all.
    projects:  libraries that came as projects of their own.
    library_places: where it refers to each, by lower-case name.
    defines:   names for `{IF defined (x)}`, with their values.
    messages:  what was found on the way that belongs into the report: languages that are not compiled, unknown
               libraries.
    files:     project files without code (project.toml, .plcproj) by Source.index, for messages about them.
    """

    name: str
    root: Path
    documents: list[PlainText | TwinCatObject] = field(default_factory=list)
    tasks: tuple[TaskSettings, ...] = ()
    options: Options = field(default_factory=Options)
    libraries: tuple[str, ...] = ()
    projects: list[Library] = field(default_factory=list)
    library_places: dict[str, Place] = field(default_factory=dict)
    defines: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    files: list[Source] = field(default_factory=list)

    def sources(self) -> dict[int, Source]:
        """Every text by its index."""
        found: dict[int, Source] = {source.index: source for source in self.files}
        everything = self.documents + [document for library in self.projects for document in library.documents]
        for document in everything:
            texts = [document.source] if isinstance(document, PlainText) else document.sources()
            found |= {source.index: source for source in texts}
        return found

    def digest(self) -> str:
        """SHA-256 of all that decides what the compiler makes of it (its own version aside): for caches."""
        state = hashlib.sha256()
        settings = (self.name, self.tasks, self.options, self.libraries, sorted(self.defines.items()))
        state.update(repr(settings).encode())
        for index, source in sorted(self.sources().items()):
            head = f"\0{index}\0{source.name}\0{source.section}\0{source.first_line}\0{len(source.text)}\0"
            state.update(head.encode())
            state.update(source.text.encode("utf-8", "surrogatepass"))
        return state.hexdigest()
