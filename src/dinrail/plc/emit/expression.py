"""Values: one operand for each expression, in its type's register form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dinrail.plc.core.expression import (
    AddressOf,
    Binary,
    Call,
    Choose,
    Compare,
    CompareText,
    Comparison,
    Constant,
    Convert,
    Expression,
    InterfaceCall,
    IntrinsicCall,
    Load,
    Location,
    QueryInterface,
    Reinterpret,
    Sequence,
    ShortCircuit,
    Unary,
    UnaryOperator,
    VirtualCall,
)
from dinrail.plc.emit import arithmetic, call, intrinsic, location, statement
from dinrail.plc.emit.scalar import MEMORY, REGISTER, constant
from dinrail.plc.emit.writer import Writer
from dinrail.plc.types.model import SCALARS, Family, TextType, resolve

_SIGNED = {
    Comparison.EQUAL: "icmp eq",
    Comparison.UNEQUAL: "icmp ne",
    Comparison.LESS: "icmp slt",
    Comparison.LESS_EQUAL: "icmp sle",
    Comparison.GREATER: "icmp sgt",
    Comparison.GREATER_EQUAL: "icmp sge",
}
_UNSIGNED = {key: text.replace(" s", " u") for key, text in _SIGNED.items()}
_FLOAT = {
    Comparison.EQUAL: "fcmp oeq",
    Comparison.UNEQUAL: "fcmp une",
    Comparison.LESS: "fcmp olt",
    Comparison.LESS_EQUAL: "fcmp ole",
    Comparison.GREATER: "fcmp ogt",
    Comparison.GREATER_EQUAL: "fcmp oge",
}


def value(w: Writer, node: Expression) -> str:
    """The operand of an expression's value."""
    if w.known and (found := w.known.get(node)) is not None:
        return found
    return _VALUES[type(node)](w, node)


def _constant(_w: Writer, node: Constant) -> str:
    return constant(node.value, node.type)


def load(w: Writer, node: Load) -> str:
    """The scalar at a place."""
    kind = node.type
    bit = location.bit_of(node.location) if kind.family is Family.BOOL else None
    if bit is not None:
        return _load_bit(w, *bit)
    if location.is_ordered(w, node.location):
        how, where, end = location.in_order(w, node.location, kind.size_bytes)
        found = w.value(f"load {how} {MEMORY[kind.name]}, ptr {where}{end.format('acquire')}")
    else:
        where = location.address(w, node.location)
        found = w.value(f"load {MEMORY[kind.name]}, ptr {where}{location.mark(w, node.location)}")
    return w.value(f"icmp ne i8 {found}, 0") if kind.family is Family.BOOL else found


def _load_bit(w: Writer, base: Location, bit: int) -> str:
    where = bit_address(w, base, bit)
    if location.is_ordered(w, base):
        byte = w.value(f"load atomic i8, ptr {where} acquire, align 1")
    else:
        byte = w.value(f"load i8, ptr {where}")
    masked = w.value(f"and i8 {byte}, {_mask(bit)}")
    return w.value(f"icmp ne i8 {masked}, 0")


def bit_address(w: Writer, base: Location, bit: int) -> str:
    """The byte in which a bit of an integer lies."""
    where = location.address(w, base)
    return where if bit < 8 else w.value(f"getelementptr inbounds i8, ptr {where}, i64 {bit // 8}")


def _mask(bit: int) -> int:
    return 1 << (bit % 8) if bit % 8 < 7 else -128


def store(w: Writer, target: Location, kind_name: str, operand: str) -> None:
    """operand, a scalar of that type, to a place."""
    if REGISTER[kind_name] == "i1":
        bit = location.bit_of(target)
        if bit is not None:
            _store_bit(w, *bit, operand)
            return
        operand = w.value(f"zext i1 {operand} to i8")
    if location.is_ordered(w, target):
        how, where, end = location.in_order(w, target, SCALARS[kind_name].size_bytes)
        w.effect(f"store {how} {MEMORY[kind_name]} {operand}, ptr {where}{end.format('release')}")
        return
    where = location.address(w, target)
    w.effect(f"store {MEMORY[kind_name]} {operand}, ptr {where}{location.mark(w, target)}")


def _store_bit(w: Writer, base: Location, bit: int, operand: str) -> None:
    where = bit_address(w, base, bit)
    mask = _mask(bit)
    if location.is_ordered(w, base):
        _store_bit_whole(w, where, mask, operand)
        return
    byte = w.value(f"load i8, ptr {where}")
    cleared = w.value(f"and i8 {byte}, {~mask}")
    new = w.value(f"select i1 {operand}, i8 {mask}, i8 0")
    w.effect(f"store i8 {w.value(f'or i8 {cleared}, {new}')}, ptr {where}")


def _store_bit_whole(w: Writer, where: str, mask: int, operand: str) -> None:
    """In one step, since another task may write the bit beside it."""
    on, off, done = w.label(), w.label(), w.label()
    w.branch(operand, on, off)
    w.begin(on)
    w.value(f"atomicrmw or ptr {where}, i8 {mask} seq_cst")
    w.jump(done)
    w.begin(off)
    w.value(f"atomicrmw and ptr {where}, i8 {~mask} seq_cst")
    w.begin(done)


def _address_of(w: Writer, node: AddressOf) -> str:
    where = location.taken_address(w, node.location)
    return w.value(f"ptrtoint ptr {where} to i64")


def _unary(w: Writer, node: Unary) -> str:
    operand = value(w, node.operand)
    kind = REGISTER[node.type.name]
    if node.operator is UnaryOperator.NOT:
        return w.value(f"xor {kind} {operand}, {'true' if kind == 'i1' else '-1'}")
    if node.type.family is Family.FLOAT:
        return w.value(f"fneg {kind} {operand}")
    return w.value(f"sub {kind} 0, {operand}")


def _compare(w: Writer, node: Compare) -> str:
    left, right = value(w, node.left), value(w, node.right)
    family = node.left.type.family if node.left.type else Family.BOOL
    table = _FLOAT if family is Family.FLOAT else _SIGNED if family is Family.SIGNED else _UNSIGNED
    return w.value(f"{table[node.operator]} {REGISTER[_name(node.left)]} {left}, {right}")


def _name(node: Expression) -> str:
    """The name of an expression's type. (Only a call may have none, and then it is no operand.)"""
    return node.type.name if node.type else "BOOL"


def _compare_text(w: Writer, node: CompareText) -> str:
    left_type, right_type = resolve(node.left.type), resolve(node.right.type)
    left, right = location.address(w, node.left), location.address(w, node.right)
    wide = isinstance(left_type, TextType) and left_type.wide
    helper = w.emission.helper(f"text_compare_{16 if wide else 8}")
    units = [kind.length + 1 if isinstance(kind, TextType) else 1 for kind in (left_type, right_type)]
    sign = w.value(f"call i32 {helper}(ptr {left}, i64 {units[0]}, ptr {right}, i64 {units[1]})")
    return w.value(f"{_SIGNED[node.operator]} i32 {sign}, 0")


def _short_circuit(w: Writer, node: ShortCircuit) -> str:
    left = value(w, node.left)
    more, test, done = w.label(), w.label(), w.label()
    w.begin(test)
    w.branch(left, *((more, done) if node.is_and else (done, more)))
    w.begin(more)
    right = value(w, node.right)
    last = w.label()
    w.begin(last)
    w.begin(done)
    return w.value(f"phi i1 [ {'false' if node.is_and else 'true'}, %{test} ], [ {right}, %{last} ]")


def _choose(w: Writer, node: Choose) -> str:
    condition, if_true, if_false = (value(w, each) for each in (node.condition, node.if_true, node.if_false))
    kind = REGISTER[node.type.name]
    return w.value(f"select i1 {condition}, {kind} {if_true}, {kind} {if_false}")


def _reinterpret(w: Writer, node: Reinterpret) -> str:
    operand = value(w, node.operand)
    source, target = REGISTER[_name(node.operand)], REGISTER[node.type.name]
    return operand if source == target else w.value(f"bitcast {source} {operand} to {target}")


def _query_interface(w: Writer, node: QueryInterface) -> str:
    number = value(w, node.receiver)
    start, look, done = w.label(), w.label(), w.label()
    w.begin(start)
    w.branch(w.value(f"icmp ult i64 {number}, {location.LOWEST_ADDRESS}"), done, look)
    w.begin(look)
    where = w.value(f"inttoptr i64 {number} to ptr")
    kind = w.value(f"load i64, ptr {where}")
    table = w.emission.dispatch.membership_table(node.target)
    row = w.value(f"getelementptr inbounds i8, ptr {table}, i64 {kind}")
    member = w.value(f"icmp ne i8 {w.value(f'load i8, ptr {row}')}, 0")
    answer = w.value(f"select i1 {member}, i64 {number}, i64 0")
    w.begin(done)
    return w.value(f"phi i64 [ 0, %{start} ], [ {answer}, %{look} ]")


def _sequence(w: Writer, node: Sequence) -> str:
    statement.statements(w, node.statements)
    if w.terminated:
        w.begin(w.label())
    return value(w, node.value)


_VALUES: dict[type, Callable[[Writer, Any], str]] = {
    Constant: _constant,
    Load: load,
    AddressOf: _address_of,
    Unary: _unary,
    Binary: arithmetic.binary,
    Compare: _compare,
    CompareText: _compare_text,
    ShortCircuit: _short_circuit,
    Convert: arithmetic.convert,
    Reinterpret: _reinterpret,
    Choose: _choose,
    IntrinsicCall: intrinsic.intrinsic,
    Call: call.call,
    VirtualCall: call.virtual_call,
    InterfaceCall: call.interface_call,
    QueryInterface: _query_interface,
    Sequence: _sequence,
}
