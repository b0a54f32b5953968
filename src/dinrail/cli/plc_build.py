"""`dinrail plc new`, `check`, `build`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dinrail.plc.build import Checked
    from dinrail.plc.core.program import Program
    from dinrail.plc.project.model import Project

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE|PROJECT...",
        help="Structured Text files, folders of them, a folder with project.toml, or a TwinCAT project.",
    ),
]
NoChecks = Annotated[
    bool,
    typer.Option("--no-checks", help="Code without checks of bounds, null, division: as fast, and as unsafe, as C."),
]

_NAMES_SHOWN = 6


def register(group: typer.Typer) -> None:
    group.command("new", epilog="Example: dinrail plc new demo && dinrail plc run demo")(new)
    group.command("check", epilog="Exit status 0: no errors; 1: errors.")(check)
    group.command("build", epilog="Example: dinrail plc build demo -o demo.image")(build)


def new(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or an empty one.")],
) -> None:
    """Make a project that blinks, counts and ramps, with a test: something to start from."""
    from importlib.resources import files

    from dinrail.errors import BadRequest
    from dinrail.files import atomic_write, ensure_directory

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadRequest("there is something already", where=str(folder), hint="name a new folder")
    template = files("dinrail.plc") / "template"
    names = sorted(entry.name for entry in template.iterdir() if entry.name.endswith((".st", ".toml")))
    ensure_directory(folder)
    for name in names:
        atomic_write(folder / name, template.joinpath(name).read_bytes())
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json({"folder": str(folder), "files": names})
        return
    sys.stdout.write(f"{folder}: {', '.join(names)}\ntry: dinrail plc run {folder}\n")


def check(
    context: typer.Context,
    paths: Paths,
    warnings: Annotated[bool, typer.Option(help="Show warnings, too.")] = True,
) -> None:
    """Every error at once: file, line, column, the line with a caret, and what to write instead."""
    from dinrail.cli.output import print_json
    from dinrail.plc.messages import as_dicts, ordered
    from dinrail.plc.source import Severity

    result = checked(paths)
    shown = [one for one in result.report.messages if warnings or one.severity is Severity.ERROR]
    if Session.of(context).as_json:
        messages = as_dicts(shown, result.sources)
        print_json({"messages": messages, "lines": result.lines, "handed_over": handed_over(result.program)})
    else:
        say(result, errors_only=not warnings)
        counts = [sum(one.severity is kind for one in ordered(shown, result.sources)) for kind in Severity]
        sys.stdout.write(f"{result.project.name}: {result.lines} lines, {counts[0]} errors, {counts[1]} warnings\n")
        for each in handed_over(result.program):
            names = each["variables"]
            more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
            told = f"{', '.join(names[:_NAMES_SHOWN])}{more} ({each['bytes']} bytes in each cycle)"
            sys.stdout.write(f"{each['writer']} hands over to {', '.join(each['readers'])}: {told}\n")
    if result.report.failed:
        raise typer.Exit(1)


class HandedOver(TypedDict):
    """Tasks and variables by name. bytes: of all variables, for one reader."""

    writer: str
    readers: list[str]
    variables: list[str]
    bytes: int


def handed_over(program: Program) -> list[HandedOver]:
    """What tasks hand over to each other as a whole (plc.core.handover)."""
    names = [task.name for task in program.tasks]
    return [
        HandedOver(
            writer=names[each.writer],
            readers=[names[reader] for reader in each.readers],
            variables=[variable.path for variable in each.variables],
            bytes=each.size_bytes,
        )
        for each in program.handovers
    ]


def build(
    context: typer.Context,
    paths: Paths,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The image; else PROJECT.image here.")
    ] = None,
    cpu: Annotated[
        str | None,
        typer.Option("--cpu", metavar="NAME", help="Make code for this processor: host, portable, or LLVM's name."),
    ] = None,
    no_checks: NoChecks = False,
    cache: Annotated[bool, typer.Option(help="Take the image of an unchanged project from the cache.")] = True,
) -> None:
    """One small file with machine code, symbols and debug map, for `dinrail control run` and `[control] image`."""
    import time

    from dinrail.cli.output import print_json
    from dinrail.files import atomic_write

    begun = time.perf_counter()
    project = loaded(paths, cpu=cpu, checks=not no_checks)
    image, was_kept = image_of(project, cache=cache)
    target = output or Path(f"{project.name}.image")
    atomic_write(target, image)
    seconds = round(time.perf_counter() - begun, 3)
    if Session.of(context).as_json:
        print_json({"image": str(target), "bytes": len(image), "seconds": seconds, "from_cache": was_kept})
        return
    how = "unchanged, from the cache" if was_kept else f"in {seconds} s"
    sys.stdout.write(f"{target}: {len(image)} bytes, {how}\n")


def loaded(paths: Sequence[Path], *, cpu: str | None = None, checks: bool = True) -> Project:
    """The project in these files, with what the command line says otherwise. Raises BadRequest, HostError."""
    import dataclasses

    from dinrail.plc.project.load import load_project

    project = load_project(paths)
    options = project.options if cpu is None else dataclasses.replace(project.options, cpu=cpu)
    if not checks:
        options = dataclasses.replace(
            options, check_bounds=False, check_null=False, check_divide=False, check_float_divide=False
        )
    return dataclasses.replace(project, options=options)


def checked(paths: Sequence[Path]) -> Checked:
    """Parsed and checked, whatever is wrong with it; a library, which has no task, too."""
    from dinrail.plc.build import check as check_project
    from dinrail.plc.pause import frozen_collector

    with frozen_collector():
        return check_project(loaded(paths), needs_task=False)


def image_of(project: Project, programs: Sequence[str] = (), *, cache: bool = True) -> tuple[bytes, bool]:
    """Its image, and whether the cache had it. Errors and warnings go to stderr, whole. Raises Refused, EmitFault."""
    from dinrail.plc.cache import ImageCache

    kept = ImageCache.of_user()
    found = kept.find(project, programs) if cache else None
    if found is not None:
        return found, True
    from dinrail.plc.build import check as check_project
    from dinrail.plc.build import emitted
    from dinrail.plc.pause import frozen_collector

    with frozen_collector():
        result = check_project(project, programs)
        if result.report.messages and not result.report.failed:
            say(result, to_stderr=True)
        image = emitted(result, kept if cache else None)
    if cache:
        kept.keep(project, programs, image)
    return image, False


def say(result: Checked, *, errors_only: bool = False, to_stderr: bool = False) -> None:
    """Messages as people read them."""
    from dinrail.plc.messages import render_all
    from dinrail.plc.source import Severity

    shown = [one for one in result.report.messages if not errors_only or one.severity is Severity.ERROR]
    text = render_all(shown, result.sources)
    if text:
        (sys.stderr if to_stderr else sys.stdout).write(text + "\n\n")
