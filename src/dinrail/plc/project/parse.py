"""A loaded project to syntax trees: one unit for the application, one for each library that came along."""

from __future__ import annotations

from typing import Final

from dinrail.plc.parse.declaration import Pou, PouKind, Property, Unit
from dinrail.plc.parse.unit import (
    parse_accessor,
    parse_body,
    parse_declaration,
    parse_method,
    parse_property,
    parse_source,
)
from dinrail.plc.pause import paused_collector
from dinrail.plc.project.model import Part, PartKind, PlainText, Project, TwinCatObject
from dinrail.plc.source import Place, Report, Source, place

_HEADS: Final = {"POU": "PROGRAM, FUNCTION or FUNCTION_BLOCK", "Itf": "INTERFACE"}


def parse_project(project: Project, report: Report) -> list[Unit]:
    """The application's unit first, then its libraries' (with their names as namespaces). All faults are reported."""
    report.messages += project.messages
    with paused_collector():
        reader = _ProjectReader(project, report)
        units = [reader.unit(project.documents)]
        for library in project.projects:
            unit = reader.unit(library.documents)
            unit.namespace = library.name
            units.append(unit)
    return units


class _ProjectReader:
    def __init__(self, project: Project, report: Report) -> None:
        self.report = report
        self.defines = project.defines

    def unit(self, documents: list[PlainText | TwinCatObject]) -> Unit:
        whole = Unit()
        for document in documents:
            if isinstance(document, PlainText):
                part = parse_source(document.source, self.report, self.defines)
            else:
                part = self.object_unit(document)
            whole.pous += part.pous
            whole.types += part.types
            whole.globals += part.globals
        return whole

    def object_unit(self, document: TwinCatObject) -> Unit:
        if document.declaration is None:
            return Unit()
        faults = len(self.report.messages)
        unit = parse_declaration(document.declaration, self.report, self.defines)
        if document.element == "GVL":
            for listed in unit.globals:
                listed.name = document.name or listed.name
        elif document.element in _HEADS:
            if len(unit.pous) == 1:
                self.fill(unit.pous[0], document)
            elif len(self.report.messages) == faults:
                at = place(
                    document.declaration.index, document.declaration.first_line, document.declaration.first_column
                )
                text = f"the declaration of {document.name} holds no {_HEADS[document.element]}"
                self.report.error(at, "syntax", text)
        return unit

    def fill(self, pou: Pou, document: TwinCatObject) -> None:
        """Gives a unit its body and what else stands in sections of their own."""
        if document.body is not None:
            self.body(pou, document.body)
        for part in document.parts:
            if part.kind is PartKind.METHOD and part.declaration:
                self.method(pou, part, part.declaration)
            elif part.kind is PartKind.PROPERTY and part.declaration:
                self.property_(pou, part, part.declaration)
            elif part.kind is PartKind.ACTION and part.body:
                action = Pou(_begin(part.body), PouKind.ACTION, part.name)
                self.body(action, part.body)
                pou.actions.append(action)

    def body(self, pou: Pou, source: Source) -> None:
        pou.body = parse_body(source, self.report, self.defines)
        pou.body_at = _begin(source)

    def method(self, pou: Pou, part: Part, declaration: Source) -> None:
        is_bare = pou.kind is PouKind.INTERFACE
        made = parse_method(declaration, self.report, self.defines, is_bare=is_bare)
        if made is None:
            return
        if part.body is not None and made.has_body:
            self.body(made, part.body)
        pou.methods.append(made)

    def property_(self, pou: Pou, part: Part, declaration: Source) -> None:
        made = parse_property(declaration, self.report, self.defines)
        if made is None:
            return
        made.getter = self.accessor(pou, made, part, "Get")
        made.setter = self.accessor(pou, made, part, "Set")
        pou.properties.append(made)

    def accessor(self, pou: Pou, owner: Property, part: Part, name: str) -> Pou | None:
        if name not in part.accessors:
            return None
        declaration, body = part.accessors[name]
        if declaration is not None and declaration.text.strip():
            made = parse_accessor(declaration, self.report, self.defines, name=name.upper())
        else:
            made = Pou(owner.at, PouKind.METHOD, name.upper())
        made.has_body = pou.kind is not PouKind.INTERFACE and not owner.abstract
        if body is not None and made.has_body:
            self.body(made, body)
        return made


def _begin(source: Source) -> Place:
    return place(source.index, source.first_line, source.first_column)
