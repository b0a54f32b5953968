"""SIZEOF, ADR, bounds of arrays, the clock, references, interfaces' queries, __NEW and __DELETE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.after_init import after_statements
from dinrail.plc.check.conversions import loaded, name_of
from dinrail.plc.check.effects import pinned
from dinrail.plc.check.initial import initialise_statements
from dinrail.plc.check.leaving import delete_statements
from dinrail.plc.check.literals import text_constant
from dinrail.plc.check.operand import Operand, TypeRef
from dinrail.plc.check.places import open_bounds
from dinrail.plc.check.world import PouInfo
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Comparison, Constant, Intrinsic, IntrinsicCall
from dinrail.plc.core.statement import Assign, Evaluate, Fill, If, Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import NOWHERE, Place, column_of, line_of, source_index_of
from dinrail.plc.types.model import (
    BOOL,
    DINT,
    DWORD,
    LINT,
    LTIME,
    TIME,
    ULINT,
    AnyType,
    ArrayType,
    FunctionBlockType,
    InterfaceType,
    OpenArrayType,
    PointerType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Area

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.plc.check.elaborator import Elaborator

    Builtin = Callable[[Elaborator, syntax.Call, list[syntax.Expr], Type | None], Operand]


def type_named(e: Elaborator, node: syntax.Expr) -> Type | None:
    """The type that an argument names; None when it is a value."""
    if not isinstance(node, syntax.Name | syntax.Member):
        return None
    found = e.found(node)
    if isinstance(found, TypeRef):
        return found.type
    return found.type if isinstance(found, PouInfo) else None


def _sizeof(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """The size in bytes of a type or variable: a constant."""
    kind = type_named(e, arguments[0])
    if kind is None:
        kind = e.operand(arguments[0]).type
    final = resolve(kind) if kind is not None else None
    if kind is None or isinstance(final, OpenArrayType | AnyType):
        raise e.told(node.at, "sizeof", f"the size of {name_of(kind)} is not known here")
    e.world.ensure_type(kind)
    return Operand(DINT, Constant(node.at, LINT, kind.size_bytes), loose=True)


def _adr(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    operand = e.operand(arguments[0])
    place = operand.place
    if isinstance(place, core.BitAt) and isinstance(place.base, core.FieldAt) and place.base.field.bit >= 0:
        place = place.base  # a BIT of a structure: its byte, as TwinCAT has it
    if place is None or isinstance(place, core.BitAt):
        what = "a bit" if place is not None else "a value"
        raise e.told(node.at, "adr", f"ADR needs a variable: {what} has no address of its own")
    kind = resolve(place.type)
    target = kind.element if isinstance(kind, OpenArrayType) else place.type
    return Operand(PointerType(target), build.address(place, node.at))


def _bound(upper: bool) -> Builtin:
    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
        array = e.operand(arguments[0])
        kind = resolve(array.type) if array.type is not None else None
        number = e.value(arguments[1], DINT)
        if not isinstance(kind, ArrayType | OpenArrayType) or array.place is None:
            raise e.told(node.at, "index", f"{name_of(array.type)} is no array, it has no bounds")
        rank = len(kind.dimensions) if isinstance(kind, ArrayType) else kind.rank
        if not isinstance(number, Constant) or not 1 <= number.value <= rank:
            raise e.told(arguments[1].at, "index-count", f"{kind.name} has dimensions 1 to {rank}")
        position = int(number.value) - 1
        if isinstance(kind, ArrayType):
            return Operand(DINT, build.number(kind.dimensions[position][upper], DINT, node.at))
        bounds = open_bounds(e, array.place, node.at)
        return Operand(DINT, build.converted(bounds[position][upper], DINT, node.at))

    return function


def _time(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """TIME(): ms since the control began."""
    if arguments:
        raise e.told(node.at, "argument-count", "TIME() takes no argument", "TO_TIME(...) converts")
    now = IntrinsicCall(node.at, Intrinsic.PRECISE_TIME, [], ULINT)
    ms = build.binary(BinaryOperator.DIVIDE, now, build.number(1_000_000, ULINT, node.at), ULINT, node.at)
    return Operand(TIME, build.converted(ms, TIME, node.at))


def _ltime(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """LTIME(): the same in ns."""
    if arguments:
        raise e.told(node.at, "argument-count", "LTIME() takes no argument", "TO_LTIME(...) converts")
    return Operand(LTIME, build.converted(IntrinsicCall(node.at, Intrinsic.PRECISE_TIME, [], ULINT), LTIME, node.at))


# ----------------------------------------------------------------------------------- references and interfaces


def _not_zero(value: core.Expression, at: Place) -> core.Expression:
    return build.compare(Comparison.UNEQUAL, value, build.number(0, ULINT, at), at)


def _isvalidref(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    operand = e.raw(arguments[0])
    kind = resolve(operand.type) if operand.type is not None else None
    if not isinstance(kind, PointerType) or not kind.is_reference:
        raise e.told(node.at, "reference", f"__ISVALIDREF is for references, this is {name_of(operand.type)}")
    return Operand(BOOL, _not_zero(loaded(operand, node.at), node.at))


def _receiver(e: Elaborator, node: syntax.Expr) -> core.Expression:
    """The address of what an interface, a pointer or an instance is."""
    operand = e.operand(node)
    kind = resolve(operand.type) if operand.type is not None else None
    if isinstance(kind, FunctionBlockType) and operand.place is not None:
        return build.address(operand.place, node.at)
    if isinstance(kind, InterfaceType):
        return loaded(operand, node.at)
    if isinstance(kind, PointerType) and isinstance(resolve(kind.target) if kind.target else None, FunctionBlockType):
        return loaded(operand, node.at)
    raise e.told(node.at, "query", f"this asks an interface or an instance, not {name_of(operand.type)}")


def _query(pointer: bool) -> Builtin:
    """__QUERYINTERFACE(from, to), __QUERYPOINTER(from, to): whether it is one; `to` is it then, else 0."""

    def function(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
        receiver = _receiver(e, arguments[0])
        goal = e.target(arguments[1])
        kind = resolve(goal.type) if isinstance(goal, Operand) and goal.type is not None else None
        target = resolve(kind.target) if pointer and isinstance(kind, PointerType) and kind.target is not None else kind
        wanted = FunctionBlockType if pointer else InterfaceType
        if not isinstance(goal, Operand) or goal.place is None or not isinstance(target, wanted):
            what = "a pointer to a function block" if pointer else "an interface"
            raise e.told(arguments[1].at, "query", f"the second argument is a variable that holds {what}")
        at = node.at
        before: list[Statement] = []
        place = pinned(e, goal.place, before, at)
        before.append(Assign(at, place, core.QueryInterface(at, receiver, target, ULINT)))
        found = _not_zero(core.Load(at, place, ULINT), at)
        return Operand(BOOL, core.Sequence(at, before, found, BOOL))

    return function


# ----------------------------------------------------------------------------------------------- the heap


def _new(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """__NEW(type), __NEW(type, count), __NEW(FB_X(a := 1)): a pointer, 0 when there is no memory left."""
    at = node.at
    first = arguments[0]
    given = first.arguments if isinstance(first, syntax.Call) else []
    written = first.callee if isinstance(first, syntax.Call) else first
    kind = type_named(e, written)
    if kind is None:
        raise e.told(written.at, "new", "__NEW needs a type", "__NEW(FB_X), __NEW(INT, 10)")
    final = resolve(kind)
    if isinstance(final, FunctionBlockType) and final.abstract:
        raise e.told(written.at, "abstract", f"{final.name} is ABSTRACT: it has no instances")
    count = e.value(arguments[1], ULINT) if len(arguments) > 1 else build.number(1, ULINT, at)
    if isinstance(final, FunctionBlockType) and len(arguments) > 1:
        raise e.told(arguments[1].at, "new", "function blocks are created one by one")
    size = build.number(kind.size_bytes, ULINT, at)
    bytes_ = build.binary(BinaryOperator.MULTIPLY, count, size, ULINT, at)
    address = e.temporary(ULINT, at)
    value = core.Load(at, address, ULINT)
    taken = Assign(at, address, IntrinsicCall(at, Intrinsic.ALLOCATE, [bytes_], ULINT))
    place = core.DerefAt(at, value, kind)
    image = e.default_bytes(kind)
    then: list[Statement] = [Fill(at, place, image)] if any(image) else []
    then += initialise_statements(e, place, kind, at, given)
    then += after_statements(e, place, kind, at)
    statements: list[Statement] = [taken]
    if then:
        statements.append(If(at, _not_zero(value, at), then, []))
    return Operand(PointerType(kind), core.Sequence(at, statements, value, ULINT))


def _delete(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """__DELETE(p): FB_Exit, the memory given back, the pointer 0. Nothing happens to a pointer that is 0."""
    at = node.at
    if isinstance(arguments[0], syntax.This):
        own = e.operand(arguments[0])
        whole = resolve(own.type) if own.type is not None else None
        address = loaded(own, at)
        freed = delete_statements(e, whole.target, address, at) if isinstance(whole, PointerType) else []
        return Operand(None, after=[*freed, Evaluate(at, IntrinsicCall(at, Intrinsic.RELEASE, [address], BOOL))])
    goal = e.target(arguments[0])
    kind = resolve(goal.type) if isinstance(goal, Operand) and goal.type is not None else None
    if not isinstance(goal, Operand) or not isinstance(kind, PointerType) or goal.place is None:
        raise e.told(node.at, "delete", "__DELETE needs a variable that holds a pointer")
    before: list[Statement] = []
    place = pinned(e, goal.place, before, at)
    value = core.Load(at, place, ULINT)
    then = delete_statements(e, kind.target, value, at)
    then.append(Evaluate(at, IntrinsicCall(at, Intrinsic.RELEASE, [value], BOOL)))
    then.append(Assign(at, place, build.number(0, ULINT, at)))
    return Operand(None, after=[*before, If(at, _not_zero(value, at), then, [])])


def _pouname(e: Elaborator, node: syntax.Call, _arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """__POUNAME(): the name of the code that it stands in, as a STRING."""
    return text_constant(e.function.name.encode("cp1252", "replace"), node.at)


def _position(e: Elaborator, node: syntax.Call, _arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """__POSITION(): where it stands, in a declaration or body, as a STRING. Lines are those of its file.

    Source: Beckhoff Information System, TwinCAT 3 PLC, "__POSITION".
    """
    owner = e.scope.method.syntax if e.scope.method is not None else e.scope.pou.syntax if e.scope.pou else None
    begin = owner.body_at if owner is not None else NOWHERE
    is_body = begin != NOWHERE and source_index_of(node.at) == source_index_of(begin) and node.at >= begin
    text = f", Column {column_of(node.at)} (Impl)" if is_body else " (Decl)"
    return text_constant(f"Line {line_of(node.at)}{text}".encode(), node.at)


_SEGMENTS = {Area.MARKER: 0x40000000, Area.INPUT: 0x80000000, Area.OUTPUT: 0xC0000000}


def _bitadr(e: Elaborator, node: syntax.Call, arguments: list[syntax.Expr], _want: Type | None) -> Operand:
    """BITADR(variable): its area in the upper four bits, and its bit's number in the area, of a written address.

    Source: Beckhoff Information System, TwinCAT 3 PLC, "BITADR".
    """
    place = e.operand(arguments[0]).place
    place = place.base if isinstance(place, core.BitAt) else place
    variable = place.variable if isinstance(place, core.VariableAt) else None
    if variable is None or variable.area is None or variable.offset_bytes < 0:
        raise e.told(node.at, "adr", "BITADR needs a variable with a written address", "AT %MX3.5, not AT %M*")
    number = _SEGMENTS[variable.area] + 8 * variable.offset_bytes + max(variable.bit, 0)
    return Operand(DWORD, build.number(number, DWORD, node.at))


TABLE: dict[str, tuple[Builtin, int, int]] = {
    "SIZEOF": (_sizeof, 1, 1),
    "XSIZEOF": (_sizeof, 1, 1),
    "ADR": (_adr, 1, 1),
    "UPPER_BOUND": (_bound(True), 2, 2),
    "LOWER_BOUND": (_bound(False), 2, 2),
    "TIME": (_time, 0, 1),
    "LTIME": (_ltime, 0, 1),
    "__ISVALIDREF": (_isvalidref, 1, 1),
    "__QUERYINTERFACE": (_query(False), 2, 2),
    "__QUERYPOINTER": (_query(True), 2, 2),
    "__POUNAME": (_pouname, 0, 0),
    "__POSITION": (_position, 0, 0),
    "BITADR": (_bitadr, 1, 1),
    "__NEW": (_new, 1, 2),
    "__DELETE": (_delete, 1, 1),
}
