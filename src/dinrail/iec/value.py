"""Bytes <-> Python values for every IEC type.

    type                  value that `decode` gives         `encode` takes as well
    BOOL, BIT             bool                              0, 1, `TRUE`
    BYTE .. LWORD, INT .. int                               `16#FF`
    REAL, LREAL           float                             int, `1.5`
    TIME, DT, ..          IecTime (an int in the unit)      int, timedelta, date, time, datetime, `T#1s`
    STRING, WSTRING       str                               -
    enumeration           EnumValue (an int with a name)    int, name
    array                 list, nested once per dimension   tuple, flat list, bytes for arrays of BYTE
    structure, union      dict, members in order            -
    POINTER, REFERENCE    int                               `16#7FFF0000`
    opaque                bytes                             bytes, hexadecimal text

Reading never fails for what a PLC may hold: undefined bytes of cp1252 and invalid UTF-8 become U+FFFD, an enumeration
without that value is a number, a subrange is not checked. Writing checks everything and names the member.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from dinrail.errors import BadRequest, FormatError
from dinrail.iec.literal import parse_bool, parse_float, parse_int, shorten
from dinrail.iec.times import TIMES, from_rich, parse_time
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Elementary,
    ElementaryType,
    EnumType,
    IecType,
    OpaqueType,
    PointerType,
    StringType,
    StructType,
    WStringType,
    resolve,
)
from dinrail.layout import Buffer

Value = bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]
MAX_EMPTY_ELEMENTS = 65_536
"""Elements without a size cost memory here and none on the wire, so their number needs a bound of its own."""
T = TypeVar("T")

CODES: dict[Elementary, str] = {
    Elementary.BOOL: "B",
    Elementary.BIT: "B",
    Elementary.BYTE: "B",
    Elementary.WORD: "H",
    Elementary.DWORD: "I",
    Elementary.LWORD: "Q",
    Elementary.SINT: "b",
    Elementary.USINT: "B",
    Elementary.INT: "h",
    Elementary.UINT: "H",
    Elementary.DINT: "i",
    Elementary.UDINT: "I",
    Elementary.LINT: "q",
    Elementary.ULINT: "Q",
    Elementary.REAL: "f",
    Elementary.LREAL: "d",
    Elementary.TIME: "I",
    Elementary.LTIME: "Q",
    Elementary.DATE: "I",
    Elementary.TIME_OF_DAY: "I",
    Elementary.DATE_AND_TIME: "I",
    Elementary.LDATE: "Q",
    Elementary.LTIME_OF_DAY: "Q",
    Elementary.LDATE_AND_TIME: "Q",
}
"""Of the struct module, little-endian."""
_BOOLS = (Elementary.BOOL, Elementary.BIT)
_FLOATS = (Elementary.REAL, Elementary.LREAL)


class EnumValue(int):
    """A value of an enumeration: its number, and its name where it has one."""

    name: str

    def __new__(cls, value: int, name: str = "") -> EnumValue:
        made = super().__new__(cls, value)
        made.name = name
        return made

    def __str__(self) -> str:
        return self.name or int.__repr__(self)

    def __repr__(self) -> str:
        return f"EnumValue({int(self)}, {self.name!r})"


def limits(kind: Elementary) -> tuple[int, int]:
    """The smallest and the largest number of an integer or time type."""
    bits = 8 * kind.value[1]
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if CODES[kind].islower() else (0, (1 << bits) - 1)


def decode(kind: IecType, data: Buffer) -> Value:
    """The value in `data`, which has to be exactly as long as the type. Raises FormatError."""
    if len(data) != kind.size_bytes:
        raise FormatError(f"{len(data)} bytes are no {kind.name} ({kind.size_bytes} bytes)", structure=kind.name)
    return _decode(resolve(kind), memoryview(data))


def _decode(kind: IecType, data: memoryview) -> Value:
    match kind:
        case ElementaryType():
            return _decode_all(kind.kind, data)[0]
        case StringType():
            text = bytes(data).partition(b"\0")[0]
            return text.decode(kind.encoding.value, "replace")
        case WStringType():
            units = bytes(data[: len(data) & ~1])
            end = next((at for at in range(0, len(units), 2) if units[at : at + 2] == b"\0\0"), len(units))
            return units[:end].decode("utf-16-le", "replace")
        case ArrayType():
            return _decode_array(kind, data)
        case StructType():
            return {
                member.name: _decode_member(member.type, member.offset_bytes, member.bit, data)
                for member in kind.members
            }
        case EnumType():
            number = int.from_bytes(data, "little", signed=CODES[kind.base.kind].islower())
            return EnumValue(number, next((name for name, value in kind.values if value == number), ""))
        case PointerType():
            return int.from_bytes(data, "little")
        case AliasType():
            return _decode(resolve(kind), data)
        case OpaqueType():
            return bytes(data)


def _decode_member(kind: IecType, offset: int, bit: int | None, data: memoryview) -> Value:
    if bit is not None:
        return bool(data[offset] >> bit & 1) if offset < len(data) else False
    part = data[offset : offset + kind.size_bytes]
    if len(part) != kind.size_bytes:
        raise FormatError(f"a member {kind.name} at {offset} reaches beyond its structure", structure=kind.name)
    return _decode(resolve(kind), part)


def _decode_all(kind: Elementary, data: memoryview) -> list[Value]:
    values: tuple[int | float, ...] = struct.unpack(f"<{len(data) // kind.value[1]}{CODES[kind]}", data)
    if kind in _BOOLS:
        return [value != 0 for value in values]
    cls = TIMES.get(kind)
    return [cls(value) for value in values] if cls else list(values)


def _decode_array(kind: ArrayType, data: memoryview) -> list[Value]:
    element = resolve(kind.element)
    size = element.size_bytes
    if isinstance(element, ElementaryType):
        flat = _decode_all(element.kind, data)
    elif size == 0 and kind.count > MAX_EMPTY_ELEMENTS:
        raise FormatError(f"{kind.count} elements without a size", structure=kind.name)
    else:
        flat = [_decode(element, data[at * size : (at + 1) * size]) for at in range(kind.count)]
    for bound in reversed(kind.bounds[1:]):
        rows = len(flat) // bound.count if bound.count else 0
        flat = [flat[at * bound.count : (at + 1) * bound.count] for at in range(rows)]
    return flat


def encode(kind: IecType, value: object, *, base: bytes | None = None, where: str = "") -> bytes:
    """The bytes of a value, `kind.size_bytes` long. Raises BadRequest with the member, the value and what was expected.

    base:  what is there now; with it, a structure may be given in part, and the rest of its bytes stay.
    where: the path of the variable, for messages.
    """
    out = bytearray(kind.size_bytes) if base is None else bytearray(base)
    if len(out) != kind.size_bytes:
        raise BadRequest(f"{len(out)} bytes are no {kind.name} ({kind.size_bytes} bytes)", where=where or None)
    _encode(kind, value, memoryview(out), _Spot(where, base is not None))
    return bytes(out)


class _Spot:
    """Where in a value the encoder is, and whether members may be missing there."""

    __slots__ = ("partly", "path")

    def __init__(self, path: str, partly: bool) -> None:
        self.path = path
        self.partly = partly

    def at(self, step: str) -> _Spot:
        return _Spot(self.path + step, self.partly)

    def bad(self, kind: IecType, value: object, why: str | None = None, hint: str | None = None) -> BadRequest:
        shown = int(value) if type(value) in TIMES.values() and isinstance(value, int) else value
        what = f"{shorten(repr(shown))} is no {kind.name}"
        return BadRequest(what, where=self.path or None, why=why, hint=hint)


def _encode(kind: IecType, value: object, out: memoryview, spot: _Spot) -> None:
    match kind:
        case ElementaryType():
            out[:] = _encode_elementary(kind, value, spot)
        case StringType() | WStringType():
            raw = _encode_text(kind, value, spot)
            out[:] = raw + bytes(len(out) - len(raw))
        case ArrayType():
            _encode_array(kind, value, out, spot)
        case StructType():
            _encode_struct(kind, value, out, spot)
        case EnumType():
            out[:] = _encode_int(kind, kind.base.kind, _enum_number(kind, value, spot), spot)
        case PointerType():
            number = _integer(kind, value, spot)
            if not 0 <= number < 1 << 8 * len(out):
                raise spot.bad(kind, value, f"an address has {len(out)} bytes")
            out[:] = number.to_bytes(len(out), "little")
        case AliasType():
            _encode(kind.target, value, out, spot)
            _check_subrange(kind, out, value, spot)
        case OpaqueType():
            out[:] = _encode_opaque(kind, value, spot)


def _check_subrange(kind: AliasType, out: memoryview, value: object, spot: _Spot) -> None:
    number = _decode(resolve(kind), out) if kind.low is not None or kind.high is not None else None
    if isinstance(number, int | float):
        low = number if kind.low is None else kind.low
        high = number if kind.high is None else kind.high
        if not low <= number <= high:
            raise spot.bad(kind, value, f"the range is {kind.low} to {kind.high}")


def _encode_elementary(kind: ElementaryType, value: object, spot: _Spot) -> bytes:
    code = kind.kind
    if code in _BOOLS:
        flag = _scalar(kind, value, parse_bool, spot) if isinstance(value, str) else value
        if not isinstance(flag, int) or flag not in (0, 1):
            raise spot.bad(kind, value, hint="TRUE or FALSE")
        return bytes((int(flag),))
    if code in _FLOATS:
        number = _scalar(kind, value, parse_float, spot) if isinstance(value, str) else value
        if not isinstance(number, int | float) or isinstance(number, bool):
            raise spot.bad(kind, value, hint="a number like 1.5")
        try:
            return struct.pack("<" + CODES[code], number)
        except OverflowError:
            raise spot.bad(kind, value, f"is too large for {kind.size_bytes} bytes") from None
    if code in TIMES:
        if isinstance(value, str):
            return _encode_int(kind, code, _scalar(kind, value, lambda text: parse_time(code, text), spot), spot)
        rich = from_rich(code, value)
        return _encode_int(kind, code, value if rich is None else rich, spot)
    return _encode_int(kind, code, _integer(kind, value, spot), spot)


def _scalar(kind: IecType, text: str, parse: Callable[[str], T], spot: _Spot) -> T:
    try:
        return parse(text)
    except BadRequest as fault:
        raise spot.bad(kind, text, fault.why, fault.hint) from None


def _integer(kind: IecType, value: object, spot: _Spot) -> int:
    number = _scalar(kind, value, parse_int, spot) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise spot.bad(kind, value, hint="an integer like 12 or 16#FF")
    return number


def _encode_int(kind: IecType, code: Elementary, value: object, spot: _Spot) -> bytes:
    low, high = limits(code)
    if not isinstance(value, int) or isinstance(value, bool):
        raise spot.bad(kind, value)
    if not low <= value <= high:
        raise spot.bad(kind, int(value), f"the range is {low} to {high}")
    return struct.pack("<" + CODES[code], value)


def _enum_number(kind: EnumType, value: object, spot: _Spot) -> int:
    if isinstance(value, str):
        name = value.strip().rpartition("#")[2].rpartition(".")[2].lower()
        for known, number in kind.values:
            if known.lower() == name:
                return number
        try:
            return parse_int(value)
        except BadRequest:
            names = ", ".join(known for known, _ in kind.values[:20])
            raise spot.bad(kind, value, hint=f"one of: {names}") from None
    return _integer(kind, value, spot)


def _encode_text(kind: StringType | WStringType, value: object, spot: _Spot) -> bytes:
    if not isinstance(value, str):
        raise spot.bad(kind, value, hint="text")
    text = value.partition("\0")[0]
    wide = isinstance(kind, WStringType)
    encoding = "utf-16-le" if isinstance(kind, WStringType) else kind.encoding.value
    try:
        raw = text.encode(encoding)
    except UnicodeEncodeError as fault:
        raise spot.bad(kind, value, f"{encoding} has no {text[fault.start]!r}") from None
    length = len(raw) // 2 if wide else len(raw)
    if length > kind.length:
        unit = "UTF-16 code units" if wide else f"bytes of {encoding}"
        raise spot.bad(kind, value, f"it has {length} {unit}, there is room for {kind.length}")
    return raw


def _encode_opaque(kind: OpaqueType, value: object, spot: _Spot) -> bytes:
    try:
        raw = bytes.fromhex(value) if isinstance(value, str) else value
    except ValueError:
        raise spot.bad(kind, value, hint="its bytes in hexadecimal") from None
    if not isinstance(raw, bytes | bytearray) or len(raw) != kind.size_bytes:
        raise spot.bad(kind, value, f"it has {kind.size_bytes} bytes", "nothing else is known of this type")
    return bytes(raw)


def _encode_array(kind: ArrayType, value: object, out: memoryview, spot: _Spot) -> None:
    if isinstance(value, bytes | bytearray | memoryview):
        value = list(value)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise spot.bad(kind, value, hint="a list like [1, 2, 3]")
    flat = list(value) if len(value) == kind.count else _flatten(kind, value, spot)
    if len(kind.bounds) > 1 and flat and isinstance(flat[0], list | tuple):
        flat = _flatten(kind, value, spot)
    size = kind.element.size_bytes
    for at, element in enumerate(flat):
        step = spot.at(f"[{_index_text(kind, at)}]")
        _encode(kind.element, element, out[at * size : (at + 1) * size], step)


def _flatten(kind: ArrayType, value: Sequence[object], spot: _Spot) -> list[object]:
    """One level for each dimension, every one as long as its bound says."""
    level: list[object] = [value]
    for bound in kind.bounds:
        below: list[object] = []
        for row in level:
            if not isinstance(row, list | tuple) or len(row) != bound.count:
                found = f"{len(row)} elements" if isinstance(row, list | tuple) else shorten(repr(row))
                raise spot.bad(kind, value, f"{found} where {bound.lower}..{bound.upper} takes {bound.count}")
            below += row
        level = below
    return level


def _index_text(kind: ArrayType, at: int) -> str:
    parts = []
    for bound in reversed(kind.bounds):
        at, index = divmod(at, bound.count)
        parts.append(str(bound.lower + index))
    return ",".join(reversed(parts))


def _encode_struct(kind: StructType, value: object, out: memoryview, spot: _Spot) -> None:
    if not isinstance(value, Mapping):
        raise spot.bad(kind, value, hint='its members as {"name": value}')
    given = {str(name).lower(): (str(name), part) for name, part in value.items()}
    members = {member.name.lower(): member for member in kind.members}
    unknown = [name for key, (name, _) in given.items() if key not in members]
    missing = [member.name for key, member in members.items() if key not in given]
    is_union = len(kind.members) > 1 and all(member.offset_bytes == 0 and member.bit is None for member in kind.members)
    if unknown:
        raise spot.bad(
            kind, value, f"has no {', '.join(unknown)}", f"it has: {', '.join(m.name for m in kind.members)}"
        )
    if missing and not spot.partly and not is_union:
        raise spot.bad(kind, value, f"lacks {', '.join(missing)}")
    for key, member in members.items():
        if key not in given:
            continue
        step = spot.at(f".{member.name}")
        if member.bit is not None:
            raw = _encode_elementary(ElementaryType(Elementary.BIT), given[key][1], step)[0]
            out[member.offset_bytes] = out[member.offset_bytes] & ~(1 << member.bit) & 0xFF | raw << member.bit
        else:
            part = out[member.offset_bytes : member.offset_bytes + member.type.size_bytes]
            _encode(member.type, given[key][1], part, step)
