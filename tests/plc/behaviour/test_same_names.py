"""A project's own names beside those of libraries, and libraries' beside each other's."""

from __future__ import annotations

from plc_run import run_st

from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Program
from dinrail.plc.emit.session import Session
from dinrail.plc.library import library_units
from dinrail.plc.parse.declaration import Unit
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Severity, Source

OWN = """
FUNCTION_BLOCK TON
VAR_INPUT a : INT; END_VAR
VAR_OUTPUT b : INT; END_VAR
b := a * 2;
END_FUNCTION_BLOCK
FUNCTION F_ToASC : INT
VAR_INPUT x : INT; END_VAR
F_ToASC := x + 1;
END_FUNCTION
"""
"""A block and a function that libraries have, too."""


def test_the_project_s_own_comes_first() -> None:
    """A function and a block that libraries have, too: what the project declares is meant."""
    text = f"""{OWN}PROGRAM MAIN
VAR t : TON; r : INT; END_VAR
t(a := 4);
r := F_ToASC(t.b);
END_PROGRAM
"""
    assert run_st(text, ["MAIN.r"]) == {"MAIN.r": [9]}


def test_the_library_s_own_is_found_behind_its_name() -> None:
    """`Tc2_Standard.TON` beside a TON of the project: as a type, with its members, and as a base."""
    text = f"""{OWN}FUNCTION_BLOCK FB_Longer EXTENDS Tc2_Standard.TON
VAR extra : INT := 7; END_VAR
SUPER^();
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR own : TON; timer : Tc2_Standard.TON; longer : FB_Longer; done : BOOL; letter : BYTE; END_VAR
own(a := 3);
timer(IN := TRUE, PT := T#15MS);
longer(IN := TRUE, PT := T#5MS);
done := timer.Q;
letter := Tc2_System.F_ToASC('A');
END_PROGRAM
"""
    seen = run_st(text, ["MAIN.own.b", "MAIN.done", "MAIN.longer.Q", "MAIN.longer.extra", "MAIN.letter"], 3)
    assert seen["MAIN.own.b"] == [6, 6, 6]
    assert seen["MAIN.done"] == [False, False, True]
    assert seen["MAIN.longer.Q"] == [False, True, True]
    assert seen["MAIN.longer.extra"] == [7, 7, 7]
    assert seen["MAIN.letter"][-1] == 65


def test_libraries_never_see_the_project_s_names() -> None:
    """MEMMOVE is made of MEMCPY, TO_STRING of DINT_TO_STRING: of the library's, whatever the project calls its own."""
    text = """
FUNCTION MEMCPY : STRING
VAR_INPUT a : STRING; END_VAR
MEMCPY := 'mine';
END_FUNCTION
FUNCTION DINT_TO_STRING : STRING
VAR_INPUT a : DINT; END_VAR
DINT_TO_STRING := 'mine';
END_FUNCTION
PROGRAM MAIN
VAR a : DINT := 42; b : DINT; s, t, u : STRING; END_VAR
MEMMOVE(ADR(b), ADR(a), 4);
s := MEMCPY('x');
t := TO_STRING(a);
u := DINT_TO_STRING(a);
END_PROGRAM
"""
    seen = run_st(text, ["MAIN.b", "MAIN.s", "MAIN.t", "MAIN.u"])
    assert seen == {"MAIN.b": [42], "MAIN.s": ["mine"], "MAIN.t": ["42"], "MAIN.u": ["mine"]}


def library(name: str, text: str, number: int) -> Unit:
    unit = parse_source(Source(f"{name}.st", text, number), Report())
    unit.namespace = name
    return unit


def program_with(text: str, *libraries: Unit) -> Program:
    report = Report()
    unit = parse_source(Source("main.st", text, 1), report)
    units = [unit, *libraries, *library_units()]
    program = check_program(units, [("PlcTask", ["MAIN"])], Options(), report)
    errors = [each.text for each in report.messages if each.severity is Severity.ERROR]
    assert not errors, errors
    return program


def test_each_library_means_its_own() -> None:
    """Two libraries with a function and a block of the same names: each one's code runs its own, and both are there."""
    template = """
FUNCTION Factor : INT
Factor := {factor};
END_FUNCTION
FUNCTION_BLOCK FB_Part
VAR_OUTPUT n : INT; END_VAR
n := n + Factor();
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_{name}
VAR part : FB_Part; END_VAR
VAR_OUTPUT n : INT; END_VAR
part();
n := part.n;
END_FUNCTION_BLOCK
"""
    libraries = [
        library(name, template.format(name=name, factor=factor), number)
        for number, (name, factor) in enumerate((("Alpha", 10), ("Beta", 200)), 2)
    ]
    text = """
PROGRAM MAIN
VAR a : FB_Alpha; b : FB_Beta; x, y, z : INT; part : Beta.FB_Part; END_VAR
a();
b();
part();
x := Alpha.Factor();
y := Beta.Factor();
z := Factor();
END_PROGRAM
"""
    session = Session(program_with(text, *libraries))
    session.cycle()
    names = ("a.n", "b.n", "part.n", "x", "y", "z")
    assert [session.read(f"MAIN.{name}") for name in names] == [10, 200, 200, 10, 200, 10]
