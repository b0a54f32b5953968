"""Everything that has a name in an application, as the declarations left it. Keys are upper-case names.

    declarations (declare, layout, initial)  --World-->  bodies (elaborator)  -->  Program

Declarations come first and whole; bodies may then be checked in any order. A constant's value and a type's size are
settled when they are first needed, since each may depend on the other across files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, Program
from dinrail.plc.parse.declaration import Access, GlobalList, Pou, PouKind, Property
from dinrail.plc.parse.expression import Argument, Expr
from dinrail.plc.source import Report
from dinrail.plc.types.model import EnumType, FunctionBlockType, InterfaceType, Type
from dinrail.plc.types.variable import Variable


@dataclass(slots=True, eq=False)
class MethodInfo:
    """A method, or a property's getter or setter (`name` is then `P.GET`, `P.SET`; a setter's one parameter is `P`).

    variables: parameters, locals, VAR_INST, VAR_STAT, constants and the result (by the method's own name).
    """

    name: str
    syntax: Pou
    function: Function
    owner: PouInfo
    variables: dict[str, Variable] = field(default_factory=dict)
    access: Access = Access.PUBLIC
    abstract: bool = False
    final: bool = False


@dataclass(slots=True, eq=False)
class PropertyInfo:
    """getter, setter None: it has none."""

    name: str
    syntax: Property
    type: Type
    owner: PouInfo
    getter: MethodInfo | None = None
    setter: MethodInfo | None = None
    access: Access = Access.PUBLIC


@dataclass(slots=True, eq=False)
class PouInfo:
    """A program, function, function block or interface.

    type:      of a function block or interface; None else.
    function:  what runs: the function, the program, the block's body. None for interfaces.
    variables: its own declared names (not the base's); a function's result by its own name.
    base:      of a function block: what it extends.
    bases:     of an interface: what it extends; of a function block: what it implements (as written).
    methods, properties, actions: its own only; `find_method` and its like walk the bases.
    """

    name: str
    kind: PouKind
    syntax: Pou
    namespace: str = ""
    type: FunctionBlockType | InterfaceType | None = None
    function: Function | None = None
    variables: dict[str, Variable] = field(default_factory=dict)
    base: PouInfo | None = None
    bases: list[PouInfo] = field(default_factory=list)
    methods: dict[str, MethodInfo] = field(default_factory=dict)
    properties: dict[str, PropertyInfo] = field(default_factory=dict)
    actions: dict[str, Function] = field(default_factory=dict)
    action_syntax: dict[str, Pou] = field(default_factory=dict)
    enum_values: dict[str, EnumValue] = field(default_factory=dict)  # of enumerations written in place of a type
    from_library: bool = False
    members: dict[str, Entity] | None = None  # all that `find` finds, once `seal`ed

    def chain(self) -> list[PouInfo]:
        """Itself, then what it extends, outwards (an interface: depth first, each once)."""
        if self.kind is PouKind.INTERFACE:
            seen: dict[int, PouInfo] = {id(self): self}
            for base in self.bases:
                seen |= {id(info): info for info in base.chain()}
            return list(seen.values())
        out: list[PouInfo] = []
        info: PouInfo | None = self
        while info is not None and info not in out:
            out.append(info)
            info = info.base
        return out

    def find_variable(self, name: str) -> Variable | None:
        found = self.variables.get(name)
        return found if found is not None or self.base is None else self.base.find_variable(name)

    def find_method(self, name: str) -> MethodInfo | None:
        found = self.methods.get(name)
        if found is None:
            found = next((m for base in self.above() if (m := base.find_method(name)) is not None), None)
        return found

    def find_property(self, name: str) -> PropertyInfo | None:
        found = self.properties.get(name)
        if found is None:
            found = next((p for base in self.above() if (p := base.find_property(name)) is not None), None)
        return found

    def find_action(self, name: str) -> Function | None:
        found = self.actions.get(name)
        return found if found is not None or self.base is None else self.base.find_action(name)

    def above(self) -> list[PouInfo]:
        """What it inherits members from: an interface's bases, a function block's one."""
        if self.kind is PouKind.INTERFACE:
            return self.bases
        return [self.base] if self.base is not None else []

    def find(self, name: str) -> Entity | None:
        """A member, its own or inherited, by upper-case name: variable, property, method, action, enumeration's value.

        `seal` makes it one look; until then each kind is looked for.
        """
        if self.members is not None:
            return self.members.get(name)
        return (
            self.find_variable(name)
            or self.find_property(name)
            or self.find_method(name)
            or self.find_action(name)
            or next((value for info in self.chain() if (value := info.enum_values.get(name))), None)
        )

    def seal(self) -> None:
        """Nothing more will be declared in it, nor in what it extends."""
        members: dict[str, Entity] = {}
        chain = self.chain()
        for which in ("enum_values", "actions", "methods", "properties", "variables"):
            for info in reversed(chain):
                members |= getattr(info, which)
        self.members = members


@dataclass(slots=True, eq=False)
class GlobalInfo:
    """A global variable list. Unless qualified_only, its variables are also found without its name."""

    name: str
    syntax: GlobalList
    variables: dict[str, Variable] = field(default_factory=dict)
    qualified_only: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class EnumValue:
    """A member of an enumeration that can be named without it."""

    type: EnumType
    name: str
    value: int


@dataclass(slots=True, eq=False)
class Namespace:
    """A library's names, behind its own (`Tc2_Standard.TON`)."""

    name: str


Entity = Variable | PouInfo | GlobalInfo | EnumValue | Namespace | MethodInfo | PropertyInfo | Function


@dataclass(slots=True, eq=False)
class Later:
    """A part of an initial value that is no constant. steps: the way to it, fields and element numbers from 0."""

    steps: tuple[Variable | int, ...]
    type: Type
    value: Expr


@dataclass(slots=True, eq=False)
class Startup:
    """What a variable's or field's declaration asks for beyond constant bytes.

    scope: where its expressions mean something. arguments: for FB_Init. later: in written order.
    elements: of an array of instances: FB_Init's arguments for each (`ARRAY [0..1] OF FB_X[(1), (2)]`).
    """

    scope: Scope
    arguments: list[Argument] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)
    elements: list[list[Argument]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a call may give. default: what its declaration starts it with, if written."""

    variable: Variable
    default: Expr | None = None


@dataclass(slots=True, eq=False)
class Signature:
    """What a call takes. scope: where the defaults mean something.

    positional: inputs and in-outs in declared order. named: those, outputs, and the rest, by upper-case name.
    """

    name: str
    scope: Scope
    positional: list[Parameter] = field(default_factory=list)
    named: dict[str, Parameter] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class World:
    """All names.

    What is declared is settled when it is first needed, since declarations may depend on each other in any order:
    ensure:      settles a variable's type (UNKNOWN until then) and a constant's value. Before reading `.type` or
                 `.value` of a variable that is constant, or whose type is UNKNOWN.
    ensure_type: settles a structure's or function block's fields, size and offsets (SIZEOF in an array's bound).
                 Nothing needs it once bodies are checked.
    wake:        a library's POU by its upper-case name, declared at its first mention: what nobody mentions is never
                 looked at. `find` and `pou` do it; None: no library has it.

    types:    structures, unions, enumerations, aliases, function blocks and interfaces (library ones too).
    pous:     programs, functions, function blocks, interfaces. Ask `pou(name)` for one.
    hidden:   libraries' variable lists whose name another list has: (library, name), both in upper case. Found by the
              library's own code, and behind its name.
    shadowed: POUs of libraries whose name the project, or another library, has, too: name -> the libraries, all in
              upper case. Such a one is registered as `TC2_STANDARD.TON`; see `key`.
    own:      names of the project's types and POUs.
    free:     variables that need no qualifier; enum_values likewise.
    namespaces: library name -> the names that it declared (to refuse `Tc2_Standard.FB_OfMine`).
    """

    options: Options
    report: Report
    program: Program
    types: dict[str, Type] = field(default_factory=dict)
    pous: dict[str, PouInfo] = field(default_factory=dict)
    globals: dict[str, GlobalInfo] = field(default_factory=dict)
    hidden: dict[tuple[str, str], GlobalInfo] = field(default_factory=dict)
    shadowed: dict[str, list[str]] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    free: dict[str, Variable] = field(default_factory=dict)
    enum_values: dict[str, list[EnumValue]] = field(default_factory=dict)
    namespaces: dict[str, set[str]] = field(default_factory=dict)
    pou_of_type: dict[int, PouInfo] = field(default_factory=dict)  # id(type) of a function block or interface
    ensure: Callable[[Variable], None] = lambda _variable: None
    ensure_type: Callable[[Type], None] = lambda _type: None
    wake: Callable[[str], PouInfo | None] = lambda _name: None

    # Between the rooms of the declarations only.
    declare_type: Callable[[Type], None] = lambda _type: None  # an alias's target, an enumeration's members
    ensure_default: Callable[[Type], None] = lambda _type: None  # the default value that a type's declaration gives
    ensure_initial: Callable[[Variable], None] = lambda _variable: None  # a field's or static's initial bytes
    constant: Callable[[Scope, Expr, Type | None], tuple[Type, object] | None] = lambda _scope, _expr, _want: None
    images: dict[Type, bytes] = field(default_factory=dict)  # default values, as far as they were needed
    startup: dict[int, Startup] = field(default_factory=dict)  # by id(variable), where there is something
    ambiguous: dict[str, list[str]] = field(default_factory=dict)  # global name -> the lists that have it, if several

    # Between the rooms of the bodies only.
    direct: dict[str, Variable] = field(default_factory=dict)  # `%MW4` in expressions, by upper-case text
    signatures: dict[int, Signature] = field(default_factory=dict)  # by id(function or block's type), once called
    extended: set[int] | None = None  # id of each function block type that another extends

    def pou(self, name: str) -> PouInfo | None:
        """A POU by its upper-case name."""
        return self.pous.get(name) or self.wake(name)

    def key(self, name: str, space: str) -> str:
        """What an upper-case name is registered as, for code of that library (upper case; `` is the project).

        A library's code means its own, and never the project's.
        """
        spaces = self.shadowed.get(name)
        if not spaces or not space:
            return name
        if space in spaces:
            return f"{space}.{name}"
        return f"{spaces[0]}.{name}" if name in self.own else name

    def within(self, space: str, name: str) -> str:
        """What `space.name` is registered as."""
        return f"{space}.{name}" if space in self.shadowed.get(name, ()) else name

    def find(self, name: str) -> Entity | None:
        """A global of that upper-case name: variable, POU, variable list, enumeration's member, library.

        An enumeration's member that two enumerations have is not found: it needs its qualifier.
        """
        if (variable := self.free.get(name)) is not None:
            return variable
        if (pou := self.pous.get(name)) is not None:
            return pou
        if (listed := self.globals.get(name)) is not None:
            return listed
        values = self.enum_values.get(name, [])
        if len(values) == 1:
            return values[0]
        if (pou := self.wake(name)) is not None:
            return pou
        return Namespace(name) if name in self.namespaces else None


@dataclass(slots=True, eq=False)
class Scope:
    """Where code stands: a method of a POU, a POU, or outside of both."""

    world: World
    pou: PouInfo | None = None
    method: MethodInfo | None = None

    def find(self, name: str) -> Entity | None:
        """What an upper-case name means here: locals, the POU's own and inherited, then globals.

        A method's or function's own name is its result. (A type's name is no entity: see `World.types`.)
        """
        if self.method is not None and (variable := self.method.variables.get(name)) is not None:
            return variable
        if self.pou is not None and (found := self.pou.find(name)) is not None:
            return found
        space = self.space
        if space:
            listed = self.world.hidden.get((space, name))
            if listed is not None:
                return listed
            if (key := self.world.key(name, space)) != name:
                return self.world.pou(key)
        return self.world.find(name)

    @property
    def space(self) -> str:
        """The library whose code it is, in upper case; `` is the project."""
        return self.pou.namespace.upper() if self.pou is not None else ""
