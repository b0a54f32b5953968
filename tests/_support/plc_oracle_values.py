"""The step interpreter: expressions to values."""

from __future__ import annotations

from plc_oracle_numbers import FLOAT_INTRINSICS, Value, binary, compare, convert, from_bytes, maths, to_bytes, wrap
from plc_oracle_places import Places

from dinrail.plc.core.expression import (
    AddressOf,
    Binary,
    BinaryOperator,
    Call,
    Choose,
    Compare,
    CompareText,
    Constant,
    Convert,
    Expression,
    InterfaceCall,
    Intrinsic,
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
from dinrail.plc.core.program import Fault
from dinrail.plc.types.model import (
    BYTE,
    ULINT,
    Family,
    FunctionBlockType,
    InterfaceType,
    ScalarType,
    TextType,
    resolve,
)

CLOCK_FIELDS = {
    Intrinsic.CYCLE_TIME: "cycle_ns",
    Intrinsic.TASK_TIME: "task_time_ns",
    Intrinsic.PRECISE_TIME: "task_time_ns",
    Intrinsic.WALL_TIME: "wall_time_ns",
    Intrinsic.TASK_INDEX: "task_index",
    Intrinsic.CYCLE_COUNT: "cycle_count",
    Intrinsic.FIRST_CYCLE: "first_cycle",
}
"""Fields of plc_oracle_faults.Clock."""


class Values(Places):
    """Reads and computes."""

    def value(self, expression: Expression) -> Value:
        """What an expression yields, its effects done."""
        if self.known and id(expression) in self.known:
            return self.known[id(expression)]
        match expression:
            case Constant():
                return expression.value
            case Load():
                return self.load(expression.location, expression.type)
            case Binary():
                return self._binary(expression)
            case Convert():
                return convert(self.value(expression.operand), type_of(expression.operand), expression.type)
            case Compare():
                left, right = self.value(expression.left), self.value(expression.right)
                return compare(expression.operator, left, right)
            case Unary():
                return self._unary(expression)
            case ShortCircuit():
                left = bool(self.value(expression.left))
                return bool(self.value(expression.right)) if left is expression.is_and else left
            case Choose():
                condition = self.value(expression.condition)
                both = self.value(expression.if_true), self.value(expression.if_false)
                return both[0] if condition else both[1]
            case Sequence():
                self.run(expression.statements)
                return self.value(expression.value)
            case _:
                return self._rare(expression)

    def _rare(self, expression: Expression) -> Value:
        match expression:
            case AddressOf():
                return self.address(expression.location)
            case CompareText():
                places = self.address(expression.left), self.address(expression.right)
                left, right = self.text_at(places[0], expression.left), self.text_at(places[1], expression.right)
                return compare(expression.operator, left, right)
            case Reinterpret():
                data = to_bytes(self.value(expression.operand), type_of(expression.operand))
                return from_bytes(data, expression.type)
            case IntrinsicCall():
                return self._intrinsic(expression)
            case QueryInterface():
                return self._query(expression)
            case Call() | VirtualCall() | InterfaceCall():
                value = self.call_node(expression)
                assert value is not None, "a call without a value as a value"
                return value
            case _:
                raise TypeError(expression)

    def call_node(self, call: Call | VirtualCall | InterfaceCall) -> Value | None:
        raise NotImplementedError

    # --------------------------------------------------------------------------------------------- arithmetic

    def _binary(self, node: Binary) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        divides = node.operator in (BinaryOperator.DIVIDE, BinaryOperator.MODULO)
        options = self.machine.options
        if divides and right == 0:
            if node.type.is_float and options.check_float_divide:
                raise self.machine.fault(Fault.FLOAT_DIVIDE, node.at)
            if not node.type.is_float and options.check_divide:
                raise self.machine.fault(Fault.DIVIDE, node.at)
        return binary(node.operator, left, right, node.type)

    def _unary(self, node: Unary) -> Value:
        value = self.value(node.operand)
        if node.operator is UnaryOperator.NEGATE:
            return -value if node.type.is_float else wrap(-int(value), node.type)
        return not value if node.type.family is Family.BOOL else wrap(~int(value), node.type)

    # ------------------------------------------------------------------------------------------------- texts

    def text_at(self, address: int, location: Location) -> bytes:
        """A text's units, each as big-endian bytes (so that bytes compare as the units do), without the NUL."""
        kind = resolve(location.type)
        assert isinstance(kind, TextType)
        width = 2 if kind.wide else 1
        segment, first = self.memory.find(address, width)  # a literal may be shorter than what its parameter holds
        data = bytes(segment[first : first + kind.size_bytes])
        units = [data[at : at + width][::-1] for at in range(0, len(data), width)]
        length = units.index(bytes(width)) if bytes(width) in units else len(units)
        return b"".join(units[:length])

    # -------------------------------------------------------------------------------------------- intrinsics

    def _intrinsic(self, node: IntrinsicCall) -> Value:
        arguments = [self.value(argument) for argument in node.arguments]
        if node.intrinsic in FLOAT_INTRINSICS:
            return maths(node.intrinsic, arguments, node.type)
        if node.intrinsic in CLOCK_FIELDS:
            value: Value = getattr(self.machine.clock, CLOCK_FIELDS[node.intrinsic])
            return value
        match node.intrinsic:
            case Intrinsic.CHANGE:  # there is no online change
                return 0
            case Intrinsic.COPY_MEMORY | Intrinsic.FILL_MEMORY | Intrinsic.COMPARE_MEMORY:
                return self._memory(node.intrinsic, *(int(argument) for argument in arguments))
            case Intrinsic.ALLOCATE:
                return self.memory.allocate(int(arguments[0]))
            case Intrinsic.RELEASE:
                return self.memory.release(int(arguments[0]))
            case Intrinsic.LOG:
                self.machine.logged.append((int(arguments[1]), self._bytes_to_nul(int(arguments[0]))))
                return True
            case Intrinsic.FAULT:
                raise self.machine.fault(Fault.USER, node.at, int(arguments[0]))
            case _:
                raise TypeError(node.intrinsic)

    def _memory(self, intrinsic: Intrinsic, first: int, second: int, size_bytes: int) -> int:
        if intrinsic is Intrinsic.COMPARE_MEMORY:
            left, right = (self.memory.read(at, size_bytes) if size_bytes else b"" for at in (first, second))
            return (left > right) - (left < right)
        if size_bytes:
            fill = intrinsic is Intrinsic.FILL_MEMORY
            data = to_bytes(second, BYTE) * size_bytes if fill else self.memory.read(second, size_bytes)
            self.memory.write(first, data)
        return first

    def _bytes_to_nul(self, address: int) -> bytes:
        out = bytearray()
        while byte := self.memory.read(address + len(out), 1):
            if byte == b"\0":
                return bytes(out)
            out += byte
        return bytes(out)

    # ----------------------------------------------------------------------------------------------- classes

    def class_of(self, address: int) -> FunctionBlockType:
        """What the instance there turns out to be."""
        number = int(self.read(address, ULINT))
        found = self.machine.program.classes[number]
        assert found.number == number
        return found

    def _query(self, node: QueryInterface) -> int:
        address = int(self.value(node.receiver))
        return address if address and is_a(self.class_of(address), node.target) else 0


def is_a(kind: FunctionBlockType, target: InterfaceType | FunctionBlockType) -> bool:
    """Whether the class is the target, below it, or has the interface (itself or by one that extends it)."""
    if isinstance(target, InterfaceType):
        open_ = list(kind.interfaces)
        while open_:
            interface = open_.pop()
            if interface is target:
                return True
            open_ += interface.bases
        return kind.base is not None and is_a(kind.base, target)
    return kind is target or (kind.base is not None and is_a(kind.base, target))


def type_of(expression: Expression) -> ScalarType:
    """The type an expression yields."""
    kind = expression.type
    assert kind is not None
    return kind
