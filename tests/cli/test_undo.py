"""`dinrail undo` on this machine's journal, with transactions that another boot left open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from build_host import AMD_DGPU, DGPU

from dinrail.cli.main import main
from dinrail.host.journal import open_journal
from dinrail.host.paths import Paths
from dinrail.host.rehearsal import RehearsedHost
from dinrail.machine.change import Change, ChangeKind, ChangePlan


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with one open claim that another boot made."""
    monkeypatch.setenv("DINRAIL_STATE", str(tmp_path))
    monkeypatch.setenv("DINRAIL_RUN", str(tmp_path / "run"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    plan = ChangePlan(f"claim {DGPU}", (Change(ChangeKind.DRIVER_OVERRIDE, DGPU, "", "vfio-pci"),))
    host = RehearsedHost(AMD_DGPU.raw(), label="x")
    open_journal(Paths(tmp_path, tmp_path / "run"), host).carry_out(plan, owner="guest hmi")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dinrail", *words])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_what_stands_open_is_listed(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`undo --list` shows number, purpose, owner and every step with its state."""
    code, out, _ = run(monkeypatch, capsys, "undo", "--list")
    assert code == 0
    assert out.startswith(f"1: claim {DGPU} (guest hmi, ")
    assert f"driver-override {DGPU}: none -> vfio-pci (done)" in out
    listed = json.loads(run(monkeypatch, capsys, "undo", "--list", "--json")[1])
    assert listed["open"][0]["owner"] == "guest hmi"


def test_a_preview_then_the_deed_then_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`undo --dry-run` says what `undo` then does; a second undo has nothing to do."""
    line = f"driver-override {DGPU}: gone with the reboot (none)"
    assert run(monkeypatch, capsys, "undo", "--dry-run")[:2] == (0, f"1: would be {line}\n")
    assert run(monkeypatch, capsys, "undo", "1")[:2] == (0, f"1: {line}\n")
    assert run(monkeypatch, capsys, "undo")[:2] == (0, "nothing to take back\n")
    assert run(monkeypatch, capsys, "undo", "--list")[:2] == (0, "nothing stands open\n")


def test_damage_exits_3(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A journal file that cannot be believed is told with its place, and undo exits 3."""
    log = state / "journal/000001.jsonl"
    log.write_bytes(log.read_bytes().replace(b"vfio-pci", b"pci-stub"))
    code, _, err = run(monkeypatch, capsys, "undo")
    assert code == 3
    assert "000001.jsonl" in err
    assert "record 0 is damaged" in err


def test_a_number_that_is_none(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`undo` with a number that does not exist exits 2 and names the list."""
    code, _, err = run(monkeypatch, capsys, "undo", "9")
    assert code == 2
    assert "undo --list" in err
