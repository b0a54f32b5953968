"""Task cycles on the monotonic clock, and the wall time that each of them carries.

Cycle n begins at n times the cycle time. A cycle's wall time is the ideal one, so that two cycles are exactly their
distance apart, however late a tick came; it follows the system's clock only when that has moved by more than 5 ms.
"""

from __future__ import annotations

from dinrail.units import MS_NS

MAX_DRIFT_NS = 5 * MS_NS


class Cycles:
    """Numbers of cycles <-> times. `sync` first."""

    __slots__ = ("_offset_ns", "cycle_ns")

    def __init__(self, cycle_ns: int) -> None:
        if cycle_ns <= 0:
            raise ValueError("a task cycle takes some time")
        self.cycle_ns = cycle_ns
        self._offset_ns: int | None = None

    def sync(self, monotonic_ns: int, wall_ns: int) -> None:
        """Note how far the two clocks are apart."""
        offset_ns = wall_ns - monotonic_ns
        if self._offset_ns is None or abs(offset_ns - self._offset_ns) > MAX_DRIFT_NS:
            self._offset_ns = offset_ns

    def at(self, monotonic_ns: int) -> int:
        """The number of the cycle that is running."""
        return monotonic_ns // self.cycle_ns

    def start_ns(self, number: int) -> int:
        """When a cycle begins, by the monotonic clock."""
        return number * self.cycle_ns

    def wall_ns(self, number: int) -> int:
        """When a cycle begins, in nanoseconds since 1970."""
        return number * self.cycle_ns + (self._offset_ns or 0)

    def periods(self, wanted_ns: int) -> int:
        """How many cycles a sampling period takes: never less than asked for, at least one."""
        return max(-(-wanted_ns // self.cycle_ns), 1)
