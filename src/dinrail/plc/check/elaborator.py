"""Bodies to core: the one object that carries what the rooms around it need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from dinrail.plc.check import (
    aggregates,
    assigning,
    builtins,
    calls,
    conversions,
    literals,
    lookup,
    members,
    operators,
    places,
    statements,
)
from dinrail.plc.check.initial import default_bytes
from dinrail.plc.check.operand import (
    ActionRef,
    BuiltinRef,
    Found,
    MethodRef,
    Operand,
    PropertyRef,
    Told,
    TypeRef,
)
from dinrail.plc.check.world import MethodInfo, PouInfo, Scope, World
from dinrail.plc.core import expression as core
from dinrail.plc.core.program import Function
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse.declaration import PouKind
from dinrail.plc.parse.expression import Argument, Expr
from dinrail.plc.parse.statement import Stmt
from dinrail.plc.source import Place
from dinrail.plc.types.model import FunctionBlockType, PointerType, ScalarType, Type, held_as, resolve
from dinrail.plc.types.variable import Role, Storage, Variable

Result = TypeVar("Result")


class Elaborator:
    """Checks one body. Temporaries go to `function.locals`.

    `value`, `location`, `operand`, `found`, `call_method` raise Told once the fault is in the report; `statements` and
    `assign` catch it and go on behind.
    """

    def __init__(self, world: World, scope: Scope, function: Function) -> None:
        self.world = world
        self.scope = scope
        self.function = function
        self.report = world.report
        self.names: dict[str, Variable] = {}  # variables by their names as written, once found
        self.wide = world.options.wide_intermediates
        self.loops = 0
        self.loop_names: list[str] = []
        self.guarded: list[int] = []
        self.labels: dict[str, Place] = {}
        self.jumps: list[tuple[str, Place]] = []
        self.result_named = False
        self.taken: list[Variable] = []
        self.free: dict[Type, list[Variable]] = {}

    # -------------------------------------------------------------------------------------- what others call

    def statements(self, body: list[Stmt]) -> list[Statement]:
        """A whole body. What is wrong in one statement does not hide what is wrong in the next."""
        out = statements.block(self, body)
        statements.check_jumps(self)
        statements.check_result(self, body)
        return out

    def value(self, expr: Expr, want: Type | None = None) -> core.Expression:
        """A scalar, converted to `want` (as an assignment would) when that is given."""
        if want is None:
            return conversions.loaded(self.scalar(self.operand(expr), expr.at), expr.at)
        if type(want) is not ScalarType:
            final = resolve(want)
            if isinstance(final, PointerType) and final.is_reference:
                return assigning.reference_to(self, expr, final)
        return conversions.to_scalar(self, self.operand(expr, want), want, expr.at)

    def location(self, expr: Expr) -> core.Location:
        """The place that an expression names; of a computed value: a temporary."""
        return self.placed(self.operand(expr), expr.at)

    def assign(self, target: core.Location, expr: Expr, at: Place, *, reference: bool = False) -> list[Statement]:
        """`target := expr`, for every type, array and structure initialisers included. reference: as `REF=`.

        A target that is a reference variable is made to refer, with and without `reference`: that is initialising.
        """
        final = resolve(target.type)
        if reference and not (isinstance(final, PointerType) and final.is_reference):
            raise TypeError("REF= to what is no reference")
        try:
            return self.initialise(target, expr, at)
        except Told:
            return []

    def call_method(
        self, receiver: core.Location, method: MethodInfo, arguments: list[Argument], at: Place
    ) -> core.Expression:
        """`receiver.method(arguments)`, of exactly that method: not dispatched. Its result is a scalar, or nothing."""
        found = calls.method_call(self, MethodRef(method, receiver, exact=True), method, arguments, at)
        found = calls.settle(self, found, at)
        if found.value is None:
            raise TypeError("the result is no scalar")
        return found.value

    def block(self, body: list[Stmt]) -> list[Statement]:
        """A part of the body."""
        return statements.block(self, body)

    # -------------------------------------------------------------------------------------------- expressions

    def found(self, expr: Expr, want: Type | None = None) -> Found:
        """What an expression names, references not followed."""
        return _FOUND[type(expr)](self, expr, want)

    def raw(self, expr: Expr) -> Operand:
        """An operand, a reference not followed."""
        found = self.found(expr)
        return found if isinstance(found, Operand) else self.as_operand(found, expr.at)

    def operand(self, expr: Expr, want: Type | None = None) -> Operand:
        """A value or place; properties read, references followed."""
        found = _FOUND[type(expr)](self, expr, want)
        if type(found) is Operand:
            if type(found.type) is ScalarType:
                return found
            return places.followed(found, expr.at)
        return self.as_operand(found, expr.at)

    def as_operand(self, found: Found, at: Place) -> Operand:
        """A found thing as a value or place."""
        if isinstance(found, Operand):
            return places.followed(found, at)
        if isinstance(found, PropertyRef):
            return places.followed(calls.settle(self, calls.property_value(self, found, at), at), at)
        raise self.told(at, *_no_value(found))

    def converted(self, operand: Operand, want: Type, at: Place) -> Operand:
        """The operand as a scalar of that type."""
        return Operand(want, conversions.to_scalar(self, operand, want, at))

    def attempt(self, expr: Expr) -> None:
        """Looks at an expression for what is wrong in it only."""
        with suppress(Told):
            self.found(expr)

    def scalar(self, operand: Operand, at: Place) -> Operand:
        """The operand, if it is a scalar."""
        if operand.type is None:
            raise self.told(at, "no-value", "this call gives nothing")
        if operand.value is None and held_as(operand.type) is None:
            raise self.told(at, "no-value", f"a {operand.type.name} is no single value")
        return operand

    def placed(self, operand: Operand, at: Place) -> core.Location:
        """Where an operand lies; a computed scalar is put into a temporary."""
        if operand.place is not None:
            return operand.place
        if operand.type is None:
            raise self.told(at, "no-value", "this call gives nothing")
        temporary = self.temporary(operand.type, at)
        before = assigning.put(self, temporary, operand.type, operand, at, at)
        return core.SequenceAt(at, before, temporary, operand.type)

    def target(self, expr: Expr) -> Operand | PropertyRef:
        """What may be assigned to."""
        return assigning.target(self, expr)

    def initialise(self, place: core.Location, expr: Expr, at: Place) -> list[Statement]:
        """Gives a place its first value."""
        return assigning.initialise(self, place, expr, at)

    def initialise_aggregate(
        self, place: core.Location, node: syntax.ArrayInit | syntax.StructInit, at: Place
    ) -> list[Statement]:
        """The same from `[...]` or `(a := ...)`."""
        return aggregates.initialise_aggregate(self, place, node, at)

    def set_property(self, target: PropertyRef, value: Callable[[Type], calls.Arguments], at: Place) -> list[Statement]:
        """`instance.Property := value`."""
        return calls.property_set(self, target, value, at)

    # ----------------------------------------------------------------------------------------------- services

    def told(self, at: Place, rule: str, text: str, hint: str = "") -> Told:
        """Reports an error; the exception to raise then."""
        self.report.error(at, rule, text, hint)
        return Told(text)

    def temporary(self, kind: Type, at: Place) -> core.VariableAt:
        """A local of the compiler's own, new or given back by a statement before."""
        free = self.free.get(kind)
        if free:
            variable = free.pop()
        else:
            name = f"__t{len(self.function.locals)}"
            variable = Variable(name, kind, Storage.LOCAL, Role.HIDDEN, at)
            self.function.locals.append(variable)
        self.taken.append(variable)
        return core.VariableAt(at, variable, kind)

    def give_back(self, mark: int) -> None:
        """Temporaries taken since `len(taken)` was `mark` may serve others: nothing reads them any more.

        Texts make many, and the stack of each task is locked in memory as deep as it can get.
        """
        for variable in self.taken[mark:]:
            self.free.setdefault(variable.type, []).append(variable)
        del self.taken[mark:]

    def within(self, scope: Scope, what: Callable[[], Result]) -> Result:
        """Does something as if the code stood in another scope (defaults of parameters)."""
        mine, names = self.scope, self.names
        self.scope, self.names = scope, {}
        try:
            return what()
        finally:
            self.scope, self.names = mine, names

    def default_bytes(self, kind: Type) -> bytes:
        """A type's default value in memory."""
        return default_bytes(self.world, kind)

    def is_leaf(self, kind: Type) -> bool:
        """Whether no class extends that one."""
        extended = self.world.extended
        if extended is None:
            extended = {id(info.base.type) for info in self.world.pous.values() if info.base is not None}
            self.world.extended = extended
        return isinstance(kind, FunctionBlockType) and id(kind) not in extended

    def is_builtin(self, name: str) -> bool:
        """Whether the language has a function of that upper-case name."""
        return builtins.is_builtin(self, name)

    def builtin(self, name: str, node: syntax.Call, want: Type | None) -> Operand:
        """A call of one."""
        return builtins.call(self, name, node, want)

    def call_function(self, info: PouInfo, node: syntax.Call) -> Operand:
        """A call of that function, whatever its callee is named."""
        return calls.settle(self, calls.invoked(self, info, node), node.at)

    def note_assignment(self, expr: Expr, at: Place) -> None:
        """Warns when a loop's own variable is assigned to."""
        if self.loop_names and type(expr) is syntax.Name and expr.text.upper() in self.loop_names:
            self.report.warning(at, "loop-variable", f"the FOR loop's variable {expr.text} is changed inside of it")


def _no_value(found: Found) -> tuple[str, str, str]:
    """Rule, text and hint for what is no value."""
    if isinstance(found, MethodRef):
        name = found.info.name
        return "missing-parentheses", f"the method {name} is called with parentheses", f"{name}()"
    if isinstance(found, ActionRef):
        name = found.function.name.rpartition(".")[2]
        return "missing-parentheses", f"the action {name} is called with parentheses", f"{name}()"
    if isinstance(found, PouInfo):
        if found.kind in (PouKind.FUNCTION, PouKind.PROGRAM):
            word = found.kind.value.lower()
            return "missing-parentheses", f"the {word} {found.name} is called with parentheses", f"{found.name}(...)"
        return "no-instance", f"{found.name} is a type: it needs an instance", f"declare one: x : {found.name};"
    if isinstance(found, TypeRef):
        return "no-value", f"{found.type.name} is a type, not a value", ""
    if isinstance(found, BuiltinRef):
        return "missing-parentheses", f"{found.name} is called with parentheses", f"{found.name}(...)"
    return "no-value", f"{getattr(found, 'name', '')} holds variables, it is no value itself", ""


def _call(e: Elaborator, node: syntax.Call, want: Type | None) -> Operand:
    return calls.settle(e, calls.call(e, node, want), node.at)


def _initialiser(e: Elaborator, node: syntax.ArrayInit | syntax.StructInit, want: Type | None) -> Operand:
    what = "[...] is for arrays" if isinstance(node, syntax.ArrayInit) else "(... := ...) is for structures"
    raise e.told(node.at, "initialiser", f"{what}, this is {want.name}" if want is not None else what)


_FOUND: dict[type, Callable[[Elaborator, Any, Type | None], Found]] = {
    syntax.Name: lookup.name,
    syntax.GlobalName: lookup.global_name,
    syntax.Literal: literals.literal,
    syntax.DirectAddress: places.direct,
    syntax.Member: members.member,
    syntax.BitOf: places.bit,
    syntax.Index: places.index,
    syntax.Deref: places.deref,
    syntax.This: places.this,
    syntax.Super: places.super_,
    syntax.Call: _call,
    syntax.Unary: operators.unary,
    syntax.Binary: operators.binary,
    syntax.Assignment: assigning.assignment,
    syntax.ArrayInit: _initialiser,
    syntax.StructInit: _initialiser,
}
