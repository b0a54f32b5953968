"""Whole texts, and the sections of TwinCAT's files, to the syntax tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dinrail.plc.parse.cursor import SyntaxFault
from dinrail.plc.parse.declaration import Pou, PouKind, Property, Unit
from dinrail.plc.parse.pragma import apply_pragmas
from dinrail.plc.parse.read_pou import PouReader
from dinrail.plc.parse.read_statement import GLOBAL_STARTS, MEMBER_STARTS, UNIT_ENDS, UNIT_STARTS, VAR_STARTS
from dinrail.plc.parse.statement import Stmt
from dinrail.plc.scan.tokens import END, scan
from dinrail.plc.source import NOWHERE, Report, Source

_NO_DEFINES: Final[Mapping[str, str]] = {}
_STARTS: Final = UNIT_STARTS | MEMBER_STARTS | {END}
_NOT_OURS: Final = {
    "CONFIGURATION": "tasks are declared in project.toml, and global variables in VAR_GLOBAL",
    "RESOURCE": "tasks are declared in project.toml",
    "NAMESPACE": "names live in one space here; libraries have their own",
    "CLASS": "a FUNCTION_BLOCK with methods is the same",
    "USING": "names of libraries need no USING",
    "TRANSITION": "Sequential Function Chart is not compiled here",
}


def stem(name: str) -> str:
    """A file's name without its folders and suffix: the name of the global list inside."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return last.rpartition(".")[0] or last


class UnitReader(PouReader):
    """Reads whole texts."""

    __slots__ = ("unit",)

    unit: Unit

    def guarded(self, read: Callable[[], None]) -> None:
        """Reads one declaration; a fault that it cannot go on behind costs all up to the next."""
        start = self.at
        try:
            read()
        except SyntaxFault as fault:
            self.tell(fault)
            self.open, self.opened, self.depth = [], [], 0
            if self.at == start:
                self.at += self.kinds[start] != END
            end = f"END_{self.kinds[start]}"
            while self.kinds[self.at] not in _STARTS and self.kinds[self.at] != end:
                self.at += 1
            if self.accept(end):
                self.accept(";")

    def whole(self, name: str) -> None:
        """Everything in a text. name: of its global variables' list."""
        while self.kinds[self.at] != END:
            kind = self.kinds[self.at]
            if kind in GLOBAL_STARTS:
                self.guarded(lambda: self._add_globals(name))
            elif kind == "TYPE":
                self.guarded(lambda: self.unit.types.extend(self.type_decls()))
            elif kind in MEMBER_STARTS:
                self.guarded(self._late_member)
            elif kind in UNIT_STARTS:
                self.guarded(lambda: self.unit.pous.append(self.pou()))
            elif kind == ";":
                self.at += 1
            else:
                self._alien(kind)

    def _add_globals(self, name: str) -> None:
        made = self.global_list(name)
        if self.unit.globals:
            self.unit.globals[0].blocks += made.blocks
            self.unit.globals[0].attributes += made.attributes
        else:
            self.unit.globals.append(made)

    def _late_member(self) -> None:
        """Exports write the methods and actions of a unit behind its end."""
        owner = self.unit.pous[-1] if self.unit.pous else None
        if owner is None or owner.kind is PouKind.FUNCTION:
            keyword = self.kinds[self.at]
            hint = "it stands in its FUNCTION_BLOCK or PROGRAM, or right behind"
            raise self.fault(f"this {keyword} belongs to nothing", hint)
        self.member(owner)

    def _alien(self, kind: str) -> None:
        """What cannot stand outside of all units: told once, and passed over."""
        here, place, word = self.describe(self.at), self.places[self.at], self.word()
        if word in _NOT_OURS:
            self.report.error(place, "unsupported", f"{here} is not supported", _NOT_OURS[word])
            self._skip_to(lambda at: self.texts[at].upper() == f"END_{word}")
            self.at += self.kinds[self.at] != END
            return
        if kind in UNIT_ENDS:
            self.report.error(place, "syntax", f"{here} ends nothing")
            self.at += 1
            return
        hint = "code and its variables stand in a PROGRAM, FUNCTION or FUNCTION_BLOCK"
        if kind in VAR_STARTS:
            hint = "the line `PROGRAM name`, or its like, is missing above"
        self.report.error(place, "syntax", f"{here} stands outside of any declaration", hint)
        self.at += 1
        self._skip_to(lambda at: self.kinds[at] in _STARTS)
        while self.kinds[self.at] in MEMBER_STARTS and self.kinds[self.at + 1] == ":":
            self.at += 1
            self._skip_to(lambda at: self.kinds[at] in _STARTS)

    def _skip_to(self, is_there: Callable[[int], bool]) -> None:
        while self.kinds[self.at] != END and not is_there(self.at):
            self.at += 1

    def end_section(self, what: str) -> None:
        """Tells what is left over behind a section's content."""
        while self.accept(";"):
            pass
        if self.kinds[self.at] != END:
            text = f"{self.describe(self.at)} does not belong into {what}"
            hint = f"TwinCAT's files have no {self.texts[self.at].upper()}" if self.kinds[self.at] in UNIT_ENDS else ""
            self.report.error(self.places[self.at], "syntax", text, hint)


def _reader(source: Source, report: Report, defines: Mapping[str, str], *, is_section: bool) -> UnitReader:
    tokens = scan(source, report)
    reader = UnitReader(tokens, report, apply_pragmas(tokens, report, defines))
    reader.remark_places = [remark.at for remark in tokens.remarks]
    reader.unit = Unit()
    reader.is_section = is_section
    reader.open, reader.opened = [], []
    return reader


def parse_source(source: Source, report: Report, defines: Mapping[str, str] = _NO_DEFINES) -> Unit:
    """A plain text: any mix of TYPE, VAR_GLOBAL, FUNCTION, FUNCTION_BLOCK, PROGRAM and INTERFACE.

    Everything that is wrong is in the report; the tree holds what could be read. defines: for `{IF defined (x)}`.
    """
    reader = _reader(source, report, defines, is_section=False)
    reader.whole(stem(source.name))
    return reader.unit


def parse_declaration(source: Source, report: Report, defines: Mapping[str, str] = _NO_DEFINES) -> Unit:
    """A declaration section of a TwinCAT file: a unit's head and variables, types, or global variables."""
    reader = _reader(source, report, defines, is_section=True)
    reader.whole(stem(source.name))
    return reader.unit


def parse_body(source: Source, report: Report, defines: Mapping[str, str] = _NO_DEFINES) -> list[Stmt]:
    """An implementation section: statements."""
    reader = _reader(source, report, defines, is_section=True)
    body = reader.body()
    reader.end_section("a body")
    return body


def parse_method(
    source: Source, report: Report, defines: Mapping[str, str] = _NO_DEFINES, *, is_bare: bool = False
) -> Pou | None:
    """A method's declaration section; is_bare: of an interface. None: it is none, which was told."""
    reader = _reader(source, report, defines, is_section=True)
    found: list[Pou] = []
    if reader.kinds[0] == "METHOD":
        reader.guarded(lambda: found.append(reader.method(is_bare=is_bare)))
        reader.end_section("a method's declaration")
    else:
        reader.report.error(reader.places[0], "syntax", f"a METHOD's declaration begins with {reader.describe(0)}")
    return found[0] if found else None


def parse_property(source: Source, report: Report, defines: Mapping[str, str] = _NO_DEFINES) -> Property | None:
    """A property's declaration section, without its accessors. None: it is none, which was told."""
    reader = _reader(source, report, defines, is_section=True)
    found: list[Property] = []
    if reader.kinds[0] == "PROPERTY":
        reader.guarded(lambda: found.append(reader.property_()))
        reader.end_section("a property's declaration")
    else:
        reader.report.error(reader.places[0], "syntax", f"a PROPERTY's declaration begins with {reader.describe(0)}")
    return found[0] if found else None


def parse_accessor(source: Source, report: Report, defines: Mapping[str, str] = _NO_DEFINES, *, name: str) -> Pou:
    """The declaration section of a property's `Get` or `Set` (name)."""
    reader = _reader(source, report, defines, is_section=True)
    made = Pou(NOWHERE, PouKind.METHOD, name)

    def read() -> None:
        nonlocal made
        made = reader.accessor_section(name)

    reader.guarded(read)
    reader.end_section(f"the declaration of {name}")
    return made
