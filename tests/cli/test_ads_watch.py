"""`dinrail ads watch` in a pipe."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ads_process import serving

pytestmark = pytest.mark.ads


def test_it_ends_quietly_when_its_reader_has_had_enough() -> None:
    """`watch | head -1`: exit code 0, and nothing on standard error."""
    with serving("--simulate") as server:
        argv = [sys.executable, "-m", "dinrail", "ads", "watch", "GVL_Live.nCounter", "--to"]
        watch = subprocess.Popen(
            [*argv, f"{server.address}:{server.port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert watch.stdout is not None
        assert watch.stderr is not None
        try:
            assert "GVL_Live.nCounter" in watch.stdout.readline()
            watch.stdout.close()
            assert watch.wait(20) == 0
            assert watch.stderr.read() == ""
        finally:
            watch.kill()
            watch.wait(10)
            watch.stderr.close()
