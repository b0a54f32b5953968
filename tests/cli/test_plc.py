"""`dinrail plc`: what scripts rely on: exit codes, messages, values, images, tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.control

BAD = """PROGRAM MAIN
VAR
    n : INT;
END_VAR
n = 5;
m := n;
n := 1.5;
END_PROGRAM
"""
GOOD = """PROGRAM MAIN
VAR
    n : INT;
    r : REAL;
    a : ARRAY [1..2] OF INT := [7, 8];
    b AT %QX0.3 : BOOL;
    s : STRING := 'x';
END_VAR
n := n + 1;
r := n / 2.0;
b := n MOD 2 = 0;
s := CONCAT(s, 'y');
END_PROGRAM
"""
FAULTY = """FUNCTION F_Div : INT
VAR_INPUT
    a, b : INT;
END_VAR
F_Div := a / b;
END_FUNCTION

PROGRAM MAIN
VAR
    n : INT := 3;
    r : INT;
END_VAR
n := n - 1;
r := F_Div(10, n);
END_PROGRAM
"""


class Program:
    """The program, run in a folder of its own, with a cache of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))

    def __call__(self, *words: str, code: int = 0) -> str:
        argv = [sys.executable, "-m", "dinrail", *words]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        self.err = done.stderr
        return done.stdout

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name


@pytest.fixture
def dinrail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, monkeypatch)


def test_check_tells_every_error_with_its_place_and_exits_with_1(dinrail: Program) -> None:
    """check prints `file:line:col: message` for each error, the line with a caret below, and exits with 1."""
    out = dinrail("plc", "check", dinrail.write("bad.st", BAD), code=1)
    heads = [line for line in out.splitlines() if line.startswith("bad.st:")]
    assert [head.split(": ", 1)[0] for head in heads] == ["bad.st:5:3", "bad.st:6:1", "bad.st:7:6"]
    assert "    n = 5;\n      ^\n    hint: write := to assign" in out


def test_check_of_a_right_program_exits_with_0(dinrail: Program) -> None:
    """check of a program without errors exits with 0 and says how much it has read."""
    assert dinrail("plc", "check", dinrail.write("good.st", GOOD)).startswith("good: ")


def test_check_answers_programs_in_json(dinrail: Program) -> None:
    """check --json has file, line, column, severity, rule, text and hint of each message."""
    told = json.loads(dinrail("--json", "plc", "check", dinrail.write("bad.st", BAD), code=1))
    first = told["messages"][0]
    assert (first["file"], first["line"], first["column"], first["severity"]) == ("bad.st", 5, 3, "error")
    assert first["hint"] == "write := to assign"


def test_check_shows_what_tasks_hand_over(dinrail: Program) -> None:
    """Writer, readers, variables and bytes, for people and for programs."""
    tasks = (("Fast", 10, "Giver"), ("Slow", 20, "Taker"))
    rows = [f'[[task]]\nname = "{name}"\npriority = {of}\nprograms = ["{program}"]' for name, of, program in tasks]
    (dinrail.folder / "two").mkdir()
    dinrail.write("two/project.toml", "\n".join(['name = "two"', *rows]))
    text = (
        "VAR_GLOBAL\n x : ARRAY[0..9] OF LREAL;\n n : DINT;\nEND_VAR\n"
        "PROGRAM Giver\nn := n + 1;\nx[n MOD 10] := n;\nEND_PROGRAM\n"
        "PROGRAM Taker\nVAR\n s : LREAL;\nEND_VAR\ns := x[1] + n;\nEND_PROGRAM\n"
    )
    dinrail.write("two/main.st", text)
    assert "Fast hands over to Slow: main.x, main.n (128 bytes in each cycle)" in dinrail("plc", "check", "two")
    (told,) = json.loads(dinrail("--json", "plc", "check", "two"))["handed_over"]
    assert told == {"writer": "Fast", "readers": ["Slow"], "variables": ["main.x", "main.n"], "bytes": 128}


def test_run_ends_with_fb_exit(dinrail: Program) -> None:
    """run --cycles N calls FB_Exit behind the last cycle: the values shown are from before it; its fault counts."""
    text = """
FUNCTION_BLOCK FB_Part
VAR_INPUT n : DINT; END_VAR
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
n := 100 / (n - {});
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR fb : FB_Part; n : DINT; END_VAR
fb.n := fb.n + 1;
n := fb.n;
END_PROGRAM
"""
    sound = dinrail.write("sound.st", text.format(50))
    assert dinrail("plc", "run", sound, "--cycles", "4", "--print", "MAIN.n,MAIN.fb.n") == "MAIN.n = 4\nMAIN.fb.n = 4\n"
    faulty = dinrail.write("faulty_exit.st", text.format(4))
    out = dinrail("plc", "run", faulty, "--cycles", "4", "--print", "MAIN.n", code=1)
    assert out == "MAIN.n = 4\n"
    assert "FB_Exit" in dinrail.err
    assert "FB_Part.FB_Exit" in dinrail.err
    assert "faulty_exit.st:6" in dinrail.err
    dinrail("plc", "run", faulty, "--cycles", "3", "--print", "MAIN.n")


def test_run_prints_values_after_so_many_cycles(dinrail: Program) -> None:
    """run --cycles N --print gives the values at the end, as text and as JSON; N = 0 runs nothing."""
    name = dinrail.write("good.st", GOOD)
    out = dinrail("plc", "run", name, "--cycles", "4", "--print", "MAIN.n,MAIN.r,MAIN.a[2],MAIN.b,MAIN.s")
    assert out.splitlines() == [
        "MAIN.n = 4",
        "MAIN.r = 2.0",
        "MAIN.a[2] = 8",
        "MAIN.b = TRUE",
        "MAIN.s = 'xyyyy'",
    ]
    told = json.loads(dinrail("--json", "plc", "run", name, "--cycles", "3", "--print", "MAIN.n,MAIN.r,MAIN.b"))
    assert told["values"] == {"MAIN.n": 3, "MAIN.r": 1.5, "MAIN.b": False}
    assert told["faults"] == []


def test_run_tells_a_fault_with_its_call_path(dinrail: Program) -> None:
    """A fault names its kind, POU, file and line, and who called; the exit code is 1."""
    dinrail("plc", "run", dinrail.write("faulty.st", FAULTY), "--cycles", "10", code=1)
    assert "divide" in dinrail.err
    assert "F_Div" in dinrail.err
    assert "faulty.st:5" in dinrail.err
    assert "faulty.st:14" in dinrail.err


@pytest.mark.parametrize(("method", "line"), [("Whole", 7), ("Text", 11)])
def test_a_wild_pointer_in_the_c_library_is_told_with_its_call_path(dinrail: Program, method: str, line: int) -> None:
    """A large copy and a string's length are the C library's work: the path begins with our own line nevertheless."""
    text = f"""TYPE T_Large : ARRAY [0..9999] OF DINT; END_TYPE
FUNCTION_BLOCK FB_Wild
VAR_INPUT p : POINTER TO T_Large; q : POINTER TO STRING; END_VAR
VAR large : T_Large; s : STRING; END_VAR

METHOD Whole : DINT
large := p^;
Whole := large[9999];
END_METHOD
METHOD Text : DINT
s := q^;
Text := 1;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR fb : FB_Wild; n : DINT; END_VAR
fb.p := 16#123456789000;
fb.q := 16#123456789000;
n := fb.{method}();
END_PROGRAM
"""
    dinrail("plc", "run", dinrail.write("wild.st", text), "--cycles", "1", code=1)
    told = dinrail.err.splitlines()
    assert "access" in told[0]
    assert told[1].strip() == f"at FB_Wild.{method} line {line} (wild.st:{line})"
    assert told[2].strip() == "called from MAIN line 19 (wild.st:19)"


def test_what_a_program_logs_is_shown(dinrail: Program) -> None:
    """ADSLOGSTR and the text of an ASSERT that fails, in the order in which they were logged."""
    text = """PROGRAM MAIN
VAR n : INT; END_VAR
n := n + 1;
ADSLOGSTR(ADSLOG_MSGTYPE_HINT, 'cycle %s', 'one');
ASSERT(n < 2, 'n is 2');
END_PROGRAM
"""
    told = json.loads(dinrail("--json", "plc", "run", dinrail.write("log.st", text), "--cycles", "3", code=1))
    assert told["log"] == ["cycle one", "cycle one", "n is 2"]
    dinrail("plc", "run", "log.st", "--cycles", "1")
    assert dinrail.err == "log: cycle one\n"


def test_an_unknown_variable_is_told_with_those_that_are_there(dinrail: Program) -> None:
    """--print of a name that is not there exits with 2 and names others."""
    dinrail("plc", "run", dinrail.write("good.st", GOOD), "--cycles", "1", "--print", "MAIN.nn", code=2)
    assert "MAIN.n" in dinrail.err


def test_an_unchanged_project_comes_from_the_cache(dinrail: Program) -> None:
    """build compiles a changed project, and only that; equal sources give equal images; several files make one."""
    dinrail.write("good.st", GOOD)
    dinrail.write("more.st", "FUNCTION F_Id : INT\nVAR_INPUT x : INT; END_VAR\nF_Id := x;\nEND_FUNCTION\n")
    words = ("--json", "plc", "build", "good.st", "more.st", "-o", "a.image")
    first = json.loads(dinrail(*words))
    again = json.loads(dinrail(*words))
    assert (first["from_cache"], again["from_cache"]) == (False, True)
    kept = (dinrail.folder / "a.image").read_bytes()
    assert json.loads(dinrail(*words, "--no-cache"))["from_cache"] is False
    assert (dinrail.folder / "a.image").read_bytes() == kept
    dinrail.write("good.st", GOOD.replace("n + 1", "n + 2"))
    assert json.loads(dinrail(*words))["from_cache"] is False
    assert (dinrail.folder / "a.image").read_bytes() != kept


def test_the_example_checks_runs_and_passes_its_test(dinrail: Program) -> None:
    """`plc new` makes a project that is right: it checks, blinks, counts, ramps, and its test passes."""
    dinrail("plc", "new", "demo")
    dinrail("plc", "check", "demo")
    told = json.loads(dinrail("--json", "plc", "run", "demo", "--cycles", "120", "--print", "MAIN.nCount,MAIN.fRamp"))
    assert told["values"] == {"MAIN.nCount": 120, "MAIN.fRamp": 60.0}
    assert dinrail("plc", "test", "demo") == "ok     TEST_Ramp (4 cycles)\n"
    dinrail("plc", "new", "demo", code=2)


def test_a_failing_test_tells_where(dinrail: Program) -> None:
    """A test that asserts what is not so fails with the place of its ASSERT, and `plc test` exits with 1."""
    dinrail("plc", "new", "demo")
    path = dinrail.folder / "demo" / "TEST_Ramp.st"
    path.write_text(path.read_text().replace("fbRamp.fValue = 2.0", "fbRamp.fValue = 3.0"))
    out = dinrail("plc", "test", "demo", code=1)
    assert "FAILED TEST_Ramp (2 cycles)" in out
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "fValue = 3.0" in text)
    assert f"TEST_Ramp.st:{line}" in out


def test_each_test_has_fresh_data_and_its_own_path(dinrail: Program) -> None:
    """Tests are built together and run alone: a global begins anew in each, and a failure's path ends at the test."""
    names = [f"TEST_{number:02}" for number in range(40)]
    bodies = "".join(
        f"PROGRAM {name}\nVAR bDone : BOOL; n : INT; END_VAR\nn := n + 1;\ntotal := total + 1;\n"
        f"ASSERT(total = n, 'another test was here');\nbDone := n = 3;\nEND_PROGRAM\n"
        for name in names
    )
    bad = "PROGRAM TEST_Bad\nF_Wrong(1);\nEND_PROGRAM\n"
    text = (
        "VAR_GLOBAL\n total : INT;\nEND_VAR\nFUNCTION F_Wrong : BOOL\nVAR_INPUT\n n : INT;\nEND_VAR\n"
        f"ASSERT(n = 2, 'one is not two');\nEND_FUNCTION\n{bodies}{bad}"
    )
    out = dinrail("plc", "test", dinrail.write("many.st", text), code=1)
    assert [line for line in out.splitlines() if line.startswith("ok")] == [
        f"ok     {name} (3 cycles)" for name in names
    ]
    (at,) = (number for number, line in enumerate(out.splitlines()) if line.startswith("FAILED"))
    told = [line.strip() for line in out.splitlines()[at : at + 6]]
    assert told[0] == "FAILED TEST_Bad (1 cycles)"
    assert told[1] == "log: one is not two"
    assert any(line.startswith("called from TEST_Bad line 2") for line in told)
    assert "DinrailTests" not in out


def test_run_on_the_real_clock_is_a_control_of_its_own(dinrail: Program) -> None:
    """run without --cycles starts a control process, whose cycles and values are told at its end."""
    told = json.loads(
        dinrail("--json", "plc", "run", dinrail.write("good.st", GOOD), "--for", "1", "--print", "MAIN.n")
    )
    assert told["values"]["MAIN.n"] > 10
    assert told["cycles"] > 10


def test_files_of_the_folder_are_never_run(dinrail: Program) -> None:
    """A project's folder may hold files named as modules of ours or of Python's: the control does not load them."""
    for name in ("json.py", "ctypes.py", "dinrail.py", "llvmlite.py"):
        dinrail.write(name, "raise SystemExit('this was run')\n")
    script = Path(sys.executable).parent / "dinrail"
    argv = [str(script), "--json", "plc", "run", dinrail.write("good.st", GOOD), "--for", "0.5", "--print", "MAIN.n"]
    done = subprocess.run(argv, cwd=dinrail.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["values"]["MAIN.n"] > 10


def test_a_twincat_project_builds_as_it_is(dinrail: Program) -> None:
    """The packaging line, a .plcproj with POUs, GVLs, DUTs, interfaces and two tasks, checks, builds and runs."""
    project = Path(__file__).parent.parent / "corpus" / "packline"
    dinrail("plc", "check", str(project))
    values = "MAIN.nSortMoves,MAIN.nParsed,MAIN.sPadded,MAIN.nGcd,MAIN.bLeap,PRG_Production.nGood,MAIN.sDate"
    told = json.loads(dinrail("--json", "plc", "run", str(project), "--cycles", "300", "--print", values))
    assert told["faults"] == []
    assert told["values"] | {"PRG_Production.nGood": 0} == {
        "MAIN.nSortMoves": 7,  # by hand: inversions of 3.5, -1, 8.25, 0, 2, 2
        "MAIN.nParsed": -1234,
        "MAIN.sPadded": "000042",
        "MAIN.nGcd": 21,
        "MAIN.bLeap": True,
        "PRG_Production.nGood": 0,
        "MAIN.sDate": "DT#2026-02-28-00:04:50",
    }
    assert told["values"]["PRG_Production.nGood"] > 0


def test_a_program_sees_its_own_task(dinrail: Program) -> None:
    """`TwinCAT_SystemInfoVarList._TaskInfo` tells a program its cycles, their time in 100 ns, and the first one."""
    info = "TwinCAT_SystemInfoVarList._TaskInfo[GETCURTASKINDEXEX()]"
    text = (
        "PROGRAM MAIN\nVAR\n n, c : UDINT;\n first, seen : BOOL;\nEND_VAR\n"
        f"n := {info}.CycleCount;\nc := {info}.CycleTime;\nfirst := {info}.FirstCycle;\n"
        "seen := seen OR first;\nEND_PROGRAM\n"
    )
    told = json.loads(dinrail("--json", "plc", "run", dinrail.write("info.st", text), "--cycles", "5"))
    assert told["values"]["MAIN.c"] == 100_000
    assert (told["values"]["MAIN.first"], told["values"]["MAIN.seen"]) == (False, True)
    assert told["values"]["MAIN.n"] in (4, 5)


def test_a_program_knows_its_name(dinrail: Program) -> None:
    """`TwinCAT_SystemInfoVarList` holds the project's and the task's name from the first cycle on."""
    text = (
        "PROGRAM MAIN\nVAR\n project, task : STRING;\n n : UDINT;\nEND_VAR\n"
        "project := TwinCAT_SystemInfoVarList._AppInfo.ProjectName;\n"
        "task := TwinCAT_SystemInfoVarList._TaskInfo[GETCURTASKINDEXEX()].TaskName;\n"
        "n := TwinCAT_SystemInfoVarList._AppInfo.TaskCnt;\nEND_PROGRAM\n"
    )
    told = json.loads(dinrail("--json", "plc", "run", dinrail.write("press.st", text), "--cycles", "1"))
    assert told["values"] == {"MAIN.project": "press", "MAIN.task": "PlcTask", "MAIN.n": 1}
