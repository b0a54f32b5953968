"""A device behind a route that answers with anything at all: its own clients get errors, nobody else notices."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ads_honest import Dice, watched
from ads_process import NET_ID, PLC, Raw, document, note_entry, own_address, serving, status, wait_until

from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import build_frame, parse_header

pytestmark = pytest.mark.ads

FAR = AmsAddr.parse("5.9.9.9.1.1:851")
READ = struct.pack("<III", 0x4020, 0, 4)
Answer = Callable[[bytes, Dice], bytes]


class Device:
    """Takes one connection after another, and answers each request with whatever `answer` makes of it."""

    def __init__(self, answer: Answer) -> None:
        self.listener = socket.create_server((own_address(), 0))
        self.connections = 0
        self._answer = answer
        self._dice = Dice(99)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def where(self) -> str:
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                with sock, suppress(OSError):
                    self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        rest = b""
        while part := sock.recv(1 << 16):
            rest += part
            while len(rest) >= 6 and len(rest) >= 6 + int.from_bytes(rest[2:6], "little"):
                size = 6 + int.from_bytes(rest[2:6], "little")
                frame, rest = rest[:size], rest[size:]
                answer = self._answer(frame, self._dice)
                if answer == HANG_UP:
                    return
                sock.sendall(answer)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(5)


HANG_UP = b"hang up"


@contextmanager
def behind(answer: Answer, directory: Path) -> Iterator[tuple[Device, Raw, Path]]:
    """A router with a PLC of its own, watched, and a route to such a device; a client that will ask for the latter."""
    device = Device(answer)
    where = directory / "socket"
    route = f'[[ads.route]]\nname = "far"\nnet_id = "{FAR.net_id}"\naddress = "{device.where}"\ntimeout = "1s"\n'
    words = (*document(directory, route), "--socket", str(where), "--quiet")
    try:
        with serving("--simulate", *words, port=0, log=directory / "log") as near:
            with watched(near), Raw(near.where) as raw:
                yield device, raw, where
            assert "Traceback" not in (directory / "log").read_text()
    finally:
        device.close()


def _reply(frame: bytes, body: bytes, **changes: int) -> bytes:
    header = parse_header(frame)
    invoke_id = changes.get("invoke_id", header.invoke_id)
    command = changes.get("command", header.command)
    return build_frame(header.source, header.target, command, changes.get("flags", 5), invoke_id, body)


def _garbled(frame: bytes, dice: Dice) -> bytes:
    """An answer with a few bytes turned over behind its length, or one of other sizes, many times, or to nobody."""
    good = bytearray(_reply(frame, struct.pack("<II", 0, dice.below(200)) + dice.data(dice.below(100))))
    for _ in range(dice.below(4)):
        good[6 + dice.below(len(good) - 6)] ^= 1 << dice.below(8)
    notice = build_frame(parse_header(frame).source, FAR, 8, 4, 0, dice.data(dice.below(80)))
    huge = struct.pack("<III", 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF)
    return dice.pick((bytes(good), bytes(good) * 3, notice, b"", bytes(good) + notice, _reply(frame, huge)))


def test_garbled_answers_and_notifications(tmp_path: Path) -> None:
    """A thousand requests: each is answered exactly once, by the device, or by 0x719 when it hears nothing in time."""
    with behind(_garbled, tmp_path) as (device, raw, where):
        asked = {raw.send(FAR, command, body) for _ in range(250) for command, body in REQUESTS}
        wait_until(lambda: status(where)["router"]["forwarded"] == len(asked), "all have left")
        answered: list[int] = []
        wait_until(lambda: status(where)["router"]["pending"] == 0, "all are answered or given up", 10)
        closing = raw.send(PLC, 4)
        while True:
            frame = raw.frame()
            if frame[22] == 8:
                continue
            header = parse_header(frame)
            if header.invoke_id == closing:
                break
            assert header.source == FAR
            answered.append(header.invoke_id)
        assert sorted(answered) == sorted(asked)
        assert device.connections == 1


REQUESTS = (
    (2, READ),
    (6, note_entry(0x4020, 0, 4)),
    (9, struct.pack("<IIII", 0xF003, 0, 4, 2) + b"x\0"),
    (9, struct.pack("<IIII", 0xF082, 1, 40, 18) + struct.pack("<IIII", 0xF003, 0, 4, 2) + b"x\0"),
)


@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x8000_0000, 31, 0])
def test_a_stream_that_is_no_frames_is_hung_up_on(tmp_path: Path, length: int) -> None:
    """A length that cannot be ends the connection, or the frame is dropped: 0x1B or 0x719 for who waits, no storm."""
    with behind(lambda *_: struct.pack("<HI", 0, length) + bytes(length if length < 64 else 64), tmp_path) as there:
        device, raw, _ = there
        for _ in range(2):
            header, body = raw.ask(FAR, 2, READ)
            assert header.error == 0x1B or body[:4] == struct.pack("<I", 0x719)
        assert device.connections <= 2


def test_a_device_that_hangs_up_at_once_is_not_stormed(tmp_path: Path) -> None:
    """Two seconds of requests: 0x1B for each, and a handful of connections."""
    with behind(lambda *_: HANG_UP, tmp_path) as (device, raw, _):
        for _ in range(2000):
            header, _ = raw.ask(FAR, 2, READ)
            assert header.error == 0x1B
        assert 1 <= device.connections < 20


def test_what_a_device_asks_for_is_asked_by_nobody_trusted(tmp_path: Path) -> None:
    """Requests that come back by the router's own connection are those of that route: they claim nothing else."""
    seen: list[bytes] = []

    def asks(frame: bytes, _: Dice) -> bytes:
        seen.append(frame)
        if parse_header(frame).is_response:
            return b""
        own = AmsAddr.of(NET_ID, 10000)
        claims = (AmsAddr.of(NET_ID, 851), AmsAddr.parse("127.0.0.1.1.1:851"))
        forged = [build_frame(own, source, 5, 4, 77, struct.pack("<HHI", 2, 0, 0)) for source in claims]
        return b"".join(forged) + _reply(frame, struct.pack("<II", 0, 4) + b"fine")

    with behind(asks, tmp_path) as (_, raw, where):
        for _ in range(5):
            assert raw.read(FAR, 0x4020, 0, 4) == (0, b"fine")
        assert status(where)["dropped"]["spoofed"] == 10
        assert not any(parse_header(frame).is_response for frame in seen)
        assert raw.ask(PLC, 4)[1] == struct.pack("<IHH", 0, 5, 0)
