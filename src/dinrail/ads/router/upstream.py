"""One connection for all clients of a route's endpoint: dialled when it is wanted, again while it is missed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.ads.router.aliases import Alias
from dinrail.ads.router.outlet import Outlet
from dinrail.ads.router.routes import Route
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.errors import AdsError

if TYPE_CHECKING:
    from dinrail.ads.router.core import Router
    from dinrail.ads.router.peer import RouterPeer
    from dinrail.ads.router.session import Session


class Upstream(Outlet):
    """`Outlet` with a queue before it and a connection that comes and goes.

    missed: clients whose subscriptions were lost with the connection: it is dialled again for them.
    """

    def __init__(self, router: Router, routes: tuple[Route, ...], dial: Callable[[Route], None]) -> None:
        super().__init__(router, None)
        self.routes = routes
        self.last_fault = ""
        self._dial = dial
        self._is_dialling = False
        self._retry_ns = 0
        self._backoff_ns = 0
        self._up_ns = 0
        self._queue: deque[tuple[int, bytes, int | None]] = deque()
        self._queue_bytes = 0
        self._missed: set[RouterPeer] = set()
        self.renew(routes)

    def renew(self, routes: tuple[Route, ...]) -> None:
        """The routes that share this connection now."""
        self.routes = routes
        self.timeout_ns = max(route.timeout_ns for route in routes)

    @property
    def is_unidirectional(self) -> bool:
        """Whether one of its routes says so: which of them a frame came by cannot be told."""
        return any(route.unidirectional for route in self.routes)

    def route_to(self, net_id: bytes) -> Route | None:
        """The route to that NetId by this connection."""
        return next((route for route in self.routes if route.net_id == net_id), None)

    def local_net_id(self, target: AmsAddr) -> NetId:
        route = self.route_to(target.net_id)
        return (route and route.local_net_id) or self.router.net_id

    def _send(self, frame: bytes, invoke_id: int | None) -> int:
        if self.session is not None:
            return super()._send(frame, invoke_id)
        limits = self.router.limits
        if not self._is_dialling and self.router.now_ns() < self._retry_ns:
            return AdsError.HOST_UNREACHABLE
        if len(self._queue) >= limits.queue_frames or self._queue_bytes + len(frame) > limits.queue_bytes:
            return AdsError.ROUTER_MAILBOX_FULL
        self._queue.append((self.router.now_ns() + self.timeout_ns, frame, invoke_id))
        self._queue_bytes += len(frame)
        self._connect()
        return 0

    def _connect(self) -> None:
        if not self._is_dialling and self.session is None:
            self._is_dialling = True
            self._dial(self.routes[0])

    def up(self, session: Session) -> None:
        """The connection is there: what waited leaves, unless nobody waits for its answer any more."""
        old = self.session
        if old is not None:
            old.link.close("superseded by a newer connection")
            old.closed()
        self.session = session
        self._is_dialling = False
        self._up_ns = self.router.now_ns()
        self._missed.clear()
        self.router.counters.upstream_connects += 1
        self.router.counters.upstreams += 1
        queue, self._queue, self._queue_bytes = self._queue, deque(), 0
        for due_ns, frame, invoke_id in queue:
            # A write must not be carried out after its client was told that it was not.
            if self._up_ns < due_ns and (invoke_id is None or self.is_pending(invoke_id)):
                session.send(frame)

    def failed(self, why: str) -> None:
        """It could not be dialled."""
        if not self._is_dialling:
            return
        self._is_dialling = False
        self.last_fault = why
        self.router.counters.upstream_failures += 1
        self._back_off()
        self._give_up_queue()

    def _back_off(self) -> None:
        limits = self.router.limits
        self._backoff_ns = min(max(self._backoff_ns * 2, limits.backoff_first_ns), limits.backoff_last_ns)
        self._retry_ns = self.router.now_ns() + self._backoff_ns
        self.router.wake(self.due_ns())

    def _give_up_queue(self) -> None:
        self._queue.clear()
        self._queue_bytes = 0
        self.abort(AdsError.HOST_UNREACHABLE, in_header=True)

    def lost(self, session: Session) -> None:
        if self.session is not session:
            return
        self.router.counters.upstream_losses += 1
        self.router.counters.upstreams -= 1
        super().lost(session)
        if self.router.now_ns() - self._up_ns >= self.router.limits.backoff_last_ns:
            self._backoff_ns = 0  # one that stood for a while; a device that hangs up at once is left in peace
        self._back_off()

    def _tell_off(self, alias: Alias, address: bytes = b"") -> None:
        if alias.subscriptions and not address:
            self._missed.add(alias.peer)
        super()._tell_off(alias, address)

    def peer_gone(self, peer: RouterPeer) -> None:
        super().peer_gone(peer)
        self._missed.discard(peer)

    def shut(self, code: int, why: str, *, in_header: bool) -> None:
        """No route leads by here any more."""
        self._missed.clear()
        self._queue.clear()
        self._queue_bytes = 0
        self.abort(code, in_header=in_header)
        session = self.session
        if session is not None:
            session.link.close(why)
            session.closed()
        self._missed.clear()
        for alias in self.aliases:
            alias.peer.outlets.discard(self)

    def tick(self, now_ns: int) -> None:
        super().tick(now_ns)
        while self._queue and self._queue[0][0] <= now_ns:
            self._queue_bytes -= len(self._queue.popleft()[1])
        if self._missed and self.session is None and not self._is_dialling and now_ns >= self._retry_ns:
            self._connect()

    def due_ns(self) -> int | None:
        due_ns = super().due_ns()
        if self._missed and self.session is None and not self._is_dialling:
            return self._retry_ns if due_ns is None else min(due_ns, self._retry_ns)
        return due_ns
