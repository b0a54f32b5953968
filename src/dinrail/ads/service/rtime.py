"""Port 200: what clients ask about real time. The control tells it; until it can, a stand-in says zeros, and its name.

group 1  IO 0xD    R    CpuSettings
         IO 2      RW   cpu u32 -> CpuLatency; 0xB the same, and the maximum starts anew
         IO 0x25   R    u32 0, CPU limit in percent, base time in 100 ns ("Start Interrupt" of a boot file)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from dinrail.ads.contract import Action
from dinrail.ads.service.access import Access, Service, Services
from dinrail.ams.diagnostics import RTIME_GROUP, CpuLatency, CpuSettings, RtimeOffset
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.layout import encode, layout_of

NAME = "RTIME"
STAND_IN_NAME = "RTIME stand-in"
_TICKER = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class Ticker:
    """How time is cut: the share of a core that real time may take, and the base time."""

    cpu_limit_percent: int = 0
    base_100ns: int = 0


class Latency(Protocol):
    """Whoever runs the tasks."""

    @property
    def name(self) -> str:
        """What ReadDeviceInfo tells."""

    def settings(self) -> CpuSettings: ...

    def latency(self, cpu: int) -> CpuLatency | None:
        """None: no task runs on that core."""

    def reset(self, cpu: int) -> None:
        """The maximum starts anew."""

    def ticker(self) -> Ticker: ...


class NoLatency:
    """There is no real time in this process: zeros, and no core has a latency."""

    name = STAND_IN_NAME

    def settings(self) -> CpuSettings:
        return CpuSettings(
            windows_cpus=0, isolated_cpus=0, affinity=0, rtime_cpus=0, cpu_type=0, cpu_family=0, cpu_mhz=0
        )

    def latency(self, cpu: int) -> CpuLatency | None:
        del cpu
        return None

    def reset(self, cpu: int) -> None:
        """Nothing is measured."""

    def ticker(self) -> Ticker:
        return Ticker()


class RtimeService:
    """The services of port 200."""

    def __init__(self, latency: Latency) -> None:
        self._latency = latency

    def services(self) -> Services:
        """The function by its index group. Starting a maximum anew is WRITE."""
        return {RTIME_GROUP: Service(self._answer, _asks)}

    def _answer(self, access: Access) -> bytes:
        if access.is_write:
            raise AdsFault(AdsError.ACCESS_DENIED, "how time is cut is not set from outside")
        if access.offset == RtimeOffset.CPU_SETTINGS:
            return encode(self._latency.settings())
        if access.offset == RtimeOffset.START_TICKER:
            ticker = self._latency.ticker()
            return _TICKER.pack(0, ticker.cpu_limit_percent, ticker.base_100ns)
        if access.offset in (RtimeOffset.LATENCY, RtimeOffset.LATENCY_RESET):
            access.need_room(layout_of(CpuLatency).size_bytes)
            cpu = access.u32()
            measured = self._latency.latency(cpu)
            if measured is None:
                raise AdsFault(AdsError.INVALID_PARAMETER, f"core {cpu} runs no task")
            if access.offset == RtimeOffset.LATENCY_RESET:
                self._latency.reset(cpu)
            return encode(measured)
        raise AdsFault(AdsError.INVALID_OFFSET)


def _asks(access: Access) -> Action:
    return Action.WRITE if access.is_write or access.offset == RtimeOffset.LATENCY_RESET else Action.READ
