"""What a noise measurement says: gaps of a thread that never sleeps, lateness of one that sleeps each cycle.

Pure: `plc.emit.noise` measures, `host.counters` reads what the kernel counted meanwhile, this judges both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dinrail.units import MS_NS, S_NS, US_NS

SHARES = (50.0, 90.0, 99.0, 99.9)
"""The percentiles that are shown."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each lateness was seen. counts[i]: from i * bucket_ns up to below (i + 1) * bucket_ns; overflow: later.

    `percentile` answers with a bucket's upper end, so that it is never too good.
    """

    bucket_ns: int
    counts: tuple[int, ...]
    overflow: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts) + self.overflow

    def percentile(self, share: float) -> int | None:
        """Lateness in ns that `share` percent of all did not exceed; None when it lies beyond the last bucket."""
        wanted = self.total * share / 100
        seen = 0
        for index, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return (index + 1) * self.bucket_ns
        return None

    def rebinned(self, edges_ns: Sequence[int]) -> tuple[int, ...]:
        """Counts below each edge (and not below the one before), and of the rest: for drawing."""
        rows = [0] * (len(edges_ns) + 1)
        for index, count in enumerate(self.counts):
            if count:
                start_ns = index * self.bucket_ns
                row = next((i for i, edge in enumerate(edges_ns) if start_ns < edge), len(edges_ns))
                rows[row] += count
        rows[-1] += self.overflow
        return tuple(rows)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which the spinning thread did not run. `at_ns`: since the measurement began."""

    at_ns: int
    length_ns: int


@dataclass(frozen=True, slots=True)
class Spun:
    """What the spinning thread saw. `gaps`: those of at least `threshold_ns`, as many as were kept; `count`: all.

    spun_ns: the time that was watched; turns: how often the clock was read in it.
    """

    threshold_ns: int
    gaps: tuple[Gap, ...]
    count: int
    longest_ns: int
    spun_ns: int
    turns: int
    fifo: bool

    @property
    def lost_ns(self) -> int:
        return sum(gap.length_ns for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Cycled:
    """What the cyclic thread saw. An overrun is a wake-up a whole period late or more; `missed` cycles were skipped."""

    period_ns: int
    cycles: int
    overruns: int
    missed: int
    least_ns: int
    most_ns: int
    mean_ns: float
    histogram: Histogram
    fifo: bool


@dataclass(frozen=True, slots=True)
class Counters:
    """What the kernel counted about one core: interrupts by name, stolen time, time of the machine."""

    interrupts: Mapping[str, int]
    steal_ns: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Hint:
    """A likely cause of gaps. `text` is a sentence; `rule` names the doctor's rule about it, empty for none."""

    text: str
    rule: str = ""


_TICK, _CALLS = "LOC", ("CAL", "TLB", "RES")
_WORDS = {
    "LOC": "local timer interrupts (the scheduler's tick)",
    "RES": "rescheduling interrupts: another core woke something up here",
    "CAL": "function calls from other cores (membarrier, memory mappings, module loads)",
    "TLB": "TLB shootdowns: a program of several threads unmapped memory",
    "NMI": "non-maskable interrupts (the NMI watchdog, perf)",
    "PMI": "performance counter interrupts",
    "IWI": "deferred interrupt work",
    "MCE": "machine checks",
    "MCP": "machine check polls",
    "TRM": "thermal interrupts: the core is too hot",
    "HYP": "calls of the hypervisor",
}


def hints(
    spun: Spun, before: Counters, after: Counters, *, virtual: bool, runtime_share: float | None
) -> tuple[Hint, ...]:
    """Likely causes, the most telling first.

    virtual:       the CPU says that a hypervisor is above.
    runtime_share: what the kernel leaves to real-time tasks (0.95); None for no limit.
    """
    found: list[Hint] = []
    if not spun.fifo:
        found.append(Hint("the thread had no real-time priority: any other program interrupts it", "rights.fifo"))
    if after.steal_ns > before.steal_ns:
        stolen_ms = (after.steal_ns - before.steal_ns) / MS_NS
        found.append(
            Hint(f"the hypervisor took the CPU away for {stolen_ms:.1f} ms by its own account", "machine.virtual")
        )
    elif virtual and spun.longest_ns >= 200 * US_NS:
        found.append(
            Hint(
                "gaps of this length in a virtual machine are its host's, be it that it reports none", "machine.virtual"
            )
        )
    if runtime_share is not None and spun.fifo and _looks_throttled(spun, runtime_share):
        found.append(
            Hint("gaps once a second, as long as what the kernel keeps from real-time tasks", "sched.throttled")
        )
    return (*found, *_interrupt_hints(before, after))


def _looks_throttled(spun: Spun, share: float) -> bool:
    rest_ns = (1 - share) * S_NS
    return any(0.5 * rest_ns <= gap.length_ns <= 1.5 * rest_ns for gap in spun.gaps)


def _interrupt_hints(before: Counters, after: Counters) -> list[Hint]:
    grown = {name: count - before.interrupts.get(name, 0) for name, count in after.interrupts.items()}
    rows = sorted(((count, name) for name, count in grown.items() if count > 0), reverse=True)
    seconds = max((after.at_ns - before.at_ns) / S_NS, 1e-9)
    found = []
    for count, name in rows[:8]:
        kind = name.partition(" ")[0]
        rule = (
            "kernel.tick"
            if kind == _TICK
            else "cores.shared"
            if kind in _CALLS
            else "irq.here"
            if kind.isdecimal()
            else ""
        )
        words = _WORDS.get(kind, f"interrupt {name}")
        found.append(Hint(f"{count} x {words} ({count / seconds:.0f} a second)", rule))
    return found
