"""Which task uses which variable, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dinrail.plc.core.calls import Access, CallGraph, Uses
from dinrail.plc.core.program import Function, Program
from dinrail.plc.types.variable import Variable


@dataclass(slots=True)
class Users:
    """Tasks by number, with the first place of each."""

    readers: dict[int, Access] = field(default_factory=dict)
    writers: dict[int, Access] = field(default_factory=dict)


@dataclass(slots=True)
class Use:
    """One variable. parts: by the fields towards what is used. takers: who may keep its address, and write through it.

    leaked: its address is taken where no task alone does it (initialisation, methods that clients call).
    """

    parts: dict[tuple[str, ...], Users] = field(default_factory=dict)
    takers: set[int] = field(default_factory=set)
    leaked: bool = False

    def writers(self) -> set[int]:
        """Tasks that write any part."""
        return {number for users in self.parts.values() for number in users.writers}

    def readers(self) -> set[int]:
        """Tasks that read any part."""
        return {number for users in self.parts.values() for number in users.readers}


@dataclass(slots=True)
class TaskUses:
    """variables: what tasks use. runs: the tasks that run a function; called from outside counts as all of them."""

    variables: dict[Variable, Use] = field(default_factory=dict)
    runs: dict[Function, set[int]] = field(default_factory=dict)


def task_uses(program: Program, graph: CallGraph) -> TaskUses:
    """Of every static and area variable. What is reached by pointers is not seen."""
    found = TaskUses()
    kept = _kept(graph.uses.values())
    outside = graph.reached(each for each in program.functions if each.is_rpc)
    everyone = range(len(program.tasks))
    roots = [(graph.reached(task.programs), (number,)) for number, task in enumerate(program.tasks)]
    for functions, numbers in (*roots, (outside, tuple(everyone))):
        for function in functions:
            found.runs.setdefault(function, set()).update(numbers)
            for access in _accesses(graph, function):
                use = found.variables.setdefault(access.variable, Use())
                _note(use, access, numbers)
                if _is_taken(access, kept):
                    use.takers.update(numbers)
    initial = (program.initialise, program.leave, program.reinitialise)
    for function in graph.reached(initial):
        for access in _accesses(graph, function):
            if _is_taken(access, kept) and function not in found.runs:
                found.variables.setdefault(access.variable, Use()).leaked = True
    return found


def _accesses(graph: CallGraph, function: Function) -> list[Access]:
    uses = graph.uses.get(id(function))
    return uses.accesses if uses else []


def _note(use: Use, access: Access, numbers: Iterable[int]) -> None:
    users = use.parts.setdefault(access.path, Users())
    for number in numbers:
        if access.writes:
            users.writers.setdefault(number, access)
        if access.reads:
            users.readers.setdefault(number, access)


def _is_taken(access: Access, kept: set[Variable]) -> bool:
    return access.taken or access.through in kept


def _kept(uses: Iterable[Uses]) -> set[Variable]:
    """Parameters whose argument's address may be kept, here or further down."""
    passed: dict[Variable, list[Variable]] = {}
    waiting: list[Variable] = []
    for each in uses:
        waiting += each.kept
        for own, callee in each.passed:
            passed.setdefault(callee, []).append(own)
    kept: set[Variable] = set()
    while waiting:
        parameter = waiting.pop()
        if parameter not in kept:
            kept.add(parameter)
            waiting += passed.get(parameter, [])
    return kept
