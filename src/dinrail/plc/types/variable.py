"""One variable, and where it lives."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.plc.parse.declaration import Pragma
from dinrail.plc.source import NOWHERE, Place
from dinrail.plc.types.model import Type


class Storage(enum.Enum):
    """Where a variable lives."""

    STATIC = "static"  # in the application's data: globals, programs, VAR_STAT; offset_bytes from the start of it
    AREA = "area"  # %I, %Q, %M: `area`, offset_bytes and bit say where
    FIELD = "field"  # in a structure or instance: offset_bytes from its start
    LOCAL = "local"  # made anew at each call
    VALUE = "value"  # a parameter by value: scalars
    POINTER = "pointer"  # a parameter that is an address: VAR_IN_OUT, VAR_OUTPUT, aggregates, hidden results


class Area(enum.Enum):
    """Of the process image."""

    INPUT = "I"
    OUTPUT = "Q"
    MARKER = "M"


class Role(enum.Enum):
    """As what it was declared."""

    LOCAL = "local"
    INPUT = "input"
    OUTPUT = "output"
    IN_OUT = "in_out"
    TEMP = "temp"
    STATIC = "static"
    INSTANCE = "instance"
    GLOBAL = "global"
    RESULT = "result"
    HIDDEN = "hidden"  # the compiler's own


@dataclass(slots=True, eq=False)
class Variable:
    """One variable, parameter or field.

    path:      how the outside names it: `MAIN.x`, `GVL.y`; a field's or local's own name.
    type:      of an IN_OUT field it is the type it refers to; in memory lies its address (8 bytes).
    initial:   the constant bytes it starts with (`type.size_bytes` of them), None: zeros. Where that is not enough,
               code of the class or of Program.initialise does the rest.
    bounds:    of an OpenArrayType: (lower, upper) parameters of each dimension.
    value:     of a constant: its value, folded (int, float, bool; bytes in memory form for everything else).
    """

    name: str
    type: Type
    storage: Storage
    role: Role = Role.LOCAL
    at: Place = NOWHERE
    path: str = ""
    offset_bytes: int = -1
    bit: int = -1  # of a BIT field, or of %IX0.3
    area: Area | None = None
    initial: bytes | None = None
    value: int | float | bool | bytes | None = None
    constant: bool = False
    retain: bool = False
    persistent: bool = False
    bounds: tuple[tuple[Variable, Variable], ...] = ()
    comment: str = ""
    attributes: tuple[Pragma, ...] = ()

    @property
    def is_reference_field(self) -> bool:
        """Whether memory holds an address and every use goes through it.

        So for an IN_OUT of a function block, and for a field that is declared AT %I*, %Q*, %M*: each instance's field
        refers to a variable of its own in the process image, bound before the first cycle.
        """
        return self.storage is Storage.FIELD and (self.role is Role.IN_OUT or self.area is not None)
