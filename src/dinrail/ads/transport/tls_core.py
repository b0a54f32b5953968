"""Secure ADS (port 8016) without sockets: bytes in, bytes and events out.

    TCP connect -> TLS 1.2 -> client's TlsConnectInfo -> server's TlsConnectInfo -> AMS frames without their TCP header

    core.receive(bytes) -> [Asked | Established | frame | Ended]     after Asked, core.decide() goes on
    core.outgoing()     -> bytes for the peer, to be fetched after every call
    core.send(frames)

Nothing raises for any bytes. What goes wrong is the last event, `Ended(fault)`, after the frames that came before it;
the fault carries the protocol's own error code, and what the peer has to be told (an alert, a TlsConnectInfo with the
code) is in `outgoing()`.
"""

from __future__ import annotations

import contextlib
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from OpenSSL import SSL

from dinrail.ads.transport.bare import BareDecoder, unwrap
from dinrail.ads.transport.certificates import common_name, fingerprint, names_of
from dinrail.ads.transport.tls_claim import (
    TOLD,
    Asked,
    Claim,
    Ended,
    Established,
    Event,
    Mode,
    SecureAdsFault,
    Visit,
    chain_fault,
    why_refused,
)
from dinrail.ads.transport.tls_context import TlsContext, reasons
from dinrail.ams.address import NetId
from dinrail.ams.tls import VERSION, TlsConnectInfo, TlsError, TlsFlag, size_of
from dinrail.errors import FormatError

if TYPE_CHECKING:
    from cryptography import x509

MAX_EARLY_BYTES = 64 << 10
"""Of everything that comes before the connection is established. A chain of four RSA 4096 certificates has 8 KiB."""
_READ_BYTES = 64 << 10
_RECORD_BYTES = 16 << 10


class _State(enum.Enum):
    HANDSHAKE = enum.auto()
    HELLO = enum.auto()
    ASKED = enum.auto()
    OPEN = enum.auto()
    SPENT = enum.auto()


class TlsCore(ABC):
    """One connection; `ServerCore` and `ClientCore` are its two roles."""

    def __init__(self, context: TlsContext, *, accept: bool) -> None:
        self._context = context
        self._connection, self._seen = context.connection(accept=accept)
        self._state = _State.HANDSHAKE
        self._early_bytes = 0
        self._hello = bytearray()
        self._decoder = BareDecoder()
        self._claim: Claim | None = None

    @property
    def is_open(self) -> bool:
        return self._state is _State.OPEN

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return self._decoder.pending_bytes

    @property
    def cipher(self) -> str:
        """The suite in OpenSSL's spelling; empty before there is one."""
        return self._connection.get_cipher_name() or ""

    def receive(self, data: bytes) -> list[Event]:
        """Take what came from the peer, however it was cut."""
        events: list[Event] = []
        if self._state is not _State.SPENT:
            self._guarded(lambda: self._take(data, events), events)
        return events

    def decide(self, *, admitted: bool) -> list[Event]:
        """Answer an `Asked`. What the peer sent meanwhile follows in the events. A refused client is told why."""
        events: list[Event] = []
        if self._state is _State.ASKED and self._claim is not None:
            claim = self._claim
            self._guarded(lambda: self._decide(claim, admitted, events), events)
        return events

    def outgoing(self) -> bytes:
        """What has to be sent to the peer, in order."""
        parts: list[bytes] = []
        try:
            while True:
                part = self._connection.bio_read(_READ_BYTES)
                parts.append(part)
                if len(part) < _READ_BYTES:
                    break
        except SSL.WantReadError:
            pass
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, frames: bytes) -> None:
        """Encrypt whole frames, end to end, with their AMS/TCP headers. Before the connection is open: nothing.

        Where OpenSSL does not take them, the connection is broken, and not open any more.
        """
        if self._state is _State.OPEN:
            try:
                for bare in unwrap(frames):
                    self._write(bare)
            except SSL.Error:
                self.close()

    def close(self) -> None:
        """Say goodbye in TLS's own way; nothing is received afterwards."""
        if self._state in (_State.OPEN, _State.ASKED, _State.HELLO):
            with contextlib.suppress(SSL.Error):  # a connection that is broken already
                self._connection.shutdown()
        self._state = _State.SPENT

    def _guarded(self, step: Callable[[], None], events: list[Event]) -> None:
        """A step whose faults become the last event."""
        try:
            step()
        except SecureAdsFault as fault:
            events.append(Ended(fault))
        except FormatError as fault:
            events.append(Ended(self._spend(TlsError.OK, str(fault), hint=fault.hint)))

    def _take(self, data: bytes, events: list[Event]) -> None:
        if self._state is not _State.OPEN:
            self._early_bytes += len(data)
            if self._early_bytes > MAX_EARLY_BYTES:
                raise self._spend(TlsError.OK, f"more than {MAX_EARLY_BYTES} bytes before the first frame")
        if data:
            self._connection.bio_write(data)
        if self._state is not _State.HANDSHAKE or self._shake():
            self._read(events)

    def _decide(self, claim: Claim, admitted: bool, events: list[Event]) -> None:
        if not admitted:
            raise self._turned_away(claim)
        self._admitted()
        self._state = _State.OPEN
        events.append(Established(claim))
        if self._hello:  # frames that came in one record with the TlsConnectInfo
            rest, self._hello = bytes(self._hello), bytearray()
            events.extend(self._decoder.feed(rest))
        self._read(events)

    def _shake(self) -> bool:
        try:
            self._context.shake(self._connection, self._seen)
        except SSL.WantReadError:
            return False
        except SSL.Error as fault:
            raise self._spend(TlsError.OK, f"no TLS connection: {reasons(fault)}") from fault
        self._state = _State.HELLO
        self._shaken()
        return True

    def _read(self, events: list[Event]) -> None:
        while self._state in (_State.HELLO, _State.OPEN):
            try:
                plain = self._connection.recv(_RECORD_BYTES)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:
                self.close()
                events.append(Ended())
                return
            except SSL.Error as fault:
                raise self._spend(TlsError.OK, f"the TLS connection broke: {reasons(fault)}") from fault
            if self._state is _State.OPEN:
                events.extend(self._decoder.feed(plain))
            else:
                self._greet(plain, events)

    def _greet(self, plain: bytes, events: list[Event]) -> None:
        self._hello += plain
        size = size_of(bytes(self._hello[:2]))
        if size is None or len(self._hello) < size:
            return
        hello = TlsConnectInfo.parse(bytes(self._hello[:size]))
        del self._hello[:size]
        self._claim = self._greeted(hello)
        self._state = _State.ASKED
        events.append(Asked(self._claim))

    @abstractmethod
    def _shaken(self) -> None:
        """TLS is done, in both directions."""

    @abstractmethod
    def _greeted(self, hello: TlsConnectInfo) -> Claim:
        """The peer's TlsConnectInfo is here: who is it? Raises SecureAdsFault."""

    @abstractmethod
    def _admitted(self) -> None:
        """It may go on."""

    @abstractmethod
    def _turned_away(self, claim: Claim) -> SecureAdsFault:
        """It may not."""

    def _chain_fault(self) -> str:
        return chain_fault(self._seen.chain, has_authorities=self._context.has_authorities)

    def _write(self, plain: bytes) -> None:
        # Memory takes everything at once: there is neither a partial write nor a WantWrite.
        self._connection.sendall(plain)

    def _certificate(self) -> x509.Certificate | None:
        try:
            return self._connection.get_peer_certificate(as_cryptography=True)
        except ValueError as fault:  # OpenSSL takes some that cryptography's stricter reader does not
            raise self._spend(TlsError.UNKNOWN_CERTIFICATE, f"the certificate cannot be read: {fault}") from fault

    def _spend(self, error: int, what: str, *, hint: str | None = None) -> SecureAdsFault:
        self.close()
        return SecureAdsFault(error, what, hint=hint)


class ServerCore(TlsCore):
    """Somebody came to us."""

    def __init__(self, context: TlsContext, *, net_id: NetId, host_name: str, address: str = "") -> None:
        """net_id, host_name: what we say of ourselves. address: the peer's, which its common name may be."""
        super().__init__(context, accept=True)
        self._own = TlsConnectInfo(net_id, TlsFlag.RESPONSE, host_name)
        self._address = address

    def _shaken(self) -> None:
        """The client speaks first."""

    def _greeted(self, hello: TlsConnectInfo) -> Claim:
        if hello.version != VERSION:
            raise self._refuse(TlsError.VERSION, f"speaks version {hello.version} of TlsConnectInfo, we {VERSION}")
        claim = self._examine(hello)
        if claim.mode is Mode.SHARED_CA:
            self._check_name(claim, hello)
        if claim.adds and not (hello.user and hello.password):
            raise self._refuse(TlsError.UNKNOWN_USER, "wants to be added without a user name and a password")
        return claim

    def _admitted(self) -> None:
        self._answer(TlsFlag.RESPONSE | TlsFlag.AMS_ALLOWED, TlsError.OK)

    def _turned_away(self, claim: Claim) -> SecureAdsFault:
        return self._refuse(*why_refused(claim))

    def _examine(self, hello: TlsConnectInfo) -> Claim:
        """Which mode it is: by the suite first, by the flag second."""
        adds = bool(hello.flags & TlsFlag.ADD_REMOTE)
        user, password = (hello.user, hello.password) if adds else ("", "")
        said = Claim(Mode.PSK, "", "", "", hello.net_id, hello.host_name, adds, user, password)
        certificate = self._certificate()
        if certificate is None:
            if self._seen.psk is None:
                raise self._refuse(TlsError.UNKNOWN_CERTIFICATE, "shows neither a certificate nor a key")
            return replace(said, psk=self._seen.psk.identity)
        shown = replace(said, fingerprint=fingerprint(certificate), common_name=common_name(certificate))
        if hello.flags & TlsFlag.SELF_SIGNED:
            return replace(shown, mode=Mode.SELF_SIGNED)
        if not self._context.has_authorities or self._seen.chain:
            what = f"certificate {shown.fingerprint} ({shown.common_name}) {self._chain_fault()}"
            raise self._refuse(TlsError.UNKNOWN_CERTIFICATE, what)
        return replace(shown, mode=Mode.SHARED_CA)

    def _check_name(self, claim: Claim, hello: TlsConnectInfo) -> None:
        names = {claim.host_name.lower(), self._address.lower()}
        if not hello.flags & TlsFlag.IGNORE_COMMON_NAME and claim.common_name.lower() not in names:
            raise self._refuse(
                TlsError.COMMON_NAME, f"is {claim.host_name!r} by its word and {claim.common_name!r} by certificate"
            )

    def _answer(self, flags: int, error: int) -> None:
        own = self._own
        self._write(TlsConnectInfo(own.net_id, flags, own.host_name, error=error).encode())

    def _refuse(self, error: TlsError, what: str) -> SecureAdsFault:
        self._answer(TlsFlag.RESPONSE, error)
        return self._spend(error, what)


class ClientCore(TlsCore):
    """We call on somebody. The first `outgoing()` is there from the beginning."""

    def __init__(self, context: TlsContext, visit: Visit, *, psk: str = "") -> None:
        """psk: our identity, when the context has a key."""
        super().__init__(context, accept=False)
        self._visit = visit
        self._psk = psk
        self._shown = ("", "")
        self._shake()

    def _shaken(self) -> None:
        visit = self._visit
        certificate = self._certificate()
        if visit.mode is not Mode.PSK:
            if certificate is None:
                raise self._spend(TlsError.UNKNOWN_CERTIFICATE, "the server shows no certificate")
            self._shown = (fingerprint(certificate), common_name(certificate))
            self._judge(certificate)
        self._write(visit.hello().encode())

    def _judge(self, certificate: x509.Certificate) -> None:
        """Before anything is said: the next thing may be a password."""
        visit, (shown, name) = self._visit, self._shown
        if visit.mode is Mode.SHARED_CA:
            if not self._context.has_authorities or self._seen.chain:
                what = self._chain_fault()
                raise self._spend(TlsError.UNKNOWN_CERTIFICATE, f"the server's certificate {shown} ({name}) {what}")
            if visit.server_name and visit.server_name.lower() not in names_of(certificate):
                raise self._spend(TlsError.COMMON_NAME, f"the server's certificate is for {name!r}")
        elif visit.pin and visit.pin != shown:
            raise self._spend(
                TlsError.UNKNOWN_CERTIFICATE,
                f"the server shows certificate {shown}, pinned is {visit.pin}",
                hint="when the device was set up anew, add the route again; when not, somebody is in between",
            )
        elif not visit.pin and not visit.first:
            raise self._spend(
                TlsError.UNKNOWN_CERTIFICATE,
                f"the server's certificate {shown} is not known here",
                hint="add the route with a user name and a password, or give this fingerprint as the route's pin",
            )

    def _greeted(self, hello: TlsConnectInfo) -> Claim:
        if hello.error:
            why = TOLD[TlsError(hello.error)] if hello.error in TOLD else f"error {hello.error}"
            raise self._spend(hello.error, f"the server refuses us: {why}")
        # AmsAllowed is not waited for: TwinCAT's answer has been seen without it.
        mode = self._visit.mode
        return Claim(mode, *self._shown, self._psk if mode is Mode.PSK else "", hello.net_id, hello.host_name)

    def _admitted(self) -> None:
        """The server spoke last."""

    def _turned_away(self, claim: Claim) -> SecureAdsFault:
        return self._spend(
            TlsError.UNKNOWN_CERTIFICATE,
            f"the server says that it is {claim.net_id}, and may not be",
            hint="is the NetId of the route the device's own?",
        )
