"""AMS addresses: a NetId is its six bytes, an address its eight, so that a slice of a frame finds it in a table.

Source: Beckhoff Information System, "AMS NetId and port"; AdsLib's AmsHeader.h.
"""

from __future__ import annotations

import enum
import re

from dinrail.errors import BadRequest

_NET_ID = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){5}")
NET_ID_BYTES = 6
ADDRESS_BYTES = 8
MAX_OCTET = 255
MAX_PORT = 0xFFFF

AMS_TCP_PORT = 48898
AMS_UDP_PORT = 48899
SECURE_ADS_PORT = 8016
"""The IP ports of AMS: frames, discovery, and Secure ADS."""


class NetId(bytes):
    """Six bytes, written `5.80.201.232.1.1`. Opaque: nothing follows from its numbers, not even an IP address."""

    __slots__ = ()

    def __new__(cls, raw: bytes = bytes(NET_ID_BYTES)) -> NetId:
        if len(raw) != NET_ID_BYTES:
            raise ValueError(f"an AMS NetId has six bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    @classmethod
    def parse(cls, text: str) -> NetId:
        """From six decimal numbers with dots. Raises BadRequest."""
        octets = [int(part) for part in text.split(".")] if _NET_ID.fullmatch(text) else [MAX_OCTET + 1]
        if max(octets) > MAX_OCTET:
            raise BadRequest(f"{text!r} is not an AMS NetId", hint="six numbers from 0 to 255, like 5.80.201.232.1.1")
        return cls(bytes(octets))

    @classmethod
    def of_ipv4(cls, address: str) -> NetId:
        """The usual default: the IPv4 address and `.1.1`. Raises BadRequest."""
        return cls.parse(f"{address}.1.1")

    def __str__(self) -> str:
        return ".".join(str(octet) for octet in self)

    def __repr__(self) -> str:
        return f"NetId({str(self)!r})"


NULL_NET_ID = NetId(bytes(6))
LOOPBACK_NET_ID = NetId(bytes((127, 0, 0, 1, 1, 1)))
"""Means "this router", whoever says it."""


class AmsAddr(bytes):
    """NetId and port as they lie in a header, written `5.80.201.232.1.1:851`."""

    __slots__ = ()

    def __new__(cls, raw: bytes = bytes(ADDRESS_BYTES)) -> AmsAddr:
        if len(raw) != ADDRESS_BYTES:
            raise ValueError(f"an AMS address has eight bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    @classmethod
    def of(cls, net_id: bytes, port: int) -> AmsAddr:
        return cls(bytes(net_id) + port.to_bytes(2, "little"))

    @classmethod
    def parse(cls, text: str) -> AmsAddr:
        """From `NETID:PORT`; the port by number or by its name in `Port`. Raises BadRequest."""
        net_id, _, port = text.partition(":")
        return cls.of(NetId.parse(net_id), parse_port(port))

    @property
    def net_id(self) -> NetId:
        return NetId(self[:NET_ID_BYTES])

    @property
    def port(self) -> int:
        return int.from_bytes(self[NET_ID_BYTES:], "little")

    def __str__(self) -> str:
        return f"{self.net_id}:{self.port}"

    def __repr__(self) -> str:
        return f"AmsAddr({str(self)!r})"


class Port(enum.IntEnum):
    """Well-known AMS ports (TwinCAT SDK, Ams.h). Any other number is a port, too."""

    ROUTER = 1
    LICENSE = 30
    LOGGER = 100
    EVENT_LOGGER = 110
    RTIME = 200
    IO = 300
    IO_IDLE_TASK = 340
    PLC_TASK = 350
    NC = 500
    NC_SAF = 501
    PLC_TC2 = 801
    PLC = 851
    SYSTEM_SERVICE = 10000


FREE_PORTS = range(0x8000, 0xC000)
"""What a router hands out to those who ask for any port (AMSPORT_FREEBEGIN, AMSPORT_FREEEND)."""


def parse_port(text: str) -> int:
    """A port from its number or its name (`plc`, `system-service`). Raises BadRequest."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= MAX_PORT:
        return int(text)
    named = Port.__members__.get(text.upper().replace("-", "_"))
    if named is None:
        names = ", ".join(name.lower().replace("_", "-") for name in Port.__members__)
        raise BadRequest(f"{text!r} is not an AMS port", hint=f"a number from 1 to {MAX_PORT}, or one of: {names}")
    return named.value
