"""Run and Config of the whole system, as the system service tells and asks for them.

The control owns the state; the service only asks. Until its channel is there, `StandInState` does what it will do:

    asked for      from     becomes   restart index
    RESET          any      RUN       + 1
    RECONFIG       any      CONFIG    + 1
    RUN            CONFIG   RUN       + 1
    RUN            STOP     RUN       same
    STOP           RUN      STOP      same (in CONFIG there is nothing to stop: 0x712)

Clients poll index group 240: another restart index means that handles and subscriptions are gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dinrail.ads.device.access import Later
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.state import AdsState

SYSTEM_DEVICE_STATE = 1
"""What a TwinCAT system tells as its device state."""
REQUESTS = frozenset((AdsState.RESET, AdsState.RECONFIG, AdsState.RUN, AdsState.STOP))
"""The states that a system can be asked for by WriteControl."""
_MAX_INDEX = 0xFFFF


class SystemState(Protocol):
    """Whoever owns the system's state."""

    @property
    def ads_state(self) -> AdsState: ...

    @property
    def device_state(self) -> int: ...

    @property
    def restart_index(self) -> int:
        """From 0 to 65535; another number each time that everything started anew."""

    def request(self, state: AdsState) -> Later | None:
        """Ask for one of `REQUESTS`; `Later` where that takes its time.

        Raises AdsFault when it is refused; then nothing has changed.
        """


class StandInState:
    """A system that does what it is asked at once.

    changed: told the new state; the wiring lets PLC ports vanish in CONFIG and come back in RUN.
    """

    def __init__(
        self, changed: Callable[[AdsState], None] | None = None, *, ads_state: AdsState = AdsState.RUN
    ) -> None:
        self._changed = changed
        self._ads_state = ads_state
        self._restart_index = 1

    @property
    def ads_state(self) -> AdsState:
        return self._ads_state

    @property
    def device_state(self) -> int:
        return SYSTEM_DEVICE_STATE

    @property
    def restart_index(self) -> int:
        return self._restart_index

    def request(self, state: AdsState) -> None:
        """See SystemState."""
        before = self._ads_state
        if state == AdsState.STOP and before == AdsState.CONFIG:
            raise AdsFault(AdsError.INVALID_STATE, "nothing runs in Config")
        if state not in REQUESTS:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"the system does not go to {state.name}")
        restarts = state in (AdsState.RESET, AdsState.RECONFIG) or (state == AdsState.RUN and before == AdsState.CONFIG)
        goal = {AdsState.RESET: AdsState.RUN, AdsState.RECONFIG: AdsState.CONFIG}.get(state, state)
        if restarts:
            self._restart_index = (self._restart_index + 1) & _MAX_INDEX
        self._ads_state = goal
        if self._changed is not None and (restarts or goal != before):
            self._changed(goal)
