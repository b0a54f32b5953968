"""`[[control.device]]`: devices on field buses, and where their values lie in the process image.

    [[control.device]]
    name = "io1"
    kind = "modbus-tcp"
    address = "192.168.1.50"
    period = "10 ms"
    inputs = [{ table = "input-register", first = 0, count = 8, at = "%IB0" }]
    outputs = [{ table = "coil", first = 0, count = 16, at = "%QX16.0" }]

A device's piece of %I (and of %Q) is what its spans cover, from the first byte to the last.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema, model_validator

from dinrail.control.settings import Exchange
from dinrail.errors import BadRequest
from dinrail.fieldbus.image import check_spans
from dinrail.fieldbus.settings import DeviceSettings, OnLoss, Span, Table
from dinrail.section import Section, fault, text_with
from dinrail.units import parse_duration

MAX_AREA_BYTES = 1 << 16
MAX_SPANS = 256
_PLACE = re.compile(r"%([IQ])(?:X(\d{1,6})\.([0-7])|([BWDL])(\d{1,6}))", re.IGNORECASE)
_DEVICE = DeviceSettings("", "")
"""Whose values are the defaults."""


def read_place(text: str) -> tuple[str, int]:
    """`%IX4.1` or `%QW10` (byte 10, as TwinCAT counts) -> area and bit. Raises BadRequest."""
    found = _PLACE.fullmatch(text)
    if not found:
        raise BadRequest(f"{text!r} is no place in the process image", hint="%IX4.1, %IB4, %IW4, %QD8: byte and bit")
    area, byte, bit, _width, wide_byte = found.groups()
    return area.upper(), 8 * int(byte or wide_byte) + int(bit or 0)


Place = Annotated[
    tuple[str, int],
    text_with(read_place, "a place"),
    WithJsonSchema({"type": "string", "examples": ["%IB0", "%QX4.1"]}),
]
Period = Annotated[
    int,
    text_with(parse_duration, "a time"),
    WithJsonSchema({"type": "string", "examples": ["10 ms"]}),
    Field(ge=100_000, le=60_000_000_000),
]
DeviceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,30}$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]


class SpanSection(Section):
    """Neighbours in one of the device's tables."""

    table: Annotated[Table, Field(strict=False)]
    first: Annotated[int, Field(ge=0, le=65535)] = 0
    count: Annotated[int, Field(ge=1, le=65536)] = 1
    at: Place
    words: Literal[1, 2, 4] = 1
    swapped: bool = False

    def span(self, first_bit: int) -> Span:
        return Span(self.table, self.first, self.count, self.at[1] - first_bit, self.words, self.swapped)

    @property
    def end_bit(self) -> int:
        return self.at[1] + (self.count if self.table.is_bits else 16 * self.count)


class DeviceSection(Section):
    """One device. on-loss: what a task sees of its inputs while it does not answer."""

    name: DeviceName
    kind: Literal["modbus-tcp"] = "modbus-tcp"
    address: HostName
    port: Annotated[int, Field(ge=1, le=65535)] = _DEVICE.port
    unit: Annotated[int, Field(ge=0, le=255)] = _DEVICE.unit
    period: Period = _DEVICE.period_ns
    timeout: Period = _DEVICE.timeout_ns
    refresh: Period = _DEVICE.refresh_ns
    on_loss: Annotated[OnLoss, Field(strict=False)] = _DEVICE.on_loss
    task: str = ""
    inputs: Annotated[list[SpanSection], Field(max_length=MAX_SPANS)] = Field(default_factory=list)
    outputs: Annotated[list[SpanSection], Field(max_length=MAX_SPANS)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _spans_are_where_they_belong(self) -> DeviceSection:
        for area, spans in (("I", self.inputs), ("Q", self.outputs)):
            for span in spans:
                if span.at[0] != area:
                    raise fault(f"{'inputs' if area == 'I' else 'outputs'} lie in %{area}")
                if span.end_bit > 8 * MAX_AREA_BYTES:
                    raise fault(f"the process image ends at byte {MAX_AREA_BYTES}")
        if not self.inputs and not self.outputs:
            raise fault("this device gives and takes nothing", "name `inputs` or `outputs`")
        one = self.exchange(0)
        try:
            value = self.settings()
            check_spans(value.inputs, one.input_bytes, written=False)
            check_spans(value.outputs, one.output_bytes, written=True)
        except BadRequest as bad:
            raise fault(str(bad), bad.hint or "") from bad
        return self

    def exchange(self, task: int) -> Exchange:
        """Its place in the channel. task: position of the task that takes and gives."""
        first_in, bytes_in = _piece(self.inputs)
        first_out, bytes_out = _piece(self.outputs)
        return Exchange(self.name, first_in, bytes_in, first_out, bytes_out, task)

    def settings(self) -> DeviceSettings:
        """The same for its driver."""
        first_in, _ = _piece(self.inputs)
        first_out, _ = _piece(self.outputs)
        return DeviceSettings(
            exchange=self.name,
            host=self.address,
            port=self.port,
            unit=self.unit,
            period_ns=self.period,
            timeout_ns=self.timeout,
            refresh_ns=self.refresh,
            inputs=tuple(span.span(8 * first_in) for span in self.inputs),
            outputs=tuple(span.span(8 * first_out) for span in self.outputs),
            on_loss=self.on_loss,
        )


def _piece(spans: list[SpanSection]) -> tuple[int, int]:
    """First byte and length of what the spans cover."""
    if not spans:
        return 0, 0
    first = min(span.at[1] for span in spans) // 8
    return first, -(-max(span.end_bit for span in spans) // 8) - first
