"""Who is there: one peer for each (link, source address), and those that may come back.

When a link drops, its peers wait as orphans, and a new link of the very same origin that speaks as the same source
takes them over: subscriptions survive a reconnect as they do on TwinCAT (there, for ever). Nobody else gets them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from dinrail.ads.contract import Origin
from dinrail.ads.router.peer import RouterPeer
from dinrail.ams.address import LOOPBACK_NET_ID, AmsAddr
from dinrail.ams.errors import AdsError

if TYPE_CHECKING:
    from dinrail.ads.router.core import Router
    from dinrail.ads.router.session import Session


class Clients:
    """All peers of a router."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._orphans: dict[tuple[Origin, bytes], deque[RouterPeer]] = {}
        self._waiting: deque[tuple[int, RouterPeer]] = deque()  # in the order in which they give up waiting

    def meet(self, session: Session, source: bytes) -> RouterPeer | int:
        """The peer that speaks as `source` on that link. Otherwise an error code for it, 0 for no answer at all."""
        router = self._router
        peer = session.peers.get(source)
        if not self._may_speak(session, source):
            router.counters.drop("spoofed")
            if peer is not None:
                self.purge(peer)
            return 0
        if peer is None:
            if len(session.peers) >= router.limits.max_peers_per_link and not self._evict(session):
                router.counters.drop("peers")
                return AdsError.ROUTER_MAILBOX_FULL
            now_ns = router.now_ns()
            peer = self._take_over(session, source) or RouterPeer(session, AmsAddr(source), router.epoch, now_ns)
            session.peers[peer.source] = peer
            router.counters.peers += 1
        if peer.epoch != router.epoch:
            peer.forget()
            peer.epoch = router.epoch
        peer.one_way = router.is_one_way(session, source)
        return peer

    def _may_speak(self, session: Session, source: bytes) -> bool:
        origin, net_id = session.origin, AmsAddr(source).net_id
        if origin.net_ids and net_id not in origin.net_ids:
            return False
        if net_id == LOOPBACK_NET_ID or net_id in self._router.own:
            return session.is_local  # from elsewhere it would pass for one of ours
        if session.is_upstream and not self._router.uplinks.may_speak(session, net_id):
            return False
        return self._router.policy.accepts_source(origin, net_id)

    def _take_over(self, session: Session, source: bytes) -> RouterPeer | None:
        key = (session.origin, source)
        waiting = self._orphans.get(key)
        if waiting is None:
            return None
        peer = waiting.popleft()
        if not waiting:
            del self._orphans[key]
        self._router.counters.orphans -= 1
        peer.session = session
        return peer

    def _evict(self, session: Session) -> bool:
        """Let the longest idle client of a link go, when it has nothing that it would miss."""
        idle = min(
            (peer for peer in session.peers.values() if not peer.keeps), key=lambda peer: peer.used_ns, default=None
        )
        if idle is None or self._router.now_ns() - idle.used_ns < self._router.limits.idle_ns:
            return False
        self.purge(idle)
        return True

    def orphan(self, session: Session) -> None:
        """A link is gone: its peers wait."""
        due_ns = self._router.now_ns() + self._router.limits.orphan_ns
        for peer in session.peers.values():
            peer.session = None
            peer.away_until_ns = due_ns
            self._router.counters.peers -= 1
            self._orphans.setdefault((peer.origin, peer.source), deque()).append(peer)
            self._router.counters.orphans += 1
            self._waiting.append((due_ns, peer))
        session.peers = {}
        while self._router.counters.orphans > self._router.limits.max_orphans:
            self._give_up()
        self._router.wake(self.due_ns())

    def purge(self, peer: RouterPeer) -> None:
        """This client will not come back: everybody who knows it is told."""
        session = peer.session
        if session is not None and session.peers.pop(peer.source, None) is not None:
            session.forget()
            self._router.counters.peers -= 1
        peer.session, peer.gone = None, True
        for device in {id(device): device for device in peer.devices.values()}.values():
            device.peer_gone(peer)  # once, at however many ports it is
        for outlet in tuple(peer.outlets):
            outlet.peer_gone(peer)
        peer.devices.clear()
        peer.outlets.clear()
        peer.forget()

    def all(self, sessions: tuple[Session, ...]) -> list[RouterPeer]:
        """The clients of these links, and those that are away. None has a permit from before the last change."""
        away = [peer for waiting in self._orphans.values() for peer in waiting]
        for peer in away:
            peer.forget()
        return away + [peer for session in sessions for peer in session.peers.values()]

    def awaited(self) -> set[bytes]:
        """The sources as which somebody may come back."""
        return {source for _, source in self._orphans}

    def tick(self, now_ns: int) -> None:
        """Give up on those who did not come back."""
        while self._waiting and (self._waiting[0][0] <= now_ns or not self._is_waiting(*self._waiting[0])):
            self._give_up()

    def due_ns(self) -> int | None:
        """When the next one is given up."""
        return self._waiting[0][0] if self._waiting else None

    def _is_waiting(self, due_ns: int, peer: RouterPeer) -> bool:
        return peer.session is None and not peer.gone and peer.away_until_ns == due_ns

    def _give_up(self) -> None:
        due_ns, peer = self._waiting.popleft()
        if not self._is_waiting(due_ns, peer):
            return  # it came back
        key = (peer.origin, bytes(peer.source))
        waiting = self._orphans[key]
        waiting.remove(peer)
        if not waiting:
            del self._orphans[key]
        self._router.counters.orphans -= 1
        self.purge(peer)
