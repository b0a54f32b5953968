"""Pre-shared keys over pyOpenSSL: the two callbacks that it has in its binding and not in its interface.

This is the one file that reaches below pyOpenSSL's interface (`_context`, `OpenSSL._util`). `available()` probes for
what is needed, so that another version without it refuses this one mode with a clear sentence and keeps the others.

    server: identity -> key          client: () -> identity, key

Source: RFC 4279; OpenSSL SSL_CTX_set_psk_server_callback(3), SSL_CTX_set_psk_client_callback(3).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL, _util

from dinrail.errors import HostError

LOG = logging.getLogger("dinrail.ads.tls")
CIPHERS = "PSK-AES256-CBC-SHA384:PSK-AES128-CBC-SHA256:PSK-AES256-CBC-SHA:PSK-AES128-CBC-SHA"
"""What TwinCAT speaks with a key: neither GCM nor any Diffie-Hellman."""
MAX_IDENTITY_BYTES = 128
"""RFC 4279, 5.3."""
KEY_BYTES = 32
_NOTHING = 0
_DECOY = secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True, slots=True)
class Psk:
    """One identity with its 32-byte key."""

    identity: str
    key: bytes

    def __repr__(self) -> str:
        return f"Psk({self.identity!r})"  # never the key: this ends in logs


def derive(identity: str, password: str) -> Psk:
    """As TwinCAT does it: SHA-256 over the identity in capitals and the password."""
    return Psk(identity, hashlib.sha256((identity.upper() + password).encode()).digest())


def available() -> bool:
    """Whether this pyOpenSSL's binding has the two callbacks."""
    lib = _util.lib
    return hasattr(lib, "SSL_CTX_set_psk_server_callback") and hasattr(lib, "SSL_CTX_set_psk_client_callback")


def serve(context: SSL.Context, find: Callable[[str], Psk | None], seen: Callable[[Psk], None]) -> object:
    """Let a server's context ask for keys. The result has to live as long as the context does.

    find: the entry for an identity in any spelling (TwinCAT's own are without case), None when there is none such.
    seen: told the entry; called within `do_handshake` of the connection that it belongs to.
    An unknown identity gets a key that nobody has: it fails exactly as a wrong password does (RFC 4279, 2: a server
    that tells the two apart lists its identities to everyone).
    """
    _needs()
    ffi = _util.ffi

    def ask(_ssl: Any, identity: Any, out: Any, out_bytes: int) -> int:
        raw = bytes(ffi.string(identity, MAX_IDENTITY_BYTES)) if identity != ffi.NULL else b""
        known = find(raw.decode("utf-8", "replace"))
        key = known.key if known else hmac.digest(_DECOY, raw, "sha256")
        if not key or len(key) > out_bytes:
            return _NOTHING
        if known:
            seen(known)
        ffi.memmove(out, key, len(key))
        return len(key)

    callback = ffi.callback(
        "unsigned int(SSL *, const char *, unsigned char *, unsigned int)", ask, error=_NOTHING, onerror=_raised
    )
    _util.lib.SSL_CTX_set_psk_server_callback(_pointer(context), callback)
    return callback


def offer(context: SSL.Context, own: Psk) -> object:
    """Let a client's context show its identity. The result has to live as long as the context does."""
    _needs()
    ffi = _util.ffi
    identity = own.identity.encode() + b"\0"

    def show(_ssl: Any, _hint: Any, name: Any, name_bytes: int, out: Any, out_bytes: int) -> int:
        if len(identity) > name_bytes or len(own.key) > out_bytes:
            return _NOTHING
        ffi.memmove(name, identity, len(identity))
        ffi.memmove(out, own.key, len(own.key))
        return len(own.key)

    callback = ffi.callback(
        "unsigned int(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)",
        show,
        error=_NOTHING,
        onerror=_raised,
    )
    _util.lib.SSL_CTX_set_psk_client_callback(_pointer(context), callback)
    return callback


def _pointer(context: SSL.Context) -> Any:
    return context._context


def _raised(_kind: object, fault: BaseException, _trace: object) -> None:
    """C cannot carry an exception on: the handshake is refused (`error=0`), and the reason goes into the log."""
    LOG.error("a key could not be looked up", exc_info=fault)


def _needs() -> None:
    if not available():
        raise HostError(
            "this pyOpenSSL has no pre-shared keys",
            why="Secure ADS by identity and password needs SSL_CTX_set_psk_server_callback from its binding",
            hint="another version of pyOpenSSL and cryptography, or the modes with certificates",
        )
