"""UDP 48899: who is there, and adding a route. One datagram is one packet.

    u32 0x71146603 | u32 invoke id | u32 service (reply: | 0x80000000) | AmsAddr of the sender | u32 tags
    tags x { u16 id, u16 length, data }, in any order; texts carry their NUL in the length

    service 1, server info: no tags                    reply: name, OS version, TwinCAT version, fingerprint
    service 6, add route:   name, NetId, user,         reply: one tag, STATUS: 0, or 0x704 for a wrong password
                            password, address(, options)

Source: Beckhoff/ADS AdsLib.cpp; birkenfeld/ads-rs udp.rs; pyads pyads_ex.py.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from dinrail.ams.address import NET_ID_BYTES, AmsAddr, NetId
from dinrail.ams.cursor import Cursor
from dinrail.ams.text import cut_text, encode_text
from dinrail.errors import BadRequest, FormatError

MAGIC = 0x71146603
REPLY = 0x80000000
MAX_PACKET_BYTES = 2048
"""A reply of build 4026 is below 600 bytes. Longer datagrams are not looked at."""
MAX_TAGS = 32
_HEAD = struct.Struct("<III8sI")
_TAG = struct.Struct("<HH")
_U32 = struct.Struct("<I")
_VERSION = struct.Struct("<BBH")
_OS = struct.Struct("<IIIII")
_OS_TEXT_BYTES = 256
_TEMPORARY = 1
_PORT = 10000


class Service(enum.IntEnum):
    """What a packet asks for."""

    SERVER_INFO = 1
    ADD_ROUTE = 6


class TagId(enum.IntEnum):
    """What a tag holds."""

    STATUS = 1
    PASSWORD = 2
    VERSION = 3
    OS_VERSION = 4
    NAME = 5  # server info: the computer's name; add route: the address (name or IP) of the new route
    NET_ID = 7
    OPTIONS = 9
    ROUTE_NAME = 12
    USER = 13
    FINGERPRINT = 18


class OsPlatform(enum.IntEnum):
    """Platform id of the OS version tag."""

    TWINCAT_BSD = 0
    TWINCAT_RTOS = 1
    WINDOWS_NT = 2
    WINDOWS_CE = 3


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. Of tags with the same id the first counts."""

    service: int
    address: AmsAddr
    tags: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)  # a tag may be a password
    invoke_id: int = 0

    @property
    def is_reply(self) -> bool:
        return bool(self.service & REPLY)

    def tag(self, tag: int) -> bytes | None:
        return next((data for found, data in self.tags if found == tag), None)

    def text(self, tag: int) -> str:
        """A tag as text; empty when it is not there."""
        return cut_text(self.tag(tag) or b"")

    def encode(self) -> bytes:
        """The datagram. Raises BadRequest when its texts are too long for one."""
        if sum(_TAG.size + len(data) for _, data in self.tags) > MAX_PACKET_BYTES - _HEAD.size:
            raise BadRequest(f"more than {MAX_PACKET_BYTES} bytes for one packet", hint="use shorter texts")
        head = _HEAD.pack(MAGIC, self.invoke_id, self.service, self.address, len(self.tags))
        return head + b"".join(_TAG.pack(tag, len(data)) + data for tag, data in self.tags)


def parse_packet(data: bytes) -> Packet:
    """A datagram's packet. Raises FormatError for anything else; bytes behind the last tag are ignored."""
    if len(data) > MAX_PACKET_BYTES:
        raise FormatError(f"{len(data)} bytes, {MAX_PACKET_BYTES} are allowed", structure="UDP packet")
    cursor = Cursor(data, "UDP packet")
    magic, invoke_id, service, address, count = cursor.fields(_HEAD, "header")
    if magic != MAGIC:
        raise FormatError(f"starts with {magic:#010x}, not {MAGIC:#x}", structure="UDP packet", field="magic", offset=0)
    if count > MAX_TAGS:
        raise FormatError(f"{count} tags, {MAX_TAGS} are allowed", structure="UDP packet", field="tags", offset=20)
    tags: list[tuple[int, bytes]] = []
    for _ in range(count):
        tag, size = cursor.fields(_TAG, "tag")
        tags.append((tag, cursor.take(size, f"tag {tag}")))
    return Packet(service, AmsAddr(address), tuple(tags), invoke_id)


@dataclass(frozen=True, slots=True)
class OsVersion:
    """The OS version tag: numbers, platform (OsPlatform or unknown), and a text that some systems fill."""

    major: int = 0
    minor: int = 0
    build: int = 0
    platform: int = OsPlatform.TWINCAT_BSD.value
    text: str = ""

    def encode(self) -> bytes:
        """276 bytes, like an OSVERSIONINFO whose text is single-byte."""
        text = encode_text(self.text)[: _OS_TEXT_BYTES - 1].ljust(_OS_TEXT_BYTES, b"\0")
        size = _OS.size + _OS_TEXT_BYTES
        return _OS.pack(size, self.major, self.minor, self.build, self.platform) + text

    @classmethod
    def parse(cls, data: bytes) -> OsVersion:
        """Windows says its text (a service pack) in UTF-16, TwinCAT/BSD in single bytes."""
        _, major, minor, build, platform = Cursor(data, "OS version").fields(_OS, "numbers")
        raw = data[_OS.size : _OS.size + _OS_TEXT_BYTES]
        if len(raw) >= 2 and raw[0] and not raw[1]:
            text = raw[: len(raw) & ~1].decode("utf-16-le", errors="replace").partition("\0")[0]
        else:
            text = cut_text(raw)
        return cls(major, minor, build, platform, text)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server tells of itself. `version` is TwinCAT's: major, minor, build."""

    address: AmsAddr
    name: str
    version: tuple[int, int, int] = (0, 0, 0)
    os: OsVersion = OsVersion()
    fingerprint: str = ""

    def reply(self, invoke_id: int) -> bytes:
        """The datagram that answers a server-info request."""
        tags = [
            (TagId.NAME.value, encode_text(self.name) + b"\0"),
            (TagId.OS_VERSION.value, self.os.encode()),
            (TagId.VERSION.value, _VERSION.pack(*self.version)),
        ]
        if self.fingerprint:
            tags.append((TagId.FINGERPRINT.value, encode_text(self.fingerprint) + b"\0"))
        return Packet(Service.SERVER_INFO | REPLY, self.address, tuple(tags), invoke_id).encode()

    @classmethod
    def of(cls, packet: Packet) -> ServerInfo:
        """From the packet of a reply. Raises FormatError when it is none, or one of its tags is cut short."""
        _expect(packet, Service.SERVER_INFO | REPLY)
        version = packet.tag(TagId.VERSION)
        os_version = packet.tag(TagId.OS_VERSION)
        return cls(
            address=packet.address,
            name=packet.text(TagId.NAME),
            version=(0, 0, 0) if version is None else _version(version),
            os=OsVersion() if os_version is None else OsVersion.parse(os_version),
            fingerprint=packet.text(TagId.FINGERPRINT),
        )


@dataclass(frozen=True, slots=True)
class AddRoute:
    """Who wants to be known: `net_id`, at `address` (a name or an IP address), as the route `name`."""

    net_id: NetId
    address: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    is_temporary: bool = False

    def request(self, source: AmsAddr, invoke_id: int = 0) -> bytes:
        """The datagram, tags in AdsLib's order."""
        tags = [
            (TagId.ROUTE_NAME.value, encode_text(self.name) + b"\0"),
            (TagId.NET_ID.value, bytes(self.net_id)),
            (TagId.USER.value, encode_text(self.user) + b"\0"),
            (TagId.PASSWORD.value, encode_text(self.password) + b"\0"),
            (TagId.NAME.value, encode_text(self.address) + b"\0"),
        ]
        if self.is_temporary:
            tags.append((TagId.OPTIONS.value, _U32.pack(_TEMPORARY)))
        return Packet(Service.ADD_ROUTE, source, tuple(tags), invoke_id).encode()

    @classmethod
    def of(cls, packet: Packet) -> AddRoute:
        """From the packet of a request. Raises FormatError without NetId; a route without a name has its address's."""
        _expect(packet, Service.ADD_ROUTE)
        net_id = packet.tag(TagId.NET_ID)
        if net_id is None or len(net_id) != NET_ID_BYTES:
            raise FormatError("has no NetId of six bytes", structure="add route", field="NetId")
        options = packet.tag(TagId.OPTIONS)
        address = packet.text(TagId.NAME)
        return cls(
            net_id=NetId(net_id),
            address=address,
            name=packet.text(TagId.ROUTE_NAME) or address,
            user=packet.text(TagId.USER),
            password=packet.text(TagId.PASSWORD),
            is_temporary=options is not None and bool(_number(options, "options") & _TEMPORARY),
        )


def server_info_request(source: AmsAddr | None = None, invoke_id: int = 0) -> bytes:
    """The datagram that asks who is there."""
    return Packet(Service.SERVER_INFO, source or AmsAddr(), (), invoke_id).encode()


def status_reply(request: Packet, net_id: NetId, status: int) -> bytes:
    """The answer to an add-route request: one tag, right behind the header, where pyads looks for it."""
    tags = ((TagId.STATUS.value, _U32.pack(status)),)
    return Packet(request.service | REPLY, AmsAddr.of(net_id, _PORT), tags, request.invoke_id).encode()


def status_of(packet: Packet) -> int:
    """The error code in an add-route reply. Raises FormatError when there is none."""
    status = packet.tag(TagId.STATUS)
    if not packet.is_reply or status is None:
        raise FormatError("has no status", structure="add route reply", field="status")
    return _number(status, "status")


def _number(data: bytes, name: str) -> int:
    return Cursor(data, "UDP tag").u32(name)


def _version(data: bytes) -> tuple[int, int, int]:
    major, minor, build = Cursor(data, "UDP tag").fields(_VERSION, "version")
    return major, minor, build


def _expect(packet: Packet, service: int) -> None:
    if packet.service != service:
        raise FormatError(f"is of service {packet.service:#x}, not {service:#x}", structure="UDP packet")
