"""The notification engine: takes subscriptions, samples in task cycles, batches, and sends one frame at a time.

    add --> fresh --tick--> pending --cycle--> first sample queued --> cohort: sampled every n-th cycle --> batch
                                                                       batch --> peer.notify

* A subscription is sampled every max(cycle time, task cycle), counted from its registration.
* Its first sample is queued always, in the first cycle that begins `Limits.settle_ns` or more after registration.
* Without a maximum delay, samples leave in the tick that took them; else together, when the delay has passed since the
  first queued one, or when a frame is full.
* What cannot be sent is dropped and counted, and on-change values are sent again a while later: the last value always
  arrives in the end. Nothing here grows with a slow client.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable

from dinrail.ads.contract import Origin, Peer, Via
from dinrail.ads.device.access import Access, Limits
from dinrail.ads.device.cycles import Cycles
from dinrail.ads.device.framing import FRAME_OVERHEAD_BYTES, Chunk, frames
from dinrail.ads.device.gather import Point
from dinrail.ads.device.sampling import Cohort, Sampler
from dinrail.ads.device.subscription import Subscription, Wish
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.notification import SAMPLE, filetime

PHASES = 16
"""Long periods begin at one of 16 phases, so that what is asked for over a while is sampled together nevertheless."""
_DIAGNOSIS = struct.Struct("<II")
_CLIENT = struct.Struct("<8sI")
_LAST_HANDLE = 0xFFFF_FFFF
_HERE = frozenset((Via.INSIDE, Via.LOOPBACK))


class Client:
    """One peer's part: its subscriptions, how many bytes they watch, and when to try again after a drop."""

    __slots__ = ("dropped", "peer", "retry_ns", "subscriptions", "watched_bytes")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.subscriptions: dict[int, Subscription] = {}
        self.watched_bytes = 0
        self.dropped = 0
        self.retry_ns = 0


class Notifications:
    """All notifications of one device, or of one of its tasks, sampled in `cycles`.

    `run` is called at the beginning of each task cycle, before sampling. Handles: `first_handle`, and so many steps on.
    samples, frames: sent; dropped: samples that no link took; skipped: cycles that a late tick could not make up for.
    """

    def __init__(
        self,
        limits: Limits,
        cycles: Cycles,
        run: Callable[[int], None] | None = None,
        *,
        first_handle: int = 1,
        handle_step: int = 1,
    ) -> None:
        self.samples = self.frames = self.dropped = self.skipped = 0
        self._limits = limits
        self._cycles = cycles
        self._run = run
        self._last_cycle: int | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._clients: dict[int, Client] = {}
        self._samplers: dict[tuple[int, int], Sampler] = {}
        self._fresh: dict[int, Subscription] = {}
        self._pending: dict[int, tuple[int, Subscription]] = {}
        """With the cycle in which each begins."""
        self._endings: list[tuple[Peer, AmsAddr, int]] = []
        self._open: set[Cohort] = set()
        self._retrying: set[Client] = set()
        self._outbox: dict[tuple[int, AmsAddr], tuple[Peer, list[Chunk]]] = {}
        self._diagnosis: bytes | None = None
        self._by_origin: Counter[Origin] = Counter()
        self._first_handle, self._handle_step = first_handle, handle_step
        self._next_handle = first_handle
        self._due_ns: int | None = None if run is None else 0

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def task_cycle_ns(self) -> int:
        return self._cycles.cycle_ns

    # What clients ask for.

    def add(self, access: Access, wish: Wish, point: Point) -> int:
        """A handle that no other notification of this device has. Raises AdsFault 0x716, 0x70A."""
        limits = self._limits
        client = self._clients.get(id(access.peer)) or Client(access.peer)
        total, own = len(self._subscriptions), self._held(client)
        if total >= limits.notifications and (own >= limits.notifications_reserve or total >= 2 * limits.notifications):
            raise AdsFault(AdsError.NO_MORE_HANDLES, f"{total} notifications exist already")
        if client.watched_bytes + wish.size_bytes > limits.watch_bytes_per_peer:
            raise AdsFault(AdsError.NO_MEMORY, f"this client watches {client.watched_bytes} bytes already")
        while self._next_handle in self._subscriptions:
            self._next_handle = self._after(self._next_handle)
        handle = self._next_handle
        self._next_handle = self._after(handle)
        made = Subscription(handle, access, wish, point)
        self._diagnosis = None
        self._clients[id(access.peer)] = client
        client.subscriptions[handle] = self._subscriptions[handle] = self._fresh[handle] = made
        client.watched_bytes += wish.size_bytes
        self._by_origin[access.peer.origin] += 1
        self._due_ns = 0
        return handle

    def _after(self, handle: int) -> int:
        following = handle + self._handle_step
        return following if following <= _LAST_HANDLE else self._first_handle

    def _held(self, client: Client) -> int:
        """How many a client has. From elsewhere a source address is free to choose, so there the whole link counts."""
        origin = client.peer.origin
        return len(client.subscriptions) if origin.via in _HERE else self._by_origin[origin]

    def check(self, peer: Peer, handle: int) -> Subscription:
        """One of the peer's own. Raises AdsFault 0x714."""
        one = self._subscriptions.get(handle)
        if one is None or one.peer is not peer:
            raise AdsFault(AdsError.NOTIFICATION_HANDLE_INVALID)
        return one

    def delete(self, peer: Peer, handle: int) -> None:
        """Raises AdsFault 0x714 for a handle that is not the peer's."""
        self._remove(self.check(peer, handle))

    def peer_gone(self, peer: Peer) -> None:
        """Delete all that it has, without a word to it."""
        client = self._clients.get(id(peer))
        for one in list(client.subscriptions.values()) if client else ():
            self._remove(one)

    def diagnosis(self) -> bytes:
        """0xF091: how many there are, and whose (AdsNotificationDiag). Kept: a sum may ask ten thousand times."""
        if self._diagnosis is None:
            clients = [
                _CLIENT.pack(client.peer.source, len(client.subscriptions) << 8 & _LAST_HANDLE)
                for client in self._clients.values()
            ]
            self._diagnosis = _DIAGNOSIS.pack(len(self._subscriptions), len(clients)) + b"".join(clients)
        return self._diagnosis

    # What the device tells.

    def subscriptions(self) -> Iterable[Subscription]:
        """All of them, oldest first."""
        return tuple(self._subscriptions.values())

    def end(self, one: Subscription) -> None:
        """What it watched exists no more: one sample of size 0, and it is gone."""
        cohort = one.cohort
        if cohort is not None:
            self._flush(cohort)
        self._endings.append((one.peer, one.access.target, one.handle))
        self._remove(one)
        self._due_ns = 0

    def repoint(self, one: Subscription, point: Point) -> None:
        """Sample it from another place from now on."""
        one.point = point
        if one.cohort is not None:
            one.cohort.sampler.rejoin(one)

    # Time.

    def due_ns(self) -> int | None:
        """See ads.contract.Device."""
        return self._due_ns

    def wants(self, number: int) -> bool:
        """Whether something is to be sampled in that cycle, or was to be before."""
        return self._next_sampling(number + 1) <= number or any(begin <= number for begin, _ in self._pending.values())

    def tick(self, monotonic_ns: int, wall_ns: int, *, more: bool = False) -> None:
        """See ads.contract.Device. more: only sample; another tick at once, for a later cycle, does the rest."""
        cycles = self._cycles
        cycles.sync(monotonic_ns, wall_ns)
        now = cycles.at(monotonic_ns)
        self._run_cycles(now, monotonic_ns)
        stamp = filetime(cycles.wall_ns(now))
        if not more:
            self._admit(now, monotonic_ns)
        self._start_pending(now, monotonic_ns, stamp)
        if more:
            return
        for peer, target, handle in self._endings:
            self._post(peer, target, [Chunk(stamp, 1, SAMPLE.pack(handle, 0))])
        self._endings.clear()
        for cohort in [one for one in self._open if (one.deadline_ns or 0) <= monotonic_ns]:
            self._flush(cohort)
        self._retry(monotonic_ns)
        self._send(monotonic_ns)
        self._due_ns = self._next_due()

    def _run_cycles(self, now: int, monotonic_ns: int) -> None:
        last = now - 1 if self._last_cycle is None and self._run is not None else self._last_cycle
        last = now if last is None else last
        while True:
            wanted = last + 1 if self._run is not None else self._next_sampling(now + 1)
            if wanted > now:
                break
            number = max(wanted, now - self._limits.catch_up_cycles + 1)
            self.skipped += number - wanted
            if self._run is not None:
                self._run(self._cycles.wall_ns(number))
            for sampler in self._samplers.values():
                if sampler.next_cycle <= number:
                    self._sample(sampler, number, monotonic_ns)
            last = number
        self._last_cycle = now

    def _sample(self, sampler: Sampler, number: int, monotonic_ns: int) -> None:
        stamp = filetime(self._cycles.wall_ns(number))
        for cohort, chunks in sampler.sample(stamp, self._room):
            self._queue(cohort, chunks, monotonic_ns)
        behind = number - sampler.next_cycle
        sampler.next_cycle += (behind // sampler.every + 1) * sampler.every

    def _admit(self, now: int, monotonic_ns: int) -> None:
        settle_ns = self._limits.settle_ns
        begin = self._cycles.at(monotonic_ns + settle_ns) + 1 if settle_ns else now
        self._pending |= {handle: (begin, one) for handle, one in self._fresh.items()}
        self._fresh.clear()

    def _start_pending(self, now: int, monotonic_ns: int, stamp: int) -> None:
        fresh: dict[Cohort, list[Subscription]] = {}
        for one in [one for begin, one in self._pending.values() if begin <= now]:
            del self._pending[one.handle]
            if one.wish.once:
                value = one.point.now()
                if value is not None:
                    chunk = Chunk(stamp, 1, SAMPLE.pack(one.handle, len(value)) + value)
                    self._post(one.peer, one.access.target, [chunk])
                continue
            sampler = self._sampler(self._cycles.periods(one.wish.cycle_ns), now)
            cohort = sampler.cohort_for(one, monotonic_ns)
            fresh.setdefault(cohort, []).append(one)
            sampler.join(cohort, one)
        for cohort, subscriptions in fresh.items():
            self._queue(cohort, cohort.first(subscriptions, stamp, self._room), monotonic_ns, joined=True)

    def _sampler(self, every: int, now: int) -> Sampler:
        step = max(every // PHASES, 1)
        begin = now + every - now % step
        key = (every, begin % every)
        sampler = self._samplers.get(key)
        if sampler is None:
            sampler = self._samplers[key] = Sampler(every, begin)
        return sampler

    @property
    def _room(self) -> int:
        return self._limits.frame_bytes - FRAME_OVERHEAD_BYTES

    def _queue(self, cohort: Cohort, chunks: list[Chunk], monotonic_ns: int, *, joined: bool = False) -> None:
        if not chunks:
            return
        if not cohort.max_delay_ns:
            self._post(cohort.peer, cohort.target, chunks)
            return
        if cohort.opened_ns is None or joined:
            cohort.opened_ns = monotonic_ns if cohort.opened_ns is None else cohort.opened_ns
            cohort.deadline_ns = monotonic_ns + cohort.max_delay_ns
            self._open.add(cohort)
        cohort.chunks += chunks
        cohort.queued_bytes += sum([len(chunk.data) for chunk in chunks])
        if cohort.queued_bytes >= self._limits.frame_bytes:
            self._flush(cohort)

    def _flush(self, cohort: Cohort) -> None:
        if cohort.chunks:
            self._post(cohort.peer, cohort.target, cohort.chunks)
        cohort.chunks, cohort.queued_bytes = [], 0
        cohort.opened_ns = cohort.deadline_ns = None
        self._open.discard(cohort)

    def _post(self, peer: Peer, target: AmsAddr, chunks: list[Chunk]) -> None:
        had = self._outbox.get((id(peer), target))
        if had is None:
            self._outbox[id(peer), target] = (peer, chunks)
        else:
            self._outbox[id(peer), target] = (peer, had[1] + chunks)

    def _send(self, monotonic_ns: int) -> None:
        outbox, self._outbox = self._outbox, {}
        for (_, target), (peer, chunks) in outbox.items():
            for samples, payload in frames(chunks, self._limits.frame_bytes):
                if peer.notify(target, payload):
                    self.samples += samples
                    self.frames += 1
                    continue
                self.dropped += samples
                client = self._clients.get(id(peer))
                if client is not None:
                    client.dropped += samples
                    client.retry_ns = monotonic_ns + self._limits.retry_ns
                    self._retrying.add(client)

    def _retry(self, monotonic_ns: int) -> None:
        for client in [one for one in self._retrying if one.retry_ns <= monotonic_ns]:
            self._retrying.discard(client)
            for cohort in {one.cohort for one in client.subscriptions.values() if one.wish.on_change}:
                if cohort is not None:
                    cohort.forget()

    def _next_sampling(self, none: int) -> int:
        return min([sampler.next_cycle for sampler in self._samplers.values()], default=none)

    def _next_due(self) -> int | None:
        if self._fresh or self._endings:
            return 0
        dues = [self._cycles.start_ns(begin) for begin, _ in self._pending.values()]
        dues += [cohort.deadline_ns for cohort in self._open if cohort.deadline_ns is not None]
        dues += [client.retry_ns for client in self._retrying]
        if self._run is not None and self._last_cycle is not None:
            dues.append(self._cycles.start_ns(self._last_cycle + 1))
        elif self._samplers:
            dues.append(self._cycles.start_ns(self._next_sampling(0)))
        return min(dues, default=None)

    def _remove(self, one: Subscription) -> None:
        del self._subscriptions[one.handle]
        self._diagnosis = None
        self._fresh.pop(one.handle, None)
        self._pending.pop(one.handle, None)
        client = self._clients[id(one.peer)]
        del client.subscriptions[one.handle]
        client.watched_bytes -= one.wish.size_bytes
        self._by_origin[one.peer.origin] -= 1
        if not self._by_origin[one.peer.origin]:
            del self._by_origin[one.peer.origin]
        if not client.subscriptions:
            del self._clients[id(one.peer)]
        cohort = one.cohort
        if cohort is None:
            return
        sampler = cohort.sampler
        sampler.leave(cohort, one)
        if not cohort.subscriptions:
            self._open.discard(cohort)
        if not sampler.cohorts:
            del self._samplers[sampler.every, sampler.phase]
