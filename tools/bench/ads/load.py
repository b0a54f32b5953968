"""Clients that cost as little as they can: blocking sockets for one, epoll for many. On loopback only, bounded."""

from __future__ import annotations

import select
import socket
import statistics
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import Command, build_frame

AMS_PORT = 48898
MEMORY = 0x4020
VARIABLES = 2000
"""UDINTs that the benchmark's devices have, from %MB0 on."""
LOCAL = NetId.parse("10.9.8.7.1.1")
_READ = struct.Struct("<III")
_ITEM = struct.Struct("<III")
_MANY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Load:
    """What one run found. Times in ns; `cpu_ns` is what the server's process used meanwhile."""

    requests: int
    wall_ns: int
    p50_ns: int
    p99_ns: int
    cpu_ns: int

    @property
    def per_second(self) -> float:
        return self.requests / self.wall_ns * 1e9

    @property
    def cpu_us_each(self) -> float:
        return self.cpu_ns / self.requests / 1000


def variable(number: int) -> str:
    """The name of the variable at %MB(4 * number)."""
    return f"MAIN.v{number}"


def read_request(target: AmsAddr, client: int, size: int = 4) -> bytes:
    """A Read of %MB0 from client number `client`."""
    return build_frame(target, AmsAddr.of(LOCAL, 30000 + client), Command.READ, 4, 1, _READ.pack(MEMORY, 0, size))


def sum_request(target: AmsAddr, items: int) -> bytes:
    """A sum read (0xF080) of that many 4-byte pieces of %M."""
    body = b"".join(_ITEM.pack(MEMORY, 4 * n, 4) for n in range(items))
    head = struct.pack("<IIII", 0xF080, items, 8 * items, len(body))
    return build_frame(target, AmsAddr.of(LOCAL, 30000), Command.READ_WRITE, 4, 1, head + body)


def cpu_ns(pid: int) -> int:
    """CPU time of a process and its threads so far, in ns, by the scheduler's own account."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def connected(host: str, port: int) -> socket.socket:
    sock = socket.create_connection((host, port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def one(where: tuple[str, int], pid: int, request: bytes, count: int) -> Load:
    """One client, one request outstanding, `count` round trips after 200 that are not counted."""
    with connected(*where) as sock:
        answer = len(_exchange(sock, request))
        for _ in range(200):
            _exchange(sock, request, answer)
        times: list[int] = []
        used_ns, begun_ns = cpu_ns(pid), time.perf_counter_ns()
        last_ns = begun_ns
        for _ in range(count):
            sock.sendall(request)
            got = len(sock.recv(1 << 18))
            while got < answer:
                got += len(sock.recv(1 << 18))
            now_ns = time.perf_counter_ns()
            times.append(now_ns - last_ns)
            last_ns = now_ns
        return _load(times, last_ns - begun_ns, cpu_ns(pid) - used_ns)


def many(where: tuple[str, int], pid: int, requests: list[bytes], count: int) -> Load:
    """One socket for each request, one outstanding on each; `count` round trips in all."""
    poll = select.epoll()
    by_fd: dict[int, int] = {}
    socks: list[socket.socket] = []
    answer = 0
    for number, request in enumerate(requests):
        sock = connected(*where)
        socks.append(sock)
        answer = len(_exchange(sock, request))  # before the next connects: pyads' server has a backlog of five
        poll.register(sock.fileno(), select.EPOLLIN)
        by_fd[sock.fileno()] = number
    sent_ns = [0] * len(socks)
    times: list[int] = []
    used_ns, begun_ns = cpu_ns(pid), time.perf_counter_ns()
    for number, sock in enumerate(socks):
        sent_ns[number] = time.perf_counter_ns()
        sock.send(requests[number])
    while len(times) < count:
        for fd, _ in poll.poll(5):
            number = by_fd[fd]
            sock = socks[number]
            got = len(sock.recv(_MANY_BYTES))
            if got != answer:
                raise RuntimeError(f"an answer of {got} bytes instead of {answer}")
            now_ns = time.perf_counter_ns()
            times.append(now_ns - sent_ns[number])
            sent_ns[number] = now_ns
            sock.send(requests[number])
    wall_ns = time.perf_counter_ns() - begun_ns
    used_ns = cpu_ns(pid) - used_ns
    for sock in socks:
        sock.recv(_MANY_BYTES)  # each has one more on its way
        sock.close()
    poll.close()
    return _load(times, wall_ns, used_ns)


def _exchange(sock: socket.socket, request: bytes, answer: int = 0) -> bytes:
    """One round trip; without `answer` its length is taken from the frame."""
    sock.sendall(request)
    data = b""
    while len(data) < (answer or 6) or len(data) < struct.unpack_from("<I", data, 2)[0] + 6:
        part = sock.recv(1 << 18)
        if not part:
            raise RuntimeError("the server ended the connection")
        data += part
    return data


def _load(times: list[int], wall_ns: int, used_ns: int) -> Load:
    cuts = statistics.quantiles(times, n=100)
    return Load(len(times), wall_ns, round(statistics.median(times)), round(cuts[98]), used_ns)
