"""The driver's loop: outputs to the device, its inputs to the task, at the device's own pace.

A task's cycle knows nothing of it. What a lost device means is told by `OnLoss`; the exchange's `stale_cycles` counts,
and the outputs go out anew as soon as the device is back. While the task does not run (Stop, Config, an exception) the
device gets zeros: its safe values.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dinrail.control.channel.exchange import Outputs
from dinrail.fieldbus.settings import OnLoss
from dinrail.units import S_NS

_BACKOFF_NS = (100_000_000, 200_000_000, 500_000_000, S_NS, 2 * S_NS, 5 * S_NS)
_CONTROL_LOOK_NS = 500_000_000


class Lost(Exception):
    """The device did not answer, or not as it must. The text says how."""


class Device(Protocol):
    """One device on any bus."""

    async def open(self) -> None:
        """Connect. Raises Lost."""

    async def exchange(self, outputs: bytes) -> bytes:
        """Tell it all outputs, ask it for all inputs. Raises Lost."""

    async def close(self) -> None:
        """Idempotent."""


class End(Protocol):
    """The task's side: `control.channel.exchange.DriverEnd`."""

    @property
    def is_current(self) -> bool: ...

    @property
    def input_bytes(self) -> int: ...

    @property
    def output_bytes(self) -> int: ...

    def give(self, data: bytes, *, wall_ns: int = 0, enabled: bool = True) -> None: ...

    def take(self) -> Outputs: ...


@dataclass(slots=True)
class Health:
    """How a driver fares, for people. `fault`: why the device is lost; empty: it answers."""

    exchanges: int = 0
    losses: int = 0
    fault: str = "not asked yet"


class Drive:
    """One device's loop. `told` hears each change of `health.fault`."""

    def __init__(
        self,
        end: End,
        device: Device,
        *,
        period_ns: int,
        on_loss: OnLoss = OnLoss.HOLD,
        monotonic_ns: Callable[[], int],
        wall_ns: Callable[[], int],
        told: Callable[[Health], None] = lambda _health: None,
    ) -> None:
        self.health = Health()
        self._end = end
        self._device = device
        self._period_ns = period_ns
        self._on_loss = on_loss
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._told = told

    async def run(self, stop: asyncio.Event) -> bool:
        """Until `stop` is set (True), or the control ended (False). The device is left with its safe values."""
        looked_ns = next_ns = self._monotonic_ns()
        waited = 0
        try:
            while not stop.is_set():
                now_ns = self._monotonic_ns()
                if now_ns - looked_ns >= _CONTROL_LOOK_NS:
                    looked_ns = now_ns
                    if not self._end.is_current:
                        return False
                if await self._once():
                    waited = 0
                    # The phase is kept; what a slow device missed is not caught up.
                    next_ns += self._period_ns * max(1, -(-(self._monotonic_ns() - next_ns) // self._period_ns))
                else:
                    next_ns = self._monotonic_ns() + _BACKOFF_NS[min(waited, len(_BACKOFF_NS) - 1)]
                    waited += 1
                await wait(stop, next_ns - self._monotonic_ns())
            return True
        finally:
            await self._leave()

    async def _once(self) -> bool:
        try:
            if self.health.fault:
                await self._device.open()
            outputs = self._end.take()
            inputs = await self._device.exchange(outputs.data if outputs.enabled else bytes(self._end.output_bytes))
        except Lost as fault:
            await self._device.close()
            self._end.give(bytes(self._end.input_bytes), enabled=self._on_loss is OnLoss.ZERO)
            self._say(str(fault) or "it does not answer")
            return False
        self._end.give(inputs, wall_ns=self._wall_ns())
        self.health.exchanges += 1
        self._say("")
        return True

    def _say(self, fault: str) -> None:
        if fault == self.health.fault:
            return
        self.health.losses += bool(fault)
        self.health.fault = fault
        self._told(self.health)

    async def _leave(self) -> None:
        if not self.health.fault:
            try:
                await self._device.exchange(bytes(self._end.output_bytes))
            except Lost as fault:
                self._say(str(fault))
        await self._device.close()


async def wait(stop: asyncio.Event, duration_ns: int) -> None:
    """Until it is set, or the time is over. Always lets others run."""
    try:
        async with asyncio.timeout(max(0, duration_ns) / S_NS):
            await stop.wait()
    except TimeoutError:
        pass
