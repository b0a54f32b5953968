"""Sum commands: split by number and by bytes, single refusals, devices without them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from ads_far_end import NET_ID, Asked, FarEnd, u32

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.options import Options
from dinrail.ads.client.sums import read_many, read_write_many, write_many
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import ReadRequest, ReadWriteRequest, WriteRequest
from dinrail.ams.errors import AdsFault

PLC = AmsAddr.of(NET_ID, 851)
QUICK = Options(timeout_s=2.0, check_restart_s=0)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 8))


async def client_of(far: FarEnd, **changes: Any) -> AdsClient:
    return await AdsClient.connect("127.0.0.1", far.port, replace(QUICK, **changes))


def sum_read(asked: Asked) -> bytes:
    """Every value is its offset; offset 13 is refused, and its block is there all the same."""
    _, count, size, written = struct.unpack_from("<IIII", asked.body)
    assert written == 12 * count == len(asked.body) - 16
    items = [struct.unpack_from("<III", asked.body, 16 + 12 * at) for at in range(count)]
    data = b"".join(u32(0x703 if offset == 13 else 0) for _, offset, _ in items)
    data += b"".join(u32(offset)[:length].ljust(length, b"\0") for _, offset, length in items)
    assert len(data) == size
    return u32(0, len(data)) + data


def counts(far: FarEnd, group: int) -> list[int]:
    asked = [struct.unpack_from("<II", one.body) for one in far.asked if one.command == 9]
    return [offset for found, offset in asked if found == group]


def test_5000_values_are_ten_requests_of_500() -> None:
    """Beckhoff advises 500 sub commands; one refused value does not refuse the others."""

    async def work() -> None:
        async with FarEnd(answers={(9, 0xF080): sum_read}) as far, await client_of(far) as client:
            values = await read_many(client, PLC, [ReadRequest(0x4020, at, 4) for at in range(5000)])
            assert counts(far, 0xF080) == [500] * 10
            refused = values.pop(13)
            assert isinstance(refused, AdsFault)
            assert (refused.code, refused.where) == (0x703, "0x4020:13 at 192.168.0.231.1.1:851")
            assert values == [u32(at) for at in range(5000) if at != 13]

    run(work())


def test_requests_are_split_by_bytes_too() -> None:
    """What has to come back is bounded, and one value larger than the bound goes alone."""

    async def work() -> None:
        async with FarEnd(answers={(9, 0xF080): sum_read}) as far, await client_of(far, sum_bytes=1000) as client:
            far.memory |= {(0x4020, 99): bytes(3000), (0x4020, 4): bytes(400)}
            requests = [ReadRequest(0x4020, at, 400) for at in range(5)]
            values = await read_many(client, PLC, [*requests, ReadRequest(0x4020, 99, 3000)])
            assert [len(value) for value in values if isinstance(value, bytes)] == [400] * 5 + [3000]
            assert counts(far, 0xF080) == [2, 2]

    run(work())


def test_what_was_written_arrives_and_refusals_stand_at_their_place() -> None:
    """F081: heads first, then the data of all."""

    async def work() -> None:
        answer = u32(0, 8) + u32(0, 0x704)
        async with FarEnd(answers={(9, 0xF081): answer}) as far, await client_of(far) as client:
            done = await write_many(client, PLC, [WriteRequest(1, 2, b"ab"), WriteRequest(1, 3, b"cdef")])
            assert done[0] is None
            assert isinstance(done[1], AdsFault)
            assert far.asked[-1].body == u32(0xF081, 2, 8, 30) + u32(1, 2, 2) + u32(1, 3, 4) + b"abcdef"

    run(work())


def test_read_write_gives_what_came_of_each() -> None:
    """F082: blocks are as long as they are, not as long as was asked for."""

    async def work() -> None:
        async with FarEnd() as far, await client_of(far) as client:
            far.answers[(9, 0xF082)] = u32(0, 18) + u32(0, 2, 0x710, 0) + b"ok"
            done = await read_write_many(
                client, PLC, [ReadWriteRequest(0xF003, 0, 100, b"a"), ReadWriteRequest(0xF003, 0, 100, b"b")]
            )
            assert done[0] == b"ok"
            assert isinstance(done[1], AdsFault)
            assert done[1].code == 0x710

    run(work())


def test_a_device_without_sum_commands_is_asked_one_by_one() -> None:
    """0x701 to the sum: all values are asked for singly, at once."""

    async def work() -> None:
        memory = {(0x4020, at): u32(at) for at in range(20)}
        async with FarEnd(memory) as far, await client_of(far) as client:
            values = await read_many(client, PLC, [ReadRequest(0x4020, at, 4) for at in range(21)])
            assert values[:20] == [u32(at) for at in range(20)]
            assert isinstance(values[20], AdsFault)
            done = await write_many(client, PLC, [WriteRequest(0x4020, at, b"x") for at in range(2)])
            assert done == [None, None]
            assert far.memory[(0x4020, 1)] == b"x"

    run(work())


def test_no_values_are_no_request() -> None:
    """Nothing is sent for an empty list."""

    async def work() -> None:
        async with FarEnd() as far, await client_of(far) as client:
            assert await read_many(client, PLC, []) == []
            assert far.asked == []

    run(work())
