"""The program around the commands: global options, errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dinrail.cli.main import hoist_globals
from dinrail.errors import BadRequest


def dinrail(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dinrail", *argv], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (["pci", "--json"], ["--json", "pci"]),
        (["pci", "--host", "a.tar"], ["--host", "a.tar", "pci"]),
        (["pci", "--host=a.tar", "-v"], ["--host=a.tar", "pci", "-v"]),
        (["--json", "pci"], ["--json", "pci"]),
        (["lab", "run", "--", "dinrail", "pci", "--json"], ["lab", "run", "--", "dinrail", "pci", "--json"]),
    ],
)
def test_global_options_may_stand_anywhere(written: list[str], means: list[str]) -> None:
    """--host and --json mean the same before and after the command, and nothing behind a bare -- is touched."""
    assert hoist_globals(written) == means


def test_a_host_option_without_a_file_is_a_wrong_request() -> None:
    """--host at the very end names what it lacks."""
    with pytest.raises(BadRequest, match="--host needs a value"):
        hoist_globals(["pci", "--host"])


def test_a_wrong_request_before_any_command_is_told_like_every_other() -> None:
    """A dangling --host gives one error line and exit code 2, no traceback."""
    run = dinrail("pci", "--host")
    assert run.returncode == 2
    assert run.stderr.startswith("dinrail: --host needs a value")
    assert "Traceback" not in run.stderr


def test_an_archive_that_is_not_there_is_a_wrong_request(tmp_path: Path) -> None:
    """A missing archive exits 2 and names the path; with --json the same stands on standard output as fields."""
    missing = tmp_path / "none.tar"
    run = dinrail("pci", "--host", str(missing), "--json")
    assert run.returncode == 2
    assert str(missing) in run.stderr
    assert json.loads(run.stdout)["error"] == "BadRequest"


def test_an_unknown_command_exits_two() -> None:
    """A command that does not exist is a wrong request."""
    assert dinrail("frobnicate").returncode == 2


def test_the_version_is_the_package_s() -> None:
    """--version prints the package's version."""
    from dinrail import __version__

    assert dinrail("--version").stdout == f"dinrail {__version__}\n"
