"""Whether the process behind a channel is there: by its heartbeat, and sooner by its entry in /proc."""

from __future__ import annotations

from pathlib import Path

from dinrail.control.channel.layout import ChannelHeader
from dinrail.units import MS_NS

_SELF = Path("/proc/self/stat")
FRESH_NS = 200 * MS_NS
"""A heartbeat that is younger needs no second look."""


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat, clock ticks since boot: with the pid, the name of a process. 0: unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return int(stat[stat.rindex(b")") + 1 :].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def is_gone(header: ChannelHeader) -> bool:
    """Whether nobody has the control's pid and start time. False where that cannot be said."""
    if not header.control_start or not _SELF.exists():
        return False
    return start_time(header.control_pid) != header.control_start


def has_ended(header: ChannelHeader, monotonic_ns: int) -> bool:
    """As `is_gone`, for who asks often: /proc is looked into only when the heart stands."""
    return monotonic_ns - header.heartbeat_ns >= FRESH_NS and is_gone(header)
