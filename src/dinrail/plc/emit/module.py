"""A Program as one module of LLVM's language. Equal input gives equal text.

The text is written straight from the checked tree: llvmlite's own builder makes a Python object of each instruction,
and takes as long for a large project as LLVM takes to compile it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dinrail.control import context
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, Program, TaskProgram
from dinrail.plc.emit import abi
from dinrail.plc.emit.emission import Emission
from dinrail.plc.emit.function import write_function
from dinrail.plc.emit.handover import SEED_ALL, SHOW_ALL, handovers_text
from dinrail.plc.emit.rpc import stubs_of, stubs_text
from dinrail.plc.emit.scalar import image_of
from dinrail.plc.source import NOWHERE
from dinrail.plc.types.variable import Area, Variable

_ATTRIBUTES = """\
attributes #0 = { nounwind "frame-pointer"="all" "probe-stack"="inline-asm" }
attributes #1 = { nounwind "frame-pointer"="all" }
attributes #3 = { cold noinline noreturn nounwind "frame-pointer"="all" }
attributes #4 = { noinline nounwind "frame-pointer"="all" }
attributes #5 = { noinline nounwind "frame-pointer"="all" }
attributes #6 = { nounwind returns_twice }
attributes #7 = { cold nomerge noreturn nounwind }
"""


@dataclass(frozen=True, slots=True)
class Module:
    """A module in LLVM's language, piece by piece (`parts` makes several of a large one).

    own:       data, areas, contexts, what tasks hand over, the stubs of methods: once.
    outside:   how others name what functions use of it.
    common:    constants, tables, what the C library has.
    helpers:   of `runtime`, those that are used.
    functions: one text for each, `define internal ...`.
    exported:  the entries.
    tail:      attributes and metadata.
    calls:     symbol -> what it may call (see `stack`).
    has_heap:  whether __NEW is used.
    """

    own: str
    outside: tuple[str, ...]
    common: str
    helpers: tuple[str, ...]
    functions: tuple[str, ...]
    exported: str
    tail: str
    calls: dict[str, set[str]]
    has_heap: bool

    @property
    def text(self) -> str:
        """The whole module."""
        return "\n".join((self.own, self.common, *self.helpers, *self.functions, self.exported, self.tail))


def write_module(program: Program, tasks: Sequence[TaskProgram], options: Options) -> Module:
    """The module. tasks: in the order of their numbers. Functions that nobody calls are not in it."""
    emission = Emission(program, options, has_own_tasks=list(tasks) == program.tasks)
    handovers = emission.handovers
    own = [_data(program), _areas(program), _contexts(len(tasks)), handovers_text(handovers, len(tasks))]
    alone = bool(handovers)
    entries = [_entry(emission, abi.INITIALISE, "initialisation", [program.initialise], alone=alone)]
    for symbol, function in ((abi.EXIT, program.leave), (abi.REINITIALISE, program.reinitialise)):
        if function.body:
            entries.append(_entry(emission, symbol, symbol.removeprefix("dinrail_"), [function], alone=alone))
    for index, task in enumerate(tasks):
        entries.append(_entry(emission, abi.task_symbol(index), task.name, task.programs))
    own.append(stubs_text(emission, stubs_of(program)))
    while emission.waiting:
        write_function(emission, emission.waiting.pop(0))
    emission.aliasing.finish()
    return Module(
        own="\n".join(own),
        outside=_outside(program),
        common=emission.constants_text() + emission.dispatch.tables_text(),
        helpers=emission.helpers_used(),
        functions=tuple(emission.functions),
        exported="\n".join(entries),
        tail=_ATTRIBUTES + emission.debug.tail(),
        calls=emission.calls,
        has_heap=emission.uses("dinrail_allocate"),
    )


def constant_image(program: Program) -> bytes:
    """The statics' memory before initialisation: every initial value at its offset."""
    image = bytearray(program.data_bytes)
    for variable in program.statics:
        _put(image, variable)
    return bytes(image)


def _put(image: bytearray, variable: Variable) -> None:
    if variable.initial:
        image[variable.offset_bytes : variable.offset_bytes + len(variable.initial)] = variable.initial


def _data(program: Program) -> str:
    image = constant_image(program) or bytes(8)
    kind, value = image_of(image)
    return (
        f'@data = internal global {kind} {value}, section ".data", align {abi.PAGE_BYTES}\n'
        f"@{abi.DATA} = alias {kind}, ptr @data"
    )


def _areas(program: Program) -> str:
    lines = []
    for area, name in abi.AREAS.items():
        image = bytearray(max(program.area_bytes.get(area.value, 0), 8))
        for variable in program.areas:
            if variable.area is area and variable.bit < 0:
                _put(image, variable)
        kind, value = image_of(bytes(image))
        lines.append(f"@{name}.local = internal global {kind} {value}, align {abi.PAGE_BYTES}")
        lines.append(f"@{name} = alias {kind}, ptr @{name}.local")
    return "\n".join(lines)


def _outside(program: Program) -> tuple[str, ...]:
    """Data and areas as another object file has them."""
    sizes = [("data", program.data_bytes)]
    sizes += [(f"{abi.AREAS[area]}.local", program.area_bytes.get(area.value, 0)) for area in Area]
    return tuple(
        f"@{name} = external hidden global [{max(size_bytes, 8)} x i8], align {abi.PAGE_BYTES}"
        for name, size_bytes in sizes
    )


def _contexts(count: int) -> str:
    kind = f"[{max(count, 1) * context.STRIDE_BYTES} x i8]"
    return (
        f"@contexts = internal global {kind} zeroinitializer, align {abi.PAGE_BYTES}\n"
        f"@{abi.CONTEXTS} = alias {kind}, ptr @contexts"
    )


def _entry(emission: Emission, symbol: str, name: str, programs: Sequence[Function], *, alone: bool = False) -> str:
    """An exported function that runs these under a guard. alone: no task runs, and all see what it writes."""
    scope = emission.debug.function(name, programs[0].at if programs else NOWHERE)
    suffix = scope.suffix(scope.at)
    guard = emission.helper("dinrail_guard")
    symbols = [emission.symbol(each) for each in programs]
    calls = "\n".join(f"call void {each}(ptr %ctx){suffix}" for each in symbols)
    emission.guards(f"@{symbol}", f"@{symbol}.body")
    emission.calls_from(f"@{symbol}.body", symbols)
    before, behind = (SHOW_ALL, SEED_ALL) if alone else ("", "")
    return (
        f"define internal i32 @{symbol}.body(ptr %ctx, ptr %self, ptr %frame) #0 !dbg !{scope.number} {{\n"
        f"{calls}\nret i32 0{suffix}\n}}\n"
        f"define i32 @{symbol}(ptr %ctx) #0 {{\n{before}"
        f"%both = call i64 {guard}(ptr %ctx, ptr @{symbol}.body, ptr null, ptr null)\n{behind}"
        "%fault = trunc i64 %both to i32\nret i32 %fault\n}"
    )
