"""From IEC symbols and types to what clients read: entries one by one, and whole uploads.

What entries look like follows TwinCAT 3 where clients rely on it:

* members have the flags DataItem | TypeGuid (130), types DataType | TypeGuid | PersistentDatatype;
* each array is a type of its own, `ARRAY [0..9] OF X`, whose entry names the element's type and the bounds: node-ads
  expands arrays from them, ads-client reads them through F011, step by step;
* an enumeration names its base, an alias its target, a subrange (`INT (0..100)`) its base;
* a BIT's size and offset are counted in bits, an address of one is in the next index group;
* UTF-8 in a STRING is told by the attribute `TcEncoding`.

Source: the layouts in ams.symbol and ams.datatype; jisotalo/ads-client's tests for what TwinCAT sends.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

from dinrail.ads.symbols.place import Place, not_found
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.datatype import DataTypeEntry, EnumValue, TypeFlag, build_types
from dinrail.ams.entry import BASE_TYPE_GUIDS, ArrayBound, Attribute, DataTypeId, string_guid
from dinrail.ams.method import MethodEntry, MethodParameter, ParameterFlag
from dinrail.ams.symbol import SymbolEntry, SymbolFlag, UploadFlag, UploadInfo, build_symbols
from dinrail.ams.text import CP1252, UTF_8
from dinrail.iec import types as iec
from dinrail.iec.value import limits

TC_ENCODING = "TcEncoding"
DEREFERENCED_GROUP = 0xF014
"""What lies behind a pointer has no address that would stay right: clients have to use a handle."""
MAX_CACHED = 8192
_TYPE = (TypeFlag.DATA_TYPE | TypeFlag.PERSISTENT_TYPE).value
_BIT = iec.ElementaryType(iec.Elementary.BIT)
_IDS: dict[iec.Elementary, DataTypeId] = {
    iec.Elementary.BOOL: DataTypeId.BIT,
    iec.Elementary.BIT: DataTypeId.BIT,
    iec.Elementary.BYTE: DataTypeId.UINT8,
    iec.Elementary.WORD: DataTypeId.UINT16,
    iec.Elementary.DWORD: DataTypeId.UINT32,
    iec.Elementary.LWORD: DataTypeId.UINT64,
    iec.Elementary.SINT: DataTypeId.INT8,
    iec.Elementary.USINT: DataTypeId.UINT8,
    iec.Elementary.INT: DataTypeId.INT16,
    iec.Elementary.UINT: DataTypeId.UINT16,
    iec.Elementary.DINT: DataTypeId.INT32,
    iec.Elementary.UDINT: DataTypeId.UINT32,
    iec.Elementary.LINT: DataTypeId.INT64,
    iec.Elementary.ULINT: DataTypeId.UINT64,
    iec.Elementary.REAL: DataTypeId.REAL32,
    iec.Elementary.LREAL: DataTypeId.REAL64,
    iec.Elementary.TIME: DataTypeId.UINT32,
    iec.Elementary.DATE: DataTypeId.UINT32,
    iec.Elementary.TIME_OF_DAY: DataTypeId.UINT32,
    iec.Elementary.DATE_AND_TIME: DataTypeId.UINT32,
    iec.Elementary.LTIME: DataTypeId.UINT64,
    iec.Elementary.LDATE: DataTypeId.UINT64,
    iec.Elementary.LTIME_OF_DAY: DataTypeId.UINT64,
    iec.Elementary.LDATE_AND_TIME: DataTypeId.UINT64,
}
_YOUNG = (iec.Elementary.LDATE, iec.Elementary.LTIME_OF_DAY, iec.Elementary.LDATE_AND_TIME)
"""Types that no client knows by itself; named as ULINT they can be read nevertheless."""
_REAL_LIMITS = (Attribute("DisplayMinValue", "-10000"), Attribute("DisplayMaxValue", "10000"))
"""TwinCAT's own REAL has these, and clients show them."""


class Exporter:
    """Entries and uploads of one table. Uploads are built when first asked for, and kept."""

    def __init__(self, table: SymbolTable) -> None:
        self.table = table
        self.code_page = UTF_8 if table.encoding is iec.Encoding.UTF_8 else CP1252
        self._entries: dict[str, bytes] = {}

    @cached_property
    def symbols(self) -> bytes:
        """All symbol entries (F00B)."""
        entries = (self.symbol(self.table.find(symbol.name)) for symbol in self.table.symbols)
        return build_symbols(entries, code_page=self.code_page)

    @cached_property
    def types(self) -> bytes:
        """All data type entries (F00E)."""
        return build_types(self._type_entries.values(), code_page=self.code_page)

    def info(self, *, max_dynamic: int = 0, used_dynamic: int = 0) -> UploadInfo:
        """Counts and sizes of both uploads (F00C, F00F). Dynamic symbols are handles."""
        return UploadInfo(
            symbols=len(self.table.symbols),
            symbol_bytes=len(self.symbols),
            data_types=len(self._type_entries),
            data_type_bytes=len(self.types),
            max_dynamic=max_dynamic,
            used_dynamic=used_dynamic,
            code_page=self.code_page,
            flags=(UploadFlag.TARGET_64_BIT | UploadFlag.BASE_TYPES_INCLUDED).value,
        )

    def symbol_entry(self, path: str) -> bytes:
        """The entry of a symbol, member or element (F009). Raises AdsFault as `SymbolTable.find`, and for a method."""
        known = self._entries.get(path)
        if known is None:
            place = self.table.find(path)
            if place.method is not None:
                raise not_found(path)
            known = self.symbol(place).encode(self.code_page)
            if len(self._entries) >= MAX_CACHED:
                del self._entries[next(iter(self._entries))]
            self._entries[path] = known
        return known

    def type_entry(self, name: str) -> bytes:
        """The entry of a type by its name in any case (F011). Raises AdsFault SYMBOL_NOT_FOUND."""
        entry = self._type_entries.get(name.strip().lower())
        if entry is None:
            raise not_found(name)
        return entry.encode(self.code_page)

    def symbol(self, place: Place) -> SymbolEntry:
        """What a client is told about a place."""
        symbol = self.table.symbol(place.path)
        group, offset = (DEREFERENCED_GROUP, 0) if place.steps else place.address
        flags = SymbolFlag(0)
        flags |= SymbolFlag.READ_ONLY if place.read_only else SymbolFlag(0)
        flags |= SymbolFlag.BIT_VALUE if place.bit is not None else SymbolFlag(0)
        flags |= SymbolFlag.REFERENCE if _is_reference(place.type) else SymbolFlag(0)
        if symbol is not None:
            flags |= SymbolFlag.PERSISTENT if symbol.persistent else SymbolFlag(0)
            flags |= SymbolFlag.STATIC if symbol.is_static else SymbolFlag(0)
        return SymbolEntry(
            name=self._say(place.path),
            type_name=self._say(place.type.name),
            group=group,
            offset=offset,
            size_bytes=place.size_bytes,
            data_type=data_type_id(place.type),
            comment=self._say(symbol.comment if symbol else ""),
            flags=flags.value,
            guid=guid_of(place.type),
            attributes=self._attributes(symbol.attributes if symbol else (), place.type),
        )

    @cached_property
    def _type_entries(self) -> dict[str, DataTypeEntry]:
        found: dict[str, DataTypeEntry] = {}
        for key, kind in self.table.types.items():
            if isinstance(kind, iec.AliasType) and (inner := subrange_of(kind)) and inner.name.lower() != key:
                found.setdefault(inner.name.lower(), self._type(inner))
            found[key] = self._type(kind)
        return found

    def _type(self, kind: iec.IecType) -> DataTypeEntry:
        flags, inner, size = _TYPE, "", kind.size_bytes
        bounds: tuple[ArrayBound, ...] = ()
        attributes: tuple[iec.Attribute, ...] = ()
        match kind:
            case iec.ElementaryType():
                flags |= TypeFlag.BIT_VALUES if kind.kind is iec.Elementary.BIT else 0
                inner = "ULINT" if kind.kind in _YOUNG else ""
            case iec.ArrayType():
                inner = kind.element.name
                bounds = tuple(ArrayBound(bound.lower, bound.count) for bound in kind.bounds)
            case iec.PointerType():
                inner = kind.target.name
                flags |= TypeFlag.REFERENCE if kind.is_reference else TypeFlag.PLC_POINTER
            case iec.StructType():
                inner, attributes = kind.extends, kind.attributes
            case iec.EnumType():
                inner, attributes = kind.base.name, kind.attributes
            case iec.AliasType():
                ranged = subrange_of(kind)
                inner = ranged.name if ranged and ranged.name != kind.name else kind.target.name
                attributes = kind.attributes
        is_real = kind == iec.ElementaryType(iec.Elementary.REAL)
        return DataTypeEntry(
            name=self._say(kind.name),
            type_name=self._say(inner),
            size_bytes=size,
            data_type=data_type_id(kind),
            flags=flags,
            comment=self._say(getattr(kind, "comment", "")),
            bounds=bounds,
            sub_items=tuple(self._member(m) for m in kind.members) if isinstance(kind, iec.StructType) else (),
            guid=guid_of(kind),
            methods=tuple(self._method(m) for m in kind.methods) if isinstance(kind, iec.StructType) else (),
            attributes=_REAL_LIMITS if is_real else self._attributes(attributes, kind),
            enums=self._enum_values(kind) if isinstance(kind, iec.EnumType) else (),
        )

    def _enum_values(self, kind: iec.EnumType) -> tuple[EnumValue, ...]:
        mask = (1 << 8 * kind.size_bytes) - 1
        return tuple(
            EnumValue(self._say(name), (number & mask).to_bytes(kind.size_bytes, "little"))
            for name, number in kind.values
        )

    def _member(self, member: iec.Member) -> DataTypeEntry:
        is_bit = member.bit is not None
        return DataTypeEntry(
            name=self._say(member.name),
            type_name=self._say(member.type.name),
            size_bytes=1 if is_bit else member.type.size_bytes,
            offset=member.offset_bytes * 8 + (member.bit or 0) if is_bit else member.offset_bytes,
            data_type=data_type_id(member.type),
            flags=(TypeFlag.DATA_ITEM | (TypeFlag.BIT_VALUES if is_bit else TypeFlag(0))).value
            | (TypeFlag.REFERENCE.value if _is_reference(member.type) else 0),
            comment=self._say(member.comment),
            guid=guid_of(member.type),
            attributes=self._attributes(member.attributes, member.type),
        )

    def _method(self, method: iec.Method) -> MethodEntry:
        returns = method.returns
        return MethodEntry(
            name=self._say(method.name),
            return_type=self._say(returns.name if returns else ""),
            return_bytes=returns.size_bytes if returns else 0,
            return_align_bytes=returns.align_bytes if returns else 0,
            return_data_type=data_type_id(returns) if returns else DataTypeId.VOID.value,
            return_guid=guid_of(returns) if returns else bytes(16),
            parameters=tuple(self._parameter(parameter) for parameter in method.parameters),
            comment=self._say(method.comment),
        )

    def _parameter(self, parameter: iec.Parameter) -> MethodParameter:
        return MethodParameter(
            name=self._say(parameter.name),
            type_name=self._say(parameter.type.name),
            size_bytes=parameter.type.size_bytes,
            align_bytes=parameter.type.align_bytes,
            data_type=data_type_id(parameter.type),
            flags=_PASSING[parameter.passing].value,
            guid=guid_of(parameter.type),
            comment=self._say(parameter.comment),
            attributes=self._attributes((), parameter.type),
        )

    def _attributes(self, attributes: tuple[iec.Attribute, ...], kind: iec.IecType) -> tuple[Attribute, ...]:
        out = [Attribute(self._say(attribute.name), self._say(attribute.value)) for attribute in attributes]
        told = any(attribute.name.lower() == TC_ENCODING.lower() for attribute in out)
        if not told and string_encoding(kind) is iec.Encoding.UTF_8:
            out.append(Attribute(TC_ENCODING, "UTF-8"))
        return tuple(out)

    def _say(self, text: str) -> str:
        """A text that the code page can say: a comment must not keep a whole upload from being made."""
        return text if self.code_page == UTF_8 else text.encode("cp1252", "replace").decode("cp1252")


_PASSING = {
    iec.Passing.IN: ParameterFlag.IN,
    iec.Passing.OUT: ParameterFlag.OUT,
    iec.Passing.IN_OUT: ParameterFlag.IN | ParameterFlag.OUT,
}


def data_type_id(kind: iec.IecType) -> int:
    """How a client may read the bytes: an array's elements count, a pointer is a number."""
    real = iec.resolve(kind)
    while isinstance(real, iec.ArrayType):
        real = iec.resolve(real.element)
    match real:
        case iec.ElementaryType():
            return _IDS[real.kind].value
        case iec.EnumType():
            return _IDS[real.base.kind].value
        case iec.StringType():
            return DataTypeId.STRING.value
        case iec.WStringType():
            return DataTypeId.WSTRING.value
        case iec.PointerType():
            return (DataTypeId.UINT64 if real.size_bytes == 8 else DataTypeId.UINT32).value
    return DataTypeId.BIGTYPE.value


def guid_of(kind: iec.IecType) -> bytes:
    """TwinCAT's GUID for its own types; for all others 16 bytes that change when the layout does."""
    if isinstance(kind, iec.StringType):
        return string_guid(kind.length)
    known = BASE_TYPE_GUIDS.get(kind.name) if isinstance(kind, iec.ElementaryType) else None
    if known:
        return known
    members = kind.members if isinstance(kind, iec.StructType) else ()
    layout = [(member.name, member.type.name, member.offset_bytes, member.bit) for member in members]
    values = kind.values if isinstance(kind, iec.EnumType) else ()
    return hashlib.sha256(repr((kind.name, kind.size_bytes, layout, values)).encode()).digest()[:16]


def subrange_of(kind: iec.AliasType) -> iec.AliasType | None:
    """The type `INT (0..100)` that an alias with a range stands for; None without a range."""
    base = iec.resolve(kind.target)
    if (kind.low is None and kind.high is None) or not isinstance(base, iec.ElementaryType):
        return None
    low, high = limits(base.kind)
    low, high = low if kind.low is None else kind.low, high if kind.high is None else kind.high
    return iec.AliasType(f"{kind.target.name} ({low}..{high})", kind.target, low, high)


def string_encoding(kind: iec.IecType) -> iec.Encoding | None:
    """The encoding of a STRING, and of one in an array or behind a pointer. An alias tells its own."""
    while isinstance(kind, iec.ArrayType | iec.PointerType):
        kind = kind.element if isinstance(kind, iec.ArrayType) else kind.target
    if isinstance(kind, iec.AliasType) and isinstance(kind.target, iec.StringType | iec.ArrayType | iec.PointerType):
        return string_encoding(kind.target)
    return kind.encoding if isinstance(kind, iec.StringType) else None


def _is_reference(kind: iec.IecType) -> bool:
    real = iec.resolve(kind)
    return isinstance(real, iec.PointerType) and real.is_reference
