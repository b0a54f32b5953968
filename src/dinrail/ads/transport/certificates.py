"""The router's own certificate and key for Secure ADS: made once, kept in one file, known by its fingerprint.

RSA 2048 and not an elliptic curve: the suites that TwinCAT's own clients offer on port 8016 sign with RSA.
Key and certificate lie in one file, so that a crash never leaves one of a new pair beside one of the old.

Source: reference on Secure ADS; RFC 5280; kevinherron/beckhoff-secure-ads README.md ("TLS_DHE_RSA_...").
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from dinrail.errors import FormatError
from dinrail.files import atomic_write, read_file
from dinrail.units import S_NS

MAX_PEM_BYTES = 1 << 18
MAX_COMMON_NAME = 64
"""RFC 5280, ub-common-name."""
_KEY_BITS = 2048
_YEARS = 20
"""A controller's life. A pin is what is trusted, so that an early end would only stop machines on a holiday."""
_DAY = datetime.timedelta(days=1)
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """What this side shows: its certificate and the key to it."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER form, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def normal_fingerprint(text: str) -> str:
    """A fingerprint as people paste it (colons, spaces, capitals, `sha256:`). Raises FormatError."""
    plain = text.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(plain) != 64 or set(plain) - set("0123456789abcdef"):
        raise FormatError(
            f"{text!r} is no SHA-256 fingerprint",
            structure="certificate fingerprint",
            hint="`openssl x509 -noout -fingerprint -sha256 -in FILE` prints one: 64 hexadecimal digits",
        )
    return plain


def common_name(certificate: x509.Certificate) -> str:
    """The subject's common name; empty when it has none, or one that cannot be read.

    Anybody may write anything into a certificate of his own, and this stands in logs: one that cannot be shown is none.
    """
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:  # a hostile subject is parsed only here
        return ""
    value = names[0].value if names else ""
    text = value if isinstance(value, str) else value.decode("latin-1")
    return text if text.isprintable() else ""


def names_of(certificate: x509.Certificate) -> set[str]:
    """All that it is for: common name, DNS names and IP addresses, in lower case."""
    names = {common_name(certificate).lower()}
    try:
        more = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return names
    names.update(name.lower() for name in more.get_values_for_type(x509.DNSName))
    names.update(str(address) for address in more.get_values_for_type(x509.IPAddress))
    return names


def make(name: str, *, now_ns: int) -> Credentials:
    """A new key and a self-signed certificate for `name` (the host's). `now_ns`: UTC, nanoseconds since 1970."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:MAX_COMMON_NAME] or "dinrail")])
    now = datetime.datetime.fromtimestamp(now_ns // S_NS, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)  # the peer's clock may be behind
        .not_valid_after(now + _YEARS * 365 * _DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Credentials(certificate, key)


def encode(own: Credentials) -> bytes:
    """Key and certificate as one PEM text."""
    key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + own.certificate.public_bytes(Encoding.PEM)


def decode(pem: bytes, *, where: str | None = None) -> Credentials:
    """From a PEM text with one key (unencrypted) and its certificate, in any order. Raises FormatError."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise _bad(f"cannot be read: {fault}", where) from fault
    if not isinstance(key, PrivateKey):
        raise _bad("has a key that is neither RSA nor on an elliptic curve", where)
    if _public(key.public_key()) != _public(certificate.public_key()):
        raise _bad("has a key that does not belong to its certificate", where)
    return Credentials(certificate, key)


def decode_authorities(pem: bytes, *, where: str | None = None) -> tuple[x509.Certificate, ...]:
    """The certificates of a shared CA's file. Raises FormatError, for an empty one, too."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as fault:
        raise _bad(f"cannot be read: {fault}", where) from fault


def load(path: Path) -> Credentials:
    """From a file. Raises HostError when it cannot be read, FormatError when it is not what it should be."""
    return decode(read_file(path, max_bytes=MAX_PEM_BYTES), where=str(path))


def load_or_make(path: Path, name: str, *, now_ns: int) -> Credentials:
    """The file's credentials; made and stored (mode 0600) when there is no such file.

    A file that is there and broken is never replaced: every peer has pinned what was in it.
    Raises FormatError or HostError.
    """
    if path.exists():
        return load(path)
    made = make(name, now_ns=now_ns)
    atomic_write(path, encode(made), mode=0o600)
    return made


def _public(key: object) -> bytes:
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b""


def _bad(what: str, where: str | None) -> FormatError:
    return FormatError(
        what,
        structure="certificate file",
        where=where,
        hint="one PEM file with an unencrypted key and its certificate; "
        "where it is removed, the router makes a new pair, and every peer has to pin that one",
    )
