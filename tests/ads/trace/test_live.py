"""The proxy that writes down what passes it, and captures read from a stream."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from build_capture import PLC, START_NS, Talk, answer, pcap, request

from dinrail.ads.trace.flows import Flows
from dinrail.ads.trace.live import CaptureProxy, parse_endpoint, read_events
from dinrail.ads.trace.packet import Endpoint
from dinrail.ads.trace.pcap import CaptureReader
from dinrail.ads.trace.recorder import FrameRecorder
from dinrail.ads.trace.tracer import Event, Tracer
from dinrail.ams.command import DataResponse, ReadRequest, WriteRequest
from dinrail.ams.frame import Command, Decoder
from dinrail.errors import BadRequest, FormatError, HostError

READ = request(Command.READ, ReadRequest(0x4020, 0, 4).encode())
ANSWER = answer(READ, DataResponse(0, b"\1\2\3\4").encode())


def events(data: bytes, *, port: int = 48898) -> tuple[list[Event], Flows]:
    flows = Flows({port})
    return list(read_events(io.BytesIO(data), flows, Tracer(), CaptureReader())), flows


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request with ANSWER's data, and ends when the client does."""
    decoder = Decoder()
    while data := await reader.read(65536):
        for frame in decoder.feed(data):
            writer.write(answer(frame, DataResponse(0, b"\1\2\3\4").encode()))
    writer.close()


class Capture:
    """A target, a proxy in front of it, and what the proxy wrote."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.faults: list[OSError] = []
        self.target_port = 0
        self.full_after: int | None = None
        self.proxy: CaptureProxy | None = None

    def sink(self, data: bytes) -> None:
        if self.full_after is not None and len(self.parts) >= self.full_after:
            raise OSError(28, "No space left on device")
        self.parts.append(data)

    def run(self, steps: Callable[[Capture, int], Coroutine[Any, Any, None]]) -> Capture:
        async def all_of_it() -> None:
            async with await asyncio.start_server(echo, "127.0.0.1", 0) as target:
                self.target_port = target.sockets[0].getsockname()[1]
                end = Endpoint("127.0.0.1", self.target_port)
                self.proxy = CaptureProxy(end, FrameRecorder(self.sink), self.faults.append, lambda: START_NS)
                port = await self.proxy.start(Endpoint("127.0.0.1", 0))
                try:
                    await steps(self, port)
                finally:
                    await self.proxy.stop()

        asyncio.run(all_of_it())
        return self

    def events(self) -> list[Event]:
        return events(b"".join(self.parts), port=self.target_port)[0]


async def ask(port: int, *frames: bytes, read_to_end: bool = True) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for frame in frames:
        writer.write(frame)
        await writer.drain()
    writer.write_eof()
    got = await reader.read() if read_to_end else b""
    writer.close()
    return got


def test_the_proxy_passes_everything_on_and_writes_both_directions_down() -> None:
    """The client gets the target's own answers, and the capture tells requests and answers with the true ends."""
    got: list[bytes] = []

    async def steps(_: Capture, port: int) -> None:
        got.append(await ask(port, READ[:7], READ[7:] + READ))

    capture = Capture().run(steps)
    assert got == [ANSWER * 2]
    told = capture.events()
    assert sorted(event.kind.value for event in told) == ["request", "request", "response", "response"]
    assert {event.target.port for event in told if event.kind == "request"} == {capture.target_port}
    assert capture.proxy is not None
    counters = capture.proxy.counters
    assert (counters.connections, counters.open, counters.failed) == (1, 0, 0)
    assert (counters.bytes_to_target, counters.bytes_to_client) == (2 * len(READ), 2 * len(ANSWER))


def test_what_is_no_ams_passes_all_the_same() -> None:
    """The proxy does not judge: garbage goes through and is written down, but told by nobody."""

    async def steps(capture: Capture, port: int) -> None:
        assert await ask(port, b"GET / HTTP/1.0\r\n\r\n") == b""

    capture = Capture().run(steps)
    assert any(b"GET / HTTP" in part for part in capture.parts)
    assert capture.events() == []


def test_a_large_frame_passes_in_pieces_and_is_told_whole() -> None:
    """A megabyte each way of many clients at once."""
    big = request(Command.WRITE, WriteRequest(0x4020, 0, bytes(1 << 20)).encode())

    async def steps(_: Capture, port: int) -> None:
        answers = await asyncio.gather(*(ask(port, big, READ) for _ in range(4)))
        assert {len(got) for got in answers} == {2 * len(ANSWER)}

    told = Capture().run(steps).events()
    assert sum(event.words.startswith("write plc-memory") for event in told) == 4
    assert len(told) == 16


def test_a_target_that_is_not_there_ends_the_client_s_connection() -> None:
    """Refused over there is closed over here, and counted."""

    async def steps(capture: Capture, port: int) -> None:
        assert capture.proxy is not None
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as gone:
            nobody = int(gone.sockets[0].getsockname()[1])
        capture.proxy.target = Endpoint("127.0.0.1", nobody)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        assert capture.proxy.counters.failed == 1

    assert Capture().run(steps).events() == []


def test_stopping_ends_connections_that_are_open() -> None:
    """A client that waits is not waited for."""

    async def steps(capture: Capture, port: int) -> None:
        assert capture.proxy is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(READ)
        await reader.readexactly(len(ANSWER))
        await capture.proxy.stop()
        assert await reader.read() == b""
        writer.close()

    assert len(Capture().run(steps).events()) == 2


def test_a_full_disk_is_told_and_the_traffic_goes_on() -> None:
    """The capture is what may fail, not what it looks at."""

    async def steps(capture: Capture, port: int) -> None:
        capture.full_after = len(capture.parts) + 4
        assert await ask(port, READ, READ) == ANSWER * 2

    capture = Capture().run(steps)
    assert capture.faults
    assert capture.faults[0].errno == 28


def test_a_port_that_is_taken_is_a_host_error() -> None:
    """Said with the address."""

    async def steps(capture: Capture, port: int) -> None:
        assert capture.proxy is not None
        other = CaptureProxy(capture.proxy.target, FrameRecorder(capture.sink), capture.faults.append)
        with pytest.raises(HostError, match=f"cannot listen on 127.0.0.1:{port}"):
            await other.start(Endpoint("127.0.0.1", port))
        await other.stop()

    Capture().run(steps)


def test_a_capture_is_told_as_it_comes() -> None:
    """From a pipe, each frame when its packet is there, before the end is known."""

    class Pipe(io.BytesIO):
        def read1(self, _size: int | None = -1, /) -> bytes:
            return self.read(60)

    talk = Talk().open().up(READ).down(ANSWER)
    stream = Pipe(pcap(talk.packets))
    told = read_events(stream, Flows(), Tracer(), CaptureReader())
    assert next(told).words == "read plc-memory 0x0, 4 bytes"
    assert stream.tell() < len(stream.getvalue())
    assert [event.words for event in told] == ["plc-memory 0x0: 01020304"]


def test_what_waits_behind_a_hole_is_told_at_the_end() -> None:
    """The last segments of a capture are not lost with the one before them."""
    talk = Talk().open().up(READ).up(READ).up(READ)
    del talk.packets[3]
    told, flows = events(pcap(talk.packets))
    assert len(told) == 2
    assert flows.counters.gaps == 1


def test_faults_of_reading_are_told() -> None:
    """No capture, and a disk that fails."""

    class Broken(io.BytesIO):
        def read1(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(FormatError):
        events(b"not a capture at all")
    with pytest.raises(HostError, match="Input/output error"):
        list(read_events(Broken(), Flows(), Tracer(), CaptureReader()))
    assert events(b"")[0] == []


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.1", "10.0.0.1", 48898),
        ("10.0.0.1:851", "10.0.0.1", 851),
        ("plc.local:0", "plc.local", 0),
        ("[fe80::1]", "fe80::1", 48898),
        ("[fe80::1]:5", "fe80::1", 5),
        ("fe80::1", "fe80::1", 48898),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, host: str, port: int) -> None:
    """Name or IP address, with a port or without."""
    assert parse_endpoint(text, default_port=48898) == Endpoint(host, port)


@pytest.mark.parametrize("text", ["", ":5", "host:x", "host:65536", "[]:5", "host:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadRequest):
        parse_endpoint(text, default_port=48898)


def test_the_fixture_answers_its_own_request() -> None:
    """What the tests call an answer is the answer to what they call a request."""
    assert (PLC in READ, PLC in ANSWER) == (True, True)
