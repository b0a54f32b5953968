"""Functions that the language has: by name to the room that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import builtin_bits, builtin_choice, builtin_maths, builtin_memory, intrinsics
from dinrail.plc.check.builtin_convert import conversion_named, convert
from dinrail.plc.check.operand import Operand
from dinrail.plc.parse import expression as syntax
from dinrail.plc.types.model import Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from dinrail.plc.check.elaborator import Elaborator

    Builtin = Callable[[Elaborator, syntax.Call, list[syntax.Expr], Type | None], Operand]

_TABLE: dict[str, tuple[Builtin, int, int]] = {
    **builtin_maths.TABLE,
    **builtin_bits.TABLE,
    **builtin_choice.TABLE,
    **builtin_memory.TABLE,
}
"""(function, fewest and most arguments) by upper-case name."""

_NAMES = {
    "SEL": ("G", "IN0", "IN1"),
    "LIMIT": ("MN", "IN", "MX"),
    **dict.fromkeys(("SHL", "SHR", "ROL", "ROR"), ("IN", "N")),
}
"""Formal names, where the standard gives them in another order than IN, IN1, IN2."""


def is_builtin(e: Elaborator, name: str) -> bool:
    """Whether a name means one; __INTRINSIC_ names only in libraries."""
    if name in _TABLE or conversion_named(name) is not None:
        return True
    return name.startswith(intrinsics.PREFIX) and e.scope.pou is not None and e.scope.pou.from_library


def call(e: Elaborator, name: str, node: syntax.Call, want: Type | None) -> Operand:
    """A call of one."""
    arguments = _ordered(e, name, node)
    if name.startswith(intrinsics.PREFIX):
        return intrinsics.call(e, name, node, arguments)
    entry = _TABLE.get(name)
    if entry is None:
        return convert(e, name, node, _counted(e, name, node, arguments, 1, 1))
    function, fewest, most = entry
    return function(e, node, _counted(e, name, node, arguments, fewest, most), want)


def _ordered(e: Elaborator, name: str, node: syntax.Call) -> list[syntax.Expr]:
    """The arguments by position; those with names where their names say."""
    out: list[syntax.Expr | None] = []
    for argument in node.arguments:
        value = argument.value
        if value is None or argument.passing is syntax.Passing.OUTPUT:
            raise e.told(argument.at, "no-output", f"{name} has no outputs")
        position = len(out)
        if argument.name:
            position = _position(e, name, argument, position)
        out += [None] * (position + 1 - len(out))
        out[position] = value
    if None in out:
        raise e.told(node.at, "missing-argument", f"{name} needs a value for each of its inputs")
    return [value for value in out if value is not None]


def _position(e: Elaborator, name: str, argument: syntax.Argument, position: int) -> int:
    formal = argument.name.upper()
    names = _NAMES.get(name)
    if names is None:
        if formal == "K" and name == "MUX":
            return 0
        if formal.startswith("IN") and (formal == "IN" or formal[2:].isdecimal()):
            return position
    elif formal in names:
        return names.index(formal)
    raise e.told(argument.at, "no-input", f"{argument.name} is no input of {name}")


def _counted(
    e: Elaborator, name: str, node: syntax.Call, arguments: list[syntax.Expr], fewest: int, most: int
) -> list[syntax.Expr]:
    count = len(arguments)
    if fewest <= count <= most:
        return arguments
    for value in arguments:
        e.attempt(value)
    takes = str(fewest) if fewest == most else f"{fewest} to {most}" if most < 1000 else f"at least {fewest}"
    raise e.told(node.at, "argument-count", f"{name} takes {takes} argument{'s' * (most != 1)}, {count} given")
