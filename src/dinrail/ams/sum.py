"""Sum commands: many requests in one ReadWrite. The index offset is the number of sub-commands.

    group  sub-command, written                      read back
    F080   { group, offset, length }                 results, then blocks of the requested lengths (a failed one is
                                                     zeros); with offset 0 no results
    F081   { group, offset, length }, then all data  results
    F082   { group, offset, read length,             { result, length }, then blocks of the returned lengths
             write length }, then all data
    F083   { group, offset, length }                 { result, length }, then blocks of the requested lengths
    F084   { group, offset, length }                 { result, length }, then blocks of the returned lengths
    F085   AddDeviceNotification request, 40 bytes   { result, handle }
    F086   handle                                    results

One failed sub-command does not fail the others. Counts are checked against the bytes before anything is made, and what
a response would have to hold against `MAX_RESPONSE_BYTES`.

Source: Beckhoff Information System, "ADS-sum command" (tc3_adsdll2 124835083).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import NamedTuple

from dinrail.ams.command import (
    ADD_NOTIFICATION,
    HANDLE,
    READ,
    READ_WRITE,
    RESULT,
    RESULT_LENGTH,
    AddNotificationRequest,
    ReadRequest,
    ReadWriteRequest,
    WriteRequest,
)
from dinrail.ams.frame import FRAME_HEADER_BYTES, MAX_FRAME_BYTES
from dinrail.errors import FormatError, Truncated

MAX_SUB_COMMANDS = 16384
"""Beckhoff advises 500, for the PLC answers them all before its next cycle. Clients that do not know it live longer."""
MAX_RESPONSE_BYTES = MAX_FRAME_BYTES - FRAME_HEADER_BYTES - RESULT_LENGTH.size


class SumResult(NamedTuple):
    """What came of one sub-command. `data` is empty for an error."""

    result: int
    data: bytes = b""


class HandleResult(NamedTuple):
    """What came of one sub-command of F085."""

    result: int
    handle: int


def parse_read(count: int, data: bytes, *, max_bytes: int = MAX_RESPONSE_BYTES) -> list[ReadRequest]:
    """Sub-commands of F080 and F083; `count` is the index offset, 0 for as many as are there.

    Raises FormatError when the blocks asked for are more than `max_bytes` together.
    """
    requests = parse_read_ex(count, data)
    wanted = sum([request[2] for request in requests])
    if wanted > max_bytes:
        raise FormatError(f"asks for {wanted} bytes, {max_bytes} are allowed", structure="sum read", field="length")
    return requests


def parse_read_ex(count: int, data: bytes) -> list[ReadRequest]:
    """Sub-commands of F084, whose lengths are upper bounds only."""
    _check(count or len(data) // READ.size, READ.size, data, "sum read", exact=True)
    return list(starmap(ReadRequest, READ.iter_unpack(data)))


def parse_write(count: int, data: bytes) -> list[WriteRequest]:
    """Sub-commands of F081."""
    at = _check(count, READ.size, data, "sum write")
    requests: list[WriteRequest] = []
    for group, offset, size_bytes in READ.iter_unpack(data[:at]):
        if at + size_bytes > len(data):
            raise _short("sum write", len(requests), size_bytes, len(data) - at, at)
        requests.append(WriteRequest(group, offset, data[at : at + size_bytes]))
        at += size_bytes
    _ends(at, data, "sum write")
    return requests


def parse_read_write(count: int, data: bytes) -> list[ReadWriteRequest]:
    """Sub-commands of F082. Their read lengths are upper bounds only."""
    at = _check(count, READ_WRITE.size, data, "sum read-write")
    requests: list[ReadWriteRequest] = []
    for group, offset, read_bytes, size_bytes in READ_WRITE.iter_unpack(data[:at]):
        if at + size_bytes > len(data):
            raise _short("sum read-write", len(requests), size_bytes, len(data) - at, at)
        requests.append(ReadWriteRequest(group, offset, read_bytes, data[at : at + size_bytes]))
        at += size_bytes
    _ends(at, data, "sum read-write")
    return requests


def parse_add(count: int, data: bytes) -> list[AddNotificationRequest]:
    """Sub-commands of F085."""
    _check(count, ADD_NOTIFICATION.size, data, "sum add notification", exact=True)
    return list(starmap(AddNotificationRequest, ADD_NOTIFICATION.iter_unpack(data)))


def parse_delete(count: int, data: bytes) -> list[int]:
    """Handles of F086."""
    _check(count, HANDLE.size, data, "sum delete notification", exact=True)
    return list(_words(count, data))


def build_read(requests: Iterable[ReadRequest]) -> bytes:
    """What is written to F080, F083 and F084."""
    return b"".join([READ.pack(*request) for request in requests])


def build_write(requests: Sequence[WriteRequest]) -> bytes:
    """What is written to F081."""
    heads = [READ.pack(group, offset, len(data)) for group, offset, data in requests]
    return b"".join(heads) + b"".join([request.data for request in requests])


def build_read_write(requests: Sequence[ReadWriteRequest]) -> bytes:
    """What is written to F082."""
    heads = [READ_WRITE.pack(group, offset, size, len(data)) for group, offset, size, data in requests]
    return b"".join(heads) + b"".join([request.data for request in requests])


def build_add(requests: Iterable[AddNotificationRequest]) -> bytes:
    """What is written to F085."""
    return b"".join([request.encode() for request in requests])


def build_delete(handles: Sequence[int]) -> bytes:
    """What is written to F086."""
    return struct.pack(f"<{len(handles)}I", *handles)


def build_blocks(results: Sequence[SumResult], sizes: Sequence[int], *, with_results: bool = True) -> bytes:
    """The answer of F080: blocks as long as asked for, filled with zeros; no results when the offset was 0."""
    blocks = b"".join([data[:size].ljust(size, b"\0") for (_, data), size in zip(results, sizes, strict=True)])
    return build_results([result for result, _ in results]) + blocks if with_results else blocks


def build_blocks_ex(results: Sequence[SumResult], sizes: Sequence[int]) -> bytes:
    """The answer of F083: returned lengths, yet blocks as long as asked for."""
    heads = [
        RESULT_LENGTH.pack(result, min(len(data), size)) for (result, data), size in zip(results, sizes, strict=True)
    ]
    return b"".join(heads) + build_blocks(results, sizes, with_results=False)


def build_data(results: Iterable[SumResult]) -> bytes:
    """The answer of F082 and F084: blocks as long as they are."""
    pairs = list(results)
    heads = [RESULT_LENGTH.pack(result, len(data)) for result, data in pairs]
    return b"".join(heads) + b"".join([data for _, data in pairs])


def build_results(results: Sequence[int]) -> bytes:
    """The answer of F081 and F086."""
    return struct.pack(f"<{len(results)}I", *results)


def build_handles(results: Iterable[HandleResult]) -> bytes:
    """The answer of F085."""
    return b"".join([RESULT_LENGTH.pack(*result) for result in results])


def parse_blocks(data: bytes, sizes: Sequence[int], *, with_results: bool = True) -> list[SumResult]:
    """The answer of F080, cut by the lengths that were asked for. An error's block is dropped."""
    at = _check(len(sizes), RESULT.size, data, "sum read response") if with_results else 0
    results: Iterable[int] = _words(len(sizes), data) if with_results else (0,) * len(sizes)
    found: list[SumResult] = []
    for result, size in zip(results, sizes, strict=True):
        if at + size > len(data):
            raise _short("sum read response", len(found), size, len(data) - at, at)
        found.append(SumResult(result, b"" if result else data[at : at + size]))
        at += size
    return found


def parse_blocks_ex(data: bytes, sizes: Sequence[int]) -> list[SumResult]:
    """The answer of F083: stepped by the lengths asked for, each block cut to the length returned."""
    at = _check(len(sizes), RESULT_LENGTH.size, data, "sum read response")
    found: list[SumResult] = []
    for (result, returned), size in zip(RESULT_LENGTH.iter_unpack(data[:at]), sizes, strict=True):
        if at + size > len(data) or returned > size:
            raise _short("sum read response", len(found), max(size, returned), min(len(data) - at, size), at)
        found.append(SumResult(result, b"" if result else data[at : at + returned]))
        at += size
    return found


def parse_data(data: bytes, count: int) -> list[SumResult]:
    """The answer of F082 and F084, stepped by the lengths returned."""
    at = _check(count, RESULT_LENGTH.size, data, "sum response")
    found: list[SumResult] = []
    for result, size in RESULT_LENGTH.iter_unpack(data[:at]):
        if at + size > len(data):
            raise _short("sum response", len(found), size, len(data) - at, at)
        found.append(SumResult(result, data[at : at + size]))
        at += size
    return found


def parse_results(data: bytes, count: int) -> list[int]:
    """The answer of F081 and F086."""
    _check(count, RESULT.size, data, "sum response")
    return list(_words(count, data))


def parse_handles(data: bytes, count: int) -> list[HandleResult]:
    """The answer of F085."""
    at = _check(count, RESULT_LENGTH.size, data, "sum add notification response")
    return list(starmap(HandleResult, RESULT_LENGTH.iter_unpack(data[:at])))


def _words(count: int, data: bytes) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}I", data)


def _check(count: int, each: int, data: bytes, structure: str, *, exact: bool = False) -> int:
    """Where the heads end, once it is known that they are all there, and not too many."""
    if count > MAX_SUB_COMMANDS:
        raise FormatError(
            f"{count} sub-commands, {MAX_SUB_COMMANDS} are allowed", structure=structure, field="count", offset=0
        )
    end = count * each
    if end > len(data) or (exact and end != len(data)):
        raise Truncated(
            f"{count} sub-commands are {end} bytes, {len(data)} are there", structure=structure, field="count", offset=0
        )
    return end


def _ends(at: int, data: bytes, structure: str) -> None:
    if at != len(data):
        raise FormatError(f"{len(data) - at} bytes belong to none", structure=structure, field="data", offset=at)


def _short(structure: str, index: int, wanted: int, there: int, at: int) -> Truncated:
    return Truncated(
        f"sub-command {index} needs {wanted} bytes, {there} are there", structure=structure, field="data", offset=at
    )
