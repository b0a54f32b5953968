"""Random Structured Text through scanner, parser and checker, then through the three readers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from plc_oracle_compare import Difference, differences, make_trio
from plc_oracle_st_batch import Batch, make_batch
from plc_oracle_st_shrink import shrink

from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Program
from dinrail.plc.library import library_units
from dinrail.plc.parse.declaration import PouKind
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Severity, Source, column_of, line_of
from dinrail.plc.types.model import CLASS_NUMBER_BYTES
from dinrail.plc.types.variable import Variable


class Refused(Exception):
    """The checker does not take the text: the generator writes wrong programs, or the checker is wrong."""


@dataclass(frozen=True, slots=True)
class StTask:
    """One application of random Structured Text. tame: for code without checks; level: gcc's -O."""

    seed: int
    programs: int
    size: int
    options: Options
    tame: bool = False
    level: int = 0
    cycles: int = 3


def checked(text: str, options: Options) -> Program:
    """The program, each PROGRAM in a task of its own. Raises Refused."""
    report = Report()
    unit = parse_source(Source("random.st", text, 1), report)
    names = [pou.name for pou in unit.pous if pou.kind is PouKind.PROGRAM]
    program = check_program([unit, *library_units()], [(name, [name]) for name in names], options, report)
    errors = [message for message in report.messages if message.severity is Severity.ERROR]
    if errors:
        lines = text.splitlines()
        raise Refused(
            "\n".join(
                f"{line_of(each.at)}:{column_of(each.at)}: [{each.rule}] {each.text}\n    {lines[line_of(each.at) - 1]}"
                for each in errors[:5]
            )
        )
    if wrong := misplaced(program):
        raise Refused("\n".join(wrong))
    return program


def differences_of(text: str, task: StTask) -> list[Difference]:
    """What the three readers disagree about. Raises Refused."""
    program = checked(text, task.options)
    with tempfile.TemporaryDirectory() as folder:
        return list(differences(make_trio(program, task.options, Path(folder), task.level), task.cycles))


def compare_text(task: StTask) -> list[str]:
    """The differences of one application, each with the smallest program that shows it."""
    batch = make_batch(task.seed, task.programs, task.size, tame=task.tame)
    try:
        found = differences_of(batch.text(), task)
    except Refused as refused:
        return [f"seed {task.seed}: refused\n{refused}"]
    return [_smallest(task, batch, each) for each in found[:1]]


def _smallest(task: StTask, batch: Batch, first: Difference) -> str:
    batch.programs = [piece for piece in batch.programs if piece.name == first.program]
    if not batch.programs or not _differs(task, batch.text()):
        return f"seed {task.seed}: {first}\n(only beside its other programs)"
    text = shrink(batch, partial(_differs, task))
    last = differences_of(text, task)
    return f"seed {task.seed}: {last[0]}\n{text}"


def _differs(task: StTask, text: str) -> bool:
    try:
        return bool(differences_of(text, task))
    except Refused:
        return False


def misplaced(program: Program) -> list[str]:
    """Statics and fields that lie outside of what holds them, or over their neighbours."""
    told = _overlapping("data", program.statics, 0, program.data_bytes)
    for kind in program.classes:
        told += _overlapping(kind.name, list(kind.fields.values()), CLASS_NUMBER_BYTES, kind.size_bytes)
    for structure in program.structures:
        if not structure.is_union:
            told += _overlapping(structure.name, list(structure.fields.values()), 0, structure.size_bytes)
    return told


def _overlapping(name: str, variables: list[Variable], begin: int, end: int) -> list[str]:
    told, at = [], begin
    for variable in sorted(variables, key=lambda each: each.offset_bytes):
        size = 8 if variable.is_reference_field else variable.type.size_bytes
        if variable.bit >= 0:
            continue
        if variable.offset_bytes < at or variable.offset_bytes + size > end:
            told.append(f"{name}: {variable.name} of {size} bytes lies at {variable.offset_bytes}, not in {at}..{end}")
        at = max(at, variable.offset_bytes + size)
    return told
