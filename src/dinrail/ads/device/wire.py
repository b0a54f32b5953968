"""What every request's bodies are made of here: the structs of `ams.command` by the names of this room, and answers.

Source: Beckhoff Information System, "ADS commands"; "Index group for sum commands".
"""

from __future__ import annotations

import struct

from dinrail.ads.device.access import Later
from dinrail.ams import command
from dinrail.ams.errors import AdsError, AdsFault

U32 = struct.Struct("<I")
RESULT = command.RESULT
RESULT_AND = command.RESULT_LENGTH
READ = command.READ
READ_WRITE = command.READ_WRITE
CONTROL = command.WRITE_CONTROL
STATE = command.RESULT_STATE
ADS_STATE = command.STATE
DEVICE_INFO = command.DEVICE_INFO
SUBSCRIBE = struct.Struct("<IIIIII16x")
"""As `command.ADD_NOTIFICATION`, and the reserved bytes are not looked at."""

OK = command.OK


def data_answer(code: int, data: bytes) -> bytes:
    """The body for Read and ReadWrite."""
    return RESULT_AND.pack(code, len(data)) + data if not code else RESULT_AND.pack(code, 0)


def result_answer(code: int, data: bytes) -> bytes:
    """The body for Write and WriteControl."""
    del data
    return RESULT.pack(code)


def exactly(payload: bytes, size_bytes: int) -> None:
    """Raises AdsFault 0x705 when a payload has another size."""
    if len(payload) != size_bytes:
        raise AdsFault(AdsError.INVALID_SIZE, f"{len(payload)} bytes where {size_bytes} are right")


def outcome(value: bytes | Later | None) -> bytes | Later:
    """What a hook gave, nothing being no bytes."""
    return b"" if value is None else value
