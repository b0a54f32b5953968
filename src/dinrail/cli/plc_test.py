"""`dinrail plc test`: a project's own tests, each on a fresh application and a clock of its own.

All are in one image, which is built once: the only task calls a program of ours, and that the test whose number it is
given before the first cycle.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.plc_build import Paths, image_of, loaded
from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dinrail.plc.project.model import Project

PREFIX = "TEST_"
_RUNNER = "DinrailTests"
_WHICH = f"{_RUNNER}.nTest"
_SOURCE = "<tests>"
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

    session = Session.of(context)
    session.require_this_machine()
    project = loaded(paths)
    tests = _tests_of(project)
    wanted = [(number, name) for number, name in enumerate(tests) if _fits(name, only)]
    if not wanted:
        raise BadRequest(
            f"no PROGRAM fits {only!r}",
            where=project.name,
            hint=f"a test is a PROGRAM whose name begins with {PREFIX}",
        )
    image, _ = image_of(_with_runner(project, tests), (_RUNNER,))
    outcomes = [_one(image, number, name, cycles) for number, name in wanted]
    failed = [one for one in outcomes if not one.passed]
    if session.as_json:
        print_json({"tests": outcomes, "failed": len(failed)})
    else:
        _say(outcomes)
    if failed:
        raise Refused(f"{len(failed)} of {len(outcomes)} tests failed", where=project.name)


def _tests_of(project: Project) -> list[str]:
    """Names of all tests, before anything is checked."""
    from dinrail.plc.parse.declaration import PouKind
    from dinrail.plc.project.parse import parse_project
    from dinrail.plc.source import Report

    units = parse_project(replace(project, messages=[]), Report())
    names = [pou.name for pou in units[0].pous if pou.kind is PouKind.PROGRAM]
    return [name for name in names if _fits(name, "*")]


def _with_runner(project: Project, tests: Sequence[str]) -> Project:
    """The project and the program that calls one of its tests."""
    from dinrail.plc.project.model import PlainText
    from dinrail.plc.source import Source

    branches = "\n".join(f"{number}: {name}();" for number, name in enumerate(tests))
    text = f"PROGRAM {_RUNNER}\nVAR\n    nTest : DINT;\nEND_VAR\nCASE nTest OF\n{branches}\nEND_CASE\nEND_PROGRAM\n"
    source = Source(_SOURCE, text, max(project.sources(), default=0) + 1)
    return replace(project, documents=[*project.documents, PlainText(source)])


def _fits(name: str, pattern: str) -> bool:
    return name.upper().startswith(PREFIX) and fnmatchcase(name.upper(), pattern.upper())


def _one(image: bytes, number: int, name: str, most: int) -> Outcome:
    import tempfile

    from dinrail.cli.plc_values import Variables
    from dinrail.control.stepped import Stepped
    from dinrail.errors import BadRequest

    with tempfile.TemporaryDirectory(prefix="dinrail-test-") as folder:
        path = Path(folder) / "test.image"
        path.write_bytes(image)
        with Stepped(path, path.with_name("channel")) as control:
            variables = Variables(control.image)
            control.put(variables.place(_WHICH).offset, number.to_bytes(4, "little"))
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
                    said = [f"log: {entry.text}" for entry in control.logged()]
                    return Outcome(name, False, cycle, (*said, *(line for line in text if f"({_SOURCE}:" not in line)))
                if done and variables.read(control.channel, done):
                    return Outcome(name, True, cycle)
    if done:
        return Outcome(name, False, most, (f"{_DONE} is not TRUE after {most} cycles",))
    return Outcome(name, True, 1)


def _say(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        sys.stdout.write(f"{'ok    ' if one.passed else 'FAILED'} {one.name} ({one.cycles} cycles)\n")
        sys.stdout.writelines(f"       {line}\n" for line in one.lines)
