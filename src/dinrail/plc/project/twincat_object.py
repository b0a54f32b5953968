"""A .TcPOU, .TcGVL, .TcDUT, .TcIO or .TcTTO file: XML around sections of Structured Text.

Source: files of TwinCAT 3.1 builds 4020 to 4026 (TcPlcObject versions 1.0 and 1.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Final

from dinrail.control.settings import TaskSettings
from dinrail.errors import FormatError
from dinrail.plc.project.model import Part, PartKind, TwinCatObject
from dinrail.plc.project.xml import Element, parse_xml
from dinrail.plc.source import Message, Place, Severity, Source, place
from dinrail.units import US_NS

_OBJECTS: Final = ("POU", "GVL", "DUT", "Itf")
_PARTS: Final = {kind.value: kind for kind in PartKind}
_LANGUAGES: Final = {
    "FBD": "Function Block Diagram",
    "LD": "Ladder Diagram",
    "NWL": "Function Block or Ladder Diagram",
    "CFC": "Continuous Function Chart",
    "SFC": "Sequential Function Chart",
    "IL": "Instruction List",
    "UML": "a UML chart",
}
_HINT: Final = "write it in Structured Text, or keep it out of the build (ExcludeFromBuild)"


@dataclass(slots=True)
class SourceBook:
    """Numbers sources in the order in which they are met."""

    next_index: int = 0
    from_library: bool = False
    messages: list[Message] = field(default_factory=list)

    def add(self, name: str, text: str, line: int = 1, column: int = 1, section: str = "") -> Source:
        """One more source."""
        made = Source(name, text, self.next_index, line, column, section, self.from_library)
        self.next_index += 1
        return made

    def tell(self, at: Place, rule: str, text: str, hint: str = "", severity: Severity = Severity.ERROR) -> None:
        """A message about a project's file."""
        self.messages.append(Message(at, severity, rule, text, hint))


def read_object(data: bytes, name: str, book: SourceBook) -> TwinCatObject | None:
    """The sections of a file. None: it holds no code (a task, a visualisation). Raises FormatError for broken XML."""
    root = parse_xml(data, name)
    element = next((child for child in root.children if child.name in _OBJECTS), None)
    if root.name != "TcPlcObject" or element is None:
        return None
    reader = _ObjectReader(name, book)
    made = TwinCatObject(element.name, element.attributes.get("Name", ""))
    made.declaration = reader.section(element, made.name)
    made.body = reader.body(element, made.name)
    reader.parts(element, made, made.name)
    return made


class _ObjectReader:
    def __init__(self, name: str, book: SourceBook) -> None:
        self.name = name
        self.book = book

    def section(self, element: Element, section: str) -> Source | None:
        found = element.child("Declaration")
        if found is None:
            return None
        return self.book.add(self.name, found.text, found.line, found.column, f"{section}.Declaration")

    def body(self, element: Element, section: str) -> Source | None:
        """The ST of an implementation; another language is told."""
        implementation = element.child("Implementation")
        if implementation is None:
            return None
        found = implementation.child("ST")
        if found is not None:
            return self.book.add(self.name, found.text, found.line, found.column, f"{section}.Implementation")
        if implementation.children:
            kind = implementation.children[0]
            self.refuse(kind, section, f"{section} is written in {_LANGUAGES.get(kind.name, kind.name)}")
        return None

    def refuse(self, element: Element, section: str, text: str) -> None:
        line, column = element.at
        source = self.book.add(self.name, "", line, column, section)
        at = place(source.index, line, column)
        self.book.tell(at, "language", f"{text}, which is not compiled here", _HINT)

    def parts(self, element: Element, made: TwinCatObject, section: str) -> None:
        """Methods, properties and actions, in whatever folders they lie."""
        for child in element.children:
            name = f"{section}.{child.attributes.get('Name', '')}"
            if child.name == "Folder":
                self.parts(child, made, section)
            elif child.name in _PARTS:
                made.parts.append(self.part(child, name))
            elif child.name == "Transition":
                self.refuse(child, name, f"{name} is a transition of a chart")

    def part(self, element: Element, section: str) -> Part:
        made = Part(_PARTS[element.name], element.attributes.get("Name", ""))
        made.declaration = self.section(element, section)
        made.body = self.body(element, section)
        for accessor in element.children:
            if accessor.name in ("Get", "Set") and made.kind is PartKind.PROPERTY:
                name = f"{section}.{accessor.name}"
                made.accessors[accessor.name] = (self.section(accessor, name), self.body(accessor, name))
        return made


def read_task(data: bytes, name: str) -> TaskSettings | None:
    """The task of a .TcTTO file; None: it holds none. Raises FormatError for broken XML or numbers."""
    element = parse_xml(data, name).child("Task")
    if element is None:
        return None
    cycle_us, priority = element.value("CycleTime") or "10000", element.value("Priority") or "20"
    if not (cycle_us.isdecimal() and priority.isdecimal()):
        raise FormatError("cycle time and priority are whole numbers", structure="Task", where=name)
    programs = tuple(call.value("Name") for call in element.all("PouCall") if call.value("Name"))
    cycle_ns = int(cycle_us) * US_NS
    return TaskSettings(element.attributes.get("Name", "PlcTask"), cycle_ns, int(priority), programs=programs)


def plain_path(include: str) -> str:
    r"""`POUs\MAIN.TcPOU` with slashes."""
    return PureWindowsPath(include).as_posix()
