"""What a device's hooks are given and may give back: one access, an answer that comes later, limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from dinrail.ads.contract import Peer, Permit
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.units import MS_NS


class Access(NamedTuple):
    """One read, write or read-write, alone or as an item of a sum command.

    target:     by which address the client called this device; its notifications come from there.
    size_bytes: how much the client is ready to take, at most; any u32, so never an allocation. 0 for a write.
    """

    command: int
    group: int
    offset: int
    size_bytes: int
    peer: Peer
    permit: Permit
    target: AmsAddr


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device holds for its clients, so that none of them can take what the others need.

    notifications: in all; a peer that holds fewer than `notifications_reserve` may have one beyond that (up to twice
    the number), so that one greedy client does not lock out the rest.
    frame_bytes: a notification frame's payload, kept below 64 KiB with its headers (AdsLib's ring is small).
    catch_up_cycles: how many missed task cycles are made up for after a late tick; more are skipped and counted.
    settle_ns: so long at least a client has for taking in its handle before the first sample comes: AdsLib drops a
    sample whose handle it has not registered yet, and of a constant there is no second one.
    """

    handles_per_peer: int = 16_384
    notifications: int = 10_000
    notifications_reserve: int = 1_024
    watch_bytes: int = 256 << 10
    watch_bytes_per_peer: int = 16 << 20
    sum_items: int = 10_000
    response_bytes: int = 4 << 20
    frame_bytes: int = 60_000
    catch_up_cycles: int = 8
    retry_ns: int = 100 * MS_NS
    settle_ns: int = 2 * MS_NS


class Later:
    """An answer that a hook does not have yet: the hook returns this and calls `done` or `fault` afterwards.

    The first call counts, all others do nothing. A client that went away in between is the router's business.
    """

    __slots__ = ("_outcome", "_then")

    def __init__(self) -> None:
        self._outcome: tuple[int, bytes] | None = None
        self._then: Callable[[int, bytes], None] | None = None

    @property
    def outcome(self) -> tuple[int, bytes] | None:
        """(code, data) when it is over."""
        return self._outcome

    def done(self, data: bytes = b"") -> None:
        """It went well; `data` is what was read."""
        self._settle(0, data)

    def fault(self, code: int) -> None:
        """It ended in an ADS error."""
        self._settle(code, b"")

    def then(self, call: Callable[[int, bytes], None]) -> None:
        """Who is to be told (code, data). Told at once when it is over already."""
        self._then = call
        if self._outcome is not None:
            call(*self._outcome)

    def _settle(self, code: int, data: bytes) -> None:
        if self._outcome is not None:
            return
        self._outcome = (code, data)
        if self._then is not None:
            self._then(code, data)


def no_service(what: str) -> AdsFault:
    """0x701, as a real device answers for a group or an offset that it does not have."""
    return AdsFault(AdsError.SERVICE_NOT_SUPPORTED, what)
