"""10 000 random programs of Structured Text: machine code, step interpreter and gcc's C agree on every one."""

from __future__ import annotations

import os

import pytest
from plc_oracle_batches import in_processes, text_tasks
from plc_oracle_st_batch import make_batch
from plc_oracle_st_compare import compare_text

SOAK = "DINRAIL_SOAK" in os.environ
BATCHES = 400 if SOAK else 100


@pytest.mark.control
def test_three_readers_agree_on_ten_thousand_programs() -> None:
    """100 applications of 100 programs: both dialects, checks on and off, three cycles each. The statics are equal
    after every cycle, or the same fault ends it at the same place; a difference is told as the smallest program."""
    told = in_processes(compare_text, text_tasks(20_000, BATCHES))
    assert told == []


def test_equal_seeds_write_equal_programs() -> None:
    """A seed is all that a report needs: text by text the same, and other seeds give other texts."""
    assert make_batch(7, 5, 5).text() == make_batch(7, 5, 5).text()
    assert make_batch(7, 5, 5).text() != make_batch(8, 5, 5).text()
    assert make_batch(7, 5, 5).text() in (make_batch(7, 9, 5).text()[: len(make_batch(7, 5, 5).text())],)
