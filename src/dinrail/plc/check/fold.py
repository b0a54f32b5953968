"""Constant folding, exactly as dinrail.plc.core defines what runs."""

from __future__ import annotations

from dinrail.plc.check.world import Scope, World
from dinrail.plc.parse.expression import Expr
from dinrail.plc.types.model import Type


def constant(world: World, scope: Scope, expr: Expr, want: Type | None) -> tuple[Type, int | float | bool | bytes] | None:
    """(type, value) of a constant expression, converted to `want` when given; a text is its bytes with the NUL.

    Reports an error and gives None when it is no constant, or wrong.
    """
    raise NotImplementedError
