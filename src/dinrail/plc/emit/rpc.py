"""Methods that are called from outside (TcRpcEnable): a stub for each, which unpacks a frame of bytes.

    u32 stub(ctx, self, frame)     inputs and in-outs from frame + 0; value, outputs and in-outs to frame + OUTPUTS_AT

Both packed without gaps in declared order. The call is virtual: a class that overrides the method needs no stub of its
own. The executive runs a stub between two cycles, under `dinrail_guard`. Exported, when there are any: `dinrail_rpc`
(the stubs' addresses) and `dinrail_rpc_count` (u32).
"""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.control.channel.layout import MAILBOX_DATA_BYTES
from dinrail.plc.core.program import Function, Program
from dinrail.plc.emit.call import parameter_text, result_text
from dinrail.plc.emit.emission import Emission
from dinrail.plc.emit.scalar import MEMORY
from dinrail.plc.types.model import FunctionBlockType, held_as
from dinrail.plc.types.variable import Role, Storage, Variable

OUTPUTS_AT = MAILBOX_DATA_BYTES
_IN = (Role.INPUT, Role.IN_OUT)
_OUT = (Role.OUTPUT, Role.IN_OUT)


@dataclass(frozen=True, slots=True)
class Stub:
    """One method: what `Image.calls` says of it. inputs and outputs: offset of each variable from its part's start."""

    owner: FunctionBlockType
    name: str
    method: Function
    inputs: dict[Variable, int]
    outputs: dict[Variable, int]
    input_bytes: int
    output_bytes: int


def stubs_of(program: Program) -> list[Stub]:
    """Every method that has a stub, in the order of the classes. What does not fit a frame has none."""
    out = []
    for kind in program.classes:
        for name, method in kind.methods.items():
            if method.is_rpc and method.owner is kind and (stub := _stub(kind, name, method)) is not None:
                out.append(stub)
    return out


def _stub(kind: FunctionBlockType, name: str, method: Function) -> Stub | None:
    inputs: dict[Variable, int] = {}
    outputs: dict[Variable, int] = {}
    input_bytes = output_bytes = 0
    results = [each for each in method.parameters if each.role is Role.RESULT]
    if method.result is not None:
        results.append(method.result)
    declared = [each for each in method.parameters if each.role is not Role.RESULT]
    if any(each.role not in (*_IN, *_OUT) for each in declared):
        return None
    for variable in declared:
        if variable.role in _IN:
            inputs[variable] = input_bytes
            input_bytes += variable.type.size_bytes
    for variable in [*results, *(each for each in declared if each.role in _OUT)]:
        outputs[variable] = output_bytes
        output_bytes += variable.type.size_bytes
    if max(input_bytes, output_bytes) > OUTPUTS_AT:
        return None
    return Stub(kind, name, method, inputs, outputs, input_bytes, output_bytes)


def stubs_text(emission: Emission, stubs: list[Stub]) -> str:
    """Their code, and the exported table."""
    if not stubs:
        return ""
    texts = [_text(emission, number, stub) for number, stub in enumerate(stubs)]
    pointers = ", ".join(f"ptr @rpc.{number}" for number in range(len(stubs)))
    kind = f"[{len(stubs)} x ptr]"
    texts.append(f"@dinrail_rpc = constant {kind} [{pointers}]")
    texts.append(f"@dinrail_rpc_count = constant i32 {len(stubs)}")
    return "\n".join(texts)


def _text(emission: Emission, number: int, stub: Stub) -> str:
    lines: list[str] = []
    operands = ["ptr %ctx", "ptr %self"]
    for index, variable in enumerate(stub.method.parameters):
        operands.append(_operand(emission, lines, stub, index, variable))
    scope = emission.debug.function(f"{stub.owner.name}.{stub.name}", stub.method.at)
    debug = scope.suffix(stub.method.at)
    callee = _callee(emission, lines, stub)
    call = f"call {result_text(stub.method)} {callee}({', '.join(operands)}){debug}"
    result = stub.method.result
    kind = held_as(result.type) if result else None
    if result is None or kind is None:
        lines.append(call)
    else:
        lines.append(f"%result = {call}")
        operand = "%result"
        if kind.name == "BOOL":
            lines.append("%byte = zext i1 %result to i8")
            operand = "%byte"
        lines.append(f"%to = getelementptr i8, ptr %frame, i64 {OUTPUTS_AT + stub.outputs[result]}")
        lines.append(f"store {MEMORY[kind.name]} {operand}, ptr %to, align 1")
    head = f"define internal i32 @rpc.{number}(ptr %ctx, ptr %self, ptr %frame) #0 !dbg !{scope.number} {{"
    return "\n".join([head, *lines, "ret i32 0", "}"])


def _operand(emission: Emission, lines: list[str], stub: Stub, index: int, variable: Variable) -> str:
    source, target = f"%in{index}", f"%out{index}"
    if variable in stub.inputs:
        lines.append(f"{source} = getelementptr i8, ptr %frame, i64 {stub.inputs[variable]}")
    if variable in stub.outputs:
        lines.append(f"{target} = getelementptr i8, ptr %frame, i64 {OUTPUTS_AT + stub.outputs[variable]}")
    if variable.storage is Storage.POINTER:
        if variable in stub.inputs and variable in stub.outputs:
            move = emission.declare("llvm.memmove.p0.p0.i64", "void", "ptr, ptr, i64, i1 immarg", "nounwind willreturn")
            size_bytes = variable.type.size_bytes
            lines.append(f"call void {move}(ptr {target}, ptr {source}, i64 {size_bytes}, i1 false)")
        return f"ptr {target if variable in stub.outputs else source}"
    kind = held_as(variable.type)
    memory = MEMORY[kind.name] if kind else "ptr"
    lines.append(f"%value{index} = load {memory}, ptr {source}, align 1")
    if memory == "i8" and parameter_text(variable) == "i1":
        lines.append(f"%truth{index} = icmp ne i8 %value{index}, 0")
        return f"i1 %truth{index}"
    return f"{memory} %value{index}"


def _callee(emission: Emission, lines: list[str], stub: Stub) -> str:
    rows = emission.dispatch.of_class(stub.owner, stub.name)
    targets = {function for _, function in rows}
    if len(targets) <= 1:
        return emission.symbol(targets.pop() if targets else stub.method)
    table = emission.dispatch.functions_table(stub.owner, stub.name, rows)
    lines.append("%class = load i64, ptr %self, align 1")
    lines.append(f"%row = getelementptr inbounds ptr, ptr {table}, i64 %class")
    lines.append("%callee = load ptr, ptr %row")
    return "%callee"
