"""What a capture file holds, whatever its format."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class LinkType(enum.IntEnum):
    """Link types that are understood (tcpdump.org, "Link-layer header types"). Others are counted and left out."""

    NULL = 0  # loopback of the BSDs: u32 family in the byte order of the machine that captured
    ETHERNET = 1
    RAW_BSD = 12
    RAW_OPENBSD = 14
    RAW = 101
    LOOP = 108  # u32 family, big-endian
    LINUX_SLL = 113
    IPV4 = 228
    IPV6 = 229
    LINUX_SLL2 = 276


@dataclass(frozen=True, slots=True)
class Captured:
    """One packet of a capture. `link_type` is a LinkType or another number; `data` may be cut short (snap length)."""

    wall_ns: int
    link_type: int
    data: bytes
