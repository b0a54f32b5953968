"""`[control]`: what it means, and every fault that it can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from dinrail.config.document import parse
from dinrail.control.settings import ControlSettings, Overrun, TaskSettings
from dinrail.errors import BadRequest

HERE = Path("/etc/dinrail/dinrail.toml")
WHOLE = """
[control]
cores = [2, 3]
project = "plc"
image = "/var/press.image"
port = 852

[[control.task]]
name = "Fast"
cycle = "250 us"
priority = 1
core = 3
start_offset = "100 us"
watchdog_cycles = 5
overrun = "stop"
programs = ["PRG_Drive", "PRG_Safety"]
port = 351

[[control.task]]
name = "Slow"
cycle = "10 ms"
priority = 30
"""


def fault(text: str) -> str:
    """The one fault of a document."""
    with pytest.raises(BadRequest) as caught:
        parse(text.encode(), HERE)
    (line,) = caught.value.details
    return line


def test_every_key_reaches_the_settings() -> None:
    """What is said arrives; what is not said is TwinCAT's PlcTask; paths belong to the document's directory."""
    assert parse(WHOLE.encode(), HERE).control == ControlSettings(
        project="/etc/dinrail/plc",
        image="/var/press.image",
        cores=(2, 3),
        port=852,
        tasks=(
            TaskSettings(
                "Fast", 250_000, 1, 3, 100_000, 5, Overrun.STOP, programs=("PRG_Drive", "PRG_Safety"), ads_port=351
            ),
            TaskSettings("Slow", 10_000_000, 30),
        ),
    )


def test_without_the_table_there_is_no_control() -> None:
    """A machine without `[control]` is a router and a host of guests."""
    assert parse(b"", HERE).control is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[control]", "nothing to run is named"),
        ('[control]\nimage = "x"\ncores = [1, 1]', "the core '1' stands here twice"),
        ('[control]\nimage = "x"\ncores = [-1]', "control.cores[0]"),
        ('[control]\nimage = "x"\nport = 350', "control.port"),
        ('[control]\nimage = "x"\nprojekt = "y"', "did you mean `project`?"),
        ('[control]\nimage = "x"\n[[control.task]]\ncycle = "10 us"', "a cycle takes from 50 us to 10 s"),
        ('[control]\nimage = "x"\n[[control.task]]\ncycle = "1"', "is not a time"),
        ('[control]\nimage = "x"\n[[control.task]]\ncycle = 1', "a time is written as text"),
        ('[control]\nimage = "x"\n[[control.task]]\nname = "a b"', "control.task[0].name"),
        ('[control]\nimage = "x"\n[[control.task]]\npriority = 0', "control.task[0].priority"),
        ('[control]\nimage = "x"\n[[control.task]]\nport = 851', "control.task[0].port"),
        ('[control]\nimage = "x"\n[[control.task]]\nprograms = []', "control.task[0].programs"),
        ('[control]\nimage = "x"\n[[control.task]]\noverrun = "stopp"', "did you mean `stop`?"),
        (
            '[control]\nimage = "x"\n[[control.task]]\ncycle = "1 ms"\nstart_offset = "1 ms"',
            "the start offset is no shorter than the cycle",
        ),
        (
            '[control]\nimage = "x"\ncores = [3]\n[[control.task]]\ncore = 2',
            "task 'PlcTask' wants core 2, which is not among `cores`",
        ),
        (
            '[control]\nimage = "x"\n[[control.task]]\nname = "A"\n[[control.task]]\nname = "a"\npriority = 2',
            "the task 'a' stands here twice",
        ),
        (
            '[control]\nimage = "x"\n[[control.task]]\nname = "A"\n[[control.task]]\nname = "B"',
            "the priority '20' stands here twice",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, expected: str) -> None:
    """Each wrong table gives one fault that says what is wrong."""
    assert expected in fault(text)
