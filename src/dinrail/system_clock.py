"""The real clock behind `dinrail.clock.Clock`."""

from __future__ import annotations

import time

from dinrail.units import S_NS


class SystemClock:
    """The operating system's time; see `Clock` for what each method promises."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()

    def sleep_ns(self, duration_ns: int) -> None:
        time.sleep(duration_ns / S_NS)
