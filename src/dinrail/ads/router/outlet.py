"""Requests that leave by a link: whose they are, what is still to come for them, and what has to be tidied up after.

Every client gets a source address of its own on each link that its requests leave by, and every request an invoke id
of its own, so that no two clients can be mistaken for each other whatever they call themselves. Answers and
notifications are mapped back byte for byte.

Error codes of our own: 0x1B (host unreachable) in the header when there is, or is no longer, a connection, since that
is the transport's; 0x719 (device has a timeout) in the result when the connection stands and the device is silent:
the machine can be reached, and whether the request was carried out nobody knows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from dinrail.ads.router.aliases import Alias, Aliases
from dinrail.ads.router.answers import NO_RETURN, answer_flags, lost_sample, response_head
from dinrail.ads.router.items import Item
from dinrail.ads.router.learn import HANDLE_BY_NAME, RELEASE_HANDLE, SYMBOL_VERSION, Pending, learn, telling_items
from dinrail.ads.router.names import Names
from dinrail.ads.router.routes import Route
from dinrail.ads.router.samples import scan
from dinrail.ads.router.tidy import Tidy
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.command import error_body
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command
from dinrail.errors import FormatError
from dinrail.units import S_NS

if TYPE_CHECKING:
    from dinrail.ads.router.core import Router
    from dinrail.ads.router.peer import RouterPeer
    from dinrail.ads.router.session import Session

_TIMEOUT_NS = 5 * S_NS


class Outlet:
    """What one link was asked for. `session` is that link; None while there is none (upstream.py)."""

    def __init__(self, router: Router, session: Session | None) -> None:
        self.router = router
        self.session = session
        self.timeout_ns = _TIMEOUT_NS
        self.aliases = Aliases()
        self.names = Names(router.limits.book_names)
        self._pending: dict[int, Pending] = {}
        self._deadlines: deque[tuple[int, int]] = deque()
        self._invoke_id = 0
        self._kept_bytes = 0
        self.tidy = Tidy(self)

    # Out.

    def local_net_id(self, _target: AmsAddr) -> NetId:
        """What we speak as towards that target."""
        return self.router.net_id

    @property
    def is_unidirectional(self) -> bool:
        """Whether requests that come by this link are limited (upstream.py)."""
        return False

    def route_to(self, _net_id: bytes) -> Route | None:
        """The route that leads there, where one does."""
        return None

    def forward(self, session: Session, peer: RouterPeer, frame: bytes, target: AmsAddr, items: list[Item]) -> int:
        """Pass a request on. 0, or the error that its header is answered with."""
        limits = self.router.limits
        if len(self._pending) >= limits.max_pending or peer.pending >= limits.pending_per_peer:
            return AdsError.ROUTER_MAILBOX_FULL
        telling = telling_items(items)
        size = len(frame) if telling else 0
        alias = self.aliases.of(peer, self.local_net_id(target))
        peer.outlets.add(self)
        if alias is None or self._kept_bytes + size > limits.kept_bytes:
            return AdsError.ROUTER_MAILBOX_FULL
        if telling and frame[24] & NO_RETURN and any(item.command != Command.DELETE_NOTIFICATION for item in telling):
            # What it changes at the device nobody would ever tell us: handles would have names that are not theirs.
            self.router.counters.drop("untold")
            return 0
        if self._takes_anothers(telling, target, alias):
            return AdsError.NOTIFICATION_HANDLE_INVALID
        group = int.from_bytes(frame[38:42], "little")
        pending = Pending(
            alias.address,
            target,
            frame[:38],
            session=session,
            peer=peer,
            alias=alias,
            group=group,
            items=telling,
            size=size,
        )
        if pending.adds and len(alias.subscriptions) + alias.adding + pending.adds > limits.subscriptions_per_peer:
            return AdsError.NO_MORE_HANDLES
        if len(alias.handles) >= limits.handles_per_peer and any(item.group == HANDLE_BY_NAME for item in telling):
            return AdsError.NO_MEMORY
        self.router.counters.forwarded += 1
        head = b"".join((frame[:6], target, alias.address, frame[22:34]))
        return self._leave(pending, head, frame[38:], wants_answer=not frame[24] & NO_RETURN)

    def _takes_anothers(self, items: tuple[Item, ...], target: AmsAddr, mine: Alias) -> bool:
        """Whether a handle is given back that is another client's: not every device looks whose it is.

        All items at once: a sum has thousands, and there are thousands of clients.
        """
        subscriptions: set[bytes] = set()
        handles: set[bytes] = set()
        for item in items:
            key = target + item.data[:4]
            if item.command == Command.DELETE_NOTIFICATION and key not in mine.subscriptions:
                subscriptions.add(key)
            elif item.command == Command.WRITE and item.group == RELEASE_HANDLE and key not in mine.handles:
                handles.add(key)
        if not subscriptions and not handles:
            return False
        # A view's isdisjoint walks the smaller of the two.
        return not all(
            alias.subscriptions.keys().isdisjoint(subscriptions) and alias.handles.keys().isdisjoint(handles)
            for alias in self.aliases
        )

    def send_own(self, pending: Pending, payload: bytes) -> bool:
        """A request of the router's own; whether it left."""
        return self._leave(pending, pending.head[:34], payload, wants_answer=True) == 0

    def _leave(self, pending: Pending, head: bytes, payload: bytes, *, wants_answer: bool) -> int:
        invoke_id = self._next_invoke_id()
        frame = head + invoke_id.to_bytes(4, "little") + payload
        if not wants_answer:
            return self._send(frame, None)
        # Before it is sent: over a link within this process the answer may come before `send` returns.
        self._await(invoke_id, pending)
        error = self._send(frame, invoke_id)
        if error:
            self._done(invoke_id)
        return error

    def _next_invoke_id(self) -> int:
        invoke_id = self._invoke_id % 0xFFFF_FFFF + 1
        while invoke_id in self._pending:
            invoke_id = invoke_id % 0xFFFF_FFFF + 1
        self._invoke_id = invoke_id
        return invoke_id

    def _send(self, frame: bytes, _invoke_id: int | None) -> int:
        if self.session is None or not self.session.is_open:
            return AdsError.HOST_UNREACHABLE
        self.session.send(frame)
        return 0

    def _await(self, invoke_id: int, pending: Pending) -> None:
        pending.due_ns = self.router.now_ns() + self.timeout_ns
        self._pending[invoke_id] = pending
        self._deadlines.append((pending.due_ns, invoke_id))
        if len(self._deadlines) > 2 * len(self._pending) + 1024:  # mostly answered ones behind one that is not
            self._deadlines = deque(entry for entry in self._deadlines if entry[1] in self._pending)
        self._kept_bytes += pending.size
        self.router.counters.pending += 1
        if pending.peer is not None:
            pending.peer.pending += 1
        if pending.alias is not None:
            pending.alias.adding += pending.adds
        self.router.wake(pending.due_ns)

    def is_pending(self, invoke_id: int) -> bool:
        """Whether somebody still waits for that answer."""
        pending = self._pending.get(invoke_id)
        return pending is not None and (pending.session is None or pending.session.is_open)

    def _done(self, invoke_id: int) -> Pending:
        pending = self._pending.pop(invoke_id)
        self._kept_bytes -= pending.size
        self.router.counters.pending -= 1
        if pending.peer is not None:
            pending.peer.pending -= 1
        if pending.alias is not None:
            pending.alias.adding -= pending.adds
        return pending

    # In.

    def response(self, frame: bytes, target: bytes, source: bytes, command: int, invoke_id: int) -> None:
        """An answer came by this link: to whom it belongs, when it was asked for exactly here."""
        pending = self._pending.get(invoke_id)
        if pending is None or (target, source, command) != (pending.address, pending.target, pending.command):
            self.router.counters.drop("unasked")
            return
        self._done(invoke_id)
        if pending.session is None:
            self.tidy.answered()
            return
        if pending.items:
            learn(self, pending, frame)
        self.router.counters.responses += 1
        head = pending.head
        pending.session.send(frame[:6] + head[14:22] + head[6:14] + frame[22:34] + head[34:38] + frame[38:])

    def notification(self, frame: bytes, target: bytes, source: bytes) -> None:
        """Samples came by this link: to the client that subscribed to them here."""
        counters = self.router.counters
        try:
            handles, stamp = scan(frame)
        except FormatError:
            counters.drop("samples")
            return
        alias = self.aliases.at(target)
        if alias is None:
            counters.drop("unsubscribed")
            if target[:6] == self.local_net_id(AmsAddr(source)):
                self.tidy.late(source, target, handles)
            return
        unknown: list[bytes] = []
        device = source
        for handle in handles:
            subscription = alias.subscriptions.get(source + handle)
            if subscription is None:
                unknown.append(handle)
                continue
            device, item = subscription
            if item.group == SYMBOL_VERSION:
                self.names.forget_device(source)
        if unknown and alias.adding:
            unknown = []  # the first samples may overtake the answer that tells their handle
        elif unknown:
            self.tidy.late(source, target, unknown)
        if len(unknown) == len(handles):
            counters.drop("unsubscribed")
            return
        alias.last_stamp = stamp
        session = alias.peer.session
        if session is None:
            counters.notifications_lost += 1
            return
        counters.notifications += 1
        session.send(frame[:6] + alias.peer.source + device + frame[22:])

    # Ends.

    def peer_gone(self, peer: RouterPeer) -> None:
        """A client will not come back: what it left at the devices is taken away there."""
        for alias in self.aliases.drop(peer):
            self.tidy.leave(alias)

    def lost(self, session: Session) -> None:
        """The link is gone: all that waited has failed, and all subscriptions by it are told off."""
        if self.session is not session:
            return
        self.session = None
        self.abort(AdsError.HOST_UNREACHABLE, in_header=True)
        self.tidy.clear()
        self.names.clear()
        for alias in self.aliases:
            self._tell_off(alias)

    def device_gone(self, address: bytes) -> None:
        """One device (or all below a NetId) cannot be reached by this link any more; the link stands."""
        for invoke_id, pending in tuple(self._pending.items()):
            if pending.target.startswith(address):
                self._fail(invoke_id, AdsError.HOST_UNREACHABLE, in_header=True)
        for alias in self.aliases:
            self._tell_off(alias, address)

    def _tell_off(self, alias: Alias, address: bytes = b"") -> None:
        for key in [key for key in alias.subscriptions if key.startswith(address)]:
            self._end(alias, key)
        for key in [key for key in alias.handles if key.startswith(address)]:
            del alias.handles[key]

    def _end(self, alias: Alias, key: bytes) -> None:
        """One subscription is no more. In a frame of its own: AdsLib throws away what follows an unexpected size."""
        device, _ = alias.subscriptions.pop(key)
        stamp = self.router.filetime or alias.last_stamp
        alias.peer.notify(AmsAddr(device), lost_sample(int.from_bytes(key[8:], "little"), stamp))

    def review(self) -> None:
        """The rules changed: what is no longer allowed ends, here and at the device."""
        for alias in self.aliases:
            for key, (_, item) in tuple(alias.subscriptions.items()):
                if not self.router.may(self, alias.peer, AmsAddr(key[:8]), (item,)):
                    self._end(alias, key)
                    self.tidy.unsubscribe(alias.address, key[:8], key[8:])

    def forget_handle(self, key: bytes) -> None:
        """A symbol handle was given back: its number may soon be another symbol's."""
        if not any(key in alias.handles for alias in self.aliases):
            self.names.drop_handle(key)

    def abort(self, code: int, *, in_header: bool = False) -> None:
        """Answer all that is pending with an error."""
        self._deadlines.clear()
        for invoke_id in tuple(self._pending):
            self._fail(invoke_id, code, in_header=in_header)

    def _fail(self, invoke_id: int, code: int, *, in_header: bool) -> None:
        pending = self._done(invoke_id)
        if pending.session is None:
            self.tidy.answered()
            return
        for item in pending.items:
            if item.command == Command.WRITE and item.group == RELEASE_HANDLE:
                # The device may have done it: the number may soon be another symbol's.
                self.names.drop_handle(pending.target + item.data[:4])
        head = pending.head
        body = b"" if in_header else error_body(pending.command, code)
        flags = answer_flags(int.from_bytes(head[24:26], "little"))
        in_head = code if in_header else 0
        response = response_head(head[14:22], head[6:14], pending.command, flags, len(body), in_head)
        self.router.counters.errors += 1
        pending.session.send(response + head[34:38] + body)

    # Time.

    @property
    def is_up(self) -> bool:
        """Whether requests leave at once."""
        return self.session is not None

    def tick(self, now_ns: int) -> None:
        """Time out what took too long."""
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            due_ns, invoke_id = self._deadlines.popleft()
            pending = self._pending.get(invoke_id)
            if pending is None or pending.due_ns != due_ns:
                continue
            self.router.counters.timeouts += 1
            if self.is_up:
                self._fail(invoke_id, AdsError.TIMEOUT, in_header=False)
            else:
                self._fail(invoke_id, AdsError.HOST_UNREACHABLE, in_header=True)

    def due_ns(self) -> int | None:
        """When the first answer is overdue."""
        while self._deadlines and self._deadlines[0][1] not in self._pending:
            self._deadlines.popleft()
        return self._deadlines[0][0] if self._deadlines else None
