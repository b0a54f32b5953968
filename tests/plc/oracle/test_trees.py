"""Random checked trees: what the language can and cannot say, read by three readers that share no code."""

from __future__ import annotations

from pathlib import Path

import pytest
from plc_oracle_batches import CHECKED, UNCHECKED_DIVIDE, Task, compare_trees, in_processes
from plc_oracle_compare import differences, make_trio
from plc_oracle_faults import WELL
from plc_oracle_machine import Machine
from plc_oracle_trees import random_program

from dinrail.plc.core import expression as core
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault
from dinrail.plc.core.statement import Assign
from dinrail.plc.types.model import BOOL


@pytest.mark.control
def test_machine_code_interpreter_and_c_agree_on_random_trees() -> None:
    """Six applications of 40 programs, divisions checked and not: equal statics after each of three cycles, or the
    same fault at the same node."""
    tasks = [Task(seed, 40, 4, (CHECKED, UNCHECKED_DIVIDE)[seed % 2]) for seed in range(6)]
    assert in_processes(compare_trees, tasks) == []


@pytest.mark.control
def test_a_reader_that_reads_something_else_is_noticed(tmp_path: Path) -> None:
    """When the tree changes between two readers, the comparison names program, cycle and variable, with all values."""
    program = random_program(1, 1, 1)
    variable = next(each for each in program.statics if each.type is BOOL)
    at = core.VariableAt(core.Place(1), variable, BOOL)
    value = core.Constant(core.Place(2), BOOL, True)
    main = program.entry["P0"]
    main.body = [Assign(core.Place(3), at, value)]
    trio = make_trio(program, CHECKED, tmp_path)
    value.value = False  # the two compilers have read it; the interpreter has not yet
    told = [str(each) for each in differences(trio)]
    assert len(told) == 1
    assert told[0].split("\n") == [
        f"P0, cycle 0: {variable.name}",
        "    machine code 01",
        "    interpreter  00",
        "    C            01",
    ]


def test_random_trees_reach_faults_and_ends() -> None:
    """What is compared is worth it: most programs end well, and every fault of arithmetic and bounds occurs."""
    codes: dict[int, int] = {}
    program = random_program(3, 200, 4)
    machine = Machine(program, Options())
    for entry in program.entry.values():
        ended = machine.run(entry)
        codes[ended.code] = codes.get(ended.code, 0) + 1
    assert codes[WELL.code] > 100
    assert {Fault.BOUNDS, Fault.DIVIDE, Fault.FLOAT_DIVIDE} <= codes.keys()
