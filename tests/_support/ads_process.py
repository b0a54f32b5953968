"""A real `dinrail ads serve`, and a raw client that speaks bytes to it."""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import Header, TcpCommand, build_frame, parse_header, tcp_frame

NET_ID = NetId.parse("5.77.66.55.1.1")
PLC = AmsAddr.of(NET_ID, 851)
SYSTEM = AmsAddr.of(NET_ID, 10000)
ME = AmsAddr.of(NetId.parse("10.20.30.40.1.1"), 30000)
_ADDRESSES = itertools.count(10)


def own_address() -> str:
    """A loopback address that no other server of this test run has: AdsLib knows one TCP port only, 48898."""
    number = next(_ADDRESSES)
    return f"127.{os.getpid() % 200 + 20}.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server: where it is, and its process."""

    address: str
    port: int
    process: subprocess.Popen[str]

    @property
    def where(self) -> tuple[str, int]:
        return self.address, self.port

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def serving(
    *words: str,
    address: str = "",
    port: int = 48898,
    net_id: NetId = NET_ID,
    log: Path | None = None,
    own_doors: bool = False,
) -> Iterator[Serving]:
    """`dinrail ads serve` with these words, up before it is handed over and ended by SIGTERM afterwards.

    own_doors: the document among the words says where to listen, at `address` first.
    """
    address = address or own_address()
    argv = [sys.executable, "-m", "dinrail", "--json", "ads", "serve", "--net-id", str(net_id), *words]
    if not own_doors:
        argv += ["--listen", f"{address}:{port}"]
    with (log or Path(os.devnull)).open("w") as out:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=out, text=True)
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], 20)
            line = process.stdout.readline() if readable else ""
            assert line, f"the server did not come up: {log.read_text() if log else process.poll()}"
            facts = json.loads(line)
            taken = int(re.findall(r"tcp \S+:(\d+)", " ".join(facts["listening"]))[0])
            yield Serving(address, taken, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


def told(path: Path, line: bytes = b'{"op": "status"}\n') -> Any:
    """What a router's own socket answers to one line; None when it hangs up without a word."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))  # before there is a timeout: with one, a full queue is an error at once
        sock.settimeout(10)
        sock.sendall(line)
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
    return json.loads(answer) if answer else None


def status(path: Path) -> Any:
    """The router's status."""
    answer = told(path)
    assert answer["ok"], answer
    return answer["result"]


def resident_kb(pid: int) -> int:
    """A process's memory."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Look again and again until it holds; fail with `what` when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def document(directory: Path, text: str) -> tuple[str, str]:
    """A configuration document, as words for `serving`."""
    path = directory / "dinrail.toml"
    path.write_text(text)
    return "--config", str(path)


class Raw:
    """One TCP connection that speaks frames, and nothing of its own."""

    def __init__(self, where: tuple[str, int], source: AmsAddr = ME, *, bind: str = "") -> None:
        self.sock = socket.create_connection(where, timeout=10, source_address=(bind, 0) if bind else None)
        self.source = source
        self._rest = b""
        self._invoke = itertools.count(1)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, target: AmsAddr, command: int, payload: bytes = b"", *, source: AmsAddr | None = None) -> int:
        """Send one request; its invoke id."""
        invoke_id = next(self._invoke)
        self.sock.sendall(build_frame(target, source or self.source, command, 4, invoke_id, payload))
        return invoke_id

    def frame(self) -> bytes:
        """The next whole frame, whatever it is."""
        while len(self._rest) < 6 or len(self._rest) < 6 + struct.unpack_from("<I", self._rest, 2)[0]:
            part = self.sock.recv(1 << 16)
            if not part:
                raise ConnectionError("the server ended the connection")
            self._rest += part
        size = 6 + struct.unpack_from("<I", self._rest, 2)[0]
        frame, self._rest = self._rest[:size], self._rest[size:]
        return frame

    def response(self, invoke_id: int) -> tuple[Header, bytes]:
        """The answer to that request; notifications and other answers before it are passed over."""
        while True:
            frame = self.frame()
            if frame[:2] == b"\0\0":
                header = parse_header(frame)
                if header.is_response and header.invoke_id == invoke_id:
                    return header, frame[38:]

    def ask(self, target: AmsAddr, command: int, payload: bytes = b"") -> tuple[Header, bytes]:
        """One round trip."""
        return self.response(self.send(target, command, payload))

    def read(self, target: AmsAddr, group: int, offset: int, size: int) -> tuple[int, bytes]:
        """Result and data of a Read."""
        header, body = self.ask(target, 2, struct.pack("<III", group, offset, size))
        assert header.error == 0, hex(header.error)
        return struct.unpack_from("<I", body)[0], body[8:]

    def write(self, target: AmsAddr, group: int, offset: int, data: bytes) -> int:
        """Result of a Write."""
        header, body = self.ask(target, 3, struct.pack("<III", group, offset, len(data)) + data)
        assert header.error == 0, hex(header.error)
        result: int = struct.unpack_from("<I", body)[0]
        return result

    def read_write(self, target: AmsAddr, group: int, offset: int, size: int, data: bytes) -> tuple[int, bytes]:
        """Result and data of a ReadWrite."""
        header, body = self.ask(target, 9, struct.pack("<IIII", group, offset, size, len(data)) + data)
        assert header.error == 0, hex(header.error)
        return struct.unpack_from("<I", body)[0], body[8:]

    def subscribe(self, target: AmsAddr, group: int, offset: int, size: int, cycle_ms: int, mode: int = 3) -> int:
        """The handle of a new notification."""
        header, body = self.ask(target, 6, note_entry(group, offset, size, cycle_ms, mode))
        assert header.error == 0, hex(header.error)
        result, handle = struct.unpack("<II", body)
        assert result == 0, hex(result)
        return int(handle)

    def samples(self) -> list[tuple[int, bytes]]:
        """Handle and data of each sample in the next notification; answers before it are passed over."""
        while (frame := self.frame())[22:24] != b"\x08\0":
            continue
        return samples_in(frame)

    def connect_port(self) -> AmsAddr:
        """Ask the router for a port, as local clients do, and speak as it from now on."""
        self.sock.sendall(tcp_frame(TcpCommand.PORT_CONNECT, b"\0\0"))
        while (answer := self.frame())[:2] != struct.pack("<H", TcpCommand.PORT_CONNECT):
            continue
        self.source = AmsAddr(answer[6:14])
        return self.source


def note_entry(group: int, offset: int, size: int, cycle_ms: int = 100, mode: int = 3) -> bytes:
    """AddNotification's payload: no maximum delay."""
    return struct.pack("<IIIIII16x", group, offset, size, mode, 0, cycle_ms * 10_000)


def samples_in(frame: bytes) -> list[tuple[int, bytes]]:
    """Handle and data of each sample in a DeviceNotification frame."""
    assert frame[22:24] == b"\x08\0"
    found, at = [], 46
    for _ in range(struct.unpack_from("<I", frame, 42)[0]):
        count = struct.unpack_from("<I", frame, at + 8)[0]
        at += 12
        for _ in range(count):
            handle, size = struct.unpack_from("<II", frame, at)
            found.append((handle, frame[at + 8 : at + 8 + size]))
            at += 8 + size
    return found
