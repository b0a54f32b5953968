"""Figures of all rounds, ratios round by round, and what they were meant to be."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Goal:
    """`figure` of `name` is to be at least `bound` (at most, where `below`): times that of `against`, or as it is."""

    figure: str
    name: str
    bound: float
    against: str = ""
    below: bool = False

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.below else value >= self.bound

    def __str__(self) -> str:
        sign = "<=" if self.below else ">="
        return f"{self.figure}: {self.name} {sign} {self.bound:g}" + (f" of {self.against}" if self.against else "")


@dataclass(slots=True)
class Results:
    """Values by figure and contender, one a round, in order."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, figure: str, name: str, value: float) -> None:
        self.values.setdefault(figure, {}).setdefault(name, []).append(value)

    def median(self, figure: str, name: str) -> float:
        """NaN where nothing was measured."""
        values = self.values.get(figure, {}).get(name, [])
        return statistics.median(values) if values else math.nan

    def ratio(self, figure: str, name: str, against: str) -> float:
        """Median of the ratios round by round: what a drift of the whole machine cannot move. NaN without rounds."""
        row = self.values.get(figure, {})
        pairs = zip(row.get(name, []), row.get(against, []), strict=True)
        ratios = [mine / other for mine, other in pairs]
        return statistics.median(ratios) if ratios else math.nan

    def reached(self, goal: Goal) -> float:
        """What is to be compared with the goal's bound."""
        if goal.against:
            return self.ratio(goal.figure, goal.name, goal.against)
        return self.median(goal.figure, goal.name)

    def show(self) -> None:
        """One block for each figure: median and spread, and the ratio to the first contender."""
        for figure, rows in self.values.items():
            base = next(iter(rows))
            print(f"\n{figure}  (ratio to {base})")
            for name, values in rows.items():
                same = len(values) == len(rows[base])
                ratio = f"{self.ratio(figure, name, base):8.2f}" if same else "       -"
                middle = statistics.median(values)
                print(f"  {name:<28}{_number(middle)}{_number(min(values))}{_number(max(values))}{ratio}")
        for note in self.notes:
            print(f"\n{note}")

    def show_goals(self, goals: list[Goal]) -> None:
        """Each goal with what was reached; nothing is judged by exit codes, other programs may run meanwhile."""
        print("\nGoals")
        for goal in goals:
            value = self.reached(goal)
            word = "-" if math.isnan(value) else "met" if goal.is_met(value) else "MISSED"
            print(f"  {word:<7}{value:>12.3f}  {goal}")

    def write(self, path: Path, goals: list[Goal], facts: Mapping[str, object]) -> None:
        """All of it as JSON."""
        reached = [(goal, self.reached(goal)) for goal in goals]
        document = {
            "machine": {
                "python": platform.python_version(),
                "platform": platform.platform(),
                "cpus": os.cpu_count(),
                "load": os.getloadavg(),
                **facts,
            },
            "figures": self.values,
            "goals": [
                {
                    "figure": goal.figure,
                    "name": goal.name,
                    "against": goal.against,
                    "bound": goal.bound,
                    "reached": None if math.isnan(value) else value,
                    "met": goal.is_met(value),
                }
                for goal, value in reached
            ],
            "notes": self.notes,
        }
        path.write_text(json.dumps(document, indent=1) + "\n")


def _number(value: float) -> str:
    return f"{value:>14,.0f}" if abs(value) >= 1000 else f"{value:>14.3f}"
