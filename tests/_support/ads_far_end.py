"""A small ADS device behind a small router, for tests of clients: real TCP, its own reading of the protocol.

Nothing here uses dinrail's codecs: a mistake in them must not be made twice. It can misbehave on request.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

NET_ID = bytes((192, 168, 0, 231, 1, 1))
RUN, CONFIG = 5, 15
FILETIME = 0x01DC7AB192810000  # 2026-01-01T00:00:00Z


def u32(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


@dataclass
class Asked:
    """One request as it came."""

    target: bytes
    source: bytes
    command: int
    invoke_id: int
    body: bytes
    writer: asyncio.StreamWriter


@dataclass
class FarEnd:
    """memory: by (index group, index offset). answers: by command or (command, group), instead of the usual answer.

    gives_ports: answers port connect. deaf: answers nothing at all. held: when a list, answers wait in it.
    one_byte_at_a_time, net_id, restart_index: as they say.
    """

    memory: dict[tuple[int, int], bytes] = field(default_factory=dict)
    answers: dict[int | tuple[int, int], bytes | Callable[[Asked], bytes]] = field(default_factory=dict)
    gives_ports: bool = True
    deaf: bool = False
    ends_at_once: bool = False
    held: list[tuple[Asked, bytes, int]] | None = None
    one_byte_at_a_time: bool = False
    net_id: bytes = NET_ID
    restart_index: int = 1
    ports: tuple[int, ...] = (851, 10000)

    def __post_init__(self) -> None:
        self.asked: list[Asked] = []
        self.notes: dict[int, tuple[Asked, int, int, int]] = {}
        self.ports_given: list[int] = []
        self.ports_closed: list[int] = []
        self.deleted: list[int] = []
        self.connections = 0
        self.state = (RUN, 0)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._next_handle = 0x10

    async def __aenter__(self) -> FarEnd:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        return self._port

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        with contextlib.suppress(ConnectionError):
            await self._server.wait_closed()

    def cut(self) -> None:
        """End all connections, without a word."""
        for writer in list(self._writers):
            writer.transport.abort()
        self.notes.clear()

    def send_all(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    def notify(self, handle: int, data: bytes, stamp: int = FILETIME) -> None:
        """One sample for one handle."""
        asked = self.notes[handle][0]
        sample = u32(handle, len(data)) + data
        payload = u32(16 + len(sample), 1) + struct.pack("<qI", stamp, 1) + sample
        self.notify_raw(asked, payload)

    def notify_raw(self, asked: Asked, payload: bytes) -> None:
        head = asked.source + asked.target + struct.pack("<HHIII", 8, 4, len(payload), 0, 0)
        asked.writer.write(struct.pack("<HI", 0, 32 + len(payload)) + head + payload)

    async def release(self, *, backwards: bool = False) -> None:
        """Send the held answers."""
        held, self.held = self.held or [], None
        for asked, body, error in reversed(held) if backwards else held:
            await self._send(asked, body, error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.ends_at_once:
            writer.close()
            return
        self._writers.add(writer)
        try:
            while True:
                command, size = struct.unpack("<HI", await reader.readexactly(6))
                body = await reader.readexactly(size)
                if command == 0x1000 and not self.gives_ports:
                    return
                if command == 0x1000:
                    port = struct.unpack("<H", body)[0] or 0x8000 + len(self.ports_given)
                    self.ports_given.append(port)
                    writer.write(struct.pack("<HI", 0x1000, 8) + self.net_id + struct.pack("<H", port))
                elif command == 1:
                    self.ports_closed.append(struct.unpack("<H", body)[0])
                    writer.write(struct.pack("<HI", 1, 0))
                elif not self.deaf:
                    await self._ams(body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _ams(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        command, _, size, _, invoke_id = struct.unpack_from("<HHIII", frame, 16)
        asked = Asked(frame[:8], frame[8:16], command, invoke_id, frame[32 : 32 + size], writer)
        self.asked.append(asked)
        port = struct.unpack_from("<H", frame, 6)[0]
        error = 0 if port in self.ports else 6
        body = b"" if error else self._answer(asked)
        if self.held is not None:
            self.held.append((asked, body, error))
        else:
            await self._send(asked, body, error)

    async def _send(self, asked: Asked, body: bytes, error: int = 0) -> None:
        head = asked.source + asked.target
        head += struct.pack("<HHIII", asked.command, 5, len(body), error, asked.invoke_id)
        frame = struct.pack("<HI", 0, 32 + len(body)) + head + body
        if not self.one_byte_at_a_time:
            asked.writer.write(frame)
            return
        for at in range(len(frame)):
            asked.writer.write(frame[at : at + 1])
            await asyncio.sleep(0)

    def _answer(self, asked: Asked) -> bytes:
        group = struct.unpack_from("<I", asked.body)[0] if len(asked.body) >= 4 else 0
        special = self.answers.get((asked.command, group), self.answers.get(asked.command))
        if special is not None:
            return special if isinstance(special, bytes) else special(asked)
        if asked.command == 1:
            return u32(0) + struct.pack("<BBH16s", 3, 1, 4024, b"Plc30 App")
        if asked.command == 4:
            return u32(0) + struct.pack("<HH", *self.state)
        usual = (None, None, self._read, self._write, None, self._control, self._add, self._delete)
        if asked.command < len(usual) and (answer := usual[asked.command]) is not None:
            return answer(asked)
        return u32(0x701, 0)

    def _read(self, asked: Asked) -> bytes:
        group, offset, size = struct.unpack("<III", asked.body)
        if group == 240:
            data = struct.pack("<HHHBBHBBHH", RUN, 0, self.restart_index, 3, 1, 4024, 1, 3, 0, 0)
        elif (group, offset) not in self.memory:
            return u32(0x702, 0)
        else:
            data = self.memory[(group, offset)][:size]
        return u32(0, len(data)) + data

    def _write(self, asked: Asked) -> bytes:
        group, offset, size = struct.unpack_from("<III", asked.body)
        data = asked.body[12:]
        if len(data) != size:
            return u32(0x705)
        self.memory[(group, offset)] = data
        return u32(0)

    def _control(self, asked: Asked) -> bytes:
        self.state = struct.unpack_from("<HH", asked.body)
        return u32(0)

    def _add(self, asked: Asked) -> bytes:
        group, offset, size = struct.unpack_from("<III", asked.body)
        if (group, offset) not in self.memory:
            return u32(0x702, 0)
        self._next_handle += 1
        self.notes[self._next_handle] = (asked, group, offset, size)
        return u32(0, self._next_handle)

    def _delete(self, asked: Asked) -> bytes:
        handle = struct.unpack("<I", asked.body)[0]
        self.deleted.append(handle)
        return u32(0 if self.notes.pop(handle, None) else 0x714)
