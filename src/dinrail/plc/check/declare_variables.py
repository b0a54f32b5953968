"""Blocks of declared variables to Variables: where each lives, and which may stand where."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dinrail.plc.check.names import near
from dinrail.plc.check.types_of import type_of
from dinrail.plc.check.world import Scope
from dinrail.plc.parse.declaration import BlockKind, NamedType, VarBlock, VariableDecl
from dinrail.plc.types.model import (
    LINT,
    SCALAR_NAMES,
    SCALARS,
    UNKNOWN,
    AnyType,
    ArrayType,
    FunctionBlockType,
    OpenArrayType,
    Type,
    held_as,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations

BIT = SCALARS["BIT"]


class Home(enum.Enum):
    """What variables are declared in; its value is how a message calls it."""

    GLOBALS = "a list of globals"
    PROGRAM = "a program"
    BLOCK = "a function block"
    FUNCTION = "a function"
    METHOD = "a method"
    PROGRAM_METHOD = "a program's method"
    INTERFACE_METHOD = "an interface's method"


ROLES = {
    BlockKind.INPUT: Role.INPUT,
    BlockKind.OUTPUT: Role.OUTPUT,
    BlockKind.IN_OUT: Role.IN_OUT,
    BlockKind.LOCAL: Role.LOCAL,
    BlockKind.TEMP: Role.TEMP,
    BlockKind.STATIC: Role.STATIC,
    BlockKind.INSTANCE: Role.INSTANCE,
    BlockKind.GLOBAL: Role.GLOBAL,
}

_CALLED = {
    BlockKind.INPUT: Storage.VALUE,
    BlockKind.OUTPUT: Storage.POINTER,
    BlockKind.IN_OUT: Storage.POINTER,
}
_RUNNING = _CALLED | {
    BlockKind.LOCAL: Storage.LOCAL,
    BlockKind.TEMP: Storage.LOCAL,
    BlockKind.STATIC: Storage.STATIC,
}
STORAGE = {
    Home.GLOBALS: {BlockKind.GLOBAL: Storage.STATIC},
    Home.PROGRAM: {
        BlockKind.INPUT: Storage.STATIC,
        BlockKind.OUTPUT: Storage.STATIC,
        BlockKind.LOCAL: Storage.STATIC,
        BlockKind.TEMP: Storage.LOCAL,
        BlockKind.STATIC: Storage.STATIC,
    },
    Home.BLOCK: {
        BlockKind.INPUT: Storage.FIELD,
        BlockKind.OUTPUT: Storage.FIELD,
        BlockKind.IN_OUT: Storage.FIELD,
        BlockKind.LOCAL: Storage.FIELD,
        BlockKind.TEMP: Storage.LOCAL,
        BlockKind.STATIC: Storage.STATIC,
    },
    Home.FUNCTION: _RUNNING,
    Home.METHOD: _RUNNING | {BlockKind.INSTANCE: Storage.FIELD},
    Home.PROGRAM_METHOD: _RUNNING | {BlockKind.INSTANCE: Storage.STATIC},
    Home.INTERFACE_METHOD: _CALLED,
}
"""Where a block's variables live; what is not listed is refused."""

_HINTS = {
    BlockKind.INSTANCE: "VAR_INST belongs into a method of a function block",
    BlockKind.IN_OUT: "pass a POINTER or a REFERENCE, or use a global",
    BlockKind.GLOBAL: "globals stand in a list of their own",
}


def declare_variables(
    declarations: Declarations,
    blocks: Iterable[VarBlock],
    scope: Scope,
    home: Home,
    path: str,
    into: dict[str, Variable],
) -> list[Variable]:
    """Declares all blocks into `into` (by upper-case name), without types yet. Returns the new ones in order.

    path: what stands before their names to the outside; empty: nothing.
    """
    out: list[Variable] = []
    for block in blocks:
        if block.kind is BlockKind.EXTERNAL and home is not Home.INTERFACE_METHOD:
            _externals(declarations, block, into)
            continue
        storage = STORAGE[home].get(block.kind)
        if storage is None:
            if not block.variables:
                continue
            text = f"{block.kind.value} has no place in {home.value}"
            declarations.world.report.error(block.at, "misplaced-block", text, _HINTS.get(block.kind, ""))
            continue
        for decl in block.variables:
            out += _declare(declarations, block, decl, scope, storage, path, into)
    return out


def _declare(
    declarations: Declarations,
    block: VarBlock,
    decl: VariableDecl,
    scope: Scope,
    storage: Storage,
    path: str,
    into: dict[str, Variable],
) -> list[Variable]:
    """The new variable, or nothing when the name is taken."""
    name = decl.name.upper()
    if name in into:
        text = f"{decl.name} is declared already"
        declarations.world.report.error(decl.at, "duplicate", text)
        return []
    role = ROLES[block.kind]
    if block.constant and role not in (Role.INPUT, Role.IN_OUT):
        storage = Storage.STATIC
    variable = Variable(
        decl.name,
        UNKNOWN,
        storage,
        role,
        decl.at,
        f"{path}.{decl.name}" if path and storage is Storage.STATIC else decl.name,
        constant=block.constant,
        retain=block.retain,
        persistent=block.persistent,
        comment=decl.comment,
        attributes=decl.attributes if not block.attributes else (*block.attributes, *decl.attributes),
    )
    into[name] = variable
    declared = declarations.declare(variable, decl, scope)
    written = decl.type
    if type(written) is NamedType and len(written.parts) == 1:
        scalar = SCALAR_NAMES.get(written.parts[0].upper())
        if scalar is not None and scalar is not BIT:
            variable.type = scalar
            declared.typed = True
    return [variable]


def _externals(declarations: Declarations, block: VarBlock, into: dict[str, Variable]) -> None:
    """VAR_EXTERNAL: another name for the very global."""
    world = declarations.world
    for decl in block.variables:
        name = decl.name.upper()
        found = world.free.get(name)
        if found is None:
            hint = near(decl.name, (each.name for each in world.free.values()))
            world.report.error(decl.at, "no-such-global", f"there is no global {decl.name}", hint)
            continue
        if name in into:
            world.report.error(decl.at, "duplicate", f"{decl.name} is declared already")
            continue
        world.ensure(found)
        into[name] = found
        kind = type_of(world, Scope(world), decl.type)
        if kind is not UNKNOWN and found.type is not UNKNOWN and kind != found.type:
            text = f"the global {found.path} is {found.type.name}, not {kind.name}"
            world.report.error(decl.at, "external-type", text)


def settle_variables(declarations: Declarations, variables: Iterable[Variable], home: Home) -> None:
    """Settles their types, checks that each may stand where it does, and says where parameters live."""
    for variable in variables:
        declared = declarations.variables[id(variable)]
        if declared.typed is not True:
            declarations.settle_type_of(declared)
            kind = variable.type
            if kind is not UNKNOWN:
                _check(declarations, variable, kind, home)
                if variable.storage is Storage.VALUE and held_as(kind) is None:
                    variable.storage = Storage.POINTER
        if declared.syntax.location:
            declarations.locate(variable, declared.syntax)
        innermost = _innermost(variable.type)
        has_arguments = declared.syntax.arguments is not None or declared.syntax.element_arguments is not None
        if has_arguments and innermost is not UNKNOWN and not isinstance(innermost, FunctionBlockType):
            text = f"{variable.name} takes no arguments: {variable.type.name} is no function block"
            declarations.world.report.error(variable.at, "fb-init-arguments", text, "write := before an initial value")


def _innermost(kind: Type) -> Type:
    while isinstance(kind, ArrayType):
        kind = kind.element
    return kind


def _check(declarations: Declarations, variable: Variable, kind: Type, home: Home) -> None:
    report = declarations.world.report
    if kind is BIT and variable.storage is not Storage.FIELD:
        report.error(variable.at, "bit-outside", "BIT stands in structures and function blocks only", "use BOOL")
        variable.type = UNKNOWN
    elif isinstance(kind, OpenArrayType) and variable.role is not Role.IN_OUT:
        text = f"only a VAR_IN_OUT can be {kind.name}"
        report.error(variable.at, "open-array", text, "its bounds come with the argument")
        variable.type = UNKNOWN
    elif isinstance(kind, AnyType) and (
        variable.role is not Role.INPUT or home in (Home.BLOCK, Home.PROGRAM, Home.GLOBALS)
    ):
        text = f"only a VAR_INPUT of a function or method can be {kind.name}"
        report.error(variable.at, "any-type", text)
        variable.type = UNKNOWN
    elif variable.role is not Role.IN_OUT:
        block = _innermost(kind)
        if isinstance(block, FunctionBlockType) and block.abstract:
            text = f"{block.name} is ABSTRACT: there are no instances of it"
            report.error(variable.at, "abstract-instance", text, "use one of those that extend it, or a POINTER TO it")


def bounds_of(variable: Variable) -> list[Variable]:
    """The hidden variables that hold the bounds of an ARRAY[*], made and put into `variable.bounds`: LINT."""
    if not isinstance(variable.type, OpenArrayType):
        return []
    storage = Storage.FIELD if variable.storage is Storage.FIELD else Storage.VALUE
    pairs: list[tuple[Variable, Variable]] = []
    for number in range(1, variable.type.rank + 1):
        lower, upper = (
            Variable(f"{variable.name}^{which}{number}", LINT, storage, Role.HIDDEN, variable.at)
            for which in ("lower", "upper")
        )
        pairs.append((lower, upper))
    variable.bounds = tuple(pairs)
    return [each for pair in pairs for each in pair]
