"""`__INTRINSIC_<NAME>(...)`: what the machine does, for the standard library's text only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check.operand import Operand
from dinrail.plc.core.expression import Intrinsic, IntrinsicCall
from dinrail.plc.parse import expression as syntax
from dinrail.plc.types.model import BOOL, BYTE, DINT, LREAL, REAL, ULINT, ScalarType

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

PREFIX = "__INTRINSIC_"

_SHAPES: dict[Intrinsic, tuple[tuple[ScalarType, ...], ScalarType]] = {
    Intrinsic.COPY_MEMORY: ((ULINT, ULINT, ULINT), ULINT),
    Intrinsic.FILL_MEMORY: ((ULINT, BYTE, ULINT), ULINT),
    Intrinsic.COMPARE_MEMORY: ((ULINT, ULINT, ULINT), DINT),
    Intrinsic.TEST_AND_SET: ((ULINT,), BOOL),
    Intrinsic.CYCLE_TIME: ((), ULINT),
    Intrinsic.TASK_TIME: ((), ULINT),
    Intrinsic.WALL_TIME: ((), ULINT),
    Intrinsic.TASK_INDEX: ((), DINT),
    Intrinsic.CYCLE_COUNT: ((), ULINT),
    Intrinsic.FIRST_CYCLE: ((), BOOL),
    Intrinsic.PRECISE_TIME: ((), ULINT),
    Intrinsic.ALLOCATE: ((ULINT,), ULINT),
    Intrinsic.RELEASE: ((ULINT,), BOOL),
    Intrinsic.LOG: ((ULINT, DINT), BOOL),
    Intrinsic.FAULT: ((DINT,), BOOL),
}
"""Arguments and result; those that are missing are of floats: LREAL, or REAL when the first argument is one."""

_TWO = (Intrinsic.ATAN2, Intrinsic.POWER, Intrinsic.FMOD)
_BY_NAME = {one.value.upper(): one for one in Intrinsic} | {one.name: one for one in Intrinsic}


def call(e: Elaborator, name: str, node: syntax.Call, arguments: list[syntax.Expr]) -> Operand:
    """One of them, by the name of the machine's function or of the intrinsic."""
    intrinsic = _BY_NAME.get(name.removeprefix(PREFIX))
    if intrinsic is None:
        raise e.told(node.at, "undeclared", f"there is no intrinsic {name}")
    shape = _SHAPES.get(intrinsic)
    if shape is None:
        first = e.operand(arguments[0]).type if arguments else LREAL
        kind = REAL if first is REAL else LREAL
        shape = ((kind,) * (2 if intrinsic in _TWO else 1), kind)
    takes, result = shape
    if len(arguments) != len(takes):
        raise e.told(node.at, "argument-count", f"{name} takes {len(takes)} arguments, {len(arguments)} given")
    values = [e.value(one, kind) for one, kind in zip(arguments, takes, strict=True)]
    return Operand(result, IntrinsicCall(node.at, intrinsic, values, result))
