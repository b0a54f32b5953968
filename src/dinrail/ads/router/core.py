"""The AMS router without I/O: links in, devices and other links out, one peer for each client.

    link --frame--> Session --request--> device in this process          (session.py)
                            --request--> port that a local client serves (outlet.py)
                            --request--> upstream connection of a route  (upstream.py)

Everything that a frame may do to the router is bounded by `Limits`, and what is not done is counted. Time comes in by
`tick` and `now_ns`; `wake` is called with the time at which `tick` is needed, whenever that may have moved forward.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable

from dinrail.ads.contract import Device, Link, Origin, Permit, Via
from dinrail.ads.router.answers import payload_of
from dinrail.ads.router.clients import Clients
from dinrail.ads.router.gate import allows
from dinrail.ads.router.items import Item, items_of
from dinrail.ads.router.limits import Counters, Limits, PolicySource, Reviewing
from dinrail.ads.router.outlet import Outlet
from dinrail.ads.router.peer import Call, RouterPeer
from dinrail.ads.router.ports import LocalPorts
from dinrail.ads.router.routes import Route, RouteTable
from dinrail.ads.router.session import Session
from dinrail.ads.router.uplinks import Uplinks
from dinrail.ams.address import LOOPBACK_NET_ID, NET_ID_BYTES, AmsAddr, NetId
from dinrail.ams.command import error_body
from dinrail.ams.errors import AdsError
from dinrail.ams.local import RouterNote, note
from dinrail.ams.notification import filetime
from dinrail.errors import FormatError

_SHARES = 8
"""One address has at most an eighth of all links, and an eighth is left for this machine's own clients."""
_FEW_LINKS = 32
"""So many one address may have however few there are in all."""


class Router:
    """One router, one NetId. See the module.

    dial: asked to connect a route; answered by `upstream_up` or `upstream_failed`, at once or later.
    identity_of: what a route's other end will have to prove (`Origin.identity`); empty: nothing but its address.
    """

    def __init__(
        self,
        net_id: NetId,
        *,
        policy: PolicySource,
        routes: RouteTable,
        dial: Callable[[Route], None],
        now_ns: Callable[[], int],
        limits: Limits | None = None,
        counters: Counters | None = None,
        wake: Callable[[int | None], None] | None = None,
        identity_of: Callable[[Route], str] = lambda _: "",
    ) -> None:
        self.net_id = net_id
        self.policy = policy
        self.now_ns = now_ns
        self.limits = limits or Limits()
        self.counters = counters or Counters()
        self.wake = wake or (lambda _: None)
        self.identity_of = identity_of
        self.epoch = 0
        self.filetime = 0
        self.own: set[bytes] = {net_id}
        self.clients = Clients(self)
        self.locals = LocalPorts(self)
        self.uplinks = Uplinks(self, routes, dial)
        self.deferred: dict[Call, None] = {}
        self._devices: dict[bytes, Device] = {}
        self._sessions: dict[Session, None] = {}
        self._bound: dict[bytes, list[Session]] = {}
        self._places: Counter[tuple[str, ...]] = Counter()
        self._inner: set[Outlet] = set()

    # Devices of this process.

    def serve(self, port: int, device: Device, *, net_id: NetId | None = None) -> None:
        """Requests to that port go to `device`; `net_id` is ours, or a further one that is served here."""
        self.own.add(net_id or self.net_id)
        self._devices[AmsAddr.of(net_id or self.net_id, port)] = device
        self.changed()

    def withdraw(self, port: int, *, net_id: NetId | None = None) -> None:
        """Nothing is served at that port any more: requests get error 6."""
        self._devices.pop(AmsAddr.of(net_id or self.net_id, port), None)
        self.own = {self.net_id} | {address[:NET_ID_BYTES] for address in self._devices}
        self.changed()

    def serves(self, port: int) -> bool:
        """Whether a device of this process is at that port of our own NetId."""
        return AmsAddr.of(self.net_id, port) in self._devices

    def changed(self) -> None:
        """Policy, routes, symbols or state changed: prepared answers and permits hold no more."""
        self.epoch += 1
        for session in self._sessions:
            session.forget()

    # Routes.

    @property
    def routes(self) -> RouteTable:
        """The routes as they are: a snapshot."""
        return self.uplinks.table

    def set_routes(self, routes: RouteTable) -> None:
        """Take these routes. Connections of routes that are in both stay as they are.

        Raises Refused, and changes nothing, when a new route's NetId is served here or bound to somebody else.
        """
        self.uplinks.replace(routes)
        self.changed()

    def add_route(self, route: Route) -> None:
        """One route more; no other is touched. Raises RouteExists, BadRequest, Refused."""
        self.set_routes(self.routes.added(route))

    def remove_route(self, name: str) -> None:
        """One route less; what is pending there is answered. Raises Refused when there is none of that name."""
        self.set_routes(self.routes.removed(name))

    # Policy.

    def set_policy(self, policy: PolicySource) -> None:
        """Take other rules, for what stands already, too.

        Who may no longer speak as it does is gone; subscriptions that are no longer allowed end as those do whose
        variable is gone, by one empty sample.
        """
        self.policy = policy
        self.changed()
        for session in tuple(self._sessions):
            for source in tuple(session.peers):
                self.clients.meet(session, source)
        for peer in self.clients.all(tuple(self._sessions)):
            for target, device in tuple(peer.devices.items()):
                if isinstance(device, Reviewing):
                    device.review(peer, self.permit(peer, AmsAddr(target)))
        for outlet in (*self._inner, *self.uplinks.all()):
            outlet.review()

    # Links.

    def connect(self, link: Link) -> Session:
        """A connection came in. Beyond the limit it is closed at once."""
        session = Session(self, link, is_local=self._is_local(link.origin))
        if not self._has_room(session):
            self.counters.drop("links")
            session.is_open = False
            link.close("too many links")
            return session
        if self.limits.strict and link.origin.via is not Via.INSIDE:
            self._supersede(link.origin.address)
        self._admit(session)
        self._places[_place(session.origin)] += 1
        for net_id in session.origin.net_ids:
            sessions = self._bound.setdefault(net_id, [])
            # The last one gets what is asked of that NetId: a client that reconnects, never another who says the same.
            is_anothers = bool(sessions) and _who(sessions[-1].origin) != _who(session.origin)
            sessions.insert(0 if is_anothers else len(sessions), session)
        return session

    def _has_room(self, session: Session) -> bool:
        """Whether one more link may be: what comes from elsewhere never takes all, nor one address most of it."""
        most, total = self.limits.max_links, len(self._sessions)
        if session.is_local:
            return total < most
        share = most // _SHARES
        return total < most - share and self._places[_place(session.origin)] < max(share, _FEW_LINKS)

    def upstream_up(self, route: Route, link: Link) -> Session:
        """The connection that `dial` was asked for is there."""
        upstream = self.uplinks.at(route)
        session = Session(self, link, is_local=False, outlet=upstream)
        if upstream is None:
            session.is_open = False
            link.close("the route is gone")
            return session
        self._admit(session)
        upstream.up(session)
        return session

    def upstream_failed(self, route: Route, why: str) -> None:
        """It could not be connected; what waited for it is answered."""
        upstream = self.uplinks.at(route)
        if upstream is not None:
            upstream.failed(why)

    def _admit(self, session: Session) -> None:
        self._sessions[session] = None
        self.counters.links += 1

    def _supersede(self, address: str) -> None:
        for session in tuple(self._sessions):
            if session.origin.address == address and not session.is_upstream:
                session.link.close("superseded by a newer connection")
                session.closed()

    def _is_local(self, origin: Origin) -> bool:
        if origin.via in (Via.INSIDE, Via.LOOPBACK):
            return True
        if origin.guest or not self.limits.local_networks or origin.via in (Via.MQTT, Via.TLS):
            return False
        try:
            address = ipaddress.ip_address(origin.address)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in self.limits.local_networks)

    def disconnected(self, session: Session) -> None:
        """A session was closed; called by it alone."""
        if self._sessions.pop(session, False) is False:
            return
        self.counters.links -= 1
        if not session.is_upstream:
            place = _place(session.origin)
            self._places[place] -= 1
            if not self._places[place]:
                del self._places[place]
        self._count_hits(session)
        self.locals.release(session)
        for net_id in session.origin.net_ids:
            sessions = self._bound.get(net_id, [])
            if session in sessions:
                sessions.remove(session)
            if not sessions:
                self._bound.pop(net_id, None)
        if session.outlet is not None:
            session.outlet.lost(session)
            self._inner.discard(session.outlet)
        self.clients.orphan(session)

    def _count_hits(self, session: Session) -> None:
        hits, session.hits = session.hits, 0
        for name in ("fast_hits", "frames_in", "frames_out", "requests", "responses"):
            setattr(self.counters, name, getattr(self.counters, name) + hits)

    # What sessions ask.

    def locate(self, target: bytes, asking: Session) -> tuple[Device | Outlet | None, AmsAddr]:
        """Who serves that address, and the address by our own NetId where it says 127.0.0.1.1.1."""
        if target[:NET_ID_BYTES] == LOOPBACK_NET_ID:
            target = self.net_id + target[NET_ID_BYTES:]
        address = AmsAddr(target)
        device = self._devices.get(target)
        if device is not None:
            return device, address
        if target[:NET_ID_BYTES] in self.own:
            owner = self.locals.owner(address.port) if target[:NET_ID_BYTES] == self.net_id else None
            return self._outlet(owner) if owner else None, address
        upstream = self.uplinks.to(target[:NET_ID_BYTES])
        if upstream is not None:
            # Never back by the link that it came by: two routers that point at each other would play ball.
            return (None if upstream.session is asking else upstream), address
        bound = self._bound.get(target[:NET_ID_BYTES])
        if bound and bound[-1] is not asking:
            return self._outlet(bound[-1]), address
        return None, address

    def _outlet(self, session: Session) -> Outlet:
        """Requests to that link's own clients, made when there are any."""
        if session.outlet is None:
            session.outlet = Outlet(self, session)
            self._inner.add(session.outlet)
        return session.outlet

    def forward(
        self, outlet: Outlet, session: Session, peer: RouterPeer, frame: bytes, target: AmsAddr
    ) -> tuple[int, bytes]:
        """Pass a request on, when it may pass. Otherwise an error for its header, or a body, to answer it at once."""
        command = frame[22]
        try:
            items = items_of(command, payload_of(frame, command, frame[24]))
        except FormatError:
            return 0, error_body(command, AdsError.INVALID_SIZE)
        if not self.may(outlet, peer, target, items):
            self.counters.refused += 1
            return 0, error_body(command, AdsError.ACCESS_DENIED)
        error = outlet.forward(session, peer, frame, target, items)
        return (0, error_body(command, error)) if error >= AdsError.DEVICE_ERROR else (error, b"")

    def may(self, outlet: Outlet, peer: RouterPeer, target: AmsAddr, items: Iterable[Item]) -> bool:
        """Whether all of that may leave for `target` in that client's name."""
        route = outlet.route_to(target.net_id)
        read_only = route is not None and route.read_only
        return allows(self.permit(peer, target), items, target, outlet.names, read_only=read_only)

    def is_one_way(self, session: Session, source: bytes) -> bool:
        """Whether that source is behind a unidirectional route, by whichever link it comes."""
        if session.outlet is not None and session.outlet.is_unidirectional:
            return True
        route = self.routes.to(source[:NET_ID_BYTES])
        return route is not None and route.unidirectional

    def permit(self, peer: RouterPeer, target: AmsAddr) -> Permit:
        """What that client may do there."""
        permit = peer.permits.get(target)
        if permit is None:
            permit = self.policy.permit(peer.origin, peer.source, target)
            if len(peer.permits) >= 256:
                peer.permits.clear()
            peer.permits[target] = permit
        return permit

    def defer(self, call: Call) -> bytes | None:
        """A device answers later, or has answered by `reply` already."""
        if call.is_answered:
            return None
        if len(self.deferred) >= self.limits.max_deferred:
            return call.answer(b"", AdsError.ROUTER_MAILBOX_FULL)
        call.due_ns = self.now_ns() + self.limits.deferred_ns
        self.deferred[call] = None
        self.wake(call.due_ns)
        return None

    # Time.

    def tick(self, monotonic_ns: int, wall_ns: int = 0) -> None:
        """Do what is due: time out, give up, dial again."""
        if wall_ns:
            self.filetime = filetime(wall_ns)
        self.clients.tick(monotonic_ns)
        self.uplinks.tick(monotonic_ns)
        for outlet in tuple(self._inner):
            outlet.tick(monotonic_ns)
        while self.deferred:
            call = next(iter(self.deferred))
            if call.due_ns > monotonic_ns:
                break
            self.counters.timeouts += 1
            call.reply(error_body(call.command, AdsError.TIMEOUT))
        self.sweep()

    def due_ns(self) -> int | None:
        """When `tick` is needed next; None: not before something else happens."""
        first = next(iter(self.deferred), None)
        dues = [self.clients.due_ns(), self.uplinks.due_ns(), first.due_ns if first else None]
        dues += [outlet.due_ns() for outlet in self._inner]
        return min((due for due in dues if due is not None), default=None)

    def sweep(self) -> None:
        """Bring what the sessions count for themselves into `counters`. For whoever reads these."""
        for session in self._sessions:
            if session.hits:
                self._count_hits(session)

    def shutdown(self) -> None:
        """Say goodbye: what is pending is answered, upstream connections are closed, local clients get the note.

        Connections that came in are their doors' to close, once what is queued was sent.
        """
        for call in tuple(self.deferred):
            call.reply(error_body(call.command, AdsError.ABORTED))
        for outlet in tuple(self._inner):
            outlet.abort(AdsError.ABORTED)
        self.uplinks.shutdown()
        for session in self.locals.sessions():
            session.send(note(RouterNote.STOP))


def _who(origin: Origin) -> tuple[str, ...]:
    """What makes a NetId somebody's: what he proved, else where he is."""
    return (origin.via, origin.guest, origin.identity) + (() if origin.guest or origin.identity else (origin.address,))


def _place(origin: Origin) -> tuple[str, ...]:
    """What links count together."""
    return origin.via, origin.guest, origin.listener if origin.via is Via.MQTT else origin.address
