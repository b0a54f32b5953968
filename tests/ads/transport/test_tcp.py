"""TCP links: whole frames however they are cut, and no client that hurts another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from dinrail.ads.contract import Link, Origin, Via
from dinrail.ads.transport.tcp import Door, Limits, dial, is_loopback, listen, sweep
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import MAX_FRAME_BYTES, build_frame, parse_header, response_to
from dinrail.errors import BadRequest, HostError

PLC = AmsAddr.of(NetId.parse("5.1.2.3.1.1"), 851)
ME = AmsAddr.of(NetId.parse("10.0.0.1.1.1"), 30000)
Steps = Callable[[Door, int], Awaitable[None]]


class Echo:
    """Answers each frame with its own data; keeps what came, and whether the link ended."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.frames: list[bytes] = []
        self.known: dict[bytes, bytes] = {}
        self.ended = 0

    def receive(self, frame: bytes) -> bytes | None:
        self.frames.append(frame)
        return response_to(frame, frame[38:]) if len(frame) >= 38 else None

    def quick(self, data: bytes) -> bytes | None:
        return self.known.get(data)

    def closed(self) -> None:
        self.ended += 1


class Hall:
    """All sinks of one door, in the order of their links."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.sinks: list[Echo] = []
        self.door = Door("test", lambda ip: Origin(Via.LOOPBACK, "test", ip), self._enter, limits or Limits())

    def _enter(self, link: Link) -> Echo:
        self.sinks.append(Echo(link))
        return self.sinks[-1]


def run(steps: Callable[[Hall, int], Coroutine[Any, Any, None]], limits: Limits | None = None) -> Hall:
    """Run the steps against a listening door; `steps` gets the hall and the port."""
    hall = Hall(limits)

    async def all_of_it() -> None:
        server = await listen(hall.door, "127.0.0.1", 0)
        watch = asyncio.create_task(sweep(lambda: [hall.door]))
        try:
            await asyncio.wait_for(steps(hall, server.sockets[0].getsockname()[1]), 20)
        finally:
            watch.cancel()
            server.close()
            for link in tuple(hall.door.links):
                link.close("end of test")
            await asyncio.sleep(0.01)

    asyncio.run(all_of_it())
    return hall


def request(data: bytes, invoke_id: int = 1) -> bytes:
    return build_frame(PLC, ME, 2, 4, invoke_id, data)


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(6)
    return head + await reader.readexactly(struct.unpack("<HI", head)[1])


@pytest.mark.parametrize("cut", [1, 3, 7, 38, 41, 10_000])
def test_any_cut_of_the_stream_gives_the_same_frames(cut: int) -> None:
    """Three frames sent in pieces of any size are answered three times, in order."""
    sent = [request(bytes([n % 256]) * n, n) for n in (1, 20, 300)]

    async def steps(hall: Hall, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stream = b"".join(sent)
        for at in range(0, len(stream), cut):
            writer.write(stream[at : at + cut])
            await writer.drain()
        for frame in sent:
            assert parse_header(await answer(reader)).invoke_id == parse_header(frame).invoke_id
        writer.close()

    assert run(steps).sinks[0].frames == sent


def test_what_the_sink_knows_is_answered_at_once_but_never_within_a_frame() -> None:
    """A segment that the sink knows is answered without being looked at; the same bytes inside a frame are its data."""
    known, inner = request(b"known"), request(request(b"known"))

    async def steps(hall: Hall, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"first"))
        await answer(reader)
        hall.sinks[0].known = {known: request(b"the answer")}
        writer.write(known)
        assert await answer(reader) == request(b"the answer")
        writer.write(inner[: -len(known)])
        await asyncio.sleep(0.05)
        writer.write(known)
        assert (await answer(reader)).endswith(b"known")
        writer.close()

    assert run(steps).sinks[0].frames == [request(b"first"), inner]


def test_nothing_is_written_to_a_connection_that_is_going() -> None:
    """Between a reset and the loop's word of it, what is sent goes nowhere, and quietly."""

    async def steps(hall: Hall, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"x"))
        await answer(reader)
        link = hall.sinks[0].link
        link._transport.abort()  # type: ignore[attr-defined]  # as the loop does when a write fails
        for _ in range(10):
            link.send(request(b"to nobody"))
        await asyncio.sleep(0.05)
        assert hall.sinks[0].ended == 1
        writer.close()

    run(steps)


def test_a_length_that_no_frame_has_ends_that_connection_only() -> None:
    """A header that announces 4 GiB is refused before its data comes; the neighbour is answered on."""

    async def steps(hall: Hall, port: int) -> None:
        bad_reader, bad = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        bad.write(struct.pack("<HI", 0, 0xFFFFFFFF) + b"x" * 100)
        assert await bad_reader.read() == b""
        writer.write(request(b"still here"))
        assert (await answer(reader)).endswith(b"still here")
        assert hall.door.counters.malformed_dropped == 1
        writer.close()
        bad.close()

    run(steps)


def test_an_answer_to_frames_before_the_fault_still_leaves() -> None:
    """What came whole before a broken frame is answered before the connection ends."""

    async def steps(hall: Hall, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"good") + struct.pack("<HI", 0, MAX_FRAME_BYTES + 1))
        assert (await reader.read()).endswith(b"good")
        writer.close()

    run(steps)


def test_a_frame_that_never_ends_is_cut_off() -> None:
    """A byte now and then does not keep an unfinished frame alive longer than its time."""

    async def steps(hall: Hall, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in request(b"slow")[:12]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert hall.door.counters.stalled_dropped == 1
        writer.close()

    run(steps, Limits(frame_s=0.3))


def test_a_connection_that_says_nothing_ends_and_one_that_spoke_stays() -> None:
    """Silence is cut after its time; a client that spoke once may be silent as long as it likes."""

    async def steps(hall: Hall, port: int) -> None:
        silent_reader, silent = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"one"))
        await answer(reader)
        assert await asyncio.wait_for(silent_reader.read(), 5) == b""
        writer.write(request(b"two"))
        assert (await answer(reader)).endswith(b"two")
        assert hall.door.counters.silent_dropped == 1
        writer.close()
        silent.close()

    run(steps, Limits(silent_s=0.2))


def test_a_reader_that_does_not_read_is_dropped_and_the_others_are_served() -> None:
    """A client that takes nothing loses its connection by the hard limit, counted; its neighbour notices nothing."""

    async def steps(hall: Hall, port: int) -> None:
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"hello"))
        await answer(reader)
        lazy_link = next(sink.link for sink in hall.sinks if not sink.frames)
        for _ in range(200):
            lazy_link.send(request(bytes(100_000)))
        writer.write(request(b"after"))
        assert (await answer(reader)).endswith(b"after")
        await asyncio.sleep(0.05)
        assert hall.door.counters.slow_dropped == 1
        assert hall.door.counters.open == 1
        lazy.close()
        writer.close()

    run(steps, Limits(hard_bytes=1 << 20))


def test_a_client_that_asks_without_reading_is_not_read_on() -> None:
    """Its own requests wait while its answers are unsent, so the memory that it costs is bounded."""

    async def steps(hall: Hall, port: int) -> None:
        greedy = socket.socket()
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", port))
        greedy.setblocking(False)
        sent, stuck, data = 0, 0, request(bytes(60_000))
        while stuck < 20 and sent < 400 << 20:
            try:
                sent += greedy.send(data)
                stuck = 0
            except BlockingIOError:
                stuck += 1
                await asyncio.sleep(0.01)
        assert sent < 64 << 20
        assert hall.door.counters.open == 1
        greedy.close()

    run(steps)


def test_silent_connections_make_room_for_new_ones_and_speaking_ones_do_not() -> None:
    """At the limit the longest silent connection goes; when all spoke, the new one is turned away."""

    async def steps(hall: Hall, port: int) -> None:
        first = await asyncio.open_connection("127.0.0.1", port)
        second = await asyncio.open_connection("127.0.0.1", port)
        second[1].write(request(b"x"))
        await answer(second[0])
        third = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(first[0].read(), 5) == b""
        third[1].write(request(b"y"))
        await answer(third[0])
        fourth = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(fourth[0].read(), 5) == b""
        assert hall.door.counters.turned_away == 1
        for _, writer in (first, second, third, fourth):
            writer.close()

    run(steps, Limits(max_links=2))


def test_the_sink_hears_of_the_end_once() -> None:
    """However a connection ends, `closed` is called once."""

    async def steps(hall: Hall, port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"x"))
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.05)
        hall.sinks[0].link.close("twice")
        hall.sinks[0].link.send(request(b"nobody there"))
        await asyncio.sleep(0.05)
        assert hall.sinks[0].ended == 1

    run(steps)


def test_dialling_gives_the_same_kind_of_link() -> None:
    """A dialled connection enters through its door; one that nobody answers is a HostError with the address."""

    async def steps(hall: Hall, port: int) -> None:
        near = Hall()
        await dial(near.door, "127.0.0.1", port, timeout_s=5)
        near.sinks[0].link.send(request(b"over there"))
        await asyncio.sleep(0.05)
        assert near.sinks[0].frames[0].endswith(b"over there")
        near.sinks[0].link.close("done")
        with pytest.raises(HostError, match=r"127\.0\.0\.1:1: cannot connect"):
            await dial(near.door, "127.0.0.1", 1, timeout_s=5)

    run(steps)


def test_an_address_that_is_taken_or_is_none_is_one_clear_error() -> None:
    """A port in use is a HostError with a way to find who has it; a name that is no address is a BadRequest."""

    async def steps(hall: Hall, port: int) -> None:
        with pytest.raises(HostError, match="cannot listen"):
            await listen(hall.door, "127.0.0.1", port)
        with pytest.raises(HostError, match="cannot listen"):
            await listen(hall.door, "127.0.0.1", 70_000)
        with pytest.raises(BadRequest):
            await listen(hall.door, "no.such.host.invalid", 0)

    run(steps)


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("127.0.0.1", True),
        ("127.9.8.7", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_known_in_every_spelling(address: str, verdict: bool) -> None:
    """Only addresses of 127/8 and ::1 are loopback, mapped ones included; what is no address is not."""
    assert is_loopback(address) is verdict
