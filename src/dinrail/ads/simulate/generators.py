"""What moves a simulated variable: a function of the time since the start, the same in every run.

    kind      options                                     value at time t
    constant  value                                       always that, whatever clients write
    counter   low, high, step, every_ms                   low, low + step, .. high, low, ..
    ramp      low, high, period_s                         rises from low to high, falls back at once
    sine      low, high, period_s, phase                  phase 0 starts in the middle, rising
    toggle    period_s                                    FALSE for the first half, TRUE for the second
    random    low, high, every_ms, seed                   even spread; the same seed gives the same numbers
    csv       file, column, time, loop                    the row whose time has come

A value depends on the time alone and not on how often it was asked for, so that a late or skipped cycle changes
nothing, and two generators with the same options stay in step.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from dinrail.iec.times import TIMES
from dinrail.iec.types import Elementary, ElementaryType, EnumType, IecType, resolve
from dinrail.iec.value import limits
from dinrail.units import MS_NS

_MASK = (1 << 64) - 1
_LARGEST = {Elementary.REAL: struct.unpack("<f", b"\xff\xff\x7f\x7f")[0], Elementary.LREAL: 8e307}
"""What a generator may reach: of LREAL half of what there is, so that the difference of two numbers is one, too."""
NOT_WHOLE = frozenset((Elementary.BOOL, Elementary.BIT, Elementary.REAL, Elementary.LREAL))


class Generator(Protocol):
    """Gives the value for a time. Bytes are taken as they stand; anything else is encoded for the variable's type."""

    def at(self, elapsed_ns: int) -> object:
        """The value so long after the start."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for ever."""

    value: object

    def at(self, elapsed_ns: int) -> object:
        """See Generator."""
        del elapsed_ns
        return self.value


@dataclass(frozen=True, slots=True)
class Counter:
    """Whole numbers from `low` to `high` by `step` (which may be negative), around again."""

    low: int
    high: int
    step: int = 1
    every_ns: int = 10 * MS_NS

    def at(self, elapsed_ns: int) -> int:
        """See Generator."""
        first = self.low if self.step > 0 else self.high
        return self.low + (first - self.low + elapsed_ns // self.every_ns * self.step) % (self.high - self.low + 1)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A saw tooth."""

    low: float
    high: float
    period_ns: int

    def at(self, elapsed_ns: int) -> float:
        """See Generator."""
        return self.low + (self.high - self.low) * (elapsed_ns % self.period_ns) / self.period_ns


@dataclass(frozen=True, slots=True)
class Sine:
    """A sine between `low` and `high`; `phase` in periods."""

    low: float
    high: float
    period_ns: int
    phase: float = 0.0

    def at(self, elapsed_ns: int) -> float:
        """See Generator."""
        turn = (elapsed_ns % self.period_ns) / self.period_ns + self.phase
        return (self.low + self.high) / 2 + (self.high - self.low) / 2 * math.sin(2 * math.pi * turn)


@dataclass(frozen=True, slots=True)
class Toggle:
    """FALSE and TRUE, half a period each."""

    period_ns: int

    def at(self, elapsed_ns: int) -> bool:
        """See Generator."""
        return elapsed_ns % self.period_ns * 2 >= self.period_ns


@dataclass(frozen=True, slots=True)
class Random:
    """A new number every `every_ns`. The n-th follows from seed and n, so that none has to be drawn before it."""

    low: float
    high: float
    every_ns: int
    seed: int = 0

    def at(self, elapsed_ns: int) -> float:
        """See Generator."""
        # splitmix64: good enough to look random, and the same on every machine and Python.
        state = (self.seed * 0x9E3779B97F4A7C15 + (elapsed_ns // self.every_ns + 1) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ state >> 27) * 0x94D049BB133111EB) & _MASK
        return self.low + (self.high - self.low) * ((state ^ state >> 31) >> 11) / (1 << 53)


@dataclass(frozen=True, slots=True)
class Playback:
    """Recorded values, each from its time on; before the first one its value holds already.

    times_ns: rising. loop_ns: after how long it starts again; 0 for never.
    """

    times_ns: tuple[int, ...]
    values: tuple[object, ...]
    loop_ns: int = 0

    def at(self, elapsed_ns: int) -> object:
        """See Generator."""
        time_ns = elapsed_ns % self.loop_ns if self.loop_ns else elapsed_ns
        return self.values[max(bisect_right(self.times_ns, time_ns) - 1, 0)]


def range_of(kind: IecType) -> tuple[float, float] | None:
    """The numbers that a generator may give for a type, 0 and 1 for BOOL; None for a type without numbers."""
    real = resolve(kind)
    code = real.base.kind if isinstance(real, EnumType) else real.kind if isinstance(real, ElementaryType) else None
    if code is None:
        return None
    if code in (Elementary.BOOL, Elementary.BIT):
        return 0, 1
    if code in (Elementary.REAL, Elementary.LREAL):
        return -_LARGEST[code], _LARGEST[code]
    return limits(code)


def fit(kind: IecType, value: object) -> object:
    """A generator's number as a value of the type: rounded where it takes whole ones, and kept in its range."""
    real = resolve(kind)
    bounds = range_of(real)
    if bounds is None or not isinstance(value, int | float) or isinstance(value, bool):
        return value
    code = real.kind if isinstance(real, ElementaryType) else None
    if code in (Elementary.BOOL, Elementary.BIT):
        return value >= 0.5
    if code in (Elementary.REAL, Elementary.LREAL):
        return min(max(value, bounds[0]), bounds[1])
    number = round(min(max(value, int(bounds[0])), int(bounds[1])))
    return TIMES[code](number) if code in TIMES else number
