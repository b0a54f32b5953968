"""`doctor --realtime` and `control isolate`, on hosts in archives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from build_timing import BOXES, CONTAINER, FREEBSD, OLD, PLAIN, FreeBsdBox, LinuxBox

from dinrail.cli.main import main
from dinrail.host.archive import write_archive

Box = LinuxBox | FreeBsdBox
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(box, *words)`: the command on that host, in this process; gives exit code, output and errors."""

    def act(box: Box, *words: str) -> tuple[int, str, str]:
        archive = tmp_path / "host.tar.gz"
        write_archive(box.raw(), archive, {})
        monkeypatch.setattr("sys.argv", ["dinrail", "--host", str(archive), *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return act


@pytest.mark.parametrize("name", sorted(BOXES))
def test_the_doctor_judges_every_machine_in_both_ways(run: Run, name: str) -> None:
    """Findings, the core that was judged, and exit code 1 only where something prevents cycles."""
    code, told, _ = run(BOXES[name], "doctor", "--realtime")
    again, asked, _ = run(BOXES[name], "doctor", "--realtime", "--json")
    answer = json.loads(asked)
    assert code == again == int(answer["blocked"])
    assert answer["blocked"] == (name == "container")
    assert f"core {answer['cores'][0]} (suggested)" in told
    for finding in answer["findings"]:
        assert f"[{finding['rule']}]" in told


def test_a_core_of_ones_choice_is_judged(run: Run) -> None:
    """--core alone says that timing is meant; several are judged together."""
    code, told, _ = run(PLAIN, "doctor", "--core", "3", "--core", "7")
    assert code == 0
    assert "cores.sibling" not in told
    assert "core 3, 7: nothing prevents cycles" in told
    assert run(PLAIN, "doctor", "--core", "9")[0] == 1


def test_devices_and_cores_are_not_judged_together(run: Run) -> None:
    """Two questions are two commands."""
    assert run(PLAIN, "doctor", "--realtime", "01:00.0")[0] == 2


@pytest.mark.parametrize("box", [PLAIN, OLD], ids=["version 2", "version 1"])
def test_a_plan_is_shown_and_rehearsed_on_an_archive(run: Run, box: LinuxBox) -> None:
    """Every step with before, want and why; carried out and taken back in memory."""
    code, told, _ = run(box, "control", "isolate", "--core", "3", "--dry-run")
    assert code == 0, told
    assert "irq-affinity 125: " in told
    assert "rehearsed: it can be carried out and taken back" in told
    answer = json.loads(run(box, "control", "isolate", "--core", "3", "--dry-run", "--json")[1])
    assert answer["blocked"] is False
    assert {"kind", "target", "before", "want", "lasts", "why"} == set(answer["plan"]["changes"][0])


def test_a_blocked_plan_is_refused_with_every_reason(run: Run) -> None:
    """Exit code 1, and all that stands in the way at once."""
    code, _, errors = run(CONTAINER, "control", "isolate", "--core", "3", "--core", "9", "--dry-run")
    assert code == 1
    assert "cores.offline" in errors
    assert "rights.fifo" in errors


@pytest.mark.parametrize("words", [("control", "isolate", "--core", "3"), ("control", "release")], ids=" ".join)
def test_an_archive_is_not_changed(run: Run, words: tuple[str, ...]) -> None:
    """Only a machine can be."""
    assert run(PLAIN, *words)[0] == 1


def test_noise_is_about_this_machine(run: Run) -> None:
    """An archive runs nothing that could be measured."""
    assert run(PLAIN, "control", "noise")[0] == 2


def test_a_freebsd_gets_commands_to_run_by_hand(run: Run) -> None:
    """In order, the way to start the control, and the way back; without --dry-run it is refused."""
    code, told, _ = run(FREEBSD, "control", "isolate", "--core", "3", "--dry-run")
    assert code == 0
    lines = told.splitlines()
    assert lines[0].startswith("sysctl kern.timecounter.alloweddeviation=0")
    assert lines.index("# to take it back:") > 3
    assert lines[-1] == "sysctl kern.timecounter.alloweddeviation=5"
    assert (
        json.loads(run(FREEBSD, "control", "isolate", "--core", "3", "--dry-run", "--json")[1])["start"][0] == "cpuset"
    )
    assert run(FREEBSD, "control", "isolate", "--core", "3")[0] == 1
    assert run(FREEBSD, "control", "isolate", "--core", "8", "--dry-run")[0] == 1


def test_a_freebsd_is_judged(run: Run) -> None:
    """The same command, other rules."""
    code, told, _ = run(FREEBSD, "doctor", "--realtime")
    assert code == 0
    assert "timers.deviation" in told
