"""Presets, guest rules and route rules, by what they let through."""

from __future__ import annotations

import pytest
from build_policy import BOX, OWN, PIN, PLC

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.policy.policy import Policy
from dinrail.ads.policy.presets import Preset, guest_rules, preset_rules, route_grants, route_limits
from dinrail.ads.policy.rule import ALL_ACTIONS, Rule
from dinrail.ams.address import AmsAddr, NetId

LAN = Origin(Via.LAN, "eth0", "192.168.0.7")
LOOKING = {Action.STATE, Action.BROWSE, Action.READ}
GATEWAY = LOOKING | {Action.WRITE, Action.CALL}


def allowed(rules: tuple[Rule, ...], port: int, origin: Origin = LAN, target: NetId = OWN) -> set[Action]:
    """All that these rules let through, of values with the name MAIN.x."""
    permit = Policy(rules, own=OWN).permit(origin, AmsAddr.of(BOX, 1), AmsAddr.of(target, port))
    return {action for action in Action if permit.allows(action, 0x4020, 0, 4, ("MAIN.x",))}


@pytest.mark.parametrize(
    ("preset", "plc", "other", "service"),
    [
        (Preset.NOTHING, set(), set(), set()),
        (Preset.STATE, {Action.STATE}, {Action.STATE}, {Action.STATE}),
        (Preset.READ_ONLY, LOOKING, LOOKING, {Action.STATE}),
        (Preset.GATEWAY, GATEWAY, set(), {Action.STATE}),
        (Preset.FULL, ALL_ACTIONS, ALL_ACTIONS, ALL_ACTIONS),
    ],
)
def test_a_preset_allows_just_what_it_says(
    preset: Preset, plc: set[Action], other: set[Action], service: set[Action]
) -> None:
    """At a PLC's port, at another device's and at the system service's."""
    rules = preset_rules("lan", preset)
    assert (allowed(rules, 851), allowed(rules, 500), allowed(rules, 10000)) == (plc, other, service)


def test_a_guest_has_its_own_symbols_and_no_other_guest_s() -> None:
    """One list reads, the other reads, writes and calls; both bring state and names; another guest has nothing."""
    guest = Origin(Via.HOST_ONLY, "vmnet0", guest="hmi")
    assert allowed(guest_rules("hmi", ("main.*",), ()), 851, guest) == LOOKING
    assert allowed(guest_rules("hmi", (), ("main.*",)), 851, guest) == GATEWAY
    assert allowed(guest_rules("hmi", ("gvl.*",), ()), 851, guest) == {Action.STATE, Action.BROWSE}
    assert allowed(guest_rules("hmi", (), ()), 851, guest) == set()
    assert allowed(guest_rules("hmi", ("*",), ("*",)), 851, Origin(Via.HOST_ONLY, "vmnet1", guest="b")) == set()


def test_a_read_only_route_is_so_for_everyone_but_this_process() -> None:
    """Rules behind the limit open nothing, and other targets are not concerned."""
    rules = (*route_limits("press", PLC), *preset_rules("all", Preset.FULL))
    assert allowed(rules, 851, target=PLC) == LOOKING
    assert allowed(rules, 851, Origin(Via.LOOPBACK, "lo"), PLC) == LOOKING
    assert allowed(rules, 851) == ALL_ACTIONS
    assert allowed(rules, 851, Origin(Via.INSIDE, "inside"), PLC) == ALL_ACTIONS


def test_a_route_s_grants_go_with_its_proof() -> None:
    """With a certificate or key that is the proof; without, the NetId is, and an unbound one proves nothing."""
    pinned = Origin(Via.TLS, "tls", identity=PIN)
    assert allowed(route_grants("a", Preset.GATEWAY, BOX, identity=PIN), 851, pinned) == GATEWAY
    assert allowed(route_grants("a", Preset.GATEWAY, BOX, identity=PIN), 851) == set()
    assert allowed(route_grants("a", Preset.GATEWAY, BOX), 851) == set()
    bound = Origin(Via.LAN, "eth0", "192.168.0.7", net_ids=(BOX,))
    assert allowed(route_grants("a", Preset.GATEWAY, BOX), 851, bound) == GATEWAY
