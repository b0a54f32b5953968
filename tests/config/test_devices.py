"""`[[control.device]]`: devices on field buses in the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from dinrail.config.document import parse
from dinrail.control.settings import Exchange
from dinrail.errors import BadRequest
from dinrail.fieldbus.settings import OnLoss, Span, Table

HEAD = b"""
[control]
project = "plc/"
[[control.task]]
name = "Fast"
priority = 10
[[control.task]]
name = "Slow"
"""
DEVICE = b"""
[[control.device]]
name = "io1"
address = "192.168.1.50"
task = "slow"
on_loss = "zero"
inputs = [
    { table = "input-register", first = 4, count = 3, at = "%IW10" },
    { table = "discrete-input", count = 9, at = "%IX20.3" },
]
outputs = [{ table = "holding-register", count = 2, at = "%QB6", words = 2, swapped = true }]
"""


def test_a_devices_piece_is_what_its_spans_cover() -> None:
    """The exchange reaches from the first byte of all spans to the last; spans count from its beginning."""
    document = parse(HEAD + DEVICE, Path("dinrail.toml"))
    assert document.control is not None
    assert document.control.exchanges == (Exchange("io1", 10, 12, 6, 4, task=1),)
    (device,) = document.devices
    assert device.inputs == (Span(Table.INPUT_REGISTER, 4, 3, 0), Span(Table.DISCRETE_INPUT, 0, 9, 83))
    assert device.outputs == (Span(Table.HOLDING_REGISTER, 0, 2, 0, words=2, swapped=True),)
    assert device.on_loss is OnLoss.ZERO


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'at = "%IW10"', b'at = "%QW10"', "inputs lie in %I"),
        (b'at = "%IW10"', b'at = "%MW10"', "no place in the process image"),
        (b'at = "%QB6"', b'at = "%QX6.1"', "whole bytes"),
        (b"count = 2, at", b"count = 3, at", "whole bytes"),
        (b'"holding-register"', b'"input-register"', "does not take"),
        (b'task = "slow"', b'task = "none"', "which is not here"),
        (b"first = 4", b"first = 65535", "0 to 65535"),
        (b'address = "192.168.1.50"', b'address = "a b"', "address"),
    ],
)
def test_a_wrong_device_is_refused_with_its_reason(old: bytes, new: bytes, says: str) -> None:
    """What no device, table or process image has is told as a fault of the document."""
    assert old in DEVICE
    with pytest.raises(BadRequest) as caught:
        parse(HEAD + DEVICE.replace(old, new), Path("dinrail.toml"))
    assert says in "\n".join(caught.value.lines())
