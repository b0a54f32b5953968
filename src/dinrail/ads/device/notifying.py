"""What a device needs of whoever samples for its subscriptions: one engine (`notify`), or one for each task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from dinrail.ads.contract import Peer
from dinrail.ads.device.access import Access
from dinrail.ads.device.gather import Point
from dinrail.ads.device.subscription import Subscription, Wish


class Notifying(Protocol):
    """Subscriptions of one device; see `notify.Notifications`."""

    @property
    def task_cycle_ns(self) -> int: ...

    def __len__(self) -> int: ...

    def add(self, access: Access, wish: Wish, point: Point) -> int:
        """A handle that no other notification of the device has. Raises AdsFault 0x716, 0x70A."""

    def check(self, peer: Peer, handle: int) -> Subscription:
        """One of the peer's own. Raises AdsFault 0x714."""

    def delete(self, peer: Peer, handle: int) -> None:
        """Raises AdsFault 0x714 for a handle that is not the peer's."""

    def peer_gone(self, peer: Peer) -> None:
        """Delete all that it has, without a word to it."""

    def diagnosis(self) -> bytes:
        """0xF091: how many there are, and whose."""

    def subscriptions(self) -> Iterable[Subscription]:
        """All of them."""

    def end(self, one: Subscription) -> None:
        """What it watched exists no more: one sample of size 0, and it is gone."""

    def repoint(self, one: Subscription, point: Point) -> None:
        """Sample it from another place from now on."""

    def due_ns(self) -> int | None:
        """See ads.contract.Device."""

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        """See ads.contract.Device."""
