"""The checked tree: functions, faults, and a whole application."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from dinrail.plc.core.statement import Statement
from dinrail.plc.source import NOWHERE, Place
from dinrail.plc.types.model import EnumType, FunctionBlockType, InterfaceType, StructType
from dinrail.plc.types.variable import Variable


class FunctionKind(enum.Enum):
    """What a piece of code was."""

    FUNCTION = "function"
    PROGRAM = "program"
    BODY = "body"  # of a function block
    METHOD = "method"
    ACTION = "action"
    INITIALISER = "initialiser"


@dataclass(slots=True, eq=False)
class Function:
    """One piece of code.

    name:       unique: `MAIN`, `F_Add`, `FB_Axis`, `FB_Axis.Reset`, `FB_Axis.Speed.get`, `MAIN.Step1` (action).
    owner:      the class of a method, body or its action: `self` exists. None otherwise.
    parameters: VALUE and POINTER variables in calling order; an aggregate's hidden result comes first, the bounds of
                an OpenArrayType right behind it.
    result:     LOCAL variable that holds a scalar result (starts as its default); None without.
    locals:     every LOCAL variable, the compiler's temporaries included. They are not cleared: check puts a Fill or
                Assign where the language says so.
    is_rpc:     clients may call it by ADS (TcRpcEnable).
    external:   a C function's name instead of a body (library only).
    """

    name: str
    kind: FunctionKind
    at: Place = NOWHERE
    owner: FunctionBlockType | None = None
    parameters: list[Variable] = field(default_factory=list)
    result: Variable | None = None
    locals: list[Variable] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    is_abstract: bool = False
    recursion_allowed: bool = False
    external: str = ""
    is_rpc: bool = False
    from_library: bool = False
    comment: str = ""


class Fault(enum.IntEnum):
    """Why a task stopped. Numbers are those of TwinCAT's __SYSTEM.ExceptionCode where it has one (RTSEXCPT_*)."""

    NONE = 0x00
    WATCHDOG = 0x10
    RUNAWAY = 0x11  # a loop that the supervisor's abort ended
    STACK = 0x12
    USER = 0x13
    RECURSION = 0x14
    ILLEGAL_INSTRUCTION = 0x50
    ACCESS = 0x51
    PRIVILEGED = 0x52
    BOUNDS = 0x55
    NULL = 0x57
    DIVIDE = 0x102
    FLOAT_DIVIDE = 0x152
    FLOAT = 0x151


@dataclass(slots=True, eq=False)
class TaskProgram:
    """One task of the application: its name and the programs it calls, in order. Times are the configuration's."""

    name: str
    programs: list[Function]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the data that one task publishes. task_index from 0, in Program.tasks; aligned to 64 bytes.

    The first one holds what is nobody's own (globals, VAR_STAT, programs that several tasks run): the first task's.
    """

    task_index: int
    offset_bytes: int
    size_bytes: int


@dataclass(slots=True, eq=False)
class Handover:
    """What one task writes and others see from the beginning of their own cycles on, as its last cycle left it.

    writer, readers: indices in Program.tasks.
    others:          the functions that other tasks run, too: only there it matters which task it is.
    offset_bytes, size_bytes: where the variables lie in the data, one after another (types.layout).
    """

    writer: int
    readers: tuple[int, ...]
    variables: tuple[Variable, ...]
    others: frozenset[Function]
    offset_bytes: int = -1
    size_bytes: int = 0


@dataclass(slots=True, eq=False)
class Program:
    """A whole application, checked.

    statics:    STATIC variables in declared order, each with an offset once `types.layout` has placed them.
    areas:      AREA variables (%I, %Q, %M).
    data_bytes: size of the statics' memory, which `segments` divide (see types.layout).
    tasks:      in the configuration's order.
    initialise: run once before the first cycle, after the constant image is in place.
    leave:      FB_Exit of all instances, in the reverse order: run once behind the last cycle, and in an online change
                on the old data before they are copied. Empty when no class has one.
    reinitialise: FB_Reinit of the instances that an online change has copied into another declaration.
    handovers:  what tasks hand over to each other as a whole: one for each task that does (core.handover).
    ordered:    what tasks share as plain memory: nothing may be moved across its use.
    entry:      the programs' functions by upper-case name.
    """

    functions: list[Function] = field(default_factory=list)
    classes: list[FunctionBlockType] = field(default_factory=list)
    interfaces: list[InterfaceType] = field(default_factory=list)
    structures: list[StructType] = field(default_factory=list)
    enumerations: list[EnumType] = field(default_factory=list)
    statics: list[Variable] = field(default_factory=list)
    areas: list[Variable] = field(default_factory=list)
    area_bytes: dict[str, int] = field(default_factory=dict)  # by Area.value
    entry: dict[str, Function] = field(default_factory=dict)
    initialise: Function = field(default_factory=lambda: Function("__INIT", FunctionKind.INITIALISER))
    leave: Function = field(default_factory=lambda: Function("__EXIT", FunctionKind.INITIALISER))
    reinitialise: Function = field(default_factory=lambda: Function("__REINIT", FunctionKind.INITIALISER))
    data_bytes: int = 0
    tasks: list[TaskProgram] = field(default_factory=list)
    segments: tuple[Segment, ...] = ()
    handovers: list[Handover] = field(default_factory=list)
    ordered: frozenset[Variable] = frozenset()
