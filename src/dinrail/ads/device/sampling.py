"""Who is sampled together: samplers (one period and phase, all clients) and cohorts (one client's part of them).

A place that fifty clients watch is read once in a cycle; each client's frame is then put together from the same values
by a plan that is made anew only when subscriptions come or go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from dinrail.ads.contract import Peer
from dinrail.ads.device.framing import Chunk, pack_samples
from dinrail.ads.device.gather import Gather, Point, Values, picker
from dinrail.ads.device.subscription import Subscription
from dinrail.ams.address import AmsAddr
from dinrail.ams.notification import SAMPLE

JOIN_SHARE = 64
"""A new subscription may join a batch that was opened less than 1/64 of its maximum delay ago; the batch then waits
for the newcomer's full delay. Bounds the number of batches whose phases differ."""

MAX_COHORT = 1024
"""Subscriptions in a cohort, so that one that comes or goes costs no more than the plan of so many."""
MANY_DELAYS = 64
"""When a peer asks for more kinds of delays than these, they are rounded up to powers of two: no client makes thousands
of batches."""
FEW_CHANGES = 64


class Cohort:
    """Subscriptions of one peer with the same sampler, kind and maximum delay; they share one batch.

    opened_ns, deadline_ns: of the batch, by the monotonic clock; None while nothing is queued.
    """

    def __init__(self, sampler: Sampler, peer: Peer, target: AmsAddr, *, on_change: bool, max_delay_ns: int) -> None:
        self.sampler = sampler
        self.peer = peer
        self.target = target
        self.on_change = on_change
        self.max_delay_ns = max_delay_ns
        self.subscriptions: dict[int, Subscription] = {}
        self.opened_ns: int | None = None
        self.deadline_ns: int | None = None
        self.chunks: list[Chunk] = []
        self.queued_bytes = 0
        self._last: dict[int, bytes | None] = {}
        self._last_values: Values = ()
        self._handles: list[int] = []
        self._headers: list[bytes] = []
        self._pick = picker(())
        self._seen: Values | None = None

    def admits(self, now_ns: int) -> bool:
        """Whether a subscription made now may share the batch."""
        if len(self.subscriptions) >= MAX_COHORT:
            return False
        return self.opened_ns is None or now_ns - self.opened_ns <= self.max_delay_ns // JOIN_SHARE

    def compile(self, index_of: dict[object, int]) -> None:
        """Make the plan anew. `index_of` says where each point's value is in the sampler's values."""
        last = dict(zip(self._handles, self._last_values, strict=True)) | self._last
        self._last = {}
        self._handles = list(self.subscriptions)
        self._last_values = tuple([last.get(handle) for handle in self._handles])
        subscriptions = self.subscriptions.values()
        self._headers = [SAMPLE.pack(one.handle, one.wish.size_bytes) for one in subscriptions]
        self._pick = picker([index_of[one.point.key] for one in subscriptions])
        self._seen = None

    def first(self, subscriptions: Sequence[Subscription], stamp: int, limit_bytes: int) -> list[Chunk]:
        """The samples that come right after registration, on change or not."""
        headers, values = [], []
        for one in subscriptions:
            value = one.point.now()
            self._last[one.handle] = value
            if value is not None:
                headers.append(SAMPLE.pack(one.handle, len(value)))
                values.append(value)
        return pack_samples(headers, values, stamp, limit_bytes) if values else []

    def forget(self) -> None:
        """A sample was lost on its way: queue all of them again, changed or not."""
        self._last_values = (None,) * len(self._last_values)
        self._seen = None

    def sample(self, values: Values, plain: bool, stamp: int, limit_bytes: int) -> list[Chunk]:
        """The samples of one cycle. `plain`: none of the values is None."""
        if self.on_change:
            return self._changes(values, stamp, limit_bytes)
        current = self._pick(values)
        if plain or None not in current:
            return pack_samples(self._headers, cast("list[bytes]", current), stamp, limit_bytes)
        pairs = [(head, value) for head, value in zip(self._headers, current, strict=True) if value is not None]
        return pack_samples([head for head, _ in pairs], [value for _, value in pairs], stamp, limit_bytes)

    def _changes(self, values: Values, stamp: int, limit_bytes: int) -> list[Chunk]:
        if values is self._seen:
            return []
        self._seen = values
        current, last = self._pick(values), self._last_values
        if current == last:
            return []
        if None in current:
            current = tuple([old if new is None else new for new, old in zip(current, last, strict=True)])
        self._last_values = current
        changed = [number for number, (new, old) in enumerate(zip(current, last, strict=True)) if new != old]
        if len(changed) == len(current):
            return pack_samples(self._headers, cast("list[bytes]", current), stamp, limit_bytes)
        if not changed:
            return []
        headers = self._headers
        fresh = [cast(bytes, current[number]) for number in changed]
        return pack_samples([headers[number] for number in changed], fresh, stamp, limit_bytes)


class Sampler:
    """All subscriptions that are sampled in the same cycles: every `every`-th one, next in cycle `next_cycle`.

    Who comes or goes costs its own cohort a new plan, not all of them: new places are gathered behind the others until
    they are many, and places that nobody watches any more are read until then.
    """

    def __init__(self, every: int, next_cycle: int) -> None:
        self.every = every
        self.next_cycle = next_cycle
        self.cohorts: dict[tuple[int, AmsAddr, bool, int], list[Cohort]] = {}
        self._delays: dict[int, int] = {}
        self._index_of: dict[object, int] = {}
        self._base = Gather(())
        self._base_count = 0
        self._extra = Gather(())
        self._extra_points: list[Point] = []
        self._changes = 0
        self._grown = False
        self._stale: set[Cohort] = set()
        self._values: Values = ()

    @property
    def phase(self) -> int:
        return self.next_cycle % self.every

    def cohort_for(self, one: Subscription, now_ns: int) -> Cohort:
        """The cohort that takes a new subscription, made when there is none."""
        wish, access = one.wish, one.access
        delay_ns = wish.max_delay_ns
        if self._delays.get(id(access.peer), 0) > MANY_DELAYS:
            delay_ns = 1 << (delay_ns - 1).bit_length() if delay_ns else 0
        key = (id(access.peer), access.target, wish.on_change, delay_ns)
        if key not in self.cohorts:
            self.cohorts[key] = []
            self._delays[key[0]] = self._delays.get(key[0], 0) + 1
        cohorts = self.cohorts[key]
        for cohort in cohorts:
            if cohort.admits(now_ns):
                return cohort
        made = Cohort(self, access.peer, access.target, on_change=wish.on_change, max_delay_ns=delay_ns)
        cohorts.append(made)
        return made

    def join(self, cohort: Cohort, one: Subscription) -> None:
        """Sample a subscription as part of a cohort of this sampler."""
        cohort.subscriptions[one.handle] = one
        one.cohort = cohort
        self._stale.add(cohort)
        if one.point.key not in self._index_of:
            self._index_of[one.point.key] = len(self._index_of)
            self._extra_points.append(one.point)
            self._changes += 1
            self._grown = True

    def rejoin(self, one: Subscription) -> None:
        """What it samples is another place now."""
        if one.cohort is not None:
            self._stale.add(one.cohort)
        self._changes = len(self._index_of) + FEW_CHANGES  # all is looked up anew

    def leave(self, cohort: Cohort, one: Subscription) -> None:
        """Take a subscription out; a cohort without any is forgotten with what it has queued."""
        del cohort.subscriptions[one.handle]
        self._changes += 1
        self._stale.add(cohort)
        if not cohort.subscriptions:
            self._stale.discard(cohort)
            key = (id(cohort.peer), cohort.target, cohort.on_change, cohort.max_delay_ns)
            self.cohorts[key].remove(cohort)
            if not self.cohorts[key]:
                del self.cohorts[key]
                self._delays[key[0]] -= 1
                if not self._delays[key[0]]:
                    del self._delays[key[0]]

    def sample(self, stamp: int, limit_bytes: int) -> Iterable[tuple[Cohort, list[Chunk]]]:
        """Read everything once; what each cohort has to queue for it."""
        if self._stale or self._grown:
            self._compile()
        fresh = self._base() + self._extra()
        if fresh != self._values:
            self._values = fresh
        plain = self._base.plain and self._extra.plain
        for cohorts in self.cohorts.values():
            for cohort in cohorts:
                chunks = cohort.sample(self._values, plain, stamp, limit_bytes)
                if chunks:
                    yield cohort, chunks

    def _compile(self) -> None:
        if self._changes >= FEW_CHANGES + self._base_count // 2:
            self._compile_all()
        elif self._grown:
            self._extra = Gather(self._extra_points)
        self._grown = False
        for cohort in self._stale:
            cohort.compile(self._index_of)
        self._stale.clear()

    def _compile_all(self) -> None:
        everyone = [cohort for cohorts in self.cohorts.values() for cohort in cohorts]
        points = {one.point.key: one.point for cohort in everyone for one in cohort.subscriptions.values()}
        # In the order of memory, so that a gather needs no second sorting of its values.
        ordered = sorted(points.values(), key=lambda point: (point.area is None, id(point.area), point.offset))
        self._base, self._base_count = Gather(ordered), len(ordered)
        self._extra, self._extra_points = Gather(()), []
        self._index_of = {point.key: index for index, point in enumerate(ordered)}
        self._changes = 0
        self._values = ()
        self._stale.update(everyone)
