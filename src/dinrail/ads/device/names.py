"""Names as clients send them: with or without a NUL, in the device's code page or in the other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dinrail.ams.errors import AdsError, AdsFault
from dinrail.iec.types import Encoding

T = TypeVar("T")
MAX_NAME_BYTES = 4096
_OTHER = {Encoding.UTF_8: Encoding.CP1252, Encoding.CP1252: Encoding.UTF_8}


def lookup(raw: bytes, encoding: Encoding, find: Callable[[str], T]) -> T:
    """What `find` gives for a name. Raises AdsFault 0x710 for bytes that are no name, or that nothing is called.

    A name that is not found in the device's encoding is tried in the other: TwinCAT changed its own with 4026, and
    clients know only one. Both agree on ASCII.
    """
    raw = raw.partition(b"\0")[0]
    if not raw or len(raw) > MAX_NAME_BYTES:
        raise AdsFault(AdsError.SYMBOL_NOT_FOUND)
    for code in (encoding,) if raw.isascii() else (encoding, _OTHER[encoding]):
        try:
            return find(raw.decode(code))
        except UnicodeDecodeError:
            continue
        except AdsFault as fault:
            if fault.code != AdsError.SYMBOL_NOT_FOUND or raw.isascii():
                raise
    raise AdsFault(AdsError.SYMBOL_NOT_FOUND)
