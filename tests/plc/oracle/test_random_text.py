"""10 000 random programs of Structured Text: machine code, step interpreter and gcc's C agree on every one."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from plc_oracle_batches import CHECKED, NARROW, in_processes, text_tasks
from plc_oracle_c_build import CompiledC
from plc_oracle_census import census
from plc_oracle_compare import Trio, differences
from plc_oracle_machine import Machine
from plc_oracle_st_batch import make_batch
from plc_oracle_st_compare import checked, compare_text
from plc_oracle_st_shrink import shrink

from dinrail.plc.core.expression import BinaryOperator, Comparison, Expression, Location, QueryInterface, Reinterpret
from dinrail.plc.core.program import Fault, TaskProgram
from dinrail.plc.core.statement import Statement
from dinrail.plc.emit.session import Session

SOAK = "DINRAIL_SOAK" in os.environ
BATCHES = 400 if SOAK else 50


@pytest.mark.control
def test_three_readers_agree_on_ten_thousand_programs() -> None:
    """50 applications of 200 programs: both dialects, checks on and off, three cycles each. The statics are equal
    after every cycle, or the same fault ends it at the same place; a difference is told as the smallest program."""
    told = in_processes(compare_text, text_tasks(20_000, BATCHES))
    assert told == []


@pytest.mark.control
def test_a_compiler_of_the_other_dialect_is_noticed(tmp_path: Path) -> None:
    """Machine code of the same text with IEC's intermediates differs from the two oracles' TwinCAT within 60
    programs: they reach what they are meant to test."""
    text = make_batch(20_001, 60, 8).text()
    wide, narrow = checked(text, CHECKED), checked(text, NARROW)
    entries = list(wide.entry.values())
    tasks = [TaskProgram(entry.name, [entry]) for entry in narrow.entry.values()]
    session = Session(narrow, NARROW, tasks)
    trio = Trio(wide, CHECKED, entries, session, Machine(wide, CHECKED), CompiledC(wide, CHECKED, entries, tmp_path))
    assert list(differences(trio)) != []


def test_equal_seeds_write_equal_programs() -> None:
    """A seed is all that a report needs: equal ones give equal texts, and one more program changes none before it."""
    assert make_batch(7, 5, 5).text() == make_batch(7, 5, 5).text()
    assert make_batch(7, 5, 5).text() != make_batch(8, 5, 5).text()
    assert make_batch(7, 9, 5).text().startswith(make_batch(7, 5, 5).text())


@pytest.mark.control
def test_random_programs_reach_every_node_and_fault() -> None:
    """Every location, expression, statement, operator and comparison of the checked tree occurs, and programs end
    well or by any fault of the language. (Reinterpret is in the random trees; QueryInterface has tests of its own.)"""
    seen: Counter[str] = Counter()
    ends: Counter[int] = Counter()
    for seed in range(20_000, 20_004):
        program = checked(make_batch(seed, 60, 5).text(), CHECKED)
        seen += census(program)
        machine = Machine(program, CHECKED)
        machine.initialise()
        ends.update(machine.run(entry).code for entry in program.entry.values())
    kinds = {kind for union in (Location, Expression, Statement) for kind in get_args(union)}
    missing = {kind.__name__ for kind in kinds - {Reinterpret, QueryInterface}} - seen.keys()
    missing |= {f"Binary.{operator.name}" for operator in BinaryOperator} - seen.keys()
    missing |= {f"Compare.{operator.name}" for operator in Comparison} - seen.keys()
    assert missing == set()
    assert {Fault.NONE, Fault.BOUNDS, Fault.NULL, Fault.DIVIDE} <= ends.keys()
    assert ends[Fault.NONE] > 0.7 * ends.total()


def test_a_failing_application_is_cut_down_to_what_fails() -> None:
    """Whatever is not needed for the failure goes: other programs, library, declarations, statements around it."""
    batch = make_batch(11, 6, 6)
    assert batch.text().count(" XOR ") > 1
    text = shrink(batch, lambda text: " XOR " in text and "END_PROGRAM" in text, seconds=20)
    assert text.count(" XOR ") == 1
    assert len(text.splitlines()) <= 4
