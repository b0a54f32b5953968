"""CASE: LLVM's switch for single values, comparisons for long ranges."""

from __future__ import annotations

from dinrail.plc.core.statement import Switch
from dinrail.plc.emit import expression, statement
from dinrail.plc.emit.scalar import REGISTER, integer
from dinrail.plc.emit.writer import Writer

Range = tuple[int, int]

_LONG = 64
"""A range of more values than this is compared, not listed."""


def disjoint(branches: list[tuple[Range, ...]]) -> list[list[Range]]:
    """Each branch's ranges without what an earlier branch holds already: their order then no longer matters."""
    taken: list[Range] = []
    out = []
    for ranges in branches:
        mine: list[Range] = []
        for wanted in ranges:
            rest = [wanted] if wanted[0] <= wanted[1] else []
            for low, high in taken:
                rest = [part for each in rest for part in _without(each, low, high)]
            mine += rest
            taken += rest
        out.append(mine)
    return out


def _without(each: Range, low: int, high: int) -> list[Range]:
    first, last = each
    if last < low or first > high:
        return [each]
    return [part for part in ((first, low - 1), (high + 1, last)) if part[0] <= part[1]]


def switch(w: Writer, node: Switch) -> None:
    """The first branch that holds the selector's value."""
    selector = expression.value(w, node.selector)
    kind = node.selector.type
    register, bits = (REGISTER[kind.name], kind.bits) if kind else ("i64", 64)
    labels = [w.label() for _ in node.branches]
    compare, otherwise, done = w.label(), w.label(), w.label()
    cases, long = [], []
    for label, ranges in zip(labels, disjoint([ranges for ranges, _ in node.branches]), strict=True):
        for low, high in ranges:
            if high - low < _LONG:
                cases += [f"{register} {integer(number, bits)}, label %{label}" for number in range(low, high + 1)]
            else:
                long.append((low, high, label))
    w.end(f"switch {register} {selector}, label %{compare} [ {' '.join(cases)} ]")
    w.begin(compare)
    for low, high, label in long:
        distance = w.value(f"sub {register} {selector}, {integer(low, bits)}")
        inside = w.value(f"icmp ule {register} {distance}, {integer(high - low, bits)}")
        following = w.label()
        w.branch(inside, label, following)
        w.begin(following)
    w.jump(otherwise)
    for label, (_, body) in zip(labels, node.branches, strict=True):
        w.begin(label)
        statement.statements(w, body)
        w.jump(done)
    w.begin(otherwise)
    statement.statements(w, node.otherwise)
    w.begin(done)
