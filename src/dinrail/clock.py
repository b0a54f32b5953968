"""Time is an argument: whoever needs it takes a `Clock`. The real one is `dinrail.system_clock.SystemClock`."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Integer nanoseconds. `monotonic_ns` measures and never jumps, `wall_ns` is UTC since 1970 and may."""

    def monotonic_ns(self) -> int: ...

    def wall_ns(self) -> int: ...

    def sleep_ns(self, duration_ns: int) -> None: ...


class ManualClock:
    """A clock that stands still until somebody moves it: for tests, simulators and replays.

    `sleep_ns` moves it, so that code which waits runs through at once.
    """

    def __init__(self, *, wall_ns: int = 0) -> None:
        self._now_ns = 0
        self._epoch_ns = wall_ns

    def monotonic_ns(self) -> int:
        return self._now_ns

    def wall_ns(self) -> int:
        return self._epoch_ns + self._now_ns

    def sleep_ns(self, duration_ns: int) -> None:
        self._now_ns += duration_ns
