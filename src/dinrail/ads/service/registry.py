"""The registry of port 10000 (index groups 200-208) as a tree in memory, and its JSON form.

    200 201 202  hives HKLM, HKCU, HKCR
      Write       IO 0               key\\0 value\\0 type u32 data
      ReadWrite   IO 0               key\\0 value\\0 -> the value's data
                  IO index           key\\0 -> name of that sub key\\0
                  IO 0x40000000|i    key\\0 -> value name\\0 type u32
                  IO 0x80000000|i    key\\0 -> value name\\0
                  IO 0xC0000000|i    key\\0 -> value name\\0 type u32 data; 0x70C ends each of these
    203 204 205  the same hives: save now
    206 207 208  Write key\\0: delete that key and all below; 1 when there is none, 0x706 for anything but key\\0

Names are bytes as they come; two that differ in the case of ASCII letters only are the same. The tree holds so much and
no more, so that nobody can fill our memory or disk through it.

Source: Beckhoff/ADS AdsLib/RegistryAccess.cpp, AdsTest/RegistryAccessTest.cpp; Tc2_Utilities FB_RegQueryValue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

from dinrail.ads.contract import Action
from dinrail.ads.service.access import Access, Service, Services, always, changing
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.errors import FormatError

HIVES = ("HKLM", "HKCU", "HKCR")
HIVE_GROUP = 200
FLUSH_GROUP = 203
DELETE_GROUP = 206
SZ, BINARY, DWORD = 1, 3, 4
MAX_NAME_BYTES = 255
MAX_KEY_BYTES = 1024
MAX_DEPTH = 32
MAX_VALUE_BYTES = 64 << 10
MAX_ITEMS = 4096
MAX_TOTAL_BYTES = 1 << 20
KEY_NOT_FOUND = 1
"""What deleting a key that is not there gives: no ADS device error, but a bare 1."""
_ENUM_VALUE = 0xC000_0000
_WITH_NAME, _WITH_TYPE, _WITH_ALL = 0x8000_0000, 0x4000_0000, 0xC000_0000

T = TypeVar("T")
Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One value. `type` is Windows' number (1 REG_SZ, 3 REG_BINARY, 4 REG_DWORD, ...)."""

    name: bytes
    type: int
    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.name) + len(self.data) + 4


@dataclass(slots=True)
class _Key:
    name: bytes
    keys: dict[bytes, _Key] = field(default_factory=dict)
    values: dict[bytes, Value] = field(default_factory=dict)


class Keeper(Protocol):
    """Where the tree is kept (see `registry_file`)."""

    def save(self, document: Mapping[str, object]) -> None:
        """Raises AdsFault when it cannot be kept."""


class Registry:
    """The tree. `changed` is set by every change, and cleared by whoever saved it."""

    def __init__(self) -> None:
        self._hives = {hive: _Key(hive.encode()) for hive in HIVES}
        self._items = self._bytes = 0
        self.changed = False

    def set(self, hive: str, key: Names, value: Value) -> None:
        """Put a value, and the keys on the way. Raises AdsFault 0x70A when the tree is full, 0x706 for bad names."""
        _check(key, value)
        held, missing = self._walk(hive, key)
        old = held.values.get(value.name.lower()) if not missing else None
        items = self._items + len(missing) + (old is None)
        total = self._bytes + sum(map(len, missing)) + value.size_bytes - (old.size_bytes if old else 0)
        if items > MAX_ITEMS or total > MAX_TOTAL_BYTES:
            raise AdsFault(AdsError.NO_MEMORY, "the registry is full")
        for name in missing:
            held = held.keys.setdefault(name.lower(), _Key(name))
        held.values[value.name.lower()] = value
        self._items, self._bytes, self.changed = items, total, True

    def value(self, hive: str, key: Names, name: bytes) -> Value:
        """Raises AdsFault 0x70C."""
        found = self._key(hive, key).values.get(name.lower())
        if found is None:
            raise AdsFault(AdsError.NOT_FOUND)
        return found

    def nth_key(self, hive: str, key: Names, index: int) -> bytes:
        """The name of a sub key, in the order in which they came. Raises AdsFault 0x70C."""
        return _nth(self._key(hive, key).keys, index).name

    def nth_value(self, hive: str, key: Names, index: int) -> Value:
        """Raises AdsFault 0x70C."""
        return _nth(self._key(hive, key).values, index)

    def delete(self, hive: str, key: Names) -> None:
        """A key with all below it. Raises AdsFault 1 when it is not there, 0x706 for a whole hive."""
        if not key:
            raise AdsFault(AdsError.INVALID_DATA, "a whole hive is not deleted")
        parent, missing = self._walk(hive, key[:-1])
        gone = None if missing else parent.keys.pop(key[-1].lower(), None)
        if gone is None:
            raise AdsFault(KEY_NOT_FOUND, "there is no such key")
        for each in _tree(gone):
            self._items -= 1 + len(each.values)
            self._bytes -= len(each.name) + sum(value.size_bytes for value in each.values.values())
        self.changed = True

    def document(self) -> dict[str, object]:
        """The tree as a JSON document, readable by people: bytes as latin-1 text, data as hex."""
        return {hive: _as_json(key) for hive, key in self._hives.items()}

    def load(self, document: object, where: str) -> None:
        """Put what `document` gave. Raises FormatError when it is none of ours, AdsFault when it is too large."""
        for hive, tree in _mapping(document, where).items():
            if hive not in HIVES:
                raise _malformed(f"{hive!r} is no hive", where)
            for key, value in _values(tree, (), where):
                self.set(hive, key, value)
        self.changed = False

    def _key(self, hive: str, key: Names) -> _Key:
        held, missing = self._walk(hive, key)
        if missing:
            raise AdsFault(AdsError.NOT_FOUND)
        return held

    def _walk(self, hive: str, key: Names) -> tuple[_Key, Names]:
        """The deepest key that is there, and the names that are not."""
        held = self._hives[hive]
        for at, name in enumerate(key):
            below = held.keys.get(name.lower())
            if below is None:
                return held, key[at:]
            held = below
        return held, ()


class RegistryService:
    """The services of one registry. `keeper` None: it lives as long as the process."""

    def __init__(self, registry: Registry, keeper: Keeper | None = None) -> None:
        self.registry = registry
        self._keeper = keeper

    def services(self) -> Services:
        """The functions by index group. Asking is READ, any change is ADMIN."""
        table: dict[int, Service] = {}
        for at in range(len(HIVES)):
            table[HIVE_GROUP + at] = Service(self._hive, changing(Action.READ))
            table[FLUSH_GROUP + at] = Service(self._flush, always(Action.ADMIN))
            table[DELETE_GROUP + at] = Service(self._delete, always(Action.ADMIN))
        return table

    def save(self) -> None:
        """Keep what changed. Raises AdsFault when that fails; then it is tried again at the next call."""
        if self._keeper is not None and self.registry.changed:
            self._keeper.save(self.registry.document())
        self.registry.changed = False

    def _hive(self, access: Access) -> bytes:
        hive = HIVES[access.group - HIVE_GROUP]
        name, nul, rest = access.data.partition(b"\0")
        if not nul:
            raise AdsFault(AdsError.INVALID_DATA, "a key with a NUL behind it is expected")
        key = key_of(name)
        if access.is_write:
            return self._set(access, hive, key, rest)
        if rest:
            if access.offset or rest.find(b"\0") != len(rest) - 1:
                raise AdsFault(AdsError.INVALID_DATA, "a key and a value name are expected")
            answer = self.registry.value(hive, key, rest[:-1]).data
        elif access.offset & _ENUM_VALUE:
            answer = _told(self.registry.nth_value(hive, key, access.offset & ~_ENUM_VALUE), access.offset)
        else:
            answer = self.registry.nth_key(hive, key, access.offset) + b"\0"
        access.need_room(len(answer))
        return answer

    def _set(self, access: Access, hive: str, key: Names, rest: bytes) -> bytes:
        name, nul, typed = rest.partition(b"\0")
        if access.offset or not nul or len(typed) < 4:
            raise AdsFault(AdsError.INVALID_DATA, "key, value name, type and data are expected")
        if not key:
            raise AdsFault(AdsError.INVALID_DATA, "a value lies in a key")
        self.registry.set(hive, key, Value(name, int.from_bytes(typed[:4], "little"), typed[4:]))
        return b""

    def _flush(self, access: Access) -> bytes:
        del access
        self.save()
        return b""

    def _delete(self, access: Access) -> bytes:
        if access.data.find(b"\0") != len(access.data) - 1 or access.offset:
            raise AdsFault(AdsError.INVALID_DATA, "one key with a NUL behind it is expected")
        self.registry.delete(HIVES[access.group - DELETE_GROUP], key_of(access.data[:-1]))
        return b""


def key_of(path: bytes) -> Names:
    """The names of a key path. Raises AdsFault 0x706."""
    names = tuple(name for name in path.split(b"\\") if name) if path else ()
    if len(path) > MAX_KEY_BYTES or len(names) > MAX_DEPTH:
        raise AdsFault(AdsError.INVALID_DATA, f"a key has {MAX_KEY_BYTES} bytes and {MAX_DEPTH} names at most")
    return names


def _told(value: Value, offset: int) -> bytes:
    what = offset & _ENUM_VALUE
    answer = value.name + b"\0"
    if what & _WITH_TYPE:
        answer += value.type.to_bytes(4, "little")
    return answer + value.data if what == _WITH_ALL else answer


def _check(key: Names, value: Value) -> None:
    too_long = len(value.data) > MAX_VALUE_BYTES or max(map(len, (*key, value.name))) > MAX_NAME_BYTES
    if too_long or len(key) > MAX_DEPTH or not 0 <= value.type <= 0xFFFF_FFFF:
        raise AdsFault(AdsError.INVALID_DATA, "a name or the data is too long")


def _nth(items: dict[bytes, T], index: int) -> T:
    for at, item in enumerate(items.values()):
        if at == index:
            return item
    raise AdsFault(AdsError.NOT_FOUND)


def _tree(key: _Key) -> Iterator[_Key]:
    yield key
    for below in key.keys.values():
        yield from _tree(below)


def _as_json(key: _Key) -> dict[str, object]:
    return {
        "keys": {below.name.decode("latin-1"): _as_json(below) for below in key.keys.values()},
        "values": {
            value.name.decode("latin-1"): {"type": value.type, "hex": value.data.hex()} for value in key.values.values()
        },
    }


def _values(tree: object, key: Names, where: str) -> Iterator[tuple[Names, Value]]:
    """All values of a JSON tree with the keys that they lie in."""
    if len(key) > MAX_DEPTH:
        raise _malformed("too deep", where)
    parts = _mapping(tree, where)
    for name, value in _mapping(parts.get("values", {}), where).items():
        held = _mapping(value, where)
        kind, text = held.get("type"), held.get("hex")
        if not isinstance(kind, int) or not isinstance(text, str):
            raise _malformed(f"value {name!r} has no type or no hex", where)
        try:
            yield key, Value(name.encode("latin-1"), kind, bytes.fromhex(text))
        except ValueError as fault:
            raise _malformed(f"value {name!r}: {fault}", where) from fault
    for name, below in _mapping(parts.get("keys", {}), where).items():
        try:
            yield from _values(below, (*key, name.encode("latin-1")), where)
        except UnicodeEncodeError as fault:
            raise _malformed(f"key {name!r}: {fault}", where) from fault


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _malformed(f"{value!r} stands where a table is expected", where)
    return cast(Mapping[str, object], value)


def _malformed(what: str, where: str) -> FormatError:
    return FormatError(what, structure="registry document", where=where)
