"""Starting and asking the control: a process of its own that outlives whoever started it, and whom it is served by.

    <run>/control/channel         what router, drivers and commands see of it; a new file each time it starts
    <run>/control.json            tasks and exchanges as the document has them
    <run>/control.log
    <state>/control/retain        RETAIN and PERSISTENT variables

Its cores are taken out of the scheduler before it starts, and given back when it was asked to end (see `daemon.cores`).

Nobody starts it again when it ends: what a machine does after a crash of its control is for people to decide.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dinrail.control.channel.alive import is_gone
from dinrail.control.channel.layout import ANY_CORE, Request, State
from dinrail.control.channel.reader import Channel, ChannelBusy, state_text, text_of
from dinrail.control.channel.request import ask, is_alive
from dinrail.control.options import ControlOptions
from dinrail.control.settings import ControlSettings
from dinrail.daemon import detached
from dinrail.daemon.cores import TakenCores, give_back, take_cores
from dinrail.daemon.launch import router_group
from dinrail.errors import FormatError, HostError
from dinrail.files import atomic_write, ensure_directory
from dinrail.host.paths import Paths

_DOWN_S = 15.0
_POLL_S = 0.02
CONFIG = state_text(State.CONFIG)
"""What a control is in until it has started its tasks."""


@dataclass(frozen=True, slots=True)
class ControlFiles:
    """Where one control's files lie."""

    channel: Path
    settings: Path
    log: Path
    retain: Path

    @classmethod
    def of(cls, paths: Paths) -> ControlFiles:
        return cls(
            channel=paths.run / "control" / "channel",
            settings=paths.run / "control.json",
            log=paths.run / "control.log",
            retain=paths.state / "control" / "retain",
        )


def control_status(paths: Paths) -> Mapping[str, Any] | None:
    """What the control is and does, in JSON's own types; None when there is none, or it is silent.

    Raises HostError when its channel may not be read, FormatError when that is damaged.
    """
    path = ControlFiles.of(paths).channel
    if not path.exists():
        return None
    with Channel.open(path) as channel:
        gone = not is_alive(channel) or is_gone(channel.header)
        return None if gone else _describe(channel)


def _describe(channel: Channel) -> Mapping[str, Any]:
    header = channel.header
    return {
        "pid": header.control_pid,
        "state": state_text(header.state),
        "application": text_of(header.application),
        "port": header.ads_port,
        "image": text_of(header.image_path),
        "restart_index": header.restart_index,
        "online_changes": header.online_change_count,
        "tasks": [_describe_task(channel, number) for number in range(len(channel.tasks))],
    }


def _describe_task(channel: Channel, number: int) -> Mapping[str, Any]:
    record = channel.statistics(number)
    return {
        "name": text_of(record.name),
        "state": state_text(record.state),
        "fault": record.fault,
        "core": None if record.core == ANY_CORE else record.core,
        "cycle_ns": record.cycle_ns,
        "cycles": record.cycle_count,
        "overruns": record.overruns,
        "missed_cycles": record.missed_cycles,
        "latency_max_ns": record.latency_max_ns,
        "execution_max_ns": record.execution_max_ns,
    }


def options_of(settings: ControlSettings, image: Path, paths: Paths) -> ControlOptions:
    """How the control is started for this document and image."""
    files = ControlFiles.of(paths)
    return ControlOptions(
        image=image,
        channel=files.channel,
        retain=files.retain,
        tasks=settings.tasks,
        exchanges=settings.exchanges,
        cores=settings.cores,
        group=router_group(),
        port=settings.port,
    )


def start_control(options: ControlOptions, paths: Paths) -> Mapping[str, Any]:
    """Bring the control up, unless it is; its status either way, with `notes` about its cores when it was brought up.

    Raises HostError with its last words, Refused when somebody else has one of its cores.
    """
    answer = control_status_or_none(paths)
    if answer is not None:
        return answer
    cores = take_cores(options.cores, paths)
    try:
        return {**_bring_up(replace(options, cgroup=cores.cgroup), paths, cores), "notes": list(cores.notes)}
    except BaseException:
        cores.let_go()
        give_back(paths)
        raise


def _bring_up(options: ControlOptions, paths: Paths, cores: TakenCores) -> Mapping[str, Any]:
    files = ControlFiles.of(paths)
    for directory in (files.channel.parent, files.retain.parent):
        ensure_directory(directory)
    atomic_write(files.settings, options.settings_json().encode())
    words = ("dinrail.control", *options.argv(files.settings))
    process = detached.start("control", words, files.log, pass_fds=cores.files)
    cores.handed_over(process.pid)

    def started() -> Mapping[str, Any] | None:
        answer = control_status_or_none(paths)
        own = answer is not None and answer["pid"] == process.pid and answer["state"] != CONFIG
        return answer if own else None

    return detached.wait_until_up("control", process, started, files.log)


def stop_control(paths: Paths) -> bool:
    """Ask the control to end, and wait until it has. False when there was none. Raises Refused, HostError."""
    if control_status_or_none(paths) is None:
        return False
    ask(ControlFiles.of(paths).channel, Request.EXIT)
    deadline = time.monotonic() + _DOWN_S
    while time.monotonic() < deadline:
        if control_status_or_none(paths) is None:
            _give_back(paths)
            return True
        time.sleep(_POLL_S)
    where = str(ControlFiles.of(paths).channel)
    raise HostError("the control does not end", where=where, hint="dinrail control status")


def _give_back(paths: Paths) -> None:
    report = give_back(paths)
    if not report.is_complete:
        failed = tuple(str(step) for step in report.failed)
        raise HostError("not all of the control's cores could be given back", details=failed, hint="dinrail undo")


def control_status_or_none(paths: Paths) -> Mapping[str, Any] | None:
    """As `control_status`; None for a channel that cannot be understood, too: it is being made, or damaged."""
    try:
        return control_status(paths)
    except (HostError, FormatError, ChannelBusy):
        return None
