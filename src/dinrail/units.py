"""Sizes, times and address spaces: the words that stand in names and types everywhere else.

An address says in whose space it lies. `Hpa` and `Gpa` are plain integers to Python and different types to mypy, so
that a guest's address never reaches a host register by mistake.
"""

from __future__ import annotations

import re
from typing import NewType

from dinrail.errors import BadRequest

Hpa = NewType("Hpa", int)
"""Host physical address, as the CPU and /proc/iomem see it."""

Gpa = NewType("Gpa", int)
"""Guest physical address."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

US_NS = 1_000
MS_NS = 1_000_000
S_NS = 1_000_000_000

_SIZE_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB, "K": KIB, "M": MIB, "G": GIB, "T": TIB}
_TIME_UNITS = {"ns": 1, "us": US_NS, "ms": MS_NS, "s": S_NS, "min": 60 * S_NS}
_QUANTITY = re.compile(r"\s*(\d{1,18})(?:\.(\d{1,9}))?\s*([A-Za-z]*)\s*")


def parse_size(text: str) -> int:
    """Bytes from `4 GiB`, `512MiB`, `64K` or a bare number of bytes. Binary units only: `GB` is refused, not guessed.

    Raises BadRequest.
    """
    return _quantity(text, _SIZE_UNITS, "a size", "write it like `4 GiB` or `512 MiB` (binary units)")


def parse_duration(text: str) -> int:
    """Nanoseconds from `1 ms`, `250us` or `1.5 s`. The unit is never optional. Raises BadRequest."""
    return _quantity(text, _TIME_UNITS, "a time", "write it like `1 ms` or `250 us`")


def _quantity(text: str, units: dict[str, int], kind: str, hint: str) -> int:
    match = _QUANTITY.fullmatch(text)
    scale = units.get(match[3]) if match else None
    if match is None or scale is None:
        raise BadRequest(f"{text!r} is not {kind}", hint=hint)
    whole, fraction = int(match[1]), match[2] or ""
    value, rest = divmod(int(f"{whole}{fraction}") * scale, int(10 ** len(fraction)))
    if rest:
        raise BadRequest(f"{text!r} is not a whole number of the smallest unit", hint=hint)
    return value


def format_size(size_bytes: int) -> str:
    """The largest binary unit that keeps the number whole: `256 MiB`, `1536 KiB`, `17 B`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        scale = _SIZE_UNITS[unit]
        if size_bytes and size_bytes % scale == 0:
            return f"{size_bytes // scale} {unit}"
    return f"{size_bytes} B"
