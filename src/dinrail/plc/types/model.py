"""The compiler's types. Elementary ones are singletons; named ones compare by identity; the rest compare by value.

Layout as TwinCAT 3 on x64 has it: natural alignment up to `pack_mode` (default 8), BOOL one byte, TIME and the 32-bit
dates as `iec.types` says, pointers, references and interfaces 8 bytes, a function block begins with 8 hidden bytes (the
number of its class), then its base's fields, then its own.
`iec.types` describes the same memory to the outside; `types.outside` translates.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dinrail.plc.parse.declaration import Pragma
from dinrail.plc.source import NOWHERE, Place

if TYPE_CHECKING:
    from dinrail.plc.core.program import Function
    from dinrail.plc.types.variable import Variable

CLASS_NUMBER_BYTES = 8
"""What a function block's instance begins with: u64, the index of its class in Program.classes."""


class Family(enum.Enum):
    """What a scalar's bits mean."""

    BOOL = "bool"
    BIT_STRING = "bit string"  # BYTE, WORD, DWORD, LWORD: unsigned
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    FLOAT = "float"
    DURATION = "duration"  # TIME u32 ms, LTIME u64 ns
    DATE = "date"  # DATE u32 s, LDATE u64 ns since 1970
    TIME_OF_DAY = "time of day"  # TOD u32 ms, LTOD u64 ns
    DATE_AND_TIME = "date and time"  # DT u32 s, LDT u64 ns since 1970

    __hash__ = object.__hash__  # an enumeration's own is written in Python, and asked for with every operand


@dataclass(frozen=True, slots=True, eq=False)
class ScalarType:
    """One elementary type, a singleton. BIT is BOOL in a structure's bit; it occurs as a field's type only."""

    name: str
    family: Family
    size_bytes: int

    @property
    def align_bytes(self) -> int:
        return self.size_bytes

    @property
    def bits(self) -> int:
        return 8 * self.size_bytes

    @property
    def signed(self) -> bool:
        return self.family is Family.SIGNED

    @property
    def is_float(self) -> bool:
        return self.family is Family.FLOAT

    @property
    def is_integer(self) -> bool:
        """Everything that is held in an integer register: all but BOOL and floats."""
        return self.family not in (Family.FLOAT, Family.BOOL)


def _scalars(*rows: tuple[str, Family, int]) -> dict[str, ScalarType]:
    return {name: ScalarType(name, family, size) for name, family, size in rows}


SCALARS = _scalars(
    ("BOOL", Family.BOOL, 1),
    ("BIT", Family.BOOL, 1),
    ("BYTE", Family.BIT_STRING, 1),
    ("WORD", Family.BIT_STRING, 2),
    ("DWORD", Family.BIT_STRING, 4),
    ("LWORD", Family.BIT_STRING, 8),
    ("SINT", Family.SIGNED, 1),
    ("INT", Family.SIGNED, 2),
    ("DINT", Family.SIGNED, 4),
    ("LINT", Family.SIGNED, 8),
    ("USINT", Family.UNSIGNED, 1),
    ("UINT", Family.UNSIGNED, 2),
    ("UDINT", Family.UNSIGNED, 4),
    ("ULINT", Family.UNSIGNED, 8),
    ("REAL", Family.FLOAT, 4),
    ("LREAL", Family.FLOAT, 8),
    ("TIME", Family.DURATION, 4),
    ("LTIME", Family.DURATION, 8),
    ("DATE", Family.DATE, 4),
    ("LDATE", Family.DATE, 8),
    ("TIME_OF_DAY", Family.TIME_OF_DAY, 4),
    ("LTIME_OF_DAY", Family.TIME_OF_DAY, 8),
    ("DATE_AND_TIME", Family.DATE_AND_TIME, 4),
    ("LDATE_AND_TIME", Family.DATE_AND_TIME, 8),
)

SCALAR_NAMES = SCALARS | {
    "TOD": SCALARS["TIME_OF_DAY"],
    "DT": SCALARS["DATE_AND_TIME"],
    "LTOD": SCALARS["LTIME_OF_DAY"],
    "LDT": SCALARS["LDATE_AND_TIME"],
    "XWORD": SCALARS["LWORD"],
    "__XWORD": SCALARS["LWORD"],
    "__UXINT": SCALARS["ULINT"],
    "__XINT": SCALARS["LINT"],
    "UXINT": SCALARS["ULINT"],
    "XINT": SCALARS["LINT"],
    "PVOID": SCALARS["ULINT"],
}
"""By upper-case name, with the short names and those that follow the target's width (64 bits)."""

BOOL = SCALARS["BOOL"]
BYTE, WORD, DWORD, LWORD = (SCALARS[name] for name in ("BYTE", "WORD", "DWORD", "LWORD"))
SINT, INT, DINT, LINT = (SCALARS[name] for name in ("SINT", "INT", "DINT", "LINT"))
USINT, UINT, UDINT, ULINT = (SCALARS[name] for name in ("USINT", "UINT", "UDINT", "ULINT"))
REAL, LREAL = SCALARS["REAL"], SCALARS["LREAL"]
TIME, LTIME = SCALARS["TIME"], SCALARS["LTIME"]


@dataclass(frozen=True, slots=True)
class TextType:
    """STRING(length) in bytes of Windows-1252 (or UTF-8 by TcEncoding), WSTRING(length) in UTF-16 units; a NUL ends."""

    length: int = 80
    wide: bool = False

    @property
    def name(self) -> str:
        return f"{'W' if self.wide else ''}STRING({self.length})"

    @property
    def size_bytes(self) -> int:
        return (self.length + 1) * (2 if self.wide else 1)

    @property
    def align_bytes(self) -> int:
        return 2 if self.wide else 1


@dataclass(frozen=True, slots=True)
class ArrayType:
    """dimensions: (lower, upper) each; row by row, the last index runs fastest."""

    element: Type
    dimensions: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        ranges = ",".join(f"{lower}..{upper}" for lower, upper in self.dimensions)
        return f"ARRAY [{ranges}] OF {self.element.name}"

    @property
    def count(self) -> int:
        count = 1
        for lower, upper in self.dimensions:
            count *= upper - lower + 1
        return count

    @property
    def size_bytes(self) -> int:
        return self.count * self.element.size_bytes

    @property
    def align_bytes(self) -> int:
        return self.element.align_bytes


@dataclass(frozen=True, slots=True)
class OpenArrayType:
    """ARRAY [*, *] OF element: a VAR_IN_OUT whose bounds come with the argument."""

    element: Type
    rank: int
    size_bytes: int = 8
    align_bytes: int = 8

    @property
    def name(self) -> str:
        return f"ARRAY [{','.join('*' * self.rank)}] OF {self.element.name}"


@dataclass(frozen=True, slots=True)
class PointerType:
    """POINTER TO target, or REFERENCE TO target. target None: POINTER TO nothing known (`ADR(x)` before it is used)."""

    target: Type | None
    is_reference: bool = False
    size_bytes: int = 8
    align_bytes: int = 8

    @property
    def name(self) -> str:
        target = self.target.name if self.target else "..."
        return f"{'REFERENCE' if self.is_reference else 'POINTER'} TO {target}"


@dataclass(slots=True, eq=False)
class EnumType:
    """members: name (as written) -> value. `strict`, `qualified_only`: from its attributes."""

    name: str
    base: ScalarType
    members: dict[str, int]
    default: int = 0
    strict: bool = False
    qualified_only: bool = False
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()
    at: Place = NOWHERE

    @property
    def size_bytes(self) -> int:
        return self.base.size_bytes

    @property
    def align_bytes(self) -> int:
        return self.base.align_bytes


@dataclass(slots=True, eq=False)
class AliasType:
    """`TYPE T : target := default`. A subrange (also a nameless one, `INT (0..9)`) has low and high."""

    name: str
    target: Type
    low: int | None = None
    high: int | None = None
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()
    at: Place = NOWHERE

    @property
    def size_bytes(self) -> int:
        return self.target.size_bytes

    @property
    def align_bytes(self) -> int:
        return self.target.align_bytes


@dataclass(slots=True, eq=False)
class StructType:
    """A structure or union. fields: its base's first, then its own; offsets are set once `laid_out`."""

    name: str
    fields: dict[str, Variable] = field(default_factory=dict)  # by upper-case name
    base: StructType | None = None
    is_union: bool = False
    pack_bytes: int = 8
    size_bytes: int = 0
    align_bytes: int = 1
    laid_out: bool = False
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()
    at: Place = NOWHERE


@dataclass(slots=True, eq=False)
class InterfaceType:
    """methods by upper-case name, inherited ones included, in a fixed order: the index is the slot.

    A property P is the methods `P.GET` and `P.SET`. A variable of this type holds the instance's address, or 0.
    """

    name: str
    bases: list[InterfaceType] = field(default_factory=list)
    methods: dict[str, Function] = field(default_factory=dict)
    number: int = 0
    size_bytes: int = 8
    align_bytes: int = 8
    at: Place = NOWHERE


@dataclass(slots=True, eq=False)
class FunctionBlockType:
    """A class. fields as in StructType, behind CLASS_NUMBER_BYTES.

    methods:    upper-case name -> what this class runs (inherited or its own); properties as `P.GET`, `P.SET`.
    slots:      upper-case name -> index in the class's table, the same in every class below.
    body:       the function block's own body (`FB()`), also dispatched (slot of the empty name).
    initialise: sets what no constant image can (references, calls, FB_Init); None when there is nothing to do.
    leave:      FB_Exit of the instance and of those in it (its one parameter: bInCopyCode); None likewise. Dispatched
                by the method name `LEAVE`.
    reinitialise: FB_Reinit of those in it, and its own; None likewise.
    """

    name: str
    fields: dict[str, Variable] = field(default_factory=dict)
    base: FunctionBlockType | None = None
    interfaces: list[InterfaceType] = field(default_factory=list)  # all, inherited ones included
    methods: dict[str, Function] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    body: Function | None = None
    initialise: Function | None = None
    leave: Function | None = None
    reinitialise: Function | None = None
    abstract: bool = False
    final: bool = False
    number: int = 0
    size_bytes: int = 0
    align_bytes: int = 8
    pack_bytes: int = 8
    laid_out: bool = False
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()
    at: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class AnyType:
    """ANY, ANY_INT, ANY_NUM...: of a VAR_INPUT. The callee sees a structure (TypeClass, pValue, diSize)."""

    name: str
    size_bytes: int = 8
    align_bytes: int = 8


Type = (
    ScalarType
    | TextType
    | ArrayType
    | OpenArrayType
    | PointerType
    | EnumType
    | AliasType
    | StructType
    | InterfaceType
    | FunctionBlockType
    | AnyType
)


UNKNOWN = StructType("?", laid_out=True)
"""The type of what was reported already: whoever meets it (by identity) says nothing more about it.

During declarations it is also the type of a variable that nobody asked for yet; `World.ensure` settles that."""


def resolve(kind: Type) -> Type:
    """What an alias or subrange stands for in the end; any other type is itself."""
    while isinstance(kind, AliasType):
        kind = kind.target
    return kind


def held_as(kind: Type) -> ScalarType | None:
    """The scalar that a value of this type is held as in a register; None for what lives in memory only.

    Enumerations are their base; pointers, references, interfaces ULINT.
    """
    if type(kind) is ScalarType:  # by far the most
        return kind
    kind = resolve(kind)
    if isinstance(kind, ScalarType):
        return kind
    if isinstance(kind, EnumType):
        return kind.base
    if isinstance(kind, PointerType | InterfaceType):
        return ULINT
    return None
