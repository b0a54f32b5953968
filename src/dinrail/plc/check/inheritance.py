"""EXTENDS and IMPLEMENTS: what a POU builds on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.names import near
from dinrail.plc.check.world import PouInfo
from dinrail.plc.parse.declaration import NamedType, PouKind
from dinrail.plc.types.model import FunctionBlockType, InterfaceType

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations

WORDS = {
    PouKind.PROGRAM: "program",
    PouKind.FUNCTION: "function",
    PouKind.FUNCTION_BLOCK: "function block",
    PouKind.INTERFACE: "interface",
}


def resolve_bases(declarations: Declarations, info: PouInfo) -> None:
    """Finds and settles what a POU extends and implements."""
    pou = info.syntax
    if isinstance(info.type, FunctionBlockType):
        _block(declarations, info, info.type)
    elif isinstance(info.type, InterfaceType):
        for written in pou.extends:
            base = _find(declarations, info, written, PouKind.INTERFACE, "extend")
            if base is not None and isinstance(base.type, InterfaceType):
                info.bases.append(base)
                info.type.bases.append(base.type)
    elif pou.extends or pou.implements:
        word = "extend" if pou.extends else "implement"
        at = (pou.extends or pou.implements)[0].at
        text = f"a {WORDS[info.kind]} cannot {word} anything"
        declarations.world.report.error(at, "extends", text)


def _block(declarations: Declarations, info: PouInfo, block: FunctionBlockType) -> None:
    report = declarations.world.report
    pou = info.syntax
    if len(pou.extends) > 1:
        text = f"{info.name} extends {len(pou.extends)} function blocks; one is possible"
        report.error(pou.extends[1].at, "extends", text, "implement interfaces instead")
    for written in pou.extends[:1]:
        base = _find(declarations, info, written, PouKind.FUNCTION_BLOCK, "extend")
        if base is None or not isinstance(base.type, FunctionBlockType):
            continue
        if base.syntax.final:
            text = f"{base.name} is FINAL: {info.name} cannot extend it"
            report.error(written.at, "final-extended", text)
        info.base = base
        block.base = base.type
        block.interfaces += base.type.interfaces
    for written in pou.implements:
        base = _find(declarations, info, written, PouKind.INTERFACE, "implement")
        if base is None:
            continue
        if base in info.bases:
            text = f"{info.name} implements {base.name} twice"
            report.error(written.at, "duplicate", text)
            continue
        info.bases.append(base)
        for each in base.chain():
            if isinstance(each.type, InterfaceType) and each.type not in block.interfaces:
                block.interfaces.append(each.type)


def _find(declarations: Declarations, info: PouInfo, written: NamedType, kind: PouKind, word: str) -> PouInfo | None:
    """The POU of that name, settled; None with a message when there is none, or when it builds on `info` itself."""
    world = declarations.world
    name = written.parts[-1]
    is_qualified = len(written.parts) > 1
    space = written.parts[-2].upper() if is_qualified else info.namespace.upper()
    key = world.within(space, name.upper()) if is_qualified else world.key(name.upper(), space)
    found = world.pou(key)
    if found is None or found.kind is not kind:
        wanted = f"a {WORDS[info.kind]} can only {word} a{'n' if kind is PouKind.INTERFACE else ''} {WORDS[kind]}"
        if found is not None:
            text = f"{wanted}; {name} is a{'n' if found.kind is PouKind.INTERFACE else ''} {WORDS[found.kind]}"
            hint = f"write IMPLEMENTS {name}" if found.kind is PouKind.INTERFACE else ""
            world.report.error(written.at, "extends", text, hint)
        elif name.upper() in world.types:
            world.report.error(written.at, "extends", f"{wanted}; {name} is a type")
        else:
            known = (each.name for each in world.pous.values() if each.kind is kind)
            text = f"there is no {WORDS[kind]} {name}"
            world.report.error(written.at, "unknown-type", text, near(name, known))
        return None
    if declarations.settled.get(id(found)) is False:
        by = f" by way of {found.name}" if found is not info else ""
        world.report.error(written.at, "extends-itself", f"{info.name} extends itself{by}")
        return None
    declarations.settle_pou(found)
    return found
