"""Many values in one request (sum commands), cut into requests that a device can take.

A device serves one request within one of its cycles, so requests are limited in number of sub commands and in bytes,
and the pieces follow each other. A device without sum commands is asked one by one, all at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from dinrail.ads.client.connection import AdsClient, spot
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import READ, READ_WRITE, RESULT, RESULT_LENGTH, ReadRequest, ReadWriteRequest, WriteRequest
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.ams.sum import build_read, build_read_write, build_write, parse_blocks, parse_data, parse_results

R = TypeVar("R")
_WITHOUT = (AdsError.SERVICE_NOT_SUPPORTED, AdsError.INVALID_GROUP)
"""How a device says that it has no sum commands."""


async def read_many(client: AdsClient, target: AmsAddr, requests: Sequence[ReadRequest]) -> list[bytes | AdsFault]:
    """The data of each, as long as was asked for, or why it was refused. Raises AdsFault when the whole request is."""

    async def sums(some: Sequence[ReadRequest]) -> list[bytes | AdsFault]:
        sizes = [request.size_bytes for request in some]
        expected = sum(sizes) + RESULT.size * len(some)
        answer = await client.read_write(
            target, IndexGroup.SUM_READ, len(some), expected, build_read(some), where=f"{len(some)} values"
        )
        results = parse_blocks(answer, sizes)
        return [
            client.fault(result, target, f"{spot(group, offset)} at {target}") if result else data
            for (result, data), (group, offset, _) in zip(results, some, strict=True)
        ]

    async def single(request: ReadRequest) -> bytes:
        return await client.read(target, *request)

    weights = [(READ.size, RESULT.size + request.size_bytes) for request in requests]
    return await _in_pieces(client, requests, weights, sums, single)


async def write_many(client: AdsClient, target: AmsAddr, requests: Sequence[WriteRequest]) -> list[AdsFault | None]:
    """None for each that was written, or why it was not. Raises AdsFault when the whole request is refused."""

    async def sums(some: Sequence[WriteRequest]) -> list[AdsFault | None]:
        expected = RESULT.size * len(some)
        answer = await client.read_write(
            target, IndexGroup.SUM_WRITE, len(some), expected, build_write(some), where=f"{len(some)} values"
        )
        return [
            client.fault(result, target, f"{spot(request.group, request.offset)} at {target}") if result else None
            for result, request in zip(parse_results(answer, len(some)), some, strict=True)
        ]

    async def single(request: WriteRequest) -> None:
        await client.write(target, *request)

    weights = [(READ.size + len(request.data), RESULT.size) for request in requests]
    return await _in_pieces(client, requests, weights, sums, single)


async def read_write_many(
    client: AdsClient, target: AmsAddr, requests: Sequence[ReadWriteRequest]
) -> list[bytes | AdsFault]:
    """What each gives, at most as long as was asked for. Raises AdsFault when the whole request is refused."""

    async def sums(some: Sequence[ReadWriteRequest]) -> list[bytes | AdsFault]:
        expected = sum(request.size_bytes for request in some) + RESULT_LENGTH.size * len(some)
        answer = await client.read_write(
            target, IndexGroup.SUM_READ_WRITE, len(some), expected, build_read_write(some), where=f"{len(some)} values"
        )
        return [
            client.fault(result, target, f"{spot(request.group, request.offset)} at {target}") if result else data
            for (result, data), request in zip(parse_data(answer, len(some)), some, strict=True)
        ]

    async def single(request: ReadWriteRequest) -> bytes:
        return await client.read_write(target, *request)

    weights = [(READ_WRITE.size + len(request.data), RESULT_LENGTH.size + request.size_bytes) for request in requests]
    return await _in_pieces(client, requests, weights, sums, single)


Q = TypeVar("Q")


async def _in_pieces(
    client: AdsClient,
    requests: Sequence[Q],
    weights: Sequence[tuple[int, int]],
    sums: Callable[[Sequence[Q]], Awaitable[list[R | AdsFault]]],
    single: Callable[[Q], Awaitable[R]],
) -> list[R | AdsFault]:
    done: list[R | AdsFault] = []
    for begin, end in _cut(weights, client.options.sum_items, client.options.sum_bytes):
        some = requests[begin:end]
        if len(some) > 1:
            try:
                done += await sums(some)
                continue
            except AdsFault as fault:
                if fault.code not in _WITHOUT:
                    raise
        done += await asyncio.gather(*(_told(single(request)) for request in some))
    return done


async def _told(work: Awaitable[R]) -> R | AdsFault:
    try:
        return await work
    except AdsFault as fault:
        return fault


def _cut(weights: Sequence[tuple[int, int]], items: int, limit: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of pieces with at most `items` requests and `limit` bytes either way; one may be larger alone."""
    begin = sent = received = 0
    for at, (out, back) in enumerate(weights):
        if at > begin and (at - begin >= items or sent + out > limit or received + back > limit):
            yield begin, at
            begin, sent, received = at, 0, 0
        sent += out
        received += back
    if begin < len(weights):
        yield begin, len(weights)
