"""What an online change does to each instance of a function block, as its FB_Init, FB_Exit and FB_Reinit are to know.

An instance is copied when the declaration of its class is another one, or that of something in it; with the same
declaration it stays, though its bytes move: nothing that the program can see has happened to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dinrail.control.change.state import Address, Array, Field, Plain, Record, State
from dinrail.control.context import COPIED, NEW_OR_GONE


@dataclass(slots=True)
class Instances:
    """(offset in the data, COPIED or NEW_OR_GONE) by offset: of the old image's instances, and of the new one's."""

    old: list[tuple[int, int]] = field(default_factory=list)
    new: list[tuple[int, int]] = field(default_factory=list)


def changed_instances(old: State, new: State) -> Instances:
    """Of two images between which a change is possible (see plan)."""
    walk = _Walk(old, new)
    walk.fields(old.variables, new.variables, 0, 0)
    return Instances(sorted(walk.found.old), sorted(walk.found.new))


class _Walk:
    def __init__(self, old: State, new: State) -> None:
        self.old = old
        self.new = new
        self.found = Instances()
        self.same: dict[tuple[int, int], bool] = {}

    def fields(self, old: tuple[Field, ...], new: tuple[Field, ...], old_at: int, new_at: int) -> None:
        """Match by name; what has no partner comes or goes."""
        left = {one.name: one for one in new}
        for one in old:
            other = left.pop(one.name, None)
            if other is None or other.anew:
                _all_of(self.old, one.type, old_at + one.offset, self.found.old)
                if other is not None:
                    _all_of(self.new, other.type, new_at + other.offset, self.found.new)
            else:
                self.match(one.type, other.type, old_at + one.offset, new_at + other.offset)
        for one in left.values():
            _all_of(self.new, one.type, new_at + one.offset, self.found.new)

    def match(self, old_type: int, new_type: int, old_at: int, new_at: int) -> None:
        """One variable, member or element."""
        if self.is_same(old_type, new_type):
            return
        old, new = self.old.types[old_type], self.new.types[new_type]
        if isinstance(old, Array) and isinstance(new, Array):
            steps = self.old.types[old.element].size_bytes, self.new.types[new.element].size_bytes
            for index in range(min(old.count, new.count)):
                self.match(old.element, new.element, old_at + index * steps[0], new_at + index * steps[1])
        elif isinstance(old, Record) and isinstance(new, Record):
            if old.class_number >= 0 and new.class_number >= 0:
                self.found.old.append((old_at, COPIED))
                self.found.new.append((new_at, COPIED))
            self.fields(old.fields, new.fields, old_at, new_at)

    def is_same(self, old_type: int, new_type: int) -> bool:
        """Whether the declaration is the same, to the last member."""
        key = (old_type, new_type)
        if key not in self.same:
            self.same[key] = self._compare(old_type, new_type)
        return self.same[key]

    def _compare(self, old_type: int, new_type: int) -> bool:
        old, new = self.old.types[old_type], self.new.types[new_type]
        if old.name != new.name or old.size_bytes != new.size_bytes:
            return False
        if isinstance(old, Array) and isinstance(new, Array):
            return old.count == new.count and self.is_same(old.element, new.element)
        if isinstance(old, Record) and isinstance(new, Record):
            pairs = zip(old.fields, new.fields, strict=False)
            return len(old.fields) == len(new.fields) and all(
                one.name == other.name and self.is_same(one.type, other.type) for one, other in pairs
            )
        return isinstance(old, Plain | Address) and type(old) is type(new)


def _all_of(state: State, type_number: int, at: int, out: list[tuple[int, int]]) -> None:
    """Every instance in a place."""
    kind = state.types[type_number]
    if isinstance(kind, Array) and not isinstance(state.types[kind.element], Plain | Address):
        step = state.types[kind.element].size_bytes
        for index in range(kind.count):
            _all_of(state, kind.element, at + index * step, out)
    elif isinstance(kind, Record):
        if kind.class_number >= 0:
            out.append((at, NEW_OR_GONE))
        for one in kind.fields:
            _all_of(state, one.type, at + one.offset, out)
