"""Discovery: who is told of us, who may add a route, and silence for all the rest."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.admission import FREE_TRIES, Gate
from dinrail.ads.contract import Origin, Via
from dinrail.ads.discovery import ANSWERS_AT_ONCE, Responder, added, found
from dinrail.ads.policy.policy import Policy
from dinrail.ads.policy.presets import Preset, guest_rules, preset_rules
from dinrail.ads.policy.rule import SourceMatch, parse_network
from dinrail.ads.router.routes import Route, RouteTable
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.discovery import AddRoute, OsVersion, Packet, ServerInfo, server_info_request
from dinrail.ams.errors import AdsError
from dinrail.units import S_NS

OWN = NetId.parse("192.168.0.231.1.1")
CLIENT = NetId.parse("192.168.0.7.1.1")
INFO = ServerInfo(AmsAddr.of(OWN, 10000), "press-007", (3, 1, 4024), OsVersion(13, 2, 1), "ab" * 32)
LOOPBACK = Origin(Via.LOOPBACK, "127.0.0.1:48899", "127.0.0.1")
OFFICE = Origin(Via.LAN, "eth0", "192.168.5.7")
STRANGER = Origin(Via.LAN, "eth0", "192.168.0.7")
GUEST = Origin(Via.HOST_ONLY, "vmnet0", "10.0.0.2", guest="hmi")
POOR_GUEST = Origin(Via.HOST_ONLY, "vmnet1", "10.0.1.2", guest="lab")
RULES = (
    *preset_rules("office", Preset.READ_ONLY, SourceMatch(networks=(parse_network("192.168.5.0/24"),))),
    *guest_rules("hmi", ("MAIN.*",), ()),
)
ASK = server_info_request(AmsAddr.of(CLIENT, 10000), 7)


async def _is_right(user: str, password: str) -> bool:
    return (user, password) == ("Administrator", "1")


class Built:
    """A responder with a clock and a route table of its own."""

    def __init__(self, *, credentials: bool = True) -> None:
        self.now_ns = 1000 * S_NS
        self.routes = RouteTable()
        self.adders: list[Origin] = []
        policy = Policy(RULES, own=OWN)
        gate = Gate(_is_right if credentials else None, lambda: self.now_ns)
        self.responder = Responder(lambda: INFO, lambda: policy, gate, self._add, lambda: self.now_ns)

    def _add(self, route: Route, origin: Origin) -> None:
        self.routes = self.routes.added(route)
        self.adders.append(origin)

    def ask(self, data: bytes, origin: Origin) -> bytes | None:
        return asyncio.run(self.responder.respond(data, origin))

    def status(self, wanted: AddRoute, origin: Origin = STRANGER, invoke_id: int = 3) -> int | None:
        answer = self.ask(wanted.request(AmsAddr.of(CLIENT, 0), invoke_id), origin)
        return None if answer is None else added(answer, invoke_id)


GUESS = "guess"
GOOD = AddRoute(CLIENT, "192.168.0.7", "laptop", "Administrator", "1")


def wanted(**changed: object) -> AddRoute:
    """The request that is granted, with some of it changed."""
    return replace(GOOD, **changed)


def test_the_answer_has_the_real_one_s_size() -> None:
    """A nine-letter name and a fingerprint give 395 bytes, as a real system answers, with the asker's invoke id."""
    answer = Built().ask(ASK, LOOPBACK)
    assert answer is not None
    assert len(answer) == 395
    assert answer[4:8] == (7).to_bytes(4, "little")
    assert found(answer) == INFO


@pytest.mark.parametrize(
    ("origin", "with_credentials", "without"),
    [
        (LOOPBACK, True, True),
        (OFFICE, True, True),
        (GUEST, True, True),
        (STRANGER, True, False),
        (POOR_GUEST, False, False),
        (Origin(Via.MQTT, "broker"), False, False),
    ],
)
def test_only_those_are_told_who_may_know(origin: Origin, with_credentials: bool, without: bool) -> None:
    """Whom a rule names, and on the LAN who could add a route; all others hear nothing."""
    assert (Built().ask(ASK, origin) is not None) is with_credentials
    assert (Built(credentials=False).ask(ASK, origin) is not None) is without


def test_a_right_password_adds_the_route() -> None:
    """Name, NetId and address as asked; the answer is one tag of four bytes, where pyads looks for it."""
    built = Built()
    answer = built.ask(wanted(is_temporary=True).request(AmsAddr.of(CLIENT, 0), 3), STRANGER)
    assert answer is not None
    assert answer.hex() == "0366147103000000060000" + "80" + "c0a800e70101" + "1027" + "01000000" + "0100040000000000"
    assert list(built.routes) == [Route("laptop", CLIENT, "192.168.0.7", temporary=True)]
    assert built.adders == [STRANGER]


def test_a_route_without_name_or_address_has_its_sender_s() -> None:
    """What is missing is where it came from."""
    built = Built()
    assert built.status(wanted(address="", name="")) == 0
    assert list(built.routes) == [Route("192.168.0.7", CLIENT, "192.168.0.7")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"password": "2"}, AdsError.INVALID_ACCESS),
        ({"password": ""}, AdsError.INVALID_ACCESS),
        ({"user": "root"}, AdsError.INVALID_ACCESS),
        ({"net_id": OWN}, AdsError.INVALID_NET_ID),
        ({"net_id": NetId()}, AdsError.INVALID_NET_ID),
        ({"address": "two words"}, AdsError.INVALID_PARAMETER),
        ({"name": "a\nb"}, AdsError.INVALID_PARAMETER),
    ],
)
def test_a_wrong_request_has_its_code(change: dict[str, object], status: AdsError) -> None:
    """0x704 for credentials, others for routes that cannot be; nothing is added."""
    built = Built()
    assert built.status(wanted(**change)) == status
    assert len(built.routes) == 0
    assert built.responder.counts["refused"] == 1


def test_a_taken_net_id_stays_whose_it_is() -> None:
    """The same NetId to another address is 0x506, and the first route stays."""
    built = Built()
    assert built.status(wanted()) == 0
    assert built.status(wanted(address="192.168.0.99", name="other")) == AdsError.ROUTER_PORT_IN_USE
    assert [route.host for route in built.routes] == ["192.168.0.7"]


def test_guessing_ends_in_waiting() -> None:
    """After three wrong passwords even the right one has to wait, and is told so (0x708)."""
    built = Built()
    for _ in range(FREE_TRIES):
        assert built.status(wanted(password=GUESS)) == AdsError.INVALID_ACCESS
    assert built.status(wanted()) == AdsError.BUSY
    assert len(built.routes) == 0
    built.now_ns += 3600 * S_NS
    assert built.status(wanted()) == 0


def test_nobody_adds_a_route_without_credentials_and_no_poor_guest_ever() -> None:
    """Silence, and no try is counted against anybody."""
    built = Built(credentials=False)
    statuses = [built.status(wanted(), origin) for origin in (STRANGER, OFFICE, LOOPBACK)]
    assert statuses == [None, None, AdsError.INVALID_ACCESS]  # on this machine there is always an answer
    assert Built().status(wanted(), POOR_GUEST) is None


def test_an_overheard_packet_only_renews_its_own_route() -> None:
    """Sent again from elsewhere it gives no route to its new sender, and is counted; so is pyads at each start."""
    built = Built()
    packet = wanted().request(AmsAddr.of(CLIENT, 0))
    for origin in (STRANGER, STRANGER, OFFICE):
        assert built.ask(packet, origin) is not None
    assert list(built.routes) == [Route("laptop", CLIENT, "192.168.0.7")]
    assert built.responder.counts["repeated"] == 2


def test_no_answer_is_longer_than_its_request_but_the_info() -> None:
    """An add-route answer is shorter than any request that gets one, so that a forged address gains nothing."""
    smallest = wanted(address="", name="", user="", password="").request(AmsAddr())
    answer = Built().ask(smallest, STRANGER)
    assert answer is not None
    assert len(answer) < len(smallest)


def test_infos_are_rationed() -> None:
    """A flood with a known sender's address gets fifty answers, and twenty more each second; this machine all."""
    built = Built()
    answers = [built.ask(ASK, OFFICE) for _ in range(500)]
    assert len([answer for answer in answers if answer]) == ANSWERS_AT_ONCE
    built.now_ns += S_NS
    assert len([answer for answer in (built.ask(ASK, OFFICE) for _ in range(500)) if answer]) == 20
    assert all(built.ask(ASK, LOOPBACK) for _ in range(200))


def test_a_reply_is_never_answered() -> None:
    """Two routers that hear each other do not talk for ever."""
    built = Built()
    answer = built.ask(ASK, LOOPBACK)
    assert answer is not None
    assert built.ask(answer, LOOPBACK) is None
    for service in (0, 2, 5, 0x80000006):
        assert built.ask(Packet(service, AmsAddr()).encode(), LOOPBACK) is None
    assert built.responder.counts["silent"] == 5


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer_or_silence(data: bytes) -> None:
    """Noise, noise behind a good header, and a good packet with noise in it or behind it."""
    built = Built()
    good = wanted().request(AmsAddr())
    for packet in (data, good[:8] + data, good[: len(data) % len(good)] + data, good + data):
        answer = built.ask(packet, STRANGER)
        assert answer is None or answer[:4] == good[:4]
        found(packet)
        added(packet, 0)


def test_the_packet_that_crashed_a_real_system_is_nothing() -> None:
    """An add-route header with 1514 bytes 0xFF behind it is malformed, and answered by silence."""
    built = Built()
    good = wanted().request(AmsAddr())
    assert built.ask(good[:24] + b"\xff" * 1514, STRANGER) is None
    assert built.responder.counts["malformed"] == 1
    assert built.ask(good + b"\xff" * 1514, STRANGER) is not None


def test_answers_to_others_questions_are_not_ours() -> None:
    """A status counts with our invoke id only; an info's bytes are no status."""
    answer = Built().ask(wanted().request(AmsAddr(), 3), STRANGER)
    assert answer is not None
    assert (added(answer, 3), added(answer, 4), found(answer)) == (0, None, None)
    info = Built().ask(ASK, LOOPBACK)
    assert info is not None
    assert added(info, 7) is None
