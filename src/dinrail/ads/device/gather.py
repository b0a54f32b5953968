"""Reading many places at once: one C call for all that lie in one area, instead of one Python call for each."""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter
from typing import NamedTuple

from dinrail.ads.device.memory import MemoryArea, Spot
from dinrail.ams.errors import AdsFault

MAX_LAYERS = 8
"""Places that overlap go into layers of their own; beyond these, each is cut out by itself."""
Values = tuple[bytes | None, ...]


class Point(NamedTuple):
    """One place to read again and again: bytes of an area, or whatever `call` gives.

    key: equal for points that always read the same.
    """

    key: Hashable
    size_bytes: int
    area: MemoryArea | None = None
    offset: int = 0
    call: Callable[[], bytes] | None = None

    def now(self) -> bytes | None:
        """What is there; None when it cannot be read just now, or is not as long as it ought to be."""
        if self.area is not None:
            return self.area.read(self.offset, self.size_bytes)
        return _attempt(self.call, self.size_bytes)


def point_of(spot: Spot) -> Point:
    """The point that reads a spot."""
    if spot.bit is None:
        return Point((id(spot.area), spot.offset, spot.size_bytes), spot.size_bytes, spot.area, spot.offset)
    return Point((id(spot.area), spot.offset, spot.size_bytes, spot.bit), spot.size_bytes, call=spot.read)


def _attempt(call: Callable[[], bytes] | None, size_bytes: int) -> bytes | None:
    if call is None:
        return None
    try:
        value = call()
    except AdsFault:
        return None
    return value if len(value) == size_bytes else None


class Gather:
    """Reads what is wanted, always in its order; what is wanted twice is read once.

    plain: all of them are bytes of areas, so that no value is ever None.
    """

    __slots__ = ("_calls", "_cuts", "_layers", "_order", "plain")

    def __init__(self, wanted: Sequence[Point]) -> None:
        points = list({point.key: point for point in wanted}.values())
        self._layers: list[tuple[MemoryArea, int, struct.Struct]] = []
        self._cuts: list[tuple[MemoryArea, int, int]] = []
        places: list[int] = []
        loose: list[int] = []
        for area, indices in _by_area(points):
            layers, rest = _layered(points, indices)
            loose += rest
            for layer in layers:
                self._layers.append((area, points[layer[0]].offset, _struct(points, layer)))
                places += layer
        for index in loose:
            point = points[index]
            if point.area is not None:
                self._cuts.append((point.area, point.offset, point.size_bytes))
                places.append(index)
        calling = [index for index, point in enumerate(points) if point.area is None]
        self._calls = [points[index] for index in calling]
        places += calling
        self.plain = not self._calls
        position = {points[index].key: at for at, index in enumerate(places)}
        order = [position[point.key] for point in wanted]
        self._order = None if order == list(range(len(points))) else picker(order)

    def __call__(self) -> Values:
        values: Values = ()
        for area, start, layer in self._layers:
            values += layer.unpack_from(area.view(), start)
        if self._cuts:
            values += tuple([area.read(offset, size) for area, offset, size in self._cuts])
        if self._calls:
            values += tuple([_attempt(point.call, point.size_bytes) for point in self._calls])
        return values if self._order is None else self._order(values)


def picker(indices: Sequence[int]) -> Callable[[Values], Values]:
    """A function that picks those elements out of a tuple, always as a tuple."""
    if len(indices) > 1:
        return itemgetter(*indices)
    only = tuple(indices)
    return lambda values: tuple([values[index] for index in only])


def _by_area(points: Sequence[Point]) -> list[tuple[MemoryArea, list[int]]]:
    found: dict[int, tuple[MemoryArea, list[int]]] = {}
    for index, point in enumerate(points):
        if point.area is not None:
            found.setdefault(id(point.area), (point.area, []))[1].append(index)
    return list(found.values())


def _layered(points: Sequence[Point], indices: list[int]) -> tuple[list[list[int]], list[int]]:
    """Indices in layers whose places do not overlap, each in the order of offsets; and those that found none."""
    layers: list[list[int]] = []
    ends: list[int] = []
    loose: list[int] = []
    for index in sorted(indices, key=lambda index: points[index].offset):
        point = points[index]
        for number, end in enumerate(ends):
            if end <= point.offset:
                layers[number].append(index)
                ends[number] = point.offset + point.size_bytes
                break
        else:
            if len(layers) == MAX_LAYERS:
                loose.append(index)
                continue
            layers.append([index])
            ends.append(point.offset + point.size_bytes)
    return layers, loose


def _struct(points: Sequence[Point], layer: list[int]) -> struct.Struct:
    code = ["<"]
    at = points[layer[0]].offset
    for index in layer:
        point = points[index]
        if point.offset > at:
            code.append(f"{point.offset - at}x")
        code.append(f"{point.size_bytes}s")
        at = point.offset + point.size_bytes
    return struct.Struct("".join(code))
