"""XML files of TwinCAT as a small tree whose texts know their place in the file.

Only what such files are made of is read: a document type, and with it every entity, is refused, so that no file can
make the reader expand or fetch anything. Source: XML 1.0, 2.8 and 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from dinrail.errors import FormatError

MAX_DEPTH = 100
_CDATA_MARK = len("<![CDATA[")


@dataclass(slots=True)
class Element:
    """One element. at: its own line and column (from 1); line, column: where its text begins."""

    name: str
    attributes: dict[str, str]
    at: tuple[int, int]
    line: int
    column: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> list[Element]:
        """All elements of that name below this one, in their order."""
        found: list[Element] = []
        for child in self.children:
            if child.name == name:
                found.append(child)
            found += child.all(name)
        return found

    def value(self, name: str) -> str:
        """The text of the first child of that name, without blanks around it; empty when there is none."""
        child = self.child(name)
        return child.text.strip() if child else ""


class _Builder:
    """Builds the tree from the parser's events. pieces: the texts of each open element so far."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.root: Element | None = None
        self.stack: list[Element] = []
        self.pieces: list[list[str]] = []
        self.parser = expat.ParserCreate()
        # Unbuffered: only then is the parser's position that of the text which it hands over.
        self.parser.buffer_text = False
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartCdataSectionHandler = self.cdata
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.doctype

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self.refuse(f"elements are nested more than {MAX_DEPTH} deep")
        line, column = self.position()
        made = Element(name.rpartition(":")[2], attributes, (line, column), line, column)
        if self.stack:
            self.stack[-1].children.append(made)
        else:
            self.root = made
        self.stack.append(made)
        self.pieces.append([])

    def end(self, _name: str) -> None:
        self.stack.pop().text = "".join(self.pieces.pop())

    def position(self) -> tuple[int, int]:
        return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1

    def cdata(self) -> None:
        """Text before a CDATA section is the indentation of the element, unless it says something."""
        top, pieces = self.stack[-1], self.pieces[-1]
        if not "".join(pieces).strip():
            pieces.clear()
            top.line, top.column = self.position()
            top.column += _CDATA_MARK
            pieces.append("")

    def characters(self, text: str) -> None:
        pieces = self.pieces[-1]
        if not pieces:
            self.stack[-1].line, self.stack[-1].column = self.position()
        pieces.append(text)

    def doctype(self, *_parts: object) -> NoReturn:
        self.refuse("it declares a document type or entities")

    def refuse(self, what: str) -> NoReturn:
        line = self.parser.CurrentLineNumber
        raise FormatError(what, structure="XML", where=f"{self.where}:{line}", hint="files of TwinCAT have none")


def parse_xml(data: bytes, where: str) -> Element:
    """The tree of a file. Raises FormatError for what is no XML, or XML that no project file is made of."""
    builder = _Builder(where)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as fault:
        text = expat.ErrorString(fault.code)
        where = f"{where}:{fault.lineno}:{fault.offset + 1}"
        raise FormatError(f"it is no XML: {text}", structure="XML", where=where) from fault
    if builder.root is None:
        raise FormatError("it holds no element", structure="XML", where=where)
    return builder.root
