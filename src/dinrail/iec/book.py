"""Types that are known by name and refer to each other by name, as a project declares them or a device uploads them.

Structures may point to each other in circles. Values of these types are trees, so what a pointer inside a structure
points to may be an `OpaqueType` of that name (`mention`); who follows the pointer looks the name up again, as
`ads.symbols.table` does.

What an upload says is hostile: how deep types nest, how many parts they have and how many values one of them unfolds to
are bounded, and a type beyond that is opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dinrail.iec.types import AliasType, ArrayType, IecType, OpaqueType, PointerType, StructType

MAX_NESTING = 48
MAX_PARTS = 200_000
MAX_UNFOLDED = 1 << 28


@dataclass(frozen=True, slots=True)
class Definition:
    """One named type: its size where it is known beforehand (0 where not), and what builds it out of others."""

    name: str
    size_bytes: int
    build: Callable[[], IecType]


class TypeBook:
    """Builds each type once, when it is first asked for. `definitions` by lower-case name."""

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._definitions = definitions
        self._built: dict[str, IecType] = {}
        self._pending: set[str] = set()
        self._measures: dict[int, tuple[StructType, int, int]] = {}

    def lookup(self, name: str) -> IecType | None:
        """The type of that name in any case; None when it is not defined here. Raises what its `build` raises."""
        key = name.lower()
        if key in self._built:
            return self._built[key]
        definition = self._definitions.get(key)
        if definition is None:
            return None
        opaque = OpaqueType(definition.name, definition.size_bytes)
        if key in self._pending or len(self._pending) >= MAX_NESTING:
            return opaque
        self._pending.add(key)
        try:
            kind = definition.build()
        finally:
            self._pending.discard(key)
        parts, unfolded = self.measure(kind)
        if parts > MAX_PARTS or unfolded > MAX_UNFOLDED:
            kind = OpaqueType(definition.name, kind.size_bytes)
        # Kept also where nesting was cut short below: asking again for each use would take for ever.
        self._built[key] = kind
        return kind

    def mention(self, name: str) -> IecType | None:
        """The same for what a pointer points to: not built in the midst of another type, which may be a part of it."""
        key = name.lower()
        definition = self._definitions.get(key)
        if key in self._built or definition is None or not self._pending:
            return self.lookup(name)
        return OpaqueType(definition.name, definition.size_bytes)

    def measure(self, kind: IecType) -> tuple[int, int]:
        """(parts of the type, bytes and values that one of them unfolds to). Shared parts are counted each time."""
        known = self._measures.get(id(kind))
        if known is not None:
            return known[1:]
        parts, unfolded = 1, 1 + kind.size_bytes
        match kind:
            case StructType():
                inner = [self.measure(member.type) for member in kind.members]
                parts, unfolded = 1 + sum(part for part, _ in inner), 1 + sum(size for _, size in inner)
                for method in kind.methods:
                    for one in (method.returns, *(parameter.type for parameter in method.parameters)):
                        parts += self.measure(one)[0] if one else 0
            case ArrayType():
                parts, unfolded = self.measure(kind.element)
                parts, unfolded = parts + 1, 1 + kind.count * unfolded
            case AliasType():
                parts, unfolded = self.measure(kind.target)
                parts += 1
            case PointerType():
                parts += self.measure(kind.target)[0]
        parts, unfolded = min(parts, MAX_PARTS + 1), min(unfolded, MAX_UNFOLDED + 1)
        if isinstance(kind, StructType):
            # Kept with the type itself, so that its id is not given to another. Structures alone: others are cheap,
            # and made anew whenever somebody asks for them by name.
            self._measures[id(kind)] = (kind, parts, unfolded)
        return parts, unfolded


def contains_itself(kind: IecType, name: str) -> bool:
    """Whether a type of this name lies inside `kind` by value, which no memory can hold."""
    match kind:
        case OpaqueType():
            return kind.name.lower() == name.lower()
        case StructType():
            return any(contains_itself(member.type, name) for member in kind.members)
        case ArrayType():
            return contains_itself(kind.element, name)
        case AliasType():
            return contains_itself(kind.target, name)
    return False
