"""The syntax tree: what was written, nothing decided. Here: expressions.

Nodes are plain records made by the million, so they have slots and compare by identity. `at` is the place of the token
that a message about the node should point at: the operator of a binary expression, the name of a declaration.
Names keep their spelling; whoever looks them up folds the case (IEC 61131-3 6.1.2).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.plc.source import Place


@dataclass(slots=True, eq=False)
class Name:
    """A name, as written."""

    at: Place
    text: str


@dataclass(slots=True, eq=False)
class GlobalName:
    """`.x`: looked up among the globals only, past anything local of that name."""

    at: Place
    text: str


class LiteralKind(enum.Enum):
    """What a literal's text looked like. Its type is settled later, from what is wanted (check)."""

    INTEGER = "integer"
    REAL = "real"
    BOOL = "bool"
    STRING = "string"
    WSTRING = "wstring"
    TIME = "time"
    LTIME = "ltime"
    DATE = "date"
    LDATE = "ldate"
    TIME_OF_DAY = "time of day"
    LTIME_OF_DAY = "long time of day"
    DATE_AND_TIME = "date and time"
    LDATE_AND_TIME = "long date and time"


@dataclass(slots=True, eq=False)
class Literal:
    """value: int for INTEGER; float for REAL; bool; bytes (cp1252) for STRING; str for WSTRING;
    ns for TIME, LTIME, times of day; ns since 1970 for dates and dates with time.

    prefix: the type written before it (`INT` of `INT#5`, `BYTE` of `BYTE#16#FF`), upper case, else "".
    """

    at: Place
    kind: LiteralKind
    value: int | float | bool | bytes | str
    prefix: str = ""


@dataclass(slots=True, eq=False)
class DirectAddress:
    """`%IX0.1`, `%MD4` where a value is expected; `%I*` only behind AT."""

    at: Place
    text: str


@dataclass(slots=True, eq=False)
class Member:
    """`base.name`: field, method, property, enumeration member, or something of a namespace."""

    at: Place
    base: Expr
    name: str


@dataclass(slots=True, eq=False)
class BitOf:
    """`base.3`."""

    at: Place
    base: Expr
    bit: int


@dataclass(slots=True, eq=False)
class Index:
    """`base[i, j]`."""

    at: Place
    base: Expr
    indices: list[Expr]


@dataclass(slots=True, eq=False)
class Deref:
    """`base^`."""

    at: Place
    base: Expr


@dataclass(slots=True, eq=False)
class This:
    """THIS: a pointer to the instance."""

    at: Place


@dataclass(slots=True, eq=False)
class Super:
    """SUPER: a pointer to the instance as its base."""

    at: Place


class Passing(enum.Enum):
    """How an argument was written."""

    POSITION = ""
    INPUT = ":="
    OUTPUT = "=>"
    REFERENCE = "REF="


@dataclass(slots=True, eq=False)
class Argument:
    """`value`, `name := value`, `name => target`, `NOT name => target`, or `name =>` with no value."""

    at: Place
    name: str
    passing: Passing
    value: Expr | None
    negated: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """`callee(arguments)`: of a function, instance, method, or operator written as a function (`AND(a, b)`, `SIZEOF`,
    `ADR`, `__NEW`, `__ISVALIDREF`...; those are plain names here). An argument may name a type (`SIZEOF(ST_X)`)."""

    at: Place
    callee: Expr
    arguments: list[Argument]


@dataclass(slots=True, eq=False)
class Unary:
    """operator: `-`, `+`, `NOT`."""

    at: Place
    operator: str
    operand: Expr


@dataclass(slots=True, eq=False)
class Binary:
    """operator, upper case: + - * / MOD ** = <> < <= > >= AND OR XOR AND_THEN OR_ELSE (`&` reads AND)."""

    at: Place
    operator: str
    left: Expr
    right: Expr


class Assigning(enum.Enum):
    """The operator of an assignment."""

    VALUE = ":="
    SET = "S="
    RESET = "R="
    REFERENCE = "REF="


@dataclass(slots=True, eq=False)
class Assignment:
    """`target := value`; an expression too, since TwinCAT takes `a := b := c` and `IF (a := b) THEN`."""

    at: Place
    target: Expr
    assigning: Assigning
    value: Expr


@dataclass(slots=True, eq=False)
class ArrayInit:
    """`[1, 2, 3(0)]`: items are (repetitions or None, value); value None in `3()`: the type's default."""

    at: Place
    items: list[tuple[Expr | None, Expr | None]]


@dataclass(slots=True, eq=False)
class StructInit:
    """`(a := 1, b := [1, 2])`."""

    at: Place
    fields: list[tuple[Place, str, Expr]]


Expr = (
    Name
    | GlobalName
    | Literal
    | DirectAddress
    | Member
    | BitOf
    | Index
    | Deref
    | This
    | Super
    | Call
    | Unary
    | Binary
    | Assignment
    | ArrayInit
    | StructInit
)
