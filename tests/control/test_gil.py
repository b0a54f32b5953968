"""Why no interpreter is in the loop: the same cycle in Python and native, beside a Python thread that computes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gil_hog
import pytest

from dinrail.host.rights import probe_rights

pytestmark = pytest.mark.control
CYCLES = 500


@pytest.fixture(scope="module")
def missed() -> dict[str, int]:
    """Cycles of 1 ms that were missed, of CYCLES that were made."""
    if not probe_rights()["fifo"]:
        pytest.skip("this user may not run real-time threads")
    argv = [sys.executable, str(Path(gil_hog.__file__)), str(CYCLES)]
    found = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout)
    assert isinstance(found, dict)
    return found


def test_a_native_cycle_is_kept_beside_a_computing_python_thread(missed: dict[str, int]) -> None:
    """The native thread does not know the interpreter's lock: what it misses is the machine's doing, a cycle in ten."""
    assert missed["native"] < CYCLES / 10


def test_a_python_cycle_is_not(missed: dict[str, int]) -> None:
    """At the same priority on the same core it waits for the lock: more cycles are missed than made."""
    assert missed["python"] > CYCLES
    assert missed["python"] > 10 * missed["native"]
