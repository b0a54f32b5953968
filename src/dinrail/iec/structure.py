"""Where the members of a structure lie: TwinCAT 3's rules, for `pack_mode` 1, 2, 4 and 8.

Each member stands at a multiple of its own alignment, which pack_mode limits; the whole is padded to its largest
alignment. BITs that follow each other share bytes. Members of the base of an `EXTENDS` come first.

Source: Beckhoff Information System, "Alignment" and "Attribute 'pack_mode'" (TwinCAT 3 PLC).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dinrail.iec.types import Attribute, Elementary, ElementaryType, Member, Method, StructType

DEFAULT_PACK_BYTES = 8
_BIT = ElementaryType(Elementary.BIT)


def structure(
    name: str,
    members: Sequence[Member],
    *,
    pack_bytes: int = DEFAULT_PACK_BYTES,
    base: StructType | None = None,
    comment: str = "",
    attributes: tuple[Attribute, ...] = (),
    methods: tuple[Method, ...] = (),
) -> StructType:
    """A structure with its members laid out; the offsets and bits that they come with do not count."""
    placed: list[Member] = list(base.members) if base else []
    offset, align = (base.size_bytes, base.align_bytes) if base else (0, 1)
    bit = 0
    for member in members:
        if member.type == _BIT:
            placed.append(replace(member, offset_bytes=offset, bit=bit))
            offset, bit = (offset, bit + 1) if bit < 7 else (offset + 1, 0)
            continue
        offset, bit = offset + (bit > 0), 0
        step = min(member.type.align_bytes, pack_bytes)
        offset = _up(offset, step)
        placed.append(replace(member, offset_bytes=offset, bit=None))
        offset += member.type.size_bytes
        align = max(align, step)
    extends = base.name if base else ""
    size = _up(offset + (bit > 0), align)
    return StructType(name, tuple(placed), size, align, extends, comment, attributes, methods)


def union(
    name: str,
    members: Sequence[Member],
    *,
    pack_bytes: int = DEFAULT_PACK_BYTES,
    comment: str = "",
    attributes: tuple[Attribute, ...] = (),
) -> StructType:
    """A union: every member at offset 0, as large as the largest."""
    align = max((min(member.type.align_bytes, pack_bytes) for member in members), default=1)
    size = _up(max((member.type.size_bytes for member in members), default=0), align)
    placed = tuple(replace(member, offset_bytes=0, bit=None) for member in members)
    return StructType(name, placed, size, align, comment=comment, attributes=attributes)


def _up(offset: int, step: int) -> int:
    return -(-offset // step) * step
