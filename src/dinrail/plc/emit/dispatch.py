"""Which function a call through a class or interface runs: known while compiling where only one can be meant."""

from __future__ import annotations

from typing import Protocol

from dinrail.plc.core.program import Function, Program
from dinrail.plc.types.model import FunctionBlockType, InterfaceType


class Namer(Protocol):
    """What gives a function its operand, and so puts it into the module."""

    def symbol(self, function: Function) -> str: ...


def bases_of(kind: FunctionBlockType) -> list[FunctionBlockType]:
    """A class and what it extends, outwards."""
    out = [kind]
    while out[-1].base is not None:
        out.append(out[-1].base)
    return out


def interfaces_of(kind: FunctionBlockType) -> set[InterfaceType]:
    """Every interface that a class has, inherited ones included."""
    found: set[InterfaceType] = set()
    waiting = [interface for each in bases_of(kind) for interface in each.interfaces]
    while waiting:
        interface = waiting.pop()
        if interface not in found:
            found.add(interface)
            waiting += interface.bases
    return found


class Dispatch:
    """Tables by class number. Rows are written for the slots that some call uses, see `tables_text`."""

    def __init__(self, program: Program, namer: Namer) -> None:
        self._classes = program.classes
        self._namer = namer
        self._below: dict[FunctionBlockType, list[FunctionBlockType]] = {}
        self._having: dict[InterfaceType, list[FunctionBlockType]] = {}
        for kind in program.classes:
            if kind.abstract:
                continue
            for base in bases_of(kind):
                self._below.setdefault(base, []).append(kind)
            for interface in sorted(interfaces_of(kind), key=lambda each: each.name):
                self._having.setdefault(interface, []).append(kind)
        self._tables: dict[tuple[object, str], str] = {}
        self._lines: list[str] = []

    def of_class(self, kind: FunctionBlockType, name: str) -> list[tuple[FunctionBlockType, Function]]:
        """Each concrete class at or below `kind`, with what it runs. name: upper-case; "" is the body."""
        return [(each, run) for each in self._below.get(kind, []) if (run := _run(each, name)) is not None]

    def of_interface(self, interface: InterfaceType, name: str) -> list[tuple[FunctionBlockType, Function]]:
        """Each concrete class with that interface, with what it runs."""
        return [(each, run) for each in self._having.get(interface, []) if (run := _run(each, name)) is not None]

    def functions_table(self, key: object, name: str, rows: list[tuple[FunctionBlockType, Function]]) -> str:
        """The operand of a table: class number -> function."""
        if (found := self._tables.get((key, name))) is not None:
            return found
        symbols = {kind.number: self._namer.symbol(function) for kind, function in rows}
        values = ", ".join(f"ptr {symbols.get(number, 'null')}" for number in range(len(self._classes)))
        return self._add((key, name), f"[{len(self._classes)} x ptr] [{values}]")

    def membership_table(self, target: InterfaceType | FunctionBlockType) -> str:
        """The operand of a table: class number -> whether it has the interface, or is the class or below (i8)."""
        if (found := self._tables.get((target, "?"))) is not None:
            return found
        kinds = self._having.get(target, []) if isinstance(target, InterfaceType) else self._below.get(target, [])
        numbers = {kind.number for kind in kinds}
        values = ", ".join(f"i8 {int(number in numbers)}" for number in range(len(self._classes)))
        return self._add((target, "?"), f"[{len(self._classes)} x i8] [{values}]")

    def _add(self, key: tuple[object, str], value: str) -> str:
        name = self._tables[key] = f"@table.{len(self._tables)}"
        self._lines.append(f"{name} = internal unnamed_addr constant {value}")
        return name

    def tables_text(self) -> str:
        """Every table that was asked for."""
        return "\n".join(self._lines) + "\n"


def _run(kind: FunctionBlockType, name: str) -> Function | None:
    """What a class runs under a method's upper-case name. Abstract ones have nothing to run."""
    for each in bases_of(kind):
        function = each.methods.get(name) if name else each.body
        if function is not None:
            return None if function.is_abstract else function
    return None
