"""Machine code, step interpreter and C side by side: the same statics after each cycle, or the same fault at its place.

Addresses in the statics are compared by what they point to (how far into the data), floats bit by bit but for NaN,
whose bits no one promises.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import plc_oracle_memory as memory
from plc_oracle_c_build import CompiledC
from plc_oracle_faults import Clock, Ended, TooLong
from plc_oracle_machine import Machine

from dinrail.control.context import FaultRecord
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, Program, TaskProgram
from dinrail.plc.emit.session import Session
from dinrail.plc.source import Place
from dinrail.plc.types.model import (
    CLASS_NUMBER_BYTES,
    ArrayType,
    FunctionBlockType,
    InterfaceType,
    PointerType,
    ScalarType,
    StructType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Variable


@dataclass(frozen=True, slots=True)
class Difference:
    """Where three readers of one program disagree. values: machine code, interpreter, C."""

    program: str
    cycle: int
    what: str
    values: tuple[str, str, str]

    def __str__(self) -> str:
        names = ("machine code", "interpreter", "C")
        told = "\n".join(f"    {name:12} {value}" for name, value in zip(names, self.values, strict=True))
        return f"{self.program}, cycle {self.cycle}: {self.what}\n{told}"


@dataclass(slots=True)
class Trio:
    """One application in its three forms. Each of `entries` is a task of its own."""

    program: Program
    options: Options
    entries: list[Function]
    session: Session
    machine: Machine
    compiled: CompiledC

    def start(self) -> Difference | None:
        """Runs the initialiser in all three."""
        begun = self.session.initialise()
        ends = (_ended(begun), self.machine.initialise(), self.compiled.run(self.program.initialise))
        return self._compare("initialisation", 0, ends, self.program.statics)

    def cycle(self, number: int, entry: Function, cycle: int) -> Difference | None:
        """One cycle of one program in all three. Raises TooLong."""
        now_ns = cycle * 10_000_000
        clock = Clock(10_000_000, now_ns, now_ns, number + 1, cycle, cycle == 0)
        self.machine.clock = clock
        self.compiled.set_clock(clock)
        walked = self.machine.run(entry, step_limit=200_000)
        ends = (_ended(self.session.cycle(number, now_ns=now_ns)), walked, self.compiled.run(entry))
        own = [variable for variable in self.program.statics if owner_of(variable) in (entry.name, "")]
        return self._compare(entry.name, cycle, ends, own)

    def _compare(
        self, name: str, cycle: int, ends: tuple[Ended, Ended, Ended], variables: Iterable[Variable]
    ) -> Difference | None:
        if not ends[0] == ends[1] == ends[2]:
            return Difference(name, cycle, "how it ended", (str(ends[0]), str(ends[1]), str(ends[2])))
        return self.data_difference(name, cycle, variables)

    def data_difference(self, name: str, cycle: int, variables: Iterable[Variable]) -> Difference | None:
        """The first of the variables that does not hold the same everywhere."""
        images = (self.session.data(), self.machine.data, self.compiled.data)
        if images[0] == images[1] == images[2]:
            return None
        bases = (self.session.data_address, memory.base_of(memory.DATA), self.compiled.data_address)
        for variable in variables:
            span = slice(variable.offset_bytes, variable.offset_bytes + variable.type.size_bytes)
            parts = tuple(image[span] for image in images)
            if parts[0] == parts[1] == parts[2]:
                continue
            told = [
                list(values(variable.type, part, base, len(images[0]))) for part, base in zip(parts, bases, strict=True)
            ]
            for one in zip(*told, strict=True):
                if not one[0][1] == one[1][1] == one[2][1]:
                    path = (variable.path or variable.name) + one[0][0]
                    return Difference(name, cycle, path, tuple(str(each[1]) for each in one))  # type: ignore[arg-type]
        return None


def owner_of(variable: Variable) -> str:
    """The program whose variable it is; empty for what anyone may write (globals, VAR_STAT)."""
    owner, dot, _ = (variable.path or variable.name).partition(".")
    return owner if dot and owner[0] == "P" and owner[1:].isdecimal() else ""


def _ended(record: FaultRecord | None) -> Ended:
    return Ended(0, Place(0)) if record is None else Ended(record.code, Place(record.place), record.values)


def make_trio(program: Program, options: Options, folder: Path, level: int = 1) -> Trio:
    """Compiles the application by both compilers (gcc with -O<level>), and loads it into the interpreter."""
    entries = list(program.entry.values())
    tasks = [TaskProgram(entry.name, [entry]) for entry in entries]
    session = Session(program, options, tasks)
    compiled = CompiledC(program, options, entries, folder, level)
    return Trio(program, options, entries, session, Machine(program, options), compiled)


def differences(trio: Trio, cycles: int = 3) -> Iterator[Difference]:
    """The first difference. Each program in turn for some cycles: its own and the shared statics; at the end all."""
    if (first := trio.start()) is not None:
        yield first
        return
    for number, entry in enumerate(trio.entries):
        for cycle in range(cycles):
            try:
                found = trio.cycle(number, entry, cycle)
            except TooLong:
                yield Difference(entry.name, cycle, "too many steps for the interpreter", ("?", "too long", "?"))
                return
            if found is not None:
                yield found
                return
    if (found := trio.data_difference("the end", cycles, trio.program.statics)) is not None:
        yield found


def values(kind: Type, data: bytes, base: int, size: int, path: str = "") -> Iterator[tuple[str, object]]:
    """Each part of a variable that has a value: its path, and the value in a form that can be compared."""
    kind = resolve(kind)
    match kind:
        case ArrayType():
            each = kind.element.size_bytes
            for at in range(kind.count):
                yield from values(kind.element, data[at * each : (at + 1) * each], base, size, f"{path}[{at}]")
        case StructType(is_union=False):
            yield from _fields(kind.fields, data, base, size, path)
        case FunctionBlockType():
            yield f"{path}.class", data[:CLASS_NUMBER_BYTES].hex()
            yield from _fields(kind.fields, data, base, size, path)
        case PointerType() | InterfaceType():
            yield path, _address(data, base, size)
        case ScalarType(is_float=True):
            number = struct.unpack("<f" if kind.size_bytes == 4 else "<d", data)[0]
            yield path, "NaN" if math.isnan(number) else f"{number!r} ({data.hex()})"
        case _:
            yield path, data.hex()


def _fields(fields: dict[str, Variable], data: bytes, base: int, size: int, path: str) -> Iterator[tuple[str, object]]:
    for field in fields.values():
        at = field.offset_bytes
        if field.is_reference_field:
            yield f"{path}.{field.name}", _address(data[at : at + 8], base, size)
        else:
            part = data[at : at + field.type.size_bytes]
            yield from values(field.type, part, base, size, f"{path}.{field.name}")


def _address(data: bytes, base: int, size: int) -> str:
    """How far into the data it points; else whether it points anywhere."""
    number = int.from_bytes(data, "little")
    if base <= number < base + size:
        return f"data + {number - base}"
    return "elsewhere" if number else "0"
