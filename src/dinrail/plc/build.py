"""A project to an image: every room of the compiler in its order.

load_project -> Project -> check -> Checked (the program, and every message) -> emitted -> the image's bytes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dinrail.control.settings import TaskSettings
from dinrail.errors import BadRequest, Refused
from dinrail.plc.cache import ImageCache
from dinrail.plc.check.program import check_program
from dinrail.plc.core.program import Program
from dinrail.plc.emit.build import build_image, executive_object
from dinrail.plc.emit.state import state_of
from dinrail.plc.identity import write_identity
from dinrail.plc.library import library_sources, library_units
from dinrail.plc.messages import Sources, headline, ordered
from dinrail.plc.parse.declaration import PouKind, Unit
from dinrail.plc.pause import paused_collector
from dinrail.plc.project.model import Project
from dinrail.plc.project.parse import parse_project
from dinrail.plc.project.tasks import tasks_of
from dinrail.plc.source import Report, Severity
from dinrail.plc.types.outside import outside_symbols

_TASK_BEGIN = "__TASK_BEGIN"
_TASK_LIST = "twincat_systeminfovarlist"


@dataclass(frozen=True, slots=True)
class Checked:
    """A project, understood. program: worth something unless `report.failed`; `tasks` are its own, or one with MAIN.

    programs: names of all its PROGRAMs. lines: of its own texts.
    """

    project: Project
    program: Program
    tasks: tuple[TaskSettings, ...]
    report: Report
    programs: tuple[str, ...]
    lines: int

    @property
    def sources(self) -> Sources:
        """Every text that a place may lie in."""
        return self.project.sources() | library_sources()


def check(project: Project, programs: Sequence[str] = (), *, needs_task: bool = True) -> Checked:
    """Parse and check. programs: one task that calls just these, instead of the project's tasks (for its tests).

    Faults of the texts are in the report. Raises BadRequest when the project leaves open what a task calls, unless
    needs_task is False: a library is checked, too.
    """
    report = Report()
    with paused_collector():
        units = parse_project(project, report)
        tasks = (TaskSettings(programs=tuple(programs)),) if programs else _tasks(project, units, needs_task)
        whole = [*units, *library_units(project.libraries)]
        begin = (_TASK_BEGIN,) if _asks_about_its_tasks(project) else ()
        calls = [(task.name, (*begin, *task.programs)) for task in tasks]
        program = check_program(whole, calls, project.options, report)
        if begin and not report.failed:
            write_identity(program, project.name, tasks)
    names = tuple(pou.name for unit in units for pou in unit.pous if pou.kind is PouKind.PROGRAM)
    lines = sum(source.text.count("\n") + 1 for source in project.sources().values())
    return Checked(project, program, tasks, report, names, lines)


def _asks_about_its_tasks(project: Project) -> bool:
    """Whether a text names the list, that the library's program fills at the begin of each cycle."""
    return any(_TASK_LIST in source.text.lower() for source in project.sources().values())


def _tasks(project: Project, units: Sequence[Unit], needs_task: bool) -> tuple[TaskSettings, ...]:
    try:
        return tasks_of(project, units)
    except BadRequest:
        if needs_task:
            raise
        return ()


def emitted(result: Checked, kept: ImageCache | None = None) -> bytes:
    """The image of a project without errors. kept: where the executive's object may be, or is put.

    Raises Refused with all errors, EmitFault.
    """
    if result.report.failed:
        raise refusal(result)
    program, options = result.program, result.project.options
    runs_it = kept.find_executive(options) if kept else None
    if kept and runs_it is None:
        runs_it = executive_object(options)
        kept.keep_executive(options, runs_it)
    return build_image(
        program,
        result.tasks,
        options,
        name=result.project.name,
        sources=tuple(result.sources.values()),
        symbols=outside_symbols(program),
        state=state_of(program),
        runs_it=runs_it,
    )


def refusal(result: Checked) -> Refused:
    """What a project's errors are as one error: a line each."""
    errors = [one for one in ordered(result.report.messages, result.sources) if one.severity is Severity.ERROR]
    count = "one error" if len(errors) == 1 else f"{len(errors)} errors"
    return Refused(
        f"{count} in the program",
        where=result.project.name,
        details=tuple(headline(one, result.sources) for one in errors),
        hint="`dinrail plc check` shows each with its line",
    )
