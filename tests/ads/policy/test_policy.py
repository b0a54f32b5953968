"""Who may do what: a table of cases, and what holds for any rules."""

from __future__ import annotations

import pytest
from build_policy import (
    ANY_GROUP,
    ANY_NAMES,
    ANY_RULE,
    BOUND,
    BOX,
    GUEST_ID,
    ORIGINS,
    OWN,
    PLC,
    STRANGER_ID,
    policy,
    source_of,
)
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import INSIDE, Action, Origin, Permit, Via
from dinrail.ads.policy.explain import Access, decide
from dinrail.ads.policy.policy import DEFAULT_ALLOW, DEFAULT_DENY, IMPLIED, MAX_DECIDED, Policy
from dinrail.ads.policy.refusals import Refusal
from dinrail.ads.policy.rule import ALL_ACTIONS, Effect, Rule, SourceMatch, Span, parse_network
from dinrail.ams.address import LOOPBACK_NET_ID, AmsAddr, NetId

R, W, C = Action.READ, Action.WRITE, Action.CALL
S, B, K, A = Action.STATE, Action.BROWSE, Action.CONTROL, Action.ADMIN
G_READ, G_WRITE = "guest hmi: read", "guest hmi: write"

CASES: list[tuple[str, Action, int, int, tuple[str, ...], bool, str]] = [
    # source, action, port (negative: at the read-only route), group, names, allowed, by
    ("inside", A, 10000, 500, (), True, DEFAULT_ALLOW),
    ("inside", W, -851, 0x4020, (), True, DEFAULT_ALLOW),
    ("loopback", W, 851, 0x4020, (), True, DEFAULT_ALLOW),
    ("loopback", K, 10000, 0, (), True, DEFAULT_ALLOW),
    ("loopback", R, -851, 0x4020, (), True, DEFAULT_ALLOW),
    ("loopback", W, -851, 0x4020, (), False, "route press: read-only"),
    ("loopback", K, -10000, 0, (), False, "route press: read-only"),
    ("guest", R, 851, 0x4040, ("MAIN.x",), True, G_READ),
    ("guest", R, 851, 0x4040, ("main.X",), True, G_READ),
    ("guest", R, 851, 0x4040, ("MAIN.st", "MAIN.st.a"), True, G_READ),
    ("guest", R, 851, 0x4040, ("OTHER.x",), False, DEFAULT_DENY),
    ("guest", R, 851, 0x4040, (), False, "no safety"),
    ("guest", R, 851, 0x4040, ("MAIN.axis.limit",), False, "no safety"),
    ("guest", R, 851, 0x4040, ("MAIN.axis",), False, "no safety"),
    ("guest", R, 851, 0x4040, ("MAIN.axis", "MAIN.axis.pos"), True, G_READ),
    ("guest", R, 851, 0x4040, ("MAIN.axis", "MAIN.x"), False, "no safety"),
    ("guest", R, 851, 0x4040, ("MAIN.plate", "MAIN.plate.safety"), False, "no safety"),
    ("guest", W, 851, 0x4040, ("MAIN.x",), False, DEFAULT_DENY),
    ("guest", W, 851, 0x4040, ("GVL_HMI.set",), True, G_WRITE),
    ("guest", R, 851, 0x4040, ("GVL_HMI.set",), True, G_WRITE),
    ("guest", C, 851, 0xF005, ("MAIN.x",), False, DEFAULT_DENY),
    ("guest", S, 851, 0, (), True, IMPLIED),
    ("guest", B, 851, 0xF00B, (), True, IMPLIED),
    ("guest", B, 851, 0xF003, ("GVL.x",), True, IMPLIED),
    ("guest", B, 851, 0xF009, ("GVL.safety",), False, "no safety"),
    ("guest", K, 851, 0, (), False, DEFAULT_DENY),
    ("guest", S, 10000, 240, (), True, IMPLIED),
    ("guest", B, 10000, 803, (), False, DEFAULT_DENY),
    ("guest", A, 10000, 120, (), False, DEFAULT_DENY),
    ("guest", W, 500, 0x4000, ("GVL_HMI.set",), False, DEFAULT_DENY),
    ("guest", S, 500, 0, (), False, DEFAULT_DENY),
    ("other guest", R, 851, 0x4040, ("MAIN.x",), False, DEFAULT_DENY),
    ("other guest", S, 851, 0, (), False, DEFAULT_DENY),
    ("other guest", S, 10000, 240, (), False, DEFAULT_DENY),
    ("lan", R, 851, 0x4020, ("MAIN.x",), False, DEFAULT_DENY),
    ("lan", S, 851, 0, (), False, DEFAULT_DENY),
    ("office", R, 851, 0x4020, ("MAIN.x",), True, "flags"),
    ("office", W, 851, 0x4021, ("MAIN.x",), True, "flags"),
    ("office", W, 851, 0x4040, ("MAIN.x",), False, DEFAULT_DENY),
    ("office", R, 851, 0x4040, ("MAIN.x",), True, "office"),
    ("office", R, 851, 0xF031, ("MAIN.x",), False, "no outputs"),
    ("office", R, 851, 0xF005, ("MAIN.x",), False, "no outputs"),
    ("office", R, 851, 0xF082, ("MAIN.x",), False, "no outputs"),
    ("office", R, -851, 0x4040, ("MAIN.x",), True, "office"),
    ("office", S, 10000, 240, (), True, IMPLIED),
    ("office", A, 10000, 120, (), False, DEFAULT_DENY),
    ("box", S, 851, 0, (), False, DEFAULT_DENY),
    ("pinned", W, 851, 0x4040, ("MAIN.x",), True, "pinned"),
    ("pinned", W, -851, 0x4040, ("MAIN.x",), False, "route press: read-only"),
    ("pinned", W, 851, 0x4040, (), False, "no safety"),
    ("pinned", C, 851, 0xF005, ("MAIN.axis", "MAIN.axis#Stop"), True, "pinned"),
    ("pinned", C, 851, 0xF005, ("MAIN.axis", "MAIN.axis.safety"), False, "no safety"),
    ("pinned", C, 851, 0xF005, (), False, "no safety"),
    ("pinned", A, 10000, 120, (), True, "service"),
    ("pinned", K, 10000, 0, (), False, DEFAULT_DENY),
    ("pinned", A, 1, 0, (), False, DEFAULT_DENY),
    ("unpinned", R, 851, 0x4040, ("MAIN.x",), False, DEFAULT_DENY),
    ("mqtt", R, 851, 0x4040, ("MAIN.x",), False, DEFAULT_DENY),
]


@pytest.mark.parametrize(("who", "action", "port", "group", "names", "allowed", "rule"), CASES)
def test_the_table(
    who: str, action: Action, port: int, group: int, names: tuple[str, ...], allowed: bool, rule: str
) -> None:
    """Each case is decided as the table says, by the rule that it names, in the permit and in the explanation."""
    judge, origin = policy(), ORIGINS[who]
    target = AmsAddr.of(PLC if port < 0 else OWN, abs(port))
    verdict = decide(judge, origin, source_of(origin), target, Access(action, group, 0, 4, names))
    assert (verdict.allowed, verdict.rule) == (allowed, rule)
    assert verdict.reason
    permit: Permit = judge.permit(origin, source_of(origin), target)
    assert [permit.would_allow(action, group, 0, 4, names) for _ in range(2)] == [allowed] * 2
    assert not judge.refusals.totals
    assert [permit.allows(action, group, 0, 4, names) for _ in range(2)] == [allowed] * 2
    assert dict(judge.refusals.totals) == ({} if allowed else {rule: 2})


@given(
    st.lists(ANY_RULE, max_size=5),
    st.sampled_from(sorted(ORIGINS)),
    st.sampled_from((STRANGER_ID, BOX, GUEST_ID)),
    st.sampled_from((OWN, PLC, LOOPBACK_NET_ID)),
    st.sampled_from((851, 500, 10000)),
    st.sampled_from(Action),
    ANY_GROUP,
    ANY_NAMES,
    st.booleans(),
)
def test_the_permit_decides_as_the_slow_reading_of_the_rules(
    rules: list[Rule],
    who: str,
    net_id: NetId,
    target: NetId,
    port: int,
    action: Action,
    group: int,
    names: tuple[str, ...],
    browse: bool,
) -> None:
    """What was sorted once gives the same answer as each rule read in order."""
    judge, origin = policy(tuple(rules), browse=browse), ORIGINS[who]
    source, asked = AmsAddr.of(net_id, 30000), AmsAddr.of(target, port)
    if not judge.accepts_source(origin, net_id):
        assert not decide(judge, origin, source, asked, Access(action)).allowed
        return
    verdict = decide(judge, origin, source, asked, Access(action, group, 0, 4, names))
    assert judge.permit(origin, source, asked).allows(action, group, 0, 4, names) is verdict.allowed
    decided = [step for step in verdict.trail if step.matched]
    assert [step.rule for step in decided] == ([verdict.rule] if decided else [])


@given(st.lists(ANY_RULE, max_size=4), st.sampled_from(sorted(ORIGINS)), st.sampled_from(Action), ANY_GROUP, ANY_NAMES)
def test_a_denying_rule_beats_every_later_one(
    rules: list[Rule], who: str, action: Action, group: int, names: tuple[str, ...]
) -> None:
    """Nothing behind a rule that denies everything opens anything, not even what other rules imply."""
    source = SourceMatch(via=frozenset((ORIGINS[who].via,)))
    judge = policy((Rule("shut", Effect.DENY, source), *rules))
    permit = judge.permit(ORIGINS[who], source_of(ORIGINS[who]), AmsAddr.of(OWN, 851))
    assert not permit.allows(action, group, 0, 4, names)


def test_the_other_end_of_a_route_is_believed_from_its_address_only() -> None:
    """The same NetId gets its route's rights from its own address, and is dropped from any other."""
    judge, target = policy(), AmsAddr.of(OWN, 851)
    source = AmsAddr.of(BOX, 851)
    assert judge.accepts_source(ORIGINS["box"], BOX)
    assert judge.permit(ORIGINS["box"], source, target).allows(S, 0, 0, 0)
    assert not judge.permit(ORIGINS["box"], source, target).allows(R, 0x4020, 0, 4)
    assert not judge.accepts_source(ORIGINS["lan"], BOX)
    assert not judge.accepts_source(Origin(Via.HOST_ONLY, "vmnet0", ORIGINS["box"].address, guest="hmi"), BOX)
    assert not judge.permit(ORIGINS["lan"], source, target).allows(S, 0, 0, 0)


def test_a_net_id_alone_allows_nothing_and_denies() -> None:
    """A rule about a NetId that is bound to nothing opens no door, and shuts one."""
    target, source = AmsAddr.of(OWN, 851), AmsAddr.of(STRANGER_ID, 1)
    claim = SourceMatch(net_ids=(STRANGER_ID,))
    opened = policy((Rule("open", Effect.ALLOW, claim),))
    assert not opened.permit(ORIGINS["lan"], source, target).allows(R, 0x4020, 0, 4)
    shut = policy((Rule("shut", Effect.DENY, claim), Rule("open", Effect.ALLOW)))
    assert not shut.permit(ORIGINS["lan"], source, target).allows(R, 0x4020, 0, 4)
    assert shut.permit(ORIGINS["lan"], AmsAddr.of(PLC, 1), target).allows(R, 0x4020, 0, 4)


@pytest.mark.parametrize(
    ("who", "net_id", "believed"),
    [
        ("guest", GUEST_ID, True),
        ("guest", STRANGER_ID, False),  # its link is bound to one NetId
        ("other guest", GUEST_ID, False),
        ("lan", GUEST_ID, False),
        ("loopback", GUEST_ID, False),
        ("loopback", OWN, True),
        ("loopback", LOOPBACK_NET_ID, True),
        ("lan", OWN, False),
        ("lan", LOOPBACK_NET_ID, False),
        ("lan", STRANGER_ID, True),
        ("inside", PLC, True),
    ],
)
def test_a_net_id_is_believed_from_its_own_place(who: str, net_id: NetId, believed: bool) -> None:
    """Ours from this machine, a guest's from its network, a route's from its address; unbound ones from anywhere."""
    assert policy().accepts_source(ORIGINS[who], net_id) is believed


def test_browsing_can_be_switched_off() -> None:
    """Without `browse`, reading implies the state and no names."""
    permit = policy(browse=False).permit(ORIGINS["guest"], AmsAddr.of(GUEST_ID, 1), AmsAddr.of(OWN, 851))
    assert not permit.allows(B, 0xF00B, 0, 4)
    assert permit.allows(S, 0, 0, 0)


def test_a_scalar_is_not_held_for_a_container_when_its_symbols_are_known() -> None:
    """`*.safety` could lie within anything: without knowledge that denies every value, with it only containers."""
    target, source = AmsAddr.of(OWN, 851), AmsAddr.of(GUEST_ID, 1)
    known, unknown = policy(), Policy(policy().rules, BOUND, own=OWN)
    assert known.permit(ORIGINS["guest"], source, target).allows(R, 0x4040, 0, 2, ("MAIN.x",))
    assert not known.permit(ORIGINS["guest"], source, target).allows(R, 0x4040, 0, 2, ("MAIN.box",))
    assert not unknown.permit(ORIGINS["guest"], source, target).allows(R, 0x4040, 0, 2, ("MAIN.x",))


def test_names_are_only_wanted_where_rules_have_symbols() -> None:
    """`by_symbol` spares the search for names in all other cases."""
    judge, target = policy(), AmsAddr.of(OWN, 851)
    assert judge.permit(ORIGINS["guest"], AmsAddr.of(GUEST_ID, 1), target).by_symbol
    assert not judge.permit(ORIGINS["loopback"], AmsAddr.of(OWN, 1), target).by_symbol
    assert not judge.permit(INSIDE, AmsAddr.of(OWN, 1), target).by_symbol


@pytest.mark.parametrize("group", [0x4020, 0x4021, 0xF005, 0xF081])
def test_a_denied_area_is_denied_by_its_bits_too(group: int) -> None:
    """Bytes and bits of one memory are one area, and what may hide it counts as it."""
    judge = policy((Rule("no flags", Effect.DENY, groups=(Span(0x4020, 0x4020),)),))
    permit = judge.permit(ORIGINS["loopback"], AmsAddr.of(OWN, 1), AmsAddr.of(OWN, 851))
    assert not permit.allows(R, group, 0, 1)
    assert permit.allows(R, 0x4040, 0, 1)


def test_a_refusal_says_who_what_and_why() -> None:
    """The one line for the log has source, action, symbol, target and rule."""
    told: list[Refusal] = []
    judge = Policy((), on_refusal=told.append)
    judge.permit(ORIGINS["lan"], AmsAddr.of(STRANGER_ID, 7), AmsAddr.of(OWN, 851)).allows(W, 0x4020, 8, 4, ("MAIN.x",))
    assert str(told[0]) == (
        "192.168.0.7 (1.1.1.1.1.1:7): write of MAIN.x at 5.1.2.3.1.1:851 refused by default: nothing without a rule"
    )


def test_only_sources_that_some_rule_allows_are_known() -> None:
    """Whoever no rule could allow anything is a stranger."""
    judge = policy()
    known = {who for who, origin in ORIGINS.items() if judge.knows(origin)}
    assert known == {"inside", "loopback", "guest", "office", "pinned", "box"}


def test_a_rule_without_a_name_refuses_like_any_other() -> None:
    """An empty name is a name."""
    judge = policy((Rule("", Effect.DENY, symbols=("MAIN.x",)), Rule("all", Effect.ALLOW)))
    permit = judge.permit(ORIGINS["lan"], AmsAddr.of(STRANGER_ID, 1), AmsAddr.of(OWN, 851))
    assert not permit.allows(R, 0x4040, 0, 2, ("MAIN.x",))
    assert not permit.allows(R, 0x4040, 0, 2, ("MAIN.x",))
    assert permit.allows(R, 0x4040, 0, 2, ("GVL_HMI.set",))


def test_what_was_decided_once_is_decided_the_same_again_and_counted_again() -> None:
    """A permit remembers, within bounds, and every refusal counts all the same."""
    judge = policy()
    permit = judge.permit(ORIGINS["guest"], AmsAddr.of(GUEST_ID, 1), AmsAddr.of(OWN, 851))
    for number in range(3 * MAX_DECIDED):
        for _ in range(2):
            assert not permit.allows(R, 0x4040, 0, 2, (f"ELSE.x{number}",))
            assert permit.allows(R, 0x4040, 0, 2, ("MAIN.x",))
    assert not permit.allows(R, 0x4040, 0, 2, ("x" * 10_000_000,))
    assert sum(judge.refusals.totals.values()) == 6 * MAX_DECIDED + 1


def test_a_container_is_this_machine_and_a_guest_with_its_address_is_not() -> None:
    """Local networks count for the LAN's door only: a guest may send any source address."""
    judge = Policy((), BOUND, own=OWN, local_networks=(parse_network("172.17.0.0/16"),))
    container = Origin(Via.LAN, "eth0", "172.17.3.4")
    target = AmsAddr.of(OWN, 10000)
    assert judge.permit(container, AmsAddr.of(OWN, 1), target).allows(A, 500, 0, 0)
    assert judge.accepts_source(container, OWN)
    assert judge.knows(container)
    assert not judge.accepts_source(container, GUEST_ID)
    assert decide(judge, container, AmsAddr.of(OWN, 1), target, Access(A)).rule == DEFAULT_ALLOW
    for other in (
        Origin(Via.LAN, "eth0", "172.18.3.4"),
        Origin(Via.LAN, "eth0", "not an address"),
        Origin(Via.HOST_ONLY, "vmnet0", "172.17.3.4", guest="hmi"),
        Origin(Via.TLS, "tls", "172.17.3.4"),
    ):
        assert not judge.permit(other, AmsAddr.of(STRANGER_ID, 1), target).allows(A, 500, 0, 0)
        assert not judge.accepts_source(other, OWN)


def test_every_action_is_open_to_this_machine() -> None:
    """No default stands in the way of INSIDE and LOOPBACK."""
    judge = Policy()
    for who in ("inside", "loopback"):
        permit = judge.permit(ORIGINS[who], AmsAddr.of(OWN, 1), AmsAddr.of(OWN, 10000))
        assert all(permit.allows(action, 0, 0, 0) for action in ALL_ACTIONS)
