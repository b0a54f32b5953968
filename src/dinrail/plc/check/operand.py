"""What an expression or a name turned out to be, while it is being checked."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.errors import Refused
from dinrail.plc.check.world import GlobalInfo, MethodInfo, Namespace, PouInfo, PropertyInfo
from dinrail.plc.core.expression import Constant, Expression, Location
from dinrail.plc.core.program import Function
from dinrail.plc.core.statement import Statement
from dinrail.plc.types.model import InterfaceType, Type


class Told(Refused):
    """The fault stands in the report already; what was being checked is given up."""


@dataclass(slots=True, eq=False)
class Operand:
    """A value, a place, or both.

    type:     as messages and overloads see it; None: a call that gives nothing.
    value:    the scalar. Its own type may be wider than `type` holds (native-width intermediates), until it is stored.
    place:    where it lies; None for what was computed.
    loose:    a literal without a type of its own, or a constant made of such: it takes the type that is wanted.
    inverted: loose, and a NOT was in it: negative stands for upper bits.
    soft:     an LREAL only because a literal was in it: it goes to a REAL without a word.
    fixed:    why nothing may be assigned to the place; empty when it may.
    after:    of a call that gives nothing: what follows it (its outputs, copied).
    """

    type: Type | None
    value: Expression | None = None
    place: Location | None = None
    loose: bool = False
    inverted: bool = False
    soft: bool = False
    fixed: str = ""
    after: list[Statement] | None = None

    @property
    def constant(self) -> Constant | None:
        """Its value, when that is known now."""
        return self.value if isinstance(self.value, Constant) else None


@dataclass(slots=True, eq=False)
class MethodRef:
    """A method of an instance. receiver None: of an interface, whose value is `interface`.

    exact: the instance's class is known, so that the call need not be dispatched.
    """

    info: MethodInfo
    receiver: Location | None
    exact: bool = False
    interface: Expression | None = None
    through: InterfaceType | None = None


@dataclass(slots=True, eq=False)
class PropertyRef:
    """A property of an instance; the other fields as in MethodRef."""

    info: PropertyInfo
    receiver: Location | None
    exact: bool = False
    interface: Expression | None = None
    through: InterfaceType | None = None


@dataclass(slots=True, eq=False)
class ActionRef:
    """An action, with its instance (None: of a program)."""

    function: Function
    receiver: Location | None


@dataclass(slots=True, eq=False)
class TypeRef:
    """A type's name: before a member of an enumeration, in SIZEOF and __NEW."""

    type: Type


@dataclass(slots=True, eq=False)
class BuiltinRef:
    """A function that the language has (`SEL`, `ADR`), by its upper-case name."""

    name: str


Found = Operand | MethodRef | PropertyRef | ActionRef | TypeRef | BuiltinRef | PouInfo | GlobalInfo | Namespace
