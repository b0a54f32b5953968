"""The contenders: processes of their own, each on a loopback address of its own (AdsLib knows one TCP port only)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dinrail.ams.address import AmsAddr, NetId
from tools.bench.ads.load import AMS_PORT, VARIABLES, variable

CLIENT_CPU, SERVER_CPU = 0, 1
LOOPS = ("asyncio", "uvloop")
_READY_S = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up. `kind` is what it is, `loop` what it runs on (empty: threads)."""

    name: str
    kind: str
    loop: str
    address: str
    net_id: NetId
    pid: int

    @property
    def where(self) -> tuple[str, int]:
        return self.address, AMS_PORT

    @property
    def plc(self) -> AmsAddr:
        return AmsAddr.of(self.net_id, 851)


@contextlib.contextmanager
def contenders() -> Iterator[Mapping[str, Server]]:
    """All of them, by name: `ours LOOP`, `echo LOOP`, `hop LOOP` (our router before `ours LOOP`), `fast LOOP` (ours
    with task cycles of a millisecond), `pyads basic`, `pyads advanced`. Ended afterwards.
    """
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory(prefix="dinrail-bench-") as place:
        for cycle_ms in (1, 10):
            (Path(place) / f"plc{cycle_ms}.toml").write_text(description(cycle_ms))
        found: dict[str, Server] = {}
        python = (sys.executable, "-m")
        for number, loop in enumerate(LOOPS):
            ours = _identity("ours", loop, 10 + number)
            argv = _serve_argv(ours, "--device", f"{place}/plc10.toml", "--loop", loop)
            found[ours.name] = ours = stack.enter_context(_up(ours, argv))
            echo = _identity("echo", loop, 20 + number)
            argv = (*python, "tools.bench.ads.echo", loop, echo.address, str(AMS_PORT))
            found[echo.name] = stack.enter_context(_up(echo, argv))
            hop = _identity("hop", loop, 30 + number)
            config = Path(place) / f"hop-{loop}.toml"
            config.write_text(_route_to(ours))
            argv = _serve_argv(hop, "--config", str(config), "--loop", loop)
            found[hop.name] = stack.enter_context(_up(hop, argv))
            fast = _identity("fast", loop, 50 + number)
            argv = _serve_argv(fast, "--device", f"{place}/plc1.toml", "--loop", loop)
            found[fast.name] = stack.enter_context(_up(fast, argv))
        for number, handler in enumerate(("basic", "advanced")):
            pyads = _identity("pyads", "", 40 + number, f"pyads {handler}")
            argv = (*python, "tools.bench.ads.pyads_server", handler, pyads.address)
            found[pyads.name] = stack.enter_context(_up(pyads, argv, quiet=True))
        yield found


def description(cycle_ms: int) -> str:
    """A device of `VARIABLES` UDINTs from %MB0 on."""
    lines = ["[device]", 'name = "Bench"', f"cycle_ms = {cycle_ms}", "", "[symbols]"]
    lines += [f'"{variable(n)}" = {{ type = "UDINT", at = "%MB{4 * n}", value = {n} }}' for n in range(VARIABLES)]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def pinned() -> Iterator[bool]:
    """Keep this process to one CPU meanwhile; False where there is no second one for the servers."""
    allowed = os.sched_getaffinity(0)
    if not {CLIENT_CPU, SERVER_CPU} <= allowed:
        yield False
        return
    os.sched_setaffinity(0, {CLIENT_CPU})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, allowed)


def rss_kib(pid: int) -> int:
    """Resident memory of a process, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} is gone")


def _identity(kind: str, loop: str, number: int, name: str = "") -> Server:
    net_id = NetId.parse(f"5.77.1.{number}.1.1")
    return Server(name or f"{kind} {loop}", kind, loop, f"127.77.{os.getpid() % 250 + 1}.{number}", net_id, 0)


def _serve_argv(server: Server, *words: str) -> tuple[str, ...]:
    argv = (sys.executable, "-m", "dinrail", "--json", "ads", "serve", "--quiet", "--no-discovery")
    return (*argv, "--net-id", str(server.net_id), "--listen", f"{server.address}:{AMS_PORT}", *words)


def _route_to(server: Server) -> str:
    return f'[[ads.route]]\nname = "plc"\nnet_id = "{server.net_id}"\naddress = "{server.address}"\n'


@contextlib.contextmanager
def _up(server: Server, argv: tuple[str, ...], *, quiet: bool = False) -> Iterator[Server]:
    errors = subprocess.DEVNULL if quiet else None  # threads of pyads' server die with a traceback each
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], _READY_S)
            if not ready or not process.stdout.readline():
                raise RuntimeError(f"{server.name} did not come up within {_READY_S:g} s")
            _pin(process.pid)
            yield Server(server.name, server.kind, server.loop, server.address, server.net_id, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _pin(pid: int) -> None:
    if {CLIENT_CPU, SERVER_CPU} <= os.sched_getaffinity(pid):
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {SERVER_CPU})
