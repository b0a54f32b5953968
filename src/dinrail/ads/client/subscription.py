"""Notifications: what is subscribed, which sample is whose, and how it comes back.

A subscription outlives everything but `close`: a lost connection, a restarted device, an online change (the device
sends a sample without bytes), a deleted handle. Each time its place is looked up anew and it is added again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dinrail.ams.address import AmsAddr
from dinrail.ams.state import TransMode
from dinrail.errors import DinrailError

if TYPE_CHECKING:
    from dinrail.ads.client.hub import Hub

SECOND_100NS = 10_000_000


@dataclass(frozen=True, slots=True)
class Extent:
    """Where something lies in a device, now."""

    group: int
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one subscription. stamp: FILETIME (100 ns since 1601-01-01 UTC), by the device's clock."""

    stamp: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a device samples and sends. Times in seconds; the wire has 100 ns.

    mode: `TransMode.SERVER_ON_CHANGE` or `SERVER_CYCLE`.
    cycle_s: how often it looks, 0: in every cycle of its task.
    max_delay_s: how long samples may be gathered before they are sent.
    """

    mode: int = TransMode.SERVER_ON_CHANGE
    cycle_s: float = 0.1
    max_delay_s: float = 0.0

    @property
    def cycle_100ns(self) -> int:
        return round(self.cycle_s * SECOND_100NS)

    @property
    def max_delay_100ns(self) -> int:
        return round(self.max_delay_s * SECOND_100NS)


class Subscription:
    """One notification. Iterate over it (`async for sample in ...`), or give a callback when it is made.

    fault:   why it is not active at the moment; None while it is.
    samples: counted since it was made. dropped: of those, what a slow reader missed.
    renewals: how often it had to be added again.
    """

    def __init__(
        self,
        hub: Hub,
        target: AmsAddr,
        extent: Extent | Callable[[], Awaitable[Extent]],
        rhythm: Rhythm,
        *,
        queue_samples: int,
        callback: Callable[[Sample], object] | None = None,
        name: str = "",
    ) -> None:
        self.target = target
        self.rhythm = rhythm
        self.name = name
        self.handle: int | None = None
        self.fault: DinrailError | None = None
        self.samples = 0
        self.dropped = 0
        self.renewals = 0
        self.closed = False
        self._hub = hub
        self._extent = extent
        self._callback = callback
        self._queue: deque[Sample] = deque(maxlen=queue_samples)
        self._wake = asyncio.Event()
        self._stale = False
        self._end: DinrailError | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Sample:
        while not self._queue:
            if self._end is not None:
                raise self._end
            if self.closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()

    async def close(self) -> None:
        """Delete the notification. What is queued may still be read; the iteration then ends."""
        if self.closed:
            return
        self.closed = True
        self._wake.set()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        await self._hub.drop(self)

    def deliver(self, sample: Sample) -> None:
        """One sample has come. Without bytes it means: look it up anew."""
        if self.closed:
            return
        if not sample.data:
            self.renew()
            return
        self.samples += 1
        if self._callback is not None:
            # Not called here: what it raises must not end the connection, and is told by the loop's own handler.
            asyncio.get_running_loop().call_soon(self._callback, sample)
            return
        self.dropped += len(self._queue) == self._queue.maxlen
        self._queue.append(sample)
        self._wake.set()

    def end(self, fault: DinrailError) -> None:
        """The connection is gone for good: iterating raises this after what is queued."""
        self.fault = self._end = fault
        self._wake.set()

    async def add(self) -> None:
        """Find out where it lies and add the notification. Raises AdsFault."""
        extent = self._extent if isinstance(self._extent, Extent) else await self._extent()
        await self._hub.add(self, extent)
        self.fault = None

    def renew(self, *, forget: bool = False) -> None:
        """Add it again, in the background. forget: the old handle went with its connection."""
        if self.closed:
            return
        if forget:
            self._hub.forget(self)
        self._stale = True
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._come_back())

    async def _come_back(self) -> None:
        options = self._hub.options
        pause_s = options.first_pause_s
        while self._stale and not self.closed:
            self._stale = False
            if self.handle is not None:
                await self._hub.drop(self)
            await asyncio.sleep(pause_s)  # also before the first time: a device may answer each time that it changed
            pause_s = min(2 * pause_s, options.longest_pause_s)
            try:
                await self.add()
            except DinrailError as fault:
                # Whatever it is now, it may be otherwise when the next program is loaded.
                self.fault = fault
                self._stale = True
            else:
                self.renewals += 1
