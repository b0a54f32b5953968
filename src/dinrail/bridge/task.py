"""The ports of the tasks themselves, 350 and on: their state, and how they keep their time.

    0xD1A20001  R  offset 0  u32 exceed counter: cycles that took longer than the cycle time
                   offset 1  u32 overruns: wake-ups that came a whole cycle late
                   offset 2  u32 missed cycles, skipped to keep the phase
                   offset 3  u32 outside commands that were dropped
                   offset 4  TaskTimes: 8 u64: cycle time, cycles, last and maximum latency, last and maximum
                             execution time, heartbeat (monotonic), cycles whose program ran; times in ns
                W  offset 0  (4 bytes) minima, maxima and histograms start anew

TwinCAT's own group for the exceed counter is not documented, so this one is ours.
"""

from __future__ import annotations

import struct
from typing import Protocol

from dinrail.ads.contract import Request
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access, Later, no_service
from dinrail.ads.device.device import AdsDevice
from dinrail.bridge.facts import TaskFacts

GROUP = 0xD1A2_0001
_U32 = 0xFFFF_FFFF
_TIMES = struct.Struct("<8Q")


class Owner(Protocol):
    """The link to the control. Raises AdsFault NOT_READY without one."""

    def task(self, index: int) -> TaskFacts: ...

    def reset_statistics(self, task: int) -> None: ...


class TaskDevice(AdsDevice):
    """One task of the control, named as it is."""

    version = (3, 1, 4026)

    def __init__(self, owner: Owner, index: int, name: str) -> None:
        super().__init__()
        self.name = name
        self._owner = owner
        self.index = index

    def request(self, request: Request) -> bytes | None:
        self.ads_state = self._owner.task(self.index).state
        return super().request(request)

    def read(self, access: Access) -> bytes | Later:
        if access.group != GROUP:
            return super().read(access)
        task = self._owner.task(self.index)
        counters = (task.exceeded, task.overruns, task.missed_cycles, task.dropped)
        if access.offset < len(counters):
            return wire.U32.pack(counters[access.offset] & _U32)
        if access.offset != len(counters):
            raise no_service(f"nothing to read at {access.group:#x}:{access.offset:#x}")
        return _TIMES.pack(
            task.cycle_ns,
            task.cycle_count,
            task.latency_last_ns,
            task.latency_max_ns,
            task.execution_last_ns,
            task.execution_max_ns,
            task.heartbeat_ns,
            task.run_count,
        )

    def write(self, access: Access, data: bytes) -> Later | None:
        if access.group != GROUP or access.offset:
            return super().write(access, data)
        wire.exactly(data, wire.U32.size)
        self._owner.reset_statistics(self.index)
        return None
