"""Values as people write and read them: `T#1s200ms`, `[1, 2, 3]`, `(a := 1, b := 'x')`, and as JSON.

`parse` takes what `format_value` gives, and JSON for arrays and structures.
"""

from __future__ import annotations

import json
import math

from dinrail.errors import BadRequest
from dinrail.iec.literal import format_float, parse_bool, parse_float, parse_int, quote, shorten, unquote
from dinrail.iec.times import TIMES, IecTime, parse_time
from dinrail.iec.types import (
    ArrayType,
    Elementary,
    ElementaryType,
    IecType,
    OpaqueType,
    PointerType,
    StringType,
    StructType,
    WStringType,
    resolve,
)
from dinrail.iec.value import EnumValue, Value, encode

_BITS = (Elementary.BYTE, Elementary.WORD, Elementary.DWORD, Elementary.LWORD)
_CLOSING = {"[": "]", "(": ")", "{": "}"}
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def parse(kind: IecType, text: str, *, where: str = "") -> object:
    """What `encode` takes, from command-line text. Raises BadRequest; ranges are `encode`'s to check.

    A STRING may be given with or without its quotes; a structure as JSON or as `(a := 1, b := 2)`.
    """
    real = resolve(kind)
    body = text.strip()
    if isinstance(real, ArrayType | StructType) and body.startswith("{"):
        return _json(kind, body, where)
    match real:
        case ElementaryType():
            return _parse_elementary(real.kind, text, where)
        case StringType():
            return unquote(text, "'")
        case WStringType():
            return unquote(text, '"')
        case PointerType():
            return parse_int(text)
        case ArrayType():
            return _parse_array(real, body, where)
        case StructType():
            return _parse_struct(real, body, where)
        case _:
            return text  # enumerations and opaque types: `encode` knows their names


def parse_bytes(kind: IecType, text: str, *, base: bytes | None = None, where: str = "") -> bytes:
    """`encode` of `parse`: from text to the bytes of the type. Raises BadRequest."""
    return encode(kind, parse(kind, text, where=where), base=base, where=where)


def format_value(kind: IecType, value: Value) -> str:
    """A value that `decode` gave, as an IEC literal."""
    real = resolve(kind)
    match real:
        case ArrayType():
            return _format_array(real.element, len(real.bounds), value)
        case StructType() if isinstance(value, dict):
            members = {member.name: member.type for member in real.members}
            return f"({', '.join(f'{name} := {format_value(members[name], part)}' for name, part in value.items())})"
        case StringType():
            return quote(str(value), "'")
        case WStringType():
            return quote(str(value), '"')
        case PointerType() if isinstance(value, int):
            return f"16#{value:0{2 * real.size_bytes}X}"
        case OpaqueType() if isinstance(value, bytes):
            return value.hex()
        case ElementaryType():
            return _format_elementary(real.kind, value)
    return str(value)


def as_json(kind: IecType, value: Value, *, raw: bool = False) -> Json:
    """A value that `decode` gave, for `json.dumps`.

    Times are their IEC literals and enumerations their names, or plain numbers with `raw`; pointers are numbers;
    opaque bytes are hexadecimal; NaN and the infinities, which JSON has not, are the strings `nan`, `inf`, `-inf`.
    """
    real = resolve(kind)
    if isinstance(real, ArrayType):
        return _json_array(real.element, len(real.bounds), value, raw)
    if isinstance(real, StructType) and isinstance(value, dict):
        members = {member.name: member.type for member in real.members}
        return {name: as_json(members[name], part, raw=raw) for name, part in value.items()}
    if isinstance(value, IecTime):
        return int(value) if raw else str(value)
    if isinstance(value, EnumValue):
        return int(value) if raw or not value.name else value.name
    if isinstance(value, float):
        is_single = isinstance(real, ElementaryType) and real.kind is Elementary.REAL
        return float(format_float(value, is_single=is_single)) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, bool | int | str) else str(value)


def _json(kind: IecType, text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        why = str(fault) if isinstance(fault, ValueError) else "it is nested too deeply"
        raise BadRequest(f"{shorten(text)!r} is no JSON for {kind.name}", where=where or None, why=why) from None


def _parse_elementary(kind: Elementary, text: str, where: str) -> object:
    try:
        if kind in (Elementary.BOOL, Elementary.BIT):
            return parse_bool(text)
        if kind in (Elementary.REAL, Elementary.LREAL):
            return parse_float(text)
        return parse_time(kind, text) if kind in TIMES else parse_int(text)
    except BadRequest as fault:
        what = f"{shorten(text)!r} is no {kind.value[0]}"
        raise BadRequest(what, where=where or None, why=fault.why, hint=fault.hint) from None


def _parse_array(kind: ArrayType, body: str, where: str) -> object:
    if not (body.startswith("[") and body.endswith("]")):
        raise BadRequest(f"{shorten(body)!r} is no {kind.name}", where=where or None, hint="a list like [1, 2, 3]")
    return _parse_level(kind, body, len(kind.bounds), where)


def _parse_level(kind: ArrayType, body: str, depth: int, where: str) -> list[object]:
    """The elements of one bracket; a bracket inside it is a further dimension while there is one."""
    out: list[object] = []
    for at, part in enumerate(split(body[1:-1], where)):
        if depth > 1 and part.startswith("[") and part.endswith("]"):
            out.append(_parse_level(kind, part, depth - 1, where))
        else:
            out.append(parse(kind.element, _json_string(kind.element, part), where=f"{where}[{at}]"))
    return out


def _json_string(kind: IecType, text: str) -> str:
    """A text in JSON's quotes, where an IEC literal would have others: `["a", "b"]` is how scripts write it."""
    if not text.startswith('"') or isinstance(resolve(kind), WStringType):
        return text
    try:
        loaded = json.loads(text)
    except ValueError:
        return text
    return quote(loaded, "'") if isinstance(resolve(kind), StringType) else str(loaded)


def _parse_struct(kind: StructType, body: str, where: str) -> object:
    if not (body.startswith("(") and body.endswith(")")):
        hint = 'JSON like {"a": 1}, or (a := 1)'
        raise BadRequest(f"{shorten(body)!r} is no {kind.name}", where=where or None, hint=hint)
    members = {member.name.lower(): member.type for member in kind.members}
    out: dict[str, object] = {}
    for part in split(body[1:-1], where):
        name, assigned, text = part.partition(":=")
        member = members.get(name.strip().lower())
        if not assigned or member is None:
            names = ", ".join(m.name for m in kind.members)
            raise BadRequest(f"{shorten(part)!r} sets no member of {kind.name}", where=where or None, hint=names)
        out[name.strip()] = parse(member, text.strip(), where=f"{where}.{name.strip()}")
    return out


def split(text: str, where: str = "") -> list[str]:
    """The parts between commas that stand in no bracket and in no quotes. Raises BadRequest when one is left open."""
    parts: list[str] = []
    start, open_until, mark, skip = 0, [""], "", False
    for at, char in enumerate(text):
        if skip:
            skip = False
        elif mark:
            skip = char == "$" or (char == "\\" and mark == '"')
            mark = "" if char == mark else mark
        elif char in "'\"":
            mark = char
        elif char in _CLOSING:
            open_until.append(_CLOSING[char])
        elif char == open_until[-1]:
            open_until.pop()
        elif char == "," and len(open_until) == 1:
            parts.append(text[start:at].strip())
            start = at + 1
    if mark or len(open_until) > 1:
        raise BadRequest(f"{shorten(text)!r} lacks its closing {mark or open_until[-1]}", where=where or None)
    last = text[start:].strip()
    return [*parts, last] if parts or last else []


def _format_elementary(kind: Elementary, value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if kind in (Elementary.REAL, Elementary.LREAL) and isinstance(value, int | float):
        return format_float(float(value), is_single=kind is Elementary.REAL)
    if kind in _BITS and isinstance(value, int):
        return f"16#{value:0{2 * kind.value[1]}X}"
    return str(value)


def _format_array(element: IecType, depth: int, value: Value) -> str:
    if depth == 0:
        return format_value(element, value)
    return (
        f"[{', '.join(_format_array(element, depth - 1, part) for part in value)}]" if isinstance(value, list) else ""
    )


def _json_array(element: IecType, depth: int, value: Value, raw: bool) -> Json:
    if depth == 0:
        return as_json(element, value, raw=raw)
    return [_json_array(element, depth - 1, part, raw) for part in value] if isinstance(value, list) else []
