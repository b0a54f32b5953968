"""A slow step interpreter of the checked tree: each node by what dinrail.plc.core says of it, and nothing else.

It shares no code with plc.emit. It is split by what a node is: places, values, calls, statements.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import plc_oracle_memory as memory
from plc_oracle_faults import WELL, Clock, Ended, Faulted, TooLong
from plc_oracle_memory import Memory
from plc_oracle_steps import Steps

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault, Function, Program
from dinrail.plc.source import Place
from dinrail.plc.types.variable import Area, Variable


@dataclass(slots=True)
class Machine:
    """One application, in memory."""

    program: Program
    options: Options
    memory: Memory = field(default_factory=Memory)
    clock: Clock = field(default_factory=Clock)
    logged: list[tuple[int, bytes]] = field(default_factory=list)
    steps_left: int = 0

    def __post_init__(self) -> None:
        data = bytearray(self.program.data_bytes)
        for variable in self.program.statics:
            put_initial(data, variable)
        self.memory.add(memory.DATA, data)
        for segment, area in zip((memory.INPUTS, memory.OUTPUTS, memory.MARKERS), Area, strict=True):
            self.memory.add(segment, bytes(self.program.area_bytes.get(area.value, 0)))
        self.memory.add(memory.STACK, bytes(memory.STACK_BYTES))
        self.memory.add(memory.HEAP, bytes(memory.HEAP_BYTES))

    @property
    def data(self) -> bytes:
        """The statics' bytes as they are now."""
        return bytes(self.memory.segments[memory.DATA])

    def initialise(self) -> Ended:
        return self.run(self.program.initialise)

    def run(self, function: Function, step_limit: int = 2_000_000) -> Ended:
        """A function without parameters, to its end or its fault."""
        self.steps_left = step_limit
        self.memory.stack_top = 0
        try:
            Steps(self).call(function, 0, [])
        except Faulted as fault:
            return Ended(fault.code, fault.at, fault.values)
        return WELL

    def fault(self, code: Fault, at: Place, *values: int) -> Faulted:
        """The exception to raise."""
        filled = (*values, 0, 0, 0)
        return Faulted(code, at, (filled[0], filled[1], filled[2]))

    def step(self) -> None:
        """Once for each statement and each round."""
        self.steps_left -= 1
        if self.steps_left < 0:
            raise TooLong


def put_initial(image: bytearray, variable: Variable) -> None:
    """A variable's constant bytes at its place; zeros where it has none."""
    if variable.initial is not None:
        image[variable.offset_bytes : variable.offset_bytes + len(variable.initial)] = variable.initial
