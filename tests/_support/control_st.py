"""Structured Text as an image for the control: every PROGRAM is called by one task, or tasks say which they call."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from dinrail.control.image import read_image
from dinrail.control.settings import TaskSettings
from dinrail.iec.record import symbols_of
from dinrail.iec.symbol import Symbol
from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.emit.build import build_image
from dinrail.plc.emit.state import state_of
from dinrail.plc.library import library_units
from dinrail.plc.parse.declaration import PouKind
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Severity, Source
from dinrail.plc.types.outside import outside_symbols

TASK = TaskSettings(cycle_ns=1_000_000)
OPTIONS = Options(cpu="portable")


@functools.cache
def image_of(
    text: str, options: Options = OPTIONS, task: TaskSettings = TASK, tasks: tuple[TaskSettings, ...] = ()
) -> bytes:
    """The built image. An AssertionError with the messages when the text has errors. tasks: instead of the one task."""
    report, source = Report(), Source("test.st", text, 1)
    unit = parse_source(source, report)
    names = tuple(pou.name for pou in unit.pous if pou.kind is PouKind.PROGRAM)
    tasks = tasks or (replace(task, programs=names),)
    calls = [(one.name, one.programs) for one in tasks]
    program = check_program([unit, *library_units()], calls, options, report)
    errors = [message for message in report.messages if message.severity is Severity.ERROR]
    assert not errors, errors
    return build_image(
        program,
        tasks,
        options,
        name="test",
        sources=[source],
        symbols=outside_symbols(program),
        state=state_of(program),
    )


def write_image_of(path: Path, text: str, options: Options = OPTIONS, task: TaskSettings = TASK) -> Path:
    """The same in a file."""
    path.write_bytes(image_of(text, options, task))
    return path


def symbol(image: bytes, name: str) -> Symbol:
    """One of an image's symbols, by its path."""
    return next(one for one in symbols_of(read_image(image).symbols) if one.name.lower() == name.lower())
