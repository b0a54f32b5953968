"""Modbus TCP, by pymodbus' asynchronous client. Everything that a device answers is checked for its length and kind.

Source: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from dinrail.errors import BadRequest
from dinrail.fieldbus.drive import Lost
from dinrail.fieldbus.image import check_spans, put, requests, values_of
from dinrail.fieldbus.settings import DeviceSettings, Span, Table
from dinrail.units import S_NS

if TYPE_CHECKING:
    from pymodbus.pdu import ModbusPDU

_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}
"""MODBUS Application Protocol 1.1b3, section 7."""


class ModbusDevice:
    """One device. Outputs are written when they changed, and every `refresh_ns` in any case."""

    def __init__(
        self, settings: DeviceSettings, *, input_bytes: int, output_bytes: int, monotonic_ns: Callable[[], int]
    ) -> None:
        check_spans(settings.inputs, input_bytes, written=False)
        check_spans(settings.outputs, output_bytes, written=True)
        self._settings = settings
        self._monotonic_ns = monotonic_ns
        self._reads = [part for span in settings.inputs for part in requests(span, written=False)]
        self._writes = [part for span in settings.outputs for part in requests(span, written=True)]
        self._inputs = bytearray(input_bytes)
        self._written: dict[int, tuple[list[int], int]] = {}
        self._client: AsyncModbusTcpClient | None = None

    async def open(self) -> None:
        """Connect. Raises Lost."""
        await self.close()
        one = self._settings
        client = AsyncModbusTcpClient(
            one.host, port=one.port, timeout=one.timeout_ns / S_NS, retries=0, reconnect_delay=0, name=one.exchange
        )
        self._client = client
        self._written.clear()
        if not await client.connect():
            raise Lost(f"{one.host}:{one.port} takes no connection")

    async def close(self) -> None:
        """Idempotent."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def exchange(self, outputs: bytes) -> bytes:
        """Outputs first, so that inputs already show what they did. Raises Lost."""
        for number, span in enumerate(self._writes):
            await self._write(number, span, values_of(outputs, span))
        for span in self._reads:
            await self._read(span)
        return bytes(self._inputs)

    async def _write(self, number: int, span: Span, values: list[int]) -> None:
        now_ns = self._monotonic_ns()
        before = self._written.get(number)
        if before is not None and before[0] == values and now_ns - before[1] < self._settings.refresh_ns:
            return
        client = self._connected()
        unit = self._settings.unit
        if span.table is Table.COIL:
            await self._ask(span, client.write_coils(span.address, [bool(bit) for bit in values], device_id=unit))
        else:
            await self._ask(span, client.write_registers(span.address, values, device_id=unit))
        self._written[number] = (values, now_ns)

    async def _read(self, span: Span) -> None:
        client = self._connected()
        read = {
            Table.COIL: client.read_coils,
            Table.DISCRETE_INPUT: client.read_discrete_inputs,
            Table.INPUT_REGISTER: client.read_input_registers,
            Table.HOLDING_REGISTER: client.read_holding_registers,
        }[span.table]
        answer = await self._ask(span, read(span.address, count=span.count, device_id=self._settings.unit))
        try:
            put(self._inputs, span, answer.bits if span.table.is_bits else answer.registers)
        except BadRequest as fault:
            raise Lost(str(fault)) from fault

    async def _ask(self, span: Span, request: Awaitable[ModbusPDU]) -> ModbusPDU:
        try:
            answer = await request
        except (ModbusException, OSError) as fault:
            raise Lost(f"{span.table} {span.address}: {fault}") from fault
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            raise Lost(f"{span.table} {span.address}: the device says {_EXCEPTIONS.get(code, f'error {code}')}")
        return answer

    def _connected(self) -> AsyncModbusTcpClient:
        if self._client is None or not self._client.connected:
            raise Lost("the connection is gone")
        return self._client
