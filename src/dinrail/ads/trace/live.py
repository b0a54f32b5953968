"""The edge: capture files from disk or a pipe, and a proxy that writes down what passes it.

The proxy is transparent: bytes go on as they came, whether they are AMS or not, and an end that closes is closed on the
other side, too. What it writes says the true ends: the client, and the target (not the proxy in between).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

from dinrail.ads.trace.flows import Flows
from dinrail.ads.trace.packet import Endpoint
from dinrail.ads.trace.pcap import CaptureReader
from dinrail.ads.trace.recorder import Direction, FrameRecorder, LinkName
from dinrail.ads.trace.tracer import Event, Tracer
from dinrail.errors import BadRequest, HostError

_CHUNK_BYTES = 1 << 16
_DIAL_S = 10.0
_NO_V4, _NO_V6 = "192.0.2.1", "2001:db8::1"
MAX_CONNECTIONS = 256


def read_events(stream: BinaryIO, flows: Flows, tracer: Tracer, reader: CaptureReader) -> Iterator[Event]:
    """Every frame of a capture, told, as soon as it is there. Raises FormatError, and HostError when reading fails.

    The parts are given, so that the caller may ask them afterwards what could not be used.
    """
    wall_ns = 0
    read = getattr(stream, "read1", stream.read)  # from a pipe: what is there, not a whole chunk
    while True:
        try:
            data = read(_CHUNK_BYTES)
        except OSError as fault:
            raise HostError(f"the capture cannot be read: {fault.strerror}") from fault
        if not data:
            break
        for packet in reader.feed(data):
            wall_ns = packet.wall_ns
            yield from tracer.events(flows.add(packet))
    yield from tracer.events(flows.finish(wall_ns))


@dataclass(slots=True)
class ProxyCounters:
    """Since the proxy came up; `open` is now."""

    open: int = 0
    connections: int = 0
    failed: int = 0
    turned_away: int = 0
    bytes_to_target: int = 0
    bytes_to_client: int = 0


@dataclass(slots=True)
class CaptureProxy:
    """Listens, dials `target` for every client, records both directions. `port` is known once it is up.

    on_fault: told when writing the capture fails; the clients' traffic goes on.
    """

    target: Endpoint
    recorder: FrameRecorder
    on_fault: Callable[[OSError], None]
    clock_ns: Callable[[], int] = time.time_ns
    counters: ProxyCounters = field(default_factory=ProxyCounters)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, listen: Endpoint) -> int:
        """The port that it listens on (a free one for 0). Raises HostError."""
        try:
            self._server = await asyncio.start_server(self._client, listen.address, listen.port)
        except OSError as fault:
            raise HostError(f"cannot listen on {listen}: {fault.strerror or fault}") from fault
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End all connections."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= MAX_CONNECTIONS:
            self.counters.turned_away += 1
            writer.close()
            return
        self._tasks.add(task)
        self.counters.connections += 1
        self.counters.open += 1
        try:
            await self._joined(reader, writer)
        except (OSError, TimeoutError):
            self.counters.failed += 1
        except asyncio.CancelledError:
            pass  # `stop`: the streams' own callback would report it as a fault
        finally:
            self._tasks.discard(task)
            self.counters.open -= 1
            writer.close()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_DIAL_S):
            far_reader, far_writer = await asyncio.open_connection(self.target.address, self.target.port)
        link = LinkName(_endpoint(writer.get_extra_info("peername")), _endpoint(far_writer.get_extra_info("peername")))
        if (":" in link.peer.address) != (":" in link.local.address):
            # One IP packet has addresses of one family: the target is told by one that is for documentation.
            link = LinkName(link.peer, Endpoint(_NO_V6 if ":" in link.peer.address else _NO_V4, link.local.port))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer, Direction.IN, link))
                both.create_task(self._pump(far_reader, writer, Direction.OUT, link))
        except* OSError:
            self.counters.failed += 1
        finally:
            self._write(partial(self.recorder.ended, link, self.clock_ns()))
            far_writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, link: LinkName
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            wall_ns = self.clock_ns()
            if direction is Direction.IN:
                self.counters.bytes_to_target += len(data)
            else:
                self.counters.bytes_to_client += len(data)
            writer.write(data)
            self._write(partial(self.recorder.record, direction, link, data, wall_ns))
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as fault:
            self.on_fault(fault)


def _endpoint(name: tuple[str, int]) -> Endpoint:
    return Endpoint(name[0].partition("%")[0], name[1])


def parse_endpoint(text: str, *, default_port: int) -> Endpoint:
    """From `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`. Raises BadRequest."""
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and int(port) <= 0xFFFF)):
        raise BadRequest(f"{text!r} is no address", hint="HOST or HOST:PORT; an IPv6 address in brackets")
    return Endpoint(host, int(port) if port else default_port)
