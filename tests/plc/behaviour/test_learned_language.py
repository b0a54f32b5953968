"""What public projects write, and what it does: values from the language's rules."""

from __future__ import annotations

import pytest
from plc_run import checked, run_st

from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import TaskProgram
from dinrail.plc.emit.session import Session
from dinrail.plc.library import library_units
from dinrail.plc.messages import headline
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Source

COUNTER = """
FUNCTION_BLOCK FB_Count
VAR_INPUT nStep : INT := 1; bReset : BOOL; END_VAR
VAR_IN_OUT nShared : INT; END_VAR
VAR_OUTPUT nSum : INT; bOver : BOOL; END_VAR
    nSum := -1;
    nShared := nShared + 100;
    ACTION Add:
        nSum := nSum + nStep;
        bOver := nSum > 10;
    END_ACTION
    ACTION Share:
        nShared := nShared + nSum;
    END_ACTION
END_FUNCTION_BLOCK
"""


def test_a_comma_may_stand_behind_the_last_argument() -> None:
    """Calls of functions, blocks and the language's own functions take one comma more."""
    text = """
    FUNCTION F_Add : INT
    VAR_INPUT a : INT; b : INT; END_VAR
        F_Add := a + b;
    END_FUNCTION
    PROGRAM MAIN
    VAR t : TON; x, y, z : INT; END_VAR
        x := F_Add(a := 3, b := 4,);
        y := MAX(x, 9,);
        t(IN := TRUE, PT := T#0S,);
        z := F_Add(F_Add(1, 2,), 3,);
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.x", "MAIN.y", "MAIN.z"]) == {"MAIN.x": [7], "MAIN.y": [9], "MAIN.z": [6]}


def test_an_action_takes_its_blocks_inputs_and_gives_its_outputs() -> None:
    """Inputs are stored, the action runs and not the body, outputs are copied behind it."""
    text = f"""{COUNTER}
    PROGRAM MAIN
    VAR fb : FB_Count; nGot : INT; bGot : BOOL; nOther : INT; END_VAR
        fb.Add(nStep := 6, nSum => nGot, bOver => bGot);
        fb.Add();
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.nGot", "MAIN.bGot", "MAIN.fb.nSum", "MAIN.fb.nStep"], cycles=2)
    assert seen == {
        "MAIN.nGot": [6, 18],
        "MAIN.bGot": [False, True],
        "MAIN.fb.nSum": [12, 24],
        "MAIN.fb.nStep": [6, 6],
    }


def test_an_actions_in_outs_stay_those_of_the_blocks_last_call() -> None:
    """An action called with inputs only works on what the body was last bound to, until it is bound anew."""
    text = f"""{COUNTER}
    PROGRAM MAIN
    VAR fb : FB_Count; a, b : INT; END_VAR
        fb(nShared := a);
        fb.Add(nStep := 3);
        fb.Share(bReset := FALSE);
        fb.Share(nShared := b);
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.a", "MAIN.b"]) == {"MAIN.a": [102], "MAIN.b": [2]}


def test_a_programs_action_takes_its_inputs() -> None:
    """As with blocks."""
    text = """
    PROGRAM MAIN
    VAR n : INT; END_VAR
        PRG.Twice(nIn := 21, nOut => n);
    END_PROGRAM
    PROGRAM PRG
    VAR_INPUT nIn : INT; END_VAR
    VAR_OUTPUT nOut : INT; END_VAR
        ;
        ACTION Twice:
            nOut := 2 * nIn;
        END_ACTION
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.n"]) == {"MAIN.n": [42]}


def test_initial_values_name_what_was_declared_before() -> None:
    """Locals, fields, and places in a sibling instance: in declared order, by code where they are not constant."""
    text = """
    TYPE ST_Item : STRUCT n : INT := 5; END_STRUCT END_TYPE
    FUNCTION_BLOCK FB_Store
    VAR_INPUT nSize : UDINT := 1000; END_VAR
    VAR
        _items : ARRAY [0..3] OF ST_Item;
        _part : UDINT := MIN(150, nSize / 4);
        _half : UDINT := _part / 2;
    END_VAR
    METHOD Peek : INT
    VAR
        p : POINTER TO ST_Item := ADR(_items[2]);
        k : INT := p^.n + 1;
    END_VAR
        Peek := k;
    END_METHOD
    END_FUNCTION_BLOCK
    FUNCTION_BLOCK FB_User
    VAR
        store : FB_Store;
        p : POINTER TO UDINT := ADR(store.nSize);
        r : REFERENCE TO UDINT REF= store.nSize;
    END_VAR
        p^ := p^ + 1;
        r := r + 1;
    END_FUNCTION_BLOCK
    PROGRAM MAIN
    VAR s : FB_Store; u : FB_User; k : INT; part, half : UDINT; n : UDINT; END_VAR
        k := s.Peek();
        part := s._part;
        half := s._half;
        u();
        n := u.store.nSize;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.k", "MAIN.part", "MAIN.half", "MAIN.n"])
    assert seen == {"MAIN.k": [6], "MAIN.part": [150], "MAIN.half": [75], "MAIN.n": [1002]}


def test_a_choice_among_literals_has_the_type_that_is_wanted() -> None:
    """SEL and MUX of numbers that a BYTE holds are a BYTE where one is assigned, and INT where nothing is wanted."""
    text = """
    PROGRAM MAIN
    VAR g : BOOL; b : BYTE; u : USINT; d : DINT; n : INT; END_VAR
        b := SEL(g, 0, 255);
        u := MUX(n, 200, 7, 250);
        d := SEL(g, 1, 70000);
        g := TRUE;
        n := n + 1;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.b", "MAIN.u", "MAIN.d"], cycles=2)
    assert seen == {"MAIN.b": [0, 255], "MAIN.u": [200, 7], "MAIN.d": [1, 70000]}


def test_addresses_compare_with_numbers() -> None:
    """By value: a loop over memory may keep its end in an integer."""
    text = """
    PROGRAM MAIN
    VAR a : ARRAY [0..9] OF BYTE; p : POINTER TO BYTE; stop : ULINT; n : INT; END_VAR
        p := ADR(a);
        stop := p + 10;
        n := 0;
        WHILE p < stop DO
            n := n + 1;
            p := p + 1;
        END_WHILE
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.n"]) == {"MAIN.n": [10]}


LIBRARY = """
{attribute 'qualified_only'}
VAR_GLOBAL CONSTANT
    cMost : INT := 3;
END_VAR
FUNCTION F_Most : INT
    F_Most := Limits.cMost;
END_FUNCTION
TYPE E_Kind : (Small := 4, Large := 9); END_TYPE
"""


def with_library(text: str, library: str, watch: list[str]) -> list[object]:
    """What MAIN's variables hold after one cycle, `library` being there as the library Lib; its list is Limits."""
    report = Report()
    own = parse_source(Source("own.st", text, 1), report)
    other = parse_source(Source("Limits.st", library, 2), report)
    other.namespace = "Lib"
    for unit in (own, other):
        for listed in unit.globals:
            listed.name = "Limits"
    program = check_program([own, other, *library_units()], [("PlcTask", ["MAIN"])], Options(), report)
    assert [headline(each, {}) for each in report.messages] == []
    session = Session(program, None, [TaskProgram("PlcTask", [program.entry["MAIN"]])])
    assert session.cycle(now_ns=0, limit_s=10.0) is None
    return [session.read(f"MAIN.{name}") for name in watch]


def test_a_library_and_its_user_may_have_lists_of_one_name() -> None:
    """The library's code sees its own, the project's code the project's, and the library's behind its name."""
    text = """
    VAR_GLOBAL CONSTANT
        cMost : INT := 8;
    END_VAR
    PROGRAM MAIN
    VAR own, bare, theirs, inside : INT; END_VAR
        own := Limits.cMost;
        bare := cMost;
        theirs := Lib.Limits.cMost;
        inside := Lib.F_Most();
    END_PROGRAM
    """
    assert with_library(text, LIBRARY, ["own", "bare", "theirs", "inside"]) == [8, 8, 3, 3]


def test_a_librarys_name_stands_before_whatever_it_has() -> None:
    """Members of its enumerations, written in any case."""
    text = "PROGRAM MAIN\nVAR a, b : INT; END_VAR\na := Lib.Large;\nb := LIB.e_Kind.small;\nEND_PROGRAM"
    assert with_library(text, LIBRARY, ["a", "b"]) == [9, 4]


def test_random_numbers_repeat_with_their_seed() -> None:
    """DRAND gives the same series for the same seed, another for another, all from 0 to 1, about half below 0.5."""
    text = """
    PROGRAM MAIN
    VAR a, b, c : DRAND; i, nSame, nLow, nOut : DINT; fSum : LREAL; END_VAR
        FOR i := 1 TO 1000 DO
            a(Seed := 7);
            b(Seed := 7);
            c(Seed := 8);
            IF a.Num <> b.Num THEN nOut := nOut + 1; END_IF
            IF a.Num = c.Num THEN nSame := nSame + 1; END_IF
            IF a.Num < 0.5 THEN nLow := nLow + 1; END_IF
            IF a.Num < 0 OR a.Num > 1 THEN nOut := nOut + 1; END_IF
            fSum := fSum + a.Num;
        END_FOR
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.nSame", "MAIN.nOut", "MAIN.nLow", "MAIN.fSum"])
    assert (seen["MAIN.nSame"], seen["MAIN.nOut"]) == ([0], [0])
    low, total = seen["MAIN.nLow"][0], seen["MAIN.fSum"][0]
    assert isinstance(low, int)
    assert isinstance(total, float)
    assert 400 < low < 600
    assert total == pytest.approx(500, abs=50)


def test_files_answer_that_there_are_none() -> None:
    """The runtime's libraries are there for projects that name them; every call says 24, ERR_NOT_SUPPORTED."""
    text = """
    PROGRAM MAIN
    VAR
        h : SysFile.SysTypes.RTS_IEC_HANDLE;
        r : SysFile.SysTypes.RTS_IEC_RESULT;
        m : SysFile.ACCESS_MODE := SysFile.AM_APPEND_PLUS;
        bNone : BOOL;
        nClosed, nMode : UDINT;
    END_VAR
        h := SysFile.SysFileOpen(szFile := 'x', am := m, pResult := ADR(r));
        bNone := h = SysFile.SysTypes.RTS_INVALID_HANDLE;
        nClosed := SysFile.SysFileClose(h);
        nMode := m;
    END_PROGRAM
    """
    report = Report()
    unit = parse_source(Source("own.st", text, 1), report)
    program = check_program([unit, *library_units(["SysFile"])], [("PlcTask", ["MAIN"])], Options(), report)
    assert [headline(each, {}) for each in report.messages] == []
    session = Session(program, None, [TaskProgram("PlcTask", [program.entry["MAIN"]])])
    assert session.cycle(now_ns=0, limit_s=10.0) is None
    seen = [session.read(f"MAIN.{name}") for name in ("r", "bNone", "nClosed", "nMode")]
    assert seen == [24, True, 24, 5]


def test_a_choice_leaves_alone_what_it_does_not_take() -> None:
    """SEL and MUX evaluate the value that they take only: the other may be outside of an array, or call something."""
    text = """
    FUNCTION F_Note : INT
    VAR_INPUT n : INT; END_VAR
    VAR_IN_OUT nCalls : INT; END_VAR
        nCalls := nCalls + 1;
        F_Note := n;
    END_FUNCTION
    PROGRAM MAIN
    VAR a : ARRAY [0..2] OF INT := [5, 6, 7]; i, nCalls, x, y, z, w : INT; p : POINTER TO INT; END_VAR
        x := SEL(i > 0, 99, a[i - 1]);
        y := MUX(i, 10, 100 / i, a[i - 2]);
        z := SEL(i > 1, F_Note(1, nCalls), F_Note(2, nCalls) + F_Note(3, nCalls));
        w := SEL(p <> 0, -1, p^);
        i := i + 1;
        p := ADR(i);
    END_PROGRAM
    """
    seen = run_st(text, [f"MAIN.{name}" for name in ("x", "y", "z", "w", "nCalls")], cycles=3)
    assert seen == {
        "MAIN.x": [99, 5, 6],
        "MAIN.y": [10, 100, 5],
        "MAIN.z": [1, 1, 5],
        "MAIN.w": [-1, 1, 2],
        "MAIN.nCalls": [1, 2, 4],
    }


def test_the_clock_of_a_stepped_program_is_the_one_that_is_given() -> None:
    """TIME() and LTIME() move by what a cycle moves the clock, however fast the cycles really follow."""
    text = """
    PROGRAM MAIN
    VAR tNow, tBegan, tTook : TIME; ltNow : LTIME; bBegun : BOOL; END_VAR
        tNow := TIME();
        ltNow := LTIME();
        IF NOT bBegun THEN
            tBegan := tNow;
            bBegun := TRUE;
        END_IF
        tTook := tNow - tBegan;
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.tTook", "MAIN.ltNow"], cycles=3, step_ns=250_000_000, start_ns=1_000_000_500)
    assert seen == {"MAIN.tTook": [0, 250, 500], "MAIN.ltNow": [1_000_000_500, 1_250_000_500, 1_500_000_500]}


def test_a_short_text_is_passed_where_nothing_can_be_written() -> None:
    """VAR_IN_OUT CONSTANT takes texts of any length, and reads no further than they go."""
    text = """
    FUNCTION F_Count : INT
    VAR_IN_OUT CONSTANT s : STRING; END_VAR
        F_Count := LEN(s) * 10 + BYTE_TO_INT(s[0]);
    END_FUNCTION
    PROGRAM MAIN
    VAR sShort : STRING(3) := 'ab'; x, y : INT; END_VAR
        x := F_Count(sShort);
        y := F_Count('c');
    END_PROGRAM
    """
    program, _ = checked(text)
    assert program.entry
    assert run_st(text, ["MAIN.x", "MAIN.y"]) == {"MAIN.x": [117], "MAIN.y": [109]}
