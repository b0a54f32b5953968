"""Named types: their shells when names are registered, what they consist of when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.attributes import attribute, pack_bytes
from dinrail.plc.check.types_of import enum_base, enum_members, named_type, type_of
from dinrail.plc.check.world import Scope
from dinrail.plc.parse.declaration import EnumOf, NamedType, StructDef, Subrange, TypeDecl, VariableDecl
from dinrail.plc.types.model import (
    SCALARS,
    UNKNOWN,
    AliasType,
    AnyType,
    EnumType,
    FunctionBlockType,
    OpenArrayType,
    PointerType,
    StructType,
    Type,
)
from dinrail.plc.types.variable import Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations, DeclaredType

BIT = SCALARS["BIT"]


def new_type(decl: TypeDecl) -> Type:
    """The shell of a named type, by which others can already name it."""
    definition = decl.definition
    if isinstance(definition, StructDef):
        return StructType(
            decl.name,
            is_union=definition.is_union,
            pack_bytes=pack_bytes(decl.attributes),
            comment=decl.comment,
            attributes=decl.attributes,
            at=decl.at,
        )
    if isinstance(definition, EnumOf):
        return EnumType(
            decl.name,
            SCALARS["INT"],
            {},
            strict=attribute(decl.attributes, "strict") is not None,
            qualified_only=attribute(decl.attributes, "qualified_only") is not None,
            comment=decl.comment,
            attributes=decl.attributes,
            at=decl.at,
        )
    return AliasType(decl.name, UNKNOWN, comment=decl.comment, attributes=decl.attributes, at=decl.at)


def settle_type(declarations: Declarations, declared: DeclaredType) -> None:
    """What a named type consists of; once. An alias of itself, and a structure that extends itself, are reported."""
    if declared.settled is False:
        if isinstance(declared.type, AliasType):
            text = f"{declared.syntax.name} stands for itself"
            declarations.world.report.error(declared.syntax.at, "depends-on-itself", text)
        return
    declared.settled = False
    kind, definition = declared.type, declared.syntax.definition
    if isinstance(kind, StructType) and isinstance(definition, StructDef):
        _structure(declarations, kind, definition, declared)
    elif isinstance(kind, EnumType) and isinstance(definition, EnumOf):
        _enumeration(declarations, kind, definition, declared.scope)
    elif isinstance(kind, AliasType) and not isinstance(definition, StructDef):
        target = type_of(declarations.world, declared.scope, definition)
        if isinstance(definition, Subrange) and isinstance(target, AliasType):
            kind.low, kind.high, target = target.low, target.high, target.target
        kind.target = _named_target(declarations, declared.syntax, target)
    declared.settled = True


def _named_target(declarations: Declarations, decl: TypeDecl, target: Type) -> Type:
    report = declarations.world.report
    if isinstance(target, OpenArrayType | AnyType):
        report.error(decl.at, "open-array", f"{decl.name} cannot stand for {target.name}: it has no size")
    elif target is BIT:
        report.error(decl.at, "bit-outside", "BIT stands in structures and function blocks only", "use BOOL")
    elif isinstance(target, FunctionBlockType):
        text = f"{decl.name} cannot stand for the function block {target.name}"
        report.error(decl.at, "alias-of-block", text, f"extend it: FUNCTION_BLOCK {decl.name} EXTENDS {target.name}")
    else:
        return target
    return UNKNOWN


def _enumeration(declarations: Declarations, kind: EnumType, definition: EnumOf, scope: Scope) -> None:
    world = declarations.world
    kind.base = enum_base(world, definition)
    values = enum_members(world, scope, definition, kind)
    if not kind.qualified_only:
        for value in values:
            world.enum_values.setdefault(value.name.upper(), []).append(value)


def _structure(declarations: Declarations, kind: StructType, definition: StructDef, declared: DeclaredType) -> None:
    if definition.extends is not None:
        kind.base = _base(declarations, kind, definition.extends)
        if kind.base is not None:
            kind.fields |= kind.base.fields
    own: set[str] = set()
    for member in definition.members:
        name = member.name.upper()
        if name in kind.fields:
            word = "has a field" if name in own else f"inherits a field from {kind.base.name if kind.base else ''},"
            text = f"{kind.name} {word} {member.name} already"
            declarations.world.report.error(member.at, "duplicate", text)
            continue
        own.add(name)
        kind.fields[name] = _field(declarations, kind, member, declared.scope)


def _field(declarations: Declarations, owner: StructType, decl: VariableDecl, scope: Scope) -> Variable:
    variable = Variable(
        decl.name,
        UNKNOWN,
        Storage.FIELD,
        at=decl.at,
        path=decl.name,
        comment=decl.comment,
        attributes=decl.attributes,
    )
    declared = declarations.declare(variable, decl, scope)
    declarations.settle_type_of(declared)
    report = declarations.world.report
    if isinstance(variable.type, OpenArrayType | AnyType):
        report.error(decl.at, "open-array", f"{variable.type.name} cannot be a field: it has no size")
        variable.type = UNKNOWN
    elif owner.is_union and isinstance(variable.type, PointerType) and variable.type.is_reference:
        report.error(decl.at, "reference-in-union", "a union cannot hold references", "hold a pointer")
    elif isinstance(variable.type, FunctionBlockType) and owner.is_union:
        report.error(decl.at, "block-in-union", f"a union cannot hold an instance of {variable.type.name}")
    if decl.location:
        declarations.locate(variable, decl)
    return variable


def _base(declarations: Declarations, kind: StructType, written: NamedType) -> StructType | None:
    """What a structure extends, settled; None with a message when it may not."""
    world = declarations.world
    base = named_type(world, written)
    if base is UNKNOWN:
        return None
    while isinstance(base, AliasType):
        base = base.target
    if not isinstance(base, StructType) or base.is_union or kind.is_union:
        text = f"{kind.name} cannot extend {base.name}: only structures extend structures"
        world.report.error(written.at, "extends", text)
        return None
    declared = declarations.types.get(id(base))
    if declared is not None and declared.settled is False:
        text = f"{kind.name} extends itself"
        text += f" by way of {base.name}" if base is not kind else ""
        world.report.error(written.at, "extends-itself", text)
        return None
    world.declare_type(base)
    return base
