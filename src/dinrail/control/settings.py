"""What a task is, apart from its code."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Overrun(enum.StrEnum):
    """What happens when a cycle is not done at the next one's time. The phase is always kept, and never burst."""

    COUNT = "count"  # skip the cycles that passed, count them
    STOP = "stop"  # exception after `watchdog_cycles` in a row


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """One cyclic task. Defaults are TwinCAT's PlcTask.

    priority:        1 (highest) .. 99 as TwinCAT counts; unique. Mapped to SCHED_FIFO by `control`.
    core:            None: any core that the control has.
    start_offset_ns: shifts its cycles against those of other tasks.
    watchdog_cycles: a cycle that takes this many cycle times is aborted as a runaway; 0: never.
    programs:        names of the programs it calls, in order.
    ads_port:        its own AMS port (350, 351...); 0: by position.
    """

    name: str = "PlcTask"
    cycle_ns: int = 10_000_000
    priority: int = 20
    core: int | None = None
    start_offset_ns: int = 0
    watchdog_cycles: int = 100
    overrun: Overrun = Overrun.COUNT
    programs: tuple[str, ...] = ("MAIN",)
    ads_port: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one I/O driver process gives and takes: a piece of %I and a piece of %Q (bytes).

    task: the task (from 0) that takes the inputs at its begin and gives the outputs at its end.
    """

    name: str
    input_offset: int = 0
    input_bytes: int = 0
    output_offset: int = 0
    output_bytes: int = 0
    task: int = 0


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """What the document says of the control (`[control]`).

    project: absolute path of Structured Text sources or of a TwinCAT project; empty: an image only.
    image:   absolute path of the built image; empty: the project's own (see `daemon`).
    cores:   what the tasks may run on; taken out of the scheduler where that is possible. Empty: any core.
    tasks:   empty: as the project has them.
    port:    AMS port of the application.
    channels: absolute paths of further controls' channels, that the router serves, too.
    exchanges: pieces of %I and %Q that driver processes give and take.
    """

    project: str = ""
    image: str = ""
    cores: tuple[int, ...] = ()
    tasks: tuple[TaskSettings, ...] = ()
    port: int = 851
    exchanges: tuple[Exchange, ...] = ()
    channels: tuple[str, ...] = ()
