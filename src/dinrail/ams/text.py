"""Text on the wire: single-byte strings with a NUL, in the code page of the target.

TwinCAT's strings are Windows-1252 unless the upload info says 65001 (UTF-8). Windows maps the five bytes that 1252
leaves open to the control characters of the same number, and so do we: any bytes are a text, and come back the same.

Source: Beckhoff Information System, "AdsSymbolUploadInfo"; Unicode's bestfit1252.txt.
"""

from __future__ import annotations

import codecs

from dinrail.errors import BadRequest

CP1252 = 1252
UTF_8 = 65001
_OPEN = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_DECODING = "".join(chr(byte) if byte in _OPEN else bytes((byte,)).decode("cp1252") for byte in range(256))
_ENCODING = codecs.charmap_build(_DECODING)


def decode_text(raw: bytes, code_page: int = CP1252) -> str:
    """The text of these bytes, up to their end. Never raises: what is no UTF-8 is read as 1252."""
    if raw.isascii():
        return raw.decode("ascii")
    if code_page == UTF_8:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            pass
    return codecs.charmap_decode(raw, "strict", _DECODING)[0]


def cut_text(raw: bytes, code_page: int = CP1252) -> str:
    """The same up to the first NUL."""
    return decode_text(raw.partition(b"\0")[0], code_page)


def encode_text(text: str, code_page: int = CP1252) -> bytes:
    """The bytes of a text, without a NUL. Raises BadRequest when the code page has no such character."""
    if text.isascii():
        return text.encode("ascii")
    try:
        return text.encode() if code_page == UTF_8 else codecs.charmap_encode(text, "strict", _ENCODING)[0]
    except UnicodeEncodeError as fault:
        raise BadRequest(
            f"{text!r} has characters that code page {code_page} cannot say", hint="use other characters, or UTF-8"
        ) from fault


def fit_text(text: str, size_bytes: int, code_page: int = CP1252) -> bytes:
    """At most `size_bytes` bytes of a text, never half a character."""
    raw = encode_text(text, code_page)
    if len(raw) <= size_bytes:
        return raw
    return raw[:size_bytes].decode(errors="ignore").encode() if code_page == UTF_8 else raw[:size_bytes]
