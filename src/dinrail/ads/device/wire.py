"""The fixed parts of commands and sum items, as this room packs and unpacks them at every request.

Plain structs and not `layout.record`: these are the inner loop, and each is one line of Beckhoff's table.
Source: Beckhoff Information System, "ADS commands"; "Index group for sum commands".
"""

from __future__ import annotations

import struct

from dinrail.ads.device.access import Later
from dinrail.ams.errors import AdsError, AdsFault

U16 = struct.Struct("<H")
U32 = struct.Struct("<I")
RESULT = U32
RESULT_AND = struct.Struct("<II")
"""Result and a length, or result and a handle."""
READ = struct.Struct("<III")
"""Index group, index offset, length: Read, the start of Write, the items of sum reads and writes."""
READ_WRITE = struct.Struct("<IIII")
"""Index group, index offset, read length, write length."""
CONTROL = struct.Struct("<HHI")
"""ADS state, device state, length."""
STATE = struct.Struct("<IHH")
ADS_STATE = struct.Struct("<HH")
DEVICE_INFO = struct.Struct("<IBBH16s")
SUBSCRIBE = struct.Struct("<IIIIII16x")
"""Index group, index offset, length, mode, maximum delay and cycle time in 100 ns, 16 reserved bytes."""

OK = RESULT.pack(0)


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
