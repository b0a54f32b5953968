"""What a router may spend, what it counts, and whom it asks who may do what."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from dinrail.ads.contract import Origin, Peer, Permit
from dinrail.ams.address import AmsAddr, NetId
from dinrail.units import MS_NS, S_NS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of everything that grows by what others send, and times (ns).

    local_networks: container subnets whose clients may connect ports, as .NET's LoopbackExternalSubnet.
    orphan_ns:      how long a client's subscriptions wait for it after its link dropped.
    strict:         as TwinCAT: one connection for each remote address, and the newest wins.
    queue_*:        requests that wait for one upstream connection to come up.
    kept_bytes:     bytes of requests in flight to one upstream that the router has to remember to read their answers.
    late_deletes:   deletions per second, for each upstream, of notifications that nobody here asked for.
    """

    local_networks: tuple[Network, ...] = ()
    orphan_ns: int = 10 * S_NS
    max_links: int = 4096
    max_peers_per_link: int = 1024
    max_orphans: int = 4096
    max_ports: int = 8192
    idle_ns: int = 60 * S_NS
    pending_per_peer: int = 4096
    max_pending: int = 16384
    max_deferred: int = 16384
    deferred_ns: int = 60 * S_NS
    queue_frames: int = 1024
    queue_bytes: int = 4 << 20
    kept_bytes: int = 8 << 20
    subscriptions_per_peer: int = 0x10000
    handles_per_peer: int = 0x10000
    backoff_first_ns: int = 250 * MS_NS
    backoff_last_ns: int = 30 * S_NS
    cleanup_window: int = 64
    late_deletes: int = 100
    fast_entries: int = 512
    fast_bytes: int = 1 << 20
    book_names: int = 0x10000
    strict: bool = False


@dataclass(slots=True)
class Counters:
    """Since the router was made. `links`, `peers`, `orphans`, `pending` and `upstreams` are now; the rest only grows.

    `dropped` counts by reason: what was neither answered nor passed on.
    """

    links: int = 0
    peers: int = 0
    orphans: int = 0
    pending: int = 0
    upstreams: int = 0
    frames_in: int = 0
    frames_out: int = 0
    fast_hits: int = 0
    requests: int = 0
    responses: int = 0
    forwarded: int = 0
    notifications: int = 0
    notifications_lost: int = 0
    errors: int = 0
    refused: int = 0
    timeouts: int = 0
    upstream_connects: int = 0
    upstream_failures: int = 0
    upstream_losses: int = 0
    cleanups: int = 0
    dropped_frames: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """One frame was thrown away. `reason` is one of our own few words, never something from outside."""
        self.dropped_frames += 1
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


class PolicySource(Protocol):
    """Who may do what, as the router asks it. Answers hold until `Router.changed`."""

    def permit(self, origin: Origin, source: AmsAddr, target: AmsAddr) -> Permit:
        """What this source may do there. `target` names this router by its own NetId, never by 127.0.0.1.1.1."""

    def accepts_source(self, origin: Origin, net_id: NetId) -> bool:
        """Whether somebody at `origin` may speak as `net_id`: False when it is bound to somebody else."""


@runtime_checkable
class Reviewing(Protocol):
    """A device that can look at its standing subscriptions again. One that cannot keeps them."""

    def review(self, peer: Peer, permit: Permit) -> None:
        """The rules changed: end what that client subscribed to and may not have any more."""
