"""`dinrail collect`: this machine in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dinrail.cli.main import main
from dinrail.host.recorded import RecordedHost
from dinrail.machine.sources import Topic


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["dinrail", *words])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This machine, collected."""
    path = tmp_path_factory.mktemp("collect") / "here.tar.gz"
    with pytest.MonkeyPatch.context() as patch:
        assert run(patch, "collect", "-o", str(path)) == 0
    return path


def test_everything_is_collected(archive: Path) -> None:
    """An archive holds all topics, and says who made it and when."""
    host = RecordedHost.open(archive)
    assert host.raw.topics == set(Topic)
    assert "/proc/cmdline" in host.raw.entries
    assert set(host.meta) == {"dinrail", "time"}


def test_it_says_what_it_tells(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list of an archive names its contents, what identifies the machine, and what is not inside."""
    assert run(monkeypatch, "collect", "--list", "--host", str(archive)) == 0
    out = capsys.readouterr().out
    assert "/proc/sys/kernel/osrelease" in out
    assert "the host's name" in out
    assert "not inside: serial numbers" in out
    assert run(monkeypatch, "collect", "--list", "--json", "--host", str(archive)) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"key", "kind", "size_bytes", "fault", "cut"} == set(listed["entries"][0])
    assert listed["tells"]


def test_an_archive_is_not_collected_again(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`collect --host` without --list is a wrong request."""
    assert run(monkeypatch, "collect", "--host", str(archive)) == 2
    assert "not an archive" in capsys.readouterr().err


def test_what_is_no_archive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any other file given as --host is refused by name, exit code 1."""
    (tmp_path / "x").write_bytes(b"not a tar")
    assert run(monkeypatch, "collect", "--list", "--host", str(tmp_path / "x")) == 1
    assert "host archive" in capsys.readouterr().err
