"""A question to the policy as a person writes it: `192.168.0.7`, `guest:hmi`, `tls:FINGERPRINT`; and its verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dinrail.ads.actions import action_of
from dinrail.ads.contract import INSIDE, Action, Origin, Via
from dinrail.ads.policy.explain import Access, Verdict, decide
from dinrail.ads.policy.policy import TRUSTED
from dinrail.ads.policy.rule import VALUE_ACTIONS, canonical_identity, parse_address
from dinrail.ads.rules import policy_of
from dinrail.ads.settings import AdsSettings
from dinrail.ams.address import LOOPBACK_NET_ID, NULL_NET_ID, AmsAddr, NetId
from dinrail.ams.frame import Command
from dinrail.errors import BadRequest

DATA_AREA = 0x4040
_SOURCES = "an IP address, `inside`, `guest:NAME`, `tls:FINGERPRINT`, `psk:IDENTITY`, or `mqtt:NETID`"
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_ASKED_FROM = 30000


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks whom for what. `names`: as a device gives them, outermost first."""

    origin: Origin
    source: AmsAddr
    target: AmsAddr
    access: Access


def origin_of(text: str, settings: AdsSettings, *, listener: str = "") -> Origin:
    """Where somebody comes in, by his own word for it. Raises BadRequest."""
    kind, _, rest = text.partition(":")
    address = parse_address(text)
    if address is not None:
        return Origin(Via.LOOPBACK if address.is_loopback else Via.LAN, listener, str(address))
    if text in ("inside", "loopback"):
        return INSIDE if text == "inside" else Origin(Via.LOOPBACK, listener, "127.0.0.1")
    if kind == "guest" and rest:
        if rest not in (guest.name for guest in settings.guests):
            known = ", ".join(guest.name for guest in settings.guests) or "none"
            raise BadRequest(f"there is no guest {rest!r}", hint=f"guests of this document: {known}")
        return Origin(Via.HOST_ONLY, listener, guest=rest)
    if kind == "tls" and rest:
        identity = canonical_identity(f"sha256:{rest.removeprefix('sha256:')}")
        if not _FINGERPRINT.fullmatch(identity):
            raise BadRequest(f"{rest!r} is no fingerprint", hint="SHA-256 as 64 hexadecimal digits, colons allowed")
        return Origin(Via.TLS, listener, identity=identity)
    if kind == "psk" and rest:
        return Origin(Via.TLS, listener, identity=text)
    if kind == "mqtt" and rest:
        broker, _, text = rest.rpartition("/")
        net_id = NetId.parse(text)
        if not broker:
            broker = listener or (settings.brokers[0].name if len(settings.brokers) == 1 else "")
        return Origin(Via.MQTT, listener or broker, identity=f"mqtt:{broker}/{net_id}", net_ids=(net_id,))
    raise BadRequest(f"{text!r} is no source", hint=_SOURCES)


def usual_net_id(origin: Origin, settings: AdsSettings, own: NetId) -> NetId:
    """What somebody from there would call himself: the NetId of his route, or the one made of his address."""
    if origin.via in TRUSTED:
        return own
    if origin.net_ids:
        return origin.net_ids[0]
    for one in settings.routes:
        proven = origin.identity and one.identity == origin.identity
        if proven or (origin.address and one.route.host == origin.address):
            return one.route.net_id
    address = parse_address(origin.address)
    return NetId.of_ipv4(str(address)) if address is not None and address.version == 4 else NULL_NET_ID


def action_for(action: str | None, command: str | None, group: int, port: int) -> Action:
    """What is asked for, by the rules' word or by the command on the wire; READ when nothing is said.

    Raises BadRequest for both at once, for words that are none, and for sum commands.
    """
    if action is not None and command is not None:
        raise BadRequest("both an action and a command", hint="a command and its group say which action it is")
    if command is None:
        if action is not None and action not in list(Action):
            raise BadRequest(f"{action!r} is no action", hint=", ".join(Action))
        return Action(action or Action.READ)
    known = Command.__members__.get(command.upper().replace("-", "_"))
    if known is None:
        raise BadRequest(f"{command!r} is no command", hint=", ".join(Command.__members__).lower().replace("_", "-"))
    found = action_of(known, group, port)
    if found is None:
        raise BadRequest(
            f"group {group:#x} is a sum command", hint="each of its items is judged by itself: ask for one"
        )
    return found


def containers(path: str) -> tuple[str, ...]:
    """The symbols that hold a path, itself the last: `MAIN.a[2].x` lies in `MAIN.a[2]`, and that in `MAIN.a`."""
    cuts = [match.start() for match in re.finditer(r"[.\[^]", path)]
    # The first part is a program or a list of variables, which is no symbol itself.
    return (*(path[:cut] for cut in cuts[1:] if path[:cut]), path)


def question(
    settings: AdsSettings,
    origin: Origin,
    *,
    action: Action,
    port: int,
    net_id: NetId | None = None,
    target: NetId | None = None,
    group: int | None = None,
    offset: int = 0,
    size_bytes: int = 0,
    symbol: str = "",
) -> Question:
    """The question in full; what is not said is what is usual."""
    own = settings.net_id or LOOPBACK_NET_ID
    where = group if group is not None else DATA_AREA if action in VALUE_ACTIONS else 0
    return Question(
        origin,
        AmsAddr.of(net_id or usual_net_id(origin, settings, own), _ASKED_FROM),
        AmsAddr.of(target or own, port),
        Access(action, where, offset, size_bytes, containers(symbol) if symbol else ()),
    )


def answer(settings: AdsSettings, asked: Question, *, scalar: bool = False) -> Verdict:
    """The policy's verdict. scalar: the symbol is known to have no parts (a running router asks its symbols)."""
    own = settings.net_id or LOOPBACK_NET_ID
    policy = policy_of(settings, own, has_parts=lambda _target, _name: not scalar)
    return decide(policy, asked.origin, asked.source, asked.target, asked.access)
