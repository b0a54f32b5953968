"""Against pyads' test server, as far as it goes.

It gives no ports, takes one request at a time (what arrives together is lost), sends no notifications over TCP, and its
thread dies of a variable that it does not know.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from pyads import constants
from pyads.testserver import AdsTestServer, AdvancedHandler, PLCVariable

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.options import Options
from dinrail.ads.client.subscription import Extent
from dinrail.ads.client.sums import read_many, write_many
from dinrail.ads.client.symbols import SymbolClient
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import ReadRequest, WriteRequest
from dinrail.iec.types import Elementary, ElementaryType

PLC = AmsAddr.parse("127.0.0.1.1.1:851")
QUICK = Options(timeout_s=2.0, port_connect_timeout_s=0.2, check_restart_s=0)
Work = Callable[[AdsClient], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    handler = AdvancedHandler()
    for name, value, kind, text in (
        ("MAIN.n", 5, constants.ADST_INT16, "INT"),
        ("MAIN.f", 2.5, constants.ADST_REAL64, "LREAL"),
    ):
        handler.add_variable(PLCVariable(name, value, ads_type=kind, symbol_type=text))
    for offset in (0, 4):
        handler.add_variable(
            PLCVariable(
                f"M{offset}",
                bytes(4),
                ads_type=constants.ADST_UINT32,
                symbol_type="UDINT",
                index_group=0x4020,
                index_offset=offset,
            )
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    server = AdsTestServer(handler=handler, port=number, logging=False)
    server.server.listen(5)  # its own thread does so some time later
    with server:
        yield number
    server.join(2)


def run(port: int, work: Work) -> None:
    async def all_of_it() -> None:
        async with asyncio.timeout(8), await AdsClient.connect("127.0.0.1", port, QUICK) as client:
            await work(client)

    asyncio.run(all_of_it())


def test_state_info_and_bytes(port: int) -> None:
    """Without an answer to port connect the client is its own address."""

    async def work(client: AdsClient) -> None:
        assert client.router_net_id is None
        assert (await client.state(PLC)).ads_state == 5
        info = await client.device_info(PLC)
        assert (info.name, info.major, info.minor, info.build) == ("TestServer", 1, 2, 3)
        await client.control(PLC, 5)
        await client.write(PLC, 0x4020, 0, b"abcd")
        assert await client.read(PLC, 0x4020, 0, 4) == b"abcd"
        assert await client.read_write(PLC, 0x4020, 4, 4, b"efgh") == bytes(4)

    run(port, work)


def test_sums(port: int) -> None:
    """F080 and F081 by address."""

    async def work(client: AdsClient) -> None:
        done = await write_many(client, PLC, [WriteRequest(0x4020, 0, b"1234"), WriteRequest(0x4020, 4, b"5678")])
        assert done == [None, None]
        values = await read_many(client, PLC, [ReadRequest(0x4020, 4, 4), ReadRequest(0x4020, 0, 4)])
        assert values == [b"5678", b"1234"]

    run(port, work)


def test_variables_by_name(port: int) -> None:
    """Entry, handle, value: although its entries lack their last NUL."""

    async def work(client: AdsClient) -> None:
        plc = SymbolClient(client, PLC)
        assert (await plc.symbol("MAIN.n")).type == ElementaryType(Elementary.INT)
        assert await plc.read("MAIN.n") == 5
        await plc.write("MAIN.n", -7)
        assert await plc.read("MAIN.n") == -7

    async def another(client: AdsClient) -> None:
        assert await SymbolClient(client, PLC).read("MAIN.f") == 2.5

    run(port, work)
    run(port, another)  # two handles would be given back by one sum, of which its thread dies


def test_a_notification_is_added_and_deleted(port: int) -> None:
    """No sample ever comes, which is the server's way; the handle is given back."""

    async def work(client: AdsClient) -> None:
        told = await client.subscribe(PLC, Extent(0x4020, 0, 4))
        assert told.handle is not None
        await told.close()
        assert client.hub.active == 0
        assert (await client.state(PLC)).ads_state == 5

    run(port, work)
