"""Machine code, the step interpreter and C agree about both projects of tests/corpus, variable by variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from plc_oracle_compare import make_trio

from dinrail.plc.build import check
from dinrail.plc.project.load import load_project

CORPUS = Path(__file__).resolve().parents[2] / "corpus"
CYCLES = 12

pytestmark = pytest.mark.control


@pytest.mark.parametrize("name", ["parcels", "packline"])
def test_the_three_readers_agree(name: str, tmp_path: Path) -> None:
    """All statics are the same after the initialisation and after each cycle of each program in turn."""
    result = check(load_project([CORPUS / name]))
    trio = make_trio(result.program, result.project.options, tmp_path)
    assert trio.start() is None
    for cycle in range(CYCLES):
        for number, entry in enumerate(trio.entries):
            found = trio.cycle(number, entry, cycle)
            assert found is None, str(found)
