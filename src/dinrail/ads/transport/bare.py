"""Frames without their AMS/TCP header, as Secure ADS and MQTT carry them.

The length is the AMS header's own at offset 20; offset 24 is the error code (some public code reads that one, and gets
away with it while every TLS record holds one frame).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dinrail.ams.frame import AMS_HEADER_BYTES, MAX_FRAME_BYTES, TCP, TCP_HEADER_BYTES, TcpCommand
from dinrail.errors import FormatError

MAX_BARE_BYTES = MAX_FRAME_BYTES - TCP_HEADER_BYTES
_LENGTH = struct.Struct("<I")
_LENGTH_AT = 20


def wrap(bare: bytes) -> bytes:
    """A whole frame from AMS header and data."""
    return TCP.pack(TcpCommand.AMS, len(bare)) + bare


def unwrap(frames: bytes) -> list[bytes]:
    """AMS headers with data from whole frames, end to end, as a router gives them.

    What is no AMS command (a router's note to a local client) has no form without the header, and is left out; so is
    a rest that is no whole frame: the router made these, and another link must not suffer for it.
    """
    if len(frames) >= TCP_HEADER_BYTES and TCP.unpack_from(frames) == (0, len(frames) - TCP_HEADER_BYTES):
        return [frames[TCP_HEADER_BYTES:]]
    out: list[bytes] = []
    at = 0
    while at + TCP_HEADER_BYTES <= len(frames):
        command, size = TCP.unpack_from(frames, at)
        start, at = at + TCP_HEADER_BYTES, at + TCP_HEADER_BYTES + size
        if command == TcpCommand.AMS and at <= len(frames):
            out.append(frames[start:at])
    return out


def size_of(data: bytes | bytearray, at: int = 0) -> int:
    """Header and data of the message that begins at `at` and has its header whole. Raises FormatError above the cap."""
    size: int = _LENGTH.unpack_from(data, at + _LENGTH_AT)[0] + AMS_HEADER_BYTES
    if size > MAX_BARE_BYTES:
        raise FormatError(
            f"announces {size} bytes, {MAX_BARE_BYTES} are allowed",
            structure="AMS header",
            field="length",
            offset=_LENGTH_AT,
        )
    return size


class BareDecoder:
    """Cuts a stream of AMS headers with data into frames. Any split of the same bytes gives the same frames."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not complete yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames (AMS/TCP header put in front) that `data` completes. Raises FormatError at one too long."""
        # The usual case: exactly one message in one TLS record.
        if not self._rest and len(data) >= AMS_HEADER_BYTES and size_of(data) == len(data):
            yield wrap(data)
            return
        self._rest += data
        at = 0
        try:
            while len(self._rest) - at >= AMS_HEADER_BYTES:
                size = size_of(self._rest, at)
                if len(self._rest) - at < size:
                    break
                yield wrap(bytes(self._rest[at : at + size]))
                at += size
        finally:
            del self._rest[:at]
