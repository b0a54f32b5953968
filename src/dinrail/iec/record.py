"""Symbols with their types as JSON bytes, and back: how an image carries them.

    {"types": [TYPE...], "symbols": [[name, type, group, offset, comment, attributes, flags]...]}

Types stand before whatever is made of them and are named by their position. A TYPE is a list that begins with its kind:

    ["elementary", name]                        ["string", length, encoding]        ["wstring", length]
    ["array", element, [[lower, count]...]]     ["pointer", target, is_reference, size, alignment]
    ["struct", name, size, alignment, extends, comment, attributes,
        [[name, type, offset, bit or null, comment, attributes]...],
        [[name, returns or null, comment, [[name, type, passing, comment]...]]...]]
    ["enum", name, base, [[name, value]...], comment, attributes]
    ["alias", name, target, low or null, high or null, comment, attributes]
    ["opaque", name, size, alignment]

Attributes are [[name, value]...]; flags: 1 read-only, 2 persistent, 4 static. Equal symbols give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dinrail.errors import FormatError
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Attribute,
    Bound,
    Elementary,
    ElementaryType,
    Encoding,
    EnumType,
    IecType,
    Member,
    Method,
    OpaqueType,
    Parameter,
    Passing,
    PointerType,
    StringType,
    StructType,
    WStringType,
)

_READ_ONLY, _PERSISTENT, _STATIC = 1, 2, 4
_MAX_BYTES = 1 << 31
Row = list[Any]


def record_of(symbols: Iterable[Symbol]) -> bytes:
    """The bytes of these symbols and of all types that they use."""
    table = _Table()
    rows = [
        [
            one.name,
            table.index(one.type),
            one.group,
            one.offset,
            one.comment,
            _pairs(one.attributes),
            one.read_only * _READ_ONLY | one.persistent * _PERSISTENT | one.is_static * _STATIC,
        ]
        for one in symbols
    ]
    return json.dumps({"types": table.rows, "symbols": rows}, separators=(",", ":"), ensure_ascii=False).encode()


def symbols_of(data: bytes) -> tuple[Symbol, ...]:
    """The symbols in these bytes. Raises FormatError, and nothing else for any bytes."""
    try:
        document = json.loads(data)
        types: list[IecType] = []
        for row in document["types"]:
            types.append(_READERS[row[0]](row, types))
        return tuple(_symbol(row, types) for row in document["symbols"])
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as fault:
        why = f"{type(fault).__name__}: {fault}"
        raise FormatError("the symbols are not what they must be", structure="Symbols", why=why) from fault


class _Table:
    """Types as rows, each once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._by_id: dict[int, int] = {}
        self._by_row: dict[str, int] = {}
        self._kept: list[IecType] = []
        """So that no id is another's later."""

    def index(self, kind: IecType) -> int:
        """Where a type stands; it is added behind what it is made of, unless an equal one is there."""
        known = self._by_id.get(id(kind))
        if known is not None:
            return known
        row = self._row(kind)
        at = self._by_row.setdefault(repr(row), len(self.rows))
        if at == len(self.rows):
            self.rows.append(row)
        self._by_id[id(kind)] = at
        self._kept.append(kind)
        return at

    def _row(self, kind: IecType) -> Row:
        match kind:
            case ElementaryType():
                return ["elementary", kind.name]
            case StringType():
                return ["string", kind.length, kind.encoding.value]
            case WStringType():
                return ["wstring", kind.length]
            case ArrayType():
                return ["array", self.index(kind.element), [[one.lower, one.count] for one in kind.bounds]]
            case PointerType():
                return ["pointer", self.index(kind.target), kind.is_reference, kind.size_bytes, kind.align_bytes]
            case StructType():
                return self._struct(kind)
            case EnumType():
                values = [list(pair) for pair in kind.values]
                return ["enum", kind.name, self.index(kind.base), values, kind.comment, _pairs(kind.attributes)]
            case AliasType():
                target = self.index(kind.target)
                return ["alias", kind.name, target, kind.low, kind.high, kind.comment, _pairs(kind.attributes)]
            case OpaqueType():
                return ["opaque", kind.name, kind.size_bytes, kind.align_bytes]

    def _struct(self, kind: StructType) -> Row:
        members = [
            [one.name, self.index(one.type), one.offset_bytes, one.bit, one.comment, _pairs(one.attributes)]
            for one in kind.members
        ]
        methods = [
            [
                one.name,
                None if one.returns is None else self.index(one.returns),
                one.comment,
                [[part.name, self.index(part.type), part.passing.value, part.comment] for part in one.parameters],
            ]
            for one in kind.methods
        ]
        head = ["struct", kind.name, kind.size_bytes, kind.align_bytes, kind.extends, kind.comment]
        return [*head, _pairs(kind.attributes), members, methods]


def _pairs(attributes: Sequence[Attribute]) -> Row:
    return [[one.name, one.value] for one in attributes]


# Reading: each value is checked for its kind, since a type with a wrong one breaks far from here.


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: object, low: int = 0, high: int = _MAX_BYTES) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r} is no number from {low} to {high}")
    return value


def _optional(value: object) -> int | None:
    return None if value is None else _whole(value, -(1 << 64), 1 << 64)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{value!r} is no truth value")
    return value


def _type(value: object, types: Sequence[IecType]) -> IecType:
    return types[_whole(value, 0, len(types) - 1)]


def _attributes(rows: Row) -> tuple[Attribute, ...]:
    return tuple(Attribute(_text(name), _text(value)) for name, value in rows)


def _symbol(row: Row, types: Sequence[IecType]) -> Symbol:
    name, kind, group, offset, comment, attributes, flags = row
    flags = _whole(flags, 0, 7)
    return Symbol(
        _text(name),
        _type(kind, types),
        _whole(group, 0, 0xFFFF_FFFF),
        _whole(offset, 0, 0xFFFF_FFFF),
        _text(comment),
        _attributes(attributes),
        read_only=bool(flags & _READ_ONLY),
        persistent=bool(flags & _PERSISTENT),
        is_static=bool(flags & _STATIC),
    )


def _elementary(row: Row, types: Sequence[IecType]) -> IecType:
    del types
    _, name = row
    return ElementaryType(Elementary[_text(name)])


def _string(row: Row, types: Sequence[IecType]) -> IecType:
    del types
    _, length, encoding = row
    return StringType(_whole(length), Encoding(encoding))


def _wstring(row: Row, types: Sequence[IecType]) -> IecType:
    del types
    _, length = row
    return WStringType(_whole(length))


def _array(row: Row, types: Sequence[IecType]) -> IecType:
    _, element, bounds = row
    made = tuple(Bound(_whole(lower, -_MAX_BYTES), _whole(count)) for lower, count in bounds)
    if not made:
        raise ValueError("an array has a bound")
    whole = ArrayType(_type(element, types), made)
    _whole(whole.size_bytes)
    return whole


def _pointer(row: Row, types: Sequence[IecType]) -> IecType:
    _, target, is_reference, size, align = row
    return PointerType(_type(target, types), _flag(is_reference), _whole(size, 1, 8), _whole(align, 1, 8))


def _struct(row: Row, types: Sequence[IecType]) -> IecType:
    _, name, size, align, extends, comment, attributes, members, methods = row
    whole = _whole(size)
    made = tuple(_member(one, types, whole) for one in members)
    return StructType(
        _text(name),
        made,
        whole,
        _whole(align, 1, 4096),
        _text(extends),
        _text(comment),
        _attributes(attributes),
        tuple(_method(one, types) for one in methods),
    )


def _member(row: Row, types: Sequence[IecType], struct_bytes: int) -> Member:
    name, kind, offset, bit, comment, attributes = row
    made = _type(kind, types)
    at = _whole(offset, 0, struct_bytes)
    if at + made.size_bytes > struct_bytes:
        raise ValueError(f"{name!r} lies outside its structure")
    position = None if bit is None else _whole(bit, 0, 7)
    return Member(_text(name), made, at, position, _text(comment), _attributes(attributes))


def _method(row: Row, types: Sequence[IecType]) -> Method:
    name, returns, comment, parameters = row
    parts = tuple(
        Parameter(_text(part), _type(kind, types), Passing(passing), _text(about))
        for part, kind, passing, about in parameters
    )
    return Method(_text(name), None if returns is None else _type(returns, types), parts, _text(comment))


def _enum(row: Row, types: Sequence[IecType]) -> IecType:
    _, name, base, values, comment, attributes = row
    kind = _type(base, types)
    if not isinstance(kind, ElementaryType):
        raise TypeError(f"{name!r} has no elementary base")
    pairs = tuple((_text(key), _whole(value, -(1 << 63), 1 << 64)) for key, value in values)
    return EnumType(_text(name), pairs, kind, _text(comment), _attributes(attributes))


def _alias(row: Row, types: Sequence[IecType]) -> IecType:
    _, name, target, low, high, comment, attributes = row
    return AliasType(
        _text(name), _type(target, types), _optional(low), _optional(high), _text(comment), _attributes(attributes)
    )


def _opaque(row: Row, types: Sequence[IecType]) -> IecType:
    del types
    _, name, size, align = row
    return OpaqueType(_text(name), _whole(size), _whole(align, 1, 4096))


_READERS: dict[str, Callable[[Row, Sequence[IecType]], IecType]] = {
    "elementary": _elementary,
    "string": _string,
    "wstring": _wstring,
    "array": _array,
    "pointer": _pointer,
    "struct": _struct,
    "enum": _enum,
    "alias": _alias,
    "opaque": _opaque,
}
