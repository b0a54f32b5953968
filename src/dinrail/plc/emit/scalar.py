"""Scalar types and constants as LLVM writes them. BOOL is i1 in a register and i8 in memory; all else is the same."""

from __future__ import annotations

import re
import struct

from dinrail.plc.types.model import SCALARS, Family, ScalarType


def _register(kind: ScalarType) -> str:
    if kind.family is Family.BOOL:
        return "i1"
    if kind.family is Family.FLOAT:
        return "double" if kind.size_bytes == 8 else "float"
    return f"i{kind.bits}"


REGISTER = {kind.name: _register(kind) for kind in SCALARS.values()}
"""Scalar's name -> its LLVM type in a register."""

MEMORY = {name: "i8" if text == "i1" else text for name, text in REGISTER.items()}
"""Scalar's name -> its LLVM type in memory."""


PREFIX = "st."
"""Before each name of an application's: it may have a function `memcpy`, and LLVM calls one, too."""


def quoted(name: str) -> str:
    """The symbol of an application's function, between quotes: any character, and no name of the C library's."""
    name = PREFIX + name
    if name.isascii() and name.replace(".", "").replace("_", "").isalnum():
        return f'@"{name}"'
    return '@"' + "".join(c if c.isascii() and (c.isalnum() or c in "._") else _hex(c) for c in name) + '"'


def _hex(character: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in character.encode())


def integer(value: int, bits: int) -> str:
    """value cut to that many bits, as a signed number (LLVM refuses literals that are too wide)."""
    value &= (1 << bits) - 1
    return str(value - (1 << bits) if value >> (bits - 1) else value)


def floating(value: float, size_bytes: int) -> str:
    """A float constant: its bits as a double; a REAL is rounded to REAL first."""
    if size_bytes == 4:
        value = single(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def single(value: float) -> float:
    """The nearest REAL (infinite when out of its range)."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def constant(value: float, kind: ScalarType) -> str:
    """A Constant's operand. value: int, bool or float."""
    if kind.family is Family.BOOL:
        return "true" if value else "false"
    if kind.family is Family.FLOAT:
        return floating(float(value), kind.size_bytes)
    return integer(int(value), kind.bits)


def text_of(data: bytes) -> str:
    """Bytes as an LLVM string's inside."""
    return data.decode("latin-1").translate(_TEXT)


_TEXT = {
    byte: f"\\{byte:02X}"
    for byte in range(256)
    if not 32 <= byte < 127 or byte in (0x22, 0x5C)  # quote and backslash
}


def image_of(data: bytes) -> tuple[str, str]:
    """(type, value) of a constant image. Long runs of zeros cost nothing in the text."""
    parts: list[tuple[str, str]] = []
    at = 0
    for run in _ZEROS.finditer(data):
        if run.start() > at:
            parts.append(_bytes_of(data[at : run.start()]))
        parts.append((f"[{run.end() - run.start()} x i8]", "zeroinitializer"))
        at = run.end()
    if at < len(data):
        parts.append(_bytes_of(data[at:]))
    if len(parts) == 1:
        return parts[0]
    kinds = ", ".join(kind for kind, _ in parts)
    values = ", ".join(f"{kind} {value}" for kind, value in parts)
    return f"<{{ {kinds} }}>", f"<{{ {values} }}>"


def _bytes_of(data: bytes) -> tuple[str, str]:
    return f"[{len(data)} x i8]", f'c"{text_of(data)}"'


_ZEROS = re.compile(rb"\0{32,}")
