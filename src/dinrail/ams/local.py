"""The sub-protocol between a program and the router of its own machine: frames whose first word is not 0.

    0x1000 port connect    request: u16 wanted port (0: any)      reply: NetId[6], u16 port that it got
    0x0001 port close      request: u16 port                      reply: empty; then the connection ends
    0x1002 get NetId       request: empty                         reply: NetId[6]
    0x1001 router note     from the router only: u32 RouterNote

Source: jisotalo/ads-client, ads-commons.ts (names of TwinCAT.Ads.dll).
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from dinrail.ams.address import ADDRESS_BYTES, NET_ID_BYTES, AmsAddr, NetId
from dinrail.ams.cursor import unpack
from dinrail.ams.frame import TCP, TCP_HEADER_BYTES, TcpCommand, tcp_frame
from dinrail.errors import FormatError

PORT = struct.Struct("<H")
NOTE = struct.Struct("<I")
ANY_PORT = 0


class RouterNote(enum.IntEnum):
    """What the router tells its clients about itself."""

    STOP = 0
    START = 1
    REMOVED = 2


class LocalFrame(NamedTuple):
    """A frame of this protocol taken apart. `command` may be any number but 0."""

    command: int
    body: bytes


def parse_local(frame: bytes) -> LocalFrame:
    """Take a whole frame apart. Raises FormatError for an AMS frame, or a length that is not the frame's."""
    command, size_bytes = unpack(TCP, frame, 0, "AMS/TCP")
    if command == TcpCommand.AMS:
        raise FormatError("is an AMS frame", structure="AMS/TCP", field="command", offset=0)
    if size_bytes != len(frame) - TCP_HEADER_BYTES:
        raise FormatError(
            f"announces {size_bytes} bytes, {len(frame) - TCP_HEADER_BYTES} are there",
            structure="AMS/TCP",
            field="length",
            offset=2,
        )
    return LocalFrame(command, frame[TCP_HEADER_BYTES:])


def connect_request(port: int = ANY_PORT) -> bytes:
    """The frame that asks for an AMS port."""
    return tcp_frame(TcpCommand.PORT_CONNECT, PORT.pack(port))


def connect_reply(address: AmsAddr) -> bytes:
    """The frame that says which address the client has now."""
    return tcp_frame(TcpCommand.PORT_CONNECT, address)


def close_request(port: int) -> bytes:
    """The frame that gives a port back."""
    return tcp_frame(TcpCommand.PORT_CLOSE, PORT.pack(port))


def close_reply() -> bytes:
    """The frame that confirms it."""
    return tcp_frame(TcpCommand.PORT_CLOSE)


def net_id_request() -> bytes:
    """The frame that asks for the router's NetId."""
    return tcp_frame(TcpCommand.GET_NET_ID)


def net_id_reply(net_id: NetId) -> bytes:
    """The frame that tells it."""
    return tcp_frame(TcpCommand.GET_NET_ID, net_id)


def note(state: RouterNote) -> bytes:
    """The frame by which a router says that it starts, stops, or removes this client."""
    return tcp_frame(TcpCommand.ROUTER_NOTE, NOTE.pack(state))


def parse_port_body(body: bytes) -> int:
    """The port in the body of a connect or close request."""
    return int(unpack(PORT, body, 0, "port connect")[0])


def parse_connect_reply(body: bytes) -> AmsAddr:
    """The address in the body of a connect reply."""
    if len(body) < ADDRESS_BYTES:
        raise FormatError(f"{len(body)} bytes are no AMS address", structure="port connect reply", offset=0)
    return AmsAddr(body[:ADDRESS_BYTES])


def parse_net_id_reply(body: bytes) -> NetId:
    """The NetId in the body of a NetId reply."""
    if len(body) < NET_ID_BYTES:
        raise FormatError(f"{len(body)} bytes are no AMS NetId", structure="NetId reply", offset=0)
    return NetId(body[:NET_ID_BYTES])


def parse_note(body: bytes) -> int:
    """The state in the body of a router note: a RouterNote, or a number that it does not know."""
    return int(unpack(NOTE, body, 0, "router note")[0])
