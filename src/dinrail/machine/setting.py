"""Files of /proc and /sys that hold one value which isolation changes: which there are, and how each is spelled.

A value in a plan or in the journal is in its canonical form (CPU sets as lists, whatever the file prints), so that
compare-and-set compares meanings and not leading zeros. A path that is not in this table is never written: a journal
file that somebody tampered with cannot make dinrail write anything else.
"""

from __future__ import annotations

import enum
import re

from dinrail.machine.cpulist import format_list, format_mask, parse_list, parse_mask

CPUS = "/sys/devices/system/cpu"
DEFAULT_AFFINITY = "/proc/irq/default_smp_affinity"
RT_RUNTIME = "/proc/sys/kernel/sched_rt_runtime_us"
WORKQUEUE_MASK = "/sys/devices/virtual/workqueue/cpumask"
WRITEBACK_MASK = "/sys/devices/virtual/workqueue/writeback/cpumask"
MERGED_CGROUPS = "/sys/fs/cgroup"
HYBRID_CGROUPS = "/sys/fs/cgroup/unified"
V1_CPUSETS = ("/sys/fs/cgroup/cpuset", "/sys/fs/cgroup/cpuset,cpu", "/dev/cpuset")
_ROOT = r"/(?:sys/fs/cgroup(?:/unified|/cpuset|/cpuset,cpu)?|dev/cpuset)"
_GROUP = _ROOT + r"/dinrail(?:-rest)?"


class Spelling(enum.Enum):
    """How a file spells its value."""

    TEXT = "text"
    LIST = "list"
    MASK = "mask"


_TABLE: tuple[tuple[re.Pattern[str], Spelling], ...] = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (re.escape(RT_RUNTIME), Spelling.TEXT),
        (rf"{re.escape(CPUS)}/cpu\d{{1,5}}/cpufreq/scaling_governor", Spelling.TEXT),
        (re.escape(DEFAULT_AFFINITY), Spelling.MASK),
        (re.escape(WORKQUEUE_MASK), Spelling.MASK),
        (re.escape(WRITEBACK_MASK), Spelling.MASK),
        (rf"{_GROUP}/cpuset\.(?:cpus|mems)", Spelling.LIST),
        (rf"{_GROUP}/cpuset\.(?:cpu_exclusive|sched_load_balance)", Spelling.TEXT),
        (rf"{_ROOT}/cpuset\.sched_load_balance", Spelling.TEXT),
    )
)
_OUR_GROUP = re.compile(_GROUP)


def spelling_of(path: str) -> Spelling | None:
    """How the file spells its value; None for a file that is none of ours to change."""
    return next((spelling for pattern, spelling in _TABLE if pattern.fullmatch(path)), None)


def is_our_group(path: str) -> bool:
    """The path of a control group that dinrail makes, and may therefore remove."""
    return _OUR_GROUP.fullmatch(path) is not None


def canonical(spelling: Spelling, text: str) -> str:
    """What a file says, in the form that plans hold. A set that cannot be read stays as it is written."""
    stripped = text.strip()
    if spelling is Spelling.TEXT:
        return stripped
    cpus = parse_list(stripped) if spelling is Spelling.LIST else parse_mask(stripped)
    return stripped if cpus is None else format_list(cpus)


def spelled(spelling: Spelling, value: str) -> str:
    """A plan's value as the file takes it, newline included (a lone newline empties a cpuset)."""
    if spelling is Spelling.MASK:
        return f"{format_mask(parse_list(value) or frozenset())}\n"
    return f"{value}\n"
