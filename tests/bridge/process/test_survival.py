"""The control goes on: counters to prove it while its router is killed again and again, and while clients flood it."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from ads_process import ME, PLC, SYSTEM, Raw, wait_until
from bridge_process import MS_NS, Running, running_plant

from dinrail.ams.address import AmsAddr
from dinrail.ams.state import AdsState
from dinrail.control.settings import TaskSettings

pytestmark = pytest.mark.control
TASK = TaskSettings("PlcTask", 2 * MS_NS)
TEXT = """
PROGRAM MAIN
VAR n : UDINT; x : DINT; a : ARRAY [0..999] OF DINT; END_VAR
n := n + 1;
END_PROGRAM
"""
KILLS = 50


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Running]:
    with running_plant(TEXT, tmp_path, [TASK]) as made:
        yield made


def address_of(raw: Raw, name: bytes) -> tuple[int, int]:
    """Where a variable lies."""
    result, data = raw.read_write(PLC, 0xF007, 0, 12, name)
    assert result == 0
    group, offset, _ = struct.unpack("<III", data)
    return group, offset


def test_a_router_killed_fifty_times_is_not_felt(plant: Running) -> None:
    """Between any two kills the task has gone on with its own cycles, nothing of its ring is damaged, and each new
    router reads and writes at once."""
    counts = [plant.cycles()]
    for number in range(KILLS):
        if number:
            plant.start_router()
        with Raw(plant.serving.where) as raw:
            group, offset = address_of(raw, b"MAIN.x")
            assert raw.write(PLC, group, offset, struct.pack("<i", number)) == 0
            assert raw.read(PLC, group, offset, 4) == (0, struct.pack("<i", number))
            raw.send(PLC, 3, struct.pack("<III", group, offset + 4, 4000) + bytes(4000))  # on its way when it dies
            plant.kill_router()
        counts.append(plant.cycles())
    run, dropped, missed = plant.words("run_count", "dropped", "missed_cycles")
    assert all(late > early for early, late in pairwise(counts))
    assert plant.control.poll() is None
    assert dropped == 0
    assert run == pytest.approx(plant.cycles(), abs=10)
    assert missed < plant.cycles() // 10


def test_a_flood_does_not_stretch_a_cycle(plant: Running) -> None:
    """Sum writes of 5000 items and reads without end: the task's cycles stay within their time, none is dropped."""
    ended = threading.Event()
    answers: list[int] = []

    def flood(number: int) -> None:
        me = AmsAddr.of(ME.net_id, 31000 + number)
        with Raw(plant.serving.where, me) as raw:
            group, offset = address_of(raw, b"MAIN.a")
            items = b"".join(struct.pack("<III", group, offset + 4 * (at % 1000), 4) for at in range(5000))
            while not ended.is_set():
                result, data = raw.read_write(PLC, 0xF081, 5000, 20_000, items + bytes(20_000))
                assert (result, len(data)) == (0, 20_000)
                assert set(struct.unpack("<5000I", data)) <= {0, 0x708}
                answers.append(result)
                for _ in range(100):
                    assert raw.read(PLC, group, offset, 4000)[0] == 0

    before = plant.words("run_count", "exceeded")
    threads = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(4)
    ended.set()
    for thread in threads:
        thread.join(30)
    cycles = plant.words("run_count")[0] - before[0]
    exceeded, dropped = plant.words("exceeded", "dropped")
    assert len(answers) >= 4
    assert dropped == 0
    assert exceeded == before[1]
    assert cycles > 0.8 * (time.monotonic() - started) / 0.002


def test_a_control_killed_and_started_again_is_found(plant: Running) -> None:
    """The router says NOT_READY meanwhile, serves the new one afterwards, and told clients that handles are gone."""
    with Raw(plant.serving.where) as raw:
        result, handle = raw.read_write(PLC, 0xF003, 0, 4, b"MAIN.n")
        assert result == 0
        group, offset = address_of(raw, b"MAIN.n")
        _, before = raw.read(SYSTEM, 240, 0, 16)
        plant.kill_control()
        wait_until(lambda: raw.read(PLC, group, offset, 4)[0] == 0x707, "the PLC is not ready")
        state = raw.ask(SYSTEM, 4)[1]
        assert struct.unpack_from("<H", state, 4)[0] == AdsState.CONFIG
        plant.start_control()
        wait_until(lambda: raw.read(PLC, group, offset, 4)[0] == 0, "the PLC is ready again")
        (number,) = struct.unpack("<I", handle)
        assert raw.read(PLC, 0xF005, number, 4)[0] == 0x711
        assert raw.read(SYSTEM, 240, 0, 16)[1][4:6] != before[4:6]
        assert raw.read_write(PLC, 0xF004, 0, 4, b"MAIN.n")[0] == 0


def test_stop_run_config_and_reset_by_ads(plant: Running) -> None:
    """Port 851 stops and starts the application; port 10000 takes the whole system to Config and back."""

    def asked(target: AmsAddr, state: int) -> int:
        header, body = raw.ask(target, 5, struct.pack("<HHI", state, 0, 0))
        assert header.error == 0
        return int(struct.unpack("<I", body)[0])

    with Raw(plant.serving.where) as raw:
        assert asked(PLC, AdsState.STOP) == 0
        before = plant.words("run_count")
        time.sleep(0.05)
        assert plant.words("run_count") == before
        assert raw.write(PLC, *address_of(raw, b"MAIN.x"), b"\x09\0\0\0") == 0
        assert raw.read_write(PLC, 0xF004, 0, 4, b"MAIN.x") == (0, b"\x09\0\0\0")
        assert asked(PLC, AdsState.RUN) == 0
        wait_until(lambda: plant.words("run_count") > before, "it runs")
        assert asked(SYSTEM, AdsState.RECONFIG) == 0
        wait_until(lambda: raw.ask(PLC, 4)[0].error == 6, "the PLC's port is gone")
        assert asked(SYSTEM, AdsState.RESET) == 0
        wait_until(plant.answers, "the PLC's port is back")
        wait_until(lambda: raw.read_write(PLC, 0xF004, 0, 4, b"MAIN.x") == (0, bytes(4)), "it began anew")
