"""What a trace remembers, so that a later frame can be told by name: handles, addresses, subscriptions. All bounded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dinrail.ams.group import IndexGroup

K = TypeVar("K")
V = TypeVar("V")
MAX_KNOWN = 65536


class Recent(Generic[K, V]):
    """A table of at most `most` entries: the one that was used longest ago makes room."""

    __slots__ = ("_most", "_table")

    def __init__(self, most: int = MAX_KNOWN) -> None:
        self._table: OrderedDict[K, V] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._table)

    def get(self, key: K) -> V | None:
        value = self._table.get(key)
        if value is not None:
            self._table.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        self._table[key] = value
        self._table.move_to_end(key)
        if len(self._table) > self._most:
            self._table.popitem(last=False)

    def drop(self, key: K) -> V | None:
        return self._table.pop(key, None)


@dataclass(frozen=True, slots=True)
class Known:
    """A symbol: its name, and its type as a number (DataTypeId) when an entry was seen."""

    name: str
    data_type: int | None = None


@dataclass(slots=True)
class Memory:
    """Addresses are the eight bytes of a header. Handles belong to the client that got them."""

    handles: Recent[tuple[bytes, bytes, int], Known] = field(default_factory=Recent)
    places: Recent[tuple[bytes, int, int], Known] = field(default_factory=Recent)
    types: Recent[tuple[bytes, str], int] = field(default_factory=Recent)
    watches: Recent[tuple[bytes, bytes, int], Known] = field(default_factory=Recent)

    def symbol(self, device: bytes, client: bytes, group: int, offset: int) -> Known | None:
        """What is known to be at (group, offset)."""
        if group in (IndexGroup.VALUE_BY_HANDLE, IndexGroup.VALUE_BY_HANDLE_MASKED):
            return self.handles.get((device, client, offset))
        return self.places.get((device, group, offset))

    def named(self, device: bytes, name: str) -> Known:
        """A symbol by name, with its type when an entry of it was seen."""
        return Known(name, self.types.get((device, name.lower())))

    def learn_entry(self, device: bytes, name: str, data_type: int, group: int, offset: int) -> None:
        """A symbol entry was seen."""
        self.types.put((device, name.lower()), data_type)
        self.places.put((device, group, offset), Known(name, data_type))
