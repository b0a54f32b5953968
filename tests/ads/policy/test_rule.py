"""Spans, networks, identities, and whom a rule is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import INSIDE, Origin, Via
from dinrail.ads.policy.rule import (
    Effect,
    Rule,
    SourceMatch,
    Span,
    canonical_identity,
    parse_address,
    parse_network,
)
from dinrail.ams.address import NetId
from dinrail.errors import BadRequest

OWN = NetId.parse("5.1.2.3.1.1")
LAN = Origin(Via.LAN, "192.168.0.1:48898", "192.168.0.7")


@pytest.mark.parametrize(
    ("text", "span"),
    [("851", Span(851, 851)), ("0x4020-0x4025", Span(0x4020, 0x4025)), ("0 - 10", Span(0, 10))],
)
def test_a_span_is_one_number_or_two(text: str, span: Span) -> None:
    """Decimal or hexadecimal, both ends among it; what it prints it reads again."""
    assert Span.parse(text) == span
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize("text", ["", "-", "5-3", "-1", "1-", "0x", "1_0", "+1", "0x1_0", "99999999999", "4294967296"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Neither signs nor blanks nor numbers beyond 32 bits pass."""
    with pytest.raises(BadRequest):
        Span.parse(text)


@given(st.text(max_size=12))
def test_any_text_gives_a_span_or_a_bad_request(text: str) -> None:
    """Nothing else escapes, for spans, networks and addresses."""
    for parse in (Span.parse, parse_network):
        try:
            parse(text)
        except BadRequest:
            continue
    parse_address(text)
    canonical_identity(text)


def test_a_network_with_loose_bits_is_refused() -> None:
    """`192.168.1.5/24` is a slip, not a network."""
    with pytest.raises(BadRequest):
        parse_network("192.168.1.5/24")


def test_an_address_over_a_v6_socket_is_the_v4_address_it_is() -> None:
    """Mapped addresses are in v4 networks, and a zone does not disturb."""
    match = SourceMatch(networks=(parse_network("192.168.0.0/24"),))
    assert match.fits(Origin(Via.LAN, "[::]:48898", "::ffff:192.168.0.7"))
    assert not match.fits(Origin(Via.LAN, "[::]:48898", "fe80::1%eth0"))
    assert not match.fits(Origin(Via.MQTT, "broker", ""))


def test_no_rule_is_about_this_process_unless_it_says_so() -> None:
    """INSIDE has to be named."""
    assert not SourceMatch().fits(INSIDE)
    assert SourceMatch(via=frozenset((Via.INSIDE,))).fits(INSIDE)


def test_every_given_field_has_to_fit() -> None:
    """Via, listener, network, guest and identity are joined by "and"."""
    origin = Origin(Via.TLS, "0.0.0.0:8016", "192.168.0.7", guest="hmi", identity="sha256:ab")
    fields = {
        "via": (frozenset((Via.TLS,)), frozenset((Via.LAN,))),
        "listeners": (("0.0.0.0:8016",), ("127.0.0.1",)),
        "networks": ((parse_network("192.168.0.0/24"),), (parse_network("10.0.0.0/8"),)),
        "guests": (("hmi",), ("other",)),
        "identities": (("sha256:ab",), ("sha256:cd",)),
    }
    right = {name: good for name, (good, _) in fields.items()}
    assert SourceMatch(**right).fits(origin)
    for name, (_, wrong) in fields.items():
        assert not SourceMatch(**(right | {name: wrong})).fits(origin), name


def test_a_listener_may_be_named_without_its_port() -> None:
    """`192.168.0.1` means every door at that address."""
    assert SourceMatch(listeners=("192.168.0.1",)).fits(LAN)
    assert not SourceMatch(listeners=("192.168.0.2",)).fits(LAN)


def test_a_fingerprint_s_spelling_does_not_matter() -> None:
    """Colons and capitals are nothing; a key's name stays as it is."""
    assert canonical_identity("SHA256:AB:cd") == "sha256:abcd"
    assert canonical_identity("psk:Cx:1") == "psk:Cx:1"


def test_an_allowing_rule_reaches_the_machine_s_ports_only_by_name() -> None:
    """No `ports` means the devices' when it allows, and all of them when it denies."""
    allow, deny = Rule("a", Effect.ALLOW), Rule("d", Effect.DENY)
    assert allow.reaches(OWN, 851)
    assert not allow.reaches(OWN, 10000)
    assert deny.reaches(OWN, 10000)
    assert Rule("n", Effect.ALLOW, ports=(Span(10000, 10000),)).reaches(OWN, 10000)
    assert not Rule("t", Effect.ALLOW, targets=(OWN,)).reaches(NetId(), 851)
