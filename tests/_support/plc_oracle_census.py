"""Which nodes of the checked tree a program has, and how many of each."""

from __future__ import annotations

import dataclasses
from collections import Counter

from dinrail.plc.core import expression as core
from dinrail.plc.core import statement as steps
from dinrail.plc.core.program import Program

_ROOMS = (core.__name__, steps.__name__)


def census(program: Program) -> Counter[str]:
    """Counts by class (`Loop`), and by operator where there is one (`Binary.ADD`, `IntrinsicCall.SQRT`)."""
    seen: Counter[str] = Counter()
    waiting: list[object] = [function.body for function in program.functions]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting += node
        elif dataclasses.is_dataclass(node) and type(node).__module__ in _ROOMS:
            name = type(node).__name__
            seen[name] += 1
            which = getattr(node, "operator", None) or getattr(node, "intrinsic", None)
            if which is not None:
                seen[f"{name}.{which.name}"] += 1
            waiting += [getattr(node, field.name) for field in dataclasses.fields(node)]
    return seen
