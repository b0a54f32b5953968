"""Taking away at the devices what clients left there: by the router itself, a few at a time, answers unread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from dinrail.ads.router.learn import RELEASE_HANDLE, Pending
from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import REQUEST_FLAGS as REQUEST
from dinrail.ams.frame import Command, build_frame
from dinrail.units import S_NS

if TYPE_CHECKING:
    from dinrail.ads.router.aliases import Alias
    from dinrail.ads.router.outlet import Outlet

_MAX_JOBS = 0x20000


class Tidy:
    """What is to be taken away by one link. Every request goes in the name of who made what it takes away."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._jobs: deque[tuple[bytes, bytes, Command, bytes]] = deque()
        self._under_way = 0
        self._late_since_ns = 0
        self._late = 0

    def leave(self, alias: Alias) -> None:
        """All that a client left."""
        for key in alias.subscriptions:
            self._put(alias.address, key[:8], Command.DELETE_NOTIFICATION, key[8:])
        for key, times in alias.handles.items():
            for _ in range(times):
                self._put(alias.address, key[:8], Command.WRITE, key[8:])
            self._outlet.forget_handle(key)
        alias.subscriptions.clear()
        alias.handles.clear()

    def unsubscribe(self, address: bytes, device: bytes, handle: bytes) -> None:
        """One notification."""
        self._put(address, device, Command.DELETE_NOTIFICATION, handle)

    def release(self, address: bytes, device: bytes, handle: bytes) -> None:
        """One symbol handle."""
        self._put(address, device, Command.WRITE, handle)

    def late(self, device: bytes, address: bytes, handles: list[bytes]) -> None:
        """Samples keep coming that nobody here asked for: so many a second are deleted, the rest another time."""
        now_ns = self._outlet.router.now_ns()
        if now_ns - self._late_since_ns >= S_NS:
            self._late_since_ns, self._late = now_ns, 0
        for handle in handles[: max(self._outlet.router.limits.late_deletes - self._late, 0)]:
            self._late += 1
            self._put(address, device, Command.DELETE_NOTIFICATION, handle)

    def answered(self) -> None:
        """One is done, or will never be."""
        self._under_way -= 1
        self._pump()

    def clear(self) -> None:
        """The link is gone."""
        self._jobs.clear()

    def _put(self, address: bytes, device: bytes, command: Command, handle: bytes) -> None:
        if self._outlet.is_up and len(self._jobs) < _MAX_JOBS:
            self._jobs.append((address, device, command, handle))
            self._pump()

    def _pump(self) -> None:
        while self._jobs and self._outlet.is_up and self._under_way < self._outlet.router.limits.cleanup_window:
            address, device, command, handle = self._jobs.popleft()
            payload = handle
            if command is Command.WRITE:
                payload = b"".join(n.to_bytes(4, "little") for n in (RELEASE_HANDLE, 0, 4)) + handle
            head = build_frame(device, address, command, REQUEST, 0, payload)[:38]
            self._under_way += 1
            self._outlet.router.counters.cleanups += 1
            if not self._outlet.send_own(Pending(address, AmsAddr(device), head), payload):
                self._under_way -= 1
