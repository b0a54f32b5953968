"""Files to devices."""

from __future__ import annotations

from pathlib import Path

import pytest

import dinrail.ads.simulate
from dinrail.ads.simulate import load
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.load import load_description
from dinrail.ads.simulate.recording import Header, RecordingWriter
from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.address import NetId
from dinrail.errors import BadRequest, FormatError, HostError
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Elementary, ElementaryType

INT = ElementaryType(Elementary.INT)
SYMBOL = "<Symbol><Name>a</Name><BaseType>INT</BaseType><IGroup>16448</IGroup><BitSize>16</BitSize></Symbol>"
TMC = f"<TcModuleClass><DataAreas><DataArea>{SYMBOL}</DataArea></DataAreas></TcModuleClass>"
TPY = f"<PlcProjectInfo><Symbols>{SYMBOL.replace('BaseType', 'Type')}</Symbols></PlcProjectInfo>"


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.toml", '[symbols]\na = "INT"'), ("x.csv", "name,type\na,INT"), ("x.TMC", TMC), ("x.tpy", TPY)],
)
def test_the_kind_of_a_file_follows_from_its_name(tmp_path: Path, name: str, text: str) -> None:
    """Each kind gives a device with its symbols, with or without a byte order mark."""
    for mark in ("", "\ufeff"):
        (tmp_path / name).write_text(mark + text, "utf-8")
        assert load(tmp_path / name).table.find("A").type == INT


def test_a_recording_is_loaded(tmp_path: Path) -> None:
    """A recording is a kind like the others; a text in it may hold any character."""
    out = Exporter(SymbolTable([Symbol("a\u2028b", INT, 0x4040, 0)]))
    file = tmp_path / "x.jsonl"
    with file.open("w", encoding="utf-8") as open_file:
        head = Header(NetId(), 851, "n", (1, 2, 3), out.info(), out.symbols, out.types)
        RecordingWriter(open_file.write, head).sample(0, {"a\u2028b": b"\1\0"})
    assert load(str(file)).description.values == (("a\u2028b", b"\1\0"),)


def test_files_beside_a_description_are_found(tmp_path: Path) -> None:
    """A generator's csv file is looked for where the description lies."""
    (tmp_path / "x.toml").write_text('[symbols]\na = { type = "INT", generator = "csv file=d.csv" }')
    with pytest.raises(BadRequest) as fault:
        load(tmp_path / "x.toml")
    assert "d.csv: cannot be read" in "\n".join(fault.value.lines())
    (tmp_path / "d.csv").write_text("time_s,value\n0,1\n1,2\n")
    assert len(load(tmp_path / "x.toml").description.drives) == 1


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """A missing file, an unknown kind, bytes that are no text, XML that is none: each with the file's name."""
    (tmp_path / "x.toml").write_bytes(b'a = "\xff"')
    (tmp_path / "x.tmc").write_bytes(b"\xff\xfe")
    cases: list[tuple[str, type[Exception], str]] = [
        ("no.toml", HostError, "cannot be read"),
        ("x.json", BadRequest, "is of no known kind"),
        ("x.toml", BadRequest, "is no UTF-8: byte 5"),
        ("x.tmc", FormatError, "XML"),
        ("nul\0.toml", HostError, "cannot be read"),
    ]
    for name, kind, says in cases:
        with pytest.raises(kind) as fault:
            load(tmp_path / name)
        assert says in str(fault.value)
        assert name in str(fault.value)


def test_the_default_device_needs_no_file() -> None:
    """The package brings its own description along."""
    assert (Path(dinrail.ads.simulate.__file__).parent / "default.toml").exists()


def test_a_device_in_which_nothing_moves_wakes_up_for_nothing(tmp_path: Path) -> None:
    """Without generators a device is not due until somebody subscribes; with one it is, in each cycle."""
    (tmp_path / "still.toml").write_text('[symbols]\na = "INT"')
    (tmp_path / "moving.toml").write_text('[symbols]\na = { type = "INT", generator = "counter" }')
    assert load(tmp_path / "still.toml").due_ns() is None
    moving = load(tmp_path / "moving.toml")
    moving.tick(1_000_000_000, 2_000_000_000)
    assert moving.due_ns() == 1_010_000_000


def test_a_subclass_with_a_cycle_of_its_own_runs_it_whatever_its_description_moves(tmp_path: Path) -> None:
    """Nothing in the description moves, and still each task cycle reaches the subclass."""

    class Counting(SimulatedDevice):
        cycles = 0

        def cycle(self, wall_ns: int) -> None:
            super().cycle(wall_ns)
            self.cycles += 1

    (tmp_path / "still.toml").write_text('[symbols]\n"MAIN.a" = "INT"\n')
    device = Counting(load_description(tmp_path / "still.toml"))
    for number in range(5):
        device.tick(number * 10_000_000, number * 10_000_000)
    assert device.cycles >= 4
