"""Commands whose output goes to somebody who stops reading, or to a disk that is full."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ads_process import Serving, serving

pytestmark = pytest.mark.ads


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving("--simulate") as served:
        yield served


def _argv(server: Serving, *words: str) -> list[str]:
    return [sys.executable, "-m", "dinrail", "ads", *words, "--to", f"{server.address}:{server.port}"]


@pytest.mark.parametrize(
    "words", [("watch", "GVL_Live.nCounter"), ("record", "-"), ("types", "--members"), ("symbols", "--json")]
)
def test_it_ends_quietly_when_its_reader_has_had_enough(server: Serving, words: tuple[str, ...]) -> None:
    """`... | head -1`: exit code 0, and nothing on standard error."""
    command = subprocess.Popen(_argv(server, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert command.stdout is not None
    assert command.stderr is not None
    try:
        assert command.stdout.read(1)
        command.stdout.close()
        assert command.wait(20) == 0
        assert command.stderr.read() == ""
    finally:
        command.kill()
        command.wait(10)
        command.stderr.close()


def test_a_recording_ends_where_its_disk_is_full(server: Serving, tmp_path: Path) -> None:
    """It stops at once, tells the file and why, and exits 3; what was written can be played."""
    file = tmp_path / "plc.jsonl"
    limited = ["sh", "-c", 'ulimit -f 200; exec "$@"', "sh"]
    record = _argv(server, "record", str(file), "--cycle", "10 ms", "--for", "60 s")
    run = subprocess.run([*limited, *record], capture_output=True, text=True, check=False, timeout=40)
    assert run.returncode == 3
    assert run.stderr.startswith(f"dinrail: {file}: the file cannot be written")
    assert "Traceback" not in run.stderr
    with serving("--device", str(file)) as again:
        told = subprocess.run(_argv(again, "symbols", "--json"), capture_output=True, text=True, check=False)
    assert "GVL_Live.nCounter" in told.stdout
