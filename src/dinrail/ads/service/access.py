"""One access to an index group of a service, the table that leads it to its function, and the device that serves one.

Clients do not agree which command they use (a file is closed by ReadWrite or by Write), so a service is a function of
one `Access`: what came as data, and how much may be given back. A Read carries no data, a Write gives nothing back.
What has to be permitted stands in the table, beside the function: none is called before that was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dinrail.ads.contract import Action, Peer
from dinrail.ads.device import access as device_access
from dinrail.ads.device.access import Later, Limits
from dinrail.ads.device.device import AdsDevice, Subject
from dinrail.ads.device.gather import Point
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.service import ServiceGroup

MAX_ANSWER_BYTES = 2 << 20
"""What one answer carries at most: half of what a frame may have, so that it passes every router."""

WATCHABLE = frozenset((ServiceGroup.SYSTEM_STATE.value,))
MAX_SUM_ITEMS = 256
"""Services take longer than variables: a sum of them is small."""


@dataclass(frozen=True, slots=True)
class Access:
    """One request to (group, offset).

    size_bytes: how much the client takes back; it may say 0xFFFFFFFF, so nothing is ever allocated by it.
    is_write:   it came as Write: what is asked for is a change.
    """

    peer: Peer
    group: int
    offset: int
    size_bytes: int
    data: bytes = b""
    is_write: bool = False

    @property
    def room_bytes(self) -> int:
        """How much an answer may hold."""
        return min(self.size_bytes, MAX_ANSWER_BYTES)

    def need_room(self, size_bytes: int) -> None:
        """Raises AdsFault 0x705 when the client takes back less than `size_bytes`."""
        if self.size_bytes < size_bytes:
            raise AdsFault(AdsError.INVALID_SIZE, f"the answer has {size_bytes} bytes, {self.size_bytes} are asked for")

    def u32(self) -> int:
        """The data as one u32. Raises AdsFault 0x705."""
        if len(self.data) != 4:
            raise AdsFault(AdsError.INVALID_SIZE, f"four bytes are expected, {len(self.data)} came")
        return int.from_bytes(self.data, "little")


@dataclass(frozen=True, slots=True)
class Service:
    """What serves one index group. `call` raises AdsFault and nothing else; `asks` says what has to be permitted."""

    call: Callable[[Access], bytes | Later]
    asks: Callable[[Access], Action]


Services = Mapping[int, Service]
"""By index group."""


def always(action: Action) -> Callable[[Access], Action]:
    """The same action for every access."""
    return lambda _: action


def changing(reading: Action) -> Callable[[Access], Action]:
    """`reading` for what comes as Read or ReadWrite; a Write is ADMIN."""
    return lambda access: Action.ADMIN if access.is_write else reading


def by_offset(table: Mapping[int, Callable[[], bytes]], action: Action) -> Service:
    """A group that is read only, one function for each offset. Others are 0x703, writing is 0x704."""

    def answer(access: Access) -> bytes:
        if access.is_write:
            raise AdsFault(AdsError.INVALID_ACCESS)
        function = table.get(access.offset)
        if function is None:
            raise AdsFault(AdsError.INVALID_OFFSET)
        return function()

    return Service(answer, changing(action))


def joined(*parts: Services) -> dict[int, Service]:
    """All tables in one. A group that two of them claim is a ValueError: that is our bug."""
    all_of_them: dict[int, Service] = {}
    for part in parts:
        twice = all_of_them.keys() & part.keys()
        if twice:
            raise ValueError(f"index groups {sorted(twice)} are claimed twice")
        all_of_them.update(part)
    return all_of_them


class ServiceDevice(AdsDevice):
    """A device that serves a table. Groups that are not in it are 0x701, but for what every device has."""

    def __init__(self, name: str, services: Services, version: tuple[int, int, int] = (3, 1, 4024)) -> None:
        super().__init__(limits=Limits(sum_items=MAX_SUM_ITEMS))
        self.name, self.version = name, version
        self._services = services

    def subjects(self, access: device_access.Access, data: bytes) -> tuple[Subject, ...]:
        service = self._services.get(access.group)
        if service is None:
            return super().subjects(access, data)
        size_bytes = len(data) if access.command == Command.WRITE else access.size_bytes
        return ((service.asks(_ours(access, data)), access.group, access.offset, size_bytes, ()),)

    def read(self, access: device_access.Access) -> bytes | Later:
        return self._serve(access, b"")

    def write(self, access: device_access.Access, data: bytes) -> Later | None:
        served = self._serve(access, data)
        return served if isinstance(served, Later) else None

    def read_write(self, access: device_access.Access, data: bytes) -> bytes | Later:
        return self._serve(access, data)

    def point(self, access: device_access.Access) -> Point:
        """A service is asked, not watched: sampling one would open files or take random numbers in every cycle."""
        if access.group in self._services and access.group not in WATCHABLE:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"group {access.group:#x} is not to be watched")
        return super().point(access)

    def prepared(self, access: device_access.Access) -> Point | None:
        """Nothing: what a service tells is somebody else's, and may be another thing each time."""
        del access
        return None

    def _serve(self, access: device_access.Access, data: bytes) -> bytes | Later:
        service = self._services.get(access.group)
        if service is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"no service at {access.group:#x}:{access.offset:#x}")
        return service.call(_ours(access, data))


def _ours(access: device_access.Access, data: bytes) -> Access:
    is_write = access.command == Command.WRITE
    return Access(access.peer, access.group, access.offset, access.size_bytes, data, is_write)


def text_of(data: bytes, *, max_bytes: int) -> bytes:
    """A string that a client sent: a NUL at its end may be there. Raises AdsFault 0x706 for any other."""
    text = data[:-1] if data.endswith(b"\0") else data
    if b"\0" in text or len(text) > max_bytes:
        raise AdsFault(AdsError.INVALID_DATA, f"one string of up to {max_bytes} bytes is expected")
    return text


def two_texts(data: bytes, *, max_bytes: int) -> tuple[bytes, bytes]:
    """Two strings, one behind the other; the second's NUL may be missing. Raises AdsFault 0x706."""
    first, nul, second = data.partition(b"\0")
    if not nul or len(first) > max_bytes:
        raise AdsFault(AdsError.INVALID_DATA, "two strings with a NUL between them are expected")
    return first, text_of(second, max_bytes=max_bytes)
