"""May this user run real-time threads and lock memory? Tried by a child of ours, on itself: nothing else changes.

A program of its own (standard library only, run as `python -I -S rights.py`). It asks for SCHED_FIFO at the highest
priority and for mlockall, says what it got, and ends. Limits, capabilities, RT group budgets of cgroup version 1 and
security modules all have their say in that, so trying is the only honest way to know.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys

_MCL_CURRENT_AND_FUTURE = 3


def probe_rights() -> dict[str, object]:
    """{"fifo", "lock", "fault"}; `fault` names the calls that failed, with their errno."""
    faults: list[str] = []
    fifo = _fifo(faults)
    libc = ctypes.CDLL(None, use_errno=True)
    lock = libc.mlockall(_MCL_CURRENT_AND_FUTURE) == 0
    if lock:
        libc.munlockall()
    else:
        faults.append(f"mlockall: {errno.errorcode.get(ctypes.get_errno(), 'EIO')}")
    return {"fifo": fifo, "lock": lock, "fault": "; ".join(faults)}


def _fifo(faults: list[str]) -> bool:
    try:
        highest = os.sched_get_priority_max(os.SCHED_FIFO)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(highest))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError as fault:
        faults.append(f"sched_setscheduler(SCHED_FIFO): {errno.errorcode.get(fault.errno or 0, 'EIO')}")
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe_rights(), sort_keys=True) + "\n")
