"""Symbols and types from devices that lie: no end of types, cut entries, garbage where an upload should be."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine
from typing import Any

import pytest
from ads_far_end import NET_ID, Asked, FarEnd, u32

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.lookup import MAX_ROUNDS
from dinrail.ads.client.options import Options
from dinrail.ads.client.symbols import SymbolClient
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsFault
from dinrail.errors import FormatError
from dinrail.iec.types import OpaqueType

PLC = AmsAddr.of(NET_ID, 851)
QUICK = Options(timeout_s=1.0, check_restart_s=0)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 8))


def answered(data: bytes) -> bytes:
    return u32(0, len(data)) + data


def name_in(asked: Asked) -> str:
    return asked.body[16:].rstrip(b"\0").decode()


def symbol_entry(name: str, kind: str, size: int) -> bytes:
    texts = b"".join(text.encode() + b"\0" for text in (name, kind, ""))
    lengths = struct.pack("<HHH", len(name), len(kind), 0)
    body = struct.pack("<IIIIHH", 0x4040, 0, size, 65, 0, 0) + lengths + texts
    return u32(len(body) + 4) + body


def type_entry(name: str, member: str, size: int) -> bytes:
    """A structure of one member, which is of type `member`."""

    def one(label: str, kind: str, items: bytes, flags: int) -> bytes:
        texts = b"".join(text.encode() + b"\0" for text in (label, kind, ""))
        numbers = struct.pack("<IIIIIII", 1, 0, 0, size, 0, 65, flags)
        lengths = struct.pack("<HHHHH", len(label), len(kind), 0, 0, 1 if items else 0)
        body = numbers + lengths + texts + items
        return u32(len(body) + 4) + body

    return one(name, "", one("next", member, b"", 2), 1)


def far_end(**answers: Any) -> FarEnd:
    usual: dict[Any, Any] = {
        (2, 0xF00F): u32(0x705, 0),
        (2, 0xF00C): answered(u32(1, 100)),
        (9, 0xF003): answered(u32(9)),
    }
    return FarEnd(answers=usual | {(9, int(group, 16)): answer for group, answer in answers.items()})


async def client_of(far: FarEnd) -> AdsClient:
    return await AdsClient.connect("127.0.0.1", far.port, QUICK)


def test_types_without_end_are_given_up() -> None:
    """Each type names another one: bytes stay readable, and the number of questions is bounded."""

    async def work() -> None:
        def another(asked: Asked) -> bytes:
            name = name_in(asked)
            return answered(type_entry(name, f"ST_{int(name[3:]) + 1}", 8))

        entry = answered(symbol_entry("MAIN.x", "ST_0", 8))
        async with far_end(F009=entry, F011=another) as far, await client_of(far) as client:
            far.answers[(2, 0xF005)] = answered(b"12345678")
            symbol, data = await SymbolClient(client, PLC).read_raw("MAIN.x")
            assert symbol.type.size_bytes == 8
            assert data == b"12345678"
            asked = [one for one in far.asked if one.command == 9 and one.body[:4] == u32(0xF011)]
            assert len(asked) <= MAX_ROUNDS

    run(work())


@pytest.mark.parametrize("answer", [b"", b"\xff" * 40, u32(0xFFFFFFFF) + bytes(60)], ids=["empty", "noise", "huge"])
def test_a_type_that_cannot_be_read_leaves_bytes(answer: bytes) -> None:
    """The variable is opaque: its bytes are read all the same."""

    async def work() -> None:
        entry = answered(symbol_entry("MAIN.x", "ST_0", 4))
        kind = answered(answer)
        async with far_end(F009=entry, F011=kind) as far, await client_of(far) as client:
            far.answers[(2, 0xF005)] = answered(b"abcd")
            plc = SymbolClient(client, PLC)
            assert (await plc.symbol("MAIN.x")).type == OpaqueType("ST_0", 4)
            assert await plc.read("MAIN.x") == b"abcd"

    run(work())


@pytest.mark.parametrize("answer", [b"", b"\xff" * 40, u32(0xFFFFFFFF) + bytes(60)], ids=["empty", "noise", "huge"])
def test_an_entry_that_cannot_be_read_is_a_format_error(answer: bytes) -> None:
    """For one symbol and for the upload; the connection serves on."""

    async def work() -> None:
        async with far_end(F009=answered(answer)) as far, await client_of(far) as client:
            far.answers[(2, 0xF00B)] = answered(answer or b"\x01")
            plc = SymbolClient(client, PLC)
            with pytest.raises(FormatError):
                await plc.symbol("MAIN.x")
            with pytest.raises((FormatError, AdsFault)):
                await plc.symbols()
            assert (await client.state(PLC)).ads_state == 5

    run(work())


def test_a_device_without_symbols_says_so() -> None:
    """0x701 to everything that has to do with names is told as it is."""

    async def work() -> None:
        async with FarEnd() as far, await client_of(far) as client:
            far.answers[2] = u32(0x701, 0)
            with pytest.raises(AdsFault) as caught:
                await SymbolClient(client, PLC).symbols()
            assert caught.value.code == 0x701
            with pytest.raises(AdsFault) as one:
                await SymbolClient(client, PLC).read("MAIN.x")
            assert one.value.code == 0x701

    run(work())


def test_an_older_server_gives_handles_of_four_bytes_only() -> None:
    """0x705 to the longer question: the shorter one is asked."""

    async def work() -> None:
        def handle(asked: Asked) -> bytes:
            (size,) = struct.unpack_from("<I", asked.body, 8)
            return answered(u32(9)) if size == 4 else u32(0x705, 0)

        entry = answered(symbol_entry("MAIN.x", "INT", 2))
        async with far_end(F009=entry, F003=handle) as far, await client_of(far) as client:
            far.answers[(2, 0xF005)] = answered(b"\x05\0")
            assert await SymbolClient(client, PLC).read("MAIN.x") == 5

    run(work())


def test_a_handle_that_the_device_forgot_is_asked_for_again() -> None:
    """TwinCAT answers an unknown handle with 0x710, the code of an unknown name: here the name is known."""

    async def work() -> None:
        entry = answered(symbol_entry("MAIN.x", "INT", 2))
        given: list[int] = []

        def handle(_: Asked) -> bytes:
            given.append(len(given) + 1)
            return answered(u32(given[-1]))

        def value(asked: Asked) -> bytes:
            group, offset, _ = struct.unpack("<III", asked.body)
            assert group == 0xF005
            return answered(b"\x05\0") if offset == given[-1] else u32(0x710, 0)

        async with far_end(F009=entry, F003=handle) as far, await client_of(far) as client:
            far.answers[(2, 0xF005)] = value
            plc = SymbolClient(client, PLC)
            assert await plc.read("MAIN.x") == 5
            given.append(99)  # restarted: it knows no handle any more
            assert await plc.read("MAIN.x") == 5
            assert given == [1, 99, 3]
            far.answers[(2, 0xF005)] = u32(0x710, 0)
            with pytest.raises(AdsFault):
                await plc.read("MAIN.x")

    run(work())
