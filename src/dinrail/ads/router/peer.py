"""A client as devices see it, and one request of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.ads.contract import Device, Origin, Permit
from dinrail.ads.router.answers import RESPONSE, notification, response_head
from dinrail.ams.address import AmsAddr

if TYPE_CHECKING:
    from dinrail.ads.router.outlet import Outlet
    from dinrail.ads.router.session import Session


Place = tuple[Device, AmsAddr, Permit]
"""A device in this process, the address that the client calls it by, and what it may do there."""
_MAX_PLACES = 256


class RouterPeer:
    """One client: a (link, source address). `session` is None while it is away, and `gone` once it will not come back.

    devices, outlets: where it has been (devices by address), and what has to be told when it is gone.
    permits, places:  by canonical address, and by address as called; they hold until the router's epoch moves.
    one_way:          from it comes only what may come from a unidirectional route; as of `epoch`.
    """

    __slots__ = (
        "away_until_ns",
        "devices",
        "epoch",
        "gone",
        "keeps",
        "one_way",
        "origin",
        "outlets",
        "pending",
        "permits",
        "places",
        "session",
        "source",
        "used_ns",
    )

    def __init__(self, session: Session, source: AmsAddr, epoch: int, now_ns: int) -> None:
        self.source = source
        self.origin: Origin = session.origin
        self.session: Session | None = session
        self.gone = False
        self.keeps = False  # it subscribed to something, or has handles
        self.away_until_ns = 0
        self.epoch = epoch
        self.one_way = False
        self.permits: dict[bytes, Permit] = {}
        self.places: dict[bytes, Place] = {}
        self.devices: dict[bytes, Device] = {}
        self.outlets: set[Outlet] = set()
        self.pending = 0
        self.used_ns = now_ns

    def forget(self) -> None:
        """What was found out for it holds no more."""
        self.permits.clear()
        self.places.clear()

    def keep(self, place: Place) -> Place:
        """Remember where a device is."""
        if len(self.places) >= _MAX_PLACES:
            self.places.clear()
        self.places[place[1]] = place
        return place

    def notify(self, device: AmsAddr, payload: bytes) -> bool:
        session = self.session
        if session is None:
            return False
        session.send(notification(self.source, device, payload))
        session.router.counters.notifications += 1
        return True


class Call:
    """One request to a device in this process (`contract.Request`)."""

    __slots__ = (
        "_answered",
        "_flags",
        "_invoke_id",
        "_session",
        "command",
        "due_ns",
        "payload",
        "peer",
        "permit",
        "target",
    )

    def __init__(
        self,
        session: Session,
        peer: RouterPeer,
        permit: Permit,
        target: AmsAddr,
        command: int,
        flags: int,
        invoke_id: bytes,
        payload: bytes,
    ) -> None:
        self.peer = peer
        self.permit = permit
        self.target = target
        self.command = command
        self.payload = payload
        self.due_ns = 0
        self._answered = False
        self._session = session
        self._flags = flags
        self._invoke_id = invoke_id

    @property
    def is_answered(self) -> bool:
        return self._answered

    def reply(self, body: bytes, *, error: int = 0) -> None:
        if not self._answered:
            frame = self.answer(body, error)
            if frame is not None:
                self._session.send(frame)

    def answer(self, body: bytes, error: int = 0) -> bytes | None:
        """The response's frame; None when none is wanted, or its link is gone. The request is done with."""
        self._answered = True
        session, router = self._session, self._session.router
        if router.deferred:
            router.deferred.pop(self, None)
        if not self._flags & RESPONSE or not session.is_open:
            return None
        router.counters.responses += 1
        return self.head(len(body), error) + self._invoke_id + body

    def head(self, size: int, error: int = 0) -> bytes:
        """A response's bytes up to the invoke id."""
        return response_head(self.peer.source, self.target, self.command, self._flags, size, error)
