"""The router's own certificate: made once, kept, never replaced, and known by its fingerprint."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from build_certificates import Authority, new_key
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dinrail.ads.transport import certificates as c
from dinrail.errors import FormatError, HostError

NOW = 1_800_000_000 * 10**9


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    """The first call makes and stores it, for its owner's eyes only; the next ones read the same."""
    path = tmp_path / "deep" / "secure-ads.pem"
    made = c.load_or_make(path, "plc-7", now_ns=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert c.load_or_make(path, "other", now_ns=NOW + 1).fingerprint == made.fingerprint
    assert c.common_name(made.certificate) == "plc-7"
    assert isinstance(made.key, rsa.RSAPrivateKey)


def test_openssl_sees_the_same_fingerprint(tmp_path: Path) -> None:
    """What we pin is what `openssl x509 -fingerprint -sha256` prints, in whatever spelling it is pasted."""
    path = tmp_path / "own.pem"
    made = c.load_or_make(path, "plc", now_ns=NOW)
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.partition("=")[2]
    assert c.normal_fingerprint(printed) == made.fingerprint
    assert c.normal_fingerprint(f"sha256:{made.fingerprint}") == made.fingerprint


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 63])
def test_what_is_no_fingerprint_is_said_so(text: str) -> None:
    """Anything but 64 hexadecimal digits is a FormatError."""
    with pytest.raises(FormatError):
        c.normal_fingerprint(text)


def test_a_broken_file_is_never_replaced(tmp_path: Path) -> None:
    """A file that is there and cannot be read stays as it is: its fingerprint may be pinned everywhere."""
    path = tmp_path / "own.pem"
    path.write_bytes(b"-----BEGIN rubbish")
    with pytest.raises(FormatError, match="cannot be read"):
        c.load_or_make(path, "plc", now_ns=NOW)
    assert path.read_bytes() == b"-----BEGIN rubbish"
    with pytest.raises(HostError):
        c.load(tmp_path / "nothing")


def test_a_key_that_is_another_certificates_is_refused() -> None:
    """Key and certificate have to belong together, and the key has to be one that TLS 1.2 signs with."""
    made = c.make("plc", now_ns=NOW)
    with pytest.raises(FormatError, match="does not belong"):
        c.decode(c.encode(c.Credentials(made.certificate, new_key())))
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(FormatError, match="neither"):
        c.decode(pem + made.certificate.public_bytes(Encoding.PEM))


def test_names_are_all_that_a_certificate_is_for() -> None:
    """Common name, DNS names and addresses, in lower case."""
    issued = Authority("ca").issue("PLC", addresses=("10.0.0.7",))
    assert c.names_of(issued.certificate) == {"plc", "10.0.0.7"}
    assert c.decode_authorities(Authority("ca").pem)
    with pytest.raises(FormatError):
        c.decode_authorities(b"")


def test_a_common_name_that_cannot_be_shown_is_none() -> None:
    """Control characters in a stranger's certificate write no lines into a log."""
    issued = Authority("plc-7\n2026-01-01 00:00:00 WARNING all is well").certificate
    assert c.common_name(issued) == ""
