"""The policy: ordered rules, what holds without any, and to whom a NetId belongs.

The first rule that matches decides. When none does:

    INSIDE, LOOPBACK           everything, also for `local_networks` (what the system service refuses, it refuses them)
    HOST_ONLY, LAN, TLS, MQTT  nothing, but whoever may read, write or call at a port may ask for its state, and
                               (`browse`) for its symbols; and whoever may do so at any port of a device may ask the
                               ports about the machine for theirs (the time is among it)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.policy.glob import INSIDE_MARKS, Glob, fold
from dinrail.ads.policy.refusals import Refusal, Refusals, silent
from dinrail.ads.policy.rule import SYSTEM_PORTS, VALUE_ACTIONS, Network, Rule, Span, parse_address, within
from dinrail.ams.address import LOOPBACK_NET_ID, AmsAddr, NetId

DEFAULT_ALLOW = "default: this machine"
DEFAULT_DENY = "default: nothing without a rule"
IMPLIED = "default: state and names of what may be used"

MAX_DECIDED = 1024
"""Decisions that one permit remembers: symbols that somebody reads again and again."""
MAX_DECIDED_CHARACTERS = 512

TRUSTED = frozenset((Via.INSIDE, Via.LOOPBACK))
_OPAQUE_GROUPS = (Span(0xF000, 0xF01F), Span(0xF060, 0xF060), Span(0xF080, 0xF086))
"""Groups behind which any memory may lie: by name, by handle, by pointer, in sums."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The one place from where a NetId is believed. `local`: this machine. Any of those given is enough."""

    guest: str = ""
    identity: str = ""
    networks: tuple[Network, ...] = ()
    local: bool = False

    def holds(self, origin: Origin, *, trusted: bool) -> bool:
        """Whether this origin may call itself so. trusted: it is this machine."""
        if trusted:
            # A route may lead to a simulated device on this machine; else no program here takes another's NetId.
            return self.local or origin.via is Via.INSIDE or self._is_near(origin)
        if self.guest and origin.guest == self.guest:
            return True
        if self.identity and origin.identity == self.identity:
            return True
        return self._is_near(origin)

    def _is_near(self, origin: Origin) -> bool:
        # A guest may send any source address.
        address = parse_address(origin.address) if self.networks and not origin.guest else None
        return address is not None and any(address in network for network in self.networks)


def memory_area(group: int) -> Span:
    """All groups that show the same memory as this one: bytes and bits, inputs and outputs by bit number."""
    if 0x4000 <= group <= 0x40FF:
        return Span(group & ~1, group | 1)
    if 0xF020 <= group <= 0xF03F:
        return Span(group & ~0xF, group | 0xF)
    return Span(group, group)


def hidden(group: int) -> bool:
    """Whether the number says nothing about which memory is meant."""
    return within(group, _OPAQUE_GROUPS)


def innermost(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that hold none of the others. Usually one; symbols that lie over each other each have theirs."""
    return tuple(name for name in names if not any(_holds(name, other) for other in names))


def _holds(name: str, other: str) -> bool:
    return len(other) > len(name) and other.startswith(name) and other[len(name)] in INSIDE_MARKS


class _Test:
    """One rule, ready to be asked many times about accesses of one source at one port."""

    __slots__ = ("allows", "always", "globs", "groups", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule.name
        self.allows = rule.allows
        self.groups = rule.groups
        self.globs = tuple(Glob(text) for text in rule.symbols)
        self.always = not rule.groups and not rule.symbols

    def matches(self, action: Action, group: int, names: tuple[str, ...], has_parts: Callable[[str], bool]) -> bool:
        """Whether it decides. `names` are folded; `has_parts` says of one whether anything is within it."""
        if self.allows:
            if self.groups and not within(group, self.groups):
                return False
            return not self.globs or any(glob.matches(name) for glob in self.globs for name in names)
        if self.groups and not self._may_touch(action, group):
            return False
        return not self.globs or self._may_concern(action, names, has_parts)

    def _may_touch(self, action: Action, group: int) -> bool:
        if action in VALUE_ACTIONS and hidden(group):
            return True
        area = memory_area(group)
        return any(span.first <= area.last and area.first <= span.last for span in self.groups)

    def _may_concern(self, action: Action, names: tuple[str, ...], has_parts: Callable[[str], bool]) -> bool:
        if any(glob.matches(name) for glob in self.globs for name in names):
            return True
        if action not in VALUE_ACTIONS:
            return False  # names alone are no values, and a state has none
        if not names:
            return True
        if action is Action.CALL:
            return False  # a method is none of the values beside it
        return any(
            has_parts(name) for name in innermost(names) if any(glob.may_match_inside(name) for glob in self.globs)
        )


class SourcePermit:
    """A `contract.Permit`: the rules for one source at one port, sorted by action once."""

    __slots__ = (
        "_decided",
        "_implied",
        "_open",
        "_policy",
        "_source",
        "_target",
        "_tests",
        "_trusted",
        "by_symbol",
        "origin",
    )

    def __init__(self, policy: Policy, origin: Origin, source: AmsAddr, target: AmsAddr) -> None:
        rules = policy.rules_for(origin, source, target)
        self.origin = origin
        self._decided: dict[tuple[Action, int, tuple[str, ...]], str | None] = {}
        self._policy = policy
        self._source = source
        self._target = target
        self._trusted = policy.trusts(origin)
        self._implied = policy.implied(origin, source, target)
        tests = {id(rule): policy.test(rule) for rule in rules}
        self._tests = {action: tuple(tests[id(rule)] for rule in rules if action in rule.actions) for action in Action}
        self.by_symbol = any(rule.symbols for rule in rules)
        self._open = frozenset(action for action, chosen in self._tests.items() if self._is_open(action, chosen))

    def _is_open(self, action: Action, tests: tuple[_Test, ...]) -> bool:
        if not tests:
            return self._trusted or action in self._implied
        return tests[0].always and tests[0].allows

    def allows(self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()) -> bool:
        """See `contract.Permit`."""
        if action in self._open:
            return True
        refusing = self._decision(action, group, names)
        if refusing is None:
            return True
        name = names[-1] if names else ""
        self._policy.refusals.add(
            Refusal(self.origin, self._source, self._target, refusing, action, group, offset, size_bytes, name)
        )
        return False

    def would_allow(
        self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()
    ) -> bool:
        """See `contract.Permit`."""
        del offset, size_bytes
        return action in self._open or self._decision(action, group, names) is None

    def _decision(self, action: Action, group: int, names: tuple[str, ...]) -> str | None:
        """As `_refusing`, remembered: neither offset nor size decides anything; nothing else changes in an epoch."""
        key = (action, group, names)
        if key in self._decided:
            return self._decided[key]
        refusing = self._refusing(action, group, names)
        self._remember(key, refusing)
        return refusing

    def _remember(self, key: tuple[Action, int, tuple[str, ...]], refusing: str | None) -> None:
        """Names are a client's own words where a device far away is meant: what is kept of them is bounded."""
        if sum(map(len, key[2])) > MAX_DECIDED_CHARACTERS:
            return
        if len(self._decided) >= MAX_DECIDED:
            self._decided.clear()
        self._decided[key] = refusing

    def _refusing(self, action: Action, group: int, names: tuple[str, ...]) -> str | None:
        """The rule (or default) that refuses it; None when it is allowed."""
        folded = tuple(map(fold, names)) if self.by_symbol else ()
        for test in self._tests[action]:
            if test.matches(action, group, folded, self._has_parts):
                return None if test.allows else test.rule
        return None if self._trusted or action in self._implied else DEFAULT_DENY

    def _has_parts(self, name: str) -> bool:
        return self._policy.has_parts(self._target, name)


def unknown_parts(_target: AmsAddr, _name: str) -> bool:
    """Nothing is known about what lies within symbols: anything may."""
    return True


class Policy:
    """Rules in order, and bindings of NetIds. Asked by the router (`permit`, `accepts_source`). Never changes:
    other rules are another policy, and a new epoch of the router.

    own:       this router's NetId, for rules that name it where a frame says 127.0.0.1.1.1.
    local_networks: container networks: what comes from there is this machine's.
    has_parts: (target, folded name) -> whether the symbol has members or elements; the answer holds for an epoch. Only
               asked for denying rules with symbols; without it such a rule also refuses scalars whose name it could
               continue (`*.secret`).
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        bound: Mapping[NetId, Bound] | None = None,
        *,
        own: NetId = LOOPBACK_NET_ID,
        local_networks: tuple[Network, ...] = (),
        browse: bool = True,
        has_parts: Callable[[AmsAddr, str], bool] = unknown_parts,
        on_refusal: Callable[[Refusal], None] = silent,
    ) -> None:
        self.rules = tuple(rules)
        self.bound = dict(bound or {}) | {net_id: Bound(local=True) for net_id in (own, LOOPBACK_NET_ID)}
        self.own = own
        self.local_networks = local_networks
        self.browse = browse
        self.has_parts = has_parts
        self.refusals = Refusals(on_refusal)
        self._compiled: dict[int, _Test] = {}

    def permit(self, origin: Origin, source: AmsAddr, target: AmsAddr) -> SourcePermit:
        """What this source may do at that port. Worth keeping: it sorts all rules."""
        return SourcePermit(self, origin, source, target)

    def trusts(self, origin: Origin) -> bool:
        """Whether somebody is this machine: the process, its loopback, its containers. A guest never is."""
        if origin.via is not Via.LAN or origin.guest or not self.local_networks:
            return origin.via in TRUSTED
        address = parse_address(origin.address)
        return address is not None and any(address in network for network in self.local_networks)

    def accepts_source(self, origin: Origin, net_id: NetId) -> bool:
        """Whether a frame from there may call itself so: a bound NetId is believed from its own place only."""
        if origin.net_ids and net_id not in origin.net_ids:
            return False
        bound = self.bound.get(net_id)
        return bound is None or bound.holds(origin, trusted=self.trusts(origin))

    def knows(self, origin: Origin) -> bool:
        """Whether any rule could allow this origin anything. Who is not known gets no answer to a discovery."""
        return self.trusts(origin) or any(
            rule.allows
            and rule.source.fits(origin)
            and (not rule.source.net_ids or any(self.proves(origin, net_id) for net_id in rule.source.net_ids))
            for rule in self.rules
        )

    def tick(self, monotonic_ns: int) -> None:
        """Move the clock of the refusals."""
        self.refusals.tick(monotonic_ns)

    def rules_for(self, origin: Origin, source: AmsAddr, target: AmsAddr) -> tuple[Rule, ...]:
        """The rules that speak about this source at that port, in order."""
        net_id, port = self.device(target), target.port
        return tuple(r for r in self.rules if r.reaches(net_id, port) and self.fits(r, origin, source.net_id))

    def fits(self, rule: Rule, origin: Origin, net_id: NetId) -> bool:
        """Whether a rule is about this source.

        A NetId is only a claim: it is enough to be denied, and to be allowed something it has to be bound to where
        the frame came in.
        """
        if not rule.source.fits(origin):
            return False
        if not rule.source.net_ids:
            return True
        return net_id in rule.source.net_ids and (not rule.allows or self.proves(origin, net_id))

    def proves(self, origin: Origin, net_id: NetId) -> bool:
        """Whether this origin is known to be that NetId."""
        if self.trusts(origin) or net_id in origin.net_ids:
            return self.accepts_source(origin, net_id)
        return net_id in self.bound and self.accepts_source(origin, net_id)

    def implied(self, origin: Origin, source: AmsAddr, target: AmsAddr) -> frozenset[Action]:
        """What the rules that allow this source something imply at that port."""
        net_id = self.device(target)
        granting = [
            rule
            for rule in self.rules
            if rule.allows
            and rule.actions & VALUE_ACTIONS
            and rule.covers(net_id)
            and self.fits(rule, origin, source.net_id)
        ]
        if any(rule.serves(target.port) for rule in granting):
            return frozenset((Action.STATE, Action.BROWSE) if self.browse else (Action.STATE,))
        if granting and target.port in SYSTEM_PORTS:
            return frozenset((Action.STATE,))
        return frozenset()

    def device(self, target: AmsAddr) -> NetId:
        """The NetId that is meant."""
        return self.own if target.net_id == LOOPBACK_NET_ID else target.net_id

    def test(self, rule: Rule) -> _Test:
        """The rule made ready; its patterns are compiled once for all permits."""
        found = self._compiled.get(id(rule))
        if found is None:
            found = self._compiled[id(rule)] = _Test(rule)
        return found
