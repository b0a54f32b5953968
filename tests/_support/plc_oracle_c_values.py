"""The second oracle, C: locations and expressions as three-address code.

Each method writes the statements that are needed to `lines` and returns a C expression without effects (a temporary or
a literal), so that the order of evaluation is the order of the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plc_oracle_c_names import Names, c_type, frame_of, literal, scalar_of

from dinrail.plc.core.expression import (
    AddressOf,
    Binary,
    BinaryOperator,
    BitAt,
    Call,
    Choose,
    Compare,
    CompareText,
    Constant,
    ConstantAt,
    Convert,
    DerefAt,
    Expression,
    FieldAt,
    IndexAt,
    InterfaceCall,
    IntrinsicCall,
    Load,
    Location,
    QueryInterface,
    Reinterpret,
    SelfAt,
    Sequence,
    SequenceAt,
    ShortCircuit,
    Unary,
    UnaryOperator,
    VariableAt,
    ViewAt,
    VirtualCall,
)
from dinrail.plc.core.program import Fault, Function
from dinrail.plc.core.statement import Statement
from dinrail.plc.types.model import BOOL, Family, ScalarType, TextType, resolve
from dinrail.plc.types.variable import Storage, Variable

_PLAIN = {
    BinaryOperator.ADD: "+",
    BinaryOperator.SUBTRACT: "-",
    BinaryOperator.MULTIPLY: "*",
    BinaryOperator.AND: "&",
    BinaryOperator.OR: "|",
    BinaryOperator.XOR: "^",
}
_HELPED = {
    BinaryOperator.DIVIDE: "div",
    BinaryOperator.MODULO: "mod",
    BinaryOperator.SHIFT_LEFT: "shl",
    BinaryOperator.SHIFT_RIGHT: "shr",
    BinaryOperator.ROTATE_LEFT: "rol",
    BinaryOperator.ROTATE_RIGHT: "ror",
}
_COMPARE = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class ValueWriter:
    """Writes one function."""

    def __init__(self, names: Names, function: Function) -> None:
        self.names = names
        self.function = function
        self.offsets, self.frame_bytes = frame_of(function)
        self.lines: list[str] = []
        self.count = 0
        self.known: dict[int, str] = {}  # what an index's check has evaluated already, by its node's id

    def statements(self, statements: list[Statement]) -> None:
        raise NotImplementedError

    def call(self, call: Call | VirtualCall | InterfaceCall) -> str:
        raise NotImplementedError

    def intrinsic(self, node: IntrinsicCall) -> str:
        raise NotImplementedError

    def query(self, node: QueryInterface) -> str:
        raise NotImplementedError

    def number(self) -> int:
        self.count += 1
        return self.count

    def add(self, line: str) -> None:
        self.lines.append(line)

    def temporary(self, kind: str, value: str) -> str:
        name = f"t{self.number()}"
        self.add(f"{kind} {name} = {value};")
        return name

    @contextmanager
    def block(self, head: str = "") -> Iterator[None]:
        """Lines between braces."""
        self.add(f"{head} {{")
        yield
        self.add("}")

    # ----------------------------------------------------------------------------------------------- locations

    def address(self, location: Location) -> str:
        match location:
            case VariableAt():
                return self._variable(location.variable)
            case SelfAt():
                return "self"
            case ConstantAt():
                return self.names.constant(location.data)
            case ViewAt():
                return self.address(location.base)
            case FieldAt():
                return self._field(location)
            case IndexAt():
                return self._element(location)
            case DerefAt():
                return self._checked(self.temporary("A", self.value(location.address)), location.at)
            case BitAt():
                return self.address(location.base)
            case SequenceAt():
                self.statements(location.statements)
                return self.address(location.location)

    def _checked(self, address: str, at: int) -> str:
        return self.temporary("A", f"checked({address}, {at}ULL)") if self.names.options.check_null else address

    def _variable(self, variable: Variable) -> str:
        if variable.storage is Storage.STATIC:
            return f"((A)oracle_data + {variable.offset_bytes})"
        if variable.storage is Storage.AREA:
            assert variable.area is not None
            return f"((A)oracle_{variable.area.value} + {variable.offset_bytes})"
        slot = f"((A)frame + {self.offsets[id(variable)]})"
        return f"ld_u64({slot})" if variable.storage is Storage.POINTER else slot

    def _field(self, location: FieldAt) -> str:
        at = f"({self.address(location.base)} + {location.field.offset_bytes})"
        if location.field.is_reference_field and not location.raw:
            return self._checked(self.temporary("A", f"ld_u64({at})"), location.at)
        return at

    def _element(self, location: IndexAt) -> str:
        base = self.address(location.base)
        before = self.known
        self.known = dict(before)
        for parts in location.checks if self.names.options.check_bounds else ():
            index, low, high = (self.value(part) for part in parts)
            self.add(f"bounds({index}, {low}, {high}, {location.at}ULL);")
            self.known[id(parts[0])] = index
        index = self.value(location.index)
        self.known = before
        return f"({base} + (A)((i64){index} * {location.type.size_bytes}))"

    # --------------------------------------------------------------------------------------------- expressions

    def value(self, node: Expression) -> str:
        return self.known.get(id(node)) or self._value(node)

    def _value(self, node: Expression) -> str:
        match node:
            case Constant():
                return literal(node.value, node.type)
            case Load():
                return self._load(node)
            case AddressOf():
                return self.temporary("A", self.address(node.location))
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Compare():
                left, right = self.value(node.left), self.value(node.right)
                return self.temporary("u8", f"{left} {_COMPARE[node.operator.value]} {right}")
            case CompareText():
                return self._compare_text(node)
            case ShortCircuit():
                return self._short_circuit(node)
            case Convert():
                return self._convert(self.value(node.operand), scalar(node.operand), node.type)
            case Sequence():
                self.statements(node.statements)
                return self.value(node.value)
            case Call() | VirtualCall() | InterfaceCall():
                return self.call(node)
            case _:
                return self._rare(node)

    def _rare(self, node: Choose | Reinterpret | IntrinsicCall | QueryInterface) -> str:
        match node:
            case Choose():
                condition, yes, no = (self.value(part) for part in (node.condition, node.if_true, node.if_false))
                return self.temporary(c_type(node.type), f"{condition} ? {yes} : {no}")
            case Reinterpret():
                return self._reinterpret(node)
            case IntrinsicCall():
                return self.intrinsic(node)
            case QueryInterface():
                return self.query(node)

    def _load(self, node: Load) -> str:
        address = self.address(node.location)
        if (bit := bit_of(node.location)) is not None:
            return self.temporary("u8", f"ld_bit({address} + {bit // 8}, {bit % 8})")
        kind = c_type(node.type)
        loaded = f"ld_{kind}({address})"
        return self.temporary(kind, f"{loaded} != 0" if node.type.family is Family.BOOL else loaded)

    def store(self, location: Location, value: str, kind: ScalarType) -> None:
        address = self.address(location)
        if (bit := bit_of(location)) is not None:
            self.add(f"st_bit({address} + {bit // 8}, {bit % 8}, {value});")
        else:
            self.add(f"st_{c_type(kind)}({address}, {value});")

    def _unary(self, node: Unary) -> str:
        operand, kind = self.value(node.operand), c_type(node.type)
        if node.operator is UnaryOperator.NEGATE:
            return self.temporary(kind, f"-{operand}")
        return self.temporary(kind, f"!{operand}" if node.type.family is Family.BOOL else f"~{operand}")

    def _binary(self, node: Binary) -> str:
        left, right, kind = self.value(node.left), self.value(node.right), c_type(node.type)
        options = self.names.options
        if node.operator in (BinaryOperator.DIVIDE, BinaryOperator.MODULO):
            code = Fault.FLOAT_DIVIDE if node.type.is_float else Fault.DIVIDE
            if options.check_float_divide if node.type.is_float else options.check_divide:
                self.add(f"if ({right} == 0) fault({int(code)}, {node.at}ULL, 0, 0, 0);")
        if node.operator is BinaryOperator.DIVIDE and node.type.is_float:
            return self.temporary(kind, f"{left} / {right}")
        if node.operator in _HELPED:
            return self.temporary(kind, f"{_HELPED[node.operator]}_{kind}({left}, {right})")
        return self.temporary(kind, f"({kind})({left} {_PLAIN[node.operator]} {right})")

    def _compare_text(self, node: CompareText) -> str:
        left, right = self.temporary("A", self.address(node.left)), self.temporary("A", self.address(node.right))
        rooms = f"{left}, {room(node.left)}, {right}, {room(node.right)}, {int(text_type(node.left).wide)}"
        return self.temporary("u8", f"compare_text({rooms}) {_COMPARE[node.operator.value]} 0")

    def _short_circuit(self, node: ShortCircuit) -> str:
        result = self.temporary("u8", self.value(node.left))
        with self.block(f"if ({'' if node.is_and else '!'}{result})"):
            self.add(f"{result} = {self.value(node.right)};")
        return result

    def _convert(self, value: str, source: ScalarType, target: ScalarType) -> str:
        kind = c_type(target)
        if target.family is Family.BOOL:
            return self.temporary("u8", f"{value} != 0")
        if source.is_float and not target.is_float:
            helper = "to_unsigned" if kind == "u64" else "to_signed"
            return self.temporary(kind, f"({kind}){helper}({value})")
        return self.temporary(kind, f"({kind}){value}")

    def _reinterpret(self, node: Reinterpret) -> str:
        source = self.temporary(c_type(scalar(node.operand)), self.value(node.operand))
        if node.type is BOOL:
            return self.temporary("u8", f"ld_u8((A)&{source}) != 0")
        return self.temporary(c_type(node.type), f"ld_{c_type(node.type)}((A)&{source})")


def scalar(node: Expression) -> ScalarType:
    """The type that an expression yields."""
    assert node.type is not None
    return scalar_of(node.type)


def text_type(location: Location) -> TextType:
    """The text type of a place."""
    kind = resolve(location.type)
    assert isinstance(kind, TextType)
    return kind


def room(location: Location) -> int:
    """How many units a text's memory holds, its NUL's included."""
    return text_type(location).length + 1


def bit_of(location: Location) -> int | None:
    """Of a place that is one bit: which, counted from its address."""
    if isinstance(location, BitAt):
        return location.bit
    holder = location.variable if isinstance(location, VariableAt) else None
    holder = location.field if isinstance(location, FieldAt) else holder
    return holder.bit if holder is not None and holder.bit >= 0 else None
