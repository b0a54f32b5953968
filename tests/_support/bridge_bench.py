"""A bridge on a played control: symbols, a clock by hand, and clients that speak to its devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from ads_device import Client, FakePeer, FakePermit
from build_iec import ADDER, AXIS, BOOL, DINT, INT, LREAL, UDINT, array
from control_channel import PlayedControl, image_of, one_task

from dinrail.ads.contract import Device
from dinrail.bridge.application import Application
from dinrail.bridge.plc import PlcDevice
from dinrail.bridge.ports import Bridge
from dinrail.bridge.system import ControlLatency, ControlState
from dinrail.control.image import Image
from dinrail.errors import DinrailError
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import PointerType

SIZES = (8192, 64, 64, 128)
DATA, INPUTS, OUTPUTS, MARKERS = 0x4040, 0xF020, 0xF030, 0x4020
SYMBOLS = (
    Symbol("MAIN.nCount", UDINT, DATA, 0),
    Symbol("MAIN.nWritten", DINT, DATA, 4),
    Symbol("MAIN.fValue", LREAL, DATA, 8),
    Symbol("MAIN.aSame", array(UDINT, (0, 999)), DATA, 64),
    Symbol("MAIN.fbAxis", AXIS, DATA, 4096),
    Symbol("MAIN.fbAdder", ADDER, DATA, 4352),
    Symbol("MAIN.pCount", PointerType(UDINT), DATA, 4400),
    Symbol("MAIN.nConst", INT, DATA, 4408, read_only=True),
    Symbol("GVL.nMarker", INT, MARKERS, 4),
    Symbol("GVL.bOut", BOOL, OUTPUTS + 1, 11),
    Symbol("GVL.bIn", BOOL, INPUTS + 1, 3),
    Symbol("GVL.nIn", INT, INPUTS, 2),
)
CALLS = (("FB_Other", "Idle", 0, 0), ("FB_Adder", "Add", 8, 5), ("FB_Adder", "Nothing", 0, 0))


def demo_image(calls: Sequence[tuple[str, str, int, int]] = CALLS) -> Image:
    return image_of(SYMBOLS, [one_task(SIZES)], SIZES, calls)


class PortTable:
    """The router's side of the bridge."""

    def __init__(self) -> None:
        self.devices: dict[int, Device] = {}
        self.epoch = 0
        self.woken_ns = 0

    def serve(self, port: int, device: Device) -> None:
        assert port not in self.devices
        self.devices[port] = device
        self.epoch += 1

    def withdraw(self, port: int) -> None:
        del self.devices[port]
        self.epoch += 1

    def wake(self, due_ns: int) -> None:
        self.woken_ns = due_ns

    def changed(self) -> None:
        self.epoch += 1


def at_once(work: Callable[[], Application]) -> Future[Application]:
    """Load here and now."""
    future: Future[Application] = Future()
    try:
        future.set_result(work())
    except DinrailError as fault:
        future.set_exception(fault)
    return future


class Bench:
    """`settle` lets control and bridge run for some cycles; `client` speaks to port 851."""

    def __init__(self, directory: Path, image: Image | None = None) -> None:
        self.control = PlayedControl(directory, image or demo_image())
        self.ports = PortTable()
        self.bridge = Bridge(self.control.path, lambda: self.control.monotonic_ns, self.ports, start=at_once)
        self.state, self.latency = ControlState((self.bridge.link,)), ControlLatency((self.bridge.link,))
        self.settle(2)

    def tick(self) -> None:
        """The bridge and its devices, now."""
        now, wall = self.control.monotonic_ns, self.control.monotonic_ns
        self.bridge.tick(now, wall)
        for device in tuple(self.ports.devices.values()):
            due = device.due_ns()
            if due is not None and due <= now:
                device.tick(now, wall)

    def settle(self, cycles: int = 1, *, task: int = 0) -> None:
        """Cycles of the control, each followed by a round of the bridge."""
        for _ in range(cycles):
            self.control.cycle(task)
            self.control.serve()
            self.tick()

    def sleep(self, seconds: float, step_ns: int = 100_000_000) -> None:
        """Time passes, and the control does nothing."""
        end = self.control.monotonic_ns + int(seconds * 1e9)
        while self.control.monotonic_ns < end:
            self.control.monotonic_ns += step_ns
            self.tick()

    @property
    def plc(self) -> PlcDevice:
        device = self.ports.devices[851]
        assert isinstance(device, PlcDevice)
        return device

    def client(self, peer: FakePeer | None = None, permit: FakePermit | None = None) -> Asker:
        return Asker(self, peer, permit)


class Asker(Client):
    """A client whose late answers are waited for by letting the control run."""

    def __init__(self, bench: Bench, peer: FakePeer | None = None, permit: FakePermit | None = None) -> None:
        super().__init__(bench.plc, peer, permit)
        self.bench = bench
        self.cycles = 0
        """How many cycles the last answer took."""

    def body(self, command: int, payload: bytes) -> bytes | None:
        request = self.request(command, payload)
        body = self.device.request(request)
        self.cycles = 0
        while body is None:
            if request.replies:
                body, error = request.replies[0]
                assert error == 0
                break
            assert self.cycles < 1000, "no answer in 1000 cycles"
            self.cycles += 1
            self.bench.settle()
        return body
