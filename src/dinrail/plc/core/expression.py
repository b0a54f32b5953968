"""The checked tree: locations and expressions."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dinrail.plc.source import Place
from dinrail.plc.types.model import FunctionBlockType, InterfaceType, ScalarType, Type
from dinrail.plc.types.variable import Variable

if TYPE_CHECKING:
    from dinrail.plc.core.program import Function
    from dinrail.plc.core.statement import Statement

# ------------------------------------------------------------------------------------------------------ locations


@dataclass(slots=True, eq=False)
class VariableAt:
    """A variable itself: STATIC, AREA, LOCAL, VALUE, or what a POINTER parameter points to."""

    at: Place
    variable: Variable
    type: Type


@dataclass(slots=True, eq=False)
class FieldAt:
    """A field of a structure or instance. Of an IN_OUT field: what it refers to (NULL fault when never set).

    `raw`: of an IN_OUT field the address itself, as a ULINT place (the call that binds it).
    """

    at: Place
    base: Location
    field: Variable
    type: Type
    raw: bool = False


@dataclass(slots=True, eq=False)
class IndexAt:
    """One element. index: already flattened, relative to element 0, type LINT; element size by type.

    checks: for each dimension (index as written, lower, upper), LINT: what is tested, and told in the fault.
    """

    at: Place
    base: Location
    index: Expression
    type: Type
    checks: tuple[tuple[Expression, Expression, Expression], ...] = ()


@dataclass(slots=True, eq=False)
class DerefAt:
    """What an address points to. address: a ULINT expression."""

    at: Place
    address: Expression
    type: Type


@dataclass(slots=True, eq=False)
class SelfAt:
    """The instance whose method or body this is."""

    at: Place
    type: FunctionBlockType


@dataclass(slots=True, eq=False)
class BitAt:
    """One bit of an integer in memory, or a BIT field's byte: a BOOL place that Load and Assign take."""

    at: Place
    base: Location
    bit: int
    type: ScalarType


@dataclass(slots=True, eq=False)
class ConstantAt:
    """Bytes that never change: texts, constant structures. Equal ones may share memory."""

    at: Place
    data: bytes
    type: Type


@dataclass(slots=True, eq=False)
class SequenceAt:
    """Statements (a call that fills a temporary), then the place."""

    at: Place
    statements: list[Statement]
    location: Location
    type: Type


@dataclass(slots=True, eq=False)
class ViewAt:
    """The same place as another type: an instance as its base, a member of a union, a structure as its base."""

    at: Place
    base: Location
    type: Type


Location = VariableAt | FieldAt | IndexAt | DerefAt | SelfAt | BitAt | ConstantAt | SequenceAt | ViewAt


# ---------------------------------------------------------------------------------------------------- expressions


@dataclass(slots=True, eq=False)
class Constant:
    """value in the type's memory form: int in its range, bool, float."""

    at: Place
    type: ScalarType
    value: int | float | bool


@dataclass(slots=True, eq=False)
class Load:
    """The scalar at a place. BOOL: any byte but 0 reads TRUE."""

    at: Place
    location: Location
    type: ScalarType


@dataclass(slots=True, eq=False)
class AddressOf:
    """ULINT."""

    at: Place
    location: Location
    type: ScalarType


class UnaryOperator(enum.Enum):
    """With one operand."""

    NEGATE = "-"
    NOT = "NOT"  # all bits; of a BOOL the logical one


@dataclass(slots=True, eq=False)
class Unary:
    """operand and result have the same type."""

    at: Place
    operator: UnaryOperator
    operand: Expression
    type: ScalarType


class BinaryOperator(enum.Enum):
    """With two operands of one type."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "MOD"  # sign of the dividend
    AND = "AND"
    OR = "OR"
    XOR = "XOR"
    SHIFT_LEFT = "SHL"
    SHIFT_RIGHT = "SHR"  # zeros come in, also for signed types (TwinCAT)
    ROTATE_LEFT = "ROL"
    ROTATE_RIGHT = "ROR"


@dataclass(slots=True, eq=False)
class Binary:
    """left, right and result have the same type. Both sides are always evaluated."""

    at: Place
    operator: BinaryOperator
    left: Expression
    right: Expression
    type: ScalarType


class Comparison(enum.Enum):
    """Yields BOOL."""

    EQUAL = "="
    UNEQUAL = "<>"
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


@dataclass(slots=True, eq=False)
class Compare:
    """BOOL. left and right have the same type; floats by IEEE 754 (NaN is unequal to all)."""

    at: Place
    operator: Comparison
    left: Expression
    right: Expression
    type: ScalarType


@dataclass(slots=True, eq=False)
class CompareText:
    """BOOL: two texts unit by unit as unsigned numbers, up to the NUL (or the end of the type)."""

    at: Place
    operator: Comparison
    left: Location
    right: Location
    type: ScalarType


@dataclass(slots=True, eq=False)
class ShortCircuit:
    """AND_THEN, OR_ELSE: right is evaluated only when left leaves it open."""

    at: Place
    is_and: bool
    left: Expression
    right: Expression
    type: ScalarType


@dataclass(slots=True, eq=False)
class Convert:
    """A number as another type (see the module's table). To BOOL: unequal 0. From BOOL: 0, 1.

    Integers to a narrower type lose their upper bits; to a wider one they extend by the sign of their own type.
    """

    at: Place
    operand: Expression
    type: ScalarType


@dataclass(slots=True, eq=False)
class Reinterpret:
    """The same bits as another type of the same size (REAL <-> DWORD)."""

    at: Place
    operand: Expression
    type: ScalarType


@dataclass(slots=True, eq=False)
class Choose:
    """SEL: both are evaluated, then one taken."""

    at: Place
    condition: Expression
    if_true: Expression
    if_false: Expression
    type: ScalarType


class Intrinsic(enum.Enum):
    """What the machine or its C library does. Floats: operands and result of one type, LREAL or REAL."""

    SQRT = "sqrt"
    LN = "log"
    LOG10 = "log10"
    EXP = "exp"
    SIN = "sin"
    COS = "cos"
    TAN = "tan"
    ASIN = "asin"
    ACOS = "acos"
    ATAN = "atan"
    ATAN2 = "atan2"
    POWER = "pow"
    ABSOLUTE = "fabs"
    FLOOR = "floor"
    CEILING = "ceil"
    TRUNCATE = "trunc"
    ROUND = "roundeven"
    FMOD = "fmod"
    COPY_MEMORY = "memmove"  # (target ULINT, source ULINT, bytes ULINT) -> ULINT target
    FILL_MEMORY = "memset"  # (target ULINT, value BYTE, bytes ULINT) -> ULINT target
    COMPARE_MEMORY = "memcmp"  # (a ULINT, b ULINT, bytes ULINT) -> DINT -1, 0, 1
    TEST_AND_SET = "test_and_set"  # (address ULINT of a BOOL) -> BOOL: TRUE for the one task that set it
    CYCLE_TIME = "cycle_time"  # () -> ULINT: ns of this task's cycle
    TASK_TIME = "task_time"  # () -> ULINT: ns, monotonic, the begin of this cycle; the same all through it
    WALL_TIME = "wall_time"  # () -> ULINT: ns since 1970, the begin of this cycle
    TASK_INDEX = "task_index"  # () -> DINT from 1
    CYCLE_COUNT = "cycle_count"  # () -> ULINT of this task
    FIRST_CYCLE = "first_cycle"  # () -> BOOL
    PRECISE_TIME = "precise_time"  # () -> ULINT: ns, monotonic, now
    ALLOCATE = "allocate"  # (bytes ULINT) -> ULINT: zeroed memory of the application's own heap, 0 when full
    RELEASE = "release"  # (address ULINT) -> BOOL
    LOG = "log_text"  # (address ULINT of a STRING, level DINT) -> BOOL: into the application's log ring
    CHANGE = "change"  # (address ULINT of an instance) -> DINT: what an online change does to it (control.context)
    FAULT = "fault"  # (code DINT) -> BOOL: ends the task as Fault.USER, or goes to the CATCH around it


@dataclass(slots=True, eq=False)
class IntrinsicCall:
    """arguments: as the intrinsic lists them."""

    at: Place
    intrinsic: Intrinsic
    arguments: list[Expression]
    type: ScalarType


@dataclass(slots=True, eq=False)
class Call:
    """A call of a known function.

    receiver:  the instance of a method or body; None for functions, programs, actions of programs.
    arguments: one for each of function.parameters, in their order: an Expression for VALUE, a Location for POINTER
               (by its address; checks have made types equal, copies where a copy is meant).
    type:      of the value; None when there is none (an aggregate result is a POINTER parameter).
    """

    at: Place
    function: Function
    receiver: Location | None
    arguments: list[Expression | Location]
    type: ScalarType | None


@dataclass(slots=True, eq=False)
class VirtualCall:
    """As Call, for the class that the instance turns out to be: `method` is the one seen statically.

    slot: index in the class's table (FunctionBlockType.slots).
    """

    at: Place
    method: Function
    slot: int
    receiver: Location
    arguments: list[Expression | Location]
    type: ScalarType | None


@dataclass(slots=True, eq=False)
class InterfaceCall:
    """As VirtualCall, through an interface. receiver: the ULINT it holds (Fault.NULL when 0)."""

    at: Place
    method: Function
    interface: InterfaceType
    slot: int
    receiver: Expression
    arguments: list[Expression | Location]
    type: ScalarType | None


@dataclass(slots=True, eq=False)
class QueryInterface:
    """ULINT: the instance's address when its class has the interface (or is the class or below), else 0; 0 gives 0."""

    at: Place
    receiver: Expression
    target: InterfaceType | FunctionBlockType
    type: ScalarType


@dataclass(slots=True, eq=False)
class Sequence:
    """Statements, then a value."""

    at: Place
    statements: list[Statement]
    value: Expression
    type: ScalarType


Expression = (
    Constant
    | Load
    | AddressOf
    | Unary
    | Binary
    | Compare
    | CompareText
    | ShortCircuit
    | Convert
    | Reinterpret
    | Choose
    | IntrinsicCall
    | Call
    | VirtualCall
    | InterfaceCall
    | QueryInterface
    | Sequence
)
