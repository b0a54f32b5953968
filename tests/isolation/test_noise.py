"""What a measurement says: percentiles that are never too good, and likely causes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.cli.control_noise import bars
from dinrail.isolation.noise import Counters, Gap, Histogram, Spun, hints
from dinrail.units import MS_NS, S_NS, US_NS


def spun(*gaps_us: int, fifo: bool = True) -> Spun:
    gaps = tuple(Gap(n * MS_NS, length * US_NS) for n, length in enumerate(gaps_us))
    longest_ns = max((gap.length_ns for gap in gaps), default=0)
    return Spun(10 * US_NS, gaps, len(gaps), longest_ns, 2 * S_NS, 80_000_000, fifo)


def counted(at_s: int, steal_ms: int = 0, **interrupts: int) -> Counters:
    return Counters(
        {name.replace("_", " ").strip(): n for name, n in interrupts.items()}, steal_ms * MS_NS, at_s * S_NS
    )


def rules(
    measured: Spun, before: Counters, after: Counters, *, virtual: bool = False, share: float | None = 0.95
) -> list[str]:
    return [hint.rule for hint in hints(measured, before, after, virtual=virtual, runtime_share=share)]


QUIET = counted(0), counted(2)


@given(
    st.lists(st.integers(min_value=0, max_value=999), min_size=1, max_size=200), st.floats(min_value=1, max_value=100)
)
def test_a_percentile_is_reached_by_its_share_and_never_too_good(values: list[int], share: float) -> None:
    """At least that share of all values lies at or below it, and it is at most one bucket above such a value."""
    bucket = 10
    counts = [0] * 100
    for value in values:
        counts[value // bucket] += 1
    found = Histogram(bucket, tuple(counts)).percentile(share)
    assert found is not None
    assert sum(value < found for value in values) >= len(values) * share / 100 - 1e-9
    assert any(found - bucket <= value < found for value in values)


def test_a_percentile_beyond_the_last_bucket_is_unknown() -> None:
    """What was later than the histogram reaches is not called anything."""
    histogram = Histogram(10, (9, 0), overflow=1)
    assert histogram.percentile(90) == 10
    assert histogram.percentile(99) is None
    assert histogram.total == 10


@given(
    st.lists(st.integers(min_value=0, max_value=50), min_size=30, max_size=30), st.integers(min_value=0, max_value=9)
)
def test_nothing_is_lost_when_buckets_are_drawn(counts: list[int], overflow: int) -> None:
    """The rows of the drawing hold every value once."""
    histogram = Histogram(100, tuple(counts), overflow)
    rows = histogram.rebinned([500, 1000, 2000])
    assert rows == (sum(counts[:5]), sum(counts[5:10]), sum(counts[10:20]), sum(counts[20:]) + overflow)


def test_interrupts_that_came_are_named_the_busiest_first() -> None:
    """With how often a second, and the rule that would do something about them."""
    before = counted(0, LOC=100, RES=5, _24_eth0=7)
    after = counted(2, LOC=600, RES=5, _24_eth0=1007)
    found = hints(spun(20), before, after, virtual=False, runtime_share=None)
    assert [hint.rule for hint in found] == ["irq.here", "kernel.tick"]
    assert found[0].text == "1000 x interrupt 24 eth0 (500 a second)"
    assert "250 a second" in found[1].text


@pytest.mark.parametrize(
    ("measured", "after", "virtual", "rule"),
    [
        (spun(20, fifo=False), counted(2), False, "rights.fifo"),
        (spun(20), counted(2, steal_ms=30), False, "machine.virtual"),
        (spun(900), counted(2), True, "machine.virtual"),
        (spun(20, 50_000), counted(2), False, "sched.throttled"),
    ],
)
def test_each_cause_is_told_by_its_sign(measured: Spun, after: Counters, virtual: bool, rule: str) -> None:
    """No priority, stolen time, long gaps under a hypervisor, and the kernel's own limit."""
    assert rules(measured, counted(0), after, virtual=virtual) == [rule]


def test_a_quiet_core_has_no_causes() -> None:
    """Short gaps without any counter that moved are nobody's known fault."""
    assert rules(spun(12, 15), *QUIET) == []
    assert rules(spun(50_000), *QUIET, share=None) == []
    assert rules(spun(40), *QUIET, virtual=True) == []


def test_the_drawing_shows_one_among_a_million() -> None:
    """Bars are logarithmic and never empty for a count; rows outside of what was seen are left out."""
    lines = bars((0, 1_000_000, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    assert [line.split("us")[0].strip() for line in lines] == ["< 10", "< 15", "< 20", "< 30"]
    lengths = [line.count("#") for line in lines]
    assert lengths[0] > lengths[3] > 0
    assert lengths[1] == lengths[2] == 0
    assert bars((0,) * 14) == []


def test_time_lost_is_the_sum_of_the_gaps() -> None:
    """All gaps that were kept."""
    assert spun(10, 20, 30).lost_ns == 60 * US_NS
