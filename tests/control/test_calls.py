"""Methods that are called from outside run in the task's cycle, under a handler of their own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_st import image_of, symbol

from dinrail.control.channel.layout import MailboxHeader, State
from dinrail.control.channel.writer import Writer
from dinrail.control.image import read_image
from dinrail.control.stepped import Stepped

pytestmark = pytest.mark.control

TEXT = """
FUNCTION_BLOCK FB_Sum
VAR
    total : DINT;
END_VAR
{attribute 'TcRpcEnable'}
METHOD Add : DINT
VAR_INPUT
    a : DINT;
    divisor : DINT;
END_VAR
    total := total + a / divisor;
    Add := total;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR
    other : LREAL;
    sum : FB_Sum;
END_VAR
sum();
END_PROGRAM
"""


@pytest.fixture
def stepped(tmp_path: Path) -> Iterator[Stepped]:
    path = tmp_path / "a.image"
    path.write_bytes(image_of(TEXT))
    with Stepped(path, tmp_path / "channel") as made:
        yield made


@pytest.fixture
def writer(stepped: Stepped) -> Iterator[Writer]:
    with Writer.open(stepped.channel.path) as made:
        yield made


def call(stepped: Stepped, writer: Writer, a: int, divisor: int, stub: int = 0) -> tuple[MailboxHeader, int]:
    """What Add gave after one cycle."""
    instance = symbol(image_of(TEXT), "MAIN.sum").offset
    position = writer.call(0, stub, 3, instance, struct.pack("<ii", a, divisor))
    assert writer.returned(0, 3, position, 4) is None
    stepped.cycle()
    came = writer.returned(0, 3, position, 4)
    assert came is not None
    return came[0], int.from_bytes(came[1], "little", signed=True)


def test_a_call_runs_once_in_the_next_cycle(stepped: Stepped, writer: Writer) -> None:
    """Inputs go in, the result comes back, and the instance has changed: once for each call."""
    assert read_image(image_of(TEXT)).calls == (("FB_Sum", "Add", 8, 4),)
    for total in (7, 14, 21):
        header, value = call(stepped, writer, 14, 2)
        assert (header.fault, header.refused, value) == (0, 0, total)
    stepped.cycle()
    assert stepped.state() == State.RUN


def test_a_call_that_faults_is_its_callers_fault(stepped: Stepped, writer: Writer) -> None:
    """A division by zero in the method is told to the caller; the task runs on."""
    header, _ = call(stepped, writer, 1, 0)
    assert header.fault == 0x102
    assert stepped.state() == State.RUN
    assert call(stepped, writer, 5, 1)[1] == 5


def test_what_cannot_be_called_is_refused(stepped: Stepped, writer: Writer) -> None:
    """A stub that is not there, and a call while the task stands, run nothing and say so."""
    assert call(stepped, writer, 1, 1, stub=9)[0].refused == 1
    stepped.tasks.set_wanted(State.STOP)
    assert call(stepped, writer, 1, 1)[0].refused == 1
    stepped.tasks.set_wanted(State.RUN)
    assert call(stepped, writer, 1, 1)[1] == 1
