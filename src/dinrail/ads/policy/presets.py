"""Rules that nobody should have to write out: presets, and what follows from guests and routes."""

from __future__ import annotations

import enum

from dinrail.ads.contract import Action
from dinrail.ads.policy.rule import ALL_ACTIONS, ANYONE, Effect, Rule, SourceMatch, Span
from dinrail.ams.address import MAX_PORT, NetId

PLC_PORTS = (Span(800, 899),)
"""TwinCAT 2 and 3 runtimes."""
ALL_PORTS = (Span(0, MAX_PORT),)

_LOOKING = frozenset((Action.STATE, Action.BROWSE, Action.READ))
_GATEWAY = _LOOKING | {Action.WRITE, Action.CALL}


class Preset(enum.StrEnum):
    """What a source may do, in one word.

    NOTHING:   nothing at all.
    STATE:     ask for state and device info: what a unidirectional route lets its other end do.
    READ_ONLY: look at everything, change nothing; of the machine's own ports only their state.
    GATEWAY:   read, write and call at PLC ports: an OPC UA server, an HMI, a historian.
    FULL:      everything, at every port.
    """

    NOTHING = "nothing"
    STATE = "state"
    READ_ONLY = "read-only"
    GATEWAY = "gateway"
    FULL = "full"


_PRESETS: dict[Preset, tuple[frozenset[Action], tuple[Span, ...]] | None] = {
    Preset.NOTHING: None,
    Preset.STATE: (frozenset((Action.STATE,)), ALL_PORTS),
    Preset.READ_ONLY: (_LOOKING, ()),
    Preset.GATEWAY: (_GATEWAY, PLC_PORTS),
    Preset.FULL: (ALL_ACTIONS, ALL_PORTS),
}


def preset_rules(
    name: str, preset: Preset, source: SourceMatch = ANYONE, targets: tuple[NetId, ...] = ()
) -> tuple[Rule, ...]:
    """The allowing rules behind a preset, for one source; NOTHING has none."""
    meaning = _PRESETS[preset]
    if meaning is None:
        return ()
    actions, ports = meaning
    return (Rule(name, Effect.ALLOW, source, targets, ports, actions),)


def guest_rules(name: str, read: tuple[str, ...], write: tuple[str, ...]) -> tuple[Rule, ...]:
    """All that a guest may do to the control, from the symbol patterns of `[guest.NAME].ads`.

    What it may write it may read as well, and call: a panel that sets a value and cannot show it helps nobody.
    """
    source = SourceMatch(guests=(name,))
    values = frozenset((Action.READ, Action.WRITE, Action.CALL))
    rules: tuple[Rule, ...] = ()
    if write:
        rules = (Rule(f"guest {name}: write", Effect.ALLOW, source, (), PLC_PORTS, values, (), write),)
    if read:
        reading = frozenset((Action.READ,))
        rules += (Rule(f"guest {name}: read", Effect.ALLOW, source, (), PLC_PORTS, reading, (), read),)
    return rules


def route_limits(name: str, net_id: NetId) -> tuple[Rule, ...]:
    """A read-only route: what lies behind it is looked at and never changed, whatever other rules say.

    Stands before all other rules. Only this process itself (INSIDE) is not bound by it.
    """
    changing = ALL_ACTIONS - _LOOKING
    return (Rule(f"route {name}: read-only", Effect.DENY, ANYONE, (net_id,), (), changing),)


def route_grants(name: str, grants: Preset, net_id: NetId, *, identity: str = "") -> tuple[Rule, ...]:
    """What the other end of a route may do here: by its certificate or key where it has one, else by its NetId, which
    is believed from its own address only (`Policy.bound`).
    """
    source = SourceMatch(identities=(identity,)) if identity else SourceMatch(net_ids=(net_id,))
    return preset_rules(f"route {name}", grants, source)
