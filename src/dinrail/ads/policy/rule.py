"""Rules as values: who (`SourceMatch`), where (ports, targets), what (actions, groups, symbols), allowed or not.

They stand in order and the first that matches decides; what follows when none does is `policy.Policy`'s to say.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ams.address import MAX_PORT, NetId, Port
from dinrail.errors import BadRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_GROUP = 0xFFFF_FFFF
SYSTEM_PORTS = frozenset((Port.ROUTER, Port.LOGGER, Port.RTIME, Port.SYSTEM_SERVICE))
"""Ports about the machine itself. An allowing rule reaches them only by naming them."""

ALL_ACTIONS = frozenset(Action)
VALUE_ACTIONS = frozenset((Action.READ, Action.WRITE, Action.CALL))
"""What touches the values that symbols name."""


class Effect(enum.StrEnum):
    """What a rule that matches does."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `first` to `last`, both among them: ports, or index groups."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str, *, top: int = MAX_GROUP) -> Span:
        """From `851`, `0x4020` or `0x4020-0x4025`. Raises BadRequest for anything else, or above `top`."""
        first, dash, last = text.partition("-")
        span = cls(_number(first), _number(last) if dash else _number(first))
        if not 0 <= span.first <= span.last <= top:
            raise BadRequest(f"{text!r} is no range up to {top}", hint="one number, or two like `0x4020-0x4025`")
        return span

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number <= self.last

    def __str__(self) -> str:
        wide = self.first > MAX_PORT or self.first >= 0x1000
        first, last = (f"{n:#x}" if wide else str(n) for n in (self.first, self.last))
        return first if first == last else f"{first}-{last}"


def _number(text: str) -> int:
    word = text.strip().lower()
    digits = word.removeprefix("0x")
    base = 16 if word.startswith("0x") else 10
    if not digits.isascii() or not digits.isalnum() or len(digits) > 10:  # int() takes signs, blanks and `_`
        return -1
    try:
        return int(digits, base)
    except ValueError:
        return -1


def within(number: int, spans: Iterable[Span]) -> bool:
    """Whether any of the spans has it."""
    return any(span.first <= number <= span.last for span in spans)


def parse_network(text: str) -> Network:
    """`192.168.1.0/24`, or one address. Raises BadRequest (also for an address with bits set behind the prefix)."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as fault:
        raise BadRequest(f"{text!r} is no network: {fault}", hint="like 192.168.1.0/24, or one address") from fault


def parse_address(text: str) -> Address | None:
    """The IP address, or None for anything else. One that came over a v6 socket is the v4 address that it is."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def canonical_identity(text: str) -> str:
    """`sha256:AB:CD...` in any spelling, as an origin says it: small letters, no colons. Others stay as they are."""
    kind, _, value = text.partition(":")
    return f"sha256:{value.replace(':', '').lower()}" if kind.lower() == "sha256" else text


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """Whom a rule is about. Every field that is not empty has to fit; an empty one fits all.

    via:        doors. Without any: all but INSIDE, which is this process itself.
    listeners:  names of doors, with or without their port.
    networks:   IP networks of the peer.
    guests:     names of guests.
    identities: what a peer proved: `sha256:HEX`, `psk:NAME`, `mqtt:BROKER/NETID`.
    net_ids:    AMS NetIds. A claim alone never allows anything: see `policy.Policy`.
    """

    via: frozenset[Via] = frozenset()
    listeners: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    guests: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    net_ids: tuple[NetId, ...] = ()

    def fits(self, origin: Origin) -> bool:
        """Whether it fits all that the link itself proves; `net_ids` are not looked at."""
        if origin.via not in self.via if self.via else origin.via is Via.INSIDE:
            return False
        if self.listeners and not {origin.listener, origin.listener.rpartition(":")[0]} & set(self.listeners):
            return False
        if self.guests and origin.guest not in self.guests:
            return False
        if self.identities and canonical_identity(origin.identity) not in self.identities:
            return False
        return not self.networks or self._is_near(origin.address)

    def _is_near(self, text: str) -> bool:
        address = parse_address(text)
        return address is not None and any(address in network for network in self.networks)


ANYONE = SourceMatch()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Empty `targets`, `ports`, `groups`, `symbols` mean all; an allowing rule without ports means all but
    `SYSTEM_PORTS`.

    targets: NetIds that are asked (our own, or a route's).
    groups:  index groups of the memory itself, after names and handles were looked up.
    symbols: patterns (`glob.Glob`) for full instance paths.

    With symbols, an allowing rule wants one of the symbols that contain the whole range to fit. A denying one is
    careful: it also takes what has no name, and what could contain a symbol that fits (reading `MAIN` reads
    `MAIN.secret`). What another name shows of the same memory (`AT %MB0`, references, pointers) is not known to be the
    same: deny it by its own name, too.
    """

    name: str
    effect: Effect
    source: SourceMatch = ANYONE
    targets: tuple[NetId, ...] = ()
    ports: tuple[Span, ...] = ()
    actions: frozenset[Action] = ALL_ACTIONS
    groups: tuple[Span, ...] = ()
    symbols: tuple[str, ...] = ()

    @property
    def allows(self) -> bool:
        return self.effect is Effect.ALLOW

    def reaches(self, net_id: NetId, port: int) -> bool:
        """Whether it speaks about this port of this device."""
        return self.covers(net_id) and self.serves(port)

    def covers(self, net_id: NetId) -> bool:
        """Whether it speaks about this device."""
        return not self.targets or net_id in self.targets

    def serves(self, port: int) -> bool:
        """Whether it speaks about this port."""
        if self.ports:
            return within(port, self.ports)
        return not self.allows or port not in SYSTEM_PORTS
