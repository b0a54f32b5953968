"""The client over real TCP, against a far end that also misbehaves."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from ads_far_end import NET_ID, Asked, FarEnd, u32

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.faults import AdsDenied, LinkLost
from dinrail.ads.client.options import How, Options
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.errors import AdsFault
from dinrail.errors import FormatError

PLC = AmsAddr.of(NET_ID, 851)
M0, M4 = (0x4020, 0), (0x4020, 4)
QUICK = Options(timeout_s=2.0, port_connect_timeout_s=0.2, first_pause_s=0.01, check_restart_s=0)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 8))


async def client_of(far: FarEnd, **changes: Any) -> AdsClient:
    return await AdsClient.connect("127.0.0.1", far.port, replace(QUICK, **changes))


def test_every_command_does_its_work() -> None:
    """Read, write, read-write, state, control and device info, with the target's answers as values."""

    async def work() -> None:
        async with FarEnd({M0: b"\xef\xbe\xad\xde"}) as far, await client_of(far) as client:
            assert await client.read(PLC, *M0, 4) == b"\xef\xbe\xad\xde"
            await client.write(PLC, *M0, b"abcd")
            assert far.memory[M0] == b"abcd"
            far.answers[9] = lambda asked: u32(0, 3) + asked.body[16:19]
            assert await client.read_write(PLC, 0xF003, 0, 4, b"xyz") == b"xyz"
            state = await client.state(PLC)
            assert (state.ads_state, state.device_state) == (5, 0)
            await client.control(PLC, 6, 7, b"why")
            assert far.state == (6, 7)
            info = await client.device_info(PLC)
            assert (info.name, info.major, info.minor, info.build) == ("Plc30 App", 3, 1, 4024)

    run(work())


def test_on_this_machine_the_router_gives_the_port_and_gets_it_back() -> None:
    """Port connect makes the router's NetId and port our address; closing returns the port."""

    async def work() -> None:
        async with FarEnd({M0: b"1"}) as far:
            client = await client_of(far)
            assert client.address == AmsAddr.of(NET_ID, 0x8000)
            assert client.router_net_id == NetId(NET_ID)
            await client.read(PLC, *M0, 1)
            assert far.asked[0].source == client.address
            await client.close()
            assert far.ports_closed == [0x8000]

    run(work())


@pytest.mark.parametrize("changes", [{}, {"how": How.DIRECT}], ids=["the router ends the connection", "not asked"])
def test_without_a_router_the_client_is_its_own_address(changes: dict[str, Any]) -> None:
    """AdsLib's way: our NetId from our IP address, our port from 30000 up, on a new connection."""

    async def work() -> None:
        async with FarEnd({M0: b"1"}, gives_ports=False) as far, await client_of(far, **changes) as client:
            assert str(client.address.net_id) == "127.0.0.1.1.1"
            assert 30000 <= client.address.port < 32000
            assert await client.read(PLC, *M0, 1) == b"1"

    run(work())


def test_our_own_address_can_be_chosen() -> None:
    """A route in the device leads to one NetId, whatever our IP address is (containers)."""

    async def work() -> None:
        net_id = NetId.parse("10.1.2.3.1.1")
        async with (
            FarEnd({M0: b"1"}) as far,
            await client_of(far, how=How.DIRECT, net_id=net_id, ams_port=31000) as client,
        ):
            await client.read(PLC, *M0, 1)
            assert far.asked[0].source == AmsAddr.of(net_id, 31000)

    run(work())


def test_a_router_that_gives_no_port_is_told_when_one_was_wanted() -> None:
    """`How.ROUTER` never falls back to an address of our own."""

    async def work() -> None:
        async with FarEnd(gives_ports=False) as far:
            with pytest.raises(LinkLost, match="no AMS port"):
                await client_of(far, how=How.ROUTER)

    run(work())


def test_many_requests_are_under_way_and_answers_come_in_any_order() -> None:
    """200 requests wait together; their answers, last first, each find their own."""

    async def work() -> None:
        memory = {(0x4020, at): u32(at) for at in range(200)}
        async with FarEnd(memory, held=[]) as far, await client_of(far) as client:
            reads = [asyncio.create_task(client.read(PLC, 0x4020, at, 4)) for at in range(200)]
            while len(far.held or ()) < 200:
                await asyncio.sleep(0.001)
            await far.release(backwards=True)
            assert await asyncio.gather(*reads) == [u32(at) for at in range(200)]

    run(work())


def test_answers_in_single_bytes_are_answers() -> None:
    """However TCP cuts them."""

    async def work() -> None:
        async with FarEnd({M0: bytes(range(50))}, one_byte_at_a_time=True) as far, await client_of(far) as client:
            assert await client.read(PLC, *M0, 50) == bytes(range(50))

    run(work())


def test_errors_come_from_header_and_result_with_place_and_hint() -> None:
    """6 from the router names the port; 0x702 from the device names the address."""

    async def work() -> None:
        async with FarEnd() as far, await client_of(far) as client:
            with pytest.raises(AdsFault) as unknown:
                await client.state(AmsAddr.of(NET_ID, 852))
            assert unknown.value.code == 6
            assert "852" in str(unknown.value.hint)
            with pytest.raises(AdsFault) as group:
                await client.read(PLC, 0x1234, 5, 4)
            assert group.value.code == 0x702
            assert group.value.where == "0x1234:5 at 192.168.0.231.1.1:851"

    run(work())


def test_a_missing_route_names_the_command_that_adds_it() -> None:
    """Error 7 is answered with the whole command, our own NetId in it."""

    async def work() -> None:
        async with FarEnd(answers={4: u32(7)}) as far, await client_of(far) as client:
            with pytest.raises(AdsFault) as caught:
                await client.state(PLC)
            command = "dinrail ads route add --remote 127.0.0.1 --own-net-id 192.168.0.231.1.1"
            assert command in str(caught.value.hint)

    run(work())


def test_access_denied_is_our_exit_code_one() -> None:
    """0x723 is a rule's refusal, not a fault of the device."""

    async def work() -> None:
        async with FarEnd(answers={2: u32(0x723, 0)}) as far, await client_of(far) as client:
            with pytest.raises(AdsDenied) as caught:
                await client.read(PLC, *M0, 4)
            assert caught.value.exit_code == 1

    run(work())


def test_silence_ends_in_the_client_s_own_timeout() -> None:
    """1861 (0x745), with the number of seconds; the late answer then harms nothing."""

    async def work() -> None:
        async with FarEnd({M0: b"late"}, held=[]) as far, await client_of(far, timeout_s=0.1) as client:
            with pytest.raises(AdsFault, match=r"no answer within 0.1 s") as caught:
                await client.read(PLC, *M0, 4)
            assert caught.value.code == 1861
            await far.release()
            far.memory[M0] = b"next"
            assert await client.read(PLC, *M0, 4) == b"next"
            assert client.strays == 1

    run(work())


def test_more_data_than_was_asked_for_is_no_answer() -> None:
    """A device that sends more than the requested length breaks the protocol, and is told so."""

    async def work() -> None:
        async with FarEnd(answers={2: u32(0, 9) + bytes(9)}) as far, await client_of(far) as client:
            with pytest.raises(FormatError, match="9 bytes came, 4 were asked for"):
                await client.read(PLC, *M0, 4)

    run(work())


@pytest.mark.parametrize(
    "body", [b"", b"\0", u32(0), u32(0, 4) + b"ab", u32(0, 0xFFFFFFFF)], ids=lambda body: body.hex() or "empty"
)
def test_a_body_that_is_cut_off_is_a_format_error(body: bytes) -> None:
    """Whatever is missing, the request fails alone and the connection serves on."""

    async def work() -> None:
        async with FarEnd(answers={2: body}) as far, await client_of(far) as client:
            with pytest.raises(FormatError):
                await client.read(PLC, *M0, 4)
            assert (await client.state(PLC)).ads_state == 5

    run(work())


def wrong_id(asked: Asked) -> bytes:
    frame = asked.source + asked.target + struct.pack("<HHIII", 2, 5, 12, 0, asked.invoke_id + 77) + u32(0, 4) + b"evil"
    asked.writer.write(struct.pack("<HI", 0, len(frame)) + frame)
    return u32(0, 4) + b"good"


def test_an_answer_with_a_wrong_invoke_id_is_passed_over() -> None:
    """It is counted, and the right one behind it counts."""

    async def work() -> None:
        async with FarEnd(answers={2: wrong_id}) as far, await client_of(far) as client:
            assert await client.read(PLC, *M0, 4) == b"good"
            assert client.strays == 1

    run(work())


def test_garbage_ends_the_connection_and_the_next_one_serves() -> None:
    """What is no AMS ends the connection at once; requests under way fail, later ones wait for the new one."""

    async def work() -> None:
        async with FarEnd({M0: b"1"}, held=[]) as far, await client_of(far) as client:
            waiting = asyncio.create_task(client.read(PLC, *M0, 1))
            while not far.held:
                await asyncio.sleep(0.001)
            far.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            with pytest.raises(LinkLost, match="not AMS"):
                await waiting
            far.held = None
            assert await client.read(PLC, *M0, 1) == b"1"
            assert client.connections == 2

    run(work())


def test_a_restarted_server_is_found_again() -> None:
    """The client comes back by itself; a request made meanwhile waits for it."""

    async def work() -> None:
        far = FarEnd({M0: b"1"})
        await far.start()
        async with await client_of(far) as client:
            await client.read(PLC, *M0, 1)
            await far.stop()
            while client.is_up:
                await asyncio.sleep(0.001)
            waiting = asyncio.create_task(client.read(PLC, *M0, 1))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await far.start(far.port)
            assert await waiting == b"1"
            assert client.connections == 2
            await client.close()
        await far.stop()

    run(work())


def test_without_reconnecting_a_loss_is_final() -> None:
    """Commands that run once do not wait for a device that went away."""

    async def work() -> None:
        async with FarEnd({M0: b"1"}) as far, await client_of(far, reconnect=False) as client:
            far.cut()
            while client.is_up:
                await asyncio.sleep(0.001)
            with pytest.raises(LinkLost):
                await client.read(PLC, *M0, 1)
            assert client.connections == 1

    run(work())


def test_an_end_before_the_first_answer_points_at_the_missing_route() -> None:
    """TwinCAT ends a connection from a NetId that it has no route to."""

    async def work() -> None:
        async with FarEnd(ends_at_once=True) as far:
            with pytest.raises(LinkLost) as caught:
                async with await client_of(far, how=How.DIRECT, reconnect=False) as client:
                    await client.read(PLC, *M0, 1)
            assert "dinrail ads route add --remote 127.0.0.1" in str(caught.value.hint)

    run(work())


def test_nobody_there_is_told_with_what_to_try() -> None:
    """A refused connection on this machine names the command that starts a router."""

    async def work() -> None:
        far = FarEnd()
        await far.start()
        await far.stop()
        with pytest.raises(LinkLost) as caught:
            await client_of(far)
        assert "dinrail ads serve" in str(caught.value.hint)

    run(work())


def test_a_peer_that_does_not_read_holds_up_nobody_for_longer_than_the_timeout() -> None:
    """Requests wait for room to write, and give up in time."""

    async def work() -> None:
        async with FarEnd(held=[]) as far, await client_of(far, timeout_s=0.3) as client:
            far.answers[3] = u32(0)
            began = time.monotonic()
            writes = [client.write(PLC, *M0, bytes(1 << 20)) for _ in range(8)]
            results = await asyncio.gather(*writes, return_exceptions=True)
            assert all(isinstance(result, AdsFault) for result in results)
            assert time.monotonic() - began < 5

    run(work())
