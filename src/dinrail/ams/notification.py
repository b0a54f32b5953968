"""DeviceNotification payloads: samples grouped by their time, and the time itself.

    u32 length of what follows | u32 stamps | stamps x { i64 FILETIME | u32 samples | samples x { u32 handle
                                                                        | u32 size | data } }

FILETIME counts 100 ns since 1601-01-01 UTC. A sample of size 0 says that its handle is no longer valid. A server sends
frames of 64 KiB at most: AdsLib drops, without a word, what does not fit its ring.

Source: Beckhoff Information System, "ADS Device Notification" (tc3_ads_intro 115883019).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from dinrail.ams.frame import FRAME_HEADER_BYTES
from dinrail.errors import Truncated

HEAD = struct.Struct("<II")
"""length of what follows this field, stamps"""
STAMP = struct.Struct("<qI")
"""FILETIME, samples"""
SAMPLE = struct.Struct("<II")
"""handle, size"""
MAX_FRAME_BYTES = 64 << 10
MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - FRAME_HEADER_BYTES
_EPOCH_100NS = 116_444_736_000_000_000
_MAX_FILETIME = 0xFFFF_FFFF_FFFF_FFFF
_STRUCTURE = "DeviceNotification"


class Sample(NamedTuple):
    """One value of one subscription. Empty data: the handle is no longer valid."""

    handle: int
    data: bytes


class Stamp(NamedTuple):
    """Samples taken at the same time."""

    filetime: int
    samples: tuple[Sample, ...]


def filetime(unix_ns: int) -> int:
    """FILETIME of a time in ns since 1970; what lies before 1601 is its beginning, for it has no sign."""
    return max(unix_ns // 100 + _EPOCH_100NS, 0) & _MAX_FILETIME


def unix_ns(filetime: int) -> int:
    """The other way round."""
    return (filetime - _EPOCH_100NS) * 100


def parse_notification(payload: bytes) -> tuple[Stamp, ...]:
    """All stamps of a payload. Raises Truncated when one of its counts or sizes leads past the end."""
    size = len(payload)
    if size < HEAD.size:
        raise Truncated(f"{size} bytes are too few", structure=_STRUCTURE, field="stamps", offset=0)
    length, stamp_count = HEAD.unpack_from(payload)
    end = length + 4
    if not HEAD.size <= end <= size:
        raise Truncated(f"announces {length} bytes, {size - 4} follow", structure=_STRUCTURE, field="length", offset=0)
    at = HEAD.size
    stamps: list[Stamp] = []
    for _ in range(stamp_count):  # ends at the latest where the bytes do
        if at + STAMP.size > end:
            raise Truncated(
                f"{stamp_count} are announced, {len(stamps)} are there", structure=_STRUCTURE, field="stamps", offset=at
            )
        time, sample_count = STAMP.unpack_from(payload, at)
        at += STAMP.size
        samples: list[Sample] = []
        for _ in range(sample_count):
            if at + SAMPLE.size > end:
                raise Truncated("ends in a sample", structure=_STRUCTURE, field="samples", offset=at)
            handle, sample_bytes = SAMPLE.unpack_from(payload, at)
            at += SAMPLE.size
            if at + sample_bytes > end:
                raise Truncated(
                    f"announces {sample_bytes} bytes, {end - at} are there",
                    structure=_STRUCTURE,
                    field="sample size",
                    offset=at - 4,
                )
            samples.append(Sample(handle, payload[at : at + sample_bytes]))
            at += sample_bytes
        stamps.append(Stamp(time, tuple(samples)))
    return tuple(stamps)


def build_notification(stamps: Iterable[Stamp]) -> bytes:
    """One payload from stamps as they are, of whatever size."""
    parts: list[bytes] = []
    count = 0
    for time, samples in stamps:
        count += 1
        parts.append(STAMP.pack(time, len(samples)))
        for handle, data in samples:
            parts += (SAMPLE.pack(handle, len(data)), data)
    body = b"".join(parts)
    return HEAD.pack(len(body) + 4, count) + body


class NotificationBuilder:
    """Gathers samples into payloads: neighbours with the same time share a stamp, none is larger than `max_bytes`.

    A single sample larger than that has a payload of its own.
    """

    __slots__ = ("_count", "_done", "_max_bytes", "_parts", "_samples", "_size", "_stamps", "_time")

    def __init__(self, *, max_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._max_bytes = max_bytes
        self._done: list[bytes] = []
        self._parts: list[bytes] = []  # of the current stamp, without its head
        self._stamps: list[bytes] = []
        self._time = 0
        self._samples = 0
        self._count = 0
        self._size = HEAD.size

    def add(self, time: int, handle: int, data: bytes) -> None:
        """One sample; `time` is a FILETIME."""
        size = SAMPLE.size + len(data)
        fresh = not self._samples or time != self._time
        if self._size + size + (STAMP.size if fresh else 0) > self._max_bytes and self._size > HEAD.size:
            self._finish()
            fresh = True
        if fresh:
            self._close_stamp()
            self._time = time
            self._count += 1
            self._size += STAMP.size
        self._parts += (SAMPLE.pack(handle, len(data)), data)
        self._samples += 1
        self._size += size

    def take(self) -> list[bytes]:
        """All payloads so far, in order. The builder is empty then."""
        if self._count:
            self._finish()
        done, self._done = self._done, []
        return done

    def _close_stamp(self) -> None:
        if self._samples:
            self._stamps.append(STAMP.pack(self._time, self._samples))
            self._stamps += self._parts
            self._parts = []
            self._samples = 0

    def _finish(self) -> None:
        self._close_stamp()
        self._done.append(HEAD.pack(self._size - 4, self._count) + b"".join(self._stamps))
        self._stamps = []
        self._count = 0
        self._size = HEAD.size


def payloads(samples: Iterable[tuple[int, int, bytes]], *, max_bytes: int = MAX_PAYLOAD_BYTES) -> list[bytes]:
    """Payloads for (FILETIME, handle, data) samples in the order in which they are given."""
    builder = NotificationBuilder(max_bytes=max_bytes)
    for time, handle, data in samples:
        builder.add(time, handle, data)
    return builder.take()
