"""String literals: `'it$'s'` in Windows-1252 bytes, `"wide"` in characters of UTF-16.

Source: IEC 61131-3:2013, 6.3.3 (tables 6 and 7).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final

_NAMED: Final = {"L": "\n", "N": "\n", "P": "\f", "R": "\r", "T": "\t", "$": "$", "'": "'", '"': '"'}
_ESCAPE: Final = re.compile(r"\$([0-9A-Fa-f]{2}|.)", re.DOTALL)
_WIDE_ESCAPE: Final = re.compile(r"\$([0-9A-Fa-f]{4}|.)", re.DOTALL)


class BadLiteral(Exception):
    """A text is no literal of its kind. fault: one sentence. hint: what to write instead."""

    def __init__(self, fault: str, hint: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.hint = hint


def _spoken(code: str, width: int) -> str:
    named = _NAMED.get(code.upper())
    if named is not None:
        return named
    if len(code) != width:
        raise BadLiteral(f"`${code}` is no escape", f"$ is written $$, a code ${'0041'[4 - width :]}")
    return chr(int(code, 16))


def string_value(text: str) -> bytes:
    """The bytes of a quoted STRING literal. Raises BadLiteral for a bad escape or a character that it cannot hold."""
    return _bytes_value(text, _encode)


def utf8_value(text: str) -> bytes:
    """The bytes of what stands behind UTF8#, in UTF-8; a code `$E4` is that byte. Raises BadLiteral."""
    return _bytes_value(text, lambda part: part.encode("utf-8", "surrogatepass"))


def _bytes_value(text: str, encode: Callable[[str], bytes]) -> bytes:
    if len(text) < 2 or text[0] != "'" or text[-1] != "'":
        raise BadLiteral("a STRING stands in single quotes", "'...'")
    body = text[1:-1]
    if "$" not in body and body.isascii():
        return body.encode("ascii")
    out = bytearray()
    at = 0
    for match in _ESCAPE.finditer(body):
        out += encode(body[at : match.start()])
        out += _spoken(match[1], 2).encode("latin-1")
        at = match.end()
    return bytes(out + encode(body[at:]))


def _c1_bytes(fault: UnicodeError) -> tuple[bytes, int]:
    """The five bytes that Windows-1252 leaves undefined stand for the control characters of their number."""
    if isinstance(fault, UnicodeEncodeError) and "\x80" <= fault.object[fault.start] <= "\x9f":
        return bytes([ord(fault.object[fault.start])]), fault.start + 1
    raise fault


_C1: Final = "dinrail.plc.c1"
codecs.register_error(_C1, _c1_bytes)


def _encode(text: str) -> bytes:
    try:
        return text.encode("cp1252", _C1)
    except UnicodeEncodeError as bad:
        char = text[bad.start]
        hint = 'a WSTRING holds it: "..."'
        raise BadLiteral(f"a STRING cannot hold the character `{char}` (U+{ord(char):04X})", hint) from None


def wstring_value(text: str) -> str:
    """The characters of a quoted WSTRING literal (single surrogates stay). Raises BadLiteral for a bad escape."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise BadLiteral("a WSTRING stands in double quotes", '"..."')
    return _WIDE_ESCAPE.sub(lambda match: _spoken(match[1], 4), text[1:-1])
