"""Why a source may or may not: the policy evaluated slowly, rule by rule, each with its reason.

Written apart from the permit on purpose: tests hold the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.ads.contract import Action, Origin
from dinrail.ads.policy.glob import INSIDE_MARKS, Glob, fold
from dinrail.ads.policy.policy import DEFAULT_ALLOW, DEFAULT_DENY, IMPLIED, Policy, hidden, memory_area
from dinrail.ads.policy.rule import VALUE_ACTIONS, Rule, within
from dinrail.ams.address import AmsAddr


@dataclass(frozen=True, slots=True)
class Access:
    """One access, as `contract.Permit.allows` takes it: the memory's own group, and names outermost first."""

    action: Action
    group: int = 0
    offset: int = 0
    size_bytes: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule had to say."""

    rule: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is allowed, by which rule (or default), why, and what each rule before it said."""

    allowed: bool
    rule: str
    reason: str
    trail: tuple[Step, ...]


def decide(policy: Policy, origin: Origin, source: AmsAddr, target: AmsAddr, access: Access) -> Verdict:
    """The verdict on one access, with the way to it."""
    trail: list[Step] = []
    if not policy.accepts_source(origin, source.net_id):
        reason = f"{source.net_id} is bound to another place; a frame that claims it from here is dropped"
        return Verdict(False, "binding of NetIds", reason, ())
    for rule in policy.rules:
        miss = _miss_of_source(policy, rule, origin, source, target) or _miss_of_access(policy, rule, target, access)
        trail.append(Step(rule.name, not miss, miss or _hit(rule, access)))
        if not miss:
            return Verdict(rule.allows, rule.name, trail[-1].why, tuple(trail))
    if policy.trusts(origin):
        reason = f"no rule matches, and it is this machine ({origin.via.value})"
        return Verdict(True, DEFAULT_ALLOW, reason, tuple(trail))
    if access.action in policy.implied(origin, source, target):
        reason = "no rule matches, and a rule that allows more implies it"
        return Verdict(True, IMPLIED, reason, tuple(trail))
    return Verdict(False, DEFAULT_DENY, f"no rule matches, and it comes by {origin.via.value}", tuple(trail))


def _miss_of_source(policy: Policy, rule: Rule, origin: Origin, source: AmsAddr, target: AmsAddr) -> str:
    """Why a rule is not about this source and port; empty when it is."""
    if not rule.source.fits(origin):
        return "another source"
    if rule.source.net_ids and source.net_id not in rule.source.net_ids:
        return "another source NetId"
    if rule.source.net_ids and rule.allows and not policy.proves(origin, source.net_id):
        return f"the NetId {source.net_id} is only claimed: nothing binds it to where this comes from"
    if not rule.covers(policy.device(target)):
        return "another target device"
    if not rule.serves(target.port):
        return "another port" if rule.ports else "ports about the machine have to be named"
    return ""


def _miss_of_access(policy: Policy, rule: Rule, target: AmsAddr, access: Access) -> str:
    if access.action not in rule.actions:
        return f"not about {access.action.value}"
    values = access.action in VALUE_ACTIONS
    if rule.groups:
        area = memory_area(access.group)
        near = any(number in span for span in rule.groups for number in (area.first, access.group, area.last))
        near = near or any(area.first <= span.first <= area.last for span in rule.groups)
        careful = near or (values and hidden(access.group))
        if not (within(access.group, rule.groups) if rule.allows else careful):
            return f"not about group {access.group:#x}"
    if not rule.symbols:
        return ""
    globs = [Glob(text) for text in rule.symbols]
    names = [fold(name) for name in access.names]
    if any(glob.matches(name) for glob in globs for name in names):
        return ""
    if rule.allows:
        return "no symbol there fits" if names else "nothing there has a name, and the rule names symbols"
    if not values:
        return "symbols only matter for values"
    if not names:
        return ""
    if access.action is Action.CALL:
        return "no method there fits"
    deepest = [
        one for one in names if not any(other.startswith(tuple(one + m for m in INSIDE_MARKS)) for other in names)
    ]
    holders = [one for one in deepest if any(glob.may_match_inside(one) for glob in globs)]
    return "" if any(policy.has_parts(target, one) for one in holders) else "no symbol there fits"


def _hit(rule: Rule, access: Access) -> str:
    word = "allows" if rule.allows else "denies"
    if not rule.symbols:
        return f"{word} {access.action.value}"
    fitting = [text for text in rule.symbols for name in access.names if Glob(text).matches(fold(name))]
    if fitting:
        return f"{word} {access.action.value} of `{fitting[0]}`"
    if not access.names:
        return f"{word} {access.action.value}: what has no name could be one of its symbols"
    return f"{word} {access.action.value}: {access.names[-1]} could contain one of its symbols"
