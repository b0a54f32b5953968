"""Interleaved rounds: A B C A B C ..., so that a machine that drifts drifts for everyone."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall times of one contender in ns, one per round, in order."""

    name: str
    walls_ns: tuple[int, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.walls_ns) / 1e6

    @property
    def spread_ms(self) -> tuple[float, float]:
        return min(self.walls_ns) / 1e6, max(self.walls_ns) / 1e6

    def ratio_to(self, other: Timing) -> float:
        """Median of the ratios round by round: what a drift of the whole machine cannot move."""
        return statistics.median(a / b for a, b in zip(self.walls_ns, other.walls_ns, strict=True))


def interleave(contenders: Mapping[str, Callable[[], None]], *, rounds: int) -> list[Timing]:
    """Time every contender once a round, after one round that does not count."""
    walls: dict[str, list[int]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started_ns = time.perf_counter_ns()
            run()
            if number:
                walls[name].append(time.perf_counter_ns() - started_ns)
    return [Timing(name, tuple(times)) for name, times in walls.items()]


def command(*argv: str) -> Callable[[], None]:
    """A contender that runs a whole process and throws its output away. It must succeed."""

    def run() -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})

    return run


def print_rows(title: str, rows: Sequence[Timing], *, against: str) -> None:
    """One table: median, spread, and the ratio to the contender named `against`."""
    base = next(row for row in rows if row.name == against)
    print(f"\n{title}  (ratio to {against})")
    print(f"  {'contender':<44}{'median ms':>10}{'min':>9}{'max':>9}{'ratio':>8}")
    for row in rows:
        low, high = row.spread_ms
        print(f"  {row.name:<44}{row.median_ms:>10.1f}{low:>9.1f}{high:>9.1f}{row.ratio_to(base):>8.2f}")
