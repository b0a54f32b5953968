"""AMS/TCP framing (TCP 48898) and the AMS header: bytes in, frames out, however the bytes were cut.

    offset  size  AMS/TCP header               offset  size  AMS header
    0       2     command (TcpCommand)         0       8     target address
    2       4     length of what follows       8       8     source address
                                               16      2     command id
                                               18      2     state flags
                                               20      4     length of the data
                                               24      4     error code (router and transport)
                                               28      4     invoke id

Throughout the wing a *frame* is the AMS/TCP header with all that follows it. Links that carry no such header (Secure
ADS, MQTT) add it on the way in and take it off on the way out, so that one core serves all.

Source: Beckhoff/ADS AdsLib/AmsHeader.h; TwinCAT SDK Ams.h; ads-client's AMS_HEADER_FLAG for the router's own commands.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple

from dinrail.ams.address import AmsAddr
from dinrail.errors import FormatError

TCP_HEADER_BYTES = 6
AMS_HEADER_BYTES = 32
FRAME_HEADER_BYTES = TCP_HEADER_BYTES + AMS_HEADER_BYTES
MAX_FRAME_BYTES = 4 << 20
"""Above TwinCAT's own default router memory (2048 kB); a peer that announces more is cut off before it sends it."""

TARGET = slice(6, 14)
SOURCE = slice(14, 22)
INVOKE_ID = slice(34, 38)
TCP = struct.Struct("<HI")
"""The AMS/TCP header: a TcpCommand, length of what follows"""
HEAD = struct.Struct("<8s8sHHIII")
"""The AMS header: target, source, command, flags, length, error, invoke id"""
FRAME = struct.Struct("<HI8s8sHHIII")
"""Both"""


class TcpCommand(enum.IntEnum):
    """First word of the AMS/TCP header. All but AMS are between a local client and its router."""

    AMS = 0x0000
    PORT_CLOSE = 0x0001
    PORT_CONNECT = 0x1000
    ROUTER_NOTE = 0x1001
    GET_NET_ID = 0x1002


class Command(enum.IntEnum):
    """ADS command ids."""

    INVALID = 0
    READ_DEVICE_INFO = 1
    READ = 2
    WRITE = 3
    READ_STATE = 4
    WRITE_CONTROL = 5
    ADD_NOTIFICATION = 6
    DELETE_NOTIFICATION = 7
    NOTIFICATION = 8
    READ_WRITE = 9


class Flag(enum.IntFlag):
    """State flags of the AMS header."""

    RESPONSE = 0x0001
    NO_RETURN = 0x0002
    ADS = 0x0004
    SYSTEM = 0x0008
    HIGH_PRIORITY = 0x0010
    TIMESTAMP = 0x0020
    UDP = 0x0040
    INIT = 0x0080
    BROADCAST = 0x8000


REQUEST_FLAGS = Flag.ADS.value
RESPONSE_FLAGS = (Flag.ADS | Flag.RESPONSE).value


class Header(NamedTuple):
    """The AMS header. `size_bytes` is the data's length."""

    target: AmsAddr
    source: AmsAddr
    command: int
    flags: int
    size_bytes: int
    error: int
    invoke_id: int

    @property
    def is_response(self) -> bool:
        return bool(self.flags & Flag.RESPONSE)


def parse_header(frame: bytes, at: int = TCP_HEADER_BYTES) -> Header:
    """The AMS header of a frame. Raises FormatError when the frame is too short, or holds not the data it announces."""
    if len(frame) < at + AMS_HEADER_BYTES:
        raise FormatError(f"{len(frame) - at} bytes are no AMS header", structure="AMS header", offset=at)
    target, source, command, flags, size_bytes, error, invoke_id = HEAD.unpack_from(frame, at)
    if size_bytes != len(frame) - at - AMS_HEADER_BYTES:
        raise FormatError(
            f"announces {size_bytes} bytes of data, {len(frame) - at - AMS_HEADER_BYTES} are there",
            structure="AMS header",
            field="length",
            offset=at + 20,
        )
    return Header(AmsAddr(target), AmsAddr(source), command, flags, size_bytes, error, invoke_id)


def build_frame(  # positional in the header's own order
    target: bytes, source: bytes, command: int, flags: int, invoke_id: int, data: bytes = b"", *, error: int = 0
) -> bytes:
    """A whole frame with its AMS/TCP header."""
    size = len(data)
    return FRAME.pack(0, AMS_HEADER_BYTES + size, target, source, command, flags, size, error, invoke_id) + data


def response_to(frame: bytes, data: bytes = b"", *, error: int = 0) -> bytes:
    """The answer to a request's frame: addresses swapped, same command and invoke id, the response flag set."""
    _, _, target, source, command, flags, _, _, invoke_id = FRAME.unpack_from(frame)
    return build_frame(source, target, command, flags | Flag.RESPONSE.value, invoke_id, data, error=error)


def tcp_frame(command: TcpCommand, body: bytes = b"") -> bytes:
    """A frame of the local-router protocol, or any other, from its body."""
    return TCP.pack(command, len(body)) + body


class Decoder:
    """Cuts a byte stream into frames. Any split of the same bytes gives the same frames.

    A frame is handed out whole, with its AMS/TCP header; an announced length above `max_bytes` is a FormatError at
    once, before any of it is kept. After an error the decoder is spent.
    """

    __slots__ = ("_max_bytes", "_rest")

    def __init__(self, *, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._rest = bytearray()
        self._max_bytes = max_bytes

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that `data` completes, in order. Raises FormatError at the first one that is too long."""
        # The usual case: exactly one frame in one segment.
        whole = not self._rest and len(data) >= TCP_HEADER_BYTES and len(data) <= self._max_bytes
        if whole and TCP.unpack_from(data)[1] + TCP_HEADER_BYTES == len(data):
            yield data
            return
        self._rest += data
        at = 0
        try:
            while len(self._rest) - at >= TCP_HEADER_BYTES:
                size = TCP.unpack_from(self._rest, at)[1] + TCP_HEADER_BYTES
                if size > self._max_bytes:
                    raise FormatError(
                        f"announces {size} bytes, {self._max_bytes} are allowed", structure="AMS/TCP", field="length"
                    )
                if len(self._rest) - at < size:
                    break
                at += size  # before it is handed out: whoever stops in the middle is not given it again
                yield bytes(self._rest[at - size : at])
        finally:
            del self._rest[:at]
