"""Refusals, counted each and told once per burst: who was refused what, by which rule.

All tables are bounded: a source's address is its own choice. The time comes in by `tick`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dinrail.ads.contract import Action, Origin
from dinrail.ams.address import AmsAddr
from dinrail.units import S_NS

BURST_NS = 10 * S_NS
"""A burst ends when nothing was refused for so long; a refusal after that is told again."""
LONGEST_BURST_NS = 300 * S_NS
"""One that does not end is told again after so long, with its count."""
MAX_SHOWN = 200
"""Characters of a name in a line."""
MAX_BURSTS = 1024
MAX_RULES = 4096
OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first refusal of a burst (`count` 1), or what came after it when the burst is over (`over`).

    action ... name: of the first one.
    """

    origin: Origin
    source: AmsAddr
    target: AmsAddr
    rule: str
    action: Action
    group: int
    offset: int
    size_bytes: int
    name: str
    count: int = 1
    over: bool = False

    def __str__(self) -> str:
        who = self.origin.guest or self.origin.identity or self.origin.address or self.origin.via.value
        thing = shown(self.name) if self.name else f"{self.group:#x}:{self.offset:#x}"
        what = f"{self.action.value} of {thing} at {self.target}"
        if self.over:
            return f"{who} ({self.source}): {self.count} more refused by {self.rule}, first {what}"
        return f"{who} ({self.source}): {what} refused by {self.rule}"


def shown(name: str) -> str:
    """A name from outside as one bounded piece of a line: of a device far away it is the client's own words."""
    cut = name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]


def silent(_: Refusal) -> None:
    """For whoever does not want to be told."""


@dataclass(slots=True)
class _Burst:
    first: Refusal
    more: int
    begun_ns: int
    last_ns: int


class Refusals:
    """Counts per rule for good, and per (origin, rule) while a burst lasts."""

    def __init__(self, tell: Callable[[Refusal], None] = silent) -> None:
        self._tell = tell
        self._now_ns = 0
        self._bursts: dict[tuple[Origin, str], _Burst] = {}
        self._totals: dict[str, int] = {}

    @property
    def totals(self) -> Mapping[str, int]:
        """Refusals by rule, since the start."""
        return self._totals

    @property
    def bursts(self) -> int:
        """How many bursts are going on."""
        return len(self._bursts)

    def add(self, refusal: Refusal) -> None:
        """Count one; tell it when it begins a burst.

        The key leaves the AMS source out: a peer may write any there, and would have a log line for each. When the
        table is full, further bursts of a rule are one, whoever they come from.
        """
        known = refusal.rule in self._totals or len(self._totals) < MAX_RULES
        rule = refusal.rule if known else OTHERS
        self._totals[rule] = self._totals.get(rule, 0) + 1
        key = (refusal.origin, refusal.rule)
        burst = self._bursts.get(key)
        if burst is None and len(self._bursts) >= MAX_BURSTS:
            key = (Origin(refusal.origin.via, OTHERS), OTHERS)
            burst = self._bursts.get(key)
        if burst is None:
            self._bursts[key] = _Burst(refusal, 0, self._now_ns, self._now_ns)
            self._tell(refusal)
            return
        burst.more += 1
        burst.last_ns = self._now_ns

    def tick(self, monotonic_ns: int) -> None:
        """Move the clock, and end what is over: about once a second is often enough."""
        self._now_ns = monotonic_ns
        for key, burst in list(self._bursts.items()):
            ended = monotonic_ns - burst.last_ns >= BURST_NS
            if not ended and monotonic_ns - burst.begun_ns < LONGEST_BURST_NS:
                continue
            if ended:
                del self._bursts[key]
            if burst.more:
                self._tell(replace(burst.first, count=burst.more, over=True))
            burst.more, burst.begun_ns = 0, monotonic_ns
