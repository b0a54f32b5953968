"""Names first: everything that units declare gets its shell, so that all can refer to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dinrail.plc.check.attributes import attribute
from dinrail.plc.check.declarations import Declarations, DeclaredType
from dinrail.plc.check.declare_pous import new_pou
from dinrail.plc.check.declare_types import new_type
from dinrail.plc.check.declare_variables import Home, declare_variables
from dinrail.plc.check.world import Entity, GlobalInfo, Scope
from dinrail.plc.parse.declaration import BlockKind, EnumOf, GlobalList, Pou, PouKind, TypeDecl, Unit
from dinrail.plc.source import NOWHERE
from dinrail.plc.types.model import SCALAR_NAMES
from dinrail.plc.types.variable import Variable

SYSTEM = Unit([Pou(NOWHERE, PouKind.INTERFACE, "IQueryInterface")], namespace="__SYSTEM")
"""What projects extend to be asked for other interfaces; here every instance can be asked."""


@dataclass(slots=True, eq=False)
class ListScope(Scope):
    """Where the values of a list's globals stand: they need no qualifier for each other."""

    own: dict[str, Variable] = field(default_factory=dict)

    def find(self, name: str) -> Entity | None:
        return self.own.get(name) or Scope.find(self, name)


def register(declarations: Declarations, units: Sequence[Unit]) -> None:
    """Registers what all units declare. A project's own names hide those of libraries."""
    for unit in units:
        if not unit.namespace:
            _own(declarations, unit)
    world = declarations.world
    world.own = {*world.types, *world.pous}
    for unit in (*units, SYSTEM):
        if unit.namespace:
            _library(declarations, unit)


def _own(declarations: Declarations, unit: Unit) -> None:
    for decl in unit.types:
        if _is_free(declarations, decl):
            _type(declarations, decl)
    for pou in unit.pous:
        if _is_free(declarations, pou):
            new_pou(declarations, pou)
    for listed in unit.globals:
        _globals(declarations, listed, "")


def _is_free(declarations: Declarations, decl: TypeDecl | Pou) -> bool:
    """Whether nothing of that name is there; types and POUs share their names."""
    world, name = declarations.world, decl.name.upper()
    taken = world.types.get(name) or world.pous.get(name)
    if taken is None and name not in SCALAR_NAMES:
        return True
    text = f"there is a type or POU {taken.name if taken else name} already"
    world.report.error(decl.at, "duplicate", text, "names are the same whether in upper or lower case")
    return False


def _type(declarations: Declarations, decl: TypeDecl) -> None:
    world = declarations.world
    kind = new_type(decl)
    world.types[decl.name.upper()] = kind
    declarations.types[id(kind)] = DeclaredType(kind, decl, Scope(world))


def _globals(declarations: Declarations, listed: GlobalList, namespace: str) -> None:
    world, name = declarations.world, listed.name.upper()
    info = world.globals.get(name)
    if info is not None and info.namespace != namespace:
        info = world.hidden.get((namespace.upper(), name))
    if info is None:
        qualified_only = attribute(listed.attributes, "qualified_only") is not None
        info = GlobalInfo(listed.name, listed, qualified_only=qualified_only, namespace=namespace)
        if world.globals.setdefault(name, info) is not info:
            world.hidden[namespace.upper(), name] = info
    blocks = [block for block in listed.blocks if block.kind is not BlockKind.CONFIG]
    for block in listed.blocks:
        if block.kind is BlockKind.CONFIG:
            declarations.configured |= {decl.name.upper(): decl for decl in block.variables}
    scope = ListScope(world, own=info.variables)
    declared = declare_variables(declarations, blocks, scope, Home.GLOBALS, listed.name, info.variables)
    declarations.globals += declared
    if namespace:
        declarations.library_globals |= {id(variable) for variable in declared}
    if not info.qualified_only:
        for variable in declared:
            _free(declarations, variable, is_library=bool(namespace))


def _free(declarations: Declarations, variable: Variable, *, is_library: bool) -> None:
    """A global that needs no qualifier; one that several lists have does."""
    world, name = declarations.world, variable.name.upper()
    if name in world.ambiguous:
        world.ambiguous[name].append(_list_of(variable))
    elif (other := world.free.get(name)) is None:
        world.free[name] = variable
    elif not is_library:
        del world.free[name]
        world.ambiguous[name] = [_list_of(other), _list_of(variable)]


def _list_of(variable: Variable) -> str:
    return variable.path.rpartition(".")[0]


def _library(declarations: Declarations, unit: Unit) -> None:
    """A library's types and globals are declared, since bodies may name them; its POUs wait on the shelf."""
    world = declarations.world
    names = world.namespaces.setdefault(unit.namespace.upper(), set())
    for decl in unit.types:
        names.add(decl.name.upper())
        if isinstance(decl.definition, EnumOf) and attribute(decl.attributes, "qualified_only") is None:
            names |= {member.name.upper() for member in decl.definition.members}
        if decl.name.upper() not in world.types:
            _type(declarations, decl)
    for pou in unit.pous:
        name = pou.name.upper()
        names.add(name)
        if name in world.types or name in world.pous or name in declarations.shelf:
            spaces = world.shadowed.setdefault(name, [])
            if unit.namespace.upper() not in spaces:
                spaces.append(unit.namespace.upper())
            name = world.within(unit.namespace.upper(), name)
        declarations.shelf.setdefault(name, (pou, unit.namespace))
    for listed in unit.globals:
        names.add(listed.name.upper())
        if attribute(listed.attributes, "qualified_only") is None:
            names |= {variable.name.upper() for block in listed.blocks for variable in block.variables}
        _globals(declarations, listed, unit.namespace)
