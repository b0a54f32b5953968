"""Units to a Program: the way through the checker from end to end."""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.plc.core.program import Options, Program
from dinrail.plc.parse.declaration import Unit
from dinrail.plc.source import Report


def check_program(
    units: Sequence[Unit], tasks: Sequence[tuple[str, Sequence[str]]], options: Options, report: Report
) -> Program:
    """The checked application. tasks: (name, names of the programs it calls). Worth something only unless
    `report.failed`."""
    raise NotImplementedError
