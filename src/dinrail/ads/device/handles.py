"""Symbol handles: numbers that a peer got for names, and that mean something to that peer alone."""

from __future__ import annotations

from typing import Generic, TypeVar

from dinrail.ads.contract import Peer
from dinrail.ams.errors import AdsError, AdsFault

T = TypeVar("T")
_FIRST = 1
_LAST = 0xFFFF_FFFF


class _Own(Generic[T]):
    __slots__ = ("peer", "stamp", "things", "used")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.things: dict[int, T] = {}
        self.used: set[int] = set()
        self.stamp = 0


class Handles(Generic[T]):
    """Handles of one device, at most `per_peer` for each peer.

    After `invalidate` (online change), a handle given before is 0x711 until it is released or forgotten; one that was
    never given is 0x710.
    """

    def __init__(self, per_peer: int) -> None:
        self._per_peer = per_peer
        self._peers: dict[int, _Own[T]] = {}
        self._next = _FIRST
        self._stale_below = 0

    def count(self, peer: Peer) -> int:
        """How many a peer has."""
        own = self._peers.get(id(peer))
        return len(own.things) if own else 0

    def add(self, peer: Peer, thing: T) -> int:
        """A new handle, unique on this device. Raises AdsFault 0x716 when the peer has its full number."""
        own = self._peers.get(id(peer))
        if own is None:
            own = self._peers[id(peer)] = _Own(peer)
        if len(own.things) >= self._per_peer:
            raise AdsFault(AdsError.NO_MORE_HANDLES, f"{len(own.things)} handles are given to this client already")
        handle = self._next
        while handle in own.things:
            handle = handle % _LAST + 1
        self._next = handle % _LAST + 1
        own.things[handle] = thing
        return handle

    def get(self, peer: Peer, handle: int) -> T:
        """Raises AdsFault 0x710, or 0x711 for one from before an online change."""
        own = self._peers.get(id(peer))
        thing = own.things.get(handle) if own else None
        if thing is None:
            raise self._unknown(handle)
        return thing

    def read_again(self, peer: Peer, handle: int) -> bool:
        """Note that a handle is read; whether it was before. False for one that the peer has not."""
        own = self._peers.get(id(peer))
        if own is None or handle not in own.things:
            return False
        if handle in own.used:
            return True
        own.used.add(handle)
        return False

    def release(self, peer: Peer, handle: int) -> None:
        """Raises AdsFault as `get`."""
        own = self._peers.get(id(peer))
        if own is None or own.things.pop(handle, None) is None:
            raise self._unknown(handle)
        own.used.discard(handle)
        own.stamp += 1

    def stamp(self, peer: Peer) -> int:
        """Moves when a handle of this peer ceased to mean what it meant."""
        own = self._peers.get(id(peer))
        return own.stamp if own else 0

    def drop(self, peer: Peer) -> None:
        """The peer is gone."""
        self._peers.pop(id(peer), None)

    def invalidate(self) -> None:
        """All that was given means nothing any more."""
        self._stale_below = self._next
        for own in self._peers.values():
            own.things.clear()
            own.used.clear()
            own.stamp += 1

    def _unknown(self, handle: int) -> AdsFault:
        if _FIRST <= handle < self._stale_below:
            return AdsFault(AdsError.SYMBOL_VERSION_INVALID)
        return AdsFault(AdsError.SYMBOL_NOT_FOUND, f"handle {handle:#x} was not given to this client")
