"""Two controls on one machine, behind one router: 851 and 852."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from ads_process import PLC, SYSTEM, Raw, wait_until
from bridge_process import MS_NS, Running, build, running_plant, spawn_control

from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsError
from dinrail.ams.state import AdsState
from dinrail.control.channel.reader import Channel
from dinrail.control.settings import TaskSettings

pytestmark = pytest.mark.control
TASK = TaskSettings("PlcTask", 2 * MS_NS)
TEXT = "PROGRAM MAIN\nVAR n : UDINT; own : DINT := {own}; END_VAR\nn := n + 1;\nEND_PROGRAM\n"
SECOND = AmsAddr.of(PLC.net_id, 852)


@pytest.fixture
def plants(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """The first one has the router."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    image = build(TEXT.format(own=2), second / "demo.image", [TASK], "second")
    process = spawn_control(second, image, 852)
    other = Running(second, image, "", process)
    try:
        with running_plant(TEXT.format(own=1), first, [TASK], router=False) as made:
            made.further = (other.channel,)
            made.start_router()
            wait_until(lambda: answers(made, SECOND), "port 852 answers")
            yield made, other
    finally:
        other.control.kill()
        other.control.wait(10)


def answers(plant: Running, port: AmsAddr) -> bool:
    with Raw((plant.address, 48898)) as raw:
        header, body = raw.ask(port, 4)
        return header.error == 0 and body[:4] == bytes(4)


def value(raw: Raw, port: AmsAddr, name: bytes) -> int:
    result, data = raw.read_write(port, 0xF004, 0, 4, name)
    assert result == 0
    return int.from_bytes(data, "little")


def test_each_application_has_its_port(plants: tuple[Running, Running]) -> None:
    """Symbols, values and tasks of either are at ports of their own, and both count on."""
    first, _ = plants
    with Raw((first.address, 48898)) as raw:
        assert [value(raw, port, b"MAIN.own") for port in (PLC, SECOND)] == [1, 2]
        for plc in (PLC, SECOND):
            count = value(raw, plc, b"MAIN.n")
            wait_until(lambda plc=plc, count=count: value(raw, plc, b"MAIN.n") > count, "it counts")
        for port in (350, 366):
            header, _ = raw.ask(AmsAddr.of(PLC.net_id, port), 4)
            assert header.error == 0


def test_the_system_s_state_is_both_s(plants: tuple[Running, Running]) -> None:
    """Stop at port 10000 stops both, Run starts both."""
    first, second = plants
    with Raw((first.address, 48898)) as raw:
        for wanted in (AdsState.STOP, AdsState.RUN):
            raw.ask(SYSTEM, 5, struct.pack("<HHI", wanted, 0, 0))
            for plant in (first, second):
                with Channel.open(plant.channel) as channel:
                    assert channel.state == wanted


def test_one_that_is_killed_leaves_the_other_alone(plants: tuple[Running, Running]) -> None:
    """Its port is not ready; the other's goes on, and so does the system; started again, it is served again."""
    first, second = plants
    second.kill_control()
    before = first.cycles()
    wait_until(lambda: not answers(first, SECOND), "port 852 is not ready")
    with Raw((first.address, 48898)) as raw:
        assert value(raw, PLC, b"MAIN.own") == 1
        result, _ = raw.read_write(SECOND, 0xF004, 0, 4, b"MAIN.own")
        assert result == AdsError.NOT_READY
        header, body = raw.ask(SYSTEM, 4)
        assert (header.error, struct.unpack_from("<H", body, 4)[0]) == (0, AdsState.RUN)
    assert first.cycles() > before
    second.control = spawn_control(second.directory, second.image, 852)
    wait_until(lambda: answers(first, SECOND), "port 852 answers again")
