"""From the entries that a device sends to IEC symbols and types.

Entries are hostile: types may be missing, refer to themselves, be nested without end, or have members outside of
themselves. What cannot be read as the type that it claims to be is an `OpaqueType` of its name and size, so that one
bad entry costs only itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dinrail.ads.symbols.export import TC_ENCODING
from dinrail.ams.datatype import DataTypeEntry, TypeFlag
from dinrail.ams.entry import Attribute, DataTypeId
from dinrail.ams.method import MethodEntry, ParameterFlag
from dinrail.ams.symbol import SymbolEntry, SymbolFlag, UploadFlag, UploadInfo
from dinrail.errors import BadRequest
from dinrail.iec import types as iec
from dinrail.iec.book import MAX_PARTS, MAX_UNFOLDED, Definition, TypeBook
from dinrail.iec.symbol import Symbol
from dinrail.iec.types_text import SUBRANGE, known_type, parse_type
from dinrail.iec.value import CODES

_BIT = iec.ElementaryType(iec.Elementary.BIT)
_POINTER = re.compile(r"(POINTER|REFERENCE)\s+TO\s", re.IGNORECASE)
_WITHOUT_STORAGE = TypeFlag.STATIC | TypeFlag.PROPERTY | TypeFlag.METHOD_DEREF
_BY_ID = {
    DataTypeId.BIT: iec.Elementary.BOOL,
    DataTypeId.INT8: iec.Elementary.SINT,
    DataTypeId.UINT8: iec.Elementary.USINT,
    DataTypeId.INT16: iec.Elementary.INT,
    DataTypeId.UINT16: iec.Elementary.UINT,
    DataTypeId.INT32: iec.Elementary.DINT,
    DataTypeId.UINT32: iec.Elementary.UDINT,
    DataTypeId.INT64: iec.Elementary.LINT,
    DataTypeId.UINT64: iec.Elementary.ULINT,
    DataTypeId.REAL32: iec.Elementary.REAL,
    DataTypeId.REAL64: iec.Elementary.LREAL,
}


class Importer:
    """Reads entries. Entries may be added as long as no type that needs them was asked for.

    info:    the upload info: whether pointers have 8 bytes, and STRINGs are UTF-8 throughout.
    missing: names of types that were needed and not there, for a client that fetches them one by one (F011): add what
             it got, and make a new importer.
    """

    def __init__(self, entries: Iterable[DataTypeEntry] = (), info: UploadInfo | None = None) -> None:
        flags = info.flags if info else UploadFlag.TARGET_64_BIT
        self.pointer_bytes = 8 if flags & UploadFlag.TARGET_64_BIT else 4
        self.encoding = iec.Encoding.UTF_8 if flags & UploadFlag.UTF_8_STRINGS else iec.Encoding.CP1252
        self.missing: set[str] = set()
        self._definitions: dict[str, Definition] = {}
        self._book = TypeBook(self._definitions)
        for entry in entries:
            self.add(entry)

    def add(self, entry: DataTypeEntry) -> None:
        """One more type; of two with the same name the first counts."""

        def build() -> iec.IecType:
            return self._build(entry)

        self._definitions.setdefault(entry.name.lower(), Definition(entry.name, entry.size_bytes, build))

    def type_of(self, name: str, size_bytes: int) -> iec.IecType:
        """The type of that name, which has so many bytes where it is used. Never raises."""
        kind = None if _POINTER.match(name) else self._book.lookup(name)
        kind = kind or self._parse(name, size_bytes)
        if kind is None:
            self.missing.add(name)
        elif kind.size_bytes == size_bytes:
            parts, unfolded = self._book.measure(kind)
            return kind if parts <= MAX_PARTS and unfolded <= MAX_UNFOLDED else iec.OpaqueType(name, size_bytes)
        return iec.OpaqueType(name, size_bytes)

    def symbol(self, entry: SymbolEntry) -> Symbol:
        """A symbol with its type. Never raises."""
        is_bit = bool(entry.flags & SymbolFlag.BIT_VALUE)
        is_bit = is_bit and entry.size_bytes == 1 and entry.type_name.upper() != "BOOL"
        kind = _BIT if is_bit else self.type_of(entry.type_name, entry.size_bytes)
        if entry.bounds and not isinstance(kind, iec.ArrayType):
            kind = self._array(entry.type_name, entry.size_bytes, entry)
        return Symbol(
            name=entry.name,
            type=_with_encoding(kind, entry.attributes),
            group=entry.group,
            offset=entry.offset,
            comment=entry.comment,
            attributes=_attributes(entry.attributes),
            read_only=bool(entry.flags & SymbolFlag.READ_ONLY),
            persistent=bool(entry.flags & SymbolFlag.PERSISTENT),
            is_static=bool(entry.flags & SymbolFlag.STATIC),
        )

    def symbols(self, entries: Iterable[SymbolEntry]) -> tuple[Symbol, ...]:
        """All symbols, of two with the same name the first."""
        found: dict[str, Symbol] = {}
        for entry in entries:
            if entry.name.lower() not in found:
                found[entry.name.lower()] = self.symbol(entry)
        return tuple(found.values())

    def _parse(self, name: str, size_bytes: int) -> iec.IecType | None:
        pointer_bytes = size_bytes if _POINTER.match(name) and size_bytes in (4, 8) else self.pointer_bytes
        try:
            return parse_type(
                name, self._lookup, pointed=self._mention, encoding=self.encoding, pointer_bytes=pointer_bytes
            )
        except BadRequest:
            return None

    def _lookup(self, name: str) -> iec.IecType | None:
        # A subrange says itself what it is; its entry would only lead back here.
        return None if SUBRANGE.fullmatch(name) else self._known(name, self._book.lookup(name))

    def _mention(self, name: str) -> iec.IecType | None:
        return None if SUBRANGE.fullmatch(name) else self._known(name, self._book.mention(name))

    def _known(self, name: str, kind: iec.IecType | None) -> iec.IecType | None:
        if kind is None and known_type(name) is None:
            self.missing.add(name)
        return kind

    def _build(self, entry: DataTypeEntry) -> iec.IecType:
        """A type from its entry: what is known by name, else by what the entry has."""
        name, size = entry.name, entry.size_bytes
        known = known_type(name)
        if isinstance(known, iec.ElementaryType) and known.size_bytes == size:
            return known
        if entry.sub_items:
            return self._struct(entry)
        if entry.enums:
            return self._enum(entry)
        if entry.bounds:
            return self._array(entry.type_name, size, entry)
        named = self._by_name(name, size)
        if named is not None:
            return named
        if entry.type_name:
            target = self.type_of(entry.type_name, size)
            attributes = _attributes(entry.attributes)
            if isinstance(target, iec.AliasType) and SUBRANGE.fullmatch(target.name):
                return iec.AliasType(name, target.target, target.low, target.high, entry.comment, attributes)
            return iec.AliasType(name, _with_encoding(target, entry.attributes), None, None, entry.comment, attributes)
        if size == 0 or entry.methods:
            return self._struct(entry)
        code = _BY_ID.get(entry.data_type)  # type: ignore[call-overload]  # any number may stand there
        elementary = iec.ElementaryType(code) if code else None
        if elementary and elementary.size_bytes == size:
            return iec.AliasType(name, elementary, None, None, entry.comment, _attributes(entry.attributes))
        return iec.OpaqueType(name, size)

    def _by_name(self, name: str, size_bytes: int) -> iec.IecType | None:
        """The type of a name that says all, like STRING(80)."""
        is_telling = _POINTER.match(name) or SUBRANGE.fullmatch(name) or re.match(r"W?STRING\b|ARRAY\b", name, re.I)
        kind = self._parse(name, size_bytes) if is_telling else None
        return kind if kind is not None and kind.size_bytes == size_bytes else None

    def _struct(self, entry: DataTypeEntry) -> iec.IecType:
        members = [self._member(item) for item in entry.sub_items if not item.flags & _WITHOUT_STORAGE]
        if any(_end(member) > entry.size_bytes for member in members):
            return iec.OpaqueType(entry.name, entry.size_bytes)
        return iec.StructType(
            name=entry.name,
            members=tuple(members),
            size_bytes=entry.size_bytes,
            align_bytes=_alignment(members, entry.size_bytes),
            extends=entry.type_name,
            comment=entry.comment,
            attributes=_attributes(entry.attributes),
            methods=tuple(self._method(method) for method in entry.methods),
        )

    def _member(self, item: DataTypeEntry) -> iec.Member:
        attributes = _attributes(item.attributes)
        if item.flags & TypeFlag.BIT_VALUES and item.size_bytes == 1:
            return iec.Member(item.name, _BIT, item.offset // 8, item.offset % 8, item.comment, attributes)
        kind = self.type_of(item.type_name, item.size_bytes)
        if item.bounds and not isinstance(iec.resolve(kind), iec.ArrayType):
            kind = self._array(item.type_name, item.size_bytes, item)
        kind = _with_encoding(kind, item.attributes)
        return iec.Member(item.name, kind, item.offset, None, item.comment, attributes)

    def _array(self, element: str, size_bytes: int, entry: DataTypeEntry | SymbolEntry) -> iec.IecType:
        bounds = tuple(iec.Bound(bound.lower, bound.elements) for bound in entry.bounds)
        count = 1
        for bound in bounds:
            count *= bound.count
        per_element = size_bytes // count if count else self._element_bytes(element)
        kind = iec.ArrayType(self.type_of(element, per_element), bounds)
        return kind if kind.size_bytes == size_bytes else iec.OpaqueType(entry.name, size_bytes)

    def _element_bytes(self, name: str) -> int:
        """Of a type that an array without elements is made of."""
        definition = self._definitions.get(name.lower())
        kind = None if definition else self._parse(name, 0)
        return definition.size_bytes if definition else kind.size_bytes if kind else 0

    def _enum(self, entry: DataTypeEntry) -> iec.IecType:
        base = iec.resolve(self.type_of(entry.type_name, entry.size_bytes))
        if not isinstance(base, iec.ElementaryType):
            code = _BY_ID.get(entry.data_type)  # type: ignore[call-overload]  # any number may stand there
            base = iec.ElementaryType(code) if code else base
        if not isinstance(base, iec.ElementaryType) or base.size_bytes != entry.size_bytes or CODES[base.kind] in "fd":
            return iec.OpaqueType(entry.name, entry.size_bytes)
        signed = CODES[base.kind].islower()
        values = tuple((value.name, int.from_bytes(value.raw, "little", signed=signed)) for value in entry.enums)
        return iec.EnumType(entry.name, values, base, entry.comment, _attributes(entry.attributes))

    def _method(self, method: MethodEntry) -> iec.Method:
        returns = self.type_of(method.return_type, method.return_bytes) if method.return_bytes else None
        parameters = []
        for parameter in method.parameters:
            both = parameter.flags & (ParameterFlag.IN | ParameterFlag.OUT)
            passing = {2: iec.Passing.OUT, 3: iec.Passing.IN_OUT}.get(both, iec.Passing.IN)
            kind = _with_encoding(self.type_of(parameter.type_name, parameter.size_bytes), parameter.attributes)
            parameters.append(iec.Parameter(parameter.name, kind, passing, parameter.comment))
        return iec.Method(method.name, returns, tuple(parameters), method.comment)


def _end(member: iec.Member) -> int:
    return member.offset_bytes + (1 if member.bit is not None else member.type.size_bytes)


def _alignment(members: Sequence[iec.Member], size_bytes: int) -> int:
    """The structure's alignment, which no entry tells: the widest pack_mode under which this layout is a right one."""
    whole = [member for member in members if member.bit is None]
    for pack_bytes in (8, 4, 2):
        steps = [min(member.type.align_bytes, pack_bytes) for member in whole]
        align = max(steps, default=1)
        if size_bytes % align == 0 and all(m.offset_bytes % step == 0 for m, step in zip(whole, steps, strict=True)):
            return align
    return 1


def _attributes(attributes: Sequence[Attribute]) -> tuple[iec.Attribute, ...]:
    return tuple(iec.Attribute(attribute.name, attribute.value) for attribute in attributes)


def _with_encoding(kind: iec.IecType, attributes: Sequence[Attribute]) -> iec.IecType:
    """The type with its STRINGs in UTF-8 where the attribute says so; through arrays and pointers, not into others."""
    told = any(a.name.lower() == TC_ENCODING.lower() and a.value.upper() in ("UTF-8", "UTF8") for a in attributes)
    return _in_utf_8(kind) if told else kind


def _in_utf_8(kind: iec.IecType) -> iec.IecType:
    match kind:
        case iec.StringType():
            return iec.StringType(kind.length, iec.Encoding.UTF_8)
        case iec.ArrayType():
            return iec.ArrayType(_in_utf_8(kind.element), kind.bounds)
        case iec.PointerType():
            return iec.PointerType(_in_utf_8(kind.target), kind.is_reference, kind.size_bytes, kind.align_bytes)
    return kind
