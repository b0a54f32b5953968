"""What the kernel has counted about one core so far: its interrupts, and the time that a hypervisor stole.

Source: Linux proc(5): /proc/interrupts, /proc/stat (the eighth number of a cpu line is steal, in ticks).
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from dinrail.errors import HostError
from dinrail.files import read_file
from dinrail.isolation.noise import Counters
from dinrail.units import S_NS

_INTERRUPTS, _STAT = Path("/proc/interrupts"), Path("/proc/stat")
_MAX_BYTES = 4 << 20


def read_counters(core: int) -> Counters:
    """The counters of one core now. Raises HostError where the kernel has none."""
    interrupts = read_file(_INTERRUPTS, max_bytes=_MAX_BYTES).decode("utf-8", "replace")
    stat = read_file(_STAT, max_bytes=_MAX_BYTES).decode("utf-8", "replace")
    ticks = re.search(rf"^cpu{core} (.*)$", stat, re.MULTILINE)
    if ticks is None:
        raise HostError(f"core {core} is not online", where=str(_STAT))
    fields = ticks[1].split()
    steal_ticks = int(fields[7]) if len(fields) > 7 else 0
    return Counters(
        interrupts=served(interrupts, core),
        steal_ns=steal_ticks * S_NS // os.sysconf("SC_CLK_TCK"),
        at_ns=time.monotonic_ns(),
    )


def served(text: str, core: int) -> dict[str, int]:
    """/proc/interrupts for one core: `24 eth0` or `LOC` -> count."""
    lines = text.splitlines()
    columns = lines[0].split() if lines else []
    if f"CPU{core}" not in columns:
        return {}
    at = columns.index(f"CPU{core}")
    found: dict[str, int] = {}
    for line in lines[1:]:
        head, _, rest = line.partition(":")
        words = rest.split()
        if len(words) < len(columns) or not words[at].isdecimal():
            continue
        name = head.strip()
        if name.isdecimal():
            name = f"{name} {' '.join(words[len(columns) + 2 :])}".strip()
        found[name] = int(words[at])
    return found
