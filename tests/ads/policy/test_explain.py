"""The explanation: every rule's own word, in order, and the deciding one last."""

from __future__ import annotations

from build_policy import BOX, GUEST_ID, ORIGINS, OWN, policy, source_of

from dinrail.ads.contract import Action
from dinrail.ads.policy.explain import Access, decide
from dinrail.ams.address import AmsAddr

PLC_PORT = AmsAddr.of(OWN, 851)


def reasons(who: str, access: Access) -> dict[str, str]:
    verdict = decide(policy(), ORIGINS[who], source_of(ORIGINS[who]), PLC_PORT, access)
    return {step.rule: step.why for step in verdict.trail} | {"verdict": verdict.reason}


def test_each_rule_says_why_it_does_not_match() -> None:
    """Target, source, action, symbol: the reason is the first that fails."""
    told = reasons("guest", Access(Action.READ, 0x4040, 0, 2, ("OTHER.x",)))
    assert told == {
        "route press: read-only": "another target device",
        "no safety": "no symbol there fits",
        "no outputs": "another source",
        "flags": "another source",
        "office": "another source",
        "service": "another source",
        "pinned": "another source",
        "guest hmi: write": "no symbol there fits",
        "guest hmi: read": "no symbol there fits",
        "route box": "another source NetId",
        "verdict": "no rule matches, and it comes by host-only",
    }


def test_a_careful_refusal_says_what_it_fears() -> None:
    """A nameless access and a container are told apart."""
    assert "has no name" in reasons("guest", Access(Action.READ, 0x4040))["verdict"]
    inside = reasons("guest", Access(Action.READ, 0x4040, 0, 16, ("MAIN.axis",)))["verdict"]
    assert inside == "denies read: MAIN.axis could contain one of its symbols"


def test_the_symbol_that_decides_is_named() -> None:
    """With its pattern as the rule has it."""
    told = reasons("guest", Access(Action.WRITE, 0x4040, 0, 2, ("GVL_HMI.set",)))
    assert told["verdict"] == "allows write of `GVL_HMI.*`"


def test_the_trail_ends_with_the_deciding_rule() -> None:
    """Rules behind it are not asked."""
    verdict = decide(policy(), ORIGINS["office"], source_of(ORIGINS["office"]), PLC_PORT, Access(Action.READ, 0x4020))
    assert [step.matched for step in verdict.trail] == [False] * (len(verdict.trail) - 1) + [True]
    assert verdict.trail[-1].rule == verdict.rule


def test_a_net_id_of_another_place_is_told_before_any_rule() -> None:
    """The router drops such frames, and the explanation says so."""
    verdict = decide(policy(), ORIGINS["lan"], AmsAddr.of(GUEST_ID, 1), PLC_PORT, Access(Action.STATE))
    assert (verdict.allowed, verdict.rule, verdict.trail) == (False, "binding of NetIds", ())
    claimed = decide(policy(), ORIGINS["loopback"], AmsAddr.of(BOX, 1), PLC_PORT, Access(Action.STATE))
    assert not claimed.allowed
