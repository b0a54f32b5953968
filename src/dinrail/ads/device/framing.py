"""Samples to DeviceNotification payloads: equal times under one stamp, many stamps in a frame, frames kept small.

    u32 length of what follows, u32 stamps, { i64 FILETIME, u32 samples, { u32 handle, u32 size, data } }

Source: Beckhoff Information System, "ADS Device Notification".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dinrail.ams.notification import HEAD, SAMPLE

_STAMP = struct.Struct("<QI")
_ONE = struct.Struct("<IIQI")
FRAME_OVERHEAD_BYTES = HEAD.size + _STAMP.size


class Chunk(NamedTuple):
    """Samples of one moment, packed. `stamp` is its FILETIME."""

    stamp: int
    samples: int
    data: bytes


def pack_samples(headers: list[bytes], values: list[bytes], stamp: int, limit_bytes: int) -> list[Chunk]:
    """Chunks of at most `limit_bytes` (a single larger sample stands alone); header n belongs to value n."""
    parts: list[bytes] = [b""] * (2 * len(values))
    parts[0::2] = headers
    parts[1::2] = values
    data = b"".join(parts)
    if len(data) <= limit_bytes:
        return [Chunk(stamp, len(values), data)]
    chunks: list[Chunk] = []
    start = at = begin = 0
    for number, value in enumerate(values):
        size = SAMPLE.size + len(value)
        if at > begin and at + size - begin > limit_bytes:
            chunks.append(Chunk(stamp, number - start, data[begin:at]))
            start, begin = number, at
        at += size
    chunks.append(Chunk(stamp, len(values) - start, data[begin:]))
    return chunks


def frames(chunks: list[Chunk], limit_bytes: int) -> Iterator[tuple[int, bytes]]:
    """(samples, payload) for each frame, in the order of time."""
    if len(chunks) == 1:
        stamp, count, data = chunks[0]
        yield count, _ONE.pack(len(data) + 16, 1, stamp, count) + data
        return
    # Stable: what was queued first stays first within its stamp.
    chunks = sorted(chunks, key=lambda chunk: chunk.stamp)
    begin = 0
    size = 0
    last_stamp = -1
    for number, chunk in enumerate(chunks):
        need = len(chunk.data) + (_STAMP.size if chunk.stamp != last_stamp else 0)
        if number > begin and size + need > limit_bytes:
            yield _frame(chunks[begin:number])
            begin, size = number, 0
            need = len(chunk.data) + _STAMP.size
        size += need
        last_stamp = chunk.stamp
    if chunks:
        yield _frame(chunks[begin:])


def _frame(chunks: list[Chunk]) -> tuple[int, bytes]:
    stamps: dict[int, tuple[int, list[bytes]]] = {}
    for stamp, count, data in chunks:
        had, parts = stamps.get(stamp, (0, []))
        parts.append(data)
        stamps[stamp] = (had + count, parts)
    body = [_STAMP.pack(stamp, count) + b"".join(parts) for stamp, (count, parts) in stamps.items()]
    payload = b"".join(body)
    samples = sum(count for count, _ in stamps.values())
    return samples, HEAD.pack(len(payload) + 4, len(stamps)) + payload
