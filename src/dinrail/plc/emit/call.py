"""Calls of functions, of methods of a class known only at run time, and through interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from dinrail.plc.core.expression import Call, Expression, InterfaceCall, Location, VirtualCall
from dinrail.plc.core.program import Fault, Function
from dinrail.plc.emit import expression, location
from dinrail.plc.emit.scalar import MEMORY, REGISTER
from dinrail.plc.emit.writer import Writer
from dinrail.plc.source import Place
from dinrail.plc.types.model import FunctionBlockType, InterfaceType, ScalarType, held_as, resolve
from dinrail.plc.types.variable import Storage, Variable


def parameter_text(variable: Variable) -> str:
    """The LLVM type of a parameter."""
    if variable.storage is Storage.POINTER:
        return "ptr"
    kind = held_as(variable.type)
    return REGISTER[kind.name] if kind else "ptr"


def result_text(function: Function) -> str:
    """The LLVM type of a function's value."""
    kind = held_as(function.result.type) if function.result else None
    return REGISTER[kind.name] if kind else "void"


def _arguments(w: Writer, function: Function, nodes: list[Expression | Location]) -> list[str]:
    out = []
    for variable, node in zip(function.parameters, nodes, strict=True):
        if variable.storage is Storage.POINTER:
            out.append(f"ptr {location.taken_address(w, cast(Location, node))}")
        else:
            out.append(f"{parameter_text(variable)} {expression.value(w, cast(Expression, node))}")
    return out


def _finish(
    w: Writer, callee: str, function: Function, operands: list[str], at: Place, callees: Sequence[str] = ()
) -> str:
    """callees: what a callee that is found in a table may be."""
    before = w.at(at)
    w.emission.calls_from(w.symbol, callees or (callee,))
    text = f"call {result_text(function)} {callee}({', '.join(operands)})"
    answer = ""
    if function.result is None:
        w.effect(text)
    else:
        answer = w.value(text)
    w.debug = before
    return answer


def call(w: Writer, node: Call) -> str:
    """A known function's value; "" when it has none."""
    function = node.function
    if function.external:
        return _external(w, node)
    operands = ["ptr %ctx"]
    if node.receiver is not None:
        operands.append(f"ptr {location.taken_address(w, node.receiver)}")
    operands += _arguments(w, function, node.arguments)
    return _finish(w, w.emission.symbol(function), function, operands, node.at)


def _external(w: Writer, node: Call) -> str:
    function = node.function
    kinds = [MEMORY[k.name] if (k := _scalar(v)) else "ptr" for v in function.parameters]
    operands = []
    for text, kind in zip(_arguments(w, function, node.arguments), kinds, strict=True):
        operand = text.split(" ", 1)[1]
        operands.append(f"i8 {w.value(f'zext i1 {operand} to i8')}" if text.startswith("i1 ") else f"{kind} {operand}")
    result = held_as(function.result.type) if function.result else None
    result_kind = MEMORY[result.name] if result else "void"
    callee = w.emission.declare(function.external, result_kind, ", ".join(kinds))
    before = w.at(node.at)
    text = f"call {result_kind} {callee}({', '.join(operands)})"
    answer = ""
    if result is None:
        w.effect(text)
    else:
        answer = w.value(text)
        if result.name == "BOOL":
            answer = w.value(f"icmp ne i8 {answer}, 0")
    w.debug = before
    return answer


def _scalar(variable: Variable) -> ScalarType | None:
    return held_as(variable.type) if variable.storage is not Storage.POINTER else None


def virtual_call(w: Writer, node: VirtualCall) -> str:
    """A method's value, for the class that the instance turns out to be."""
    receiver = location.taken_address(w, node.receiver)
    operands = ["ptr %ctx", f"ptr {receiver}", *_arguments(w, node.method, node.arguments)]
    kind = resolve(node.receiver.type)
    owner = kind if isinstance(kind, FunctionBlockType) else node.method.owner
    if owner is None:
        return _finish(w, w.emission.symbol(node.method), node.method, operands, node.at)
    name = next((each for each, slot in owner.slots.items() if slot == node.slot), "")
    rows = w.emission.dispatch.of_class(owner, name)
    return _dispatched(w, node.method, (owner, name), rows, operands, node.at)


def interface_call(w: Writer, node: InterfaceCall) -> str:
    """A method's value, through the interface."""
    number = expression.value(w, node.receiver)
    if w.emission.options.check_null:
        good = w.value(f"icmp uge i64 {number}, {location.LOWEST_ADDRESS}")
        w.fault_unless(good, Fault.NULL, node.at)
    receiver = w.value(f"inttoptr i64 {number} to ptr")
    operands = ["ptr %ctx", f"ptr {receiver}", *_arguments(w, node.method, node.arguments)]
    name = list(node.interface.methods)[node.slot]
    rows = w.emission.dispatch.of_interface(node.interface, name)
    return _dispatched(w, node.method, (node.interface, name), rows, operands, node.at)


def _dispatched(
    w: Writer,
    method: Function,
    key: tuple[FunctionBlockType | InterfaceType, str],
    rows: list[tuple[FunctionBlockType, Function]],
    operands: list[str],
    at: Place,
) -> str:
    """Straight when every class runs the same; else by the table of the class numbers."""
    targets = {function for _, function in rows}
    if not targets:
        # No instance of such a class can exist: the address is wild.
        w.end(w.fault_text(Fault.NULL, at))
        w.begin(w.label())
        return "zeroinitializer"
    if len(targets) == 1:
        return _finish(w, w.emission.symbol(targets.pop()), method, operands, at)
    table = w.emission.dispatch.functions_table(*key, rows)
    receiver = operands[1].split(" ", 1)[1]
    number = w.value(f"load i64, ptr {receiver}, align 1")
    row = w.value(f"getelementptr inbounds ptr, ptr {table}, i64 {number}")
    callee = w.value(f"load ptr, ptr {row}")
    callees = [w.emission.symbol(function) for _, function in rows]
    return _finish(w, callee, method, operands, at, callees)
