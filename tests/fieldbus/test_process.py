"""A driver's process between a real control and a real Modbus server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from control_process import control, wait_for
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from dinrail.control.options import ControlOptions
from dinrail.control.settings import Exchange
from dinrail.fieldbus.record import record_of
from dinrail.fieldbus.settings import DeviceSettings, Span, Table
from dinrail.plc.build import check, emitted
from dinrail.plc.project.load import load_project

pytestmark = pytest.mark.control

TEXT = """
PROGRAM MAIN
VAR
    nIn AT %IW0 : UINT;
    nOut AT %QW0 : UINT;
    nCount : UDINT;
END_VAR
nCount := nCount + 1;
nOut := nIn + 1;
END_PROGRAM
"""
DEVICE = {
    "period_ns": 5_000_000,
    "timeout_ns": 500_000_000,
    "inputs": (Span(Table.INPUT_REGISTER, 0, 1, 0),),
    "outputs": (Span(Table.HOLDING_REGISTER, 0, 1, 0),),
}


class Served:
    """pymodbus' own server in a thread of this process: input register 0 is 41, holding register 0 can be read."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.up = threading.Event()
        self.holding = SimData(0, count=4, values=0, datatype=DataType.REGISTERS)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        bits = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
        inputs = [SimData(0, values=[41, 0], datatype=DataType.REGISTERS)]
        self.done = asyncio.Event()
        server = ModbusTcpServer(SimDevice(1, (bits, bits, [self.holding], inputs)), address=("127.0.0.1", self.port))
        await server.listen()
        self.up.set()
        await self.done.wait()
        await server.shutdown()

    def __enter__(self) -> Served:
        self.thread.start()
        assert self.up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(10)
        self.loop.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fieldbus")
    (folder / "main.st").write_text(TEXT)
    path = folder / "io.image"
    path.write_bytes(emitted(check(load_project([folder / "main.st"]))))
    return path


@contextmanager
def driver(folder: Path, channel: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "io.json").write_bytes(record_of(DeviceSettings("io", "127.0.0.1", port, **DEVICE)))
    argv = [sys.executable, "-m", "dinrail.fieldbus", str(folder), "io", "--channel", str(channel)]
    process = subprocess.Popen(argv)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def status(folder: Path) -> dict[str, object]:
    path = folder / "io.status"
    return json.loads(path.read_text()) if path.exists() else {}


def answers(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether this very driver says that its device answers."""
    told = status(folder)
    return told.get("pid") == process.pid and told.get("fault") == ""


def test_registers_reach_the_task_and_its_outputs_the_device(tmp_path: Path, image: Path) -> None:
    """What a device has is in %I of the next cycles, what the task puts into %Q is in the device, and a SIGTERM leaves
    the device with zeros."""
    port = free_port()
    options = ControlOptions(image, tmp_path / "channel", exchanges=(Exchange("io", 0, 2, 0, 2),))
    with Served(port), control(options) as running, driver(tmp_path, options.channel, port) as process:
        reader = socket.create_connection(("127.0.0.1", port), 5)
        wait_for(lambda: holding(reader) == 42)
        stale = running.channel.exchange(0).stale_cycles
        assert stale < 1000
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert holding(reader) == 0
        reader.close()


def holding(connection: socket.socket) -> int:
    """Holding register 0 by bytes of our own: a third party's view of the device."""
    connection.sendall(bytes.fromhex("0001 0000 0006 01 03 0000 0001"))
    answer = b""
    while len(answer) < 11:
        answer += connection.recv(64)
    return int.from_bytes(answer[9:11], "big")


def test_a_stopped_or_killed_driver_costs_the_control_no_cycle(tmp_path: Path, image: Path) -> None:
    """SIGSTOP, SIGKILL at any moment, and a new driver: the task cycles on, counts stale inputs, and gets new ones."""
    port = free_port()
    options = ControlOptions(image, tmp_path / "channel", exchanges=(Exchange("io", 0, 2, 0, 2),))
    with Served(port), control(options) as running:
        with driver(tmp_path, options.channel, port) as process:
            wait_for(lambda: 0 < running.channel.exchange(0).stale_cycles < 20 or status(tmp_path).get("fault") == "")
            os.kill(process.pid, signal.SIGSTOP)
            running.more_cycles(30)
            assert running.channel.exchange(0).stale_cycles >= 20
        for _ in range(5):
            with driver(tmp_path, options.channel, port) as process:
                wait_for(lambda process=process: answers(tmp_path, process))
        with driver(tmp_path, options.channel, port) as process:
            wait_for(lambda: answers(tmp_path, process))
            running.more_cycles(5)
            wait_for(lambda: running.channel.exchange(0).stale_cycles < 5)
        assert running.channel.statistics(0).fault == 0


def test_a_driver_finds_a_control_that_was_started_anew(tmp_path: Path, image: Path) -> None:
    """The control ends and another one takes its place: the same driver goes on with it."""
    port = free_port()
    options = ControlOptions(image, tmp_path / "channel", exchanges=(Exchange("io", 0, 2, 0, 2),))
    with Served(port), driver(tmp_path, options.channel, port) as process:
        for _ in range(2):
            with control(options) as running:
                wait_for(lambda: status(tmp_path).get("fault") == "")
                wait_for(lambda: running.channel.exchange(0).stale_cycles < 5)
                running.end()
            wait_for(lambda: str(status(tmp_path).get("fault", "")).startswith("no control"))
        assert process.poll() is None


def test_there_is_one_driver_of_a_device(tmp_path: Path, image: Path) -> None:
    """A second driver of the same device is refused, and the first goes on."""
    with driver(tmp_path, tmp_path / "channel", free_port()) as first:
        wait_for(lambda: bool(status(tmp_path)))
        argv = [sys.executable, "-m", "dinrail.fieldbus", str(tmp_path), "io", "--channel", str(tmp_path / "channel")]
        second = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 3
        assert "runs already" in second.stderr
        assert first.poll() is None
