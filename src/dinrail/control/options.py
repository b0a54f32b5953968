"""What a control process is started with: its command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dinrail.control.image import Image
from dinrail.control.settings import Exchange, Overrun, TaskSettings
from dinrail.errors import BadRequest

MAX_SETTINGS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """One control process.

    image, channel: files. retain: where retained values are kept, None: nowhere.
    tasks:     what the project says otherwise than the image, by name.
    exchanges: I/O drivers. cores: what tasks without one of their own may run on; empty: any.
    cgroup:    the control group that has these cores alone; the process goes there first. None: it stays where it is.
    group:     who else may map the channel (a group's number). port: AMS port of the application.
    start:     whether tasks run at once; else they are in STOP.
    """

    image: Path
    channel: Path
    retain: Path | None = None
    tasks: tuple[TaskSettings, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    cores: tuple[int, ...] = ()
    cgroup: Path | None = None
    group: int | None = None
    port: int = 851
    start: bool = True
    retain_every_s: float = 10.0

    def settings_of(self, image: Image) -> tuple[TaskSettings, ...]:
        """Of the image's tasks, in their order. Raises BadRequest for a task that is not there."""
        own = {task.name: task for task in self.tasks}
        names = [task.settings.name for task in image.tasks]
        unknown = sorted(own.keys() - set(names))
        if unknown:
            raise BadRequest(f"the image has no task {unknown[0]!r}", hint=f"it has {', '.join(names)}")
        return tuple(own.get(task.settings.name, task.settings) for task in image.tasks)

    def settings_json(self) -> str:
        """`tasks` and `exchanges` as the process reads them (--settings)."""
        tasks = [
            {name: getattr(task, name) for name in TaskSettings.__slots__} | {"overrun": task.overrun.value}
            for task in self.tasks
        ]
        exchanges = [{name: getattr(one, name) for name in Exchange.__slots__} for one in self.exchanges]
        return json.dumps({"tasks": tasks, "exchanges": exchanges})

    def argv(self, settings: Path | None) -> list[str]:
        """The command line behind `python -m dinrail.control`. settings: a file that holds `settings_json`."""
        out = [str(self.image), "--channel", str(self.channel), "--port", str(self.port)]
        out += ["--retain", str(self.retain), "--retain-every", str(self.retain_every_s)] if self.retain else []
        out += ["--settings", str(settings)] if settings else []
        out += ["--cores", ",".join(map(str, self.cores))] if self.cores else []
        out += ["--cgroup", str(self.cgroup)] if self.cgroup else []
        out += ["--channel-group", str(self.group)] if self.group is not None else []
        return out if self.start else [*out, "--stopped"]


def parse(argv: Sequence[str]) -> ControlOptions:
    """The command line. Ends the process by status 2 for a wrong one. Raises BadRequest for wrong settings."""
    parser = argparse.ArgumentParser(prog="python -m dinrail.control", description="Runs the tasks of an image.")
    parser.add_argument("image", type=Path)
    parser.add_argument("--channel", type=Path, required=True)
    parser.add_argument("--retain", type=Path)
    parser.add_argument("--retain-every", type=float, default=10.0, metavar="S")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="tasks and exchanges, as JSON")
    parser.add_argument("--cores", type=_cores, default=(), metavar="LIST")
    parser.add_argument("--cgroup", type=Path, metavar="DIR", help="the control group that has these cores alone")
    parser.add_argument("--channel-group", type=int, metavar="GID")
    parser.add_argument("--port", type=int, default=851)
    parser.add_argument("--stopped", action="store_true")
    words = parser.parse_args(argv)
    made = ControlOptions(
        image=words.image,
        channel=words.channel,
        retain=words.retain,
        cores=words.cores,
        cgroup=words.cgroup,
        group=words.channel_group,
        port=words.port,
        start=not words.stopped,
        retain_every_s=words.retain_every,
    )
    if words.settings is None:
        return made
    with words.settings.open("rb") as file:
        return with_settings(made, file.read(MAX_SETTINGS_BYTES), str(words.settings))


def with_settings(options: ControlOptions, data: bytes, where: str) -> ControlOptions:
    """The options with what `settings_json` wrote. Raises BadRequest."""
    try:
        plain = json.loads(data)
        tasks = tuple(_task(task) for task in plain["tasks"])
        exchanges = tuple(Exchange(**one) for one in plain["exchanges"])
    except (ValueError, KeyError, TypeError) as fault:
        raise BadRequest("these are no settings of the control", where=where, why=str(fault)) from fault
    return replace(options, tasks=tasks, exchanges=exchanges)


def _task(plain: dict[str, Any]) -> TaskSettings:
    return TaskSettings(**plain | {"overrun": Overrun(plain["overrun"]), "programs": tuple(plain["programs"])})


def _cores(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)
