"""One direction of a TCP connection: segments in any order become bytes in order, and those become AMS frames.

Where bytes are missing (lost by the capture, or before it began) the frames start anew at the next place that looks
like a header: AMS, both lengths in accord, known command, sane flags.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dinrail.ams.frame import (
    AMS_HEADER_BYTES,
    FRAME_HEADER_BYTES,
    MAX_FRAME_BYTES,
    TCP,
    TCP_HEADER_BYTES,
    Command,
    TcpCommand,
)

MAX_STASH_BYTES = 1 << 20
MAX_STASH_SEGMENTS = 64
GAP_NS = 10**9
"""A hole is given up when so much is waiting behind it, or for so long."""
_SEQUENCE = 1 << 32
_HALF = 1 << 31
_HEAD = struct.Struct("<HI16sHHI")
_UNKNOWN_FLAGS = 0x7F00
_MAX_LOCAL_BYTES = 16


class Assembler:
    """Puts segments in order: repeats are dropped, overlaps cut, early ones kept for a while (bounded)."""

    __slots__ = ("_has_started", "_next", "_stash", "_stash_bytes", "_waiting_since_ns")

    def __init__(self) -> None:
        self._has_started = False
        self._next = 0
        self._stash: dict[int, bytes] = {}
        self._stash_bytes = 0
        self._waiting_since_ns = 0

    @property
    def pending_bytes(self) -> int:
        """What waits behind holes."""
        return self._stash_bytes

    def start(self, sequence: int) -> None:
        """A SYN was seen: the stream begins here, and whatever was before is forgotten."""
        self._has_started = True
        self._next = (sequence + 1) % _SEQUENCE
        self._stash.clear()
        self._stash_bytes = 0

    def add(self, sequence: int, payload: bytes, wall_ns: int) -> Iterator[bytes | None]:
        """Bytes in order; None where some are missing (also at first when no SYN was seen)."""
        if not self._has_started:
            self._has_started = True
            self._next = sequence
            yield None
        ahead = _distance(self._next, sequence)
        if ahead > 0:
            self._keep(sequence, payload, wall_ns)
        elif -ahead < len(payload):
            yield self._take(payload[-ahead:])
            yield from self._ready()
        while self._stash and (
            len(self._stash) > MAX_STASH_SEGMENTS
            or self._stash_bytes > MAX_STASH_BYTES
            or wall_ns - self._waiting_since_ns > GAP_NS
        ):
            yield from self._skip()

    def finish(self) -> Iterator[bytes | None]:
        """What still waits behind holes."""
        while self._stash:
            yield from self._skip()

    def _take(self, payload: bytes) -> bytes:
        self._next = (self._next + len(payload)) % _SEQUENCE
        return payload

    def _keep(self, sequence: int, payload: bytes, wall_ns: int) -> None:
        if not payload:
            return
        if not self._stash:
            self._waiting_since_ns = wall_ns
        known = self._stash.get(sequence, b"")
        if len(payload) > len(known):
            self._stash[sequence] = payload
            self._stash_bytes += len(payload) - len(known)

    def _first(self) -> tuple[int, int]:
        """(how far ahead, sequence) of the earliest segment that waits."""
        return min((_distance(self._next, sequence), sequence) for sequence in self._stash)

    def _ready(self) -> Iterator[bytes]:
        while self._stash:
            ahead, sequence = self._first()
            if ahead > 0:
                return
            payload = self._stash.pop(sequence)
            self._stash_bytes -= len(payload)
            if -ahead < len(payload):
                yield self._take(payload[-ahead:])

    def _skip(self) -> Iterator[bytes | None]:
        self._next = self._first()[1]
        yield None
        yield from self._ready()


def _distance(start: int, end: int) -> int:
    """From one sequence number to another, the short way round."""
    return (end - start + _HALF) % _SEQUENCE - _HALF


class FrameStream:
    """Cuts bytes into frames like `Decoder`, but never fails: what is no frame is skipped and counted."""

    __slots__ = ("_is_lost", "_rest", "skipped_bytes")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_lost = False
        self.skipped_bytes = 0

    @property
    def pending_bytes(self) -> int:
        return len(self._rest)

    def gap(self) -> None:
        """Bytes are missing here."""
        self.skipped_bytes += len(self._rest)
        self._rest.clear()
        self._is_lost = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that `data` completes, AMS/TCP header included."""
        self._rest += data
        at = 0
        try:
            while True:
                if self._is_lost:
                    at = self._search(at)
                if self._is_lost or len(self._rest) - at < TCP_HEADER_BYTES:
                    return
                command, size = TCP.unpack_from(self._rest, at)
                if not _is_possible(command, size):
                    self._is_lost = True
                    self.skipped_bytes += 1
                    at += 1
                    continue
                end = at + TCP_HEADER_BYTES + size
                if len(self._rest) < end:
                    return
                frame = bytes(self._rest[at:end])
                at = end
                yield frame
        finally:
            del self._rest[:at]

    def _search(self, at: int) -> int:
        """Where the next header is; all but the last bytes are given up when there is none."""
        last = len(self._rest) - FRAME_HEADER_BYTES
        start = at
        while at <= last:
            at = self._rest.find(b"\0\0", at, last + 2)  # every AMS frame begins with them
            if at < 0:
                break
            if _is_header(self._rest, at):
                self._is_lost = False
                self.skipped_bytes += at - start
                return at
            at += 1
        stop = max(last + 1, start)
        self.skipped_bytes += stop - start
        return stop


def _is_possible(command: int, size: int) -> bool:
    """Whether a stream that is in step may go on like this."""
    if command == TcpCommand.AMS:
        return AMS_HEADER_BYTES <= size <= MAX_FRAME_BYTES
    return command in TcpCommand.__members__.values() and size <= _MAX_LOCAL_BYTES


def _is_header(data: bytearray, at: int) -> bool:
    command, size, _, ads_command, flags, data_bytes = _HEAD.unpack_from(data, at)
    return (
        command == TcpCommand.AMS
        and size == data_bytes + AMS_HEADER_BYTES
        and size <= MAX_FRAME_BYTES
        and Command.READ_DEVICE_INFO <= ads_command <= Command.READ_WRITE
        and not flags & _UNKNOWN_FLAGS
    )
