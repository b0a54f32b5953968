"""The core of Secure ADS without sockets: any cut of the bytes, any bytes, and no byte too many."""

from __future__ import annotations

import contextlib
import logging

import pytest
from build_ads_peer import OURS, THEIRS, read_state
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from dinrail.ads.transport import psk
from dinrail.ads.transport.certificates import make
from dinrail.ads.transport.tls_claim import Asked, Claim, Ended, Established, Event, Mode, Visit
from dinrail.ads.transport.tls_context import TlsContext
from dinrail.ads.transport.tls_core import MAX_EARLY_BYTES, ClientCore, ServerCore, TlsCore
from dinrail.ams.frame import MAX_FRAME_BYTES, TcpCommand, tcp_frame
from dinrail.ams.tls import TlsError

NOW = 1_800_000_000 * 10**9
SERVER, CLIENT = make("server", now_ns=NOW), make("client", now_ns=NOW)
USER = {"user": "u", "password": "topsecret"}
KEY = psk.derive("Me", "secret")
LISTENING = TlsContext(SERVER, find_psk=lambda identity: KEY if identity.upper() == "ME" else None)
CALLING, CALLING_BY_KEY = TlsContext(CLIENT), TlsContext(offer_psk=KEY)
PINNED = Visit(Mode.SELF_SIGNED, THEIRS, "client", pin=SERVER.fingerprint)


def server() -> ServerCore:
    return ServerCore(LISTENING, net_id=OURS, host_name="server", address="192.0.2.1")


def client() -> ClientCore:
    return ClientCore(CALLING, PINNED)


def carry(sender: TlsCore, receiver: TlsCore, cut: int) -> list[Event]:
    """Everything that `sender` has to say, in pieces; whoever asks is let in."""
    data = sender.outgoing()
    events: list[Event] = []
    for at in range(0, len(data), cut):
        for event in receiver.receive(data[at : at + cut]):
            events += [event, *(receiver.decide(admitted=True) if isinstance(event, Asked) else [])]
    return events


def shaken(here: TlsCore, there: TlsCore) -> None:
    """Both, until TLS is done and the client's TlsConnectInfo is about to leave."""
    for _ in range(2):
        there.receive(here.outgoing())
        here.receive(there.outgoing())


def joined(one: TlsCore, other: TlsCore, cut: int = 1 << 20) -> list[Event]:
    """Both, until neither has more to say."""
    events: list[Event] = []
    for _ in range(10):
        events += carry(one, other, cut) + carry(other, one, cut)
    return events


@pytest.mark.parametrize("cut", [1, 2, 7, 100, 1 << 20])
@pytest.mark.parametrize("mode", [Mode.SELF_SIGNED, Mode.PSK])
def test_any_cut_gives_the_same_connection_and_frames(cut: int, mode: Mode) -> None:
    """Byte by byte or at once: the handshake comes about, and frames of all sizes pass in both directions."""
    there = server()
    keyed = Visit(Mode.PSK, THEIRS, "client")
    here = ClientCore(CALLING_BY_KEY, keyed, psk="Me") if mode is Mode.PSK else client()
    events = joined(here, there, cut)
    assert [type(event) for event in events].count(Established) == 2
    frames = [read_state(extra=bytes([n % 256]) * n) for n in (0, 1, 16_000, 40_000)]
    here.send(b"".join(frames))
    assert carry(here, there, max(cut, 50)) == frames
    there.send(frames[2])
    assert carry(there, here, max(cut, 50)) == [frames[2]]


def test_claims_say_what_was_proven() -> None:
    """The server's claim has the certificate's fingerprint, the client's NetId, and no password in its text."""
    there = server()
    visit = Visit(Mode.SELF_SIGNED, THEIRS, "client", pin=SERVER.fingerprint, **USER)
    events = joined(ClientCore(CALLING, visit), there)
    claim = next(event.claim for event in events if isinstance(event, Asked))
    assert (claim.fingerprint, claim.net_id, claim.adds) == (CLIENT.fingerprint, THEIRS, True)
    assert "topsecret" not in repr(claim) + repr(visit)
    assert claim.identity == f"sha256:{CLIENT.fingerprint}"
    assert Claim(Mode.PSK, "", "", "Me", THEIRS, "").identity == "psk:Me"


def test_frames_with_the_greeting_wait_for_the_decision() -> None:
    """Frames sent in one go with TlsConnectInfo come out after the decision, and none before it."""
    there, here = server(), client()
    shaken(here, there)
    here._write(read_state()[6:])
    events = there.receive(here.outgoing())
    assert [type(event) for event in events] == [Asked]
    assert [type(event) for event in there.decide(admitted=True)] == [Established, bytes]


def test_a_refused_one_gets_nothing_through() -> None:
    """After a refusal the core is spent: frames that were sent along are lost, and it says so in the last event."""
    there, here = server(), client()
    shaken(here, there)
    here._write(read_state()[6:])
    there.receive(here.outgoing())
    (ended,) = there.decide(admitted=False)
    assert isinstance(ended, Ended)
    assert ended.fault is not None
    assert ended.fault.error == TlsError.UNKNOWN_CERTIFICATE
    assert there.receive(b"more") == []
    (told,) = here.receive(there.outgoing())
    assert isinstance(told, Ended)
    assert told.fault is not None
    assert told.fault.error == TlsError.UNKNOWN_CERTIFICATE
    assert told.fault.as_dict()["tls_error"] == 3


def test_frames_before_a_broken_one_are_handed_out() -> None:
    """What came whole before a length that no frame has is not lost."""
    there, here = server(), client()
    joined(here, there)
    good = read_state()
    here._write(good[6:] + good[6:26] + b"\xff\xff\xff\x7f" + good[30:38])
    frame, ended = there.receive(here.outgoing())
    assert frame == good
    assert isinstance(ended, Ended)


def test_what_has_no_form_without_its_header_is_left_out() -> None:
    """A router's note to a local client does not leave by TLS."""
    there, here = server(), client()
    joined(here, there)
    there.send(tcp_frame(TcpCommand.ROUTER_NOTE, bytes(4)) + read_state())
    assert here.receive(there.outgoing()) == [read_state()]


def test_a_goodbye_ends_without_a_fault() -> None:
    """TLS's own end of a connection is no fault."""
    there, here = server(), client()
    joined(here, there)
    here.close()
    assert there.receive(here.outgoing()) == [Ended(None)]


def test_a_handshake_has_a_cap() -> None:
    """Whoever sends more than a handshake can need is cut off, though every byte of it is well-formed TLS."""
    there = server()
    record = b"\x16\x03\x01\x40\x00\x01\x0f\xff\xff" + bytes(0x3FFC)  # a ClientHello that announces a megabyte
    events: list[Event] = []
    for _ in range(MAX_EARLY_BYTES // len(record) + 2):
        events += there.receive(record)
    assert isinstance(events[-1], Ended)
    assert len(events) == 1


def test_a_renegotiation_is_refused() -> None:
    """Neither side can begin one: OpenSSL refuses under our options, and frames pass on."""
    there, here = server(), client()
    joined(here, there)
    with contextlib.suppress(SSL.Error):
        here._connection.renegotiate()
    with contextlib.suppress(SSL.Error):
        here._connection.do_handshake()
    assert not here._connection.renegotiate_pending()
    assert here._connection.total_renegotiations() == 0
    there.send(read_state())
    assert here.receive(there.outgoing())[:1] == [read_state()]


@given(st.binary(max_size=400))
def test_any_bytes_give_events_and_never_an_exception(data: bytes) -> None:
    """Instead of a handshake, and after it inside the tunnel: rubbish is an end with a fault, or a wait for more."""
    for event in server().receive(data):
        assert isinstance(event, Ended)
    there, here = server(), client()
    joined(here, there)
    here._write(data or b"x")
    for event in there.receive(here.outgoing()):
        assert isinstance(event, Ended | bytes)


@given(st.binary(min_size=1, max_size=600))
def test_any_greeting_is_one_or_a_fault(data: bytes) -> None:
    """What comes in place of TlsConnectInfo asks, waits or ends; it is never let in by itself."""
    there, here = server(), client()
    here._shaken = lambda: here._write(data)  # type: ignore[method-assign]
    shaken(here, there)
    assert there.cipher
    for event in there.receive(here.outgoing()):
        assert isinstance(event, Asked | Ended)


@given(st.integers(0, 5000), st.integers(0, 255))
def test_a_byte_changed_on_the_way_never_passes(at: int, byte: int) -> None:
    """A record that was touched is an end with a fault, and no frame comes out of it."""
    there, here = server(), client()
    joined(here, there)
    here.send(read_state(extra=bytes(2000)))
    sealed = bytearray(here.outgoing())
    at %= len(sealed)
    if sealed[at] == byte:
        byte ^= 1
    sealed[at] = byte
    assert not [event for event in there.receive(bytes(sealed)) if isinstance(event, bytes)]


def test_a_key_lookup_that_breaks_is_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """An exception where C called back refuses the handshake, and is in the log."""

    def broken(_identity: str) -> psk.Psk | None:
        raise KeyError("store")

    there = ServerCore(TlsContext(find_psk=broken), net_id=OURS, host_name="server")
    here = ClientCore(CALLING_BY_KEY, Visit(Mode.PSK, THEIRS, "client"), psk="Me")
    with caplog.at_level(logging.ERROR):
        events = joined(here, there)
    assert all(isinstance(event, Ended) for event in events)
    assert "could not be looked up" in caplog.text


def test_a_key_is_derived_as_twincat_does() -> None:
    """SHA-256 over the identity in capitals and the password; the key is in no text."""
    key = psk.derive("my-client", "pass")
    assert key.key.hex() == "66b87346b2b4cb7f6ce50ca60594635c5d4aa9326e58e65c616e3ad825791995"
    assert psk.derive("MY-CLIENT", "pass").key == key.key
    assert key.key.hex() not in repr(key)


def test_the_longest_frame_passes() -> None:
    """A frame of the largest size that the router takes crosses the tunnel."""
    there, here = server(), client()
    joined(here, there)
    frame = read_state(extra=bytes(MAX_FRAME_BYTES - 38))
    here.send(frame)
    assert carry(here, there, 100_000) == [frame]
