"""IEC 61131-3 data types as TwinCAT 3 lays them out: values that the PLC compiler, devices and clients share.

A type knows its name, its size and its alignment; a structure's members know their offsets, so that a layout is never
computed twice. Sizes: BOOL 1 byte, TIME and TOD u32 ms, DATE and DT u32 s since 1970, LTIME u64 ns, STRING(n) n+1,
WSTRING(n) 2n+2 (UTF-16LE), pointers 8, enumerations as their base.

Source: IEC 61131-3:2013 table 10; Beckhoff Information System, "Data types" (TwinCAT 3 PLC).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field


class Elementary(enum.Enum):
    """(name, size in bytes). BIT lives in structures only and shares its byte."""

    BOOL = ("BOOL", 1)
    BIT = ("BIT", 1)
    BYTE = ("BYTE", 1)
    WORD = ("WORD", 2)
    DWORD = ("DWORD", 4)
    LWORD = ("LWORD", 8)
    SINT = ("SINT", 1)
    USINT = ("USINT", 1)
    INT = ("INT", 2)
    UINT = ("UINT", 2)
    DINT = ("DINT", 4)
    UDINT = ("UDINT", 4)
    LINT = ("LINT", 8)
    ULINT = ("ULINT", 8)
    REAL = ("REAL", 4)
    LREAL = ("LREAL", 8)
    TIME = ("TIME", 4)
    LTIME = ("LTIME", 8)
    DATE = ("DATE", 4)
    TIME_OF_DAY = ("TIME_OF_DAY", 4)
    DATE_AND_TIME = ("DATE_AND_TIME", 4)
    LDATE = ("LDATE", 8)
    LTIME_OF_DAY = ("LTIME_OF_DAY", 8)
    LDATE_AND_TIME = ("LDATE_AND_TIME", 8)


class Encoding(enum.StrEnum):
    """Of a STRING's bytes: TwinCAT's code page, or UTF-8 by attribute `TcEncoding` or project setting."""

    CP1252 = "cp1252"
    UTF_8 = "utf-8"


@dataclass(frozen=True, slots=True)
class ElementaryType:
    """A type of the standard itself."""

    kind: Elementary

    @property
    def name(self) -> str:
        return self.kind.value[0]

    @property
    def size_bytes(self) -> int:
        return self.kind.value[1]

    @property
    def align_bytes(self) -> int:
        return self.kind.value[1]


@dataclass(frozen=True, slots=True)
class StringType:
    """STRING(length): `length` bytes of text at most, and a NUL."""

    length: int = 80
    encoding: Encoding = Encoding.CP1252

    @property
    def name(self) -> str:
        return f"STRING({self.length})"

    @property
    def size_bytes(self) -> int:
        return self.length + 1

    @property
    def align_bytes(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class WStringType:
    """WSTRING(length): `length` UTF-16 code units at most, and a NUL."""

    length: int = 80

    @property
    def name(self) -> str:
        return f"WSTRING({self.length})"

    @property
    def size_bytes(self) -> int:
        return 2 * self.length + 2

    @property
    def align_bytes(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class Bound:
    """One dimension: its first index, and how many elements it has."""

    lower: int
    count: int

    @property
    def upper(self) -> int:
        return self.lower + self.count - 1


@dataclass(frozen=True, slots=True)
class ArrayType:
    """ARRAY [bounds] OF element, row by row (the last index runs fastest)."""

    element: IecType
    bounds: tuple[Bound, ...]

    @property
    def name(self) -> str:
        ranges = ",".join(f"{bound.lower}..{bound.upper}" for bound in self.bounds)
        return f"ARRAY [{ranges}] OF {self.element.name}"

    @property
    def count(self) -> int:
        return math.prod(bound.count for bound in self.bounds)

    @property
    def size_bytes(self) -> int:
        return self.count * self.element.size_bytes

    @property
    def align_bytes(self) -> int:
        return self.element.align_bytes


@dataclass(frozen=True, slots=True)
class Attribute:
    """A pragma `{attribute 'name' := 'value'}`."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a structure. `bit` is its position in the byte at `offset_bytes` for a BIT, else None."""

    name: str
    type: IecType
    offset_bytes: int
    bit: int | None = None
    comment: str = ""
    attributes: tuple[Attribute, ...] = ()


class Passing(enum.StrEnum):
    """How a method's parameter travels."""

    IN = "in"
    OUT = "out"
    IN_OUT = "in-out"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a method."""

    name: str
    type: IecType
    passing: Passing = Passing.IN
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that clients may call by ADS (`TcRpcEnable`)."""

    name: str
    returns: IecType | None
    parameters: tuple[Parameter, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class StructType:
    """A structure, a union (all offsets 0), or the data of a function block with its methods.

    `size_bytes` includes padding at the end. `extends` names the base; its members are among `members`.
    """

    name: str
    members: tuple[Member, ...]
    size_bytes: int
    align_bytes: int
    extends: str = ""
    comment: str = ""
    attributes: tuple[Attribute, ...] = ()
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enumeration: (name, value) pairs over an integer type."""

    name: str
    values: tuple[tuple[str, int], ...]
    base: ElementaryType = field(default=ElementaryType(Elementary.INT))
    comment: str = ""
    attributes: tuple[Attribute, ...] = ()

    @property
    def size_bytes(self) -> int:
        return self.base.size_bytes

    @property
    def align_bytes(self) -> int:
        return self.base.align_bytes


@dataclass(frozen=True, slots=True)
class AliasType:
    """TYPE name : target; END_TYPE, a subrange when `low` and `high` are set."""

    name: str
    target: IecType
    low: int | None = None
    high: int | None = None
    comment: str = ""
    attributes: tuple[Attribute, ...] = ()

    @property
    def size_bytes(self) -> int:
        return self.target.size_bytes

    @property
    def align_bytes(self) -> int:
        return self.target.align_bytes


@dataclass(frozen=True, slots=True)
class PointerType:
    """POINTER TO target, or REFERENCE TO target when `is_reference`."""

    target: IecType
    is_reference: bool = False
    size_bytes: int = 8
    align_bytes: int = 8

    @property
    def name(self) -> str:
        return f"{'REFERENCE' if self.is_reference else 'POINTER'} TO {self.target.name}"


@dataclass(frozen=True, slots=True)
class OpaqueType:
    """A type of which only name and size are known (a client that met an entry it cannot read)."""

    name: str
    size_bytes: int
    align_bytes: int = 1


IecType = (
    ElementaryType | StringType | WStringType | ArrayType | StructType | EnumType | AliasType | PointerType | OpaqueType
)


def resolve(kind: IecType) -> IecType:
    """What an alias stands for in the end; any other type is itself."""
    while isinstance(kind, AliasType):
        kind = kind.target
    return kind
