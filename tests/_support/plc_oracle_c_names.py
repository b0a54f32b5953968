"""The second oracle, C: names, types and constants of the written program."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, Program
from dinrail.plc.types.model import Family, ScalarType, Type, held_as, resolve
from dinrail.plc.types.variable import Storage, Variable

FRAME_BYTE = 0x5A
"""What fresh locals hold: not what the step interpreter puts there, so that a read of one never set shows."""


def c_type(kind: ScalarType) -> str:
    """i8..i64, u8..u64, f32, f64."""
    if kind.is_float:
        return f"f{kind.bits}"
    return f"{'i' if kind.signed else 'u'}{kind.bits}"


def scalar_of(kind: Type) -> ScalarType:
    """What a value of the type is held as."""
    held = held_as(kind)
    assert held is not None, kind
    return held


def literal(value: float | bool, kind: ScalarType) -> str:
    """A C constant of exactly that value and type."""
    if kind.family is Family.BOOL:
        return "1" if value else "0"
    if not kind.is_float:
        number = int(value)
        if number == -(2**63):
            return "INT64_MIN"
        return f"(({c_type(kind)}){number}{'ULL' if number >= 2**63 else 'LL'})"
    if math.isnan(value):
        return f"(({c_type(kind)})NAN)"
    if math.isinf(value):
        return f"(({c_type(kind)}){'-' if value < 0 else ''}INFINITY)"
    return f"(({c_type(kind)}){float(value).hex()})"


@dataclass(slots=True)
class Names:
    """One written program: the C names of its functions, and its constant bytes."""

    program: Program
    options: Options
    functions: dict[int, str] = field(default_factory=dict)
    constants: dict[bytes, str] = field(default_factory=dict)

    def function(self, function: Function) -> str:
        return self.functions[id(function)]

    def constant(self, data: bytes) -> str:
        """The address of constant bytes, as a C expression."""
        return f"((A){self.constants.setdefault(data, f'k{len(self.constants)}')})"


def signature(function: Function, name: str) -> str:
    """`result name(self, parameters)`. Parameters by address are A, others their scalar."""
    result = "void" if function.result is None else c_type(scalar_of(function.result.type))
    parameters = ["A self"]
    for number, parameter in enumerate(function.parameters):
        parameters.append(f"{parameter_type(parameter)} p{number}")
    return f"static {result} {name}({', '.join(parameters)})"


def parameter_type(parameter: Variable) -> str:
    """The C type that a parameter has."""
    if parameter.storage is Storage.POINTER:
        return "A"
    assert parameter.storage is Storage.VALUE
    return c_type(scalar_of(parameter.type))


def frame_of(function: Function) -> tuple[dict[int, int], int]:
    """Where each parameter and local lies in the function's frame, by id, and the frame's size."""
    offsets: dict[int, int] = {}
    size = 0
    own = [*function.parameters, *function.locals, *([function.result] if function.result else [])]
    for variable in own:
        if id(variable) in offsets:
            continue
        offsets[id(variable)] = size
        wanted = 8 if variable.storage is Storage.POINTER else resolve(variable.type).size_bytes
        size += (wanted + 7) // 8 * 8
    return offsets, max(size, 8)
