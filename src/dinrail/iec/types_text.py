"""Types as they are declared: `STRING(80)`, `ARRAY [1..2,0..3] OF ST_X`, `POINTER TO INT`, `INT (0..100)`.

The same text is the type's name in symbol entries, so that this reads both what people declare and what a device says.
Source: IEC 61131-3:2013, 6.4; Beckhoff Information System, "Data types" (TwinCAT 3 PLC).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dinrail.errors import BadRequest
from dinrail.iec.literal import shorten
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Bound,
    Elementary,
    ElementaryType,
    Encoding,
    IecType,
    OpaqueType,
    PointerType,
    StringType,
    WStringType,
)

MAX_TYPE_BYTES = 256 << 20
MAX_DEPTH = 32
MAX_TEXT_CHARS = 4096
DEFAULT_LENGTH = 80
"""Of a STRING without a length."""
Lookup = Callable[[str], IecType | None]

_SYNONYMS = {
    "TOD": Elementary.TIME_OF_DAY,
    "DT": Elementary.DATE_AND_TIME,
    "LTOD": Elementary.LTIME_OF_DAY,
    "LDT": Elementary.LDATE_AND_TIME,
    "BIT8": Elementary.BOOL,
    "BITARR8": Elementary.BYTE,
    "BITARR16": Elementary.WORD,
    "BITARR32": Elementary.DWORD,
    "INT8": Elementary.SINT,
    "INT16": Elementary.INT,
    "INT32": Elementary.DINT,
    "INT64": Elementary.LINT,
    "UINT8": Elementary.USINT,
    "UINT16": Elementary.UINT,
    "UINT32": Elementary.UDINT,
    "UINT64": Elementary.ULINT,
    "FLOAT": Elementary.REAL,
    "DOUBLE": Elementary.LREAL,
}
_ELEMENTARY = {code.value[0]: ElementaryType(code) for code in Elementary} | {
    name: ElementaryType(code) for name, code in _SYNONYMS.items()
}
_ALIASES = {
    name: AliasType(name, ElementaryType(code))
    for name, code in (
        ("OTCID", Elementary.UDINT),
        ("HRESULT", Elementary.DINT),
        ("PVOID", Elementary.ULINT),
        ("XINT", Elementary.LINT),
        ("__XINT", Elementary.LINT),
        ("UXINT", Elementary.ULINT),
        ("__UXINT", Elementary.ULINT),
        ("XWORD", Elementary.LWORD),
        ("__XWORD", Elementary.LWORD),
    )
}
_SPACE = re.compile(r"\s+")
_ARRAY = re.compile(r"ARRAY\s*\[([^\]]*)\]\s*OF\s+", re.IGNORECASE)
_POINTER = re.compile(r"(POINTER|REFERENCE)\s+TO\s+", re.IGNORECASE)
_STRING = re.compile(r"(W?STRING)\s*(?:[(\[]\s*(\d{1,9})\s*[)\]])?", re.IGNORECASE)
_RANGE = re.compile(r"\s*([+-]?\d{1,10})\s*\.\.\s*([+-]?\d{1,10})\s*")
SUBRANGE = re.compile(r"([A-Za-z_]\w*)\s*\(\s*([+-]?\d{1,20})\s*\.\.\s*([+-]?\d{1,20})\s*\)")
_HINT = "like INT, STRING(80), ARRAY [0..9] OF REAL, POINTER TO ST_X"


def known_type(name: str) -> IecType | None:
    """A type that every device has: the elementary ones with their synonyms, and the few that TwinCAT adds."""
    upper = name.upper()
    if upper == "GUID":
        return OpaqueType("GUID", 16, 4)
    return _ELEMENTARY.get(upper) or _ALIASES.get(upper)


def parse_type(
    text: str,
    lookup: Lookup = lambda _name: None,
    *,
    pointed: Lookup | None = None,
    encoding: Encoding = Encoding.CP1252,
    pointer_bytes: int = 8,
    where: str | None = None,
) -> IecType:
    """The type that a declaration says. Raises BadRequest, which says what is wrong with it.

    lookup:        the types that the project declares, by name as it is written; asked before the known ones.
    pointed:       the same for what lies behind a POINTER or REFERENCE, where it is to be looked up in another way.
    encoding:      of STRINGs.
    pointer_bytes: 8, or 4 on a 32-bit device.
    """
    body = text.strip()
    wrappers: list[Callable[[IecType], IecType]] = []
    while len(body) <= MAX_TEXT_CHARS and len(wrappers) <= MAX_DEPTH:
        if match := _ARRAY.match(body):
            wrappers.append(_array_of(_bounds(match[1], text, where)))
        elif match := _POINTER.match(body):
            wrappers.append(_pointer_to(match[1].upper() == "REFERENCE", pointer_bytes))
            lookup = pointed or lookup
        else:
            kind = _innermost(body, lookup, encoding)
            if kind is None:
                raise _bad(text, where, f"there is no type {shorten(body)!r}")
            for wrap in reversed(wrappers):
                kind = wrap(kind)
                if kind.size_bytes > MAX_TYPE_BYTES:
                    raise _bad(text, where, f"it has {kind.size_bytes} bytes, {MAX_TYPE_BYTES} are allowed")
            return kind
        body = body[match.end() :]
    raise _bad(text, where, "it is too long, or nested too deeply")


def _innermost(body: str, lookup: Lookup, encoding: Encoding) -> IecType | None:
    if match := _STRING.fullmatch(body):
        length = int(match[2]) if match[2] else DEFAULT_LENGTH
        if length > MAX_TYPE_BYTES:
            return None
        return WStringType(length) if match[1].upper() == "WSTRING" else StringType(length, encoding)
    if kind := lookup(body) or known_type(_SPACE.sub("", body)):
        return kind
    if match := SUBRANGE.fullmatch(body):
        base = lookup(match[1]) or known_type(match[1])
        low, high = int(match[2]), int(match[3])
        return AliasType(f"{base.name} ({low}..{high})", base, low, high) if base and low <= high else None
    return None


def _bounds(text: str, whole: str, where: str | None) -> tuple[Bound, ...]:
    bounds = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        # TwinCAT lets 0..-1 pass, an array without elements; anything below that is a mistake.
        if not match or int(match[2]) - int(match[1]) < -1:
            raise _bad(whole, where, f"{shorten(part.strip())!r} is no range of indexes")
        bounds.append(Bound(int(match[1]), int(match[2]) - int(match[1]) + 1))
    return tuple(bounds)


def _array_of(bounds: tuple[Bound, ...]) -> Callable[[IecType], IecType]:
    return lambda element: ArrayType(element, bounds)


def _pointer_to(is_reference: bool, size_bytes: int) -> Callable[[IecType], IecType]:
    return lambda target: PointerType(target, is_reference, size_bytes, size_bytes)


def _bad(text: str, where: str | None, why: str) -> BadRequest:
    return BadRequest(f"{shorten(text)!r} is no type", where=where, why=why, hint=_HINT)
