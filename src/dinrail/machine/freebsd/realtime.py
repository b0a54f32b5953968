"""FreeBSD's timing, from what sysctl, cpuset, vmstat and swapinfo print.

Source: sysctl(8), cpuset(1), vmstat(8), swapinfo(8), timecounters(4), eventtimers(4), mac_priority(4).
"""

from __future__ import annotations

import re

from dinrail.machine.cpulist import parse_list
from dinrail.machine.linux.text import number
from dinrail.machine.realtime import Cpus, FreeBsdRealTime
from dinrail.machine.sources import Raw

_SYSCTL = re.compile(r"([a-z0-9_.]{1,80}): ?(.*)")
_MASK = re.compile(r"cpuset 1 mask: ([\d, -]+)")
_INTERRUPT = re.compile(r"(\S.*?)\s+(\d{1,18})\s+(\d{1,18})")


def read_freebsd(raw: Raw) -> FreeBsdRealTime:
    """Facts of Topic.REALTIME on FreeBSD."""
    lines = (_SYSCTL.fullmatch(line) for line in raw.text("command:sysctl").splitlines())
    user = number(raw.text("command:id"))
    root = None if user is None else user == 0
    module = raw.get("command:mac-priority")
    allowed = module is not None and not module.fault and module.status == 0
    return FreeBsdRealTime(
        sysctls={match[1]: match[2].strip() for match in lines if match},
        default_set=_default_set(raw.text("command:cpuset")),
        interrupts=_interrupts(raw.text("command:vmstat")),
        swap=tuple(
            line.split()[0] for line in raw.text("command:swapinfo").splitlines()[1:] if line.startswith("/dev/")
        ),
        privileged=True if allowed else root,
        root=root,
    )


def _default_set(text: str) -> Cpus | None:
    match = _MASK.search(text)
    return parse_list(match[1].replace(" ", "")) if match else None


def _interrupts(text: str) -> dict[str, int]:
    """`irq16: xhci0+     1234     5`: the last two columns are total and rate."""
    found = (_INTERRUPT.fullmatch(line.strip()) for line in text.splitlines())
    return {match[1]: int(match[2]) for match in found if match and match[1] != "Total"}
