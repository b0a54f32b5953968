"""Bodies to core: the one object that carries what the rooms around it need."""

from __future__ import annotations

from dinrail.plc.check.operand import Found, Operand, Told
from dinrail.plc.check.world import MethodInfo, Scope, World
from dinrail.plc.core import expression as core
from dinrail.plc.core.program import Function
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse.declaration import TypeExpr
from dinrail.plc.parse.expression import Argument, Expr
from dinrail.plc.parse.statement import Stmt
from dinrail.plc.source import Place
from dinrail.plc.types.model import Type


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

    def statements(self, body: list[Stmt]) -> list[Statement]:
        """A body, or a part of it."""
        raise NotImplementedError

    def value(self, expr: Expr, want: Type | None = None) -> core.Expression:
        """A scalar, converted to `want` (as an assignment would) when that is given."""
        raise NotImplementedError

    def location(self, expr: Expr) -> core.Location:
        """The place that an expression names; of a computed aggregate: the temporary."""
        raise NotImplementedError

    def assign(self, target: core.Location, expr: Expr, at: Place, *, reference: bool = False) -> list[Statement]:
        """`target := expr`, for every type, array and structure initialisers included. reference: as `REF=`."""
        raise NotImplementedError

    def call_method(
        self, receiver: core.Location, method: MethodInfo, arguments: list[Argument], at: Place
    ) -> core.Expression:
        """`receiver.method(arguments)`, of exactly that method: not dispatched."""
        raise NotImplementedError
