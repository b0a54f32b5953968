"""UDP 48899: telling who we are, and adding routes for those who have a password. Pure; `transport.udp` is its door.

Silence is the usual answer: for what is no packet, for replies, for services that we do not have, and for everybody
who may not know of us. So a forged sender's address gets it no flood from here: server info is 16 times its request,
and goes to those only whom a rule names (or who could add a route), so many a second.

A password travels in clear text here, and clients count no packets (pyads' invoke id is always 0), so an overheard
packet cannot be told from one that its sender repeats. It is judged like any other, by the passwords of that day, and
can do nothing but renew the very route that it names, never one to whoever sent it again. Repetitions are counted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Protocol

from dinrail.ads.admission import Admission, Bucket, Gate
from dinrail.ads.contract import Origin, Via
from dinrail.ads.router.routes import Route, RouteExists
from dinrail.ams.address import NULL_NET_ID
from dinrail.ams.discovery import (
    AddRoute,
    Packet,
    ServerInfo,
    Service,
    parse_packet,
    status_of,
    status_reply,
)
from dinrail.ams.errors import AdsError
from dinrail.errors import DinrailError, FormatError
from dinrail.units import MS_NS

LOG = logging.getLogger("dinrail.ads.discovery")

MAX_REMEMBERED = 256
ANSWERS_AT_ONCE = 50
ANSWER_REFILL_NS = 50 * MS_NS
_TRUSTED = (Via.INSIDE, Via.LOOPBACK)

_STATUS = {
    Admission.YES: AdsError.OK,
    Admission.WRONG: AdsError.INVALID_ACCESS,
    Admission.WAIT: AdsError.BUSY,
    Admission.BROKEN: AdsError.NOT_READY,
}


class Knows(Protocol):
    """The part of the policy that is asked here."""

    def knows(self, origin: Origin) -> bool: ...


class Responder:
    """Answers discovery packets.

    info:   what we tell of ourselves.
    policy: gives the policy of the moment.
    gate:   checks passwords.
    add:    adds a route for who had one; raises DinrailError when it may not be (RouteExists: 0x506).
    now_ns: a monotonic clock.
    """

    def __init__(
        self,
        info: Callable[[], ServerInfo],
        policy: Callable[[], Knows],
        gate: Gate,
        add: Callable[[Route, Origin], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._info = info
        self._policy = policy
        self._gate = gate
        self._add = add
        self._now_ns = now_ns
        self._answers = Bucket(ANSWERS_AT_ONCE, ANSWER_REFILL_NS)
        self._seen: dict[bytes, None] = {}
        self.counts = dict.fromkeys(("malformed", "silent", "info", "added", "refused", "repeated"), 0)

    async def respond(self, data: bytes, origin: Origin) -> bytes | None:
        """The answer to a datagram, or None for silence. Never raises for any bytes."""
        try:
            packet = parse_packet(data)
        except FormatError:
            self.counts["malformed"] += 1
            return None
        if packet.service == Service.SERVER_INFO and self._may_ask(origin):
            return self._tell(packet, origin)
        if packet.service == Service.ADD_ROUTE and self._may_add(origin):
            return await self._route(data, packet, origin)
        self.counts["silent"] += 1
        return None

    def _may_ask(self, origin: Origin) -> bool:
        return self._policy().knows(origin) or self._may_add(origin)

    def _may_add(self, origin: Origin) -> bool:
        """Strangers on the LAN may show a password; a guest without rules may not even try one.

        On this machine there is always an answer, be it that no password is right: a tool should not have to guess.
        """
        return origin.via in _TRUSTED or (
            self._gate.is_open and (origin.via is Via.LAN or self._policy().knows(origin))
        )

    def _tell(self, packet: Packet, origin: Origin) -> bytes | None:
        if origin.via not in _TRUSTED and not self._answers.take(self._now_ns()):
            self.counts["silent"] += 1
            return None
        self.counts["info"] += 1
        return self._info().reply(packet.invoke_id)

    async def _route(self, data: bytes, packet: Packet, origin: Origin) -> bytes | None:
        try:
            wanted = AddRoute.of(packet)
        except FormatError:
            self.counts["malformed"] += 1
            return None
        status = await self._judge(wanted, origin)
        self.counts["refused" if status else "added"] += 1
        if not status:
            self._count_repetition(data)
        return status_reply(packet, self._info().address.net_id, status)

    async def _judge(self, wanted: AddRoute, origin: Origin) -> int:
        admission = await self._gate.admit(origin, wanted.user, wanted.password)
        if admission is not Admission.YES:
            return _STATUS[admission]
        if wanted.net_id in (NULL_NET_ID, self._info().address.net_id):
            return AdsError.INVALID_NET_ID
        host = wanted.address or origin.address
        route = Route(wanted.name or host, wanted.net_id, host, temporary=wanted.is_temporary)
        try:
            self._add(route, origin)
        except RouteExists as fault:
            LOG.warning("%s: route not added: %s", origin.address, fault)
            return AdsError.ROUTER_PORT_IN_USE
        except DinrailError as fault:
            LOG.warning("%s: route not added: %s", origin.address, fault)
            return AdsError.INVALID_PARAMETER
        LOG.info("%s: route %r to %s at %s added by %r", origin.address, route.name, route.net_id, host, wanted.user)
        return AdsError.OK

    def _count_repetition(self, data: bytes) -> None:
        # The password is in it: what is kept is a digest.
        digest = hashlib.sha256(data).digest()
        if digest in self._seen:
            self.counts["repeated"] += 1
            return
        while len(self._seen) >= MAX_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[digest] = None


def found(data: bytes) -> ServerInfo | None:
    """Who answered a search; None for anything else that comes in at the port. Never raises for any bytes."""
    try:
        return ServerInfo.of(parse_packet(data))
    except FormatError:
        return None


def added(data: bytes, invoke_id: int) -> int | None:
    """The status in the answer to our own add-route request; None for anything else. Never raises for any bytes."""
    try:
        packet = parse_packet(data)
        return status_of(packet) if packet.invoke_id == invoke_id else None
    except FormatError:
        return None
