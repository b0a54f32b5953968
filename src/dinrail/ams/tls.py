"""TlsConnectInfo: the one exchange between the TLS handshake and the first AMS frame on Secure ADS (TCP 8016).

    offset  size  field                               offset  size  field
    0       2     total length (64 .. 512)            12      1     length of the user
    2       2     flags                               13      1     length of the password
    4       1     version, 1                          14      18    reserved
    5       1     error                               32      32    host name, 1252, filled with NULs
    6       6     NetId                               64            user, password (no NULs)

Source: kevinherron/beckhoff-secure-ads, README (layout observed on the wire).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from dinrail.ams.address import NetId
from dinrail.ams.cursor import Cursor
from dinrail.ams.text import cut_text, decode_text, encode_text, fit_text
from dinrail.errors import BadRequest, FormatError

HEAD_BYTES = 64
MAX_BYTES = 512
VERSION = 1
_HEAD = struct.Struct("<HHBB6sBB18s32s")
_LENGTH = struct.Struct("<H")
_HOST_BYTES = 32
_CREDENTIAL_BYTES = 255
_STRUCTURE = "TlsConnectInfo"


class TlsFlag(enum.IntFlag):
    """What the sender wants, or grants."""

    RESPONSE = 0x01
    AMS_ALLOWED = 0x02
    SERVER_INFO = 0x04  # only store the fingerprint
    OWN_FILE = 0x08
    SELF_SIGNED = 0x10
    IP_ADDRESS = 0x20
    IGNORE_COMMON_NAME = 0x40
    ADD_REMOTE = 0x80


class TlsError(enum.IntEnum):
    """Why a server refuses."""

    OK = 0
    VERSION = 1
    COMMON_NAME = 2
    UNKNOWN_CERTIFICATE = 3
    UNKNOWN_USER = 4


@dataclass(frozen=True, slots=True)
class TlsConnectInfo:
    """One side's half of the exchange. `version` and `error` as numbers: a peer may say others than ours."""

    net_id: NetId
    flags: int = 0
    host_name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    error: int = TlsError.OK.value
    version: int = VERSION

    @property
    def is_response(self) -> bool:
        return bool(self.flags & TlsFlag.RESPONSE)

    def encode(self) -> bytes:
        """64 bytes, and user and password. A host name longer than 32 bytes is cut. Raises BadRequest."""
        user, password = encode_text(self.user), encode_text(self.password)
        total = HEAD_BYTES + len(user) + len(password)
        if max(len(user), len(password)) > _CREDENTIAL_BYTES or total > MAX_BYTES:
            raise BadRequest(
                "user and password are too long for Secure ADS", hint=f"{MAX_BYTES - HEAD_BYTES} bytes together"
            )
        head = _HEAD.pack(
            total,
            self.flags,
            self.version,
            self.error,
            self.net_id,
            len(user),
            len(password),
            b"",
            fit_text(self.host_name, _HOST_BYTES),
        )
        return head + user + password

    @classmethod
    def parse(cls, data: bytes) -> TlsConnectInfo:
        """From exactly the bytes that `size_of` announced. Raises FormatError."""
        cursor = Cursor(data, _STRUCTURE)
        total, flags, version, error, net_id, user, password, _, host = cursor.fields(_HEAD, "header")
        if total != len(data) or total > MAX_BYTES or HEAD_BYTES + user + password > total:
            raise FormatError(
                f"says {total} bytes, {len(data)} are there, {HEAD_BYTES + user + password} are needed",
                structure=_STRUCTURE,
                field="length",
                offset=0,
            )
        return cls(
            net_id=NetId(net_id),
            flags=flags,
            host_name=cut_text(host),
            user=decode_text(cursor.take(user, "user")),
            password=decode_text(cursor.take(password, "password")),
            error=error,
            version=version,
        )


def size_of(data: bytes) -> int | None:
    """How long the TlsConnectInfo at the start of a stream is; None while that cannot be told yet.

    Raises FormatError as soon as its first two bytes say less than 64 or more than 512.
    """
    if len(data) < _LENGTH.size:
        return None
    total = int(_LENGTH.unpack_from(data)[0])
    if not HEAD_BYTES <= total <= MAX_BYTES:
        raise FormatError(
            f"says {total} bytes, {HEAD_BYTES} to {MAX_BYTES} are possible",
            structure=_STRUCTURE,
            field="length",
            offset=0,
        )
    return total
