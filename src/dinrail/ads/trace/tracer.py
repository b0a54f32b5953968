"""Frames in, events out: each frame told in words, each answer with the time since its request.

A tracer never fails: what it cannot read is an event of kind `malformed`. It remembers a bounded number of unanswered
requests, handles, addresses and subscriptions.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from dinrail.ads.trace import words
from dinrail.ads.trace.answered import tell_answer, tell_notification
from dinrail.ads.trace.asked import Asked, Ends, Fields, tell_request
from dinrail.ads.trace.flows import Seen
from dinrail.ads.trace.memory import Memory
from dinrail.ads.trace.packet import Endpoint
from dinrail.ams import discovery, local
from dinrail.ams.errors import describe
from dinrail.ams.frame import FRAME_HEADER_BYTES, Command, Header, TcpCommand, parse_header
from dinrail.errors import FormatError

MAX_PENDING = 65536
"""Requests and items of sum commands whose answer is awaited."""


class Kind(enum.StrEnum):
    """What an event is."""

    REQUEST = "request"
    RESPONSE = "response"
    NOTIFICATION = "notification"
    LOCAL = "local"
    UDP = "udp"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Event:
    """One frame or datagram, told.

    source, target:   where it went on the network.
    sender, receiver: AMS addresses with port names; empty where a frame has none.
    latency_ns:       of a response whose request was seen.
    error:            the header's error or the result; 0 is none.
    fields:           the parts by name, JSON types only.
    """

    wall_ns: int
    source: Endpoint
    target: Endpoint
    kind: Kind
    words: str
    sender: str = ""
    receiver: str = ""
    command: str = ""
    invoke_id: int = 0
    latency_ns: int | None = None
    error: int = 0
    fields: Fields = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        head: dict[str, object] = {
            "time": words.stamp(self.wall_ns),
            "wall_ns": self.wall_ns,
            "source": str(self.source),
            "target": str(self.target),
            "kind": self.kind.value,
            "words": self.words,
        }
        if self.sender:
            head |= {"from": self.sender, "to": self.receiver, "command": self.command, "invoke_id": self.invoke_id}
        if self.latency_ns is not None:
            head["latency_ns"] = self.latency_ns
        return head | {"error": self.error} | self.fields

    def line(self) -> str:
        """For people: time, who to whom, what, and how long it took."""
        who = f"{self.sender} > {self.receiver} #{self.invoke_id}" if self.sender else f"{self.source} > {self.target}"
        took = "" if self.latency_ns is None else f"  [{self.latency_ns / 1e6:.3f} ms]"
        return f"{words.stamp(self.wall_ns)} {who} {_MARK[self.kind]} {self.words}{took}"


_MARK = {
    Kind.REQUEST: "?",
    Kind.RESPONSE: "=",
    Kind.NOTIFICATION: "!",
    Kind.LOCAL: "local",
    Kind.UDP: "udp",
    Kind.MALFORMED: "malformed",
}
_Key = tuple[Endpoint, Endpoint, bytes, bytes, int, int]


class Tracer:
    """Give it what was seen, in order of time."""

    def __init__(self, *, max_pending: int = MAX_PENDING) -> None:
        self.memory = Memory()
        self._max_pending = max_pending
        self._pending: OrderedDict[_Key, tuple[int, Asked]] = OrderedDict()
        self._cost = 0

    @property
    def unanswered(self) -> int:
        """Requests whose answer has not come yet."""
        return len(self._pending)

    def event(self, seen: Seen) -> Event:
        """One frame or datagram in words."""
        try:
            if seen.is_datagram:
                return _udp(seen)
            if int.from_bytes(seen.data[:2], "little") != TcpCommand.AMS:
                return _local(seen)
            header = parse_header(seen.data)
            return self._ams(seen, header, seen.data[FRAME_HEADER_BYTES:])
        except FormatError as fault:
            # A datagram may be half an add-route request, and hold a password.
            fields: Fields = {"data_bytes": len(seen.data)} if seen.is_datagram else words.data_fields(seen.data, None)
            return Event(seen.wall_ns, seen.source, seen.target, Kind.MALFORMED, words.clean(str(fault)), fields=fields)

    def events(self, seen: Iterator[Seen]) -> Iterator[Event]:
        """All of them."""
        return map(self.event, seen)

    def _ams(self, seen: Seen, header: Header, payload: bytes) -> Event:
        if header.is_response:
            return self._response(seen, header, payload)
        ends = Ends(header.source, header.target)
        if header.command == Command.NOTIFICATION:
            told, fields = tell_notification(self.memory, Ends(header.target, header.source), payload)
            return _event(seen, header, Kind.NOTIFICATION, told, fields)
        request = tell_request(self.memory, ends, header.command, payload)
        key = (seen.source, seen.target, ends.client, ends.device, header.command, header.invoke_id)
        self._remember(key, seen.wall_ns, request.asked)
        return _event(seen, header, Kind.REQUEST, request.words, request.fields)

    def _response(self, seen: Seen, header: Header, payload: bytes) -> Event:
        ends = Ends(header.target, header.source)
        pending = self._forget((seen.target, seen.source, ends.client, ends.device, header.command, header.invoke_id))
        latency_ns = None if pending is None else seen.wall_ns - pending[0]
        asked = Asked(header.command) if pending is None else pending[1]
        if header.error:
            told = f"{_title(ends, asked)}: {describe(header.error)}"
            return _event(seen, header, Kind.RESPONSE, told, {}, latency_ns, header.error)
        told, fields, result = tell_answer(self.memory, ends, asked, payload)
        return _event(seen, header, Kind.RESPONSE, f"{_title(ends, asked)}: {told}", fields, latency_ns, result)

    def _remember(self, key: _Key, wall_ns: int, asked: Asked) -> None:
        self._forget(key)
        self._pending[key] = (wall_ns, asked)
        self._cost += 1 + len(asked.items)
        while self._cost > self._max_pending and len(self._pending) > 1:
            self._forget(next(iter(self._pending)))

    def _forget(self, key: _Key) -> tuple[int, Asked] | None:
        pending = self._pending.pop(key, None)
        if pending is not None:
            self._cost -= 1 + len(pending[1].items)
        return pending


def _title(ends: Ends, asked: Asked) -> str:
    """What the answer is about."""
    if asked.items:
        return words.group_words(ends.device, asked.group)
    if asked.name or asked.known is not None or asked.group:
        return asked.name or words.place(ends.device, asked.group, asked.offset, asked.known)
    return _command(asked.command)


def _command(command: int) -> str:
    known = command in Command.__members__.values()
    return Command(command).name.lower().replace("_", "-") if known else f"command {command}"


def _event(
    seen: Seen,
    header: Header,
    kind: Kind,
    told: str,
    fields: Fields,
    latency_ns: int | None = None,
    error: int = 0,
) -> Event:
    return Event(
        wall_ns=seen.wall_ns,
        source=seen.source,
        target=seen.target,
        kind=kind,
        words=told,
        sender=words.address(header.source),
        receiver=words.address(header.target),
        command=_command(header.command),
        invoke_id=header.invoke_id,
        latency_ns=latency_ns,
        error=error,
        fields=fields,
    )


def _local(seen: Seen) -> Event:
    """Requests and replies of the local protocol differ by their lengths alone."""
    command, body = local.parse_local(seen.data)
    if command == TcpCommand.PORT_CONNECT:
        told = (
            f"connect port {local.parse_port_body(body) or 'any'}"
            if len(body) < 8
            else f"connected as {local.parse_connect_reply(body)}"
        )
    elif command == TcpCommand.PORT_CLOSE:
        told = f"close port {local.parse_port_body(body)}" if body else "closed"
    elif command == TcpCommand.GET_NET_ID:
        told = f"NetId is {local.parse_net_id_reply(body)}" if body else "which NetId"
    elif command == TcpCommand.ROUTER_NOTE:
        state = local.parse_note(body)
        known = state in local.RouterNote.__members__.values()
        told = f"router: {local.RouterNote(state).name.lower() if known else state}"
    else:
        told = f"command {command:#x}: {words.preview(body)}"
    return Event(seen.wall_ns, seen.source, seen.target, Kind.LOCAL, told, fields={"tcp_command": command})


def _udp(seen: Seen) -> Event:
    """Passwords are told by nobody."""
    packet = discovery.parse_packet(seen.data)
    error = 0
    fields: Fields = {"service": packet.service, "invoke_id": packet.invoke_id, "net_id": str(packet.address.net_id)}
    if packet.service == discovery.Service.SERVER_INFO:
        told = "who is there"
    elif packet.service == discovery.Service.SERVER_INFO | discovery.REPLY:
        info = discovery.ServerInfo.of(packet)
        version = ".".join(map(str, info.version))
        told = f"{words.clean(info.name)}, {info.address.net_id}, TwinCAT {version}"
        fields |= {"name": words.clean(info.name), "version": version}
    elif packet.service == discovery.Service.ADD_ROUTE:
        route = discovery.AddRoute.of(packet)
        name, address, user = (words.clean(text) for text in (route.name, route.address, route.user))
        told = f"add route {name!r} to {route.net_id} at {address}, as {user!r}"
        fields |= {"name": name, "route_net_id": str(route.net_id), "address": address, "user": user}
    elif packet.service == discovery.Service.ADD_ROUTE | discovery.REPLY:
        error = discovery.status_of(packet)
        told = f"add route: {describe(error) if error else 'ok'}"
    else:
        told = f"service {packet.service:#x}, {len(packet.tags)} tags"
    return Event(seen.wall_ns, seen.source, seen.target, Kind.UDP, told, error=error, fields=fields)
