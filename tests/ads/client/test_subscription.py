"""Notifications: whose sample is whose, floods, and how a subscription survives everything but its own end."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from ads_far_end import FILETIME, NET_ID, Asked, FarEnd, u32

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.faults import LinkLost
from dinrail.ads.client.hub import MAX_DELETIONS
from dinrail.ads.client.options import Options
from dinrail.ads.client.subscription import Extent, Rhythm, Sample, Subscription
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsFault
from dinrail.ams.state import TransMode

PLC = AmsAddr.of(NET_ID, 851)
X = Extent(0x4020, 0, 1)
QUICK = Options(timeout_s=2.0, port_connect_timeout_s=0.2, first_pause_s=0.01, longest_pause_s=0.05, check_restart_s=0)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 8))


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.001)


def far_end(**more: Any) -> FarEnd:
    return FarEnd({(0x4020, at): bytes((at,)) for at in range(8)}, **more)


async def client_of(far: FarEnd, **changes: Any) -> AdsClient:
    return await AdsClient.connect("127.0.0.1", far.port, replace(QUICK, **changes))


def test_a_subscription_is_the_golden_request_and_its_samples_come_with_their_time() -> None:
    """Seconds become units of 100 ns; a sample has its bytes and the device's own time stamp."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, Extent(0x4020, 4, 1), Rhythm(TransMode.SERVER_CYCLE, 0.1, 0.0))
            # The body of reference/ads.md, appendix B, AddDeviceNotification.
            golden = "2040000004000000010000000300000000000000" + "40420f00" + "00" * 16
            assert far.asked[-1].body.hex() == golden
            assert told.handle is not None
            far.notify(told.handle, b"\x2a")
            assert await anext(told) == Sample(FILETIME, b"\x2a")
            assert (told.samples, told.dropped) == (1, 0)

    run(work())


def test_a_callback_is_called_and_may_raise_without_harm() -> None:
    """What a callback raises goes to the loop's handler; samples, answers and others go on."""

    async def work() -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
        seen: list[bytes] = []

        def bad(sample: Sample) -> None:
            seen.append(sample.data)
            raise KeyError(sample.data)

        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X, callback=bad)
            assert told.handle is not None
            far.notify(told.handle, b"a")
            far.notify(told.handle, b"b")
            await until(lambda: len(faults) == 2)
            assert seen == [b"a", b"b"]
            assert (await client.state(PLC)).ads_state == 5

    run(work())


def test_a_sample_before_the_answer_that_tells_its_handle_is_not_lost() -> None:
    """A device may send the first sample ahead of the response."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:

            def eager(asked: Asked) -> bytes:
                far.notes[0x77] = (asked, 0x4020, 0, 1)
                far.notify(0x77, b"!")
                return u32(0, 0x77)

            far.answers[6] = eager
            told = await client.subscribe(PLC, X)
            assert (await anext(told)).data == b"!"
            assert client.hub.strangers == 0

    run(work())


def test_writing_while_samples_are_handled_works() -> None:
    """Nothing waits for anything else on one connection: a write inside the handling of a sample is answered."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            assert told.handle is not None
            far.notify(told.handle, b"a")
            async for sample in told:
                await client.write(PLC, 0x4020, 7, sample.data * 2)
                break
            assert far.memory[(0x4020, 7)] == b"aa"

    run(work())


def test_a_flood_drops_the_oldest_and_counts_them() -> None:
    """A reader that is slow keeps the newest samples; memory is bounded; requests are still answered."""

    async def work() -> None:
        async with far_end() as far, await client_of(far, queue_samples=100) as client:
            told = await client.subscribe(PLC, X)
            assert told.handle is not None
            for number in range(5000):
                far.notify(told.handle, u32(number))
            await until(lambda: told.samples == 5000)
            assert told.dropped == 4900
            assert (await anext(told)).data == u32(4900)
            assert (await client.state(PLC)).ads_state == 5

    run(work())


def test_closing_deletes_the_notification_and_ends_the_iteration() -> None:
    """What was queued is still handed out."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            handle = told.handle
            assert handle is not None
            far.notify(handle, b"1")
            await until(lambda: told.samples)
            await told.close()
            assert [sample.data async for sample in told] == [b"1"]
            assert far.deleted == [handle]

    run(work())


def test_leaving_deletes_all_notifications() -> None:
    """Two hundred subscriptions are deleted at the device when the client is closed."""

    async def work() -> None:
        async with far_end() as far:
            client = await client_of(far)
            await asyncio.gather(*(client.subscribe(PLC, X) for _ in range(200)))
            assert len(far.notes) == 200
            await client.close()
            assert far.notes == {}
            assert far.ports_closed == [0x8000]

    run(work())


def test_a_restarted_server_is_subscribed_again() -> None:
    """The connection breaks, the server comes back without any memory of us: samples go on, the renewal is counted."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            port = far.port
            await far.stop()
            await far.start(port)
            await until(lambda: told.renewals == 1)
            assert told.handle is not None
            far.notify(told.handle, b"z")
            assert (await anext(told)).data == b"z"

    run(work())


def test_a_sample_without_bytes_is_looked_up_anew() -> None:
    """An online change ends a handle by an empty sample: delete it, resolve the place again, subscribe again."""

    async def work() -> None:
        places = [Extent(0x4020, 0, 1), Extent(0x4020, 5, 1)]

        async def resolve() -> Extent:
            return places.pop(0)

        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, resolve)
            first = told.handle
            assert first is not None
            far.notify(first, b"")
            await until(lambda: told.renewals == 1)
            assert first in far.deleted
            assert told.handle is not None
            assert far.notes[told.handle][1:3] == (0x4020, 5)
            assert not told.samples

    run(work())


def test_what_is_gone_for_a_while_is_tried_until_it_is_back() -> None:
    """The fault is on the subscription meanwhile; it is cleared when the device serves again."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            assert told.handle is not None
            far.answers[6] = u32(0x711, 0)
            far.notify(told.handle, b"")
            await until(lambda: told.fault)
            assert isinstance(told.fault, AdsFault)
            assert told.fault.code == 0x711
            del far.answers[6]
            await until(lambda: told.handle)
            assert told.fault is None

    run(work())


def test_a_first_refusal_is_raised() -> None:
    """Who subscribes to what is not there learns it at once."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            with pytest.raises(AdsFault) as caught:
                await client.subscribe(PLC, Extent(0x1111, 0, 1))
            assert caught.value.code == 0x702

    run(work())


def test_a_handle_of_a_former_life_is_deleted() -> None:
    """Samples for a handle that nobody knows are counted, and the device is asked to stop; hundreds cost no more."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            assert told.handle is not None
            asked = far.notes[told.handle][0]
            for handle in range(5000, 5000 + 3 * MAX_DELETIONS):
                far.notes[handle] = (asked, 0x4020, 0, 1)
                far.notify(handle, b"?")
            await until(lambda: client.hub.strangers == 3 * MAX_DELETIONS and len(far.deleted) >= MAX_DELETIONS)
            assert told.handle not in far.deleted

    run(work())


@pytest.mark.parametrize(
    "payload",
    [b"", u32(4, 1), u32(0xFFFFFFFF, 0xFFFFFFFF), u32(16, 1) + struct.pack("<qI", 0, 0xFFFFFFFF)],
    ids=["empty", "no stamp", "huge", "a stamp of four billion"],
)
def test_a_malformed_notification_is_counted_and_passed_over(payload: bytes) -> None:
    """The next whole one is delivered."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            assert told.handle is not None
            far.notify_raw(far.notes[told.handle][0], payload)
            far.notify(told.handle, b"k")
            assert (await anext(told)).data == b"k"
            assert client.hub.malformed == 1

    run(work())


def test_the_router_s_start_note_subscribes_again() -> None:
    """A router that was restarted in place knows no notification any more, and says so."""

    async def work() -> None:
        async with far_end() as far, await client_of(far) as client:
            told = await client.subscribe(PLC, X)
            far.notes.clear()
            far.send_all(bytes.fromhex("01100400000001000000"))
            await until(lambda: told.renewals == 1)
            assert list(far.notes) == [told.handle]

    run(work())


def test_a_device_restarted_behind_its_router_is_noticed_by_its_restart_index() -> None:
    """Our connection to the router never broke, and still the samples come back."""

    async def work() -> None:
        async with far_end() as far, await client_of(far, check_restart_s=0.01) as client:
            told = await client.subscribe(PLC, X)
            await until(lambda: sum(asked.command == 2 for asked in far.asked) > 2)
            assert not told.renewals
            far.notes.clear()
            far.restart_index += 1
            await until(lambda: told.renewals == 1)
            assert list(far.notes) == [told.handle]

    run(work())


def test_without_reconnecting_a_loss_ends_the_iteration() -> None:
    """The reader of a subscription learns that no sample will come."""

    async def work() -> None:
        async with far_end() as far, await client_of(far, reconnect=False) as client:
            told = await client.subscribe(PLC, X)
            far.cut()
            with pytest.raises(LinkLost):
                await anext(told)

    run(work())


def test_leaving_a_dead_device_takes_no_longer_than_a_moment() -> None:
    """`close` gives up on deleting what nobody answers for."""

    async def work() -> None:
        async with far_end() as far:
            client = await client_of(far, timeout_s=30.0)
            made: list[Subscription] = [await client.subscribe(PLC, X) for _ in range(3)]
            far.deaf = True
            async with asyncio.timeout(5):
                await client.close()
            assert all(told.closed for told in made)
            with contextlib.suppress(StopAsyncIteration):
                await anext(made[0])

    run(work())


def test_a_subscription_that_nobody_waits_for_any_more_is_deleted() -> None:
    """Cancelled in the very moment in which its handle came."""

    async def work() -> None:
        async with far_end(held=[]) as far, await client_of(far) as client:
            wanted = asyncio.create_task(client.subscribe(PLC, X))
            await until(lambda: far.held)
            (asked, body, _) = (far.held or [])[0]
            far.held = None
            register = client.hub._register

            def and_cancel(*what: Any) -> None:
                register(*what)
                wanted.cancel()

            client.hub._register = and_cancel  # type: ignore[method-assign]  # to hit the moment
            await far._send(asked, body)
            with pytest.raises(asyncio.CancelledError):
                await wanted
            await until(lambda: far.deleted)
            assert (client.hub.active, client.connections) == (0, 1)

    run(work())
