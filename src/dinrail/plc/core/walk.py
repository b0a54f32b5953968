"""Every node of the checked tree, for those who collect something from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dinrail.plc.core import expression as e
from dinrail.plc.core import statement as s

Node = e.Expression | e.Location | s.Statement

PARTS: dict[type, tuple[str, ...]] = {
    e.VariableAt: (),
    e.FieldAt: ("base",),
    e.IndexAt: ("base", "index"),
    e.DerefAt: ("address",),
    e.SelfAt: (),
    e.BitAt: ("base",),
    e.ConstantAt: (),
    e.ViewAt: ("base",),
    e.Constant: (),
    e.Load: ("location",),
    e.AddressOf: ("location",),
    e.Unary: ("operand",),
    e.Binary: ("left", "right"),
    e.Compare: ("left", "right"),
    e.CompareText: ("left", "right"),
    e.ShortCircuit: ("left", "right"),
    e.Convert: ("operand",),
    e.Reinterpret: ("operand",),
    e.Choose: ("condition", "if_true", "if_false"),
    e.QueryInterface: ("receiver",),
    s.Assign: ("value", "target"),
    s.Copy: ("source", "target"),
    s.CopyText: ("source", "target"),
    s.Fill: ("target",),
    s.Evaluate: ("value",),
    s.Exit: (),
    s.Continue: (),
    s.Return: (),
    s.Label: (),
    s.Jump: (),
}
"""The names of the nodes right below those that have a fixed number of them, in the order of evaluation."""


def _sequence(node: e.Sequence) -> Iterable[Node]:
    return (*node.statements, node.value)


def _sequence_at(node: e.SequenceAt) -> Iterable[Node]:
    return (*node.statements, node.location)


def _call(node: e.Call) -> Iterable[Node]:
    return node.arguments if node.receiver is None else (node.receiver, *node.arguments)


def _dispatched(node: e.VirtualCall | e.InterfaceCall) -> Iterable[Node]:
    return (node.receiver, *node.arguments)


def _if(node: s.If) -> Iterable[Node]:
    return (node.condition, *node.then, *node.otherwise)


def _switch(node: s.Switch) -> Iterable[Node]:
    parts: list[Node] = [node.selector]
    for _, body in node.branches:
        parts += body
    return (*parts, *node.otherwise)


def _loop(node: s.Loop) -> Iterable[Node]:
    tests = [test for test in (node.condition, node.until) if test is not None]
    return (*tests, *node.body, *node.step)


def _try(node: s.Try) -> Iterable[Node]:
    code = () if node.code is None else (node.code,)
    return (*node.body, *code, *node.catch, *node.finally_)


_LISTS: dict[type, Callable[..., Iterable[Node]]] = {
    e.Sequence: _sequence,
    e.SequenceAt: _sequence_at,
    e.Call: _call,
    e.VirtualCall: _dispatched,
    e.InterfaceCall: _dispatched,
    e.IntrinsicCall: lambda node: node.arguments,
    s.If: _if,
    s.Switch: _switch,
    s.Loop: _loop,
    s.Try: _try,
}


def parts(node: Node) -> Iterable[Node]:
    """The nodes right below a node. (Of an IndexAt without `checks`, which say the same indices again.)"""
    names = PARTS.get(type(node))
    if names is None:
        return _LISTS[type(node)](node)
    return [getattr(node, name) for name in names]
