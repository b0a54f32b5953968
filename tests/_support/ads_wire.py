"""AMS without a wire: links that remember, two routers joined back to back, and frames built by field."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dinrail.ads.contract import Action, Origin, Peer, Permit, Request, Via
from dinrail.ads.router.core import Router
from dinrail.ads.router.limits import Counters, Limits
from dinrail.ads.router.routes import Route, RouteTable
from dinrail.ads.router.session import Session
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command, Flag, Header, TcpCommand, build_frame, parse_header, tcp_frame

OURS = NetId.parse("10.0.0.1.1.1")
PLC_NET = NetId.parse("5.80.201.232.1.1")
PLC = AmsAddr.of(PLC_NET, 851)
HERE = AmsAddr.of(OURS, 851)
LOCAL = Origin(Via.LOOPBACK, "127.0.0.1:48898", "127.0.0.1")


def lan(address: str) -> Origin:
    """Somebody on the LAN, who proves nothing."""
    return Origin(Via.LAN, "0.0.0.0:48898", address)


class Wire:
    """A link that keeps what is sent. `deliver` hands it on at once instead, where one is set."""

    def __init__(self, origin: Origin = LOCAL) -> None:
        self.origin = origin
        self.sent: list[bytes] = []
        self.closed_why: str | None = None
        self.deliver: Callable[[bytes], None] | None = None
        self.on_close: Callable[[], None] | None = None

    def send(self, frame: bytes) -> None:
        if self.deliver is not None:
            self.deliver(frame)
        else:
            self.sent.append(frame)

    def close(self, why: str) -> None:
        if self.closed_why is None:
            self.closed_why = why
            if self.on_close is not None:
                self.on_close()

    def take(self) -> list[bytes]:
        """What was sent since the last time."""
        frames, self.sent = self.sent, []
        return frames


@dataclass
class Client:
    """One connection with its session, and answers as they come: at once or by the link."""

    router: Router
    origin: Origin = LOCAL
    wire: Wire = field(init=False)
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(self.origin)
        self.session = self.router.connect(self.wire)

    def say(self, frame: bytes) -> list[bytes]:
        """What comes back for one frame."""
        answer = self.session.receive(frame)
        return ([answer] if answer else []) + self.wire.take()

    def ask(self, frame: bytes) -> bytes:
        """The one frame that comes back."""
        (answer,) = self.say(frame)
        return answer

    def connect_port(self, wanted: int = 0) -> AmsAddr:
        answer = self.ask(tcp_frame(TcpCommand.PORT_CONNECT, wanted.to_bytes(2, "little")))
        assert answer[:6] == struct.pack("<HI", TcpCommand.PORT_CONNECT, 8)
        return AmsAddr(answer[6:])

    def close_port(self, port: int) -> list[bytes]:
        return self.say(tcp_frame(TcpCommand.PORT_CLOSE, port.to_bytes(2, "little")))

    def drop(self) -> None:
        self.session.closed()


def request(target: bytes, source: bytes, command: int, data: bytes = b"", *, invoke: int = 1, flags: int = 4) -> bytes:
    return build_frame(target, source, command, flags, invoke, data)


def read(
    target: bytes, source: bytes, offset: int = 0, size: int = 4, *, group: int = 0x4020, invoke: int = 1
) -> bytes:
    return request(target, source, Command.READ, struct.pack("<III", group, offset, size), invoke=invoke)


def write(target: bytes, source: bytes, data: bytes, offset: int = 0, *, group: int = 0x4020, invoke: int = 1) -> bytes:
    body = struct.pack("<III", group, offset, len(data)) + data
    return request(target, source, Command.WRITE, body, invoke=invoke)


def read_write(
    target: bytes, source: bytes, group: int, offset: int, size: int, data: bytes, *, invoke: int = 1
) -> bytes:
    body = struct.pack("<IIII", group, offset, size, len(data)) + data
    return request(target, source, Command.READ_WRITE, body, invoke=invoke)


def add_note(target: bytes, source: bytes, offset: int = 0, size: int = 4, *, invoke: int = 1) -> bytes:
    body = struct.pack("<IIIIII16x", 0x4020, offset, size, 3, 0, 0)
    return request(target, source, Command.ADD_NOTIFICATION, body, invoke=invoke)


def delete_note(target: bytes, source: bytes, handle: int, *, invoke: int = 1) -> bytes:
    return request(target, source, Command.DELETE_NOTIFICATION, struct.pack("<I", handle), invoke=invoke)


def samples(*pairs: tuple[int, bytes], filetime: int = 1) -> bytes:
    """A DeviceNotification's payload with one stamp."""
    body = struct.pack("<qI", filetime, len(pairs))
    body += b"".join(struct.pack("<II", handle, len(data)) + data for handle, data in pairs)
    return struct.pack("<II", len(body) + 4, 1) + body


def notification(target: bytes, source: bytes, *pairs: tuple[int, bytes]) -> bytes:
    return build_frame(target, source, Command.NOTIFICATION, 4, 0, samples(*pairs))


def answer_to(frame: bytes, body: bytes = b"", *, error: int = 0) -> bytes:
    """What a device would answer."""
    head = parse_header(frame)
    return build_frame(head.source, head.target, head.command, head.flags | 1, head.invoke_id, body, error=error)


def result_of(frame: bytes) -> int:
    """The result of a response whose header has no error."""
    head = parse_header(frame)
    assert head.error == 0
    return int.from_bytes(frame[38:42], "little")


def error_of(frame: bytes) -> int:
    """The error of a response that has no data."""
    head = parse_header(frame)
    assert head.size_bytes == 0
    return head.error


def head_of(frame: bytes) -> Header:
    return parse_header(frame)


class Allow:
    """A permit for all but some actions, that remembers what it was asked."""

    def __init__(self, *, refuse: frozenset[Action] = frozenset(), symbols: frozenset[str] | None = None) -> None:
        self.refuse = refuse
        self.symbols = symbols
        self.asked: list[tuple[Action, int, int, int, tuple[str, ...]]] = []

    @property
    def by_symbol(self) -> bool:
        return self.symbols is not None

    def allows(self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()) -> bool:
        self.asked.append((action, group, offset, size_bytes, names))
        if action in self.refuse:
            return False
        value = action in (Action.READ, Action.WRITE, Action.CALL)
        return self.symbols is None or not value or bool(self.symbols & set(names))

    would_allow = allows


class Policy:
    """One permit for all, and NetIds that belong to one address."""

    def __init__(self, permit: Permit | None = None, bound: dict[NetId, str] | None = None) -> None:
        self.answer = permit or Allow()
        self.bound = bound or {}
        self.asked: list[tuple[Origin, AmsAddr, AmsAddr]] = []

    def permit(self, origin: Origin, source: AmsAddr, target: AmsAddr) -> Permit:
        self.asked.append((origin, source, target))
        return self.answer

    def accepts_source(self, origin: Origin, net_id: NetId) -> bool:
        owner = self.bound.get(net_id)
        return owner is None or owner == origin.address


class Memory:
    """A device with 64 bytes at 0x4020, notifications that are sent by `publish`, and symbol handles for any name."""

    def __init__(self) -> None:
        self.data = bytearray(range(64))
        self.notes: dict[int, tuple[Peer, AmsAddr]] = {}
        self.handles: dict[int, str] = {}
        self.gone: list[Peer] = []
        self.waiting: list[Request] = []
        self.requests = 0
        self.prepared = 0
        self._next = 1

    def request(self, request: Request) -> bytes | None:
        self.requests += 1
        payload = request.payload
        group = int.from_bytes(payload[:4], "little")
        if request.command == Command.READ_STATE:
            return struct.pack("<IHH", 0, 5, 0)
        if request.command == Command.WRITE_CONTROL:
            self.waiting.append(request)
            return None
        if request.command == Command.ADD_NOTIFICATION:
            return struct.pack("<II", 0, self._subscribe(request))
        if request.command == Command.DELETE_NOTIFICATION:
            known = self.notes.pop(int.from_bytes(payload[:4], "little"), None)
            return struct.pack("<I", 0 if known else AdsError.NOTIFICATION_HANDLE_INVALID)
        if request.command == Command.READ_WRITE and group == 0xF003:
            self.handles[self._next] = payload[16:].rstrip(b"\0").decode()
            self._next += 1
            return struct.pack("<III", 0, 4, self._next - 1)
        if group == 0xF006:
            self.handles.pop(int.from_bytes(payload[12:16], "little"))
            return bytes(4)
        if group != 0x4020 or len(payload) < 12:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED)
        _, offset, size = struct.unpack_from("<III", payload)
        if request.command == Command.WRITE:
            self.data[offset : offset + size] = payload[12:]
            return bytes(4)
        data = bytes(self.data[offset : offset + size])
        return struct.pack("<II", 0, len(data)) + data

    def _subscribe(self, request: Request) -> int:
        self.notes[self._next] = request.peer, request.target
        self._next += 1
        return self._next - 1

    def prepare(self, request: Request) -> Callable[[], bytes] | None:
        if request.command != Command.READ or request.payload[:4] != b"\x20\x40\0\0":
            return None
        self.prepared += 1
        _, offset, size = struct.unpack_from("<III", request.payload)

        def body() -> bytes:
            data = bytes(self.data[offset : offset + size])
            return struct.pack("<II", 0, len(data)) + data

        return body

    def peer_gone(self, peer: Peer) -> None:
        self.gone.append(peer)
        self.notes = {handle: note for handle, note in self.notes.items() if note[0] is not peer}

    def publish(self, data: bytes) -> int:
        """One sample to everybody who subscribed; how many were sent."""
        return sum(peer.notify(target, samples((handle, data))) for handle, (peer, target) in self.notes.items())

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        del monotonic_ns, wall_ns

    def due_ns(self) -> int | None:
        return None


class Bench:
    """A router with a clock that stands, and what it dials."""

    def __init__(
        self,
        net_id: NetId = OURS,
        *,
        policy: Policy | None = None,
        routes: tuple[Route, ...] = (),
        limits: Limits | None = None,
    ) -> None:
        self.now_ns = 1_000_000_000
        self.policy = policy or Policy()
        self.memory = Memory()
        self.dialled: list[Route] = []
        self.dial: Callable[[Route], None] = self.dialled.append
        self.counters = Counters()
        self.router = Router(
            net_id,
            policy=self.policy,
            routes=RouteTable(routes),
            dial=self._dial,
            now_ns=lambda: self.now_ns,
            limits=limits,
            counters=self.counters,
        )

    def _dial(self, route: Route) -> None:
        self.dial(route)

    def client(self, origin: Origin = LOCAL) -> Client:
        return Client(self.router, origin)

    def pass_time(self, ns: int) -> None:
        self.now_ns += ns
        self.router.tick(self.now_ns)

    def up(self, route: Route, origin: Origin | None = None) -> tuple[Wire, Session]:
        """The dialled connection comes up."""
        wire = Wire(origin or lan(route.host))
        return wire, self.router.upstream_up(route, wire)


class Cable:
    """Two routers joined: the one dials, the other takes the call. Frames wait until `run`, so nothing nests."""

    def __init__(self, route: Route, near: Bench, far: Bench, address: str = "192.0.2.1") -> None:
        self._frames: deque[tuple[Session, Wire, bytes]] = deque()
        near_wire, far_wire = Wire(lan(route.host)), Wire(lan(address))
        self.far = far.router.connect(far_wire)
        near_wire.deliver = lambda frame: self._frames.append((self.far, far_wire, frame))
        far_wire.deliver = lambda frame: self._frames.append((self.near, near_wire, frame))
        self.wires = near_wire, far_wire
        self.near: Session = near.router.upstream_up(route, near_wire)
        far_wire.on_close = near_wire.on_close = self.cut

    def run(self) -> None:
        while self._frames:
            session, wire, frame = self._frames.popleft()
            answer = session.receive(frame)
            if answer:
                wire.send(answer)

    def cut(self) -> None:
        self._frames.clear()
        self.near.closed()
        self.far.closed()


RESPONSE = Flag.RESPONSE.value
