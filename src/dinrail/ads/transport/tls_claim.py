"""The words of Secure ADS: modes, who somebody is and says to be, how we call, and why it did not come about."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.tls import TlsConnectInfo, TlsError, TlsFlag

TOLD = {
    TlsError.VERSION: "it does not speak our version of TlsConnectInfo (1)",
    TlsError.COMMON_NAME: "our certificate's common name is not what it expects (2)",
    TlsError.UNKNOWN_CERTIFICATE: "it does not know our certificate (3): add the route there first",
    TlsError.UNKNOWN_USER: "it does not take our user name and password, or does not know us (4)",
}
"""What a server's error code means for us."""
_CHAIN = {
    9: "is not valid yet (is this machine's clock right?)",
    10: "has expired",
    26: "is not made for this purpose",
}
"""OpenSSL's X509_V_ERR_ numbers with another meaning than "not of our CA"."""


class Mode(enum.StrEnum):
    """How the two sides know each other."""

    SELF_SIGNED = "self-signed"  # by the fingerprint of a certificate, stored at the first visit
    SHARED_CA = "shared-ca"
    PSK = "psk"


class SecureAdsFault(AdsFault):
    """A Secure ADS connection that did not come about, or broke. `error` is TlsConnectInfo's code for it."""

    def __init__(self, error: int, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        denied = error != TlsError.OK
        super().__init__(AdsError.SECURE_ACCESS_DENIED if denied else AdsError.TLS_SEND, what, where=where, hint=hint)
        self.error = error

    def as_dict(self) -> dict[str, object]:
        return super().as_dict() | {"tls_error": self.error}


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a peer is (proven by TLS: fingerprint, common name under a shared CA, key), and who it says it is.

    fingerprint: SHA-256 of its certificate, hexadecimal; empty with a key. The peer holds the private key to it.
    common_name: its certificate's subject. Proven under a shared CA, a mere saying otherwise.
    psk:         the identity whose key it has, as configured; empty with a certificate.
    net_id, host_name: what it says. user, password: with the wish to be added (`adds`).
    """

    mode: Mode
    fingerprint: str
    common_name: str
    psk: str
    net_id: NetId
    host_name: str
    adds: bool = False
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        who = self.psk or self.fingerprint
        return f"Claim({self.mode}, {who}, {self.net_id}, {self.host_name!r}, user {self.user!r})"

    @property
    def identity(self) -> str:
        """As in `Origin.identity`."""
        return f"psk:{self.psk}" if self.mode is Mode.PSK else f"sha256:{self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The peer has shown who it is. `core.decide` answers; nothing else that it sends is looked at until then."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Established:
    """Frames may pass from here on."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over. `fault` says why, and is None when the peer ended the connection in TLS's own way."""

    fault: SecureAdsFault | None = None


Event = Asked | Established | Ended | bytes
"""What a core tells; bytes are one whole frame, with its AMS/TCP header."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How we call on a Secure ADS server.

    pin:         its certificate's fingerprint; empty at a first visit.
    first:       without a pin, take whatever certificate is shown (`Established.claim.fingerprint` is then to be
                 stored). Without it, an unknown server is refused before it is told anything.
    user:        with `password`: ask to be added (self-signed only).
    server_name: what its certificate has to be for, under a shared CA; empty when any name will do.
    """

    mode: Mode
    net_id: NetId
    host_name: str
    pin: str = ""
    first: bool = False
    user: str = ""
    password: str = ""
    server_name: str = ""

    def __repr__(self) -> str:
        return f"Visit({self.mode}, pin {self.pin!r}, user {self.user!r})"

    def hello(self) -> TlsConnectInfo:
        """The TlsConnectInfo that we say."""
        flags = TlsFlag.SELF_SIGNED if self.mode is Mode.SELF_SIGNED else TlsFlag(0)
        if self.mode is Mode.SELF_SIGNED and self.user:
            flags |= TlsFlag.ADD_REMOTE | TlsFlag.IP_ADDRESS | TlsFlag.IGNORE_COMMON_NAME
        return TlsConnectInfo(self.net_id, flags, self.host_name, user=self.user, password=self.password)


def chain_fault(chain: list[int], *, has_authorities: bool) -> str:
    """Why a certificate is not trusted under the shared CA, from OpenSSL's error numbers."""
    if not has_authorities:
        return "is of a CA, and none is configured here"
    named = [text for number in chain if (text := _CHAIN.get(number))]
    return named[0] if named else f"is not of the shared CA (X509_V_ERR {', '.join(map(str, chain)) or 'none'})"


def why_refused(claim: Claim) -> tuple[TlsError, str]:
    """Code and sentence for somebody who was not admitted."""
    if claim.adds:
        return TlsError.UNKNOWN_USER, f"user {claim.user!r} may not add a route, or the password is wrong"
    if claim.mode is Mode.PSK:
        return TlsError.UNKNOWN_USER, f"identity {claim.psk!r} may not be {claim.net_id}"
    return TlsError.UNKNOWN_CERTIFICATE, f"certificate {claim.fingerprint} ({claim.common_name}) is not known here"
