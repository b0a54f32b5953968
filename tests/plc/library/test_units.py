"""The library as a whole: it parses, it compiles, and hands out what is asked for."""

from __future__ import annotations

import pytest
from plc_sexpr import type_expr

from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.library import FOLDERS, LANGUAGE, library_sources, library_units
from dinrail.plc.messages import render_all
from dinrail.plc.parse.declaration import BlockKind, Pou, PouKind, Unit
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.project.model import FIRST_LIBRARY_SOURCE
from dinrail.plc.source import Report, Source

ALL = [LANGUAGE, "Tc2_Standard", "Tc2_System", "Tc2_Math", "Tc2_Utilities"]
"""What a project sees that names no library."""
PASSED = (BlockKind.INPUT, BlockKind.IN_OUT)


def use(pou: Pou, number: int) -> tuple[list[str], str]:
    """Declarations and a statement that use a function or function block."""
    if pou.kind is PouKind.FUNCTION_BLOCK:
        return [f"v{number} : {pou.name};"], f"v{number}();"
    passed = [each for block in pou.blocks if block.kind in PASSED for each in block.variables]
    declared = [f"v{number}_{at} : {type_expr(each.type)};" for at, each in enumerate(passed)]
    return declared, f"{pou.name}({', '.join(f'v{number}_{at}' for at in range(len(passed)))});"


def program_with_all_of(units: list[Unit]) -> str:
    """A program that uses everything that the units have for users."""
    declared: list[str] = []
    body: list[str] = []
    for number, pou in enumerate(pou for unit in units for pou in unit.pous):
        if pou.kind in (PouKind.FUNCTION, PouKind.FUNCTION_BLOCK) and not pou.name.startswith("__"):
            more, statement = use(pou, number)
            declared += more
            body.append(statement)
    return "\n".join(["PROGRAM MAIN", "VAR", *declared, "END_VAR", *body, "END_PROGRAM"])


@pytest.mark.parametrize("library", [None, *FOLDERS])
def test_everything_compiles_with_what_its_library_stands_on(library: str | None) -> None:
    """Each library alone, and all together: no error in any of their texts."""
    units = library_units([library] if library else [])
    own = [unit for unit in units if library in (None, unit.namespace)]
    report, source = Report(), Source("use.st", program_with_all_of(own), 0)
    unit = parse_source(source, report)
    check_program([unit, *units], [("PlcTask", ["MAIN"])], Options(), report)
    errors = [message for message in report.messages if message.severity.value == "error"]
    assert render_all(errors, {0: source} | library_sources()) == ""


def test_libraries_are_handed_out_by_name() -> None:
    """With what they stand on, and the language's own always; the very same trees each time."""
    assert [unit.namespace for unit in library_units()] == ALL
    assert [unit.namespace for unit in library_units(["Tc2_System"])] == [LANGUAGE, "Tc2_Standard", "Tc2_System"]
    assert [unit.namespace for unit in library_units(["Tc3_Module"])] == [LANGUAGE]
    assert library_units()[0] is library_units(["Tc2_Standard"])[0]


def test_sources_of_the_library_are_known_as_such() -> None:
    """Their numbers lie beyond those of a project, and their warnings are not shown."""
    sources = library_sources()
    assert sorted(sources) == list(range(FIRST_LIBRARY_SOURCE, FIRST_LIBRARY_SOURCE + len(sources)))
    assert all(source.from_library and source.name.startswith("<library>/") for source in sources.values())
    assert all(source.text.startswith("//") for source in sources.values()), "the first line says what is in it"


def test_no_name_stands_twice() -> None:
    """Whatever libraries a project refers to, none of their names hides another."""
    names = [each.name.upper() for unit in library_units() for each in (*unit.pous, *unit.types)]
    assert sorted(names) == sorted(set(names))
