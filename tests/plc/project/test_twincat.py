"""TwinCAT 3 projects, as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_twincat import HEAD, member, plcproj, tc_object, tc_task, write
from plc_sexpr import unit

from dinrail.control.settings import TaskSettings
from dinrail.errors import BadRequest, FormatError
from dinrail.plc.build import check
from dinrail.plc.messages import as_dicts, headline
from dinrail.plc.parse.declaration import Unit
from dinrail.plc.project.load import load_project
from dinrail.plc.project.model import Project
from dinrail.plc.project.parse import parse_project
from dinrail.plc.project.tasks import tasks_of
from dinrail.plc.source import Report, Severity

MAIN = tc_object("POU", "MAIN", "PROGRAM MAIN\nVAR\n    n : INT;\nEND_VAR\n", "n := n + 1;\nfb();")

MOVE = "(METHOD Move : BOOL (VAR_INPUT x: INT) (:= Move (> x 0)))"
SPEED = "(PROPERTY Speed : INT (METHOD GET (VAR t: INT) (:= Speed x)) (METHOD SET (:= x Speed)))"


def project_of(root: Path, files: dict[str, str], libraries: tuple[str, ...] = (), more: str = "") -> Path:
    """A project of these files; names that begin with ! are there, but not built."""
    listed = [name.replace("/", "\\") for name in files]
    write(root, {name.lstrip("!"): text for name, text in files.items()})
    return write(root, {"Plc.plcproj": plcproj("Plc", listed, libraries, more)}) / "Plc.plcproj"


def parsed(path: Path) -> tuple[Project, Unit, list[str]]:
    project, report = load_project([path]), Report()
    whole = parse_project(project, report)[0]
    return project, whole, [headline(message, project.sources()) for message in report.messages]


def test_every_kind_of_object_is_read(tmp_path: Path) -> None:
    """Units with their members in folders, types, lists by their object's name, interfaces, tasks."""
    parts = "".join(
        (
            '<Folder Name="Inner" Id="{5}" />',
            member("Method", "Move", "METHOD PUBLIC Move : BOOL\nVAR_INPUT\nx : INT;\nEND_VAR", "Move := x > 0;"),
            member("Action", "Reset", None, "x := 0;"),
            member(
                "Property",
                "Speed",
                "PROPERTY Speed : INT",
                None,
                member("Get", "Get", "VAR\nt : INT;\nEND_VAR", "Speed := x;") + member("Set", "Set", "", "x := Speed;"),
            ),
        )
    )
    face = member("Method", "Move", "METHOD Move : BOOL") + member(
        "Property", "Speed", "PROPERTY Speed : INT", None, member("Get", "Get", "")
    )
    path = project_of(
        tmp_path,
        {
            "POUs/MAIN.TcPOU": MAIN,
            "POUs/FB_Axis.TcPOU": tc_object(
                "POU", "FB_Axis", "FUNCTION_BLOCK FB_Axis\nVAR x : INT; END_VAR", "", parts
            ),
            "GVLs/GVL_Hmi.TcGVL": tc_object(
                "GVL", "GVL_Hmi", "{attribute 'qualified_only'}\nVAR_GLOBAL\nb : BOOL;\nEND_VAR"
            ),
            "DUTs/ST_P.TcDUT": tc_object("DUT", "ST_P", "TYPE ST_P :\nSTRUCT\nx : REAL;\nEND_STRUCT\nEND_TYPE"),
            "ITFs/I_Axis.TcIO": tc_object("Itf", "I_Axis", "INTERFACE I_Axis", None, face),
            "PlcTask.TcTTO": tc_task("PlcTask", 2000, 5, "MAIN", "SECOND"),
            "Visu.TcVIS": "<not for us",
        },
        ("Tc2_Standard", "Tc2_System", "Tc3_Module"),
    )
    project, whole, told = parsed(path)
    assert told == []
    assert unit(whole) == [
        "(type ST_P (struct x: REAL))",
        "(globals GVL_Hmi (VAR_GLOBAL b: BOOL))",
        "(PROGRAM MAIN (VAR n: INT) (:= n (+ n 1)) (call fb))",
        f"(FUNCTION_BLOCK FB_Axis (VAR x: INT) {MOVE} {SPEED} (ACTION Reset (:= x 0)))",
        "(INTERFACE I_Axis (METHOD Move : BOOL bare) (PROPERTY Speed : INT (METHOD GET bare)) bare)",
    ]
    assert [pragma.name for pragma in whole.globals[0].attributes] == ["qualified_only"]
    assert project.name == "Plc"
    assert project.libraries == ("Tc2_Standard", "Tc2_System", "Tc3_Module")
    assert project.tasks == (TaskSettings("PlcTask", 2_000_000, 5, programs=("MAIN", "SECOND")),)


@pytest.mark.parametrize("opened", ["Plc.plcproj", "", "All.sln", "Sys.tsproj"])
def test_a_project_is_found_from_whatever_leads_to_it(tmp_path: Path, opened: str) -> None:
    """The .plcproj itself, its folder, the solution, the system project."""
    project_of(tmp_path / "Plc", {"MAIN.TcPOU": MAIN})
    (tmp_path / "Sys.tsproj").write_text(f'{HEAD}<TcSmProject><Project PrjFilePath="Plc\\Plc.plcproj" /></TcSmProject>')
    (tmp_path / "All.sln").write_text('Project("{1}") = "Sys", "Sys.tsproj", "{2}"\nEndProject\n')
    root = tmp_path / "Plc" if opened in ("Plc.plcproj", "") else tmp_path
    assert load_project([root / opened]).name == "Plc"


def test_what_is_left_out_of_the_build_is_not_read(tmp_path: Path) -> None:
    """ExcludeFromBuild, and files that merely lie there."""
    path = project_of(tmp_path, {"MAIN.TcPOU": MAIN, "!Old.TcPOU": "<broken"})
    write(tmp_path, {"Lost.TcPOU": "<broken"})
    _, whole, told = parsed(path)
    assert ([pou.name for pou in whole.pous], told) == (["MAIN"], [])


def test_a_message_has_its_line_in_the_file(tmp_path: Path) -> None:
    """Lines and columns are those of the XML, in the first line of a section as in the others."""
    text = tc_object("POU", "MAIN", "PROGRAM MAIN\nVAR\n    n INT;\nEND_VAR\n", "n = 1;\nn := ;\n")
    _, _, told = parsed(project_of(tmp_path, {"MAIN.TcPOU": text}))
    lines = text.split("\n")
    places = []
    for message in told:
        line, column = (int(part) for part in message.split("MAIN.TcPOU:")[1].split(":")[:2])
        places.append(lines[line - 1][column - 1 :])
    assert places == ["INT;", "= 1;", ";"]


def test_text_without_cdata_has_its_line_too(tmp_path: Path) -> None:
    """Escaped text reads as what it means; its lines count from where it begins."""
    text = MAIN.replace("<![CDATA[n := n + 1;\nfb();]]>", "\nIF n &lt; 1 &amp; n THEN\nn := ;\nEND_IF")
    assert "&lt;" in text
    _, whole, told = parsed(project_of(tmp_path, {"MAIN.TcPOU": text}))
    line = next(at for at, each in enumerate(text.split("\n"), 1) if each == "n := ;")
    assert [message.split("MAIN.TcPOU:")[1] for message in told] == [
        f"{line}:6: error: a value is missing before `;` [syntax]"
    ]
    assert len(whole.pous[0].body) == 1


@pytest.mark.parametrize(
    ("element", "language"),
    [("FBD", "Function Block Diagram"), ("SFC", "Sequential Function Chart"), ("CFC", "Continuous Function Chart")],
)
def test_other_languages_are_told_with_the_unit_s_name(tmp_path: Path, element: str, language: str) -> None:
    """One clear message for each body that is no Structured Text."""
    text = MAIN.replace("<ST>", f"<{element}>").replace("</ST>", f"</{element}>")
    _, _, told = parsed(project_of(tmp_path, {"MAIN.TcPOU": text}))
    (message,) = told
    assert message.endswith(f"error: MAIN is written in {language}, which is not compiled here [language]")


def test_transitions_are_told(tmp_path: Path) -> None:
    """They belong to charts."""
    text = tc_object("POU", "MAIN", "PROGRAM MAIN", "", member("Transition", "T1", None, "TRUE"))
    _, _, told = parsed(project_of(tmp_path, {"MAIN.TcPOU": text}))
    assert [message.partition(": ")[2] for message in told] == [
        "error: MAIN.T1 is a transition of a chart, which is not compiled here [language]"
    ]


def test_a_function_has_no_members(tmp_path: Path) -> None:
    """TwinCAT's files could hold a method anywhere; only blocks, programs and interfaces have them."""
    method = member("Method", "M", "METHOD M : INT", "M := 1;")
    text = tc_object("POU", "F_A", "FUNCTION F_A : INT", "F_A := 1;", method)
    project = load_project([project_of(tmp_path, {"MAIN.TcPOU": MAIN, "F_A.TcPOU": text})])
    report = check(project, needs_task=False).report
    assert ("misplaced-member", "a function has no methods, properties or actions; F_A declares M") in [
        (message.rule, message.text) for message in report.messages
    ]


def test_a_file_that_is_missing_is_told_at_its_entry(tmp_path: Path) -> None:
    """With the line of the project file that names it."""
    path = write(tmp_path, {"Plc.plcproj": plcproj("Plc", ["MAIN.TcPOU", "Sub\\Gone.TcPOU"]), "MAIN.TcPOU": MAIN})
    project = load_project([path / "Plc.plcproj"])
    (message,) = as_dicts(project.messages, project.sources())
    assert (message["rule"], message["text"]) == (
        "missing-file",
        "the project compiles `Sub/Gone.TcPOU`, which does not exist",
    )
    line = (tmp_path / "Plc.plcproj").read_text("utf-8-sig").split("\n")[int(str(message["line"])) - 1]
    assert "Gone.TcPOU" in line


def test_a_library_that_is_not_here_is_told_once(tmp_path: Path) -> None:
    """As a warning: what is used of it will be told where it is used."""
    path = project_of(
        tmp_path, {"MAIN.TcPOU": MAIN}, ("Tc2_MC2", "Tc2_Standard", "Base Interfaces,newest,System", "Tc2_MC2")
    )
    project = load_project([path])
    assert [(each.severity, each.rule, each.text) for each in project.messages] == [
        (Severity.WARNING, "library", "the library `Tc2_MC2` is not here: what is used of it will be unknown")
    ]
    assert project.libraries == ("Tc2_Standard",)


def test_another_project_can_be_the_library(tmp_path: Path) -> None:
    """Given behind the application: its declarations come in a unit of its own, under its name, without warnings."""
    application = project_of(tmp_path / "app", {"MAIN.TcPOU": MAIN}, ("Mine",))
    text = tc_object("POU", "F", "FUNCTION F : INT", "F := 1;")
    library = write(tmp_path / "lib", {"F.TcPOU": text, "L.plcproj": plcproj("Mine", ["F.TcPOU"], ("Tc2_System",))})
    project, report = load_project([application, library / "L.plcproj"]), Report()
    units = parse_project(project, report)
    assert [(each.namespace, [pou.name for pou in each.pous]) for each in units] == [("", ["MAIN"]), ("Mine", ["F"])]
    assert (project.libraries, report.messages) == (("Tc2_System",), [])
    assert [source.from_library for source in project.sources().values()].count(True) > 1
    with pytest.raises(BadRequest, match="does not refer to the project `Mine`"):
        load_project([project_of(tmp_path / "other", {"MAIN.TcPOU": MAIN}), library / "L.plcproj"])


def test_defines_of_the_project_decide_conditions(tmp_path: Path) -> None:
    """CompilerDefines, with and without values."""
    body = "{IF defined (SIM)} a(); {END_IF} {IF hasvalue (LEVEL, '3')} b(); {END_IF}"
    files = {"MAIN.TcPOU": tc_object("POU", "MAIN", "PROGRAM MAIN", body)}
    _, whole, _ = parsed(project_of(tmp_path, files, more="<CompilerDefines>SIM, LEVEL:='3'</CompilerDefines>"))
    assert unit(whole) == ["(PROGRAM MAIN (call a) (call b))"]


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        ("", "the declaration of MAIN holds no PROGRAM, FUNCTION or FUNCTION_BLOCK"),
        ("PROGRAM MAIN\nVAR\nEND_VAR\nEND_PROGRAM", "`END_PROGRAM` ends nothing"),
    ],
)
def test_a_declaration_that_is_none_is_told(tmp_path: Path, declaration: str, text: str) -> None:
    """Empty ones, and those with an end that such files do not have."""
    _, _, told = parsed(project_of(tmp_path, {"MAIN.TcPOU": tc_object("POU", "MAIN", declaration, "")}))
    assert [message.partition("error: ")[2] for message in told] == [f"{text} [syntax]"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<TcPlcObject>", "it is no XML: no element found"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><TcPlcObject/>', "it declares a document type or entities"),
        ("<a>" * 200 + "</a>" * 200, "elements are nested more than 100 deep"),
        ("", "it is no XML: no element found"),
    ],
)
def test_a_file_that_is_no_project_s_is_refused(tmp_path: Path, text: str, what: str) -> None:
    """Broken XML, and XML that could make its reader expand or fetch something."""
    path = project_of(tmp_path, {"MAIN.TcPOU": text})
    with pytest.raises(FormatError) as caught:
        load_project([path])
    assert caught.value.what == what
    assert "MAIN.TcPOU:" in (caught.value.where or "")


def test_without_a_task_main_is_called(tmp_path: Path) -> None:
    """A project without .TcTTO runs MAIN at TwinCAT's default."""
    project, whole, _ = parsed(project_of(tmp_path, {"MAIN.TcPOU": MAIN}))
    assert tasks_of(project, [whole]) == (TaskSettings(),)
