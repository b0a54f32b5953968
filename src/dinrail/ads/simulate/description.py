"""What a simulated device is: its symbols, their first values, and what moves them. Whatever it is read from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dinrail.ads.device.memory import Memory
from dinrail.ads.simulate.generators import Generator
from dinrail.ads.symbols.table import spot_of
from dinrail.ams.address import Port
from dinrail.ams.group import IndexGroup
from dinrail.errors import BadRequest
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Elementary, ElementaryType, Encoding, IecType, resolve
from dinrail.iec.value import Value
from dinrail.units import MS_NS

DEFAULT_NAME = "Plc30 App"
DEFAULT_VERSION = (3, 1, 4026)
FIRST_DATA_OFFSET = 384_000
"""Where TwinCAT 3 begins with a project's own variables in the data area."""
MAX_AREA_BYTES = 256 << 20
AREA_BYTES = {
    IndexGroup.PLC_MEMORY.value: 128_000,
    IndexGroup.PLC_RETAIN.value: 128_000,
    IndexGroup.PLC_DATA.value: 10 << 20,
    IndexGroup.INPUTS.value: 128_000,
    IndexGroup.OUTPUTS.value: 128_000,
}
"""A TwinCAT 3 PLC's default sizes."""
_AT = re.compile(r"%([IQM])([XBWDL])(\d{1,9})(?:\.([0-7]))?", re.IGNORECASE)
_AREAS = {"I": IndexGroup.INPUTS.value, "Q": IndexGroup.OUTPUTS.value, "M": IndexGroup.PLC_MEMORY.value}
_IMAGE_ALIASES = (IndexGroup.PLC_INPUTS.value, IndexGroup.PLC_OUTPUTS.value)
_FIRST_SERVICE = 0xF000
Call = Callable[[str, dict[str, Value]], object]
"""(instance path, inputs by name) -> what the method returns (ads.device.rpc)."""


@dataclass(frozen=True, slots=True)
class Drive:
    """What moves one variable, member or element."""

    path: str
    generator: Generator


@dataclass(frozen=True, slots=True)
class Description:
    """A simulated device.

    values:  (path, bytes) that are there at the start and after a reset; all else is zero.
    hooks:   called in every cycle, before the drives.
    methods: `FB_Type#Method` or `instance#Method` to what serves it.
    types:   declared types, also those that no symbol uses.
    """

    symbols: tuple[Symbol, ...]
    values: tuple[tuple[str, bytes], ...] = ()
    drives: tuple[Drive, ...] = ()
    types: tuple[IecType, ...] = ()
    methods: Mapping[str, Call] = field(default_factory=dict)
    hooks: tuple[Callable[[Memory], None], ...] = ()
    name: str = DEFAULT_NAME
    version: tuple[int, int, int] = DEFAULT_VERSION
    port: int = Port.PLC.value
    cycle_ns: int = 10 * MS_NS
    encoding: Encoding = Encoding.UTF_8


class Placer:
    """Gives addresses in the data area, one behind the other, to symbols that have none."""

    def __init__(self, next_offset: int = FIRST_DATA_OFFSET) -> None:
        self._next = next_offset

    def place(self, kind: IecType) -> tuple[int, int]:
        """(index group, offset) for a variable of this type."""
        step = max(kind.align_bytes, 1)
        at = -(-self._next // step) * step
        self._next = at + kind.size_bytes
        return IndexGroup.PLC_DATA.value, at


def parse_at(text: str, kind: IecType) -> tuple[int, int]:
    """(index group, offset) of `AT %MB0`. Numbers count bytes whatever the size letter; `%MX3.1` is a bit.

    Raises BadRequest.
    """
    match = _AT.fullmatch(text.strip())
    if not match:
        raise BadRequest(f"{text!r} is no address", hint="like %MB0, %IW4, %QX1.7")
    group, number = _AREAS[match[1].upper()], int(match[3])
    if match[2].upper() != "X":
        if match[4]:
            raise BadRequest(f"{text!r} is no address", why="only X has a bit")
        return group, number
    real = resolve(kind)
    if not isinstance(real, ElementaryType) or real.kind not in (Elementary.BOOL, Elementary.BIT):
        raise BadRequest(f"a {kind.name} cannot lie at the bit {text}")
    return group + 1, number * 8 + int(match[4] or 0)


def area_of(symbol: Symbol) -> tuple[int, int]:
    """(index group of the bytes, how many bytes the area needs for this symbol)."""
    group, offset, _ = spot_of(symbol)
    return group, offset + symbol.type.size_bytes


def settled(symbols: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """The same symbols, those moved into the data area whose index group cannot be memory here.

    A device that was recorded has such: what lies behind a reference or a property has a group of services (0xF014,
    0xF019), and other servers have groups so close that one's bits would be the other's bytes.
    """
    taken = {group for base in (*AREA_BYTES, *_IMAGE_ALIASES) for group in _groups_of(base)}
    kept = set(AREA_BYTES)
    for group in sorted({area_of(symbol)[0] for symbol in symbols} - kept):
        if 0 < group < _FIRST_SERVICE and not taken.intersection(_groups_of(group)):
            kept.add(group)
            taken.update(_groups_of(group))
    data = IndexGroup.PLC_DATA.value
    ends = (needed for group, needed in map(area_of, symbols) if group == data)
    placer = Placer(max(ends, default=FIRST_DATA_OFFSET))
    out: list[Symbol] = []
    for symbol in symbols:
        if area_of(symbol)[0] in kept:
            out.append(symbol)
        else:
            group, offset = placer.place(symbol.type)
            out.append(replace(symbol, group=group, offset=offset))
    return tuple(out)


def _groups_of(base: int) -> tuple[int, int, int]:
    """Bytes, bits and size."""
    return base, base + 1, base + 5
