"""Port 10000 itself: all of its services, the system's state, and what to do now and then."""

from __future__ import annotations

from collections.abc import Callable

from dinrail.ads.contract import Peer, Request
from dinrail.ads.device.access import Later
from dinrail.ads.service.access import ServiceDevice, Services
from dinrail.ads.service.jobs import Jobs
from dinrail.ads.service.state import REQUESTS, SystemState
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.state import AdsState
from dinrail.units import S_NS

NAME = "TwinCAT System"
_CHORES_NS = S_NS


class SystemDevice(ServiceDevice):
    """gone:   told each client that will not come back.
    chores: done every second; what they raise is left for later.
    jobs:   worked at in every tick, as long as there are some.
    """

    def __init__(
        self,
        services: Services,
        state: SystemState,
        *,
        version: tuple[int, int, int],
        gone: Callable[[Peer], None],
        chores: tuple[Callable[[], None], ...] = (),
        jobs: Jobs | None = None,
    ) -> None:
        super().__init__(NAME, services, version)
        self._state_owner = state
        self._gone = gone
        self._chores = chores
        self._jobs = jobs if jobs is not None else Jobs()
        self._chores_due_ns: int | None = 0 if chores else None
        self._follow()

    def control(self, state: int, device_state: int, data: bytes) -> Later | None:
        """Ask whoever owns the state. Clients copy `device_state` from what they read, and `data` from nowhere."""
        del device_state, data
        if state not in REQUESTS:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"the system does not go to state {state}")
        later = self._state_owner.request(AdsState(state))
        self._follow()
        return later

    def request(self, request: Request) -> bytes | None:
        self._follow()
        return super().request(request)

    def peer_gone(self, peer: Peer) -> None:
        super().peer_gone(peer)
        self._gone(peer)

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        self._follow()
        super().tick(monotonic_ns, wall_ns)
        self._jobs.step()
        if self._chores_due_ns is None or monotonic_ns < self._chores_due_ns:
            return
        self._chores_due_ns = monotonic_ns + _CHORES_NS
        for chore in self._chores:
            try:
                chore()
            except AdsFault:
                continue  # a chore says itself what went wrong, and is due again in a second

    def due_ns(self) -> int | None:
        dues = (0 if self._jobs else None, self._chores_due_ns, super().due_ns())
        return min((due for due in dues if due is not None), default=None)

    def _follow(self) -> None:
        self.ads_state = self._state_owner.ads_state.value
        self.device_state = self._state_owner.device_state
