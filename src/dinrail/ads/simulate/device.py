"""The simulated device itself: a description's symbols in memory, moved in each task cycle."""

from __future__ import annotations

import struct
from collections.abc import Callable

from dinrail.ads.device.access import Limits
from dinrail.ads.device.memory import BytesArea, Memory, Spot
from dinrail.ads.device.symbolic import SymbolDevice
from dinrail.ads.simulate.description import AREA_BYTES, Description, area_of
from dinrail.ads.simulate.generators import NOT_WHOLE, Generator, fit
from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.place import Place
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.group import IndexGroup
from dinrail.iec.types import ElementaryType, IecType, resolve
from dinrail.iec.value import CODES, encode, limits
from dinrail.units import S_NS

_IMAGES = (IndexGroup.INPUTS, IndexGroup.OUTPUTS)


class SimulatedDevice(SymbolDevice):
    """Serves a description. In STOP nothing moves; RESET brings the first values back."""

    def __init__(self, description: Description, *, limits: Limits | None = None) -> None:
        self.description = description
        self.table = SymbolTable(description.symbols, encoding=description.encoding, extra_types=description.types)
        super().__init__(
            self.table,
            Exporter(self.table),
            memory_for(description),
            limits=limits,
            task_cycle_ns=description.cycle_ns,
        )
        self.name, self.version = description.name, description.version
        self.elapsed_ns = 0
        self._last_ns: int | None = None
        for name, call in description.methods.items():
            self.on_call(name, call)
        self._drives = [self._drive(drive.path, drive.generator) for drive in description.drives]
        self._fill()

    def has_cycle(self) -> bool:
        """See AdsDevice. A subclass with a cycle of its own has one, whatever its description moves."""
        own = type(self).cycle is not SimulatedDevice.cycle
        return own or bool(self.description.drives or self.description.hooks)

    def cycle(self, wall_ns: int) -> None:
        """See AdsDevice. The device's own time goes on by what the clock did, or by one cycle where that was set."""
        passed_ns = 0 if self._last_ns is None else wall_ns - self._last_ns
        self._last_ns = wall_ns
        # After a stop, or when somebody sets the clock, generators go on from where they were.
        self.elapsed_ns += passed_ns if 0 <= passed_ns <= S_NS else self.description.cycle_ns
        for hook in self.description.hooks:
            hook(self.memory)
        for drive in self._drives:
            drive(self.elapsed_ns)

    def reset(self) -> None:
        """See SymbolDevice."""
        for group in {area_of(symbol)[0] for symbol in self.description.symbols}:
            area = self.memory.area(group)
            if area is not None:
                area.write(0, bytes(area.size_bytes))
        self.elapsed_ns = 0
        self._fill()

    def _fill(self) -> None:
        for path, data in self.description.values:
            self._spot(self.table.find(path)).write(data)

    def _spot(self, place: Place) -> Spot:
        if place.steps or place.method is not None:
            raise ValueError(f"{place.path} is no variable at a fixed place")
        return self.memory.byte_spot(place.group, place.offset, place.size_bytes, place.bit)

    def _drive(self, path: str, source: Generator) -> Callable[[int], None]:
        place = self.table.find(path)
        spot = self._spot(place)
        pack = packer(place.type)

        def step(elapsed_ns: int) -> None:
            value = source.at(elapsed_ns)
            spot.write(value if isinstance(value, bytes) else pack(value))

        return step


def packer(kind: IecType) -> Callable[[object], bytes]:
    """Bytes for what a generator gives: `encode` of `fit`, and short for whole numbers, which most variables are."""
    real = resolve(kind)
    if not isinstance(real, ElementaryType) or real.kind in NOT_WHOLE:
        return lambda value: encode(kind, fit(kind, value))
    low, high = limits(real.kind)
    pack = struct.Struct("<" + CODES[real.kind]).pack

    def whole(value: object) -> bytes:
        return pack(round(min(max(value, low), high))) if isinstance(value, int | float) else encode(kind, value)

    return whole


def memory_for(description: Description) -> Memory:
    """Areas at a TwinCAT 3 PLC's default sizes, and whatever else the symbols need."""
    sizes = dict(AREA_BYTES)
    for symbol in description.symbols:
        group, needed = area_of(symbol)
        sizes[group] = max(sizes.get(group, 0), needed)
    memory = Memory()
    memory.add_images(inputs=BytesArea(sizes[_IMAGES[0]]), outputs=BytesArea(sizes[_IMAGES[1]]))
    for group, size in sizes.items():
        if group not in _IMAGES:
            memory.add(group, BytesArea(size))
    return memory
