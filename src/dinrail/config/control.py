"""`[control]`: the TOML of the control, checked, as `ControlSettings`. Unknown keys are faults.

    [control]
    cores = [3]
    project = "plc/"
    [[control.task]]
    name = "PlcTask"
    cycle = "1 ms"
    priority = 20
    programs = ["MAIN"]

The section lives here and not in `control`: the control's process holds no pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from dinrail.config.device import DeviceSection
from dinrail.control.settings import ControlSettings, Overrun, TaskSettings
from dinrail.fieldbus.settings import DeviceSettings
from dinrail.section import PathText, Section, fault, text_with
from dinrail.units import S_NS, US_NS, parse_duration

MIN_CYCLE_NS = 50 * US_NS
MAX_CYCLE_NS = 10 * S_NS
MAX_CORE = 1023
MAX_TASKS = 32
MAX_DEVICES = 128
MAX_CONTROLS = 16
LOWEST_PRIORITY = 99
"""As TwinCAT counts: 1 is the highest."""
FIRST_TASK_PORT, LAST_TASK_PORT = 301, 399
FIRST_PLC_PORT, LAST_PLC_PORT = 851, 899


def _cycle(cycle_ns: int) -> int:
    if not MIN_CYCLE_NS <= cycle_ns <= MAX_CYCLE_NS:
        raise fault("a cycle takes from 50 us to 10 s")
    return cycle_ns


_TASK, _CONTROL = TaskSettings(), ControlSettings()
"""Whose values are the defaults."""
Duration = Annotated[
    int,
    text_with(parse_duration, "a time"),
    WithJsonSchema({"type": "string", "examples": ["1 ms", "250 us"]}),
]
Cycle = Annotated[Duration, AfterValidator(_cycle)]
TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
"""As clients see it in `_TaskInfo[n].TaskName`, a STRING(63)."""
ProgramName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,254}$")]
Core = Annotated[int, Field(ge=0, le=MAX_CORE)]


class TaskSection(Section):
    """One cyclic task; what is not said is as TwinCAT's PlcTask has it."""

    name: TaskName = "PlcTask"
    cycle: Cycle = _TASK.cycle_ns
    priority: Annotated[int, Field(ge=1, le=LOWEST_PRIORITY)] = _TASK.priority
    core: Core | None = None
    start_offset: Duration = 0
    watchdog_cycles: Annotated[int, Field(ge=0, le=1_000_000)] = _TASK.watchdog_cycles
    overrun: Annotated[Overrun, Field(strict=False)] = Overrun.COUNT
    programs: Annotated[list[ProgramName], Field(min_length=1, max_length=256)] = Field(default=["MAIN"])
    port: Annotated[int, Field(ge=FIRST_TASK_PORT, le=LAST_TASK_PORT)] | None = None

    @model_validator(mode="after")
    def _begins_within_its_cycle(self) -> TaskSection:
        if self.start_offset >= self.cycle:
            raise fault("the start offset is no shorter than the cycle", "it shifts cycles against other tasks'")
        return self

    def value(self) -> TaskSettings:
        return TaskSettings(
            name=self.name,
            cycle_ns=self.cycle,
            priority=self.priority,
            core=self.core,
            start_offset_ns=self.start_offset,
            watchdog_cycles=self.watchdog_cycles,
            overrun=self.overrun,
            programs=tuple(self.programs),
            ads_port=self.port or 0,
        )


class ControlSection(Section):
    """The whole table."""

    project: PathText | None = None
    image: PathText | None = None
    cores: Annotated[list[Core], Field(max_length=MAX_CORE + 1)] = Field(default_factory=list)
    port: Annotated[int, Field(ge=FIRST_PLC_PORT, le=LAST_PLC_PORT)] = _CONTROL.port
    channels: Annotated[list[PathText], Field(max_length=MAX_CONTROLS - 1)] = Field(default_factory=list)
    task: Annotated[list[TaskSection], Field(max_length=MAX_TASKS)] = Field(default_factory=list)
    device: Annotated[list[DeviceSection], Field(max_length=MAX_DEVICES)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _there_is_something_to_run(self) -> ControlSection:
        if self.project is None and self.image is None:
            raise fault("nothing to run is named", '`project = "plc/"`, or `image = "demo.image"` for a built one')
        return self

    @model_validator(mode="after")
    def _nothing_stands_twice(self) -> ControlSection:
        for kind, values in (
            ("core", [str(core) for core in self.cores]),
            ("task", [task.name.lower() for task in self.task]),
            ("priority", [str(task.priority) for task in self.task]),
            ("task port", [str(task.port) for task in self.task if task.port]),
            ("device", [device.name.lower() for device in self.device]),
            ("channel", [str(path) for path in self.channels]),
        ):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise fault(f"the {kind} {twice!r} stands here twice")
        return self

    @model_validator(mode="after")
    def _tasks_keep_to_the_cores(self) -> ControlSection:
        for task in self.task:
            if task.core is not None and self.cores and task.core not in self.cores:
                raise fault(f"task {task.name!r} wants core {task.core}, which is not among `cores`")
        return self

    @model_validator(mode="after")
    def _devices_have_a_task(self) -> ControlSection:
        names = [task.name.lower() for task in self.task]
        for device in self.device:
            if device.task and self.task and device.task.lower() not in names:
                raise fault(f"device {device.name!r} belongs to task {device.task!r}, which is not here")
        return self

    def devices(self) -> tuple[DeviceSettings, ...]:
        """What the drivers need to know."""
        return tuple(device.settings() for device in self.device)

    def _task_of(self, device: DeviceSection) -> int:
        names = [task.name.lower() for task in self.task]
        return names.index(device.task.lower()) if device.task and names else 0

    def settings(self, base: Path) -> ControlSettings:
        """The same as plain values. `base`: the document's directory, to which relative paths belong."""
        return ControlSettings(
            project=_rooted(base, self.project),
            image=_rooted(base, self.image),
            cores=tuple(self.cores),
            tasks=tuple(task.value() for task in self.task),
            port=self.port,
            exchanges=tuple(device.exchange(self._task_of(device)) for device in self.device),
            channels=tuple(_rooted(base, path) for path in self.channels),
        )


def _rooted(base: Path, text: str | None) -> str:
    return str(base / text) if text else ""
