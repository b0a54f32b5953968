"""Functions that come back to themselves."""

from __future__ import annotations

from collections.abc import Iterable

from dinrail.plc.core.calls import CallEdge, CallGraph
from dinrail.plc.core.program import Function


def cycles(graph: CallGraph, functions: Iterable[Function], *, certain: bool) -> list[list[Function]]:
    """The groups of functions that call each other in a circle (one that calls itself is a group of its own).

    certain: only by calls that certainly reach what they name. Each group in the functions' order.
    """
    order = list(functions)
    position = {id(function): number for number, function in enumerate(order)}
    found = [sorted(group, key=lambda each: position[id(each)]) for group in _components(graph, order, certain=certain)]
    return sorted(found, key=lambda group: position[id(group[0])])


def edges(graph: CallGraph, function: Function, *, certain: bool) -> list[CallEdge]:
    """The calls that a function makes."""
    uses = graph.uses.get(id(function))
    if uses is None:
        return []
    return [edge for edge in uses.calls if edge.certain or not certain]


def path_around(graph: CallGraph, group: list[Function], *, certain: bool) -> list[tuple[Function, CallEdge]]:
    """A shortest way from the group's first function back to itself: (caller, call) in order."""
    inside = {id(function) for function in group}
    start = group[0]
    ways: dict[int, list[tuple[Function, CallEdge]]] = {id(start): []}
    waiting = [start]
    while waiting:
        function = waiting.pop(0)
        for edge in edges(graph, function, certain=certain):
            way = [*ways[id(function)], (function, edge)]
            if edge.callee is start:
                return way
            if id(edge.callee) in inside and id(edge.callee) not in ways:
                ways[id(edge.callee)] = way
                waiting.append(edge.callee)
    return []


def _components(graph: CallGraph, functions: list[Function], *, certain: bool) -> list[list[Function]]:
    """Strongly connected components that hold a circle (Tarjan, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[Function] = []
    out: list[list[Function]] = []
    for root in functions:
        if id(root) in index:
            continue
        work: list[tuple[Function, list[Function]]] = []
        _enter(graph, root, index, low, on_stack, stack, work, certain=certain)
        while work:
            function, callees = work[-1]
            if callees:
                callee = callees.pop()
                if id(callee) not in index:
                    _enter(graph, callee, index, low, on_stack, stack, work, certain=certain)
                elif id(callee) in on_stack:
                    low[id(function)] = min(low[id(function)], index[id(callee)])
                continue
            work.pop()
            if work:
                caller = id(work[-1][0])
                low[caller] = min(low[caller], low[id(function)])
            if low[id(function)] == index[id(function)]:
                group = _leave(function, stack, on_stack)
                if len(group) > 1 or _calls_itself(graph, function, certain=certain):
                    out.append(group)
    return out


def _enter(
    graph: CallGraph,
    function: Function,
    index: dict[int, int],
    low: dict[int, int],
    on_stack: set[int],
    stack: list[Function],
    work: list[tuple[Function, list[Function]]],
    *,
    certain: bool,
) -> None:
    index[id(function)] = low[id(function)] = len(index)
    stack.append(function)
    on_stack.add(id(function))
    work.append((function, [edge.callee for edge in edges(graph, function, certain=certain)]))


def _leave(function: Function, stack: list[Function], on_stack: set[int]) -> list[Function]:
    group: list[Function] = []
    while True:
        each = stack.pop()
        on_stack.discard(id(each))
        group.append(each)
        if each is function:
            return group


def _calls_itself(graph: CallGraph, function: Function, *, certain: bool) -> bool:
    return any(edge.callee is function for edge in edges(graph, function, certain=certain))
