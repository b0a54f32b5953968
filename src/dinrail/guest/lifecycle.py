"""A guest's life as one table: everything that decides what may happen next is in this file.

    defined --claim--> claiming --claimed--> starting --up--> running --stop--> stopping
       ^                  |                     |                |                 |
       |                  +------ failed -------+             exited/died        exited/died
       |                  v                                      v                 v
       +---- settle ---- crashed / stopped <---------------------+-----------------+

`stopped` and `crashed` guests may still hold what their start claimed; `settle` gives it back. A guest that settled is
only a definition again.
"""

from __future__ import annotations

import enum
from types import MappingProxyType

from dinrail.errors import Refused


class State(enum.StrEnum):
    """Where in its life a guest is."""

    DEFINED = "defined"  # nothing runs, nothing is held
    CLAIMING = "claiming"  # devices are being taken for it
    STARTING = "starting"  # its hypervisor is being started
    RUNNING = "running"
    STOPPING = "stopping"  # it was asked to end
    STOPPED = "stopped"  # it ended because somebody wanted that
    CRASHED = "crashed"  # it ended otherwise, or its start was cut short


class Event(enum.StrEnum):
    """What can happen to a guest."""

    CLAIM = "claim"
    CLAIMED = "claimed"
    UP = "up"
    STOP = "stop"
    EXITED = "exited"  # with status 0
    DIED = "died"  # any other way
    FAILED = "failed"  # a start that did not succeed and was taken back
    SETTLE = "settle"


_S, _E = State, Event

TRANSITIONS = MappingProxyType(
    {
        (_S.DEFINED, _E.CLAIM): _S.CLAIMING,
        (_S.CLAIMING, _E.CLAIMED): _S.STARTING,
        (_S.CLAIMING, _E.FAILED): _S.DEFINED,
        (_S.CLAIMING, _E.DIED): _S.CRASHED,
        (_S.STARTING, _E.UP): _S.RUNNING,
        (_S.STARTING, _E.STOP): _S.STOPPING,
        (_S.STARTING, _E.FAILED): _S.DEFINED,
        (_S.STARTING, _E.EXITED): _S.STOPPED,
        (_S.STARTING, _E.DIED): _S.CRASHED,
        (_S.RUNNING, _E.STOP): _S.STOPPING,
        (_S.RUNNING, _E.EXITED): _S.STOPPED,
        (_S.RUNNING, _E.DIED): _S.CRASHED,
        (_S.STOPPING, _E.STOP): _S.STOPPING,
        (_S.STOPPING, _E.EXITED): _S.STOPPED,
        (_S.STOPPING, _E.DIED): _S.STOPPED,  # killed because somebody asked for its end
        (_S.STOPPED, _E.SETTLE): _S.DEFINED,
        (_S.CRASHED, _E.SETTLE): _S.DEFINED,
    }
)

ALIVE = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
"""States in which a hypervisor process may exist."""

ENDED = frozenset({State.STOPPED, State.CRASHED})

_WAY_OUT = MappingProxyType(
    {
        State.DEFINED: "dinrail guest start {name}",
        State.CLAIMING: "wait for the start under way",
        State.STARTING: "wait for the start under way, or: dinrail guest kill {name}",
        State.RUNNING: "dinrail guest stop {name}",
        State.STOPPING: "wait, or: dinrail guest kill {name}",
        State.STOPPED: "dinrail guest stop {name} (gives back what it held)",
        State.CRASHED: "dinrail guest stop {name} (gives back what it held)",
    }
)


def after(name: str, state: State, event: Event) -> State:
    """The state after this event. Raises Refused, naming the state, for an event that cannot happen in it."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        allowed = frozenset(source for source, known in TRANSITIONS if known is event)
        raise _refused(name, state, str(event), allowed)
    return found


def require(name: str, state: State, *allowed: State, to: str) -> None:
    """Go on only in one of the allowed states. `to`: what is wanted, as `stop`. Raises Refused with both states."""
    if state not in allowed:
        raise _refused(name, state, to, frozenset(allowed))


def _refused(name: str, state: State, wish: str, allowed: frozenset[State]) -> Refused:
    return Refused(
        f"the guest is {state}",
        where=f"guest {name}",
        why=f"to {wish} it has to be {' or '.join(sorted(allowed))}",
        hint=_WAY_OUT[state].format(name=name),
    )
