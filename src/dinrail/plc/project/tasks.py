"""Which tasks an application has, once its texts are parsed."""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.control.settings import TaskSettings
from dinrail.errors import BadRequest
from dinrail.plc.parse.declaration import PouKind, Unit
from dinrail.plc.project.document import FILE_NAME
from dinrail.plc.project.model import Project


def tasks_of(project: Project, units: Sequence[Unit]) -> tuple[TaskSettings, ...]:
    """The tasks: those that the project declares, else one that calls MAIN, or the only PROGRAM.

    Raises BadRequest when that leaves a choice.
    """
    if project.tasks:
        return project.tasks
    programs = [pou.name for unit in units for pou in unit.pous if pou.kind is PouKind.PROGRAM]
    main = [name for name in programs if name.upper() == "MAIN"] or programs
    if len(main) != 1:
        what = (
            "no PROGRAM is there" if not main else "several programs are there, none is MAIN, and no task is declared"
        )
        hint = f"declare tasks with [[task]] in {FILE_NAME}" if main else "a task calls programs"
        raise BadRequest(what, where=project.name, details=tuple(main), hint=hint)
    return (TaskSettings(programs=(main[0],)),)
