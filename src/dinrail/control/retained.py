"""Retained values between the file, a loaded module and what the tasks publish."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

from dinrail.control import retain
from dinrail.control.channel.create import place_segments
from dinrail.control.channel.layout import Space
from dinrail.control.channel.reader import Channel
from dinrail.control.image import Image, Retained
from dinrail.control.module import Module


class RetainedValues:
    """path None: nothing is kept. `notes`: what was wrong with the file when it was read."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[tuple[str, str], bytes] = {}
        self.notes: list[str] = []
        if path is not None:
            self._values, self.notes = retain.load(path)

    def put(self, module: Module) -> None:
        """What is known into the module's data; only what has the same name and type."""
        for variable, data in retain.matching(self._values, module.image.retained):
            ctypes.memmove(module.bases[Space.DATA] + variable.offset, data, len(data))

    def save(self, module: Module) -> None:
        """From the module's memory: no thread may run. Raises HostError."""
        base = module.bases[Space.DATA]
        self._keep({_key(one): ctypes.string_at(base + one.offset, one.size_bytes) for one in module.image.retained})

    def save_published(self, channel: Channel, module: Module) -> None:
        """As the owners' last cycles published them, each task's of one cycle. Raises HostError, ChannelBusy."""
        values = {}
        snapshots = [channel.snapshot(task) for task in range(len(channel.tasks))]
        for task, retained, position in _placed(module.image):
            snapshot = snapshots[task]
            if snapshot is not None and position + retained.size_bytes <= len(snapshot.data):
                values[_key(retained)] = snapshot.data[position : position + retained.size_bytes]
        self._keep(values)

    def _keep(self, values: dict[tuple[str, str], bytes]) -> None:
        """Only when they are others than those on disk."""
        if values != self._values:
            if self._path is not None:
                retain.save(self._path, values)
            self._values = values

    def forget(self) -> None:
        """On disk, too. Raises HostError."""
        self._values = {}
        if self._path is not None:
            retain.forget(self._path)


def _key(variable: Retained) -> tuple[str, str]:
    return variable.path, variable.type


def _placed(image: Image) -> Iterator[tuple[int, Retained, int]]:
    """(task, variable, position in the task's published data)."""
    for index, task in enumerate(image.tasks):
        for segment, position in place_segments(task.segments):
            if segment.space is Space.DATA:
                for variable in image.retained:
                    inside = variable.offset - segment.offset
                    if 0 <= inside <= segment.size_bytes - variable.size_bytes:
                        yield index, variable, position + inside
