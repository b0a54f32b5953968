"""AT %I, %Q, %M: what an address says, and where those without one come to lie.

Bytes count whatever the width: %MW2 is the bytes 2 and 3, %MD4 the bytes 4 to 7 (Beckhoff Information System, "Memory
position", TwinCAT 3 on x64: byte addressing). %IX0.3 is bit 3 of byte 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dinrail.plc.types.layout import aligned
from dinrail.plc.types.variable import Area, Variable

SIZES_BYTES = {"X": 1, "": 1, "B": 1, "W": 2, "D": 4, "L": 8}
MAX_AREA_BYTES = 1 << 24
_ADDRESS = re.compile(r"%([IQM])(?:([XBWDL]?)(\d+)(?:\.(\d+))?|\*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A place in the process image. offset_bytes None: `*`, to be found. bit: -1 unless a bit is named.

    size_bytes: of the letter; 0 for `*`.
    """

    area: Area
    offset_bytes: int | None
    bit: int = -1
    size_bytes: int = 0


def parse_address(text: str) -> Address | None:
    """`%IX0.3`, `%MD4`, `%Q*`; None when it is none."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        return None
    area = Area(match[1].upper())
    if match[3] is None:
        return Address(area, None)
    letter = (match[2] or "").upper()
    offset, bit = int(match[3]), -1
    if letter in ("X", ""):
        bit = int(match[4] or 0)
    elif match[4] is not None:
        return None
    if bit > 7 or offset + SIZES_BYTES[letter] > MAX_AREA_BYTES:
        return None
    return Address(area, offset, bit, SIZES_BYTES[letter])


def place_areas(variables: Iterable[Variable]) -> dict[str, int]:
    """Finds a place behind all written addresses for each variable without one (offset_bytes -1), in declared order.

    Returns the bytes that each area needs, by Area.value.
    """
    located = list(variables)
    ends = dict.fromkeys(Area, 0)
    for variable in located:
        if variable.area is not None and variable.offset_bytes >= 0:
            end = variable.offset_bytes + max(variable.type.size_bytes, 1)
            ends[variable.area] = max(ends[variable.area], end)
    for variable in located:
        if variable.area is not None and variable.offset_bytes < 0:
            variable.offset_bytes = aligned(ends[variable.area], min(variable.type.align_bytes, 8))
            ends[variable.area] = variable.offset_bytes + variable.type.size_bytes
    return {area.value: ends[area] for area in Area}
