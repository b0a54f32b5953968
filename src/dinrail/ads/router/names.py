"""Names of what lies behind handles and addresses of devices elsewhere, as far as their answers told them.

A bounded book for each link: what it has forgotten, or never heard, has no name, and rules that name symbols then
refuse the access. Names are learned from devices' answers alone, never from what a client claims. They are forgotten
when the connection is lost, and when somebody here reads another symbol version (0xF008), or is notified of one; an
online change that nobody here looks for is not seen, as the protocol has no other sign of it.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_NAME = 1024
"""Characters. No device has longer ones."""


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    offset: int
    end: int

    @property
    def pages(self) -> range:
        """Also the one that its end is on: nothing at all may be read there."""
        return range(self.offset // _PAGE, self.end // _PAGE + 1)

    @property
    def is_wide(self) -> bool:
        return len(self.pages) > _WIDE


_PAGE = 256
_WIDE = 16
"""A place on more pages than these is looked at in every search; there are few of them."""


class _Group:
    """The places of one index group by page: a sum may ask ten thousand times, a PLC have sixty thousand symbols."""

    __slots__ = ("_pages", "_wide")

    def __init__(self) -> None:
        self._pages: dict[int, dict[str, _Place]] = {}
        self._wide: dict[str, _Place] = {}

    def __bool__(self) -> bool:
        return bool(self._pages or self._wide)

    def put(self, key: str, place: _Place) -> None:
        if place.is_wide:
            self._wide[key] = place
            return
        for page in place.pages:
            self._pages.setdefault(page, {})[key] = place

    def drop(self, key: str, place: _Place) -> None:
        if place.is_wide:
            del self._wide[key]
            return
        for page in place.pages:
            del self._pages[page][key]
            if not self._pages[page]:
                del self._pages[page]

    def around(self, offset: int, end: int) -> list[_Place]:
        """All that contain the whole range."""
        near = (*self._wide.values(), *self._pages.get(offset // _PAGE, {}).values())
        return [place for place in near if place.offset <= offset and end <= place.end]


class Names:
    """Handles and places by device address. At most `capacity` of each; the oldest go first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._handles: dict[bytes, str] = {}
        self._places: dict[tuple[bytes, str], tuple[int, _Place]] = {}
        self._by_group: dict[tuple[bytes, int], _Group] = {}
        self._versions: dict[bytes, bytes] = {}
        self._found: dict[tuple[bytes, int, int, int], tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._handles) + len(self._places)

    def clear(self) -> None:
        """The devices may be other ones from now on."""
        self._handles.clear()
        self._places.clear()
        self._by_group.clear()
        self._versions.clear()
        self._found.clear()

    def version(self, device: bytes, version: bytes) -> None:
        """The device's symbol version, as it was just read: another one means that nothing is where it was."""
        if self._versions.get(device, version) != version:
            self.forget_device(device)
        if version and len(self._versions) < self._capacity:
            self._versions[device] = version

    def forget_device(self, device: bytes) -> None:
        """All of one device."""
        for key in [key for key in self._handles if key.startswith(device)]:
            del self._handles[key]
        for place in [key for key in self._places if key[0] == device]:
            self._forget(place)
        self._versions.pop(device, None)
        self._found.clear()

    def put_handle(self, device: bytes, handle: bytes, name: str) -> None:
        """The device gave that handle for that name."""
        self._handles.pop(device + handle, None)
        if len(name) > MAX_NAME:
            return
        self._handles[device + handle] = name
        if len(self._handles) > self._capacity:
            del self._handles[next(iter(self._handles))]

    def drop_handle(self, key: bytes) -> None:
        """Device and handle: nobody has it any more."""
        self._handles.pop(key, None)

    def put_place(self, device: bytes, name: str, group: int, offset: int, size: int) -> None:
        """The device said where that symbol lies."""
        if len(name) > MAX_NAME:
            return
        key = (device, name.upper())
        place = _Place(name, offset, offset + size)
        if self._places.get(key) == (group, place):
            return
        self._forget(key)
        self._places[key] = group, place
        self._by_group.setdefault((device, group), _Group()).put(key[1], place)
        self._found.clear()
        if len(self._places) > self._capacity:
            self._forget(next(iter(self._places)))

    def _forget(self, key: tuple[bytes, str]) -> None:
        known = self._places.pop(key, None)
        if known is not None:
            group = (key[0], known[0])
            self._by_group[group].drop(key[1], known[1])
            if not self._by_group[group]:
                del self._by_group[group]

    def of_handle(self, device: bytes, handle: bytes) -> str | None:
        """What the handle was given for."""
        return self._handles.get(device + handle)

    def at(self, device: bytes, group: int, offset: int, size: int) -> tuple[str, ...]:
        """All known symbols that contain the whole range, the largest first."""
        key = (device, group, offset, size)
        found = self._found.get(key)
        if found is None:
            places = self._by_group.get((device, group))
            around = places.around(offset, offset + size) if places is not None else []
            around.sort(key=lambda place: (place.offset - place.end, place.name.count(".")))
            found = tuple(place.name for place in around)
            if len(self._found) >= self._capacity:
                self._found.clear()
            self._found[key] = found
        return found
