"""`dinrail ads serve --loop`: the same server on either event loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ads_process import PLC, Raw, serving

pytestmark = pytest.mark.ads


@pytest.mark.parametrize(("loop", "has_uvloop"), [("asyncio", False), ("uvloop", True), ("auto", True)])
def test_it_serves_on_the_loop_that_was_asked_for(loop: str, has_uvloop: bool) -> None:
    """uvloop is loaded for `uvloop` and `auto`, and not for `asyncio`; all of them answer."""
    with serving("--simulate", "--loop", loop) as server, Raw(server.where) as raw:
        assert raw.write(PLC, 0x4020, 4000, b"loop") == 0
        assert raw.read(PLC, 0x4020, 4000, 4) == (0, b"loop")
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert ("uvloop" in maps) is has_uvloop


def test_a_loop_that_does_not_exist_is_refused() -> None:
    """Any other word is a usage error."""
    argv = [sys.executable, "-m", "dinrail", "ads", "serve", "--loop", "trio"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "asyncio" in done.stderr
