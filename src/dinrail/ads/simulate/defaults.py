"""First values from a .tmc file: `<Default>` of symbols, and of the members of their types.

    <Default> <Value>250</Value> | <String>text</String> | <EnumText>E.On</EnumText> | <Bool>true</Bool>
              <SubItem> <Name>.member</Name> | <Name>[1]</Name> ... as above ... </SubItem>

A value that cannot be read is left at its type's own; the compiler writes some in ways that only it understands.
"""

from __future__ import annotations

from dinrail.ads.simulate.xmltree import Node
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.errors import AdsFault
from dinrail.errors import BadRequest
from dinrail.iec.symbol import Symbol
from dinrail.iec.text import parse
from dinrail.iec.types import ArrayType, IecType, StringType, StructType, WStringType, resolve
from dinrail.iec.value import encode

_SINGLE = ("Value", "String", "EnumText", "Bool", "DateTime")


class Defaults:
    """First values of types, built from their members' and kept by type."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, Node]] = {}
        self._initial: dict[int, tuple[IecType, bytes]] = {}

    def declare(self, name: str, node: Node) -> None:
        """Note what a structure's <DataType> says of its members."""
        found = {
            item.get("Name").lower(): default for item in node.all("SubItem") if (default := item.child("Default"))
        }
        if found:
            self._members[name.lower()] = found

    def initial(self, kind: IecType, default: Node | None = None) -> bytes:
        """The first bytes of a variable of this type, with what its own <Default> says on top."""
        data = self._of_type(kind)
        return data if default is None else self._apply(kind, data, default)

    def _of_type(self, kind: IecType) -> bytes:
        real = resolve(kind)
        known = self._initial.get(id(real))
        if known is not None:
            return known[1]
        data = bytes(real.size_bytes)
        if isinstance(real, ArrayType):
            element = self._of_type(real.element)
            data = element * real.count if element.count(0) < len(element) else data
        elif isinstance(real, StructType) and self._members:
            out = bytearray(data)
            own = self._members.get(real.name.lower(), {})
            for member in real.members:
                default = own.get(member.name.lower())
                if member.bit is None:
                    part = self.initial(member.type, default)
                    out[member.offset_bytes : member.offset_bytes + len(part)] = part
                elif default is not None and default.get("Value", default.get("Bool")).lower() in ("1", "true"):
                    out[member.offset_bytes] |= 1 << member.bit
            data = bytes(out)
        self._initial[id(real)] = (real, data)
        return data

    def _apply(self, kind: IecType, data: bytes, default: Node) -> bytes:
        single = next((default.get(tag) for tag in _SINGLE if default.child(tag)), None)
        if single is not None:
            return _encoded(kind, single, data)
        out = bytearray(data)
        table: SymbolTable | None = None
        for item in default.all("SubItem"):
            table = table or SymbolTable([Symbol("v", kind, 0, 0)])
            try:
                place = table.find(f"v{item.get('Name')}")
            except AdsFault:
                continue
            if place.steps or place.bit is not None or place.method is not None:
                continue
            end = place.offset + place.size_bytes
            out[place.offset : end] = self._apply(place.type, bytes(out[place.offset : end]), item)
        return bytes(out)


def _encoded(kind: IecType, text: str, otherwise: bytes) -> bytes:
    is_text = isinstance(resolve(kind), StringType | WStringType)
    try:
        return encode(kind, text if is_text else parse(kind, text))
    except BadRequest:
        return otherwise
