"""The ticker: what is due is done, in time and once."""

from __future__ import annotations

import asyncio

import uvloop

from dinrail.ads.transport.ticker import Ticker
from dinrail.system_clock import SystemClock
from dinrail.units import MS_NS


class Part:
    """Due every `period_ns` from `first_ns` on, or never."""

    def __init__(self, first_ns: int | None, period_ns: int = 10 * MS_NS) -> None:
        self.next_ns = first_ns
        self.period_ns = period_ns
        self.ticks: list[int] = []

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        assert self.next_ns is not None
        assert wall_ns > monotonic_ns
        assert monotonic_ns >= self.next_ns
        self.ticks.append(monotonic_ns)
        self.next_ns += self.period_ns

    def due_ns(self) -> int | None:
        return self.next_ns


def test_each_part_ticks_when_it_is_due_and_never_early() -> None:
    """Two parts with different periods tick as often as their periods say; one without a time never does."""
    clock = SystemClock()

    async def steps() -> tuple[Part, Part, Part]:
        now_ns = clock.monotonic_ns()
        fast, slow, never = Part(now_ns, 5 * MS_NS), Part(now_ns, 50 * MS_NS), Part(None)
        ticker = Ticker(clock)
        for part in (fast, slow, never):
            ticker.add(part)
        ticker.start()
        while len(slow.ticks) < 4:
            await asyncio.sleep(0.005)
        ticker.stop()
        count = len(fast.ticks)
        await asyncio.sleep(0.02)
        assert len(fast.ticks) == count
        return fast, slow, never

    fast, slow, never = asyncio.run(steps())
    assert len(fast.ticks) > 2 * len(slow.ticks)
    assert never.ticks == []


def test_a_tick_takes_one_turn_of_the_loop() -> None:
    """The timer does not go off early and again: so many turns as there are ticks, on either loop."""

    class Counting(Part):
        asked = 0

        def due_ns(self) -> int | None:
            self.asked += 1
            return super().due_ns()

    async def steps() -> Counting:
        clock = SystemClock()
        part = Counting(clock.monotonic_ns(), 10 * MS_NS)
        ticker = Ticker(clock)
        ticker.add(part)
        ticker.start()
        await asyncio.sleep(0.3)
        ticker.stop()
        return part

    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            part = runner.run(steps())
        assert part.ticks
        assert part.asked <= 2 * (len(part.ticks) + 2)


def test_a_time_that_moved_forward_is_kept() -> None:
    """What becomes due sooner than the timer stands is done at its time, not at the timer's."""
    clock = SystemClock()

    async def steps() -> Part:
        part = Part(clock.monotonic_ns() + 60_000 * MS_NS)
        ticker = Ticker(clock)
        ticker.start()
        ticker.add(part)
        part.next_ns = clock.monotonic_ns() + 5 * MS_NS
        ticker.arm(part.due_ns())
        await asyncio.sleep(0.1)
        ticker.stop()
        return part

    assert asyncio.run(steps()).ticks != []
