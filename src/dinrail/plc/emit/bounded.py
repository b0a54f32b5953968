"""Loops that end by themselves, and soon: they need no look at the abort flag, and LLVM can do more with them.

A FOR with constant start, end and step, of few rounds, with nothing in it that could change its variable, and no loop
inside. Whatever such a loop is inside of still looks at the flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dinrail.plc.core import expression, statement
from dinrail.plc.core.expression import (
    AddressOf,
    Binary,
    BinaryOperator,
    Call,
    Compare,
    Comparison,
    Constant,
    DerefAt,
    Expression,
    FieldAt,
    InterfaceCall,
    Intrinsic,
    IntrinsicCall,
    Load,
    Location,
    SelfAt,
    VariableAt,
    VirtualCall,
)
from dinrail.plc.core.statement import Assign, Copy, CopyText, Fill, Jump, Label, Loop, Statement, Try
from dinrail.plc.emit.writer import Writer
from dinrail.plc.types.variable import Storage, Variable

MOST_ROUNDS = 1000
_TREE = (expression.__name__, statement.__name__)
_NO_CHILDREN = {"at", "type", "variable", "field", "function", "method", "interface", "operator", "intrinsic"}
_CALLS = (Call, VirtualCall, InterfaceCall)
_WRITES = (Assign, Copy, CopyText, Fill)
_SHAPE = (Loop, Label, Jump, Try)
_REACHING = (Intrinsic.COPY_MEMORY, Intrinsic.FILL_MEMORY)
_names: dict[type, tuple[str, ...]] = {}

Key = tuple[Variable, bool]
"""A scalar's place: a variable, or (True) a field of this instance."""


def is_short(w: Writer, loop: Loop, before: Statement | None) -> bool:
    """Whether the loop ends within MOST_ROUNDS. before: the statement in front of it, where its variable starts."""
    if w.outlined or not isinstance(before, Assign) or not isinstance(before.value, Constant):
        return False
    key = _key(before.target)
    if key is None or not 0 < _rounds(loop, key, before.value.value) <= MOST_ROUNDS:
        return False
    variable, in_instance = key
    if not in_instance and variable.storage in (Storage.LOCAL, Storage.VALUE):
        return variable not in taken_locals(w) and _keeps_local(loop.body, key)
    return _keeps(loop.body, key)


def _key(location: Location) -> Key | None:
    if isinstance(location, VariableAt) and location.variable.storage in (Storage.LOCAL, Storage.VALUE, Storage.STATIC):
        return location.variable, False
    if isinstance(location, FieldAt) and isinstance(location.base, SelfAt) and not location.field.is_reference_field:
        return location.field, True
    return None


def _rounds(loop: Loop, key: Key, start: float) -> int:
    """How often it turns at most; 0: not known."""
    test, step = loop.condition, loop.step
    if not isinstance(test, Compare) or not isinstance(test.right, Constant) or len(step) != 1:
        return 0
    moved = step[0]
    if not isinstance(moved, Assign) or _key(moved.target) != key or not _is_load(test.left, key):
        return 0
    value = moved.value
    if not isinstance(value, Binary) or value.operator is not BinaryOperator.ADD or not _is_load(value.left, key):
        return 0
    if not isinstance(value.right, Constant) or value.right.value == 0:
        return 0
    by, end = int(value.right.value), int(test.right.value)
    upwards = by > 0 and test.operator is Comparison.LESS_EQUAL
    downwards = by < 0 and test.operator is Comparison.GREATER_EQUAL
    return max((end - int(start)) // by + 1, 1) if upwards or downwards else 0


def _is_load(node: Expression, key: Key) -> bool:
    return isinstance(node, Load) and _key(node.location) == key


def inside(nodes: Iterable[object]) -> Iterator[object]:
    """Every node in these, themselves included."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting += node
            continue
        kind = type(node)
        names = _names.get(kind)
        if names is None:
            parts: tuple[str, ...] = (
                tuple(getattr(kind, "__dataclass_fields__", ())) if kind.__module__ in _TREE else ()
            )
            names = tuple(name for name in parts if name not in _NO_CHILDREN)
            _names[kind] = names
        if names:
            yield node
            waiting += [getattr(node, name) for name in names]


def _keeps_local(body: list[Statement], key: Key) -> bool:
    """Whether nothing assigns a local that only its name leads to."""
    for node in inside(body):
        if isinstance(node, _SHAPE) or (isinstance(node, _WRITES) and _starts_at(node.target) == key):
            return False
    return True


def _keeps(body: list[Statement], key: Key) -> bool:
    """The same for memory that addresses may lead to: then nothing may be called, or written by an address."""
    for node in inside(body):
        if isinstance(node, (*_SHAPE, *_CALLS)):
            return False
        if isinstance(node, IntrinsicCall) and node.intrinsic in _REACHING:
            return False
        if isinstance(node, _WRITES):
            start = _starts_at(node.target)
            if start is None or start == key:
                return False
    return True


def _starts_at(location: Location) -> Key | None:
    """The variable or own field that a place lies in; None when an address leads there."""
    while True:
        found = _key(location)
        if found is not None:
            return found
        if isinstance(location, VariableAt):
            return (location.variable, False) if location.variable.storage is Storage.AREA else None
        if isinstance(location, FieldAt) and location.field.is_reference_field and not location.raw:
            return None
        base = getattr(location, "base", None)
        if base is None:
            return None
        location = base


def taken_locals(w: Writer) -> set[Variable]:
    """The function's locals whose address somebody gets."""
    if w.taken is None:
        w.taken = set()
        for node in inside(w.function.body):
            places: list[object] = []
            if isinstance(node, AddressOf):
                places.append(node.location)
            elif isinstance(node, _CALLS):
                places += [*node.arguments, node.receiver]
            for each in places:
                _take(w.taken, each)
    return w.taken


def _take(taken: set[Variable], node: object) -> None:
    while node is not None and not isinstance(node, DerefAt):
        if isinstance(node, VariableAt):
            taken.add(node.variable)
            return
        node = getattr(node, "base", None) or getattr(node, "location", None)
