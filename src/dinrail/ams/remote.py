"""Routes as the system service sees them (groups 801 and 803).

    NetId[6] | u16 transport | u32 flags, timeout, largest fragment, 3 reserved
    u32 x 3 bytes of address, name, additional NetIds | address, NUL | name, NUL | NetIds | TLS block if flag 8
    NetId[6] that stands for this machine over there, if flag 0x100

Source: TwinCAT SDK, AdsSysAddRemote; StaticRoutes.xml of TwinCAT 3 (the same flags).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from dinrail.ams.address import NET_ID_BYTES, NetId
from dinrail.ams.cursor import Cursor
from dinrail.ams.service import counted_text
from dinrail.ams.text import encode_text
from dinrail.errors import FormatError

_HEAD = struct.Struct("<6sHIII12sIII")
_STRUCTURE = "AdsSysAddRemote"
MAX_NET_IDS = 64
MAX_REMOTE_BYTES = 4096


class Transport(enum.IntEnum):
    """How a remote is reached."""

    TCP_IP = 1
    MQTT = 14


class RemoteFlag(enum.IntFlag):
    """Flags of a route."""

    TEMPORARY = 0x001
    DYNAMIC = 0x002  # the address is a host name
    NO_OVERRIDE = 0x004
    TLS = 0x008
    OWN_FILE = 0x010
    IP_ADDRESS = 0x020
    FROM_DISCOVERY = 0x040
    UNIDIRECTIONAL = 0x080  # from there only responses, notification requests and ReadState
    AMS_NAT = 0x100


@dataclass(frozen=True, slots=True)
class AddRemote:
    """One route. `tls` is a block whose form is not public; `remote_net_id` (AMS_NAT) is how they know us."""

    net_id: NetId
    address: str
    name: str
    flags: int = 0
    transport: int = Transport.TCP_IP.value
    timeout_s: int = 0
    max_fragment: int = 0
    net_ids: tuple[NetId, ...] = ()
    tls: bytes = field(default=b"", repr=False)
    remote_net_id: NetId | None = None

    def encode(self) -> bytes:
        """The structure; TLS and AMS_NAT are set as their parts are there. Raises BadRequest."""
        flags = self.flags & ~(RemoteFlag.TLS | RemoteFlag.AMS_NAT) & 0xFFFFFFFF
        flags |= (RemoteFlag.TLS if self.tls else 0) | (RemoteFlag.AMS_NAT if self.remote_net_id else 0)
        address, name = encode_text(self.address) + b"\0", encode_text(self.name) + b"\0"
        net_ids = b"".join(self.net_ids)
        head = _HEAD.pack(
            self.net_id,
            self.transport,
            flags,
            self.timeout_s,
            self.max_fragment,
            b"",
            len(address),
            len(name),
            len(net_ids),
        )
        return b"".join((head, address, name, net_ids, self.tls, self.remote_net_id or b""))

    @classmethod
    def parse(cls, data: bytes) -> AddRemote:
        """Raises FormatError."""
        if len(data) > MAX_REMOTE_BYTES:
            raise FormatError(f"{len(data)} bytes, {MAX_REMOTE_BYTES} are allowed", structure=_STRUCTURE)
        cursor = Cursor(data, _STRUCTURE)
        net_id, transport, flags, timeout, fragment, _, address, name, net_ids = cursor.fields(_HEAD, "header")
        if net_ids % NET_ID_BYTES or net_ids > MAX_NET_IDS * NET_ID_BYTES:
            raise FormatError(
                f"{net_ids} bytes of NetIds", structure=_STRUCTURE, field="cbAddNetIds", offset=cursor.at - 4
            )
        address_text = counted_text(cursor, address, "address")
        name_text = counted_text(cursor, name, "name")
        more = cursor.take(net_ids, "additional NetIds")
        nat_bytes = NET_ID_BYTES if flags & RemoteFlag.AMS_NAT else 0
        tls = cursor.take(max(cursor.left - nat_bytes, 0), "TLS") if flags & RemoteFlag.TLS else b""
        return cls(
            net_id=NetId(net_id),
            address=address_text,
            name=name_text,
            flags=flags,
            transport=transport,
            timeout_s=timeout,
            max_fragment=fragment,
            net_ids=tuple(NetId(more[at : at + NET_ID_BYTES]) for at in range(0, len(more), NET_ID_BYTES)),
            tls=tls,
            remote_net_id=NetId(cursor.take(nat_bytes, "remote NetId")) if nat_bytes else None,
        )
