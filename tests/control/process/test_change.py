"""Online change in a running control: state stays, code is new, and what cannot be done is refused."""

from __future__ import annotations

import os
from pathlib import Path

import control_app as app
import pytest
from control_process import Running, control, wait_for

from dinrail.control.channel.layout import Request, Space, State
from dinrail.control.channel.writer import Writer
from dinrail.control.options import ControlOptions
from dinrail.errors import DinrailError, Refused

pytestmark = pytest.mark.control

TASKS = (app.FAST, app.SLOW)
MOVED = 64
"""How much further everything lies in version 2."""


def begin(directory: Path) -> ControlOptions:
    return ControlOptions(app.write_app(directory / "one.image", TASKS), directory / "channel")


def swap(running: Running, image: Path) -> str:
    return running.ask(Request.SWAP, str(image).encode())


def test_state_stays_and_code_is_new(tmp_path: Path) -> None:
    """Counters go on from where they were, by the new code's steps; what is new has its initial value."""
    second = app.write_app(tmp_path / "two.image", TASKS, version=2)
    with control(begin(tmp_path)) as running:
        running.more_cycles(100)
        before = running.channel.layout()
        count, cycles = running.value(app.COUNT), running.cycles()
        assert "carried over" in swap(running, second)
        running.more_cycles(50)
        after = running.channel.layout()
        snapshot = running.channel.snapshot(0)
        assert snapshot is not None
        assert snapshot.layout == 1
        value = running.value(MOVED + app.COUNT)
        steps, rest = divmod(value, 1000)
        assert steps >= 50
        assert rest >= count % 1000
        assert steps + rest <= running.cycles()
        assert running.value(MOVED + app.ADDED) == 42
        assert running.value(MOVED + app.COUNT, task=1) > 0
        assert running.value(MOVED + app.FIRST) == 1
        assert (after.online_change_count, after.symbol_version) == (1, before.symbol_version + 1)
        assert after.layout_hash != before.layout_hash
        assert after.image_path != before.image_path
        assert Path(after.image_path).read_bytes() == second.read_bytes()
        assert running.cycles() > cycles
        assert running.channel.state == State.RUN


def test_no_cycle_is_lost_and_none_is_counted_twice(tmp_path: Path) -> None:
    """Back and forth twenty times: the program has counted each cycle of each image exactly once."""
    images = [app.write_app(tmp_path / f"{version}.image", TASKS, version=version) for version in (1, 2)]
    with control(begin(tmp_path)) as running:
        for turn in range(20):
            running.more_cycles(10)
            swap(running, images[(turn + 1) % 2])
        running.more_cycles(10)
        assert running.channel.header.online_change_count == 20
        snapshot = running.channel.snapshot(0)
        assert snapshot is not None
        value = int.from_bytes(snapshot.data[app.COUNT : app.COUNT + 4], "little")
        thousands, ones = divmod(value, 1000)
        assert thousands + ones == snapshot.cycle_count
        assert running.channel.statistics(0).overruns <= running.channel.statistics(0).missed_cycles


def test_commands_belong_to_a_layout(tmp_path: Path) -> None:
    """A command by the new layout is obeyed, one by the old layout is not applied."""
    second = app.write_app(tmp_path / "two.image", TASKS, version=2)
    with control(begin(tmp_path)) as running, Writer.open(running.options.channel) as writer:
        running.more_cycles(5)
        swap(running, second)
        running.more_cycles(2)
        position = writer.write(0, Space.DATA, app.INDEX, b"\x07\0\0\0", layout=0)
        wait_for(lambda: writer.applied(0, position))
        assert writer.statistics(0).outdated == 1
        position = writer.write(0, Space.DATA, MOVED + app.INDEX, b"\x09\0\0\0")
        wait_for(lambda: writer.applied(0, position))
        assert running.value(MOVED + app.INDEX) == 9


def test_a_reset_begins_the_new_image(tmp_path: Path) -> None:
    """After the change a reset gives the new application's initial values."""
    second = app.write_app(tmp_path / "two.image", TASKS, version=2)
    with control(begin(tmp_path)) as running:
        running.more_cycles(20)
        swap(running, second)
        running.more_cycles(3)
        running.ask(Request.RESET)
        running.more_cycles(2)
        assert running.value(MOVED + app.FIRST) == 0
        assert running.value(MOVED + app.ADDED) == 42
        assert running.ask(Request.START) == "RUN"
        wait_for(lambda: running.value(MOVED + app.FIRST) == 1)


def test_what_cannot_carry_over_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    """Another type under an old name, other tasks, a forced value, a file that is no image: each with its reason."""
    third = app.write_app(tmp_path / "three.image", TASKS, version=3)
    single = app.write_app(tmp_path / "single.image", (app.FAST,))
    second = app.write_app(tmp_path / "two.image", TASKS, version=2)
    noise = tmp_path / "noise"
    noise.write_bytes(b"noise")
    with control(begin(tmp_path)) as running, Writer.open(running.options.channel) as writer:
        running.more_cycles(5)
        before = running.channel.layout()
        with pytest.raises(Refused) as caught:
            swap(running, third)
        assert "MAIN0.pointer was ULINT, is LINT" in "\n".join(caught.value.details)
        with pytest.raises(Refused) as caught:
            swap(running, single)
        assert "it has the tasks Fast" in "\n".join(caught.value.details)
        for path in (noise, tmp_path / "nothing"):
            with pytest.raises(DinrailError):
                swap(running, path)
        position = writer.force(0, Space.DATA, app.INDEX, b"\xff", b"\x01")
        wait_for(lambda: writer.applied(0, position))
        with pytest.raises(Refused) as caught:
            swap(running, second)
        assert "forced" in "\n".join(caught.value.details)
        after = running.channel.layout()
        assert (after.online_change_count, after.layout_hash) == (0, before.layout_hash)
        running.more_cycles(5)
        writer.unforce_all(0)
        running.more_cycles(3)
        assert "carried over" in swap(running, second)


def test_in_exception_no_change_is_made(tmp_path: Path) -> None:
    """It is refused: reset first."""
    second = app.write_app(tmp_path / "two.image", TASKS, version=2)
    with control(begin(tmp_path)) as running, Writer.open(running.options.channel) as writer:
        writer.write(0, Space.DATA, app.MODE, app.DIVIDE.to_bytes(4, "little"))
        wait_for(lambda: running.channel.state == State.EXCEPTION)
        with pytest.raises(Refused, match="EXCEPTION"):
            swap(running, second)


def test_an_image_that_others_may_have_written_is_refused(tmp_path: Path) -> None:
    """Who may ask for a change may not choose what code runs: the file is root's, and only root writes it."""
    second = app.write_app(tmp_path / "two.image", TASKS, version=2)
    with control(begin(tmp_path)) as running:
        running.more_cycles(3)
        second.chmod(0o666)
        with pytest.raises(Refused, match="others than root"):
            swap(running, second)
        second.chmod(0o644)
        os.chown(second, 65534, -1)
        with pytest.raises(Refused, match="others than root"):
            swap(running, second)
        with pytest.raises(Refused):
            running.ask(Request.SWAP, b"/tmp/a\0b")
        os.chown(second, 0, -1)
        assert "carried over" in swap(running, second)
