"""What the system's ports tell of the control: the state behind port 10000, the latencies behind port 200.

The control owns its state; here it is asked for. Without a control the system is in Config, since nothing runs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Protocol

from dinrail.ads.device.access import Later
from dinrail.ads.service.rtime import Ticker
from dinrail.ads.service.state import SYSTEM_DEVICE_STATE
from dinrail.ams.diagnostics import CpuLatency, CpuSettings
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.state import AdsState
from dinrail.bridge.facts import ControlFacts, TaskFacts
from dinrail.control.channel.layout import Request
from dinrail.units import US_NS

UNIT_NS = 100
NAME = "RTIME"
CPU_LIMIT_PERCENT = 95
"""What Linux leaves to real time by itself (sched_rt_runtime_us)."""
_MAX_INDEX = 0xFFFF
_U32 = 0xFFFF_FFFF
_REQUESTS: dict[AdsState, tuple[Request, ...]] = {
    AdsState.RUN: (Request.START,),
    AdsState.STOP: (Request.STOP,),
    AdsState.RESET: (Request.CONFIG, Request.START),
    AdsState.RECONFIG: (Request.CONFIG,),
}


class Asking(Protocol):
    """The link to the control."""

    def control(self) -> ControlFacts: ...

    def tasks(self) -> Sequence[TaskFacts]: ...

    def ask(self, *requests: Request) -> Later: ...

    def reset_statistics(self, task: int) -> None: ...


class ControlState:
    """`ads.service.state.SystemState` for a control."""

    def __init__(self, link: Asking) -> None:
        self._link = link
        self._restart_index = 1

    @property
    def ads_state(self) -> AdsState:
        try:
            state = self._link.control().state
        except AdsFault:
            return AdsState.CONFIG
        return AdsState(state)

    @property
    def device_state(self) -> int:
        return SYSTEM_DEVICE_STATE

    @property
    def restart_index(self) -> int:
        """Of the control; while there is none, the last one's."""
        try:
            facts = self._link.control()
        except AdsFault:
            return self._restart_index
        # A control that was started anew counts from the beginning again, and is another one nevertheless.
        self._restart_index = (facts.restart_index + facts.pid * 7919) & _MAX_INDEX
        return self._restart_index

    def request(self, state: AdsState) -> Later:
        """Answered once the control has done it, or refused. Raises AdsFault NOT_READY without a control."""
        asked = _REQUESTS.get(state)
        if asked is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"the system does not go to {state.name}")
        return self._link.ask(*asked)


class ControlLatency:
    """`ads.service.rtime.Latency`: of a core, the latest and largest of all its tasks, in microseconds."""

    name = NAME

    def __init__(self, link: Asking) -> None:
        self._link = link

    def settings(self) -> CpuSettings:
        cores = {task.core for task in self._tasks() if task.core is not None}
        count = os.cpu_count() or 1
        return CpuSettings(
            windows_cpus=max(count - len(cores), 0),
            isolated_cpus=len(cores),
            affinity=sum(1 << core for core in cores if core < 64),
            rtime_cpus=len(cores),
            cpu_type=0,
            cpu_family=0,
            cpu_mhz=0,
        )

    def latency(self, cpu: int) -> CpuLatency | None:
        tasks = self._on(cpu)
        if not tasks:
            return None
        latest = max(tasks, key=lambda task: task.heartbeat_ns)
        return CpuLatency(
            current=_us(latest.latency_last_ns),
            maximum=_us(max(task.latency_max_ns for task in tasks)),
            limit=_us(min(task.cycle_ns for task in tasks)),
        )

    def reset(self, cpu: int) -> None:
        """The maxima of all tasks on that core start anew, in their next cycles."""
        for task in self._on(cpu):
            self._link.reset_statistics(task.index)

    def ticker(self) -> Ticker:
        cycles = [task.cycle_ns for task in self._tasks()]
        return Ticker(CPU_LIMIT_PERCENT, math.gcd(*cycles) // UNIT_NS & _U32) if cycles else Ticker()

    def _on(self, cpu: int) -> list[TaskFacts]:
        """The tasks of a core; those without one count as the first core's."""
        return [task for task in self._tasks() if (task.core or 0) == cpu]

    def _tasks(self) -> Sequence[TaskFacts]:
        try:
            return self._link.tasks()
        except AdsFault:
            return ()


def _us(duration_ns: int) -> int:
    return duration_ns // US_NS & _U32
