"""One module in the making: what its functions share, and which functions are still to be written."""

from __future__ import annotations

from collections.abc import Iterable

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault, Function, Program
from dinrail.plc.emit.aliasing import Aliasing
from dinrail.plc.emit.debuginfo import DebugInfo
from dinrail.plc.emit.dispatch import Dispatch
from dinrail.plc.emit.runtime import HELPERS
from dinrail.plc.emit.scalar import image_of, quoted
from dinrail.plc.source import Place
from dinrail.plc.types.variable import Variable

_NO_SITE = "[4 x i64] zeroinitializer"
GUARDED = " guarded"
"""Behind a symbol, in `Emission.calls`: the guard that stands between a body and who runs it."""


class Emission:
    """State of one module. Only what is called gets written: `symbol` of a function puts it on the list of work."""

    def __init__(self, program: Program, options: Options, *, has_own_tasks: bool = True) -> None:
        """has_own_tasks: the tasks are the program's, so that what it knows of them holds."""
        self.program = program
        self.handovers = program.handovers if has_own_tasks else []
        self.handed_over = {
            variable: (number, handover)
            for number, handover in enumerate(self.handovers)
            for variable in handover.variables
        }
        """What tasks hand over: the view's number, and how."""
        self.ordered = program.ordered if has_own_tasks else frozenset[Variable]()
        self.options = options
        self.debug = DebugInfo()
        self.aliasing = Aliasing(self.debug)
        self.dispatch = Dispatch(program, self)
        self.functions: list[str] = []
        self.waiting: list[Function] = []
        self._symbols: dict[Function, str] = {}
        self._constants: dict[bytes, str] = {}
        self._constant_lines: list[str] = []
        self._declared: dict[str, str] = {}
        self._helpers: dict[str, str] = {}
        self._parts = 0
        self._sites: dict[tuple[int, int, int, int], int] = {}
        self.calls: dict[str, set[str]] = {}

    def symbol(self, function: Function) -> str:
        """The operand that names a function. A C function is declared by its caller, see `declare`."""
        found = self._symbols.get(function)
        if found is None:
            found = self._symbols[function] = quoted(function.name)
            self.waiting.append(function)
        return found

    def fault_site(self, code: Fault, place: Place, lower: int, upper: int) -> int:
        """A row of the table that the code of a fault names by its number: less code where nothing ever runs."""
        return self._sites.setdefault((place, int(code), lower, upper), len(self._sites))

    def uses(self, helper: str) -> bool:
        """Whether a function of `runtime` is in the module."""
        return helper in self._helpers

    def calls_from(self, caller: str, callees: Iterable[str]) -> None:
        """For the depth of the stack: who may call whom. Symbols as operands."""
        self.calls.setdefault(caller, set()).update(callees)

    def guards(self, caller: str, body: str) -> None:
        """As calls_from, for a body that runs by way of `dinrail_guard`."""
        between = f"{body}{GUARDED}"
        self.calls_from(caller, [between])
        self.calls_from(between, [body])

    def next_part(self) -> int:
        """A number for a piece of a function that gets a name of its own."""
        self._parts += 1
        return self._parts

    def constant(self, data: bytes) -> str:
        """The operand that names these bytes."""
        found = self._constants.get(data)
        if found is None:
            found = self._constants[data] = f"@c.{len(self._constants)}"
            kind, value = image_of(data)
            self._constant_lines.append(f"{found} = private unnamed_addr constant {kind} {value}, align 8")
        return found

    def declare(self, name: str, result: str, parameters: str, attributes: str = "nounwind") -> str:
        """An outside function's operand."""
        self._declared.setdefault(name, f"declare {result} @{name}({parameters}) {attributes}".rstrip())
        return f"@{name}"

    def helper(self, name: str) -> str:
        """A function of `runtime`, with what it needs itself."""
        if name not in self._helpers:
            helper = HELPERS[name]
            self._helpers[name] = helper.text
            for needed in helper.needs:
                self.helper(needed)
            for declared, text in helper.declares:
                self._declared.setdefault(declared, text)
        return f"@{name}"

    def helpers_used(self) -> tuple[str, ...]:
        """The texts of `runtime` that are in the module."""
        return tuple(self._helpers.values())

    def constants_text(self) -> str:
        """Constants and declarations."""
        rows = [f"[4 x i64] [{', '.join(f'i64 {number}' for number in row)}]" for row in self._sites] or [_NO_SITE]
        sites = f"@sites = internal unnamed_addr constant [{len(rows)} x [4 x i64]] [{', '.join(rows)}]"
        return "\n".join((sites, *self._constant_lines, *self._declared.values())) + "\n"
