"""What the devices of the bridge are told about the control: values, made of the channel by `link`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dinrail.control.channel.layout import State


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task, as it was last seen. Times in ns; core None: any."""

    index: int
    name: str
    cycle_ns: int
    priority: int
    core: int | None
    ads_port: int
    state: int = State.STOP
    fault: int = 0
    cycle_count: int = 0
    run_count: int = 0
    heartbeat_ns: int = 0
    latency_last_ns: int = 0
    latency_max_ns: int = 0
    execution_last_ns: int = 0
    execution_max_ns: int = 0
    overruns: int = 0
    missed_cycles: int = 0
    exceeded: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """The control's process and its application.

    built_wall_s: when the image was built, since 1970; 0: not said.
    """

    pid: int
    state: int
    restart_index: int
    online_change_count: int
    symbol_version: int
    application: str
    ads_port: int
    built_wall_s: int


class Told(Protocol):
    """Who knows. Both raise AdsFault NOT_READY when there is no control."""

    def control(self) -> ControlFacts: ...

    def task(self, index: int) -> TaskFacts: ...
