"""`[ads]`: what a person writes, and what the router is told."""

from __future__ import annotations

import contextlib
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dinrail.ads.contract import INSIDE, Action, Origin, Via
from dinrail.ads.policy.presets import Preset
from dinrail.ads.policy.rule import ALL_ACTIONS, Effect, Span
from dinrail.ads.router.routes import Transport
from dinrail.ads.rules import policy_of, rules_of
from dinrail.ads.section import AdsSection
from dinrail.ads.settings import AdsSettings, CredentialKind, Door, GuestAds, Listen
from dinrail.ams.address import AmsAddr, NetId
from dinrail.config.faults import fault_lines
from dinrail.errors import BadRequest
from dinrail.units import S_NS

BASE = Path("/etc/dinrail")
OWN = NetId.parse("5.80.201.232.1.1")
PLC = NetId.parse("5.9.9.9.1.1")
PIN = "sha256:" + "ab" * 32

PROXY = '[[ads.route]]\nname = "press"\nnet_id = "5.9.9.9.1.1"\naddress = "192.168.0.5"\n'

WHOLE = f"""
[ads]
net_id = "5.80.201.232.1.1"
name = "press-7"
listen = ["127.0.0.1", "[fe80::1]:1234", {{ at = "vmnet0", guest = "hmi" }}]
secure = ["eth0:8017"]
local_networks = ["172.17.0.0/16"]
files = "files"
metrics = "127.0.0.1"
[[ads.route]]
name = "press"
net_id = "5.9.9.9.1.1"
address = "192.168.0.5"
read_only = true
[[ads.route]]
name = "far"
net_id = "5.9.9.9.2.1"
address = "plc.example:8016"
pin = "{"AB:" * 31}AB"
grants = "gateway"
timeout = "2 s"
[[ads.route]]
name = "keyed"
net_id = "5.9.9.9.3.1"
address = "192.168.0.7"
psk = "cx"
grants = "full"
unidirectional = true
[[ads.route]]
name = "cloud"
net_id = "5.9.9.9.4.1"
address = "broker"
transport = "mqtt"
[[ads.rule]]
name = "office"
from = {{ networks = ["192.168.5.0/24"], via = ["lan"] }}
allow = ["read", "browse"]
ports = ["851-860", "system-service"]
groups = ["0x4020-0x4025"]
symbols = ["MAIN.*"]
[[ads.rule]]
from = {{ identities = ["psk:cx"] }}
deny = true
[[ads.rule]]
from = {{ guests = ["hmi"] }}
preset = "read-only"
[[ads.mqtt]]
name = "broker"
address = "mqtt.example"
authorities = "ca.pem"
grants = "state"
[ads.tls]
authorities = "ca.pem"
[[ads.tls.psk]]
identity = "cx"
password = "secret"
[ads.credentials]
file = "users"
grants = "read-only"
[ads.limits]
strict = true
idle = "30 s"
[[ads.simulate]]
file = "plc.toml"
port = 852
"""


def section(text: str) -> AdsSection:
    return AdsSection.model_validate(tomllib.loads(text).get("ads", {}))


def settings(text: str) -> AdsSettings:
    return section(text).settings(BASE, [GuestAds("hmi", ("MAIN.*",), ())])


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        section(text)
    return fault_lines(caught.value, AdsSection)


def test_a_proxy_is_one_table_of_three_lines() -> None:
    """A route and nothing else: loopback doors, everything for this machine, nothing for others, the PLC bound."""
    told = settings(PROXY)
    assert told.listen == (Listen(Door.PLAIN, "127.0.0.1"),)
    (one,) = told.routes
    assert (one.route.host, one.route.endpoint, one.grants) == (
        "192.168.0.5",
        (Transport.TCP, "192.168.0.5", 48898),
        Preset.NOTHING,
    )
    policy, target = policy_of(told, OWN), AmsAddr.of(PLC, 851)
    local = Origin(Via.LOOPBACK, "127.0.0.1:48898", "127.0.0.1")
    far = Origin(Via.LAN, "eth0", "192.168.0.9")
    assert policy.permit(local, AmsAddr.of(OWN, 1), target).allows(Action.WRITE, 0x4020, 0, 4)
    assert not policy.permit(far, AmsAddr.of(OWN, 1), target).allows(Action.READ, 0x4020, 0, 4)
    assert not policy.accepts_source(far, PLC)
    assert policy.accepts_source(Origin(Via.LAN, "eth0", "192.168.0.5"), PLC)


def test_an_empty_section_is_a_local_router() -> None:
    """Nothing written: loopback, no routes, no credentials, no files, no process start."""
    told = section("").settings(BASE)
    assert told == AdsSettings()
    assert (told.credentials.kind, told.files, told.programs) == (CredentialKind.NONE, "", ())


def test_everything_that_can_be_written_arrives() -> None:
    """Doors, routes, rules, brokers, keys, limits: each field lands where the router looks for it."""
    told = settings(WHOLE)
    assert (told.net_id, told.name, told.files, told.metrics) == (
        OWN,
        "press-7",
        "/etc/dinrail/files",
        "127.0.0.1:9848",
    )
    assert [str(door) for door in told.listen] == ["127.0.0.1:48898", "[fe80::1]:1234", "vmnet0:48898", "eth0:8017"]
    assert (told.listen[2].interface, told.listen[2].guest, told.listen[3].door) == ("vmnet0", "hmi", Door.SECURE)
    press, far, keyed, cloud = told.routes
    assert press.route.read_only
    assert (far.pin, far.route.transport, far.route.timeout_ns, far.identity) == (PIN, Transport.TLS, 2 * S_NS, PIN)
    assert (keyed.identity, keyed.route.unidirectional, cloud.route.transport) == ("psk:cx", True, Transport.MQTT)
    office, denied, panel = told.rules
    assert (office.name, denied.name, panel.name) == ("office", "rule 2", "rule 3")
    assert (office.ports, office.groups) == ((Span(851, 860), Span(10000, 10000)), (Span(0x4020, 0x4025),))
    assert (denied.effect, denied.actions) == (Effect.DENY, ALL_ACTIONS)
    assert (told.brokers[0].port, told.brokers[0].tls, told.brokers[0].authorities) == (
        8883,
        True,
        "/etc/dinrail/ca.pem",
    )
    assert told.tls is not None
    assert [(psk.identity, psk.password, psk.key) for psk in told.tls.psks] == [("cx", "secret", "")]
    assert (told.credentials.kind, told.credentials.file, told.credentials.grants) == (
        CredentialKind.FILE,
        "/etc/dinrail/users",
        Preset.READ_ONLY,
    )
    assert (told.limits.strict, told.limits.idle_ns, str(told.local_networks[0])) == (True, 30 * S_NS, "172.17.0.0/16")
    assert (told.simulate[0].file, told.simulate[0].port) == ("/etc/dinrail/plc.toml", 852)


def test_rules_come_limits_first_and_grants_last() -> None:
    """A read-only route stays so whatever rules say; what rules deny, no grant gives back."""
    names = [rule.name for rule in rules_of(settings(WHOLE))]
    assert names == [
        "route press: read-only", "office", "rule 2", "rule 3", "guest hmi: read", "route far", "route keyed",
        "broker broker",
    ]  # fmt: skip


def test_what_routes_are_granted_goes_with_their_proof() -> None:
    """A pin and a key open what their route is granted; a unidirectional one only asks for state."""
    policy, target = policy_of(settings(WHOLE.replace("deny = true", 'deny = ["call"]')), OWN), AmsAddr.of(OWN, 851)
    pinned = Origin(Via.TLS, "tls", "1.2.3.4", identity=PIN)
    keyed = Origin(Via.TLS, "tls", "1.2.3.4", identity="psk:cx")
    source = AmsAddr.of(NetId.parse("9.9.9.9.9.9"), 1)
    assert policy.permit(pinned, source, target).allows(Action.WRITE, 0x4020, 0, 4)
    assert policy.permit(keyed, source, target).allows(Action.STATE, 0, 0, 0)
    assert not policy.permit(keyed, source, target).allows(Action.READ, 0x4020, 0, 4)
    assert not policy.accepts_source(keyed, NetId.parse("5.9.9.9.2.1"))


def test_a_guest_s_net_id_is_its_own() -> None:
    """Believed from its network, and from nowhere else."""
    text = '[ads]\nlisten = [{ at = "vmnet0", guest = "hmi", net_id = "10.0.0.2.1.1" }]'
    told, mine = settings(text), NetId.parse("10.0.0.2.1.1")
    policy = policy_of(told, OWN)
    assert told.listen[0].net_id == mine
    assert policy.accepts_source(Origin(Via.HOST_ONLY, "vmnet0", guest="hmi"), mine)
    for other in (Origin(Via.HOST_ONLY, "vmnet1", guest="b"), Origin(Via.LAN, "eth0", "10.0.0.2")):
        assert not policy.accepts_source(other, mine)
    assert AdsSettings.from_json(told.to_json().encode()) == told


def test_secure_ads_opens_the_lan_once_there_is_a_table_for_it() -> None:
    """`[ads.tls]` alone listens at 8016 everywhere; an empty `secure` does not."""
    assert settings("[ads.tls]").listen[1:] == (Listen(Door.SECURE, "", 8016),)
    assert settings("[ads]\nsecure = []\n[ads.tls]").listen[1:] == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[ads]\nnetid = 1", "netid: no such key; try: did you mean `net_id`?"),
        ('[ads]\nnet_id = "1.2.3"', "net_id: '1.2.3' is not an AMS NetId"),
        ('[ads]\nnet_id = "0.0.0.0.0.0"', "net_id: 0.0.0.0.0.0 is nobody's NetId"),
        ('[ads]\nlisten = ["a b"]', "listen[0].at: 'a b' is no address"),
        ('[ads]\nlisten = ["1.2.3.4:70000"]', "listen[0].at: '1.2.3.4:70000' is no address"),
        ('[ads]\nlisten = [{ at = "eth0", net_id = "1.2.3.4.1.1" }]', "listen[0]: a door's `net_id` is its guest's"),
        ('[ads]\nsecure = ["eth0"]', "the document: a secure door needs a certificate or keys"),
        ('[ads]\nlocal_networks = ["172.17.0.1/16"]', "local_networks[0]: '172.17.0.1/16' is no network"),
        (PROXY + 'psk = "x"', "the document: route 'press' uses the key 'x', and there is none"),
        (PROXY + 'pin = "12"', "route[0].pin: '12' is no fingerprint"),
        (PROXY + PROXY.replace("press", "b").replace(".5", ".6"), "is already reached by route 'press' at 192.168.0.5"),
        (PROXY + PROXY.replace("5.9", "5.8"), "there is a route of that name already"),
        (PROXY + 'transport = "mqtt"', "the document: route 'press': '192.168.0.5' is no broker here"),
        (PROXY + 'timeout = "0 s"', "route[0].timeout: a time is above zero here"),
        ("[[ads.rule]]", "rule[0]: a rule has one of `preset`, `allow` and `deny`, this has none of them"),
        ("[[ads.rule]]\nallow = []", "rule[0]: this rule is about no action at all"),
        ('[[ads.rule]]\nallow = ["red"]', "rule[0].allow[0]: "),
        ('[[ads.rule]]\nallow = ["read"]\ndeny = true', "this has `allow` and `deny`"),
        ('[[ads.rule]]\npreset = "gateway"\nports = ["851"]', "a preset says itself which ports"),
        ('[[ads.rule]]\nallow = ["read"]\nports = ["70000"]', "rule[0].ports[0]: '70000' is no range up to 65535"),
        ('[[ads.rule]]\nallow = ["read"]\nsymbols = [""]', "rule[0].symbols[0]: "),
        ('[[ads.rule]]\nallow = ["read"]\nfrom = { identities = ["me"] }', "identities[0]: 'me' is no identity"),
        ('[ads.credentials]\nfile = "a"\npam = "b"', "credentials: credentials are checked by a `file` or by `pam`"),
        ('[[ads.tls.psk]]\nidentity = "a"', "tls.psk[0]: a pre-shared key has a `password` or a `key`"),
        ('[[ads.mqtt]]\nname = "a"\naddress = "b"\ntopic = "a/#"', "mqtt[0].topic: "),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(text: str, line: str) -> None:
    """Each wrong value names itself and what would be right."""
    (told,) = faults(text)
    assert line in told


def test_what_the_router_is_handed_is_what_was_written() -> None:
    """Rendering and reading back loses nothing, and shows no secret in a log."""
    for told in (settings(WHOLE), settings(PROXY), AdsSettings()):
        assert AdsSettings.from_json(told.to_json().encode()) == told
    assert "secret" not in repr(settings(WHOLE))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xff", "settings are no JSON"),
        (b"[" * 100_000, "settings are no JSON"),
        (b"[]", "settings is no table"),
        (b'{"nett": 1}', "settings has an unknown key 'nett'"),
        (b'{"discovery": 1}', "settings.discovery is no bool"),
        (b'{"net_id": "1"}', "settings.net_id: '1' is not an AMS NetId"),
        (b'{"routes": [{"grants": "full"}]}', "settings.routes[0].route is missing"),
        (b'{"rules": [{"name": "a", "effect": "perhaps"}]}', "settings.rules[0].effect is none of: allow, deny"),
        (b'{"rules": [{"name": "a", "effect": "deny", "actions": [{}]}]}', "settings.rules[0].actions[0] is none of"),
        (b'{"limits": {"local_networks": [5]}}', "settings.limits.local_networks[0] is no text"),
        (b'{"limits": {"idle_ns": true}}', "settings.limits.idle_ns is no int"),
        (b'{"limits": {"idle_ns": ' + b"9" * 5000 + b"}}", "settings are no JSON"),
    ],
)
def test_a_broken_rendering_is_one_bad_request(data: bytes, what: str) -> None:
    """The place of the first fault is named."""
    with pytest.raises(BadRequest) as caught:
        AdsSettings.from_json(data, where="router.json")
    assert caught.value.what.startswith(what)
    assert caught.value.where == "router.json"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "route", "x"]), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(AdsSettings.__dataclass_fields__)), _VALUES)
def test_any_json_gives_settings_or_a_bad_request(key: str, value: object) -> None:
    """Whatever a rendered file says."""
    with contextlib.suppress(BadRequest):
        assert isinstance(AdsSettings.from_json(json.dumps({key: value}).encode()), AdsSettings)


@given(st.sampled_from(sorted(AdsSection.model_fields)), _VALUES)
def test_any_value_gives_a_section_or_a_fault(key: str, value: object) -> None:
    """A wrong type is a fault, never an exception from inside; what is accepted becomes settings and a policy."""
    given_section, lines = AdsSection(), ("accepted",)
    try:
        given_section = AdsSection.model_validate({key: value})
    except ValidationError as fault:
        lines = fault_lines(fault, AdsSection)
    assert lines
    policy_of(given_section.settings(BASE), OWN).permit(INSIDE, AmsAddr(), AmsAddr())


def test_routes_added_at_run_time_are_bound_and_granted_like_written_ones() -> None:
    """Their NetId is believed from their address only, and opens what was granted."""
    (added,) = settings(PROXY + 'grants = "gateway"').routes
    policy = policy_of(AdsSettings(), OWN, added=[added])
    own_place, target = Origin(Via.LAN, "eth0", "192.168.0.5"), AmsAddr.of(OWN, 851)
    assert policy.permit(own_place, AmsAddr.of(PLC, 1), target).allows(Action.WRITE, 0x4020, 0, 4)
    assert not policy.permit(own_place, AmsAddr.of(OWN, 1), target).allows(Action.WRITE, 0x4020, 0, 4)
    assert not policy.accepts_source(Origin(Via.LAN, "eth0", "192.168.0.6"), PLC)
