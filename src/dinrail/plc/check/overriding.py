"""Tables of methods, and the rules of overriding and implementing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.attributes import attribute
from dinrail.plc.check.world import MethodInfo, PouInfo
from dinrail.plc.core.program import Function
from dinrail.plc.parse.declaration import Access
from dinrail.plc.types.model import BOOL, UNKNOWN, AliasType, FunctionBlockType, InterfaceType, Type
from dinrail.plc.types.variable import Role, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations

EXIT, REINIT = "FB_EXIT", "FB_REINIT"
CONSTRUCTOR = "FB_INIT"
"""Never dispatched: each class's own is called, base first; so a derived one may take more."""

AFTER_INIT = "call_after_init"
"""The attribute of methods that run when an instance has its initial values (see after_init)."""

IMPLICIT = ("bInitRetains", "bInCopyCode")
"""What the system gives to FB_Init before what a declaration gives."""


def build_tables(declarations: Declarations, info: PouInfo) -> None:
    """Fills the tables of a function block or interface, and checks it against what it builds on."""
    if isinstance(info.type, InterfaceType):
        _interface(declarations, info, info.type)
    elif isinstance(info.type, FunctionBlockType):
        _block(declarations, info, info.type)
    else:
        for method in info.methods.values():
            if method.abstract:
                text = f"only function blocks have ABSTRACT methods; {info.name} is a {info.kind.value.lower()}"
                declarations.world.report.error(method.syntax.at, "abstract-method", text)


def _interface(declarations: Declarations, info: PouInfo, kind: InterfaceType) -> None:
    for base in kind.bases:
        kind.methods |= {name: method for name, method in base.methods.items() if name not in kind.methods}
    for name, method in info.methods.items():
        inherited = kind.methods.get(name)
        if inherited is not None and (difference := differs(method.function, inherited)):
            text = f"{method.name} differs from the one that {info.name} inherits: {difference}"
            declarations.world.report.error(method.syntax.at, "override-signature", text)
        kind.methods[name] = method.function


def _block(declarations: Declarations, info: PouInfo, block: FunctionBlockType) -> None:
    base = block.base
    block.body = info.function
    block.slots = dict(base.slots) if base else {"": 0}
    block.methods = dict(base.methods) if base else {}
    for name, method in info.methods.items():
        inherited = info.base.find_method(name) if info.base else None
        if inherited is not None:
            _check_override(declarations, info, method, inherited)
        block.methods[name] = method.function
        _check_implicit(declarations, name, method)
        if name == CONSTRUCTOR:
            _check_constructor(declarations, method)
        else:
            block.slots.setdefault(name, len(block.slots))
    _inherit_accessors(info)
    _check_abstract(declarations, info, block)
    for interface in block.interfaces:
        _check_implemented(declarations, info, block, interface)


def _check_constructor(declarations: Declarations, method: MethodInfo) -> None:
    """FB_Init gives BOOL and begins with the two parameters that the system gives it."""
    result, first = result_of(method.function), _seen(method.function)[:2]
    fits = result is not None and same_type(result.type, BOOL) and len(first) == len(IMPLICIT)
    if not fits or any(each.role is not Role.INPUT or not same_type(each.type, BOOL) for each in first):
        text = "FB_Init gives BOOL and begins with two inputs of the system's"
        hint = "METHOD FB_Init : BOOL VAR_INPUT bInitRetains : BOOL; bInCopyCode : BOOL; (* your own *) END_VAR"
        declarations.world.report.error(method.syntax.at, "fb-init-signature", text, hint)


def _check_implicit(declarations: Declarations, name: str, method: MethodInfo) -> None:
    """What the system calls with its own arguments: FB_Exit, FB_Reinit, methods with call_after_init."""
    seen, report, at = _seen(method.function), declarations.world.report, method.syntax.at
    result = result_of(method.function)
    if name == EXIT:
        fits = len(seen) == 1 and seen[0].role is Role.INPUT and same_type(seen[0].type, BOOL)
        if not fits or result is None or not same_type(result.type, BOOL):
            hint = "METHOD FB_Exit : BOOL VAR_INPUT bInCopyCode : BOOL; END_VAR"
            report.error(at, "fb-exit-signature", "FB_Exit gives BOOL and has one input, the system's", hint)
    elif name == REINIT:
        if seen or result is None or not same_type(result.type, BOOL):
            hint = "METHOD FB_Reinit : BOOL"
            report.error(at, "fb-reinit-signature", "FB_Reinit gives BOOL and has no parameters", hint)
    elif method.function.parameters and attribute(method.syntax.attributes, AFTER_INIT) is not None:
        text = f"{method.name} is called by the system (call_after_init): it can have no parameters"
        report.error(at, "call-after-init", text)


def _inherit_accessors(info: PouInfo) -> None:
    """A property that overrides one half of an inherited one keeps the other half."""
    for name, prop in info.properties.items():
        inherited = info.base.find_property(name) if info.base else None
        if inherited is not None:
            prop.getter = prop.getter or inherited.getter
            prop.setter = prop.setter or inherited.setter


def _check_override(declarations: Declarations, info: PouInfo, method: MethodInfo, inherited: MethodInfo) -> None:
    report, at = declarations.world.report, method.syntax.at
    owner = inherited.owner.name
    if inherited.final:
        text = f"{method.name} is FINAL in {owner}: {info.name} cannot override it"
        report.error(at, "final-overridden", text)
    elif inherited.access is Access.PRIVATE:
        text = f"{owner} has a PRIVATE {method.name}, which {info.name} can neither see nor override"
        report.error(at, "private-overridden", text, "take another name, or make it PROTECTED there")
    elif inherited.access is not method.access:
        text = f"{method.name} is {inherited.access.value} in {owner}, and {method.access.value} here"
        report.error(at, "override-access", text)
    elif method.name.upper() == CONSTRUCTOR:
        if difference := _prefix_differs(method.function, inherited.function):
            text = f"FB_Init of {info.name} must begin as that of {owner} does: {difference}"
            report.error(at, "override-signature", text, "its own parameters come behind the inherited ones")
    elif difference := differs(method.function, inherited.function):
        text = f"{method.name} overrides that of {owner}, but {difference}"
        report.error(at, "override-signature", text)


def _check_abstract(declarations: Declarations, info: PouInfo, block: FunctionBlockType) -> None:
    if block.abstract:
        return
    report = declarations.world.report
    for name, function in block.methods.items():
        if not function.is_abstract:
            continue
        own = info.methods.get(name)
        if own is not None:
            text = f"{own.name} is ABSTRACT, but {info.name} is not"
            report.error(own.syntax.at, "abstract-method", text, f"write FUNCTION_BLOCK ABSTRACT {info.name}")
        else:
            text = f"{info.name} does not implement {_shown(function)}, which is ABSTRACT"
            report.error(info.syntax.at, "not-implemented", text, "implement it, or make the function block ABSTRACT")


def _check_implemented(
    declarations: Declarations, info: PouInfo, block: FunctionBlockType, interface: InterfaceType
) -> None:
    report = declarations.world.report
    for name, wanted in interface.methods.items():
        function = block.methods.get(name)
        if function is None:
            if not block.abstract and interface not in (block.base.interfaces if block.base else ()):
                text = f"{info.name} does not implement {_shown(wanted)}"
                report.error(info.syntax.at, "not-implemented", text)
            elif not block.abstract and block.base is not None and block.base.abstract:
                text = f"{info.name} does not implement {_shown(wanted)}, which {block.base.name} leaves open"
                report.error(info.syntax.at, "not-implemented", text)
            continue
        own = info.methods.get(name)
        at = own.syntax.at if own else info.syntax.at
        if difference := differs(function, wanted):
            text = f"{_short(function)} does not implement {_shown(wanted)}: {difference}"
            report.error(at, "override-signature", text)
        elif own is not None and own.access not in (Access.PUBLIC, Access.INTERNAL):
            text = f"{own.name} implements {_shown(wanted)}, so it cannot be {own.access.value}"
            report.error(at, "override-access", text)


def _short(function: Function) -> str:
    return function.name.partition(".")[2]


def _shown(function: Function) -> str:
    """`I_Axis.Speed (get)` for `I_Axis.Speed.get`."""
    for which in ("get", "set"):
        if function.name.endswith(f".{which}") and function.name.count(".") > 1:
            return f"{function.name[: -len(which) - 1]} ({which})"
    return function.name


def differs(one: Function, other: Function) -> str:
    """What a caller could see between two methods, as half a sentence; empty when nothing.

    Names count too: a call may name its arguments, and is bound to the method that is seen statically.
    """
    mine, theirs = _seen(one), _seen(other)
    if len(mine) != len(theirs):
        return f"takes {_count(len(mine))} instead of {_count(len(theirs))}"
    for own, wanted in zip(mine, theirs, strict=True):
        if own.name.upper() != wanted.name.upper():
            return f"has {own.name} where {wanted.name} is expected"
        if own.role is not wanted.role:
            return f"has {own.name} as {own.role.value} instead of {wanted.role.value}"
        if not same_type(own.type, wanted.type):
            return f"{own.name} is {own.type.name} instead of {wanted.type.name}"
    return _result_differs(one, other)


def _prefix_differs(one: Function, other: Function) -> str:
    mine, theirs = _seen(one), _seen(other)
    for number, wanted in enumerate(theirs):
        own = mine[number] if number < len(mine) else None
        if own is None:
            return f"{wanted.name} is missing"
        if own.name.upper() != wanted.name.upper() or not same_type(own.type, wanted.type):
            return f"{own.name} : {own.type.name} stands where {wanted.name} : {wanted.type.name} is expected"
    return ""


def _result_differs(one: Function, other: Function) -> str:
    mine, theirs = result_of(one), result_of(other)
    if mine is None and theirs is not None:
        return f"has no result; {theirs.type.name} is expected"
    if mine is not None and theirs is None:
        return f"has a result of type {mine.type.name}; none is expected"
    if mine is not None and theirs is not None and not same_type(mine.type, theirs.type):
        return f"gives {mine.type.name} instead of {theirs.type.name}"
    return ""


def result_of(function: Function) -> Variable | None:
    """The result, whether it is held in a register or in the caller's memory."""
    if function.result is not None:
        return function.result
    first = function.parameters[0] if function.parameters else None
    return first if first is not None and first.role is Role.RESULT else None


def _seen(function: Function) -> list[Variable]:
    return [each for each in function.parameters if each.role not in (Role.RESULT, Role.HIDDEN)]


def _count(number: int) -> str:
    return "one parameter" if number == 1 else f"{number} parameters"


def same_type(one: Type, other: Type) -> bool:
    """Whether two types are the same to a caller: an alias is what it stands for, unless it has limits of its own.

    What was reported already counts as the same.
    """
    one, other = _meant(one), _meant(other)
    if one is UNKNOWN or other is UNKNOWN or one == other:
        return True
    if isinstance(one, AliasType) and isinstance(other, AliasType):
        limits = (one.low, one.high) == (other.low, other.high)
        return limits and one.low is not None and same_type(one.target, other.target)
    return False


def _meant(kind: Type) -> Type:
    while isinstance(kind, AliasType) and kind.low is None:
        kind = kind.target
    return kind
