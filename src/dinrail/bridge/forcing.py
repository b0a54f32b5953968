"""Forcing by ADS: index groups of ours on the application's port.

    0xD1A10001  RW  name, NUL, value -> nothing       keep a variable at a value; answered once it is
    0xD1A10002  RW  name, NUL -> nothing              let it go; no name: let all go
    0xD1A10003  R   -> u32 count, and for each        what is forced
                    u32 group, u32 offset, u32 size, i32 bit (-1: whole bytes), u16 length of the name, name,
                    value (size bytes; of a bit one byte)

Names are in the device's encoding. Forcing and letting go count as WRITE of the variable, the list as READ.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dinrail.ads.contract import Action
from dinrail.ads.device.access import Access, no_service
from dinrail.ads.device.device import Subject
from dinrail.ads.device.source import SymbolPlace, SymbolSource
from dinrail.ams.cursor import Cursor
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command as Ams
from dinrail.ams.group import IndexGroup
from dinrail.bridge.snapshots import SpaceArea
from dinrail.control.channel.layout import Space

FORCE_GROUP, UNFORCE_GROUP, LIST_GROUP = 0xD1A1_0001, 0xD1A1_0002, 0xD1A1_0003
GROUPS = frozenset((FORCE_GROUP, UNFORCE_GROUP, LIST_GROUP))
GROUP_OF_SPACE = {
    Space.DATA: IndexGroup.PLC_DATA.value,
    Space.INPUT: IndexGroup.INPUTS.value,
    Space.OUTPUT: IndexGroup.OUTPUTS.value,
    Space.MARKER: IndexGroup.PLC_MEMORY.value,
}
WHOLE = 0xFF
Subjects = tuple[Subject, ...]
_COUNT = struct.Struct("<I")
_ENTRY = struct.Struct("<IIIiH")


class Force(NamedTuple):
    """One forced byte of a space: the bits in `mask` are kept at those of `value`."""

    space: Space
    offset: int
    mask: int
    value: int


class Listed(NamedTuple):
    """One entry of the list: a run of bytes, or (`bit` 0 to 7) a single bit; `name` empty where nothing has one."""

    group: int
    offset: int
    size_bytes: int
    bit: int
    name: str
    value: bytes


Find = Callable[[bytes], SymbolPlace]
SpotOf = Callable[[SymbolPlace], tuple[SpaceArea, int, int, int | None]]
"""The area, offset, size and bit of what can be forced. Raises AdsFault."""


def subjects(access: Access, data: bytes, find: Find, names: Callable[[SymbolPlace], tuple[str, ...]]) -> Subjects:
    """What has to be permitted. Raises AdsFault when there is no such variable, or no such service."""
    if access.group == LIST_GROUP and access.command == Ams.READ:
        return ((Action.READ, access.group, 0, access.size_bytes, ()),)
    if access.group == LIST_GROUP or access.command != Ams.READ_WRITE:
        raise no_service(f"nothing of that kind at {access.group:#x}")
    name = data.partition(b"\0")[0]
    if not name:
        return ((Action.WRITE, access.group, 0, 0, ()),)
    place = find(name)
    told = names(place) if access.permit.by_symbol else ()
    return ((Action.WRITE, place.group, place.offset, place.size_bytes, told),)


def force(data: bytes, find: Find, spot_of: SpotOf) -> None:
    """`name, NUL, value`. Raises AdsFault: no such variable, no such size."""
    name, _, value = data.partition(b"\0")
    place = find(name)
    area, offset, size_bytes, bit = spot_of(place)
    if len(value) != size_bytes:
        raise AdsFault(AdsError.INVALID_SIZE, f"{place.path} has {size_bytes} bytes, not {len(value)}")
    if bit is None:
        area.force(offset, b"\xff" * size_bytes, value)
    else:
        area.force(offset, bytes((1 << bit,)), bytes(((value[0] & 1) << bit,)))


def unforce(name: bytes, find: Find, spot_of: SpotOf) -> None:
    """Let one variable go. Raises AdsFault: no such variable."""
    area, offset, size_bytes, bit = spot_of(find(name))
    area.unforce(offset, b"\xff" * size_bytes if bit is None else bytes((1 << bit,)))


def listed(forces: Sequence[Force], source: SymbolSource) -> list[Listed]:
    """What is forced, by variables: bytes of one variable together, single bits each."""
    found: list[Listed] = []
    for one in sorted(forces):
        group = GROUP_OF_SPACE[one.space]
        if one.mask != WHOLE:
            found += [_bit(one, group, bit, source) for bit in range(8) if one.mask >> bit & 1]
            continue
        name = _innermost(source.containing(group, one.offset, 1))
        value = bytes((one.value,))
        last = found[-1] if found else None
        if (
            last
            and last.bit < 0
            and (last.group, last.offset + last.size_bytes, last.name) == (group, one.offset, name)
        ):
            found[-1] = last._replace(size_bytes=last.size_bytes + 1, value=last.value + value)
        else:
            found.append(Listed(group, one.offset, 1, -1, name, value))
    return found


def encode(entries: Sequence[Listed], encoding: str) -> bytes:
    """The list's bytes."""
    parts = [_COUNT.pack(len(entries))]
    for one in entries:
        name = one.name.encode(encoding, "replace")
        parts += [_ENTRY.pack(one.group, one.offset, one.size_bytes, one.bit, len(name)), name, one.value]
    return b"".join(parts)


def parse(data: bytes, encoding: str = "utf-8") -> list[Listed]:
    """The list, for who asked for it. Raises Truncated."""
    cursor = Cursor(data, "list of forces")
    (count,) = cursor.fields(_COUNT, "count")
    found = []
    for _ in range(count):
        group, offset, size_bytes, bit, name_bytes = cursor.fields(_ENTRY, "entry")
        name = cursor.take(name_bytes, "name").decode(encoding, "replace")
        found.append(Listed(group, offset, size_bytes, bit, name, cursor.take(size_bytes, "value")))
    return found


def _bit(one: Force, group: int, bit: int, source: SymbolSource) -> Listed:
    name = _innermost(source.containing(group, one.offset, 1, bit=bit))
    if name:
        place = source.find(name)
        if place.bit is None:  # a bit of a number, which has no name of its own
            name = f"{name}.{8 * (one.offset - place.offset) + bit}"
    return Listed(group, one.offset, 1, bit, name, bytes((one.value >> bit & 1,)))


def _innermost(names: tuple[str, ...]) -> str:
    return names[-1] if names else ""
