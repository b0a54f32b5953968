"""The hand-written TwinCAT project of the tests, whole."""

from __future__ import annotations

from pathlib import Path

from dinrail.plc.check.program import check_program
from dinrail.plc.library import library_units
from dinrail.plc.project.load import load_project
from dinrail.plc.project.parse import parse_project
from dinrail.plc.source import Report

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "packline"


def test_a_real_project_is_taken_without_a_word() -> None:
    """A packaging line in the style of TwinCAT projects loads, parses and checks without any message."""
    report = Report()
    project = load_project([CORPUS])
    units = parse_project(project, report)
    tasks = [(task.name, task.programs) for task in project.tasks]
    program = check_program([*units, *library_units(project.libraries)], tasks, project.options, report)
    assert report.messages == []
    assert [task.name for task in program.tasks] == ["PlcTask", "SlowTask"]
    assert {segment.task_index for segment in program.segments} == {0, 1}
