"""Batches of random programs through the three readers, in processes of their own: a crash is a finding too."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from plc_oracle_compare import differences, make_trio
from plc_oracle_st_compare import StTask
from plc_oracle_trees import random_program

from dinrail.plc.core.options import Options

CHECKED = Options()
UNCHECKED_DIVIDE = Options(check_divide=False, check_float_divide=False)
UNCHECKED = Options(check_divide=False, check_float_divide=False, check_bounds=False, check_null=False)
WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Task:
    """One application to make and compare. size: statements of a program, about."""

    seed: int
    programs: int
    size: int
    options: Options
    cycles: int = 3


def compare_trees(task: Task) -> list[str]:
    """The differences that an application of random trees shows, told."""
    program = random_program(task.seed, task.programs, task.size)
    with tempfile.TemporaryDirectory() as folder:
        trio = make_trio(program, task.options, Path(folder))
        return [f"seed {task.seed}: {found}" for found in differences(trio, task.cycles)]


AnyTask = TypeVar("AnyTask", Task, StTask)


def in_processes(compare: Callable[[AnyTask], list[str]], tasks: Iterable[AnyTask]) -> list[str]:
    """All differences of all tasks. A worker that dies is told as one, with the task that it had."""
    told: list[str] = []
    waiting = list(tasks)
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        running = [(task, pool.submit(compare, task)) for task in waiting]
        for task, future in running:
            try:
                told += future.result()
            except BrokenProcessPool:
                return [*told, f"a worker died at or near seed {task.seed}"]
    return told


NARROW = Options(wide_intermediates=False)
WAYS = ((CHECKED, False), (UNCHECKED_DIVIDE, False), (UNCHECKED, True), (NARROW, False))
"""Options, and whether programs must be tame for them: as the language's dialects and checks can be set."""


def text_tasks(first_seed: int, batches: int, programs: int = 200, size: int = 4) -> list[StTask]:
    """Applications of random Structured Text, in all ways; some of them against gcc -O1, the others -O0."""
    return [
        StTask(seed, programs, size, *WAYS[seed % len(WAYS)], level=int(seed % 16 < 1))
        for seed in range(first_seed, first_seed + batches)
    ]
