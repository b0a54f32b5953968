"""From one image's state to the next one's: what is copied, and where addresses go.

Same path, same type: carried over, member by member where a type has grown. What is new keeps its initial value; what
is gone is gone; what says that it starts anew (`no_copy`, `init_on_onlchange`) does. A variable that kept its name and
changed its type is a reason to refuse: silently starting it anew could move a machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dinrail.control.change.state import CLASS_BYTES, Address, Array, Field, Plain, Record, State, Type
from dinrail.errors import Refused

_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Move:
    """size_bytes from `old` to `new` (offsets in the data). addresses: each 8 bytes are translated."""

    old: int
    new: int
    size_bytes: int
    addresses: bool = False


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """moves: in the order of old offsets, neighbours joined. places: (old low, old high, new low), apart, in order.

    added, gone: paths of variables and members.
    """

    moves: tuple[Move, ...]
    places: tuple[tuple[int, int, int], ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def copied_bytes(self) -> int:
        return sum(move.size_bytes for move in self.moves)


@dataclass(slots=True)
class _Planner:
    old: State
    new: State
    moves: list[Move] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    same: dict[tuple[int, int], bool] = field(default_factory=dict)

    def fields(self, path: str, old: tuple[Field, ...], new: tuple[Field, ...], old_at: int, new_at: int) -> None:
        """Match by name."""
        target = {one.name: one for one in new}
        for one in old:
            other = target.pop(one.name, None)
            if other is None:
                self.gone.append(path + one.name)
            elif other.anew:
                low, size_bytes = old_at + one.offset, self.old.types[one.type].size_bytes
                self.places.append((low, low + size_bytes, new_at + other.offset))
            else:
                self.match(path + one.name, one.type, other.type, old_at + one.offset, new_at + other.offset)
        self.added += [path + name for name in target]

    def match(self, path: str, old_type: int, new_type: int, old_at: int, new_at: int) -> None:
        """One variable, member or element."""
        old, new = self.old.types[old_type], self.new.types[new_type]
        if self.is_same(old_type, new_type):
            self.carry(old_at, new_at, old.size_bytes)
        elif isinstance(old, Address) and isinstance(new, Address) and old.name == new.name:
            self.carry(old_at, new_at, old.size_bytes, addresses=True)
        elif isinstance(old, Array) and isinstance(new, Array) and (old.name, old.count) == (new.name, new.count):
            steps = self.old.types[old.element].size_bytes, self.new.types[new.element].size_bytes
            for index in range(old.count):
                at = old_at + index * steps[0], new_at + index * steps[1]
                self.match(f"{path}[{index}]", old.element, new.element, *at)
        elif isinstance(old, Record) and isinstance(new, Record) and old.name == new.name:
            self.record(path, old, new, old_at, new_at)
        elif len(self.reasons) < _MOST_REASONS:
            self.reasons.append(f"{path} was {old.name}, is {new.name}" if old.name != new.name else f"{path} changed")

    def record(self, path: str, old: Record, new: Record, old_at: int, new_at: int) -> None:
        """A structure or block whose members are not all as they were."""
        if (old.class_number < 0) != (new.class_number < 0):
            self.reasons.append(f"{path}: {old.name} was a structure, is a function block, or the reverse")
            return
        if old.class_number >= 0:
            self.places.append((old_at, old_at + CLASS_BYTES, new_at))  # the number itself is the new module's own
        elif self.old.has_addresses and not _begins_alike(old, new):
            self.reasons.append(f"{path}: {old.name} begins with another member, and POINTERs may point to it")
            return
        self.fields(path + ".", old.fields, new.fields, old_at, new_at)

    def carry(self, old_at: int, new_at: int, size_bytes: int, *, addresses: bool = False) -> None:
        self.moves.append(Move(old_at, new_at, size_bytes, addresses))
        self.places.append((old_at, old_at + size_bytes, new_at))

    def is_same(self, old_type: int, new_type: int) -> bool:
        """Whether it is carried over in one piece: equal to the last byte, and without addresses."""
        key = (old_type, new_type)
        if key not in self.same:
            self.same[key] = self._compare(self.old.types[old_type], self.new.types[new_type])
        return self.same[key]

    def _compare(self, old: Type, new: Type) -> bool:
        if old.name != new.name or old.size_bytes != new.size_bytes:
            return False
        if isinstance(old, Plain):
            return isinstance(new, Plain)
        if isinstance(old, Array) and isinstance(new, Array):
            return old.count == new.count and self.is_same(old.element, new.element)
        if isinstance(old, Record) and isinstance(new, Record):
            pairs = zip(old.fields, new.fields, strict=False)
            return (
                old.class_number == new.class_number
                and len(old.fields) == len(new.fields)
                and not any(one.anew for one in new.fields)
                and all(
                    (one.name, one.offset) == (other.name, other.offset) and self.is_same(one.type, other.type)
                    for one, other in pairs
                )
            )
        return False


def plan_change(old: State, new: State) -> ChangePlan:
    """The plan. Raises Refused with every variable that cannot carry over."""
    planner = _Planner(old, new)
    planner.fields("", old.variables, new.variables, 0, 0)
    if planner.reasons:
        raise Refused(
            "the new application cannot take over the state of the one that runs",
            details=tuple(planner.reasons),
            hint="stop and load it, or give what has changed another name",
        )
    return ChangePlan(_joined(planner.moves), tuple(sorted(planner.places)), tuple(planner.added), tuple(planner.gone))


def _begins_alike(old: Record, new: Record) -> bool:
    first = [one.name for kind in (old, new) for one in kind.fields if one.offset == 0][:2]
    return len(first) == 2 and first[0] == first[1]


def _joined(moves: list[Move]) -> tuple[Move, ...]:
    out: list[Move] = []
    for move in sorted(moves, key=lambda one: one.old):
        last = out[-1] if out else None
        if (
            last is not None
            and last.addresses == move.addresses
            and last.old + last.size_bytes == move.old
            and last.new + last.size_bytes == move.new
        ):
            out[-1] = Move(last.old, last.new, last.size_bytes + move.size_bytes, move.addresses)
        else:
            out.append(move)
    return tuple(out)
