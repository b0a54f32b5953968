"""What all Secure ADS connections of one door share: the OpenSSL context, own and trusted certificates, keys.

TLS 1.2 and nothing else, in both roles: TwinCAT speaks no other on port 8016, its key suites exist in no other, and one
version means one set of properties to test (no tickets, no post-handshake messages, renegotiation refused).

Certificates are never judged by OpenSSL inside the handshake. Who is unknown, expired or of the wrong CA finishes it
(and has thereby proven to hold the key), and is then refused in the words that the protocol has for it: TlsConnectInfo
with an error code. Nothing of it reaches a router before that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from OpenSSL import SSL, crypto

from dinrail.ads.transport import psk
from dinrail.ads.transport.certificates import Credentials
from dinrail.ads.transport.psk import Psk
from dinrail.errors import BadRequest

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE_CIPHERS = (
    "ECDHE+AESGCM:DHE+AESGCM:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:"
    "DHE-RSA-AES256-SHA256:DHE-RSA-AES128-SHA256"
)
"""Forward secrecy always. The last two are all that TwinCAT's own list has besides GCM."""
_OPTIONS = SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE
FFDHE3072 = b"""-----BEGIN DH PARAMETERS-----
MIIBiAKCAYEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEfz9zeNVs7ZRkDW7w09N75nAI4YbRvydbmyQd62R0mkff3
7lmMsPrBhtkcrv4TCYUTknC0EwyTvEN5RPT9RFLi103TZPLiHnH1S/9croKrnJ32
nuhtK8UiNjoNq8Uhl5sN6todv5pC1cRITgq80Gv6U93vPBsg7j/VnXwl5B0rZsYu
N///////////AgEC
-----END DH PARAMETERS-----
"""
"""RFC 7919, A.2: clients with the DHE suites only need a group from the server."""


@dataclass(slots=True)
class Handshake:
    """What OpenSSL's callbacks find out during one handshake. `chain` has OpenSSL's error numbers, empty when all is
    well; it means something only where the peer showed a certificate."""

    chain: list[int]
    psk: Psk | None = None


class TlsContext:
    """One OpenSSL context. Make it once for each listener, and once for each route that is dialled."""

    def __init__(
        self,
        own: Credentials | None = None,
        *,
        authorities: tuple[x509.Certificate, ...] = (),
        find_psk: Callable[[str], Psk | None] | None = None,
        offer_psk: Psk | None = None,
    ) -> None:
        """own: None where only keys are spoken. authorities: the shared CA's certificates.

        find_psk (listening): the entry for an identity; offer_psk (dialling): with it no certificate is shown.
        Raises BadRequest for credentials that OpenSSL does not take, HostError when it has no pre-shared keys.
        """
        self.has_authorities = bool(authorities)
        self._now: Handshake | None = None
        self._context = context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(_OPTIONS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        ciphers = [CERTIFICATE_CIPHERS] if own is not None and offer_psk is None else []
        if find_psk is not None or offer_psk is not None:
            ciphers.append(psk.CIPHERS)
        context.set_cipher_list(":".join(ciphers).encode())
        if own is not None and offer_psk is None:
            self._use(own, authorities)
        self._callbacks: list[object] = []  # cffi frees what nobody holds
        if find_psk is not None:
            self._callbacks.append(psk.serve(context, find_psk, self._identified))
        if offer_psk is not None:
            self._callbacks.append(psk.offer(context, offer_psk))

    def connection(self, *, accept: bool) -> tuple[SSL.Connection, Handshake]:
        """A new connection over memory, and where its handshake leaves what it finds."""
        connection = SSL.Connection(self._context, None)
        seen = Handshake([])
        connection.set_app_data(seen)
        if accept:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
        return connection, seen

    def shake(self, connection: SSL.Connection, seen: Handshake) -> None:
        """Go on with a handshake. Raises what pyOpenSSL raises."""
        # OpenSSL calls back within this call only, so that the key's callback knows whose handshake it is.
        self._now = seen
        try:
            connection.do_handshake()
        finally:
            self._now = None

    def _use(self, own: Credentials, authorities: tuple[x509.Certificate, ...]) -> None:
        context = self._context
        try:
            context.use_certificate(own.certificate)
            context.use_privatekey(own.key)
        except SSL.Error as fault:
            raise BadRequest(
                "OpenSSL does not take this certificate or key", why=reasons(fault), hint="RSA with 2048 bits or more"
            ) from fault
        store = context.get_cert_store()
        for authority in authorities:
            if store is not None:
                store.add_cert(crypto.X509.from_cryptography(authority))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _note_chain)
        with tempfile.NamedTemporaryFile() as group:  # pyOpenSSL takes a path only
            group.write(FFDHE3072)
            group.flush()
            context.load_tmp_dh(group.name)

    def _identified(self, entry: Psk) -> None:
        if self._now is not None:
            self._now.psk = entry


def _note_chain(connection: SSL.Connection, _certificate: crypto.X509, error: int, _depth: int, _ok: int) -> bool:
    if error:
        seen = connection.get_app_data()
        if isinstance(seen, Handshake):
            seen.chain.append(error)
    return True


def reasons(fault: SSL.Error) -> str:
    """OpenSSL's own words for a fault; its stack may be empty."""
    stack = fault.args[0] if fault.args else ()
    if isinstance(stack, list | tuple):
        return "; ".join(str(entry[-1]) for entry in stack if isinstance(entry, tuple) and entry) or "no reason given"
    return str(stack)
