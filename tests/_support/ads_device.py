"""A device's surroundings in memory: peers that keep what they are sent, permits that keep what they were asked."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from dinrail.ads.contract import INSIDE, Action, Origin
from dinrail.ads.device.device import AdsDevice
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsFault
from dinrail.ams.frame import Command

TARGET = AmsAddr.parse("192.168.0.231.1.1:851")
SOURCE = AmsAddr.parse("127.0.0.1.1.1:30000")
WALL_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z, FILETIME 134116992000000000."""
FILETIME_2026 = 134_116_992_000_000_000


class Got(NamedTuple):
    """One sample as a client sees it."""

    stamp: int
    handle: int
    data: bytes


@dataclass(eq=False)
class FakePeer:
    """A client. `takes` False: its link is full. Frames are kept as they came, with the device's address."""

    source: AmsAddr = SOURCE
    origin: Origin = INSIDE
    takes: bool = True
    frames: list[bytes] = field(default_factory=list)
    senders: list[AmsAddr] = field(default_factory=list)

    def notify(self, device: AmsAddr, payload: bytes) -> bool:
        if self.takes:
            self.frames.append(payload)
            self.senders.append(device)
        return self.takes

    def take(self) -> list[Got]:
        """All samples since the last call, in order; every length in the frames is checked on the way."""
        frames, self.frames = self.frames, []
        return [sample for frame in frames for sample in parse_frame(frame)]


def parse_frame(frame: bytes) -> list[Got]:
    """Take a DeviceNotification payload apart with nothing left over."""
    size, stamps = struct.unpack_from("<II", frame)
    assert size == len(frame) - 4
    found: list[Got] = []
    at = 8
    for _ in range(stamps):
        stamp, samples = struct.unpack_from("<QI", frame, at)
        at += 12
        for _ in range(samples):
            handle, width = struct.unpack_from("<II", frame, at)
            found.append(Got(stamp, handle, frame[at + 8 : at + 8 + width]))
            at += 8 + width
    assert at == len(frame)
    return found


@dataclass
class FakePermit:
    """Allows what `rule` says; keeps every question."""

    by_symbol: bool = False
    rule: Callable[[Action, int, int, int, tuple[str, ...]], bool] = lambda *_: True
    asked: list[tuple[Action, int, int, int, tuple[str, ...]]] = field(default_factory=list)

    def allows(self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()) -> bool:
        self.asked.append((action, group, offset, size_bytes, names))
        return self.rule(action, group, offset, size_bytes, names)

    def would_allow(
        self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()
    ) -> bool:
        return self.rule(action, group, offset, size_bytes, names)


@dataclass
class FakeRequest:
    """One request; `replies` collects what came later."""

    command: int
    payload: bytes
    peer: FakePeer
    permit: FakePermit
    target: AmsAddr = TARGET
    replies: list[tuple[bytes, int]] = field(default_factory=list)

    def reply(self, body: bytes, *, error: int = 0) -> None:
        self.replies.append((body, error))


class Client:
    """Talks to one device as one peer; answers are (result, data), faults are their code with no data."""

    def __init__(self, device: AdsDevice, peer: FakePeer | None = None, permit: FakePermit | None = None) -> None:
        self.device = device
        self.peer = peer or FakePeer()
        self.permit = permit or FakePermit()

    def request(self, command: int, payload: bytes) -> FakeRequest:
        return FakeRequest(command, payload, self.peer, self.permit)

    def body(self, command: int, payload: bytes) -> bytes | None:
        return self.device.request(self.request(command, payload))

    def _data(self, command: int, payload: bytes) -> tuple[int, bytes]:
        try:
            body = self.body(command, payload)
        except AdsFault as fault:
            return fault.code, b""
        assert body is not None
        result, size = struct.unpack_from("<II", body)
        assert size == len(body) - 8
        return result, body[8:]

    def _result(self, command: int, payload: bytes) -> int:
        try:
            body = self.body(command, payload)
        except AdsFault as fault:
            return fault.code
        assert body is not None
        (result,) = struct.unpack("<I", body)
        return int(result)

    def read(self, group: int, offset: int, size: int) -> tuple[int, bytes]:
        return self._data(Command.READ, struct.pack("<III", group, offset, size))

    def write(self, group: int, offset: int, data: bytes) -> int:
        return self._result(Command.WRITE, struct.pack("<III", group, offset, len(data)) + data)

    def read_write(self, group: int, offset: int, size: int, data: bytes) -> tuple[int, bytes]:
        return self._data(Command.READ_WRITE, struct.pack("<IIII", group, offset, size, len(data)) + data)

    def control(self, state: int, device_state: int = 0, data: bytes = b"") -> int:
        return self._result(Command.WRITE_CONTROL, struct.pack("<HHI", state, device_state, len(data)) + data)

    def state(self) -> tuple[int, int]:
        body = self.body(Command.READ_STATE, b"")
        assert body is not None
        result, state, device_state = struct.unpack("<IHH", body)
        assert result == 0
        return state, device_state

    def subscribe(
        self, group: int, offset: int, size: int, *, mode: int = 3, delay_ms: float = 0, cycle_ms: float = 0
    ) -> tuple[int, int]:
        """(result, handle)."""
        payload = subscription(group, offset, size, mode=mode, delay_ms=delay_ms, cycle_ms=cycle_ms)
        try:
            body = self.body(Command.ADD_NOTIFICATION, payload)
        except AdsFault as fault:
            return fault.code, 0
        assert body is not None
        result, handle = struct.unpack("<II", body)
        return int(result), int(handle)

    def unsubscribe(self, handle: int) -> int:
        return self._result(Command.DELETE_NOTIFICATION, struct.pack("<I", handle))

    def prepared(self, command: int, payload: bytes) -> Callable[[], bytes] | None:
        return self.device.prepare(self.request(command, payload))


def subscription(
    group: int, offset: int, size: int, *, mode: int = 3, delay_ms: float = 0, cycle_ms: float = 0
) -> bytes:
    """The 40 bytes of an AddDeviceNotification request; times in units of 100 ns."""
    return struct.pack("<IIIIII16x", group, offset, size, mode, int(delay_ms * 10_000), int(cycle_ms * 10_000))


@dataclass
class Time:
    """Both clocks by hand; `run` ticks a device whenever it says it is due, as a ticker does."""

    monotonic_ns: int = 10_000_000_000
    wall_ns: int = WALL_NS

    def tick(self, device: AdsDevice) -> None:
        device.tick(self.monotonic_ns, self.wall_ns)

    def run(self, device: AdsDevice, ms: float, late_ms: float = 0) -> None:
        """Let time pass, ticking `late_ms` after each due time."""
        end = self.monotonic_ns + int(ms * 1_000_000)
        while True:
            due = device.due_ns()
            at = end + 1 if due is None else max(due + int(late_ms * 1_000_000), self.monotonic_ns)
            if at > end:
                break
            self.go(at)
            self.tick(device)
        self.go(end)

    def go(self, monotonic_ns: int) -> None:
        self.wall_ns += monotonic_ns - self.monotonic_ns
        self.monotonic_ns = monotonic_ns
