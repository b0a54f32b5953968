"""Code that runs before the first cycle: each class's initialiser, and the application's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.plc.check.declarations import Declarations
from dinrail.plc.check.initial import (
    field_needs_start,
    fields_start,
    needs_start,
    reset_statements,
    start_statements,
)
from dinrail.plc.check.leaving import leave_static, plan_leaving
from dinrail.plc.check.operand import Told
from dinrail.plc.check.reflection import write_paths, written_index
from dinrail.plc.check.world import Scope
from dinrail.plc.core.expression import (
    AddressOf,
    BitAt,
    Call,
    Constant,
    FieldAt,
    IndexAt,
    Location,
    SelfAt,
    VariableAt,
    ViewAt,
)
from dinrail.plc.core.program import Function, FunctionKind
from dinrail.plc.core.statement import Assign, Evaluate, Statement
from dinrail.plc.types.model import (
    BOOL,
    BYTE,
    LINT,
    ULINT,
    AliasType,
    ArrayType,
    FunctionBlockType,
    StructType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

MAX_LOCATED_ELEMENTS = 4096


def plan_initialiser(declarations: Declarations, block: FunctionBlockType) -> None:
    """Decides whether a class needs an initialiser, after those of its base and of what it holds. Its body comes later
    (`write_initialiser`), when all that it may call is declared."""
    if id(block) in declarations.planned:
        return
    declarations.planned.add(id(block))
    base = block.base
    if base is not None:
        plan_initialiser(declarations, base)
    for part in block.fields.values():
        _plan_inside(declarations, part.type)
    needed = base is not None and base.initialise is not None
    needed = needed or any(field_needs_start(declarations.world, part) for part in own_fields(block))
    if needed:
        block.initialise = Function(f"{block.name}.__init", FunctionKind.INITIALISER, block.at, block)
        info = declarations.world.pou_of_type.get(id(block))
        block.initialise.from_library = info is not None and info.from_library
        declarations.initialisers.append(block)
    plan_leaving(declarations, block, own_fields(block))


def _plan_inside(declarations: Declarations, kind: Type) -> None:
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    if isinstance(kind, FunctionBlockType):
        plan_initialiser(declarations, kind)
    elif isinstance(kind, StructType):
        for part in kind.fields.values():
            if not part.is_reference_field:
                _plan_inside(declarations, part.type)


def own_fields(block: FunctionBlockType) -> list[Variable]:
    """A class's fields without its base's."""
    inherited = block.base.fields if block.base else {}
    return [part for name, part in block.fields.items() if inherited.get(name) is not part]


def write_initialiser(declarations: Declarations, block: FunctionBlockType) -> None:
    """The body of a class's initialiser: its base's first, then its own fields in declared order."""
    function, world = block.initialise, declarations.world
    info = world.pou_of_type.get(id(block))
    if function is None or info is None:
        return
    elaborator = declarations.elaborator(Scope(world, info), function)
    here = SelfAt(block.at, block)
    if block.base is not None and block.base.initialise is not None:
        base = ViewAt(block.at, here, block.base)
        function.body.append(Evaluate(block.at, Call(block.at, block.base.initialise, base, [], None)))
    try:
        function.body += fields_start(elaborator, here, own_fields(block), block.at)
    except Told:
        return
    world.program.functions.append(function)


def configure(declarations: Declarations) -> None:
    """VAR_CONFIG's addresses, for variables AT %I*; those of fields were taken when they were bound."""
    for variable in declarations.world.program.areas:
        decl = declarations.configured.pop(variable.path.upper(), None)
        if decl is None:
            continue
        address = declarations.address_of(variable, decl)
        if address is not None and address.offset_bytes is not None:
            variable.offset_bytes, variable.bit = address.offset_bytes, address.bit


def start_static(declarations: Declarations, variable: Variable) -> None:
    """Adds to the application's initialiser what a static or located variable needs."""
    world = declarations.world
    startup = world.startup.get(id(variable))
    body = world.program.initialise.body
    write_paths(variable, declarations.holds_paths)
    place = VariableAt(variable.at, variable, variable.type)
    if variable.bit >= 0 and variable.initial is not None:
        byte = VariableAt(variable.at, variable, BYTE)  # bits have no constant image of their own
        one = Constant(variable.at, BOOL, value=True)
        body.append(Assign(variable.at, BitAt(variable.at, byte, variable.bit, BOOL), one))
    if startup is not None or needs_start(world, variable.type):
        scope = startup.scope if startup else Scope(world)
        elaborator = declarations.elaborator(scope, world.program.initialise)
        try:
            body += start_statements(elaborator, place, variable, variable.at)
        except Told:
            return
    leave_static(declarations, place, variable)
    if has_located(declarations, variable.type) and not variable.is_reference_field:
        _bind_located(declarations, place, variable.type, variable.path, lambda *what: _bind(declarations, *what))


def start_located(declarations: Declarations, elaborator: Elaborator, variable: Variable) -> list[Statement]:
    """Located fields of a local's instances: nothing outside can reach them, so each refers to a local of its own."""
    out: list[Statement] = []

    def bind(place: Location, part: Variable, path: str) -> None:
        at = variable.at
        hidden = Variable(path, part.type, Storage.LOCAL, Role.HIDDEN, at, initial=part.initial)
        elaborator.function.locals.append(hidden)
        address = AddressOf(at, VariableAt(at, hidden, hidden.type), ULINT)
        out.extend(reset_statements(elaborator, hidden, at))
        out.append(Assign(at, FieldAt(at, place, part, ULINT, raw=True), address))

    if has_located(declarations, variable.type):
        place = VariableAt(variable.at, variable, variable.type)
        _bind_located(declarations, place, variable.type, variable.name, bind)
    return out


def has_located(declarations: Declarations, kind: Type) -> bool:
    """Whether fields with an address (AT %I*) lie in a type."""
    while isinstance(kind, ArrayType | AliasType):
        kind = kind.element if isinstance(kind, ArrayType) else kind.target
    if not isinstance(kind, StructType | FunctionBlockType):
        return False
    known = declarations.holds_located.get(id(kind))
    if known is None:
        declarations.holds_located[id(kind)] = False  # a type cannot hold itself
        known = any(
            part.area is not None or (not part.is_reference_field and has_located(declarations, part.type))
            for part in kind.fields.values()
        )
        declarations.holds_located[id(kind)] = known
    return known


def _bind_located(
    declarations: Declarations, place: Location, kind: Type, path: str, bind: Callable[[Location, Variable, str], None]
) -> None:
    """Calls `bind` with each located field of an instance: (where its owner lies, the field, its path)."""
    target = resolve(kind)
    if isinstance(target, ArrayType):
        if target.count > MAX_LOCATED_ELEMENTS:
            text = f"{path} holds {target.count} elements with addresses; {MAX_LOCATED_ELEMENTS} are possible"
            declarations.world.report.error(place.at, "address", text)
            return
        for number in range(target.count):
            element = IndexAt(place.at, place, Constant(place.at, LINT, number), target.element)
            there = f"{path}[{written_index(target, number)}]"
            _bind_located(declarations, element, target.element, there, bind)
    elif isinstance(target, StructType | FunctionBlockType):
        for part in target.fields.values():
            there = f"{path}.{part.name}"
            if part.area is not None:
                bind(place, part, there)
            elif not part.is_reference_field and has_located(declarations, part.type):
                _bind_located(declarations, FieldAt(place.at, place, part, part.type), part.type, there, bind)


def _bind(declarations: Declarations, place: Location, part: Variable, path: str) -> None:
    """Gives a located field its variable in the process image, and binds the field to it."""
    world = declarations.world
    variable = Variable(
        part.name,
        part.type,
        Storage.AREA,
        Role.HIDDEN,
        part.at,
        path,
        area=part.area,
        initial=part.initial,
        comment=part.comment,
        attributes=part.attributes,
    )
    address = declarations.fixed.get(id(part))
    configured = declarations.configured.pop(path.upper(), None)
    if configured is not None:
        address = declarations.address_of(variable, configured)
    if address is not None and address.bit >= 0:
        text = f"{path} is reached by reference, so it needs a byte of its own; the address names a bit"
        at = configured.at if configured is not None else part.at
        world.report.error(at, "address", text, f"write %{address.area.value}B{address.offset_bytes}")
    elif address is not None and address.offset_bytes is not None:
        variable.offset_bytes = address.offset_bytes
    world.program.areas.append(variable)
    at = part.at
    raw = FieldAt(at, place, part, ULINT, raw=True)
    world.program.initialise.body.append(Assign(at, raw, AddressOf(at, VariableAt(at, variable, part.type), ULINT)))
