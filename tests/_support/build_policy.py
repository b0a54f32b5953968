"""One policy with every kind of rule, the sources that ask it, and strategies for any other."""

from __future__ import annotations

from hypothesis import strategies as st

from dinrail.ads.contract import INSIDE, Action, Origin, Via
from dinrail.ads.policy.policy import Bound, Policy
from dinrail.ads.policy.presets import Preset, guest_rules, preset_rules, route_grants, route_limits
from dinrail.ads.policy.rule import Effect, Rule, SourceMatch, Span, parse_network
from dinrail.ams.address import AmsAddr, NetId

OWN = NetId.parse("5.1.2.3.1.1")
PLC = NetId.parse("5.9.9.9.1.1")
BOX = NetId.parse("5.7.7.7.1.1")
GUEST_ID = NetId.parse("10.0.0.2.1.1")
STRANGER_ID = NetId.parse("1.1.1.1.1.1")
PIN = "sha256:" + "ab" * 32

ORIGINS: dict[str, Origin] = {
    "inside": INSIDE,
    "loopback": Origin(Via.LOOPBACK, "127.0.0.1:48898", "127.0.0.1"),
    "guest": Origin(Via.HOST_ONLY, "10.0.0.1:48898", "10.0.0.2", guest="hmi", net_ids=(GUEST_ID,)),
    "other guest": Origin(Via.HOST_ONLY, "10.0.1.1:48898", "10.0.1.2", guest="lab"),
    "lan": Origin(Via.LAN, "192.168.0.1:48898", "192.168.0.7"),
    "office": Origin(Via.LAN, "192.168.0.1:48898", "192.168.5.7"),
    "box": Origin(Via.LAN, "192.168.0.1:48898", "192.168.0.70"),
    "pinned": Origin(Via.TLS, "0.0.0.0:8016", "192.168.0.9", identity=PIN),
    "unpinned": Origin(Via.TLS, "0.0.0.0:8016", "192.168.0.9", identity="sha256:" + "cd" * 32),
    "mqtt": Origin(Via.MQTT, "broker", identity="mqtt:broker/5.5.5.5.1.1"),
}
OFFICE = SourceMatch(networks=(parse_network("192.168.5.0/24"),))

RULES = (
    *route_limits("press", PLC),
    Rule("no safety", Effect.DENY, SourceMatch(via=frozenset((Via.LAN, Via.TLS, Via.HOST_ONLY))),
         symbols=("*.safety", "MAIN.axis.limit")),
    Rule("no outputs", Effect.DENY, OFFICE, groups=(Span(0xF030, 0xF03F),)),
    Rule("flags", Effect.ALLOW, OFFICE, actions=frozenset((Action.READ, Action.WRITE)), groups=(Span(0x4020, 0x4021),)),
    *preset_rules("office", Preset.READ_ONLY, OFFICE),
    Rule("service", Effect.ALLOW, SourceMatch(identities=(PIN,)), ports=(Span(10000, 10000),),
         actions=frozenset((Action.ADMIN,))),
    *preset_rules("pinned", Preset.GATEWAY, SourceMatch(identities=(PIN,))),
    *guest_rules("hmi", ("MAIN.*",), ("GVL_HMI.*",)),
    *route_grants("box", Preset.STATE, BOX),
)  # fmt: skip
BOUND = {
    GUEST_ID: Bound(guest="hmi"),
    BOX: Bound(networks=(parse_network("192.168.0.70"),)),
    PLC: Bound(networks=(parse_network("192.168.0.80"),)),
}
SCALARS = frozenset(("main.x", "gvl_hmi.set", "main.axis.pos", "main.st.a", "other.x"))


def policy(rules: tuple[Rule, ...] = RULES, *, browse: bool = True) -> Policy:
    """The policy of the tests; a few symbols are known to be scalars."""
    return Policy(rules, BOUND, own=OWN, browse=browse, has_parts=lambda _target, name: name not in SCALARS)


def source_of(origin: Origin) -> AmsAddr:
    """An AMS address that may come from there."""
    return AmsAddr.of(origin.net_ids[0] if origin.net_ids else STRANGER_ID, 30000)


_SPANS = st.sampled_from((Span(0x4020, 0x4020), Span(0x4021, 0x4021), Span(0xF005, 0xF005), Span(0xF020, 0xF02F)))
_SYMBOLS = st.text("mxa.*?[", min_size=1, max_size=5)
_SOURCES = st.builds(
    SourceMatch,
    via=st.frozensets(st.sampled_from(Via), max_size=2),
    networks=st.lists(st.sampled_from((parse_network("192.168.0.0/16"), parse_network("10.0.0.2"))), max_size=1).map(
        tuple
    ),
    guests=st.sampled_from(((), ("hmi",))),
    identities=st.sampled_from(((), (PIN,))),
    net_ids=st.sampled_from(((), (BOX,), (STRANGER_ID, GUEST_ID))),
)
ANY_RULE = st.builds(
    Rule,
    name=st.text("abc", max_size=3),
    effect=st.sampled_from(Effect),
    source=_SOURCES,
    targets=st.sampled_from(((), (OWN,), (PLC,))),
    ports=st.sampled_from(((), (), (Span(851, 851),), (Span(10000, 10000),))),
    actions=st.frozensets(st.sampled_from(Action), min_size=1),
    groups=st.lists(_SPANS, max_size=2).map(tuple),
    symbols=st.lists(_SYMBOLS, max_size=2).map(tuple),
)
ANY_NAMES = st.lists(st.text("mxa.[", min_size=1, max_size=5), max_size=2).map(tuple)
ANY_GROUP = st.sampled_from((0, 0x4020, 0x4021, 0x4040, 0xF003, 0xF005, 0xF021, 0xF030, 0xF082, 0xFFFFFFFF))
