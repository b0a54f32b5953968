"""Retained values on disk: whatever moment the power goes, one whole generation is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.control import retain
from dinrail.control.image import Retained
from dinrail.errors import FormatError, HostError

VALUES = {("MAIN.n", "DINT"): b"\x01\x00\x00\x00", ("GVL.text", "STRING(5)"): b"hello\0"}
NEXT = {("MAIN.n", "DINT"): b"\x02\x00\x00\x00"}
names = st.text(min_size=1, max_size=20)


@given(st.dictionaries(st.tuples(names, names), st.binary(max_size=50), max_size=20))
def test_values_read_back(values: dict[tuple[str, str], bytes]) -> None:
    """What is encoded is decoded."""
    assert retain.decode_values(retain.encode_values(values)) == values


@given(st.data())
def test_no_damage_goes_unnoticed(data: st.DataObject) -> None:
    """Any changed byte and any cut is a FormatError."""
    whole = retain.encode_values(VALUES)
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[at] ^= data.draw(st.integers(1, 255))
    for bad in (bytes(broken), whole[:at]):
        with pytest.raises(FormatError):
            retain.decode_values(bad)


def test_the_newest_generation_is_loaded(tmp_path: Path) -> None:
    """After two saves the second is what is loaded, and the first is kept."""
    path = tmp_path / "retain"
    retain.save(path, VALUES)
    retain.save(path, NEXT)
    assert retain.load(path) == (NEXT, [])
    assert retain.decode_values(retain.older(path).read_bytes()) == VALUES


def test_power_may_go_at_every_step(tmp_path: Path) -> None:
    """Of the states that a save goes through, each loads as the old values or as the new ones."""
    path = tmp_path / "retain"
    retain.save(path, VALUES)
    new = retain.encode_values(NEXT)
    temporary = tmp_path / ".retain.new"
    for size in range(len(new) + 1):  # the temporary file, written so far
        temporary.write_bytes(new[:size])
        assert retain.load(path) == (VALUES, [])
    path.replace(retain.older(path))  # between the two renames
    assert retain.load(path) == (VALUES, [])
    temporary.replace(path)
    assert retain.load(path) == (NEXT, [])


def test_a_damaged_generation_gives_way_to_the_one_before(tmp_path: Path) -> None:
    """A file whose blocks a power cut lost is skipped, and that is said."""
    path = tmp_path / "retain"
    retain.save(path, VALUES)
    retain.save(path, NEXT)
    path.write_bytes(bytes(path.stat().st_size))
    values, notes = retain.load(path)
    assert values == VALUES
    assert len(notes) == 1
    assert str(path) in notes[0]


def test_nothing_saved_is_nothing_loaded(tmp_path: Path) -> None:
    """The first start has no values, and no complaint."""
    assert retain.load(tmp_path / "retain") == ({}, [])


def test_forgotten_values_do_not_come_back(tmp_path: Path) -> None:
    """`reset origin` leaves no generation."""
    path = tmp_path / "retain"
    retain.save(path, VALUES)
    retain.save(path, NEXT)
    retain.forget(path)
    assert retain.load(path) == ({}, [])


def test_values_go_to_the_same_name_and_type() -> None:
    """A variable of another type or size keeps its initial value, whatever its name."""
    variables = (
        Retained("MAIN.n", "DINT", 0, 4),
        Retained("MAIN.n", "INT", 4, 2),
        Retained("GVL.text", "STRING(5)", 8, 7),
    )
    assert list(retain.matching(VALUES, variables)) == [(variables[0], b"\x01\x00\x00\x00")]


def test_a_directory_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    """Where nothing can be saved, HostError says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError):
        retain.save(tmp_path / "file" / "retain", VALUES)


WRITER = """
import sys
from pathlib import Path
from dinrail.control import retain
n = 0
while True:
    n += 1
    retain.save(Path(sys.argv[1]), {(f"v{i}", "DINT"): n.to_bytes(4, "little") for i in range(200)})
"""


@pytest.mark.control
def test_a_writer_killed_at_any_moment_leaves_whole_values(tmp_path: Path) -> None:
    """After kill -9 in the middle of saving, all values are of one save."""
    path = tmp_path / "retain"
    last = 0
    for turn in range(40):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        deadline = time.monotonic() + 10
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05 + 0.0007 * turn)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        values, notes = retain.load(path)
        numbers = {int.from_bytes(data, "little") for data in values.values()}
        assert (len(values), len(numbers), notes) == (200, 1, [])
        last = max(last, numbers.pop())
    assert last > 1
