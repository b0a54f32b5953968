"""All declarations of an application, settled in whatever order they need each other.

A name is registered first, with an empty shell (`register`); what stands behind it is filled in later: all of the
project's own, of libraries only what is mentioned. The World's hooks lead here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dinrail.plc.check.addresses import Address, parse_address
from dinrail.plc.check.declare_pous import new_pou, settle_pou
from dinrail.plc.check.declare_types import settle_type
from dinrail.plc.check.images import initial_bytes, type_default
from dinrail.plc.check.types_of import type_of
from dinrail.plc.check.world import PouInfo, Scope, World
from dinrail.plc.core.program import Function
from dinrail.plc.parse.declaration import Pou, TypeDecl, VariableDecl
from dinrail.plc.types.layout import lay_out_block, lay_out_structure
from dinrail.plc.types.model import (
    UNKNOWN,
    AliasType,
    ArrayType,
    Family,
    FunctionBlockType,
    StructType,
    Type,
    held_as,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


@dataclass(slots=True, eq=False)
class Declared:
    """A variable's declaration. typed, valued: None: not yet; False: being settled; True: settled."""

    variable: Variable
    syntax: VariableDecl
    scope: Scope
    typed: bool | None = None
    valued: bool | None = None


@dataclass(slots=True, eq=False)
class DeclaredType:
    """A named type's declaration."""

    type: Type
    syntax: TypeDecl
    scope: Scope
    settled: bool | None = None
    valued: bool = False


@dataclass(slots=True, eq=False)
class Body:
    """Code that is still to be elaborated into `function`."""

    function: Function
    syntax: Pou
    scope: Scope


@dataclass(slots=True, eq=False)
class Declarations:
    """The state of settling. elaborator: makes one for constants and initial values."""

    world: World
    elaborator: Callable[[Scope, Function], Elaborator]
    variables: dict[int, Declared] = field(default_factory=dict)  # by id(variable)
    unvalued: list[Declared] = field(default_factory=list)  # those whose initial bytes nobody asked for yet
    types: dict[int, DeclaredType] = field(default_factory=dict)  # by id(type)
    shelf: dict[str, tuple[Pou, str]] = field(default_factory=dict)  # library POUs that nobody mentioned yet
    settled: dict[int, bool] = field(default_factory=dict)  # id(PouInfo) -> done (False: being settled)
    laying_out: set[int] = field(default_factory=set)  # id(type)
    globals: list[Variable] = field(default_factory=list)  # in declared order
    library_globals: set[int] = field(default_factory=set)  # id(variable)
    configured: dict[str, VariableDecl] = field(default_factory=dict)  # VAR_CONFIG, by upper-case path
    planned: set[int] = field(default_factory=set)  # id of each class whose initialiser is decided
    initialisers: list[FunctionBlockType] = field(default_factory=list)  # whose initialiser is to be written
    leaving: list[FunctionBlockType] = field(default_factory=list)  # the same for FB_Exit and FB_Reinit
    holds_located: dict[int, bool] = field(default_factory=dict)  # by id(type)
    holds_paths: dict[int, bool] = field(default_factory=dict)  # the same for texts with instance-path
    bodies: list[Body] = field(default_factory=list)
    fixed: dict[int, Address] = field(default_factory=dict)  # written addresses, by id(variable)
    woken: list[PouInfo] = field(default_factory=list)  # declared, not yet completed
    depth: int = 0  # of settle_pou
    circles: set[str] = field(default_factory=set)  # names of types that contain themselves, which was told
    complete: Callable[[PouInfo], None] | None = None  # set once all of the project's own is declared

    def hook(self) -> None:
        """Puts itself behind the World's hooks."""
        world = self.world
        world.ensure = self.ensure
        world.ensure_type = self.lay_out
        world.ensure_initial = self.settle_initial
        world.declare_type = self.declare_type
        world.wake = self.wake
        world.ensure_default = self.settle_default

    def declare(self, variable: Variable, syntax: VariableDecl, scope: Scope) -> Declared:
        """Notes where a variable's type and value are written."""
        declared = Declared(variable, syntax, scope)
        self.variables[id(variable)] = declared
        self.unvalued.append(declared)
        return declared

    # ------------------------------------------------------------------------------------------------- variables

    def ensure(self, variable: Variable) -> None:
        """A variable's type, and a constant's value."""
        declared = self.variables.get(id(variable))
        if declared is None:
            return
        self.settle_type_of(declared)
        if variable.constant:
            self.settle_initial(variable)

    def settle_type_of(self, declared: Declared) -> None:
        """A variable's type, once."""
        if declared.typed is None:
            declared.typed = False
            declared.variable.type = type_of(self.world, declared.scope, declared.syntax.type)
            declared.typed = True
        elif declared.typed is False:
            text = f"the type of {declared.variable.name} depends on itself"
            self.world.report.error(declared.syntax.at, "depends-on-itself", text)
            declared.typed = True

    def settle_initial(self, variable: Variable) -> None:
        """A variable's initial bytes, what is left for later, and a constant's value; once."""
        declared = self.variables.get(id(variable))
        if declared is None or declared.valued is True:
            return
        if declared.valued is False:
            if self.circles:
                return
            text = f"the value of {variable.name} depends on itself"
            self.world.report.error(declared.syntax.at, "depends-on-itself", text)
            return
        declared.valued = False
        self.settle_type_of(declared)
        if variable.type is not UNKNOWN:
            self.lay_out(variable.type)
            initial_bytes(self, declared.variable, declared.syntax, declared.scope)
        declared.valued = True

    # ----------------------------------------------------------------------------------------------------- types

    def declare_type(self, kind: Type) -> None:
        """What a named type consists of (not its layout)."""
        declared = self.types.get(id(kind))
        if declared is not None and declared.settled is not True:
            settle_type(self, declared)

    def lay_out(self, kind: Type) -> None:
        """A type's size, alignment and offsets, and those of all that lies in it."""
        kind = self._innermost(kind)
        if not isinstance(kind, StructType | FunctionBlockType) or kind.laid_out:
            return
        if id(kind) in self.laying_out:
            self._tell_circle(kind)
            return
        self.laying_out.add(id(kind))
        self._lay_out_parts(kind)
        self.laying_out.discard(id(kind))
        if not kind.laid_out:
            if isinstance(kind, StructType):
                lay_out_structure(kind)
            else:
                lay_out_block(kind)

    def _lay_out_parts(self, kind: StructType | FunctionBlockType) -> None:
        if isinstance(kind, StructType):
            self.declare_type(kind)
        elif (info := self.world.pou_of_type.get(id(kind))) is not None:
            settle_pou(self, info)
        if kind.base is not None:
            self.lay_out(kind.base)
        for part in list(kind.fields.values()):
            declared = self.variables.get(id(part))
            if declared is not None and declared.typed is not True:
                self.settle_type_of(declared)
            if part.is_reference_field:
                continue
            inner = self._innermost(part.type)
            if id(inner) in self.laying_out:
                self._tell_circle(inner)
                part.type = UNKNOWN
            else:
                self.lay_out(inner)

    def _innermost(self, kind: Type) -> Type:
        """What arrays and aliases are made of."""
        while isinstance(kind, ArrayType | AliasType):
            if isinstance(kind, AliasType):
                self.declare_type(kind)
            kind = kind.element if isinstance(kind, ArrayType) else kind.target
        return kind

    def _tell_circle(self, kind: Type) -> None:
        if isinstance(kind, StructType | FunctionBlockType) and (
            kind.base is None or kind.base.name not in self.circles
        ):
            self.circles.add(kind.name)
            text = f"{kind.name} contains itself, so it has no size"
            self.world.report.error(kind.at, "contains-itself", text, "hold a POINTER TO it instead")

    def settle_default(self, kind: Type) -> None:
        """The initial value that a type's own declaration gives (`TYPE T : INT := 5`), once."""
        declared = self.types.get(id(kind))
        if declared is not None and declared.syntax.initial is not None and not declared.valued:
            declared.valued = True
            type_default(self, kind, declared.syntax.initial, declared.scope)

    # ------------------------------------------------------------------------------------------------------ POUs

    def settle_pou(self, info: PouInfo) -> None:
        """All that a POU declares, once."""
        settle_pou(self, info)

    def add_body(self, function: Function, syntax: Pou, scope: Scope) -> None:
        """Puts a body on the list."""
        self.bodies.append(Body(function, syntax, scope))

    def note_statics(self, variables: Iterable[Variable]) -> None:
        """Notes what lives in the application's data or the process image, in declared order."""
        program = self.world.program
        for variable in variables:
            if variable.storage is Storage.STATIC:
                program.statics.append(variable)
            elif variable.storage is Storage.AREA:
                program.areas.append(variable)

    def locate(self, variable: Variable, syntax: VariableDecl) -> None:
        """AT of a variable: it moves into the process image; a field refers to a place there."""
        address = self.address_of(variable, syntax)
        if address is None:
            return
        if variable.storage is Storage.FIELD and variable.role is not Role.IN_OUT:
            variable.area = address.area
        elif variable.storage is Storage.STATIC and not variable.constant:
            variable.storage, variable.area = Storage.AREA, address.area
            if address.offset_bytes is not None:
                variable.offset_bytes, variable.bit = address.offset_bytes, address.bit
        else:
            why = "a constant" if variable.constant else "made anew at each call"
            text = f"{variable.name} cannot have an address: it is {why}"
            self.world.report.error(syntax.at, "address", text)
            return
        self.fixed[id(variable)] = address

    def address_of(self, variable: Variable, syntax: VariableDecl) -> Address | None:
        """A written address, if the variable can lie there."""
        report, kind = self.world.report, variable.type
        address = parse_address(syntax.location)
        if address is None:
            text = f"{syntax.location} is no address"
            report.error(syntax.at, "address", text, "%I*, %QX0.1, %MW2: I, Q or M; X, B, W, D or L; the byte; the bit")
            return None
        scalar = held_as(kind)
        if address.offset_bytes is None or kind is UNKNOWN:
            return address
        is_bool = scalar is not None and scalar.family is Family.BOOL
        if address.bit >= 0 and not is_bool:
            text = f"{syntax.location} is one bit, {kind.name} is not"
            hint = f"write %{address.area.value}B{address.offset_bytes}"
            report.error(syntax.at, "address", text, hint)
            return None
        if scalar is not None and not is_bool and scalar.size_bytes > address.size_bytes:
            text = f"{kind.name} takes {scalar.size_bytes} bytes, {syntax.location} names {address.size_bytes}"
            report.error(syntax.at, "address", text)
            return None
        return address

    # ------------------------------------------------------------------------------------------------- libraries

    def wake(self, name: str) -> PouInfo | None:
        """A library's POU at its first mention: declared whole, its bodies put on the list."""
        found = self.shelf.pop(name, None)
        if found is None:
            return None
        info = new_pou(self, *found, key=name)
        self.woken.append(info)
        settle_pou(self, info)
        self.complete_woken()
        return info

    def complete_woken(self) -> None:
        """Lays out and initialises what libraries gave, unless declarations are still under way."""
        while self.woken and self.complete is not None and self.depth == 0:
            self.world.extended = None
            self.complete(self.woken.pop(0))
