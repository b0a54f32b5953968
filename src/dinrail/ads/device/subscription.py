"""What a client wants to be told, and how often.

    mode            name                        served as
    1, 3, 16 ... 31 client and server cycle,    a sample in each cycle
                    cycle in a context
    2, 4            on change                   a sample when it differs from the last one that was queued
    5, 6            legacy cycle, on change     the same; the cycle time names a context, so each task cycle counts
    10              one request                 the first sample only
    0, others       -                           0x713

Source: TwinCAT SDK Ads.h (ADSTRANSMODE). Times on the wire are in units of 100 ns (AdsLib, ads-client).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dinrail.ads.contract import Peer
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access
from dinrail.ads.device.gather import Point
from dinrail.ams.errors import AdsError, AdsFault

if TYPE_CHECKING:
    from dinrail.ads.device.sampling import Cohort

UNIT_NS = 100
MODE_ONCE = 10
_CYCLIC = frozenset((1, 3, 5, *range(16, 32)))
_ON_CHANGE = frozenset((2, 4, 6))
_IN_CONTEXT = frozenset((5, 6))


@dataclass(frozen=True, slots=True)
class Wish:
    """An AddDeviceNotification request, understood."""

    group: int
    offset: int
    size_bytes: int
    on_change: bool
    once: bool
    max_delay_ns: int
    cycle_ns: int

    @classmethod
    def parse(cls, entry: bytes, max_size_bytes: int) -> Wish:
        """From the 40 bytes. Raises AdsFault 0x705 (other length), 0x713 (mode), 0x717 (nothing, or too much)."""
        wire.exactly(entry, wire.SUBSCRIBE.size)
        group, offset, size_bytes, mode, delay, cycle = wire.SUBSCRIBE.unpack(entry)
        if mode not in _CYCLIC and mode not in _ON_CHANGE and mode != MODE_ONCE:
            raise AdsFault(AdsError.MODE_NOT_SUPPORTED, f"transmission mode {mode} does not exist")
        if not 0 < size_bytes <= max_size_bytes:
            raise AdsFault(
                AdsError.WATCH_SIZE_INVALID, f"{size_bytes} bytes; from 1 to {max_size_bytes} can be watched"
            )
        period = 0 if mode in _IN_CONTEXT else cycle
        return cls(group, offset, size_bytes, mode in _ON_CHANGE, mode == MODE_ONCE, delay * UNIT_NS, period * UNIT_NS)


@dataclass(slots=True, eq=False)
class Subscription:
    """One notification handle of one peer."""

    handle: int
    access: Access
    wish: Wish
    point: Point
    cohort: Cohort | None = None
    """Which samples it; None before its first sample."""

    @property
    def peer(self) -> Peer:
        return self.access.peer
