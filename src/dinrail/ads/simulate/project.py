"""Symbols and types from a PLC project's files: .tmc (TwinCAT 3) and .tpy (TwinCAT 2 and 3).

    <DataType> <Name/> <BitSize/> <BaseType/> or <Type/>, <SubItem>..., <EnumInfo>..., <ArrayInfo>..., <Method>...
    .tmc  <DataArea> <AreaNo AreaType="Internal"/> <Symbol> <Name/> <BaseType/> <BitSize/> <BitOffs/>
    .tpy  <Symbols> <Symbol> <Name/> <Type/> <IGroup/> <IOffset/> <BitSize/>

Sizes and offsets are the compiler's own, in bits. What a file says that does not fit together (a pointer that .tpy does
not mark as one, an interface) is an opaque type of the size that is said: the symbol is served nevertheless.

Source: Beckhoff's schema TcModuleClass; pcdshub/pytmc's and Beckhoff/ADS' sample files.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.ads.simulate.declared import encoding_of
from dinrail.ads.simulate.defaults import Defaults
from dinrail.ads.simulate.description import AREA_BYTES, MAX_AREA_BYTES, Description, area_of, settled
from dinrail.ads.simulate.xmltree import Node, parse_xml
from dinrail.ams.address import MAX_PORT, Port
from dinrail.ams.group import IndexGroup
from dinrail.errors import BadRequest, FormatError
from dinrail.iec import types as iec
from dinrail.iec.book import MAX_PARTS, MAX_UNFOLDED, Definition, TypeBook
from dinrail.iec.symbol import Symbol
from dinrail.iec.types_text import SUBRANGE, known_type, parse_type

MAX_SYMBOLS = 1_000_000
_BIT = iec.ElementaryType(iec.Elementary.BIT)
_AREAS = {
    "InputDst": IndexGroup.INPUTS,
    "OutputSrc": IndexGroup.OUTPUTS,
    "MArea": IndexGroup.PLC_MEMORY,
    "Retain": IndexGroup.PLC_RETAIN,
    "RetainSrc": IndexGroup.PLC_RETAIN,
}
_POINTER_BYTES = (4, 8)
_PASSING = {"output": iec.Passing.OUT, "inout": iec.Passing.IN_OUT}


def from_project(data: bytes, *, where: str) -> Description:
    """A device with all symbols of a .tmc or .tpy file. Raises FormatError or BadRequest."""
    root = parse_xml(data, where=where)
    if root.tag not in ("TcModuleClass", "PlcProjectInfo"):
        raise FormatError(
            f"begins with <{root.tag}>, not TcModuleClass or PlcProjectInfo", structure="project", where=where
        )
    return _Project(root, where).description()


class _Project:
    def __init__(self, root: Node, where: str) -> None:
        self.root = root
        self.where = where
        self._definitions: dict[str, Definition] = {}
        self._book = TypeBook(self._definitions)
        self._defaults = Defaults()
        for node in root.descendants("DataType"):
            self._define(node)

    def description(self) -> Description:
        found: dict[str, Symbol] = {}
        values: list[tuple[str, bytes]] = []
        for node, group, offset in self._symbols():
            symbol = self._symbol(node, group, offset)
            key = symbol.name.lower()
            if not symbol.name or key in found:
                continue
            if (
                area_of(symbol)[1] > max(AREA_BYTES.get(area_of(symbol)[0], 0), MAX_AREA_BYTES)
                or len(found) >= MAX_SYMBOLS
            ):
                raise BadRequest(f"{symbol.name} lies at byte {offset}, beyond all measure", where=self.where)
            found[key] = symbol
            data = self._defaults.initial(symbol.type, node.child("Default"))
            if data.count(0) < len(data):
                values.append((symbol.name, data))
        kinds = [self._book.lookup(name) for name in self._definitions]
        return Description(
            symbols=settled(tuple(found.values())),
            values=tuple(values),
            types=tuple(kind for kind in kinds if kind is not None),
            port=self._port(),
        )

    def _port(self) -> int:
        texts = [node.text.strip() for node in self.root.descendants("Port")]
        texts += [node.get("Value") for node in self.root.descendants("Property") if node.get("Name") == "AdsPort"]
        numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= 5]
        return next((number for number in numbers if 0 < number <= MAX_PORT), Port.PLC.value)

    def _symbols(self) -> Iterator[tuple[Node, int, int]]:
        """(symbol, index group, offset in bytes)."""
        for area in self.root.descendants("DataArea"):
            number = area.child("AreaNo")
            kind = number.attributes.get("AreaType", "") if number else ""
            group = _AREAS.get(kind, IndexGroup.PLC_DATA).value
            for node in area.all("Symbol"):
                yield node, group, self._number(node, "BitOffs") // 8
        symbols = self.root.child("Symbols")
        for node in symbols.all("Symbol") if symbols else ():
            yield node, self._number(node, "IGroup"), self._number(node, "IOffset")

    def _symbol(self, node: Node, group: int, offset: int) -> Symbol:
        attributes = properties(node)
        kind = self._used(node, attributes)
        return Symbol(
            name=node.get("Name"),
            type=kind,
            group=group,
            offset=offset,
            comment=node.get("Comment"),
            attributes=attributes,
            persistent=any(one.name.lower() == "tcpersistent" for one in attributes),
        )

    # Types.

    def _define(self, node: Node) -> None:
        name, size_bytes = node.get("Name"), -(-self._number(node, "BitSize") // 8)

        def build() -> iec.IecType:
            return self._build(node, name, size_bytes)

        self._definitions.setdefault(name.lower(), Definition(name, size_bytes, build))

    def _build(self, node: Node, name: str, size_bytes: int) -> iec.IecType:
        known, attributes = known_type(name), properties(node)
        if known is not None and known.size_bytes == size_bytes:
            return known
        if SUBRANGE.fullmatch(name):
            return parse_type(name, where=self.where)
        comment = node.get("Comment")
        if node.child("EnumInfo"):
            return self._enum(node, name, size_bytes)
        if node.child("SubItem") or node.child("Method") or not (node.child("BaseType") or node.child("Type")):
            members = [self._member(item) for item in node.all("SubItem")]
            if any(m.offset_bytes + (0 if m.bit is not None else m.type.size_bytes) > size_bytes for m in members):
                return iec.OpaqueType(name, size_bytes)
            self._defaults.declare(name, node)
            methods = tuple(self._method(one) for one in node.all("Method"))
            align = max((m.type.align_bytes for m in members if m.bit is None), default=1)
            align = next(step for step in (align, 4, 2, 1) if step <= align and size_bytes % step == 0)
            extends = node.get("ExtendsType")
            return iec.StructType(name, tuple(members), size_bytes, align, extends, comment, attributes, methods)
        kind = self._used(node, attributes)
        return kind if node.child("ArrayInfo") else iec.AliasType(name, kind, None, None, comment, attributes)

    def _enum(self, node: Node, name: str, size_bytes: int) -> iec.IecType:
        text = node.get("BaseType") or node.get("Type")
        base = iec.resolve(self._by_name(text) or iec.OpaqueType(text, size_bytes))
        if not isinstance(base, iec.ElementaryType) or base.size_bytes != size_bytes:
            return iec.OpaqueType(name, size_bytes)
        values = tuple((one.get("Text"), self._number(one, "Enum")) for one in node.all("EnumInfo"))
        return iec.EnumType(name, values, base, node.get("Comment"), properties(node))

    def _member(self, node: Node) -> iec.Member:
        offset, attributes = self._number(node, "BitOffs"), properties(node)
        if self._number(node, "BitSize") == 1:
            return iec.Member(node.get("Name"), _BIT, offset // 8, offset % 8, node.get("Comment"), attributes)
        kind = self._used(node, attributes)
        return iec.Member(node.get("Name"), kind, offset // 8, None, node.get("Comment"), attributes)

    def _method(self, node: Node) -> iec.Method:
        returns = node.get("ReturnType")
        size_bytes = self._number(node, "ReturnBitSize") // 8
        kind = self._fitting(self._by_name(returns), returns, size_bytes) if returns else None
        parameters = []
        for one in node.all("Parameter"):
            item = next((a.value.lower() for a in properties(one) if a.name.lower() == "itemtype"), "input")
            passing = _PASSING.get(item, iec.Passing.IN)
            parameters.append(
                iec.Parameter(one.get("Name"), self._used(one, properties(one)), passing, one.get("Comment"))
            )
        return iec.Method(node.get("Name"), kind, tuple(parameters), node.get("Comment"))

    def _used(self, node: Node, attributes: tuple[iec.Attribute, ...]) -> iec.IecType:
        """The type of a symbol, member or parameter: <Type> or <BaseType>, its ArrayInfo, and BitSize as the check."""
        told = node.child("BaseType") or node.child("Type") or Node("Type", {})
        text, size_bytes = told.text.strip(), self._number(node, "BitSize") // 8
        bounds = tuple(iec.Bound(self._number(a, "LBound"), self._number(a, "Elements")) for a in node.all("ArrayInfo"))
        count = 1
        for bound in bounds:
            count *= max(bound.count, 0)
        each = size_bytes // count if count else 0
        pointers = told.attributes.get("PointerTo", "")
        depth = int(pointers) if pointers.isascii() and pointers.isdigit() and len(pointers) == 1 else 0
        is_reference = told.attributes.get("ReferenceTo", "").lower() in ("true", "1")
        kind = self._by_name(text, encoding_of(attributes), is_pointed=depth > 0 or is_reference)
        if (depth or is_reference) and size_bytes in _POINTER_BYTES and each not in _POINTER_BYTES:
            # One address for the whole array; where the size is that of many, each element is one.
            return self._pointer(
                iec.ArrayType(kind or iec.OpaqueType(text, 0), bounds), size_bytes, depth, is_reference
            )
        if (depth or is_reference) and each in _POINTER_BYTES:
            kind = self._pointer(kind or iec.OpaqueType(text, 0), each, depth, is_reference)
        # A type that is an array by itself (.tpy) has the bounds only in its own <DataType>.
        kind = self._fitting(kind, text, each)
        return self._fitting(iec.ArrayType(kind, bounds), text, size_bytes) if bounds else kind

    def _pointer(self, kind: iec.IecType, size_bytes: int, depth: int, is_reference: bool) -> iec.IecType:
        for _ in range(max(depth, 1)):
            kind = iec.PointerType(kind, is_reference, size_bytes, size_bytes)
        return kind

    def _fitting(self, kind: iec.IecType | None, text: str, size_bytes: int) -> iec.IecType:
        if kind is not None and kind.size_bytes == size_bytes:
            parts, unfolded = self._book.measure(kind)
            return kind if parts <= MAX_PARTS and unfolded <= MAX_UNFOLDED else iec.OpaqueType(text, size_bytes)
        return iec.OpaqueType(text, size_bytes)

    def _by_name(
        self, text: str, encoding: iec.Encoding = iec.Encoding.CP1252, *, is_pointed: bool = False
    ) -> iec.IecType | None:
        look = self._book.mention if is_pointed else self._book.lookup
        try:
            return look(text) or parse_type(text, look, pointed=self._book.mention, encoding=encoding)
        except BadRequest:
            return None

    def _number(self, node: Node, tag: str) -> int:
        """A number that has to be there. Raises FormatError."""
        text = node.get(tag, "0")
        body = text[1:] if text[:1] == "-" else text
        if not (body.isascii() and body.isdigit() and len(body) <= 20):
            raise FormatError(f"{text[:30]!r} is no number", structure=node.tag, field=tag, where=self.where)
        number = int(text)
        low = -(1 << 31) if tag == "LBound" else 0
        if tag != "Enum" and not low <= number < 1 << 33:
            raise FormatError(f"{number} is beyond all measure", structure=node.tag, field=tag, where=self.where)
        return number


def properties(node: Node) -> tuple[iec.Attribute, ...]:
    """The attributes of a type, symbol or member."""
    holder = node.child("Properties")
    return tuple(iec.Attribute(one.get("Name"), one.get("Value")) for one in holder.all("Property")) if holder else ()
