"""Written types to types."""

from __future__ import annotations

from dinrail.plc.check.world import Scope, World
from dinrail.plc.parse.declaration import TypeExpr
from dinrail.plc.types.model import Type


def type_of(world: World, scope: Scope, expr: TypeExpr) -> Type:
    """The type that was written; UNKNOWN when there is none such, which has then been reported."""
    raise NotImplementedError
