"""Certificates for tests: a small CA, and what it issues; valid, expired, or for the wrong purpose."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from dinrail.ads.transport.certificates import Credentials

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass
class Authority:
    """A CA with a key of its own."""

    name: str

    def __post_init__(self) -> None:
        self.key = new_key()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(named(self.name))
            .issuer_name(named(self.name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 30 * DAY)
            .not_valid_after(NOW + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, name: str, *, addresses: tuple[str, ...] = (), from_days: int = -1, to_days: int = 10
    ) -> Credentials:
        """A certificate for `name`, valid from and to so many days from now."""
        key = new_key()
        alternatives: list[x509.GeneralName] = [x509.DNSName(name)]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + from_days * DAY)
            .not_valid_after(NOW + to_days * DAY)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Credentials(certificate, key)


def write_pem(directory: Path, own: Credentials, authority: x509.Certificate | None = None) -> dict[str, Path]:
    """Files for programs: certificate, key, and the CA's certificate."""
    key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    parts = {"certificate": own.certificate.public_bytes(Encoding.PEM), "key": key}
    if authority is not None:
        parts["authorities"] = authority.public_bytes(Encoding.PEM)
    files = {}
    for part, pem in parts.items():
        files[part] = directory / f"{part}.{own.fingerprint[:8]}.pem"
        files[part].write_bytes(pem)
    return files
