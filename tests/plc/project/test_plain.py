"""Plain texts, and folders with a project.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_twincat import plcproj, tc_object, write
from plc_sexpr import unit

from dinrail.control.settings import Overrun, TaskSettings
from dinrail.errors import BadRequest, HostError
from dinrail.plc.core.options import Options
from dinrail.plc.messages import headline
from dinrail.plc.project.files import decode
from dinrail.plc.project.load import load_project
from dinrail.plc.project.model import Project
from dinrail.plc.project.parse import parse_project
from dinrail.plc.project.tasks import tasks_of
from dinrail.plc.source import Report

MIXED = "TwinCAT projects and plain texts cannot be built together"
MAIN = "PROGRAM MAIN\nn := 1;\nEND_PROGRAM\n"


def units_of(project: Project) -> list[str]:
    report = Report()
    (whole,) = parse_project(project, report)
    assert report.messages == []
    return unit(whole)


def test_one_file_is_a_project(tmp_path: Path) -> None:
    """Whatever its suffix; it is called as the file is."""
    write(tmp_path, {"demo.txt": MAIN})
    project = load_project([tmp_path / "demo.txt"])
    assert (project.name, project.root, project.libraries) == ("demo", tmp_path, ())
    assert units_of(project) == ["(PROGRAM MAIN (:= n 1))"]


def test_a_folder_is_read_with_all_its_folders_in_order(tmp_path: Path) -> None:
    """Sorted by path; hidden folders and other files are not ours; TwinCAT's objects may lie among the texts."""
    write(
        tmp_path,
        {
            "b.st": "FUNCTION B END_FUNCTION",
            "a/z.ST": "FUNCTION Z END_FUNCTION",
            "a/FB.TcPOU": tc_object("POU", "FB", "FUNCTION_BLOCK FB", "x();"),
            "a/GVL_A.st": "VAR_GLOBAL v : INT; END_VAR",
            "old.EXP": "FUNCTION O END_FUNCTION",
            ".git/x.st": "broken",
            "readme.md": "# no code",
        },
    )
    project = load_project([tmp_path])
    assert units_of(project) == [
        "(globals GVL_A (VAR_GLOBAL v: INT))",
        "(FUNCTION_BLOCK FB (call x))",
        "(FUNCTION Z)",
        "(FUNCTION B)",
        "(FUNCTION O)",
    ]
    assert sorted(project.sources()) == list(range(6))


def test_several_paths_are_one_application(tmp_path: Path) -> None:
    """Files and folders together."""
    write(tmp_path, {"one/a.st": MAIN, "two.st": "FUNCTION F END_FUNCTION"})
    assert units_of(load_project([tmp_path / "one", tmp_path / "two.st"])) == [
        "(PROGRAM MAIN (:= n 1))",
        "(FUNCTION F)",
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb\rc", "a\nb\nc"),
        ("ü€".encode(), "ü€"),
        (b"\xfc\x80\x81", "ü€\x81"),
        ("x := 'Ω'".encode("utf-16"), "x := 'Ω'"),
        (b"", ""),
    ],
)
def test_texts_are_read_in_their_encoding(data: bytes, text: str) -> None:
    """UTF-8, UTF-16 with its mark, else Windows-1252; every newline is one."""
    assert decode(data) == text


def test_a_project_toml_says_everything(tmp_path: Path) -> None:
    """Name, dialect, sources, libraries, defines, tasks, checks."""
    write(
        tmp_path,
        {
            "project.toml": """
name = "press"
dialect = "iec"
sources = ["src", "extra.st"]
libraries = ["tc2_standard"]
defines = { SIM = "1" }
optimise = 1
[[task]]
name = "Fast"
cycle = "250 us"
priority = 2
core = 3
start_offset = "50 us"
watchdog_cycles = 5
overrun = "stop"
programs = ["MAIN", "IO"]
port = 351
[[task]]
name = "Slow"
priority = 30
[checks]
bounds = false
divide = false
""",
            "src/a.st": "PROGRAM MAIN {IF defined (SIM)} sim(); {END_IF} END_PROGRAM",
            "extra.st": "FUNCTION F END_FUNCTION",
            "ignored.st": "broken",
        },
    )
    for path in (tmp_path, tmp_path / "project.toml"):
        project = load_project([path])
        assert (project.name, project.root, project.libraries) == ("press", tmp_path, ("Tc2_Standard",))
        assert units_of(project) == ["(PROGRAM MAIN (call sim))", "(FUNCTION F)"]
        assert project.options == Options(wide_intermediates=False, optimise=1, check_bounds=False, check_divide=False)
        assert project.tasks == (
            TaskSettings("Fast", 250_000, 2, 3, 50_000, 5, Overrun.STOP, ("MAIN", "IO"), 351),
            TaskSettings("Slow", priority=30),
        )


def test_an_empty_project_toml_is_the_folder(tmp_path: Path) -> None:
    """Everything has a default; the name is the folder's."""
    root = write(tmp_path / "press", {"project.toml": "", "a.st": MAIN})
    project = load_project([root])
    assert (project.name, project.options, project.tasks) == ("press", Options(), ())
    assert units_of(project) == ["(PROGRAM MAIN (:= n 1))"]


def test_every_fault_of_a_project_toml_is_told(tmp_path: Path) -> None:
    """All at once, each with its key."""
    text = """
nmae = "x"
dialect = "st"
sources = "src"
libraries = ["Tc2_MC2"]
optimise = 9
[[task]]
cycle = "1"
programs = [1]
speed = 1
[[task]]
cycle = "1 us"
start_offset = "1 ms"
overrun = "wait"
core = -1
[checks]
bound = true
null = 1
"""
    write(tmp_path, {"project.toml": text})
    with pytest.raises(BadRequest) as caught:
        load_project([tmp_path])
    assert [detail.partition(": ")[0] for detail in caught.value.details] == [
        "nmae",
        "libraries",
        "sources",
        "task[0].speed",
        "task[0].cycle",
        "task[0].programs",
        "task[1].cycle",
        "task[1].start_offset",
        "task[1].overrun",
        "task[1].core",
        "task[1].name",
        "task[1].priority",
        "dialect",
        "optimise",
        "checks.bound",
        "checks.null",
    ]


@pytest.mark.parametrize(
    ("files", "named", "what"),
    [
        ({}, [], "no project is named"),
        ({}, ["gone.st"], "there is no such file or folder"),
        ({"x/readme.md": ""}, ["x"], "no source text is there"),
        ({"x/project.toml": "= 1"}, ["x"], "it is no TOML: Invalid statement (at line 1, column 1)"),
        ({"x/project.toml": 'sources = ["y"]'}, ["x"], "there is no such file or folder"),
        ({"x/project.toml": "", "y/project.toml": ""}, ["x", "y"], "two project.toml are named"),
        ({"A.plcproj": plcproj("A", []), "B.plcproj": plcproj("B", [])}, ["."], "more than one PLC project lies here"),
        ({"A.plcproj": plcproj("A", []), "b.st": ""}, ["A.plcproj", "b.st"], MIXED),
        ({"A.sln": ""}, ["A.sln"], "no PLC project (.plcproj) belongs to it"),
    ],
)  # fmt: skip
def test_what_is_no_project_is_told(tmp_path: Path, files: dict[str, str], named: list[str], what: str) -> None:
    """Each with one error that says what to name."""
    write(tmp_path, files)
    with pytest.raises(BadRequest) as caught:
        load_project([tmp_path / name for name in named])
    assert caught.value.what == what


def test_a_file_that_cannot_be_read_is_the_host_s_fault(tmp_path: Path) -> None:
    """A folder in place of a file that the settings name as one."""
    write(tmp_path, {"project.toml/x": ""})
    with pytest.raises(HostError, match="cannot read it"):
        load_project([tmp_path])


def test_the_only_program_runs_without_a_task(tmp_path: Path) -> None:
    """MAIN comes first; else there must be one program alone."""

    def tasks(text: str) -> tuple[TaskSettings, ...]:
        write(tmp_path, {"a.st": text})
        project = load_project([tmp_path / "a.st"])
        return tasks_of(project, parse_project(project, Report()))

    assert tasks("PROGRAM X END_PROGRAM PROGRAM main END_PROGRAM") == (TaskSettings(programs=("main",)),)
    assert tasks("PROGRAM X END_PROGRAM") == (TaskSettings(programs=("X",)),)
    with pytest.raises(BadRequest, match="several programs are there, none is MAIN") as caught:
        tasks("PROGRAM X END_PROGRAM PROGRAM Y END_PROGRAM")
    assert caught.value.details == ("X", "Y")
    with pytest.raises(BadRequest, match="no PROGRAM is there"):
        tasks("FUNCTION F END_FUNCTION")


def test_a_digest_stands_for_all_that_is_compiled(tmp_path: Path) -> None:
    """Equal projects have equal digests; a character, a name or an option more makes another."""

    def digest(files: dict[str, str]) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir()))) / "same"
        return load_project([write(root, files)]).digest()

    first = digest({"a.st": MAIN})
    assert digest({"a.st": MAIN, "readme.md": "more"}) == first
    others = [
        digest({"a.st": MAIN + " "}),
        digest({"b.st": MAIN}),
        digest({"a.st": MAIN, "b.st": ""}),
        digest({"a.st": MAIN, "project.toml": "optimise = 0"}),
        digest({"a.st": MAIN, "project.toml": 'defines = { A = "1" }'}),
    ]
    assert len({first, *others}) == 6


def test_messages_name_files_as_the_user_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the working directory, where the file lies in it."""
    write(tmp_path, {"plc/a.st": "PROGRAM P x = 1; END_PROGRAM"})
    monkeypatch.chdir(tmp_path)
    project, report = load_project([Path("plc")]), Report()
    parse_project(project, report)
    (message,) = report.messages
    assert headline(message, project.sources()).startswith("plc/a.st:1:13: error: ")
