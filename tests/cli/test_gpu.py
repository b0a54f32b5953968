"""`dinrail gpu`, `undo` and `collect`: what a user types, what comes back, with which exit code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, IGPU, INTEL_IGPU, NO_IOMMU, ONLY_CONSOLE, Machine

from dinrail.cli.main import main
from dinrail.host.archive import write_archive


class Dinrail:
    """The program as a function: exit code and both outputs."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self._capsys, self._monkeypatch, self._directory = capsys, monkeypatch, directory
        monkeypatch.setenv("DINRAIL_STATE", str(directory / "state"))
        monkeypatch.setenv("DINRAIL_RUN", str(directory / "run"))

    def on(self, machine: Machine) -> str:
        """An archive of the machine."""
        path = self._directory / "host.tar.gz"
        write_archive(machine.raw(), path, {"dinrail": "0.1.0", "time": "2026-01-31T12:00:00Z"})
        return str(path)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["dinrail", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def dinrail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dinrail:
    return Dinrail(capsys, monkeypatch, tmp_path)


def test_a_plan_shows_its_steps_and_touches_nothing(dinrail: Dinrail, tmp_path: Path) -> None:
    """`gpu plan` on a recorded host prints the steps in order and exits 0."""
    code, out, _ = dinrail("gpu", "plan", DGPU, DGPU_AUDIO, "--host", dinrail.on(AMD_DGPU))
    assert code == 0
    assert f"1. driver {DGPU}: amdgpu -> none" in out
    assert "allowed" in out
    assert not (tmp_path / "state").exists()


def test_a_plan_for_programs(dinrail: Dinrail) -> None:
    """`gpu plan --json` gives purpose, verdict, changes and findings."""
    code, out, _ = dinrail("gpu", "plan", DGPU, DGPU_AUDIO, "--json", "--host", dinrail.on(AMD_DGPU))
    answer = json.loads(out)
    assert (code, answer["blocked"]) == (0, False)
    assert answer["changes"][0] == {
        "kind": "driver",
        "target": DGPU,
        "before": "amdgpu",
        "want": "",
        "lasts": "boot",
        "why": "the host lets go of the device",
    }


def test_a_blocked_plan_exits_1_with_its_evidence(dinrail: Dinrail) -> None:
    """Without an IOMMU the plan is refused with the missing table, and the exit code is 1."""
    code, out, _ = dinrail("gpu", "plan", IGPU, "--host", dinrail.on(NO_IOMMU))
    assert code == 1
    assert "iommu.no-table" in out
    assert "/sys/firmware/acpi/tables" in out
    assert "refused" in out


def test_the_only_console_needs_a_word(dinrail: Dinrail) -> None:
    """The GPU that shows the only console is refused without --headless-ok, which the refusal names."""
    archive = dinrail.on(ONLY_CONSOLE)
    code, out, _ = dinrail("gpu", "plan", IGPU, "--host", archive)
    assert (code, "--headless-ok" in out) == (1, True)
    assert dinrail("gpu", "plan", IGPU, "--headless-ok", "--host", archive)[0] == 0


def test_a_neighbour_in_the_group_is_named(dinrail: Dinrail) -> None:
    """Claiming one function of a shared group names the other and its driver."""
    code, out, _ = dinrail("gpu", "plan", DGPU, "--host", dinrail.on(AMD_DGPU))
    assert code == 1
    assert DGPU_AUDIO in out
    assert "snd_hda_intel" in out


@pytest.mark.parametrize("device", ["99:00.0", "soup"])
def test_a_device_that_is_not_there_is_a_wrong_request(dinrail: Dinrail, device: str) -> None:
    """An address that is none, or of no device here, exits 2."""
    assert dinrail("gpu", "plan", device, "--host", dinrail.on(AMD_DGPU))[0] == 2


def test_a_rehearsal_on_a_recorded_host(dinrail: Dinrail, tmp_path: Path) -> None:
    """`gpu claim --dry-run` carries the claim out in memory and back, and writes no journal."""
    code, out, _ = dinrail("gpu", "claim", IGPU, "--dry-run", "--host", dinrail.on(INTEL_IGPU))
    assert code == 0
    assert "1. module vfio-pci: none -> loaded" in out
    assert "nothing was touched" in out
    assert not (tmp_path / "state").exists()
    code, out, _ = dinrail("gpu", "claim", IGPU, "--dry-run", "--json", "--host", dinrail.on(INTEL_IGPU))
    assert [step["outcome"] for step in json.loads(out)["taken_back"]] == ["put back"] * 4


@pytest.mark.parametrize("words", [("gpu", "claim", DGPU), ("gpu", "release", DGPU), ("undo",)])
def test_a_recorded_host_is_not_changed(dinrail: Dinrail, words: tuple[str, ...]) -> None:
    """Commands that change a machine refuse an archive, naming it, with exit code 1."""
    code, _, err = dinrail(*words, "--host", dinrail.on(AMD_DGPU))
    assert code == 1
    assert "host.tar.gz is a recording" in err


@pytest.mark.parametrize("words", [("gpu", "claim", DGPU), ("gpu", "release", DGPU), ("undo", "1")])
def test_an_ordinary_user_is_told_about_root(
    dinrail: Dinrail, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Without root the machine is not changed: exit code 3, with the reason, before anything is touched."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    code, _, err = dinrail(*words)
    assert code == 3
    assert "needs root" in err
    assert not (tmp_path / "state").exists()


def test_releasing_what_was_never_claimed(dinrail: Dinrail, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gpu release` of a device that dinrail never changed exits 1 and changes nothing."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    code, _, err = dinrail("gpu", "release", DGPU)
    assert code == 1
    assert "changed nothing here" in err
