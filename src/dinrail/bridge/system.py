"""What the system's ports tell of the controls: the state behind port 10000, the latencies behind port 200.

The controls own their states; here they are asked for. Without a control the system is in Config, since nothing runs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
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
_GRAVEST = (AdsState.EXCEPTION, AdsState.ERROR, AdsState.RUN, AdsState.STOP)
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
    """`ads.service.state.SystemState` for all controls of a machine.

    One in exception is the system's exception, one that runs its Run; silent ones and those that are not there do not
    count. A request goes to all that are there.
    """

    def __init__(self, links: Sequence[Asking]) -> None:
        self._links = links
        self._told = [1] * len(links)
        """What each has said last of its restarts."""

    @property
    def ads_state(self) -> AdsState:
        states = {AdsState(facts.state) for _, facts in self._living()}
        return next((state for state in _GRAVEST if state in states), AdsState.CONFIG)

    @property
    def device_state(self) -> int:
        return SYSTEM_DEVICE_STATE

    @property
    def restart_index(self) -> int:
        """Of all controls together; of one that is not there, the last one's."""
        for number, facts in self._living():
            # A control that was started anew counts from the beginning again, and is another one nevertheless.
            self._told[number] = (facts.restart_index + facts.pid * 7919) & _MAX_INDEX
        return sum(self._told) & _MAX_INDEX

    def request(self, state: AdsState) -> Later:
        """Answered once all have done it, or one has refused. Raises AdsFault NOT_READY without a control."""
        asked = _REQUESTS.get(state)
        if asked is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"the system does not go to {state.name}")
        there = [self._links[number] for number, _ in self._living()]
        if not there:
            raise AdsFault(AdsError.NOT_READY, "there is no control")
        return all_of([_asked(link, asked) for link in there])

    def _living(self) -> Iterator[tuple[int, ControlFacts]]:
        for number, link in enumerate(self._links):
            try:
                yield number, link.control()
            except AdsFault:
                continue


def _asked(link: Asking, requests: tuple[Request, ...]) -> Later:
    """A refusal is one answer of several: the other controls have been asked by then, or will be."""
    try:
        return link.ask(*requests)
    except AdsFault as fault:
        refused = Later()
        refused.fault(fault.code)
        return refused


def all_of(parts: Sequence[Later]) -> Later:
    """Done when all are; a fault as soon as one is."""
    whole, left = Later(), len(parts)

    def settle(code: int, _data: bytes) -> None:
        nonlocal left
        left -= 1
        if code:
            whole.fault(code)
        elif not left:
            whole.done()

    for part in parts:
        part.then(settle)
    return whole


class ControlLatency:
    """`ads.service.rtime.Latency`: of a core, the latest and largest of all its tasks, in microseconds."""

    name = NAME

    def __init__(self, links: Sequence[Asking]) -> None:
        self._links = links

    def settings(self) -> CpuSettings:
        cores = {task.core for _, task in self._tasks() if task.core is not None}
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
        tasks = [task for _, task in self._on(cpu)]
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
        for link, task in self._on(cpu):
            link.reset_statistics(task.index)

    def ticker(self) -> Ticker:
        cycles = [task.cycle_ns for _, task in self._tasks()]
        return Ticker(CPU_LIMIT_PERCENT, math.gcd(*cycles) // UNIT_NS & _U32) if cycles else Ticker()

    def _on(self, cpu: int) -> list[tuple[Asking, TaskFacts]]:
        """The tasks of a core; those without one count as the first core's."""
        return [(link, task) for link, task in self._tasks() if (task.core or 0) == cpu]

    def _tasks(self) -> list[tuple[Asking, TaskFacts]]:
        found: list[tuple[Asking, TaskFacts]] = []
        for link in self._links:
            try:
                found += [(link, task) for task in link.tasks()]
            except AdsFault:
                continue
        return found


def _us(duration_ns: int) -> int:
    return duration_ns // US_NS & _U32
