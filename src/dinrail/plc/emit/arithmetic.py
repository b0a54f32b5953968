"""Operators and conversions, as core's table defines them."""

from __future__ import annotations

from dinrail.plc.core.expression import Binary, BinaryOperator, Convert
from dinrail.plc.core.program import Fault
from dinrail.plc.emit import expression
from dinrail.plc.emit.scalar import REGISTER, constant, floating
from dinrail.plc.emit.writer import Writer
from dinrail.plc.types.model import Family, ScalarType

_INTEGER = {
    BinaryOperator.ADD: "add",
    BinaryOperator.SUBTRACT: "sub",
    BinaryOperator.MULTIPLY: "mul",
    BinaryOperator.AND: "and",
    BinaryOperator.OR: "or",
    BinaryOperator.XOR: "xor",
}
_FLOAT = {
    BinaryOperator.ADD: "fadd",
    BinaryOperator.SUBTRACT: "fsub",
    BinaryOperator.MULTIPLY: "fmul",
    BinaryOperator.DIVIDE: "fdiv",
}
_FUNNEL = {BinaryOperator.ROTATE_LEFT: "fshl", BinaryOperator.ROTATE_RIGHT: "fshr"}
_SHIFT = {BinaryOperator.SHIFT_LEFT: "shl", BinaryOperator.SHIFT_RIGHT: "lshr"}


def binary(w: Writer, node: Binary) -> str:
    """An operator's value."""
    left, right = expression.value(w, node.left), expression.value(w, node.right)
    operator, kind = node.operator, node.type
    register = REGISTER[kind.name]
    if kind.family is Family.FLOAT:
        if operator is BinaryOperator.DIVIDE and w.emission.options.check_float_divide:
            _refuse_zero_float(w, node, right)
        return w.value(f"{_FLOAT[operator]} {register} {left}, {right}")
    if (text := _INTEGER.get(operator)) is not None:
        return w.value(f"{text} {register} {left}, {right}")
    if (text := _SHIFT.get(operator)) is not None:
        return _shift(w, text, kind, left, right)
    if (text := _FUNNEL.get(operator)) is not None:
        function = w.emission.declare(
            f"llvm.{text}.{register}", register, f"{register}, {register}, {register}", "nounwind memory(none)"
        )
        return w.value(f"call {register} {function}({register} {left}, {register} {left}, {register} {right})")
    return _divide(w, node, left, right)


def _refuse_zero_float(w: Writer, node: Binary, right: str) -> None:
    if right.startswith("0x") and right != floating(0.0, 8) and right != floating(-0.0, 8):
        return
    wrong = w.value(f"fcmp oeq {REGISTER[node.type.name]} {right}, {floating(0.0, 8)}")
    w.fault_if(wrong, Fault.FLOAT_DIVIDE, node.at)


def _shift(w: Writer, text: str, kind: ScalarType, left: str, right: str) -> str:
    register = REGISTER[kind.name]
    if right.isdecimal() and int(right) < kind.bits:
        return w.value(f"{text} {register} {left}, {right}")
    shifted = w.value(f"{text} {register} {left}, {right}")
    inside = w.value(f"icmp ult {register} {right}, {kind.bits}")
    return w.value(f"select i1 {inside}, {register} {shifted}, {register} 0")


def _divide(w: Writer, node: Binary, left: str, right: str) -> str:
    """DIVIDE and MODULO of integers. What the processor traps on, zero and smallest / -1, is divided by 1 instead."""
    kind, register = node.type, REGISTER[node.type.name]
    divides = node.operator is BinaryOperator.DIVIDE
    letter = "s" if kind.signed else "u"
    text = f"{letter}{'div' if divides else 'rem'} {register}"
    if right.lstrip("-").isdecimal() and right not in ("0", "-1"):
        return w.value(f"{text} {left}, {right}")
    zero = w.value(f"icmp eq {register} {right}, 0")
    if w.emission.options.check_divide:
        w.fault_if(zero, Fault.DIVIDE, node.at)
        unsafe = ""
    else:
        unsafe = zero
    negative = ""
    if kind.signed:
        negative = w.value(f"icmp eq {register} {right}, -1")
        unsafe = w.value(f"or i1 {negative}, {unsafe}") if unsafe else negative
    safe = w.value(f"select i1 {unsafe}, {register} 1, {register} {right}") if unsafe else right
    result = w.value(f"{text} {left}, {safe}")
    if negative and divides:
        opposite = w.value(f"sub {register} 0, {left}")
        result = w.value(f"select i1 {negative}, {register} {opposite}, {register} {result}")
    if not w.emission.options.check_divide:
        result = w.value(f"select i1 {zero}, {register} 0, {register} {result}")
    return result


def convert(w: Writer, node: Convert) -> str:
    """A number as another type."""
    operand = expression.value(w, node.operand)
    source, target = node.operand.type, node.type
    if source is None or source.name == target.name:
        return operand
    if target.family is Family.BOOL:
        return _to_bool(w, operand, source)
    if source.family is Family.FLOAT:
        return _from_float(w, operand, source, target)
    from_text, to_text = REGISTER[source.name], REGISTER[target.name]
    if target.family is Family.FLOAT:
        letter = "s" if source.signed else "u"
        return w.value(f"{letter}itofp {from_text} {operand} to {to_text}")
    if source.family is Family.BOOL:
        return w.value(f"zext i1 {operand} to {to_text}")
    return _resize(w, operand, source, target)


def _resize(w: Writer, operand: str, source: ScalarType, target: ScalarType) -> str:
    if source.bits == target.bits:
        return operand
    if operand.lstrip("-").isdecimal():
        number = int(operand) if source.signed else int(operand) & ((1 << source.bits) - 1)
        return constant(number, target)
    text = "trunc" if target.bits < source.bits else "sext" if source.signed else "zext"
    return w.value(f"{text} {REGISTER[source.name]} {operand} to {REGISTER[target.name]}")


def _to_bool(w: Writer, operand: str, source: ScalarType) -> str:
    if source.family is Family.BOOL:
        return operand
    if source.family is Family.FLOAT:
        return w.value(f"fcmp une {REGISTER[source.name]} {operand}, {floating(0.0, 8)}")
    return w.value(f"icmp ne {REGISTER[source.name]} {operand}, 0")


def _from_float(w: Writer, operand: str, source: ScalarType, target: ScalarType) -> str:
    from_text, to_text = REGISTER[source.name], REGISTER[target.name]
    if target.family is Family.FLOAT:
        return w.value(f"{'fpext' if target.bits > source.bits else 'fptrunc'} {from_text} {operand} to {to_text}")
    suffix = f"f{source.bits}"
    rounded = _pure(w, f"llvm.roundeven.{suffix}", from_text, from_text, operand)
    letter = "u" if target.bits == 64 and not target.signed else "s"
    number = _pure(w, f"llvm.fpto{letter}i.sat.i64.{suffix}", "i64", from_text, rounded)
    return number if target.bits == 64 else w.value(f"trunc i64 {number} to {to_text}")


def _pure(w: Writer, name: str, result: str, parameter: str, operand: str) -> str:
    function = w.emission.declare(name, result, parameter, "nounwind memory(none)")
    return w.value(f"call {result} {function}({parameter} {operand})")
