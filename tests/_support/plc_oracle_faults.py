"""How a run of an oracle ends, and the clock it runs by."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.plc.source import Place


class Faulted(Exception):
    """A task fault, on its way to the CATCH around it or to the task's end."""

    def __init__(self, code: int, at: Place, values: tuple[int, int, int] = (0, 0, 0)) -> None:
        super().__init__(code, at, values)
        self.code, self.at, self.values = code, at, values


class TooLong(Exception):
    """More steps than a test may take: the program loops."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: code 0 is well. values: of a BOUNDS fault index, lower, upper."""

    code: int
    at: Place
    values: tuple[int, int, int] = (0, 0, 0)


WELL = Ended(0, Place(0))


@dataclass(slots=True)
class Clock:
    """What the task's clock says in this cycle, and in which cycle it is."""

    cycle_ns: int = 10_000_000
    task_time_ns: int = 0
    wall_time_ns: int = 0
    task_index: int = 1
    cycle_count: int = 0
    first_cycle: bool = True
