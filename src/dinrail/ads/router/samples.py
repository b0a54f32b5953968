"""Which notification handles a DeviceNotification frame has samples of. Nothing is copied."""

from __future__ import annotations

import struct

from dinrail.ams.frame import FRAME_HEADER_BYTES
from dinrail.ams.notification import HEAD, STAMP
from dinrail.errors import FormatError

_SAMPLE = struct.Struct("<4sI")
"""As `notification.SAMPLE`, and the handle stays four bytes."""


def scan(frame: bytes) -> tuple[list[bytes], int]:
    """The handles of all samples (four bytes each, as they stand), and the last time stamp (FILETIME).

    Raises FormatError when the samples do not fill the frame exactly. A frame of n bytes takes at most n/8 steps.
    """
    end = len(frame)
    handles: list[bytes] = []
    filetime = 0
    try:
        length, stamps = HEAD.unpack_from(frame, FRAME_HEADER_BYTES)
        at = FRAME_HEADER_BYTES + HEAD.size
        if length != end - FRAME_HEADER_BYTES - 4:
            raise FormatError(f"announces {length} bytes", structure="DeviceNotification", field="length")
        for _ in range(stamps):
            filetime, samples = STAMP.unpack_from(frame, at)
            at += STAMP.size
            for _ in range(samples):
                handle, size = _SAMPLE.unpack_from(frame, at)
                handles.append(handle)
                at += _SAMPLE.size + size
    except struct.error as fault:
        raise FormatError("samples end early", structure="DeviceNotification") from fault
    if at != end:
        raise FormatError(f"samples end at {at}, the frame at {end}", structure="DeviceNotification", offset=at)
    return handles, filetime
