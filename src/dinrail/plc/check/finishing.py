"""The whole application at once: recursion, what tasks share, what is needed at all, and where everything lies."""

from __future__ import annotations

from dinrail.plc.check.addresses import place_areas
from dinrail.plc.check.declarations import Declarations
from dinrail.plc.core.calls import CallGraph, call_graph
from dinrail.plc.core.handover import decide
from dinrail.plc.core.program import Function, Program
from dinrail.plc.core.recursion import cycles, path_around
from dinrail.plc.core.sharing import shared_variables
from dinrail.plc.core.users import TaskUses, task_uses
from dinrail.plc.source import Report
from dinrail.plc.types.layout import place_statics
from dinrail.plc.types.model import held_as
from dinrail.plc.types.variable import Storage, Variable


def finish(declarations: Declarations) -> None:
    """Checks what only the whole shows, and places the data."""
    world = declarations.world
    program, report = world.program, world.report
    graph = call_graph(program)
    refuse_recursion(program, graph, report)
    program.statics = [each for each in program.statics if each.storage is Storage.STATIC]
    _drop_unneeded(declarations, graph)
    for decl in declarations.configured.values():
        text = f"VAR_CONFIG names {decl.name}, which has no address to configure"
        report.error(decl.at, "no-such-variable", text, "only variables declared AT %I*, %Q* or %M* are configured")
    program.area_bytes = place_areas(program.areas)
    uses = task_uses(program, graph) if len(program.tasks) > 1 else TaskUses()
    declared_by = _owners(declarations, graph)
    decision = decide(program, uses, declared_by)
    for found in shared_variables(program, uses, decision):
        report.warning(found.at, "shared", found.text, found.hint)
    program.handovers, program.ordered = decision.handovers, frozenset(decision.ordered)
    owners = declared_by | decision.owners
    place_statics(program, owners.get)


def refuse_recursion(program: Program, graph: CallGraph, report: Report) -> None:
    """Functions that certainly call themselves are refused, unless one of the circle allows it.

    Circles by way of dispatched calls, of which nobody knows whether they close, are marked: their depth is bounded.
    """
    for group in cycles(graph, program.functions, certain=False):
        for function in group:
            function.recursion_allowed = function.recursion_allowed or not _certain(graph, group)
    for group in cycles(graph, program.functions, certain=True):
        if any(function.recursion_allowed for function in group):
            continue
        way = path_around(graph, group, certain=True)
        text = f"{group[0].name} calls itself"
        if len(way) > 1:
            names = [function.name for function, _ in way] + [group[0].name]
            text += f": {' calls '.join(names)}"
        hint = "write a loop, or allow it, bounded: {attribute 'dinrail.recursive'} before the function"
        report.error(way[0][1].at if way else group[0].at, "recursion", text, hint)


def _certain(graph: CallGraph, group: list[Function]) -> bool:
    return bool(cycles(graph, group, certain=True))


def _drop_unneeded(declarations: Declarations, graph: CallGraph) -> None:
    """Constants live in the code unless something points to them; of libraries only what is used is kept."""
    program = declarations.world.program
    used = {id(access.variable) for uses in graph.uses.values() for access in uses.accesses}
    library = declarations.library_globals | {
        key
        for key, declared in declarations.variables.items()
        if declared.scope.pou is not None and declared.scope.pou.from_library
    }

    def is_kept(variable: Variable) -> bool:
        if id(variable) in used:
            return True
        in_code = variable.constant and held_as(variable.type) is not None
        return not in_code and id(variable) not in library

    program.statics = [each for each in program.statics if is_kept(each)]
    program.areas = [each for each in program.areas if is_kept(each)]


def _owners(declarations: Declarations, graph: CallGraph) -> dict[Variable, int]:
    """The task that alone runs a variable's program. What a program declares is the program's."""
    program = declarations.world.program
    runs: dict[int, set[int]] = {}
    for number, task in enumerate(program.tasks):
        for function in graph.reached(task.programs):
            runs.setdefault(id(function), set()).add(number)
    out: dict[Variable, int] = {}
    for name, function in program.entry.items():
        tasks = runs.get(id(function), set())
        if len(tasks) == 1:
            (task_index,) = tasks
            info = declarations.world.pous[name]
            out |= dict.fromkeys(info.variables.values(), task_index)
    return out
