"""The step interpreter: locations to addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plc_oracle_memory as memory
from plc_oracle_numbers import Value, from_bytes, to_bytes

from dinrail.plc.core.expression import (
    BitAt,
    ConstantAt,
    DerefAt,
    Expression,
    FieldAt,
    IndexAt,
    Location,
    SelfAt,
    SequenceAt,
    VariableAt,
    ViewAt,
)
from dinrail.plc.core.program import Fault
from dinrail.plc.source import Place
from dinrail.plc.types.model import ULINT, ScalarType
from dinrail.plc.types.variable import Area, Storage, Variable

if TYPE_CHECKING:
    from plc_oracle_machine import Machine

    from dinrail.plc.core.statement import Statement

FIRST_ADDRESS = 4096
_AREAS = {Area.INPUT: memory.INPUTS, Area.OUTPUT: memory.OUTPUTS, Area.MARKER: memory.MARKERS}


class Places:
    """One activation of a function. slots: where each of its variables lies; self_address: its instance."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.memory = machine.memory
        self.slots: dict[int, int] = {}
        self.self_address = 0
        self.known: dict[int, Value] = {}  # what an index's check has evaluated already, by its node's id

    def value(self, expression: Expression) -> Value:
        raise NotImplementedError

    def run(self, statements: list[Statement]) -> None:
        raise NotImplementedError

    def address(self, location: Location) -> int:
        """Where the place begins. Of a BitAt: the byte that holds the bit."""
        match location:
            case VariableAt():
                return self._variable(location.variable)
            case FieldAt():
                return self._field(location)
            case IndexAt():
                return self._element(location)
            case DerefAt():
                return self.checked(int(self.value(location.address)), location.at)
            case SelfAt():
                return self.self_address
            case BitAt():
                return self.address(location.base)
            case ConstantAt():
                return self.memory.constant(location.data)
            case SequenceAt():
                self.run(location.statements)
                return self.address(location.location)
            case ViewAt():
                return self.address(location.base)

    def checked(self, address: int, at: Place) -> int:
        """The address, or the NULL fault."""
        if self.machine.options.check_null and address < FIRST_ADDRESS:
            raise self.machine.fault(Fault.NULL, at)
        return address

    def _variable(self, variable: Variable) -> int:
        if variable.storage is Storage.STATIC:
            return memory.base_of(memory.DATA) + variable.offset_bytes
        if variable.storage is Storage.AREA:
            assert variable.area is not None
            return memory.base_of(_AREAS[variable.area]) + variable.offset_bytes
        slot = self.slots[id(variable)]
        if variable.storage is Storage.POINTER:
            return int(self.read(slot, ULINT))
        assert variable.storage in (Storage.LOCAL, Storage.VALUE)
        return slot

    def _field(self, location: FieldAt) -> int:
        at = self.address(location.base) + location.field.offset_bytes
        if location.field.is_reference_field and not location.raw:
            return self.checked(int(self.read(at, ULINT)), location.at)
        return at

    def _element(self, location: IndexAt) -> int:
        base = self.address(location.base)
        before = self.known
        self.known = dict(before)
        for written, lower, upper in location.checks if self.machine.options.check_bounds else ():
            index, low, high = (int(self.value(part)) for part in (written, lower, upper))
            if not low <= index <= high:
                raise self.machine.fault(Fault.BOUNDS, location.at, index, low, high)
            self.known[id(written)] = index
        index = int(self.value(location.index))
        self.known = before
        return base + index * location.type.size_bytes

    # ------------------------------------------------------------------------------------------ what lies there

    def read(self, address: int, kind: ScalarType) -> Value:
        return from_bytes(self.memory.read(address, kind.size_bytes), kind)

    def load(self, location: Location, kind: ScalarType) -> Value:
        if (bit := bit_of(location)) >= 0:
            return bool(self.memory.read(self.address(location) + bit // 8, 1)[0] >> bit % 8 & 1)
        return self.read(self.address(location), kind)

    def store(self, location: Location, value: Value, kind: ScalarType) -> None:
        address = self.address(location)
        if (bit := bit_of(location)) >= 0:
            address, mask = address + bit // 8, 1 << bit % 8
            old = self.memory.read(address, 1)[0]
            self.memory.write(address, bytes([old | mask if value else old & ~mask]))
        else:
            self.memory.write(address, to_bytes(value, kind))


def bit_of(location: Location) -> int:
    """Which bit of what begins at its address the place is; -1: it is no bit."""
    match location:
        case BitAt():
            return location.bit
        case VariableAt():
            return location.variable.bit
        case FieldAt():
            return location.field.bit
        case _:
            return -1
