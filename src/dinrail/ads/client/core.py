"""A client's half of the protocol, without I/O: frames out for what is asked, events in for what arrives.

    request() -> frame      the invoke id is kept until its answer came, or `forget` was called
    feed(bytes) -> events   Answer, Notified, PortGiven, PortClosed, RouterNote, Stray, in the order of the bytes

Any number of requests may be under way, and answers come in any order. An answer belongs to a request when invoke id,
command and port agree. The NetId is not compared: who asks 127.0.0.1.1.1 is answered by the router's own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dinrail.ams.address import ADDRESS_BYTES, LOOPBACK_NET_ID, NULL_NET_ID, AmsAddr, NetId
from dinrail.ams.frame import (
    FRAME_HEADER_BYTES,
    REQUEST_FLAGS,
    TCP_HEADER_BYTES,
    Command,
    Decoder,
    TcpCommand,
    build_frame,
    parse_header,
)
from dinrail.ams.local import NOTE, parse_connect_reply, parse_note
from dinrail.errors import FormatError

LAST_INVOKE_ID = 0xFFFF_FFFF
MAX_ANSWER_BYTES = 64 << 20
"""The upload of a large program's symbols is one answer, and well above what a request may have."""
_U16 = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request. error: the AMS header's; the body is then empty and worth nothing."""

    invoke_id: int
    error: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Notified:
    """One DeviceNotification frame's payload, not looked into yet."""

    source: AmsAddr
    payload: bytes


@dataclass(frozen=True, slots=True)
class PortGiven:
    """The router's answer to port connect: who we are from now on."""

    address: AmsAddr


@dataclass(frozen=True, slots=True)
class PortClosed:
    """The router's answer to port close."""


@dataclass(frozen=True, slots=True)
class RouterNote:
    """The router tells its state: 0 stop, 1 start, 2 removed."""

    state: int


@dataclass(frozen=True, slots=True)
class Stray:
    """A frame that answers nothing: late, made up, or a request to us. Counted, otherwise without effect."""

    why: str


Event = Answer | Notified | PortGiven | PortClosed | RouterNote | Stray


class ClientCore:
    """The protocol state of one TCP connection.

    address:       ours, as source of all requests; set by hand, or by the router's answer to port connect.
    router_net_id: the router's own NetId when it gave us our port, else None.
    """

    def __init__(self, address: AmsAddr | None = None, *, first_invoke_id: int = 1) -> None:
        self.address = address if address is not None else AmsAddr.of(NULL_NET_ID, 0)
        self.router_net_id: NetId | None = None
        self.strays = 0
        self._decoder = Decoder(max_bytes=MAX_ANSWER_BYTES)
        self._waiting: dict[int, tuple[int, int]] = {}
        self._last_id = (first_invoke_id - 1) % (LAST_INVOKE_ID + 1)

    @property
    def in_flight(self) -> int:
        """Requests without an answer yet."""
        return len(self._waiting)

    @property
    def last_invoke_id(self) -> int:
        """The newest invoke id."""
        return self._last_id

    def request(self, target: AmsAddr, command: int, body: bytes = b"") -> tuple[int, bytes]:
        """(invoke id, frame) of a new request from our address."""
        invoke_id = self._free_id()
        self._waiting[invoke_id] = (command, target.port)
        return invoke_id, build_frame(target, self.address, command, REQUEST_FLAGS, invoke_id, body)

    def forget(self, invoke_id: int) -> None:
        """Wait no longer: an answer that still comes is a stray."""
        self._waiting.pop(invoke_id, None)

    def same_device(self, address: AmsAddr) -> AmsAddr:
        """The address by which a device is known here: the router's own NetId instead of 127.0.0.1.1.1."""
        if self.router_net_id is not None and address.net_id == LOOPBACK_NET_ID:
            return AmsAddr.of(self.router_net_id, address.port)
        return address

    def feed(self, data: bytes) -> Iterator[Event]:
        """What `data` brings. Raises FormatError when the stream is no AMS/TCP; the connection is then of no use."""
        for frame in self._decoder.feed(data):
            event = self._event(frame)
            if isinstance(event, Stray):
                self.strays += 1
            yield event

    def _free_id(self) -> int:
        candidate = self._last_id
        for _ in range(len(self._waiting) + 1):  # one of so many must be free
            candidate = 1 if candidate >= LAST_INVOKE_ID else candidate + 1
            if candidate not in self._waiting:
                break
        self._last_id = candidate
        return candidate

    def _event(self, frame: bytes) -> Event:
        (command,) = _U16.unpack_from(frame)
        if command == TcpCommand.AMS:
            return self._ams(frame)
        body = frame[TCP_HEADER_BYTES:]
        if command == TcpCommand.PORT_CONNECT and len(body) == ADDRESS_BYTES:
            self.address = parse_connect_reply(body)
            self.router_net_id = self.address.net_id
            return PortGiven(self.address)
        if command == TcpCommand.PORT_CLOSE:
            return PortClosed()
        if command == TcpCommand.ROUTER_NOTE and len(body) == NOTE.size:
            return RouterNote(parse_note(body))
        return Stray(f"AMS/TCP command {command:#06x} with {len(body)} bytes")

    def _ams(self, frame: bytes) -> Event:
        if len(frame) < FRAME_HEADER_BYTES:
            return Stray(f"a frame of {len(frame)} bytes")
        try:
            header = parse_header(frame)
        except FormatError as fault:  # the stream itself is still in step
            return Stray(str(fault))
        if header.command == Command.NOTIFICATION and not header.is_response:
            return Notified(header.source, frame[FRAME_HEADER_BYTES:])
        if not header.is_response:
            return Stray(f"a request (command {header.command}) to a client")
        if self._waiting.get(header.invoke_id) != (header.command, header.source.port):
            return Stray(f"an answer to nothing (invoke id {header.invoke_id}, command {header.command})")
        del self._waiting[header.invoke_id]
        return Answer(header.invoke_id, header.error, frame[FRAME_HEADER_BYTES:])
