"""How often each value of `[...]` stands there."""

from __future__ import annotations

from dinrail.plc.check.world import Scope
from dinrail.plc.parse.expression import ArrayInit, Call, Expr, Name, Passing
from dinrail.plc.types.variable import Variable


def repeated(node: ArrayInit, scope: Scope) -> list[tuple[Expr | None, Expr | None]]:
    """(count, value) of each item, as in ArrayInit. `cCount(0)` looks like a call: it repeats where that is a
    constant."""
    return [_item(count, value, scope) for count, value in node.items]


def _item(count: Expr | None, value: Expr | None, scope: Scope) -> tuple[Expr | None, Expr | None]:
    if count is not None or type(value) is not Call or type(value.callee) is not Name or len(value.arguments) > 1:
        return count, value
    found = scope.find(value.callee.text.upper())
    if not isinstance(found, Variable) or not found.constant:
        return count, value
    given = value.arguments[0] if value.arguments else None
    if given is not None and given.passing is not Passing.POSITION:
        return count, value
    return value.callee, given.value if given is not None else None
