"""A client of the system service without a router: requests as bytes, answers taken apart."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from dinrail.ads.contract import INSIDE, Action, Device, Origin, Peer
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsFault
from dinrail.ams.frame import Command

SERVER = AmsAddr.parse("5.6.7.8.1.1:10000")
CLIENT = AmsAddr.parse("1.2.3.4.1.1:30000")
ALL = frozenset(Action)


@dataclass(eq=False)
class FakePeer:
    """A peer that keeps its notifications; `is_full` says that its link takes no more."""

    source: AmsAddr = CLIENT
    origin: Origin = INSIDE
    is_full: bool = False
    notes: list[bytes] = field(default_factory=list)

    def notify(self, device: AmsAddr, payload: bytes) -> bool:
        del device
        if self.is_full:
            return False
        self.notes.append(payload)
        return True


@dataclass
class FakePermit:
    """Allows `actions`, and remembers what it was asked."""

    actions: frozenset[Action] = ALL
    asked: list[tuple[Action, int, int, int]] = field(default_factory=list)
    by_symbol: bool = False

    def allows(self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()) -> bool:
        del names
        self.asked.append((action, group, offset, size_bytes))
        return action in self.actions

    would_allow = allows


@dataclass
class FakeRequest:
    """One request."""

    command: int
    payload: bytes
    peer: Peer
    permit: FakePermit
    target: AmsAddr = SERVER
    answers: list[bytes] = field(default_factory=list)

    def reply(self, body: bytes, *, error: int = 0) -> None:
        assert not error
        self.answers.append(body)


@dataclass
class Client:
    """What one client does with one device; every call gives the data or raises AdsFault with the answer's code."""

    device: Device
    peer: FakePeer = field(default_factory=FakePeer)
    permit: FakePermit = field(default_factory=FakePermit)

    def ask(self, command: int, payload: bytes = b"") -> bytes:
        """The body of the answer."""
        body = self.device.request(FakeRequest(command, payload, self.peer, self.permit))
        assert body is not None
        return body

    def pending(self, command: int, payload: bytes) -> FakeRequest:
        """A request that is answered later: its `answers` has the body then."""
        request = FakeRequest(command, payload, self.peer, self.permit)
        assert self.device.request(request) is None
        return request

    def prepared(self, command: int, payload: bytes) -> object:
        """What the device would have the router keep."""
        return self.device.prepare(FakeRequest(command, payload, self.peer, self.permit))

    def read(self, group: int, offset: int, size_bytes: int = 0xFFFF_FFFF) -> bytes:
        return _data(self.ask(Command.READ, struct.pack("<III", group, offset, size_bytes)))

    def write(self, group: int, offset: int, data: bytes = b"") -> None:
        body = self.ask(Command.WRITE, struct.pack("<III", group, offset, len(data)) + data)
        assert body == bytes(4)

    def read_write(self, group: int, offset: int, data: bytes = b"", size_bytes: int = 0xFFFF_FFFF) -> bytes:
        head = struct.pack("<IIII", group, offset, size_bytes, len(data))
        return _data(self.ask(Command.READ_WRITE, head + data))

    def control(self, state: int, device_state: int = 0, data: bytes = b"") -> None:
        assert self.ask(Command.WRITE_CONTROL, struct.pack("<HHI", state, device_state, len(data)) + data) == bytes(4)

    def state(self) -> tuple[int, int]:
        result, ads, device = struct.unpack("<IHH", self.ask(Command.READ_STATE))
        assert result == 0
        return ads, device

    def subscribe(self, group: int, offset: int, size_bytes: int) -> int:
        body = self.ask(Command.ADD_NOTIFICATION, struct.pack("<IIIIII16x", group, offset, size_bytes, 4, 0, 0))
        result, handle = struct.unpack("<II", body)
        assert result == 0
        return int(handle)

    def unsubscribe(self, handle: int) -> None:
        assert self.ask(Command.DELETE_NOTIFICATION, struct.pack("<I", handle)) == bytes(4)

    def gone(self) -> None:
        self.device.peer_gone(self.peer)


def _data(body: bytes) -> bytes:
    result, size = struct.unpack_from("<II", body)
    if result:
        raise AdsFault(result)
    assert len(body) == 8 + size
    return body[8:]
