"""What a device on a field bus is, and which of its values lie where in the process image."""

from __future__ import annotations

import enum
from dataclasses import dataclass

MAX_REGISTERS = 125
"""Of one Modbus read (MODBUS Application Protocol 1.1b3, 6.3); writes take 123."""
MAX_WRITTEN_REGISTERS = 123
MAX_BITS = 2000
MAX_WRITTEN_BITS = 1968


class Table(enum.StrEnum):
    """The four tables of a Modbus device."""

    COIL = "coil"
    DISCRETE_INPUT = "discrete-input"
    INPUT_REGISTER = "input-register"
    HOLDING_REGISTER = "holding-register"

    @property
    def is_bits(self) -> bool:
        return self in (Table.COIL, Table.DISCRETE_INPUT)

    @property
    def is_writable(self) -> bool:
        return self in (Table.COIL, Table.HOLDING_REGISTER)


class OnLoss(enum.StrEnum):
    """What a task sees of a device that does not answer."""

    HOLD = "hold"  # the last values, getting stale
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbours in one table, and where they lie in the driver's piece of the process image.

    address: the first one, from 0 as on the wire. count: registers or bits.
    bit:     where they begin, in bits from the beginning of the piece; registers at whole bytes.
    words:   registers of one value: 2 for a REAL or DINT. swapped: the device sends its upper word first.
    """

    table: Table
    address: int
    count: int
    bit: int
    words: int = 1
    swapped: bool = False

    @property
    def size_bits(self) -> int:
        return self.count if self.table.is_bits else 16 * self.count


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One Modbus TCP device. Times in ns.

    exchange:   name of its exchange in the channel.
    unit:       0..255, of a gateway.
    refresh_ns: how often outputs are written that did not change (a device's own watchdog wants to hear of us).
    """

    exchange: str
    host: str
    port: int = 502
    unit: int = 1
    period_ns: int = 10_000_000
    timeout_ns: int = 500_000_000
    refresh_ns: int = 500_000_000
    inputs: tuple[Span, ...] = ()
    outputs: tuple[Span, ...] = ()
    on_loss: OnLoss = OnLoss.HOLD
