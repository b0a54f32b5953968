"""`dinrail plc test`: a project's own tests, each on a fresh application and a clock of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.plc_build import Paths, image_of, loaded, say
from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dinrail.plc.project.model import Project

PREFIX = "TEST_"
_DONE = "bDone"
_STATUS_FAILED = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended. lines: why it failed."""

    name: str
    passed: bool
    cycles: int
    lines: tuple[str, ...] = ()


def register(group: typer.Typer) -> None:
    group.command("test", epilog="Example: dinrail plc test demo --only 'TEST_Ramp*'")(run_tests)


def run_tests(
    context: typer.Context,
    paths: Paths,
    only: Annotated[str, typer.Option("--only", metavar="PATTERN", help="Only tests whose name fits.")] = "*",
    cycles: Annotated[
        int, typer.Option("--cycles", min=1, metavar="N", help="A test that is not done after so many cycles fails.")
    ] = 10_000,
) -> None:
    """Run a project's tests: its PROGRAMs whose names begin with TEST_.

    Each runs alone, with fresh data, on a clock that moves by one cycle time (10 ms) each cycle, until its variable
    bDone is TRUE (one without bDone runs one cycle). It fails by a fault: ASSERT(condition, 'text') is one.
    """
    from dinrail.cli.output import print_json
    from dinrail.errors import BadRequest, Refused
    from dinrail.plc.build import check, refusal

    session = Session.of(context)
    session.require_this_machine()
    project = loaded(paths)
    result = check(project, _programs(project))
    if result.report.failed:
        say(result, to_stderr=True)
        raise refusal(result)
    wanted = [name for name in result.programs if _fits(name, only)]
    if not wanted:
        raise BadRequest(
            f"no PROGRAM fits {only!r}",
            where=project.name,
            hint=f"a test is a PROGRAM whose name begins with {PREFIX}",
        )
    outcomes = [_one(project, name, cycles) for name in wanted]
    failed = [one for one in outcomes if not one.passed]
    if session.as_json:
        print_json({"tests": outcomes, "failed": len(failed)})
    else:
        _say(outcomes)
    if failed:
        raise Refused(f"{len(failed)} of {len(outcomes)} tests failed", where=project.name)


def _programs(project: Project) -> Sequence[str]:
    """Names of all tests, before anything is checked: what the one task of this check calls."""
    from dinrail.plc.parse.declaration import PouKind
    from dinrail.plc.project.parse import parse_project
    from dinrail.plc.source import Report

    units = parse_project(project, Report())
    names = [pou.name for pou in units[0].pous if pou.kind is PouKind.PROGRAM]
    return [name for name in names if _fits(name, "*")] or names


def _fits(name: str, pattern: str) -> bool:
    return name.upper().startswith(PREFIX) and fnmatchcase(name.upper(), pattern.upper())


def _one(project: Project, name: str, most: int) -> Outcome:
    import tempfile

    from dinrail.cli.plc_values import Variables
    from dinrail.control.stepped import Stepped
    from dinrail.errors import BadRequest

    image, _ = image_of(project, (name,))
    with tempfile.TemporaryDirectory(prefix="dinrail-test-") as folder:
        path = Path(folder) / "test.image"
        path.write_bytes(image)
        with Stepped(path, path.with_name("channel")) as control:
            variables = Variables(control.image)
            try:
                done = variables.place(f"{name}.{_DONE}")
            except BadRequest:
                done = None
            for cycle in range(1, (most if done else 1) + 1):
                text = control.fault_text()
                if not text:
                    control.run(1)
                    text = control.fault_text()
                if text:
                    return Outcome(name, False, cycle, tuple(text))
                if done and variables.read(control.channel, done):
                    return Outcome(name, True, cycle)
    if done:
        return Outcome(name, False, most, (f"{_DONE} is not TRUE after {most} cycles",))
    return Outcome(name, True, 1)


def _say(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        sys.stdout.write(f"{'ok    ' if one.passed else 'FAILED'} {one.name} ({one.cycles} cycles)\n")
        sys.stdout.writelines(f"       {line}\n" for line in one.lines)
