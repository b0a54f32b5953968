"""Discovery and adding routes from the client's side, over real UDP on loopback."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from ads_far_end import NET_ID, u32

from dinrail.ads.client.faults import AdsDenied, LinkLost
from dinrail.ads.client.udp import add_route, ask, discover
from dinrail.ams.address import NetId
from dinrail.ams.discovery import AddRoute
from dinrail.ams.errors import AdsFault
from dinrail.errors import BadRequest

MAGIC = bytes.fromhex("03661471")
SERVER = NET_ID + struct.pack("<H", 10000)
ROUTE = AddRoute(NetId.parse("10.0.0.7.1.1"), "10.0.0.7", "engineering", "Administrator", "1")
Answer = Callable[[bytes], list[bytes]]


def tag(number: int, data: bytes) -> bytes:
    return struct.pack("<HH", number, len(data)) + data


def server_info(request: bytes, name: bytes = b"CX-1234") -> bytes:
    tags = tag(5, name + b"\0") + tag(3, struct.pack("<BBH", 3, 1, 4024))
    return MAGIC + request[4:8] + u32(0x80000001) + SERVER + u32(2) + tags


def status(request: bytes, code: int) -> bytes:
    return MAGIC + request[4:8] + u32(0x80000006) + SERVER + u32(1) + tag(1, u32(code))


class Far(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        for answer in self.answer(data):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def far_end(answer: Answer) -> AsyncIterator[tuple[Far, int]]:
    transport, far = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Far(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield far, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 8))


def test_a_device_tells_who_it_is() -> None:
    """The request is the golden packet; the answer has NetId, name and version."""

    async def work() -> None:
        async with far_end(lambda data: [server_info(data)]) as (far, port):
            info = await ask("127.0.0.1", port=port)
            assert (str(info.address), info.name, info.version) == ("192.168.0.231.1.1:10000", "CX-1234", (3, 1, 4024))
            assert far.asked[0].hex() == "036614710000000001000000000000000000000000000000"

    run(work())


def test_discovery_gathers_each_device_once_and_passes_over_garbage() -> None:
    """Whatever else comes in at the port is no device."""

    async def work() -> None:
        def answers(data: bytes) -> list[bytes]:
            return [b"", b"noise" * 30, server_info(data)[:30], server_info(data), server_info(data)]

        async with far_end(answers) as (_, port):
            (one,) = await discover("127.0.0.1", port=port, wait_s=0.2)
            assert (one.ip, one.info.name) == ("127.0.0.1", "CX-1234")

    run(work())


def test_a_lost_datagram_is_sent_again() -> None:
    """Two of three may be lost."""

    async def work() -> None:
        seen: list[bytes] = []

        def third(data: bytes) -> list[bytes]:
            seen.append(data)
            return [server_info(data)] if len(seen) == 3 else []

        async with far_end(third) as (_, port):
            assert (await ask("127.0.0.1", port=port, timeout_s=0.3)).name == "CX-1234"

    run(work())


def test_nobody_there_is_told_as_a_timeout() -> None:
    """With the address and the port, and what may be in the way."""

    async def work() -> None:
        async with far_end(lambda _: []) as (_, port):
            with pytest.raises(LinkLost, match="no answer") as caught:
                await ask("127.0.0.1", port=port, timeout_s=0.1)
            assert "firewall" in str(caught.value.hint)
        with pytest.raises(BadRequest):
            await ask("no such host.invalid")

    run(work())


def test_a_route_is_added() -> None:
    """All five tags are there; status 0 is silence on our side."""

    async def work() -> None:
        async with far_end(lambda data: [status(data, 0)]) as (far, port):
            await add_route("127.0.0.1", ROUTE, port=port)
            request = far.asked[0]
            for part in (tag(7, ROUTE.net_id), tag(13, b"Administrator\0"), tag(2, b"1\0"), tag(5, b"10.0.0.7\0")):
                assert part in request
            assert tag(12, b"engineering\0") in request
            assert struct.unpack_from("<I", request, 8)[0] == 6

    run(work())


@pytest.mark.parametrize(("code", "kind"), [(0x704, AdsDenied), (0x506, AdsFault)])
def test_a_refused_route_is_told_with_its_code(code: int, kind: type[AdsFault]) -> None:
    """0x704 is a wrong user or password: exit code 1; anything else is the device's own fault."""

    async def work() -> None:
        async with far_end(lambda data: [status(data, code)]) as (_, port):
            with pytest.raises(kind) as caught:
                await add_route("127.0.0.1", ROUTE, port=port)
            assert caught.value.code == code
            assert ROUTE.password not in str(caught.value).split("'")

    run(work())


def test_an_answer_to_somebody_else_s_request_is_none() -> None:
    """The invoke id has to be ours: a stray "OK" adds no route."""

    async def work() -> None:
        def foreign(data: bytes) -> list[bytes]:
            answer = bytearray(status(data, 0))
            answer[4] ^= 1
            return [bytes(answer)]

        async with far_end(foreign) as (_, port):
            with pytest.raises(LinkLost):
                await add_route("127.0.0.1", ROUTE, port=port, timeout_s=0.1)

    run(work())
