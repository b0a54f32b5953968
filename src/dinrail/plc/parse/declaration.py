"""The syntax tree: types, variables, program organisation units."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from dinrail.plc.parse.expression import Argument, Expr
from dinrail.plc.parse.statement import Stmt
from dinrail.plc.source import NOWHERE, Place


@dataclass(frozen=True, slots=True)
class Pragma:
    """`{attribute 'name' := 'value'}`: name as written without quotes, value "" when there is none."""

    name: str
    value: str = ""


@dataclass(slots=True, eq=False)
class NamedType:
    """`INT`, `ST_Point`, `Tc2_Standard.TON`: parts in order."""

    at: Place
    parts: tuple[str, ...]


@dataclass(slots=True, eq=False)
class TextType:
    """STRING or WSTRING, `STRING(n)` and `STRING[n]`; length None: 80."""

    at: Place
    wide: bool
    length: Expr | None


@dataclass(slots=True, eq=False)
class ArrayOf:
    """ranges: (low, high) for each dimension; None for `*`."""

    at: Place
    ranges: list[tuple[Expr, Expr] | None]
    element: TypeExpr


@dataclass(slots=True, eq=False)
class PointerTo:
    """POINTER TO, REFERENCE TO."""

    at: Place
    target: TypeExpr
    is_reference: bool


@dataclass(slots=True, eq=False)
class Subrange:
    """`INT (0..100)`."""

    at: Place
    base: NamedType
    low: Expr
    high: Expr


@dataclass(slots=True, eq=False)
class EnumMember:
    """`name := value`."""

    at: Place
    name: str
    value: Expr | None
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()


@dataclass(slots=True, eq=False)
class EnumOf:
    """`(Idle, Busy := 5) UINT := Busy`: also written in place of a type in a declaration."""

    at: Place
    members: list[EnumMember]
    base: NamedType | None


TypeExpr = NamedType | TextType | ArrayOf | PointerTo | Subrange | EnumOf


class BlockKind(enum.Enum):
    """The keyword that opened a block of variables."""

    INPUT = "VAR_INPUT"
    OUTPUT = "VAR_OUTPUT"
    IN_OUT = "VAR_IN_OUT"
    LOCAL = "VAR"
    TEMP = "VAR_TEMP"
    STATIC = "VAR_STAT"
    INSTANCE = "VAR_INST"
    GLOBAL = "VAR_GLOBAL"
    EXTERNAL = "VAR_EXTERNAL"
    ACCESS = "VAR_ACCESS"
    CONFIG = "VAR_CONFIG"


@dataclass(slots=True, eq=False)
class VariableDecl:
    """One declared variable; `a, b : INT` gives two.

    location:  what follows AT (`%I*`, `%QX1.0`), else "".
    arguments: of `fb : FB_X(x := 1)` (for FB_Init), None when there are no parentheses.
    element_arguments: of `a : ARRAY [1..2] OF FB_X[(x := 1), (x := 2)]`: each element's, in order.
    initial:   what follows `:=`.
    comment:   of its line or the lines above it, without the comment marks.
    """

    at: Place
    name: str
    type: TypeExpr
    initial: Expr | None = None
    location: str = ""
    arguments: list[Argument] | None = None
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()
    element_arguments: list[list[Argument]] | None = None


@dataclass(slots=True, eq=False)
class VarBlock:
    """One VAR ... END_VAR."""

    at: Place
    kind: BlockKind
    variables: list[VariableDecl]
    constant: bool = False
    retain: bool = False
    persistent: bool = False
    attributes: tuple[Pragma, ...] = ()


class PouKind(enum.Enum):
    """What a program organisation unit is."""

    PROGRAM = "PROGRAM"
    FUNCTION = "FUNCTION"
    FUNCTION_BLOCK = "FUNCTION_BLOCK"
    INTERFACE = "INTERFACE"
    METHOD = "METHOD"
    ACTION = "ACTION"


class Access(enum.Enum):
    """Who may use a method or property."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    PROTECTED = "PROTECTED"
    INTERNAL = "INTERNAL"


@dataclass(slots=True, eq=False)
class Pou:
    """A program, function, function block, interface, method or action.

    body_at: the place where the body begins (for messages about an empty or missing one).
    has_body: False for an interface's methods and ABSTRACT ones.
    """

    at: Place
    kind: PouKind
    name: str
    blocks: list[VarBlock] = field(default_factory=list)
    body: list[Stmt] = field(default_factory=list)
    returns: TypeExpr | None = None
    extends: list[NamedType] = field(default_factory=list)
    implements: list[NamedType] = field(default_factory=list)
    access: Access = Access.PUBLIC
    abstract: bool = False
    final: bool = False
    methods: list[Pou] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    actions: list[Pou] = field(default_factory=list)
    has_body: bool = True
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()
    body_at: Place = NOWHERE


@dataclass(slots=True, eq=False)
class Property:
    """getter, setter: as methods of no parameters; None when it has none (read-only, write-only)."""

    at: Place
    name: str
    type: TypeExpr
    getter: Pou | None = None
    setter: Pou | None = None
    access: Access = Access.PUBLIC
    abstract: bool = False
    final: bool = False
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()


@dataclass(slots=True, eq=False)
class StructDef:
    """STRUCT or UNION."""

    at: Place
    members: list[VariableDecl]
    is_union: bool = False
    extends: NamedType | None = None


@dataclass(slots=True, eq=False)
class TypeDecl:
    """One type of a TYPE ... END_TYPE. initial: of `TYPE T : INT := 5; END_TYPE`."""

    at: Place
    name: str
    definition: TypeExpr | StructDef
    initial: Expr | None = None
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()


@dataclass(slots=True, eq=False)
class GlobalList:
    """VAR_GLOBAL blocks of one file. name: the file's stem, by which TwinCAT qualifies them (`GVL.x`)."""

    at: Place
    name: str
    blocks: list[VarBlock]
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()


@dataclass(slots=True, eq=False)
class Unit:
    """Everything that one or more sources declare, in their order. namespace: the library's name, else ""."""

    pous: list[Pou] = field(default_factory=list)
    types: list[TypeDecl] = field(default_factory=list)
    globals: list[GlobalList] = field(default_factory=list)
    namespace: str = ""
