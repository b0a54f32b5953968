"""Port 100: log messages to whoever subscribed to group 1, offset 0xFFFF, and from whoever writes some.

A message's size varies, and AdsLib gives up the rest of a notification frame at a sample that is not as long as it was
registered: each message is therefore a frame of its own. Messages are bounded in size and in number per second; how
many were left out is told in the next one that goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dinrail.ads.contract import Action, Peer, Permit
from dinrail.ads.device.access import Access
from dinrail.ads.device.device import AdsDevice, Subject
from dinrail.ads.device.subscription import Wish
from dinrail.ams.address import Port
from dinrail.ams.diagnostics import LOGGER_GROUP, LOGGER_OFFSET, LogKind, LogMessage
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.notification import Sample, Stamp, build_notification, filetime
from dinrail.ams.text import cut_text
from dinrail.errors import Truncated
from dinrail.units import S_NS

NAME = "TwinCAT Logger"
MAX_TEXT_CHARS = 900
MAX_WRITE_BYTES = 2048
MESSAGES_PER_SECOND = 200
SUBSCRIPTIONS = 256
SUBSCRIPTIONS_PER_PEER = 8
FIRST_HANDLE = 0x8000_0000
"""Above those of the device's other notifications (its state)."""
_LAST_HANDLE = 0xFFFF_FFFE
_EMPTY_BYTES = 37
"""A message without text: the header, and a NUL."""
_KNOWN = int(LogKind.HINT | LogKind.WARNING | LogKind.ERROR | LogKind.LOG | LogKind.MESSAGE_BOX | LogKind.TEXT)


@dataclass(frozen=True, slots=True)
class _Listener:
    """access: how it was subscribed, with the size that was registered."""

    access: Access

    @property
    def peer(self) -> Peer:
        return self.access.peer


class LoggerDevice(AdsDevice):
    """heard: told each message that a client wrote, cleaned and bounded, for the process's own log.

    lost: messages that were too many; dropped: samples that no link took.
    """

    def __init__(
        self,
        *,
        monotonic_ns: Callable[[], int],
        wall_ns: Callable[[], int],
        version: tuple[int, int, int],
        heard: Callable[[LogMessage], None] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.version = NAME, version
        self.lost = self.dropped = 0
        self._monotonic_ns, self._wall_ns, self._heard = monotonic_ns, wall_ns, heard
        self._listeners: dict[int, _Listener] = {}
        self._next = FIRST_HANDLE
        self._second = -1
        self._sent = self._untold = 0

    def log(self, text: str, kind: int = LogKind.WARNING | LogKind.LOG, *, sender: str = "dinrail") -> None:
        """Say something to all who listen. Never raises, never waits."""
        self.publish(LogMessage(filetime(self._wall_ns()), int(kind), Port.LOGGER.value, sender, text))

    def publish(self, message: LogMessage) -> bool:
        """Send a message to all who listen. False when there were too many in this second."""
        second = self._monotonic_ns() // S_NS
        if second != self._second:
            self._second, self._sent = second, 0
        if self._sent >= MESSAGES_PER_SECOND:
            self.lost += 1
            self._untold += 1
            return False
        self._sent += 1
        text = f"({self._untold} messages left out) {message.text}" if self._untold else message.text
        self._untold = 0
        clean = replace(message, text=_clean(text)[:MAX_TEXT_CHARS], sender=_clean(message.sender))
        for handle, listener in self._listeners.items():
            room = listener.access.size_bytes - _EMPTY_BYTES
            data = (clean if len(clean.text) <= room else replace(clean, text=clean.text[:room])).encode()
            self._send(listener, message.filetime, handle, data)
        return True

    def subjects(self, access: Access, data: bytes) -> tuple[Subject, ...]:
        if access.group != LOGGER_GROUP:
            return super().subjects(access, data)
        action = Action.WRITE if access.command == Command.WRITE else Action.READ
        return ((action, access.group, access.offset, max(access.size_bytes, len(data)), ()),)

    def write(self, access: Access, data: bytes) -> None:
        """A client's message: a LogMessage, or plain text. It speaks for its own port, whatever it says."""
        if access.group != LOGGER_GROUP:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED)
        if len(data) > MAX_WRITE_BYTES:
            raise AdsFault(AdsError.INVALID_SIZE, f"a message has {MAX_WRITE_BYTES} bytes at most")
        source = access.peer.source
        try:
            wanted = LogMessage.parse(data)
        except Truncated:
            wanted = LogMessage(0, LogKind.HINT | LogKind.LOG, 0, "", cut_text(data))
        message = LogMessage(
            filetime=filetime(self._wall_ns()),
            kind=wanted.kind & _KNOWN & ~LogKind.MESSAGE_BOX,
            port=source.port,
            sender=_clean(wanted.sender) or str(source.net_id),
            text=_clean(wanted.text)[:MAX_TEXT_CHARS],
        )
        if not self.publish(message):
            raise AdsFault(AdsError.BUSY, f"more than {MESSAGES_PER_SECOND} messages a second")
        if self._heard is not None:
            self._heard(message)

    def subscribe(self, access: Access, entry: bytes) -> int:
        wish = Wish.parse(entry, self.limits.watch_bytes)
        if (wish.group, wish.offset) != (LOGGER_GROUP, LOGGER_OFFSET):
            return super().subscribe(access, entry)
        inner = access._replace(
            command=Command.ADD_NOTIFICATION, group=wish.group, offset=wish.offset, size_bytes=wish.size_bytes
        )
        self.ask(inner, b"")
        if wish.size_bytes < _EMPTY_BYTES:
            raise AdsFault(AdsError.WATCH_SIZE_INVALID, f"a message has {_EMPTY_BYTES} bytes at least")
        own = sum(listener.peer is access.peer for listener in self._listeners.values())
        if own >= SUBSCRIPTIONS_PER_PEER or len(self._listeners) >= SUBSCRIPTIONS:
            raise AdsFault(AdsError.NO_MORE_HANDLES)
        while self._next in self._listeners:
            self._next = FIRST_HANDLE if self._next >= _LAST_HANDLE else self._next + 1
        handle = self._next
        self._next = FIRST_HANDLE if handle >= _LAST_HANDLE else handle + 1
        self._listeners[handle] = _Listener(inner)
        return handle

    def unsubscribe(self, access: Access, handle: int) -> None:
        listener = self._listeners.get(handle)
        if listener is None or listener.peer is not access.peer:
            super().unsubscribe(access, handle)
            return
        del self._listeners[handle]

    def review(self, peer: Peer, permit: Permit) -> None:
        """See AdsDevice: who may listen no more is told by a sample without data."""
        super().review(peer, permit)
        for handle, listener in list(self._listeners.items()):
            if listener.peer is not peer:
                continue
            try:
                self.ask(listener.access._replace(permit=permit), b"")
            except AdsFault:
                del self._listeners[handle]
                self._send(listener, filetime(self._wall_ns()), handle, b"")

    def peer_gone(self, peer: Peer) -> None:
        super().peer_gone(peer)
        for handle in [handle for handle, listener in self._listeners.items() if listener.peer is peer]:
            del self._listeners[handle]

    def _send(self, listener: _Listener, stamp: int, handle: int, data: bytes) -> None:
        payload = build_notification((Stamp(stamp, (Sample(handle, data),)),))
        if not listener.peer.notify(listener.access.target, payload):
            self.dropped += 1


def _clean(text: str) -> str:
    """What a terminal and every client can show: no control characters, nothing that cp1252 has not."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown.encode("cp1252", "replace").decode("cp1252")
