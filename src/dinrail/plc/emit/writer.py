"""One function's text in the making: lines, blocks, names of places, and where code that rarely runs goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from dinrail.plc.core.expression import Expression
from dinrail.plc.core.program import Fault, Function
from dinrail.plc.core.statement import Statement
from dinrail.plc.emit.debuginfo import FunctionScope
from dinrail.plc.emit.emission import Emission
from dinrail.plc.source import Place
from dinrail.plc.types.variable import Variable

LEAVE_FUNCTION, LEAVE_LOOP, LEAVE_AGAIN = 1, 2, 3
"""What a part of a function that runs under a guard returns when RETURN, EXIT or CONTINUE left it."""


@dataclass(slots=True)
class LoopTargets:
    """Where EXIT and CONTINUE go."""

    leave: str
    again: str


@dataclass(slots=True, eq=False)
class Writer:
    """lines end in no newline; values are numbered by LLVM's own rule (each line that yields one counts up).

    symbol:   operand that names the function, or the part of it.
    slots:    operand of each local's and parameter's memory.
    known:    expressions that are evaluated already, in the innermost IndexAt (its checks and its index share some).
    prologue: what the entry block does behind the allocas; every part of the function repeats it.
    views:    operand of each view that the prologue loads (see `handover`).
    before:   the statement in front of the one that is being written.
    taken:    locals whose address somebody gets, once it was asked (see `bounded`).
    outlined: whether this is a part of a function that stands under a handler of its own; leaving it by RETURN, EXIT or
              CONTINUE is told to the function by a number (LEAVE_...), those that occur are in `leaves`.
    """

    emission: Emission
    function: Function
    scope: FunctionScope
    symbol: str = ""
    outlined: bool = False
    lines: list[str] = field(default_factory=list)
    cold: list[str] = field(default_factory=list)
    allocas: list[str] = field(default_factory=list)
    slots: dict[Variable, str] = field(default_factory=dict)
    prologue: list[str] = field(default_factory=list)
    views: dict[int, str] = field(default_factory=dict)
    loops: list[LoopTargets] = field(default_factory=list)
    known: dict[Expression, str] = field(default_factory=dict)
    debug: str = ""
    terminated: bool = False
    leaves: set[int] = field(default_factory=set)
    before: Statement | None = None
    taken: set[Variable] | None = None
    _values: int = 0
    _blocks: int = 0

    def value(self, text: str) -> str:
        """Appends an instruction that yields a value; its operand."""
        number = self._values
        self._values = number + 1
        self.lines.append(f"%{number} = {text}{self.debug}")
        return f"%{number}"

    def effect(self, text: str) -> None:
        """Appends an instruction that yields none."""
        self.lines.append(text + self.debug)

    def label(self) -> str:
        """A new block's name."""
        self._blocks += 1
        return f"b{self._blocks}"

    def begin(self, label: str) -> None:
        """Ends the block that is open by going on into the new one."""
        if not self.terminated:
            self.lines.append(f"br label %{label}{self.debug}")
        self.lines.append(f"{label}:")
        self.terminated = False

    def jump(self, label: str) -> None:
        """Goes to a block."""
        if not self.terminated:
            self.lines.append(f"br label %{label}{self.debug}")
            self.terminated = True

    def branch(self, condition: str, if_true: str, if_false: str) -> None:
        """Goes to one of two blocks by an i1."""
        self.lines.append(f"br i1 {condition}, label %{if_true}, label %{if_false}{self.debug}")
        self.terminated = True

    def end(self, text: str) -> None:
        """Appends a terminator."""
        if not self.terminated:
            self.lines.append(text + self.debug)
            self.terminated = True

    def at(self, place: Place) -> str:
        """What follows comes from there; what was there before, to put it back."""
        before = self.debug
        if place:
            self.debug = self.scope.suffix(place)
        return before

    def fault_text(self, code: Fault, place: Place, values: tuple[str, str, str] = ("0", "0", "0")) -> str:
        """The call that faults, as lines without an indent."""
        self.emission.helper("dinrail_fault")
        value, lower, upper = values
        if lower.lstrip("-").isdecimal() and upper.lstrip("-").isdecimal():
            site = self.emission.fault_site(code, place, int(lower), int(upper))
            call = f"call void @dinrail_fault_at(ptr %ctx, i32 {site}, i64 {value}) #7{self.debug}"
        else:
            operands = f"i64 {value}, i64 {lower}, i64 {upper}"
            call = f"call void @dinrail_fault(ptr %ctx, i32 {int(code)}, i64 {int(place)}, {operands}) #7{self.debug}"
        return f"{call}\nunreachable"

    def fault_unless(
        self, good: str, code: Fault, place: Place, values: tuple[str, str, str] = ("0", "0", "0")
    ) -> None:
        """Goes on when the i1 `good` holds; else a fault, told in a block apart."""
        fine, bad = self.label(), self.label()
        before = self.at(place)
        self.lines.append(f"br i1 {good}, label %{fine}, label %{bad}{self.debug}")
        self.cold.append(f"{bad}:\n{self.fault_text(code, place, values)}")
        self.lines.append(f"{fine}:")
        self.debug = before

    def fault_if(self, wrong: str, code: Fault, place: Place) -> None:
        """As fault_unless, for the opposite condition."""
        fine, bad = self.label(), self.label()
        before = self.at(place)
        self.lines.append(f"br i1 {wrong}, label %{bad}, label %{fine}{self.debug}")
        self.cold.append(f"{bad}:\n{self.fault_text(code, place)}")
        self.lines.append(f"{fine}:")
        self.debug = before
