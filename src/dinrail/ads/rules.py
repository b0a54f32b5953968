"""The settings' policy: limits of routes, the user's rules, guests, and what routes and brokers are granted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dinrail.ads.contract import Via
from dinrail.ads.policy.policy import Bound, Policy, unknown_parts
from dinrail.ads.policy.presets import Preset, guest_rules, preset_rules, route_grants, route_limits
from dinrail.ads.policy.refusals import Refusal, silent
from dinrail.ads.policy.rule import Rule, SourceMatch, parse_address, parse_network
from dinrail.ads.router.routes import Transport
from dinrail.ads.settings import AdsSettings, RouteSetting
from dinrail.ams.address import AmsAddr, NetId


def rules_of(settings: AdsSettings, added: Iterable[RouteSetting] = ()) -> tuple[Rule, ...]:
    """All rules in the order in which they are asked.

    A read-only route's limit comes first, so that no rule opens it; grants come last, so that the user's rules and
    denials have the word before them.
    """
    routes = (*settings.routes, *added)
    limits = [rule for one in routes if one.route.read_only for rule in route_limits(one.route.name, one.route.net_id)]
    guests = [rule for guest in settings.guests for rule in guest_rules(guest.name, guest.read, guest.write)]
    grants = [rule for one in routes for rule in _grants(one)]
    for broker in settings.brokers:
        source = SourceMatch(via=frozenset((Via.MQTT,)), listeners=(broker.name,))
        grants += preset_rules(f"broker {broker.name}", _narrowed(broker.grants, broker.unidirectional), source)
    return (*limits, *settings.rules, *guests, *grants)


def _grants(one: RouteSetting) -> tuple[Rule, ...]:
    grants = _narrowed(one.grants, one.route.unidirectional)
    return route_grants(one.route.name, grants, one.route.net_id, identity=one.identity)


def _narrowed(grants: Preset, unidirectional: bool) -> Preset:
    """Unidirectional: answers, notifications and ReadState come from there, whatever else was granted."""
    return Preset.STATE if unidirectional else grants


def bindings_of(settings: AdsSettings, added: Iterable[RouteSetting] = ()) -> dict[NetId, Bound]:
    """A guest's NetId is believed from its own network only, and each route's from its own end: its certificate or key,
    its broker, or its address.

    A route whose host is a name is bound to nothing: what a name server says proves nobody.
    """
    guests = {door.net_id: Bound(guest=door.guest) for door in settings.listen if door.net_id is not None}
    bound: dict[NetId, Bound] = {}
    for one in (*settings.routes, *added):
        address = parse_address(one.route.host)
        if one.route.transport is Transport.MQTT:
            bound[one.route.net_id] = Bound(identity=f"mqtt:{one.route.host}/{one.route.net_id}")
        elif one.identity:
            bound[one.route.net_id] = Bound(identity=one.identity)
        elif address is not None:
            bound[one.route.net_id] = Bound(networks=(parse_network(str(address)),))
    return bound | guests


def policy_of(
    settings: AdsSettings,
    own: NetId,
    *,
    added: Iterable[RouteSetting] = (),
    has_parts: Callable[[AmsAddr, str], bool] | None = None,
    on_refusal: Callable[[Refusal], None] = silent,
) -> Policy:
    """The policy for these settings. `added`: routes that were added at run time."""
    more = tuple(added)
    return Policy(
        rules_of(settings, more),
        bindings_of(settings, more),
        own=own,
        local_networks=settings.local_networks,
        browse=settings.browse,
        has_parts=has_parts or unknown_parts,
        on_refusal=on_refusal,
    )
