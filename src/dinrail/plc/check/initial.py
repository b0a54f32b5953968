"""What variables start with: constant bytes, and statements where bytes cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dinrail.plc.check.world import World
from dinrail.plc.core.expression import Location
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse.expression import Argument
from dinrail.plc.source import Place
from dinrail.plc.types.model import Type

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


def default_bytes(world: World, kind: Type) -> bytes:
    """The constant image of a type's default value, `kind.size_bytes` long, numbers of classes included."""
    raise NotImplementedError


def initialise_statements(
    elaborator: Elaborator, location: Location, kind: Type, at: Place, arguments: Sequence[Argument] = ()
) -> list[Statement]:
    """What is left to do after `default_bytes` are in place: references, located fields, FB_Init of the instance and of
    those in it. Empty for most types. arguments: those written for FB_Init (behind its two implicit ones)."""
    raise NotImplementedError
