"""The Modbus driver against pymodbus' own server, over TCP on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from dinrail.control.channel.exchange import Outputs
from dinrail.fieldbus.drive import Drive, Lost
from dinrail.fieldbus.modbus import ModbusDevice
from dinrail.fieldbus.settings import DeviceSettings, OnLoss, Span, Table

pytestmark = pytest.mark.control


@dataclass
class Place:
    """The task's side of an exchange, in memory: what a DriverEnd is to a driver."""

    input_bytes: int
    output_bytes: int
    outputs: bytes
    enabled: bool = True
    is_current: bool = True
    given: list[tuple[bytes, bool]] = field(default_factory=list)
    given_wall_ns: int = 0

    def give(self, data: bytes, *, wall_ns: int = 0, enabled: bool = True) -> None:
        self.given.append((data, enabled))
        self.given_wall_ns = wall_ns

    def take(self) -> Outputs:
        return Outputs(1, 0, self.enabled, self.outputs)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def device(port: int) -> AsyncIterator[ModbusTcpServer]:
    """A device with 400 registers (input registers count 1000, 1001...), 64 coils and 64 discrete inputs."""
    coils = [SimData(0, count=64, values=False, datatype=DataType.BITS)]
    discrete = [SimData(0, count=64, values=True, datatype=DataType.BITS)]
    holding = [SimData(0, count=400, values=0, datatype=DataType.REGISTERS)]
    inputs = [SimData(0, values=list(range(1000, 1400)), datatype=DataType.REGISTERS)]
    server = ModbusTcpServer(SimDevice(1, (coils, discrete, holding, inputs)), address=("127.0.0.1", port))
    await server.listen()
    try:
        yield server
    finally:
        await server.shutdown()


def settings(port: int, **changes: object) -> DeviceSettings:
    spans = {
        "inputs": (Span(Table.INPUT_REGISTER, 0, 300, 0), Span(Table.HOLDING_REGISTER, 10, 2, 4800)),
        "outputs": (Span(Table.HOLDING_REGISTER, 10, 2, 0), Span(Table.COIL, 3, 5, 32)),
    }
    values = {"exchange": "io", "host": "127.0.0.1", "port": port, "period_ns": 5_000_000, "timeout_ns": 300_000_000}
    return DeviceSettings(**(values | spans | changes))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def drive(place: Place, one: DeviceSettings, on_loss: OnLoss = OnLoss.HOLD) -> Drive:
    machine = ModbusDevice(
        one, input_bytes=place.input_bytes, output_bytes=place.output_bytes, monotonic_ns=time.monotonic_ns
    )
    return Drive(
        place,
        machine,
        period_ns=one.period_ns,
        on_loss=on_loss,
        monotonic_ns=time.monotonic_ns,
        wall_ns=time.time_ns,
    )


def registers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def test_inputs_come_and_outputs_go() -> None:
    """All registers of a span longer than one request arrive, and what was written is read back from the device."""

    async def play() -> Place:
        port = free_port()
        place = Place(604, 5, bytes.fromhex("3412 cdab 15"))
        async with device(port):
            stop = asyncio.Event()
            running = asyncio.create_task(drive(place, settings(port)).run(stop))
            await until(lambda: len(place.given) > 2)
            stop.set()
            assert await running
        return place

    data, enabled = asyncio.run(play()).given[-1]
    assert enabled
    assert registers(data)[:300] == list(range(1000, 1300))
    assert registers(data)[300:] == [0x1234, 0xABCD]


def test_a_stopped_task_means_safe_values() -> None:
    """While the task does not run, and after the driver has ended, the device has zeros."""

    async def play() -> tuple[bytes, bytes]:
        port = free_port()
        place = Place(604, 5, b"\x34\x12\xcd\xab\x15", enabled=True)
        async with device(port):
            one = drive(place, settings(port))
            stop = asyncio.Event()
            running = asyncio.create_task(one.run(stop))
            await until(lambda: bool(place.given) and registers(place.given[-1][0])[300] == 0x1234)
            place.enabled = False
            await until(lambda: registers(place.given[-1][0])[300] == 0)
            place.enabled = True
            await until(lambda: registers(place.given[-1][0])[300] == 0x1234)
            stop.set()
            await running
            reader = ModbusDevice(settings(port, outputs=()), input_bytes=604, output_bytes=0, monotonic_ns=lambda: 0)
            await reader.open()
            after = await reader.exchange(b"")
            await reader.close()
        return place.given[-1][0], after

    before, after = asyncio.run(play())
    assert registers(before)[300:] == [0x1234, 0xABCD]
    assert registers(after)[300:] == [0, 0]


@pytest.mark.parametrize(("on_loss", "told"), [(OnLoss.HOLD, False), (OnLoss.ZERO, True)])
def test_a_lost_device_is_told_and_found_again(on_loss: OnLoss, told: bool) -> None:
    """When the device goes, inputs hold (nothing new is given) or become zeros, and go on once it is back."""

    async def play() -> tuple[Drive, list[tuple[bytes, bool]]]:
        port = free_port()
        place = Place(604, 5, bytes(5))
        one = drive(place, settings(port), on_loss)
        stop = asyncio.Event()
        async with device(port):
            running = asyncio.create_task(one.run(stop))
            await until(lambda: one.health.exchanges > 2)
        await until(lambda: bool(one.health.fault))
        lost = list(place.given)
        async with device(port):
            await until(lambda: not one.health.fault)
            stop.set()
            await running
        return one, lost

    one, given = asyncio.run(play())
    assert given[-1] == (bytes(604), told)
    assert one.health.losses == 1


def test_a_device_that_refuses_is_lost_with_its_own_words() -> None:
    """An exception answer names the table, the address and what the device said."""

    async def play() -> str:
        port = free_port()
        async with device(port):
            one = settings(port, inputs=(Span(Table.INPUT_REGISTER, 9000, 1, 0),), outputs=())
            reader = ModbusDevice(one, input_bytes=2, output_bytes=0, monotonic_ns=lambda: 0)
            await reader.open()
            try:
                await reader.exchange(b"")
            except Lost as fault:
                return str(fault)
            finally:
                await reader.close()
        return ""

    assert asyncio.run(play()) == "input-register 9000: the device says illegal data address"


def test_the_driver_ends_with_its_control() -> None:
    """A driver whose channel is gone stops by itself, having given the device its safe values."""

    async def play() -> bool:
        port = free_port()
        place = Place(604, 5, bytes(5))
        async with device(port):
            one = drive(place, settings(port))
            running = asyncio.create_task(one.run(asyncio.Event()))
            await until(lambda: one.health.exchanges > 2)
            place.is_current = False
            return await running

    assert asyncio.run(play()) is False
