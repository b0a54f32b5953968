"""The few bytes that the router itself answers with."""

from __future__ import annotations

import struct

from dinrail.ams.frame import FRAME, FRAME_HEADER_BYTES, Command, Flag

U32 = struct.Struct("<I")
RESPONSE = Flag.RESPONSE.value
NO_RETURN = Flag.NO_RETURN.value
TIMESTAMP = Flag.TIMESTAMP.value
TIMESTAMP_BYTES = 8
_READ_BYTES = 12
UNROUTED = (Flag.SYSTEM | Flag.BROADCAST).value
"""Flags of the routers' own traffic: no client sends them, and nothing here follows them."""
READ, READ_WRITE, NOTIFICATION = Command.READ.value, Command.READ_WRITE.value, Command.NOTIFICATION.value
ADD_NOTIFICATION = Command.ADD_NOTIFICATION.value
SERVED = frozenset(command.value for command in Command) - {Command.INVALID.value, NOTIFICATION}


def answer_flags(flags: int) -> int:
    """The request's flags turned into its response's; we add no time stamp."""
    return (flags | RESPONSE) & ~TIMESTAMP & 0xFFFF


def capped(body: bytes, asked: int) -> bytes:
    """A Read's or ReadWrite's body with no more data than was asked for: AdsLib throws a longer one away."""
    if len(body) <= asked + 8:
        return body
    return body[:4] + U32.pack(asked) + body[8 : 8 + asked]


def payload_of(frame: bytes, command: int, flags: int) -> bytes:
    """A request's data, without the eight bytes that the TIMESTAMP flag says were added at its end."""
    payload = frame[FRAME_HEADER_BYTES:]
    if not flags & TIMESTAMP:
        return payload
    return payload[: _READ_BYTES if command == READ else max(len(payload) - TIMESTAMP_BYTES, 0)]


def notification(peer: bytes, device: bytes, payload: bytes, flags: int = Flag.ADS.value) -> bytes:
    """A whole DeviceNotification frame."""
    size = len(payload)
    return FRAME.pack(0, 32 + size, peer, device, NOTIFICATION, flags, size, 0, 0) + payload


_LOST = struct.Struct("<IIqIII")


def lost_sample(handle: int, filetime: int) -> bytes:
    """The notice that a notification is no more: one sample of no bytes."""
    return _LOST.pack(_LOST.size - 4, 1, filetime, 1, handle, 0)


def response_head(peer: bytes, device: bytes, command: int, flags: int, size: int, error: int = 0) -> bytes:
    """The first 34 bytes of a response's frame: all up to the invoke id."""
    return _HEAD_34.pack(0, 32 + size, peer, device, command, flags, size, error)


_HEAD_34 = struct.Struct("<HI8s8sHHII")
