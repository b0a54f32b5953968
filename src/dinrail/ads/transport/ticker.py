"""One timer for everything that says when it is due: devices that sample, the router that times out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from dinrail.ads.contract import Device, Peer, Permit, Request
from dinrail.ads.router.limits import Reviewing
from dinrail.clock import Clock
from dinrail.units import MS_NS, S_NS


class Ticking(Protocol):
    """What a ticker looks after."""

    def tick(self, monotonic_ns: int, wall_ns: int) -> None: ...

    def due_ns(self) -> int | None: ...


class Ticker:
    """Calls `tick` of each part when it is due, on the loop that it was started on.

    Both clocks are read once a round, so that what is sampled together carries one time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._parts: list[Ticking] = []
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, part: Ticking) -> None:
        self._parts.append(part)
        self.arm(part.due_ns())

    def remove(self, part: Ticking) -> None:
        self._parts.remove(part)

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._rearm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed_ns, self._loop = None, None, None

    def arm(self, due_ns: int | None) -> None:
        """Something is due at that time; the timer is moved forward where it stands later."""
        if due_ns is None or self._loop is None or (self._armed_ns is not None and self._armed_ns <= due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_ns = due_ns
        # Up to whole milliseconds, which is what the loops can wait for: uvloop rounds, so that its timer would go off
        # early, again and again, until the time has come.
        delay_ms = max(-((self._clock.monotonic_ns() - due_ns) // MS_NS), 0)
        self._timer = self._loop.call_later(delay_ms * MS_NS / S_NS, self._fire)

    def _fire(self) -> None:
        self._timer = self._armed_ns = None
        monotonic_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        for part in tuple(self._parts):
            due_ns = part.due_ns()
            if due_ns is not None and due_ns <= monotonic_ns:
                part.tick(monotonic_ns, wall_ns)
        self._rearm()

    def _rearm(self) -> None:
        dues = [due_ns for part in self._parts if (due_ns := part.due_ns()) is not None]
        self.arm(min(dues, default=None))


class Ticked:
    """A device whose timer is moved whenever a request changed what is due (a new subscription, mostly)."""

    def __init__(self, device: Device, ticker: Ticker) -> None:
        self._device = device
        self._arm = ticker.arm
        self.due_ns = device.due_ns
        self.tick = device.tick
        self.prepare: Callable[[Request], Callable[[], bytes] | None] = device.prepare
        ticker.add(device)

    def request(self, request: Request) -> bytes | None:
        answer = self._device.request(request)
        self._arm(self.due_ns())
        return answer

    def peer_gone(self, peer: Peer) -> None:
        self._device.peer_gone(peer)

    def review(self, peer: Peer, permit: Permit) -> None:
        """Other rules: what they forbid ends (see `ads.router.limits.Reviewing`)."""
        if isinstance(self._device, Reviewing):
            self._device.review(peer, permit)
            self._arm(self.due_ns())
