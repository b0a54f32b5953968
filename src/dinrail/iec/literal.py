"""Single values as IEC literals: `16#FF`, `INT#-5`, `TRUE`, `1.5E3`, `'it$'s'`.

Source: IEC 61131-3:2013, 6.3.3 (tables 5 and 6: numeric and string literals).
"""

from __future__ import annotations

import math
import re
import struct

from dinrail.errors import BadRequest

MAX_DIGITS = 200
"""Longer numbers fit no type; the bound keeps a hostile one from costing time."""
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*#")
_INT = re.compile(r"([+-]?)(?:(2|8|10|16)#|(0x))?([0-9a-f]+(?:_[0-9a-f]+)*)", re.IGNORECASE)
_FLOAT = re.compile(r"[+-]?(\d+(_\d+)*)?(\.(\d+(_\d+)*)?)?(e[+-]?\d+)?", re.IGNORECASE)
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
_NAMED = {"$": "$", "'": "'", '"': '"', "L": "\n", "N": "\n", "P": "\f", "R": "\r", "T": "\t"}
_SPOKEN = {"$": "$$", "\n": "$N", "\f": "$P", "\r": "$R", "\t": "$T"}
_ESCAPE = {False: re.compile(r"\$([0-9A-Fa-f]{2}|.)", re.DOTALL), True: re.compile(r"\$([0-9A-Fa-f]{4}|.)", re.DOTALL)}


def parse_bool(text: str) -> bool:
    """TRUE, FALSE, 1, 0, with or without `BOOL#`. Raises BadRequest."""
    word = _PREFIX.sub("", text.strip(), count=1).upper()
    if word not in ("TRUE", "FALSE", "1", "0"):
        raise BadRequest(f"{text!r} is no BOOL", hint="TRUE or FALSE")
    return word in ("TRUE", "1")


def parse_int(text: str) -> int:
    """`12`, `-1_000`, `16#FF`, `2#1010`, `0xFF`, `WORD#16#FF`. The range is not checked. Raises BadRequest."""
    body = text.strip()
    if prefix := _PREFIX.match(body):
        body = body[prefix.end() :]
    match = _INT.fullmatch(body) if len(body) <= MAX_DIGITS else None
    try:
        if match:
            sign, base, hexadecimal, digits = match.groups()
            number = int(digits.replace("_", ""), 16 if hexadecimal else int(base or 10))
            return -number if sign == "-" else number
    except ValueError:  # a digit that the base has not: told below as everything else
        pass
    raise BadRequest(f"{shorten(text)!r} is no integer", hint="like 12, -5, 16#FF or 2#1010")


def parse_float(text: str) -> float:
    """`1.5`, `-1E3`, `LREAL#2`, `nan`, `inf`. Raises BadRequest."""
    body = text.strip()
    if prefix := _PREFIX.match(body):
        body = body[prefix.end() :]
    if body.lower() in _WORDS:
        return _WORDS[body.lower()]
    number = len(body) <= MAX_DIGITS and _FLOAT.fullmatch(body)
    if not number or not any(char.isdigit() for char in body.lower().partition("e")[0]):
        raise BadRequest(f"{shorten(text)!r} is no number", hint="like 1.5, -2E3 or inf")
    return float(body.replace("_", ""))


def format_float(value: float, *, is_single: bool) -> str:
    """The shortest decimal that gives the same bits again; `is_single` for REAL."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    if not is_single:
        return repr(value)
    bits = struct.pack("<f", value)
    return next(
        text
        for digits in range(1, 18)
        if struct.pack("<f", float(text := repr(float(f"{value:.{digits}g}")))) == bits or digits == 17
    )


def quote(text: str, mark: str = "'") -> str:
    """As a literal: `'` for STRING, `"` for WSTRING; control characters as `$0A` (or `$000A`) and `$N`, `$R`, `$T`."""
    out = []
    for char in text:
        if char == mark:
            out.append("$" + char)
        elif char in _SPOKEN:
            out.append(_SPOKEN[char])
        elif ord(char) < 0x20 or (char == "\\" and mark == '"'):  # a backslash would end JSON's quotes elsewhere
            out.append(f"${ord(char):02X}" if mark == "'" else f"${ord(char):04X}")
        else:
            out.append(char)
    return mark + "".join(out) + mark


def unquote(text: str, mark: str = "'") -> str:
    """The text of a quoted literal; what is not quoted is taken as it stands. Raises BadRequest for a bad escape."""
    body = text.strip()
    if len(body) < 2 or body[0] != mark or body[-1] != mark:
        return text

    def spoken(match: re.Match[str]) -> str:
        code = match[1]
        if code.upper() in _NAMED:
            return _NAMED[code.upper()]
        if len(code) == 1:
            raise BadRequest(f"{shorten(text)!r} has the unknown escape ${code}", hint="a $ itself is written $$")
        return chr(int(code, 16))

    return _ESCAPE[mark == '"'].sub(spoken, body[1:-1])


def shorten(text: str, limit: int = 60) -> str:
    """The text for an error message: cut where it is longer than anyone reads."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
