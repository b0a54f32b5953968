"""One link's side of the router: what comes in is answered at once, passed on, or dropped and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.ads.contract import Link, Origin
from dinrail.ads.router.answers import (
    ADD_NOTIFICATION,
    NO_RETURN,
    NOTIFICATION,
    READ,
    READ_WRITE,
    RESPONSE,
    SERVED,
    TIMESTAMP,
    TIMESTAMP_BYTES,
    UNROUTED,
    answer_flags,
    capped,
    payload_of,
    response_head,
)
from dinrail.ads.router.gate import may_come_from_unidirectional
from dinrail.ads.router.outlet import Outlet
from dinrail.ads.router.peer import Call, Place, RouterPeer
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import error_body
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import FRAME_HEADER_BYTES, HEAD, TCP_HEADER_BYTES
from dinrail.ams.group import IndexGroup

if TYPE_CHECKING:
    from dinrail.ads.router.core import Router

_SUM_READ = IndexGroup.SUM_READ.to_bytes(4, "little")
_KEEPING = frozenset(
    group.to_bytes(4, "little")
    for group in (IndexGroup.HANDLE_BY_NAME, IndexGroup.SUM_READ_WRITE, IndexGroup.SUM_ADD_NOTIFICATION)
)
"""ReadWrites after which a client may have handles or notifications: it is not let go for being idle."""
_KEY_COST = 8
"""Bytes that a device keeps for a prepared answer, for each byte of its question: measured at sum reads."""
Body = Callable[[], bytes]
_Prepared = tuple[int, bytes, Body]
"""Size of the body that the head was made for, all bytes up to the invoke id, and what gives the body."""


class Session:
    """What `Router.connect` gives for a link. `receive` and `closed` are the transport's; the rest is the router's.

    outlet: what was forwarded to this link and is not answered yet, with its subscriptions; None until then.
    hits:   requests answered by the fast path that are not in the counters yet.
    """

    __slots__ = (
        "_fast",
        "_fast_bytes",
        "hits",
        "is_local",
        "is_open",
        "is_upstream",
        "link",
        "origin",
        "outlet",
        "peers",
        "ports",
        "router",
    )

    def __init__(self, router: Router, link: Link, *, is_local: bool, outlet: Outlet | None = None) -> None:
        self.router = router
        self.link = link
        self.origin: Origin = link.origin
        self.is_local = is_local
        self.is_open = True
        self.outlet = outlet
        self.is_upstream = outlet is not None
        self.peers: dict[bytes, RouterPeer] = {}
        self.ports: set[int] = set()
        self.hits = 0
        self._fast: dict[bytes, _Prepared] = {}
        self._fast_bytes = 0

    def receive(self, frame: bytes) -> bytes | None:
        """Take one whole frame. What is returned goes back by the same link; other traffic goes by `Link.send`."""
        answer = self.quick(frame)
        if answer is None:
            answer = self._receive(frame)
            if answer is not None:
                self.router.counters.frames_out += 1
        return answer

    def quick(self, data: bytes) -> bytes | None:
        """The answer to a read that was seen before, byte for byte but for its invoke id; None for anything else.

        For the bytes of one segment as they came: what is not one whole frame is not known here.
        """
        fast = self._fast
        prepared = fast.get(data[:34] + data[38:]) if fast else None
        if prepared is not None:
            size, head, make = prepared
            try:
                body = make()
            except AdsFault:
                return None  # the long way finds the fault again, and answers it
            if len(body) == size:
                self.hits += 1
                return head + data[34:38] + body
        return None

    def closed(self) -> None:
        """The link is gone. Its clients may come back for a while; what was forwarded to it has failed."""
        if self.is_open:
            self.is_open = False
            self.forget()
            self.router.disconnected(self)

    def send(self, frame: bytes) -> None:
        """Towards the client, by whoever answers it."""
        if self.is_open:
            self.router.counters.frames_out += 1
            self.link.send(frame)

    def forget(self) -> None:
        """What was prepared holds no more."""
        self._fast.clear()
        self._fast_bytes = 0

    def _receive(self, frame: bytes) -> bytes | None:
        router = self.router
        counters = router.counters
        counters.frames_in += 1
        if not self.is_open:
            return self._drop("closed")
        if frame[:2] != b"\0\0":
            return router.locals.receive(self, frame)
        if len(frame) < FRAME_HEADER_BYTES:
            return self._drop("short")
        target, source, command, flags, size, _, invoke_id = HEAD.unpack_from(frame, TCP_HEADER_BYTES)
        if flags & UNROUTED:
            return self._drop("system")
        asks = not flags & RESPONSE and command != NOTIFICATION
        there = len(frame) - FRAME_HEADER_BYTES
        if size != there and not (flags & TIMESTAMP and size == there - TIMESTAMP_BYTES):
            counters.drop("length")
            return self._error(frame, AdsError.INVALID_AMS_LENGTH) if asks else None
        if asks:
            return self._request(frame, target, source, command, flags)
        if self.outlet is None:
            return self._drop("unasked")
        if flags & RESPONSE:
            self.outlet.response(frame, target, source, command, invoke_id)
        else:
            self.outlet.notification(frame, target, source)
        return None

    def _drop(self, reason: str) -> bytes | None:
        self.router.counters.drop(reason)
        return None

    def _error(self, frame: bytes, code: int, body: bytes = b"") -> bytes | None:
        """A response with an error in its header (transport) or in its body's result (refusals)."""
        target, source, command, flags, _, _, _ = HEAD.unpack_from(frame, TCP_HEADER_BYTES)
        self.router.counters.errors += 1
        if flags & NO_RETURN:
            return None
        return response_head(source, target, command, answer_flags(flags), len(body), code) + frame[34:38] + body

    def _request(self, frame: bytes, target: bytes, source: bytes, command: int, flags: int) -> bytes | None:
        router = self.router
        peer = self.peers.get(source)
        if peer is None or peer.epoch != router.epoch:
            met = router.clients.meet(self, source)
            if not isinstance(met, RouterPeer):
                return self._error(frame, met) if met else None
            peer = met
        router.counters.requests += 1
        peer.used_ns = router.now_ns()
        if command not in SERVED:
            return self._error(frame, AdsError.UNKNOWN_COMMAND)
        if peer.one_way and not may_come_from_unidirectional(command):
            router.counters.refused += 1
            return self._error(frame, 0, error_body(command, AdsError.ACCESS_DENIED))
        place = peer.places.get(target)
        if place is not None:
            return self._serve(place, frame, peer, command, flags)
        found, canonical = router.locate(target, self)
        if found is None:
            known = canonical[:6] in router.own
            return self._error(frame, AdsError.TARGET_PORT_NOT_FOUND if known else AdsError.TARGET_MACHINE_NOT_FOUND)
        if not isinstance(found, Outlet):
            peer.devices[canonical] = found
            place = peer.keep((found, AmsAddr(target), router.permit(peer, canonical)))
            return self._serve(place, frame, peer, command, flags)
        error, body = router.forward(found, self, peer, frame, canonical)
        return self._error(frame, error, body) if error or body else None

    def _serve(self, place: Place, frame: bytes, peer: RouterPeer, command: int, flags: int) -> bytes | None:
        device, target, permit = place
        payload = payload_of(frame, command, flags)
        if command == ADD_NOTIFICATION or (command == READ_WRITE and payload[:4] in _KEEPING):
            peer.keeps = True
        wanted = 0 if flags & NO_RETURN else answer_flags(flags)
        call = Call(self, peer, permit, target, command, wanted, frame[34:38], payload)
        make: Body | None = None
        try:
            if command == READ or (command == READ_WRITE and payload[:4] == _SUM_READ):
                make = device.prepare(call)
            body = device.request(call) if make is None else make()
        except AdsFault as fault:
            make, body = None, error_body(command, fault.code)
        if body is None:
            return self.router.defer(call)
        if call.is_answered:
            return None
        if command in (READ, READ_WRITE) and len(payload) >= 12:
            body = capped(body, int.from_bytes(payload[8:12], "little"))
        if make is not None and wanted and not flags & TIMESTAMP:
            self._keep(frame, (len(body), call.head(len(body)), make))
        return call.answer(body)

    def _keep(self, frame: bytes, prepared: _Prepared) -> None:
        key = frame[:34] + frame[38:]
        limits = self.router.limits
        # What gives the body may hold all of it (the zeros behind items that failed), and much for each item asked for.
        cost = _KEY_COST * len(key) + prepared[0]
        if cost > limits.fast_bytes or not self.is_open:
            return
        if key not in self._fast:
            if len(self._fast) >= limits.fast_entries or self._fast_bytes + cost > limits.fast_bytes:
                self.forget()
            self._fast_bytes += cost
        self._fast[key] = prepared
