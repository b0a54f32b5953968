"""The hand-written plain project tests/corpus/parcels, whole: it checks, and it does what a model in Python says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import corpus_models
import pytest
from plc_run import LIMIT_S, told

from dinrail.plc.build import check
from dinrail.plc.emit.session import Session
from dinrail.plc.project.load import load_project

CORPUS = Path(__file__).resolve().parents[2] / "corpus"
CYCLES = 1200
FAST_NS = 5_000_000


@pytest.fixture(scope="module")
def parcels() -> Session:
    """The application behind CYCLES cycles of its fast task; the slow one runs in every fourth."""
    result = check(load_project([CORPUS / "parcels"]))
    session = Session(result.program, result.project.options)
    for cycle in range(CYCLES):
        for task in (0, 1) if cycle % 4 == 0 else (0,):
            fault = session.cycle(task, now_ns=cycle * FAST_NS, limit_s=LIMIT_S)
            assert fault is None, f"cycle {cycle}, task {task}: {told(fault)}"
    return session


def test_a_plain_project_is_taken_without_a_word() -> None:
    """More than 1300 lines in four folders: no error, no warning; two tasks with two programs each."""
    result = check(load_project([CORPUS / "parcels"]))
    assert result.report.messages == []
    assert result.lines > 1300
    assert [(task.name, len(task.programs)) for task in result.tasks] == [("FastTask", 2), ("SlowTask", 2)]


@pytest.mark.parametrize(
    ("model", "cycles"),
    [
        (corpus_models.sorter, CYCLES),
        (corpus_models.oven, CYCLES),
        (corpus_models.office, CYCLES // 4),
        (corpus_models.laboratory, CYCLES // 4),
    ],
)
def test_a_program_does_what_its_model_says(
    parcels: Session, model: Callable[[int], corpus_models.Model], cycles: int
) -> None:
    """Every value to the last bit."""
    wanted = model(cycles)
    assert {name: parcels.read(name) for name in wanted} == wanted


def test_a_system_of_equations_is_solved(parcels: Session) -> None:
    """2y + z = -8, x - 2y - 3z = 0, -x + y + 2z = 3 hold for (-4, -5, 2), and their determinant is 1."""
    solution = [parcels.read(f"PRG_Laboratory.aSolution[{n}]") for n in (1, 2, 3)]
    assert solution == pytest.approx([-4.0, -5.0, 2.0], abs=1e-12)
    assert parcels.read("PRG_Laboratory.fDeterminant") == pytest.approx(1.0, abs=1e-12)
