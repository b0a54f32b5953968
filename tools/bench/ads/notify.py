"""Notification samples: clients that subscribe to many variables and then do nothing but take what comes."""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass

from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import Command, build_frame
from tools.bench.ads.load import LOCAL, MEMORY, connected, cpu_ns

_ENTRY = struct.Struct("<IIIIII16x")
_CYCLIC = 3
_SUM_ADD = 0xF085
_SUM_DELETE = 0xF086
_UNITS_PER_MS = 10_000
_SETTLE_S = 0.3
_FIRST_SAMPLE = 38 + 8


@dataclass(frozen=True, slots=True)
class Samples:
    """What came within the window. `asked` is what would have come, had no cycle been skipped."""

    asked: int
    received: int
    wall_ns: int
    cpu_ns: int

    @property
    def per_second(self) -> float:
        return self.received / self.wall_ns * 1e9

    @property
    def share(self) -> float:
        return self.received / self.asked

    @property
    def cpu_ns_each(self) -> float:
        return self.cpu_ns / self.received if self.received else float("nan")


def sample_load(
    where: tuple[str, int], pid: int, target: AmsAddr, *, clients: int, variables: int, cycle_ms: int, window_s: float
) -> Samples:
    """Every client subscribes to the first `variables` variables, cyclic, each `cycle_ms`."""
    socks = [connected(*where) for _ in range(clients)]
    try:
        handles = [_subscribe(sock, target, number, variables, cycle_ms) for number, sock in enumerate(socks)]
        _take(socks, _SETTLE_S)
        used_ns = cpu_ns(pid)
        begun_ns = time.perf_counter_ns()
        streams = _take(socks, window_s)
        wall_ns = time.perf_counter_ns() - begun_ns
        used_ns = cpu_ns(pid) - used_ns
        for number, sock in enumerate(socks):
            _unsubscribe(sock, target, number, handles[number])
        _take(socks, _SETTLE_S)
    finally:
        for sock in socks:
            sock.close()
    received = sum(_count(stream) for stream in streams)
    asked = round(clients * variables * wall_ns / 1e6 / cycle_ms)
    return Samples(asked, received, wall_ns, used_ns)


def wait_for_samples(where: tuple[str, int], target: AmsAddr, *, window_s: float) -> int:
    """How many samples come to one subscription while another client writes to the variable a hundred times."""
    with connected(*where) as watcher, connected(*where) as writer:
        entry = _ENTRY.pack(MEMORY, 0, 4, 4, 0, _UNITS_PER_MS)
        watcher.sendall(build_frame(target, AmsAddr.of(LOCAL, 31000), Command.ADD_NOTIFICATION, 4, 1, entry))
        watcher.recv(4096)
        for number in range(100):
            data = struct.pack("<IIII", MEMORY, 0, 4, number)
            writer.sendall(build_frame(target, AmsAddr.of(LOCAL, 31001), Command.WRITE, 4, number, data))
            writer.recv(4096)
            time.sleep(window_s / 100)
        return _count(_take([watcher], 0.1)[0])


def _subscribe(sock: socket.socket, target: AmsAddr, client: int, variables: int, cycle_ms: int) -> list[int]:
    """The handles. One sum command, so that all of them begin in the same cycle. Samples may overtake its answer."""
    entries = b"".join(
        _ENTRY.pack(MEMORY, 4 * number, 4, _CYCLIC, 0, cycle_ms * _UNITS_PER_MS) for number in range(variables)
    )
    head = struct.pack("<IIII", _SUM_ADD, variables, 8 * variables, len(entries))
    source = AmsAddr.of(LOCAL, 31000 + client)
    sock.sendall(build_frame(target, source, Command.READ_WRITE, 4, 1, head + entries))
    while True:
        frame = _frame(sock)
        if frame[22] == Command.READ_WRITE:
            break
    results = struct.unpack_from(f"<{2 * variables}I", frame, 46)
    if any(results[::2]):
        raise RuntimeError(f"the server refused a notification: {max(results[::2]):#x}")
    return list(results[1::2])


def _unsubscribe(sock: socket.socket, target: AmsAddr, client: int, handles: list[int]) -> None:
    """So that the server does not keep them for a client that might come back. The answer is left in the stream."""
    data = struct.pack(f"<{len(handles)}I", *handles)
    head = struct.pack("<IIII", _SUM_DELETE, len(handles), 4 * len(handles), len(data))
    sock.sendall(build_frame(target, AmsAddr.of(LOCAL, 31000 + client), Command.READ_WRITE, 4, 2, head + data))


def _frame(sock: socket.socket) -> bytes:
    data = _exactly(sock, 6)
    return data + _exactly(sock, struct.unpack_from("<I", data, 2)[0])


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise RuntimeError("the server ended the connection")
        data += part
    return data


def _take(socks: list[socket.socket], window_s: float) -> list[bytes]:
    """What came by each socket meanwhile, from the beginning of a frame or from within one."""
    poll = select.epoll()
    parts: dict[int, list[bytes]] = {}
    by_fd = {sock.fileno(): sock for sock in socks}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
        parts[fd] = []
    ends_ns = time.perf_counter_ns() + round(window_s * 1e9)
    while (left_ns := ends_ns - time.perf_counter_ns()) > 0:
        for fd, _ in poll.poll(left_ns / 1e9):
            parts[fd].append(by_fd[fd].recv(1 << 18))
    poll.close()
    return [b"".join(parts[fd]) for fd in by_fd]


def _count(stream: bytes) -> int:
    """Samples in the whole frames of a stream; what was cut at its beginning is passed over."""
    at = _first_frame(stream)
    found = 0
    while at + _FIRST_SAMPLE <= len(stream):
        (size,) = struct.unpack_from("<I", stream, at + 2)
        if at + 6 + size > len(stream):
            break
        if stream[at + 22] == Command.NOTIFICATION:
            found += _samples(stream, at + 38)
        at += 6 + size
    return found


def _first_frame(stream: bytes) -> int:
    """The first place that looks like a notification's head: AMS/TCP, our NetId, command 8."""
    at = stream.find(bytes(LOCAL))
    while at >= 6 and (stream[at - 6 : at - 4] != b"\0\0" or stream[at + 16 : at + 18] != b"\x08\0"):
        at = stream.find(bytes(LOCAL), at + 1)
    return at - 6 if at >= 6 else len(stream)


def _samples(stream: bytes, at: int) -> int:
    _, stamps = struct.unpack_from("<II", stream, at)
    at += 8
    found = 0
    for _ in range(stamps):
        (count,) = struct.unpack_from("<I", stream, at + 8)
        found += count
        at += 12 + 12 * count  # all of them are four bytes
    return found
