"""Source addresses that clients have on one link that their requests leave by: none is two clients' at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dinrail.ams.address import FREE_PORTS, AmsAddr, NetId

if TYPE_CHECKING:
    from dinrail.ads.router.items import Item
    from dinrail.ads.router.peer import RouterPeer

_POOL = range(FREE_PORTS.start + 0x1000, FREE_PORTS.stop)
"""Above what is handed out first to local clients, so that these mostly keep their own."""
_REST = 64
"""Addresses that were given back wait until there are so many: late answers find nobody rather than somebody."""


class Alias:
    """What one client is on that link.

    subscriptions: device address and handle -> the device's address as the client wrote it, and what was asked for.
    handles:       device address and symbol handle -> how often it was given out.
    adding:        subscriptions that are asked for and not answered yet.
    """

    __slots__ = ("adding", "address", "handles", "is_gone", "last_stamp", "peer", "subscriptions")

    def __init__(self, peer: RouterPeer, address: AmsAddr) -> None:
        self.peer = peer
        self.address = address
        self.subscriptions: dict[bytes, tuple[bytes, Item]] = {}
        self.handles: dict[bytes, int] = {}
        self.adding = 0
        self.last_stamp = 0
        self.is_gone = False

    def released(self, key: bytes) -> None:
        """A symbol handle was given back once."""
        times = self.handles.get(key, 0)
        if times > 1:
            self.handles[key] = times - 1
        else:
            self.handles.pop(key, None)


class Aliases:
    """All aliases of one link, by client and by address."""

    def __init__(self) -> None:
        self._by_peer: dict[RouterPeer, dict[bytes, Alias]] = {}
        self._by_address: dict[bytes, Alias] = {}
        self._given_back: deque[int] = deque()
        self._fresh = iter(_POOL)

    def __iter__(self) -> Iterator[Alias]:
        return iter(tuple(self._by_address.values()))

    def __len__(self) -> int:
        return len(self._by_address)

    def at(self, address: bytes) -> Alias | None:
        """Who has that address."""
        return self._by_address.get(address)

    def of(self, peer: RouterPeer, net_id: NetId) -> Alias | None:
        """That client's alias below `net_id`, made when it has none. None: there are no ports left.

        A client that speaks as `net_id` already keeps its own address while nobody else has it.
        """
        mine = self._by_peer.get(peer, {})
        alias = mine.get(net_id)
        if alias is not None:
            return alias
        address = peer.source
        if address[:6] != net_id or address in self._by_address:
            port = self._port(net_id)
            if port is None:
                return None
            address = AmsAddr.of(net_id, port)
        alias = Alias(peer, address)
        mine[net_id] = self._by_address[address] = alias
        self._by_peer[peer] = mine
        return alias

    def _port(self, net_id: NetId) -> int | None:
        for _ in range(len(_POOL) + len(self._given_back)):
            port = next(self._fresh, None) if len(self._given_back) < _REST else None
            if port is None:
                port = self._given_back.popleft() if self._given_back else None
            if port is None:
                return None
            if AmsAddr.of(net_id, port) not in self._by_address:
                return port
            self._given_back.append(port)
        return None

    def drop(self, peer: RouterPeer) -> tuple[Alias, ...]:
        """Take a client's aliases out."""
        mine = tuple(self._by_peer.pop(peer, {}).values())
        for alias in mine:
            del self._by_address[alias.address]
            alias.is_gone = True
            if alias.address.port in _POOL:
                self._given_back.append(alias.address.port)
        return mine
