"""Forcing by ADS: what is forced stays, is listed by name, and can be let go one by one or all at once."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ads_device import FakePermit
from bridge_bench import DATA, OUTPUTS, Bench
from control_channel import PlayedControl

from dinrail.ads.contract import Action
from dinrail.bridge.forcing import FORCE_GROUP, LIST_GROUP, UNFORCE_GROUP, Listed, parse
from dinrail.control.channel.layout import Space


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def force(bench: Bench, name: bytes, value: bytes) -> int:
    return bench.client().read_write(FORCE_GROUP, 0, 0, name + b"\0" + value)[0]


def forced(bench: Bench) -> list[Listed]:
    result, data = bench.client().read(LIST_GROUP, 0, 1 << 20)
    assert result == 0
    return parse(data)


def test_a_forced_value_stays_whatever_the_program_writes(bench: Bench) -> None:
    """It holds from the cycle that answered it on."""

    def body(control: PlayedControl) -> None:
        control.spaces[Space.DATA][4:8] = struct.pack("<i", 1)

    bench.control.body = body
    assert force(bench, b"MAIN.nWritten", struct.pack("<i", -5)) == 0
    bench.settle(3)
    assert bench.client().read(DATA, 4, 4) == (0, struct.pack("<i", -5))
    assert forced(bench) == [Listed(DATA, 4, 4, -1, "MAIN.nWritten", struct.pack("<i", -5))]
    assert bench.client().read_write(UNFORCE_GROUP, 0, 0, b"MAIN.nWritten\0") == (0, b"")
    bench.settle()
    assert bench.client().read(DATA, 4, 4) == (0, struct.pack("<i", 1))
    assert forced(bench) == []


def test_bits_are_forced_by_themselves(bench: Bench) -> None:
    """An output at a bit address, and a bit of a number; their neighbours go on."""
    assert force(bench, b"GVL.bOut", b"\1") == 0
    assert force(bench, b"MAIN.nWritten.9", b"\1") == 0
    assert bench.control.spaces[Space.OUTPUT][1] == 8
    assert bench.control.spaces[Space.DATA][4:8] == b"\0\2\0\0"
    assert forced(bench) == [
        Listed(DATA, 5, 1, 1, "MAIN.nWritten.9", b"\1"),
        Listed(OUTPUTS, 1, 1, 3, "GVL.bOut", b"\1"),
    ]
    assert bench.client().write(DATA, 4, b"\xff\0\xff\0") == 0
    assert bench.control.spaces[Space.DATA][4:8] == b"\xff\2\xff\0"


def test_a_whole_array_is_forced_in_pieces(bench: Bench) -> None:
    """Longer than one record; listed by its elements; an empty name lets everything go."""
    value = bytes(at % 251 for at in range(400))
    assert force(bench, b"MAIN.aSame[3]", value[:4]) == 0
    assert force(bench, b"MAIN.fbAxis", bytes(range(200))[: bench.plc.find(b"MAIN.fbAxis").size_bytes]) == 0
    assert ("MAIN.aSame[3]", value[:4]) in [(one.name, one.value) for one in forced(bench)]
    assert bench.client().read_write(UNFORCE_GROUP, 0, 0, b"\0") == (0, b"")
    assert forced(bench) == []


def test_what_cannot_be_forced_is_refused(bench: Bench) -> None:
    """No such variable, another size, a constant, a method, a value of the system, another command."""
    assert force(bench, b"MAIN.nothing", b"\0") == 0x710
    assert force(bench, b"MAIN.nWritten", b"\0") == 0x705
    assert force(bench, b"MAIN.nConst", b"\0\0") == 0x704
    assert force(bench, b"MAIN.fbAdder#Add", b"") == 0x704
    assert force(bench, b"TwinCAT_SystemInfoVarList._TaskInfo[1].CycleTime", bytes(4)) == 0x704
    assert bench.client().read(FORCE_GROUP, 0, 4)[0] == 0x701
    assert bench.client().write(FORCE_GROUP, 0, b"MAIN.nWritten\0" + bytes(4)) == 0x701


def test_forcing_needs_the_right_to_write_that_variable(bench: Bench) -> None:
    """The permit is asked with the variable's name; the list is reading."""
    permit = FakePermit(by_symbol=True, rule=lambda action, *_: action is Action.READ)
    client = bench.client(permit=permit)
    assert client.read_write(FORCE_GROUP, 0, 0, b"MAIN.nWritten\0" + bytes(4)) == (0x723, b"")
    assert permit.asked == [(Action.WRITE, DATA, 4, 4, ("MAIN.nWritten",))]
    assert client.read_write(UNFORCE_GROUP, 0, 0, b"\0") == (0x723, b"")
    assert client.read(LIST_GROUP, 0, 100) == (0, bytes(4))
