"""A device with memory areas and no names: enough for raw clients, and the base of those with symbols."""

from __future__ import annotations

from dinrail.ads.actions import action_of
from dinrail.ads.contract import Action
from dinrail.ads.device.access import Access, Later, Limits
from dinrail.ads.device.device import AdsDevice, Subject
from dinrail.ads.device.gather import Point, point_of
from dinrail.ads.device.memory import Memory, Spot
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.units import MS_NS

# Plain numbers, as in device.py.
_WRITE = Command.WRITE.value
_INPUTS_AND_OUTPUTS = IndexGroup.INPUTS_AND_OUTPUTS.value


class MemoryDevice(AdsDevice):
    """Serves `memory` by bytes, bits and sizes (see memory.py)."""

    def __init__(self, memory: Memory, *, limits: Limits | None = None, task_cycle_ns: int = 10 * MS_NS) -> None:
        super().__init__(limits=limits, task_cycle_ns=task_cycle_ns)
        self.memory = memory

    def read(self, access: Access) -> bytes | Later:
        return self.memory.read(access.group, access.offset, access.size_bytes)

    def write(self, access: Access, data: bytes) -> Later | None:
        self.memory.write(access.group, access.offset, data)
        return None

    def read_write(self, access: Access, data: bytes) -> bytes | Later:
        if access.group == _INPUTS_AND_OUTPUTS:
            return self.memory.exchange(access.offset, access.size_bytes, data)
        return super().read_write(access, data)

    def subjects(self, access: Access, data: bytes) -> tuple[Subject, ...]:
        if access.group == _INPUTS_AND_OUTPUTS:
            reading = self._subject(Action.READ, IndexGroup.INPUTS, access.offset, access.size_bytes, None, access)
            return reading, self._subject(Action.WRITE, IndexGroup.OUTPUTS, access.offset, len(data), None, access)
        if access.group not in self.memory:
            return super().subjects(access, data)
        action = action_of(access.command, access.group) or Action.WRITE
        size_bytes = len(data) if access.command == _WRITE else access.size_bytes
        touched = self.memory.touched(access.group, access.offset, size_bytes)
        return (self._subject(action, *touched, access),)

    def _subject(
        self, action: Action, group: int, offset: int, size_bytes: int, bit: int | None, access: Access
    ) -> Subject:
        names = self.names_at(group, offset, size_bytes, bit) if access.permit.by_symbol else ()
        return action, group, offset, size_bytes, names

    def names_at(self, group: int, offset: int, size_bytes: int, bit: int | None) -> tuple[str, ...]:
        """The symbols that contain the whole range (`bit`: of the byte at `offset`), outermost first."""
        del group, offset, size_bytes, bit
        return ()

    def prepared(self, access: Access) -> Point | None:
        if access.group not in self.memory:
            return super().prepared(access)
        reader = self.memory.reader(access.group, access.offset, access.size_bytes)
        if isinstance(reader, Spot):
            return point_of(reader)
        key = (access.group, access.offset, access.size_bytes)
        return Point(key, len(reader()), call=reader)
