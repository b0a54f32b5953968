"""A small, hardened reader of XML: elements, attributes and text; no document type, no entities, bounded throughout.

The standard library's expat, told to refuse every declaration, leaves nothing for "billion laughs" and external
entities to work with; defusedxml does the same, and one dependency more was not worth it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from dinrail.errors import FormatError

MAX_BYTES = 256 << 20
MAX_DEPTH = 100
MAX_NODES = 4_000_000


@dataclass(slots=True)
class Node:
    """An element. `text` is all text directly in it, in one."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def child(self, tag: str) -> Node | None:
        """The first child element of that name."""
        return next((node for node in self.children if node.tag == tag), None)

    def all(self, tag: str) -> Iterator[Node]:
        """All child elements of that name."""
        return (node for node in self.children if node.tag == tag)

    def get(self, tag: str, default: str = "") -> str:
        """The text of the first child of that name, without blanks around it."""
        node = self.child(tag)
        return default if node is None else node.text.strip()

    def descendants(self, tag: str) -> Iterator[Node]:
        """All elements of that name below this one, in document order. Those below a match are not looked for."""
        stack = self.children[::-1]
        while stack:
            node = stack.pop()
            if node.tag == tag:
                yield node
            else:
                stack += node.children[::-1]


class _Reader:
    def __init__(self, where: str | None) -> None:
        self.where = where
        self.root: Node | None = None
        self._open: list[Node] = []
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse

    def fault(self, what: str) -> FormatError:
        return FormatError(f"line {self.parser.CurrentLineNumber}: {what}", structure="XML", where=self.where)

    def _refuse(self, *_: object) -> int:
        raise self.fault("declares a document type or entities, which no project file needs")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_NODES:
            raise self.fault("is nested too deeply, or has too many elements")
        node = Node(tag, attributes)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def _end(self, tag: str) -> None:
        del tag
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text


def parse_xml(data: bytes, *, where: str | None = None) -> Node:
    """The root element. Raises FormatError for anything that is no plain XML."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"{len(data)} bytes, {MAX_BYTES} are allowed", structure="XML", where=where)
    reader = _Reader(where)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as fault:
        raise FormatError(str(fault), structure="XML", where=where) from fault
    except (ValueError, LookupError) as fault:  # an encoding that Python does not have
        raise FormatError(f"cannot be decoded: {fault}", structure="XML", where=where) from fault
    if reader.root is None:
        raise FormatError("has no element", structure="XML", where=where)
    return reader.root
