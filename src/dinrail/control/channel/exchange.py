"""A driver's end of an exchange: gives %I, takes %Q, by Simpson's four slots. Neither side ever waits for the other.

A driver that stops, or is killed at any instruction, leaves at most an item that nobody was told of. Of each of the
task's words one bit is used, and what is copied is as long as the record says, so a broken channel harms no driver.

Source: H. Simpson, "Four-slot fully asynchronous communication mechanism", IEE Proceedings 137 E 1 (1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dinrail.control.channel.layout import (
    ITEM_HEADER_BYTES,
    READING_OFFSET,
    SLOTS_HEADER_BYTES,
    ExchangeRecord,
    FourSlots,
    ItemHeader,
    offset_of,
)
from dinrail.control.channel.memory import full_fence
from dinrail.control.channel.plan import item_bytes
from dinrail.control.channel.reader import Channel, text_of
from dinrail.errors import BadRequest
from dinrail.files import os_refusal

_LATEST = offset_of(FourSlots, "latest")
_SLOT = offset_of(FourSlots, "slot_0")
_SAFE = offset_of(FourSlots, "safe")
_COUNTER = offset_of(ItemHeader, "counter")
_WALL = offset_of(ItemHeader, "wall_ns")
_ENABLED = offset_of(ItemHeader, "enabled")
_SIZE = offset_of(ItemHeader, "size_bytes")


@dataclass(frozen=True, slots=True)
class Outputs:
    """One cycle's %Q. enabled False: the task does not run, so the device has to show its safe values."""

    counter: int
    wall_ns: int
    enabled: bool
    data: bytes


class DriverEnd:
    """One driver's place in a channel. Not for use after `close`."""

    def __init__(self, channel: Channel, record: ExchangeRecord) -> None:
        self._channel = channel
        memory = self._memory = channel.memory
        self.input_bytes = record.input_bytes
        self.output_bytes = record.output_bytes
        self._inputs = record.input_slots_offset
        self._outputs = record.output_slots_offset
        for at, size in ((self._inputs, self.input_bytes), (self._outputs, self.output_bytes)):
            memory.inside(at, SLOTS_HEADER_BYTES + 4 * item_bytes(size))
        self._counter = self._last_counter()

    @classmethod
    def open(cls, path: Path, name: str) -> Self:
        """The exchange of that name. Raises BadRequest when the control has none, HostError, FormatError."""
        channel = Channel.open(path, writable=True)
        try:
            return cls(channel, _record(channel, name))
        except BaseException:
            channel.close()
            raise

    @property
    def is_current(self) -> bool:
        """Whether its channel still stands in its place; False: the control ended, or was started anew."""
        try:
            facts = self._channel.path.stat()
        except FileNotFoundError:
            return False
        except OSError as fault:
            raise os_refusal(fault, "look at the channel", self._channel.path) from fault
        return (facts.st_dev, facts.st_ino) == self._memory.identity

    def close(self) -> None:
        """Idempotent. Gives nothing: who ends on purpose gives `enabled=False` first."""
        self._channel.close()

    def give(self, data: bytes, *, wall_ns: int = 0, enabled: bool = True) -> None:
        """New inputs for the next cycle. enabled False: nothing new is known; the task keeps the old ones.

        Raises BadRequest for another number of bytes than the exchange has.
        """
        if len(data) != self.input_bytes:
            raise BadRequest(f"{len(data)} bytes given, the exchange has {self.input_bytes} of %I")
        memory = self._memory
        pair = (memory.u32(self._inputs + READING_OFFSET) & 1) ^ 1
        index = (memory.u32(self._inputs + _SLOT + 4 * pair) & 1) ^ 1
        item = self._item(self._inputs, pair, index, self.input_bytes)
        self._counter += 1
        memory.set_u64(item + _COUNTER, self._counter)
        memory.set_u64(item + _WALL, wall_ns)
        memory.set_u32(item + _ENABLED, int(enabled))
        memory.set_u32(item + _SIZE, len(data))
        memory.write(item + ITEM_HEADER_BYTES, data)
        memory.set_u32(self._inputs + _SLOT + 4 * pair, index)
        memory.set_u32(self._inputs + _LATEST, pair)
        full_fence()

    def take(self) -> Outputs:
        """The newest outputs; `counter` tells whether they are other ones than before."""
        memory = self._memory
        pair = memory.u32(self._outputs + _LATEST) & 1
        memory.set_u32(self._outputs + READING_OFFSET, pair)
        full_fence()
        index = memory.u32(self._outputs + _SLOT + 4 * pair) & 1
        item = self._item(self._outputs, pair, index, self.output_bytes)
        return Outputs(
            counter=memory.u64(item + _COUNTER),
            wall_ns=memory.u64(item + _WALL),
            enabled=memory.u32(item + _ENABLED) != 0 and memory.u32(self._outputs + _SAFE) == 0,
            data=memory.read(item + ITEM_HEADER_BYTES, self.output_bytes),
        )

    def _last_counter(self) -> int:
        """What a driver before this one counted to: the task must see a change."""
        counters = (
            self._memory.u64(self._item(self._inputs, pair, index, self.input_bytes) + _COUNTER)
            for pair in (0, 1)
            for index in (0, 1)
        )
        return max(counters) & 0x7FFFFFFFFFFFFFFF

    @staticmethod
    def _item(slots: int, pair: int, index: int, data_bytes: int) -> int:
        return slots + SLOTS_HEADER_BYTES + (2 * pair + index) * item_bytes(data_bytes)


def _record(channel: Channel, name: str) -> ExchangeRecord:
    records = {text_of(one.name): one for one in map(channel.exchange, range(channel.header.exchange_count))}
    if name not in records:
        raise BadRequest(
            f"the control has no exchange {name!r}",
            where=str(channel.path),
            hint=f"it has {', '.join(sorted(records)) or 'none'}: see [[control.device]]",
        )
    return records[name]
