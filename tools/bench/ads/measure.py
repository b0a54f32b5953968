"""One round of each figure, for every contender in turn."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import Command, build_frame
from tools.bench.ads import load
from tools.bench.ads.notify import sample_load, wait_for_samples
from tools.bench.ads.results import Results
from tools.bench.ads.servers import LOOPS, Server, rss_kib

Servers = Mapping[str, Server]
RATE, P50, P99 = "round trips/s", "p50 in us", "p99 in us"
CPU = "CPU ms for 10 000 reads"
CLIENTS = (1, 8, 50)
SUMS = (100, 300, 500)
SAMPLE_LOADS = {1: ((500, 1), (2000, 1)), 50: ((100, 10), (400, 10))}
"""Variables and cycle in ms, by clients: half a million samples a second, and two."""
_COUNTS = {1: 1500, 8: 4000, 50: 5000}
_SYMBOL_READS = 200
SETTLING_REQUESTS = 400_000
ORPHANS_S = 11
"""Clients that went away are waited for by the router for ten seconds, with what they had."""
_CHURN_BATCH = 200


def clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"


def reads(servers: Servers, results: Results, number: int) -> None:
    """A 4-byte read, one outstanding by each client. In each round another contender is first."""
    wanted = [server for server in servers.values() if server.kind not in ("hop", "fast")]
    first = number % len(wanted)
    for count in CLIENTS:
        for server in (*wanted[first:], *wanted[:first]):
            requests = [load.read_request(server.plc, number) for number in range(count)]
            _add(results, server.name, count, _run(server, requests, _COUNTS[count]))


def hops(servers: Servers, results: Results) -> None:
    """The same through one router more. Of the upstream connection's other end, nothing is measured by itself."""
    for loop in LOOPS:
        plc = servers[f"ours {loop}"].plc
        for name in (f"ours {loop}", f"hop {loop}"):
            for count in (1, 8):
                requests = [load.read_request(plc, number) for number in range(count)]
                found = _run(servers[name], requests, _COUNTS[count] // 3)
                results.add(f"router hop, {clients(count)}: {RATE}", name, found.per_second)


def sums(servers: Servers, results: Results) -> None:
    """A sum read of many 4-byte items by one client. pyads' server cannot take a request above 4096 bytes."""
    for items in SUMS:
        for name in ("pyads advanced", *(f"ours {loop}" for loop in LOOPS)):
            if name.startswith("pyads") and items * 12 + 54 > 4096:
                continue
            server = servers[name]
            found = load.one(server.where, server.pid, load.sum_request(server.plc, items), 150)
            results.add(f"{items}-item sum: ms", name, found.p50_ns / 1e6)


def samples(servers: Servers, results: Results) -> None:
    """Notification samples a second, cyclic, to one client and to fifty."""
    for count, loads in SAMPLE_LOADS.items():
        for variables, cycle_ms in loads:
            asked = f"{count * variables * 1000 // cycle_ms:,} asked for"
            for loop in LOOPS:
                server = servers[f"fast {loop}"]
                found = sample_load(
                    server.where,
                    server.pid,
                    server.plc,
                    clients=count,
                    variables=variables,
                    cycle_ms=cycle_ms,
                    window_s=1.0,
                )
                figure = f"notifications, {clients(count)}, {asked}"
                name = f"ours {loop}"
                results.add(f"{figure}: samples/s", name, found.per_second)
                results.add(f"{figure}: share that came", name, found.share)
                results.add(f"{figure}: CPU ns each", name, found.cpu_ns_each)


def pyads_limits(servers: Servers, results: Results) -> None:
    """What pyads' server cannot do, tried once, with a time limit (and what ours does, so that the trial is one)."""
    server = servers["pyads advanced"]
    request = load.sum_request(server.plc, 500)
    with load.connected(*server.where) as sock:
        sock.settimeout(2)
        sock.sendall(request)
        try:
            answer = len(sock.recv(1 << 16))
        except TimeoutError:
            answer = 0
        told = f"{answer} bytes" if answer else "nothing within 2 s"
    results.notes.append(f"pyads advanced, 500-item sum ({len(request)} bytes; it reads 4096 at once): {told}")
    for name in ("pyads advanced", "ours uvloop"):
        try:
            came = f"{wait_for_samples(servers[name].where, servers[name].plc, window_s=1.0)} samples"
        except (TimeoutError, ConnectionError) as fault:
            came = str(fault)
        results.notes.append(f"{name}, on-change notification to another process, 100 changes in 1 s: {came}")


class PyadsClient:
    """A pyads client in a process of its own, beside this one on the same CPU."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self._line()

    def read_by_name(self, count: int) -> float:
        """So many; how many in a second."""
        self._in.write(f"{count}\n")
        self._in.flush()
        return count / int(self._line()) * 1e9

    def _line(self) -> str:
        line = self._out.readline()
        if not line:
            raise RuntimeError("the pyads client ended")
        return line


@contextmanager
def pyads_client(server: Server) -> Iterator[PyadsClient]:
    argv = [sys.executable, "-m", "tools.bench.ads.pyads_client", server.address, str(server.net_id)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield PyadsClient(process)
        finally:
            process.terminate()


def symbols(clients_of: Mapping[str, PyadsClient], results: Results, number: int) -> None:
    """`read_by_name` by pyads: handle, value, release, so three round trips. As `reads`, each is first in its turn."""
    wanted = list(clients_of.items())
    first = number % len(wanted)
    for name, client in (*wanted[first:], *wanted[:first]):
        results.add("pyads read_by_name: calls/s", name, client.read_by_name(_SYMBOL_READS))


def memory(servers: Servers, results: Results, requests: int) -> None:
    """Resident memory before and after many requests of all sorts, no two of them alike for long."""
    ours = [servers[f"ours {loop}"] for loop in LOOPS]
    sizes: list[list[int]] = []
    for count in (SETTLING_REQUESTS, requests):
        for server in ours:
            churn(server, count)
        time.sleep(ORPHANS_S)
        sizes.append([rss_kib(server.pid) for server in ours])
    for server, before, after in zip(ours, *sizes, strict=True):
        figure = f"resident memory around {requests:,} requests: KiB"
        results.add(figure, f"{server.name} before", before)
        results.add(figure, f"{server.name} after", after)
        results.add("resident memory: after / before", server.name, after / before)


def churn(server: Server, count: int) -> None:
    """Reads, writes, sums, handles and notifications that come and go, by one client after another, pipelined."""
    done = 0
    while done < count:
        with load.connected(*server.where) as sock:
            source = AmsAddr.of(load.LOCAL, 32000 + done // 2000 % 500)
            for _ in range(10):
                done += _batch(sock, server.plc, source, done)


def _batch(sock: socket.socket, plc: AmsAddr, source: AmsAddr, seed: int) -> int:
    frames = [_request(plc, source, seed + number) for number in range(_CHURN_BATCH)]
    sock.sendall(b"".join(frames))
    left, rest = len(frames), b""
    while left:
        part = sock.recv(1 << 18)
        if not part:
            raise RuntimeError("the server ended the connection")
        rest += part
        at = 0
        while at + 38 <= len(rest):
            size = 6 + struct.unpack_from("<I", rest, at + 2)[0]
            if at + size > len(rest):
                break
            left -= rest[at + 22] != Command.NOTIFICATION
            at += size
        rest = rest[at:]
    return len(frames)


def _request(plc: AmsAddr, source: AmsAddr, number: int) -> bytes:
    offset = 4 * (number % load.VARIABLES)
    kind = number % 7
    if kind == 0:
        name = load.variable(number % load.VARIABLES).encode()
        payload = struct.pack("<IIII", 0xF003, 0, 4, len(name)) + name
        return build_frame(plc, source, Command.READ_WRITE, 4, number, payload)
    if kind == 1:
        payload = struct.pack("<IIII", load.MEMORY, offset, 4, number)
        return build_frame(plc, source, Command.WRITE, 4, number, payload)
    if kind == 2:
        payload = struct.pack("<IIIIII16x", load.MEMORY, offset, 4, 4, 0, 10_000_000)
        return build_frame(plc, source, Command.ADD_NOTIFICATION, 4, number, payload)
    if kind == 3:
        items = b"".join(struct.pack("<III", load.MEMORY, offset + 4 * n, 4) for n in range(5))
        payload = struct.pack("<IIII", 0xF080, 5, 40, len(items)) + items
        return build_frame(plc, source, Command.READ_WRITE, 4, number, payload)
    return build_frame(plc, source, Command.READ, 4, number, struct.pack("<III", load.MEMORY, offset, 4 + number % 64))


def _run(server: Server, requests: list[bytes], count: int) -> load.Load:
    if len(requests) == 1:
        return load.one(server.where, server.pid, requests[0], count)
    return load.many(server.where, server.pid, requests, count)


def _add(results: Results, name: str, count: int, found: load.Load) -> None:
    what = f"4-byte read, {clients(count)}"
    results.add(f"{what}: {RATE}", name, found.per_second)
    results.add(f"{what}: {P50}", name, found.p50_ns / 1000)
    results.add(f"{what}: {P99}", name, found.p99_ns / 1000)
    results.add(f"{what}: {CPU}", name, found.cpu_us_each * 10)
