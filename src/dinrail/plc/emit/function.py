"""A whole function: its head, the memory of its locals, its body, and its end."""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.plc.core.program import Function
from dinrail.plc.core.statement import If, Loop, Statement, Switch, Try
from dinrail.plc.emit import statement
from dinrail.plc.emit.call import parameter_text, result_text
from dinrail.plc.emit.emission import Emission
from dinrail.plc.emit.scalar import MEMORY, REGISTER
from dinrail.plc.emit.writer import Writer
from dinrail.plc.types.model import held_as
from dinrail.plc.types.variable import Storage, Variable

LARGE_LINES = 200
"""A function with more lines than this, in LLVM's language, stays a function of its own. LLVM would take each one that
has one caller into that caller, and its time grows faster than the function does."""


def write_function(emission: Emission, function: Function) -> None:
    """Appends the function's text to the module's."""
    symbol = emission.symbol(function)
    w = Writer(emission, function, emission.debug.function(function.name, function.at), symbol)
    w.at(function.at)
    w.debug = w.debug or w.scope.suffix(function.at)
    if _has_try(function.body):
        _frame(w)
    else:
        _slots(w)
    if function.recursion_allowed:
        helper = emission.helper("dinrail_deeper")
        limit = emission.options.recursion_limit
        w.effect(f"call void {helper}(ptr %ctx, i32 {limit}, i64 {int(function.at)})")
    statement.statements(w, function.body)
    w.begin("return")
    if function.recursion_allowed:
        w.effect("call void @dinrail_shallower(ptr %ctx)")
    _end(w)
    attributes = "#0" if len(w.lines) <= LARGE_LINES else "#0 noinline"
    head = f"define internal {result_text(function)} {symbol}({_parameters(function)}) {attributes}"
    emission.functions.append(_text(w, head))


def write_part(w: Writer, name: str, body: Sequence[Statement]) -> set[int]:
    """A piece of w's function as one of its own, `u32 (ctx, self, frame)`; the ways in which it leaves the function."""
    emission = w.emission
    scope = emission.debug.function(w.function.name, w.function.at)
    part = Writer(emission, w.function, scope, name, outlined=True)
    emission.guards(w.symbol, name)
    part.debug = part.scope.suffix(w.function.at)
    part.slots = w.slots
    part.prologue, part.views = w.prologue, w.views
    statement.statements(part, body)
    part.end("ret i32 0")
    emission.functions.append(_text(part, f"define internal i32 {name}(ptr %ctx, ptr %self, ptr %frame) #4"))
    return part.leaves


def _text(w: Writer, head: str) -> str:
    lines = [f"{head} !dbg !{w.scope.number} {{", "entry:", *w.allocas, *w.prologue, *w.lines, *w.cold, "}"]
    return "\n".join(lines)


def _parameters(function: Function) -> str:
    texts = ["ptr %ctx"]
    if function.owner is not None:
        texts.append("ptr %self")
    texts += [f"{parameter_text(each)} %p{number}" for number, each in enumerate(function.parameters)]
    return ", ".join(texts)


def _memory_text(variable: Variable) -> str:
    kind = held_as(variable.type)
    return MEMORY[kind.name] if kind else f"[{max(variable.type.size_bytes, 1)} x i8]"


def _locals(function: Function) -> list[Variable]:
    variables = [each for each in function.parameters if each.storage is not Storage.POINTER]
    variables += function.locals
    if function.result is not None:
        variables.append(function.result)
    return list(dict.fromkeys(variables))


def _slots(w: Writer) -> None:
    """Each local has memory of its own: what is a scalar ends in a register."""
    function = w.function
    for number, variable in enumerate(_locals(function)):
        w.slots[variable] = f"%v{number}"
        w.allocas.append(f"%v{number} = alloca {_memory_text(variable)}, align 8")
    for number, parameter in enumerate(function.parameters):
        if parameter.storage is Storage.POINTER:
            w.slots[parameter] = f"%p{number}"
        else:
            _store_parameter(w, number, parameter)


def _frame(w: Writer) -> None:
    """All locals and parameters lie in one frame, which the parts of the function share."""
    offset = 0
    pointers = []
    for number, variable in enumerate([*_locals(w.function), *w.function.parameters]):
        if variable in w.slots:
            continue
        if variable.storage is Storage.POINTER:
            pointers.append((variable, number, offset))
            w.slots[variable] = f"%r{number}"
            offset += 8
            continue
        w.slots[variable] = f"%v{number}"
        w.prologue.append(f"%v{number} = getelementptr inbounds i8, ptr %frame, i64 {offset}")
        offset += (variable.type.size_bytes + 7) & ~7
    w.allocas.append(f"%frame = alloca [{max(offset, 8)} x i8], align 16")
    order = {variable: number for number, variable in enumerate(w.function.parameters)}
    for variable, number, at in pointers:
        w.allocas.append(f"%s{number} = getelementptr inbounds i8, ptr %frame, i64 {at}")
        w.allocas.append(f"store ptr %p{order[variable]}, ptr %s{number}")
        w.prologue.append(f"%q{number} = getelementptr inbounds i8, ptr %frame, i64 {at}")
        w.prologue.append(f"%r{number} = load ptr, ptr %q{number}")
    for number, parameter in enumerate(w.function.parameters):
        if parameter.storage is not Storage.POINTER:
            _store_parameter(w, number, parameter)


def _store_parameter(w: Writer, number: int, parameter: Variable) -> None:
    kind = held_as(parameter.type)
    operand = f"%p{number}"
    if kind is not None and REGISTER[kind.name] == "i1":
        operand = w.value(f"zext i1 {operand} to i8")
    w.effect(f"store {_memory_text(parameter)} {operand}, ptr {w.slots[parameter]}")


def _end(w: Writer) -> None:
    result = w.function.result
    kind = held_as(result.type) if result else None
    if result is None or kind is None:
        w.end("ret void")
        return
    found = w.value(f"load {MEMORY[kind.name]}, ptr {w.slots[result]}")
    if kind.name == "BOOL":
        found = w.value(f"icmp ne i8 {found}, 0")
    w.end(f"ret {REGISTER[kind.name]} {found}")


def _has_try(nodes: Sequence[Statement]) -> bool:
    """Whether a Try is among the statements, or inside of one."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is Try:
            return True
        if isinstance(node, If):
            waiting += node.then
            waiting += node.otherwise
        elif isinstance(node, Loop):
            waiting += node.body
            waiting += node.step
        elif isinstance(node, Switch):
            waiting += node.otherwise
            for _, body in node.branches:
                waiting += body
    return False
