"""What tasks hand over to each other, in compiled code, one cycle at a time."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plc_wrong import check_text

from dinrail.plc.core.program import Fault, TaskProgram
from dinrail.plc.emit import abi
from dinrail.plc.emit.session import Session
from dinrail.plc.library import library_units
from dinrail.plc.source import Severity

TASKS = [("One", ["P_One"]), ("Two", ["P_Two"]), ("Three", ["P_Three"])]
ONE, TWO, THREE = range(3)
DECLARED = """
TYPE ST : STRUCT
    a, b : DINT;
    text : STRING(30);
END_STRUCT END_TYPE
"""


def session_of(*bodies: str, variables: str = "x : ST;", declared: str = "") -> Session:
    """A task for each body; each has `seen : ST` and some numbers of its own."""
    names = ("P_One", "P_Two", "P_Three")
    text = f"{DECLARED}{declared}VAR_GLOBAL\n{variables}\nEND_VAR\n"
    for name, body in zip(names, bodies, strict=False):
        own = "seen : ST; zero, n, m : DINT; i : DINT;"
        text += f"PROGRAM {name}\nVAR\n{own}\nEND_VAR\n{body}\nEND_PROGRAM\n"
    program, report = check_text(text, TASKS[: len(bodies)], library_units())
    said = [each for each in report.messages if each.severity is Severity.ERROR]
    assert not said, said
    assert program.handovers
    return Session(program)


def act(session: Session, symbol: str) -> None:
    """One of the functions that the executive calls."""
    ctypes.CFUNCTYPE(None)(session._address(symbol))()


def test_a_reader_sees_the_last_finished_cycle() -> None:
    """What a cycle has written is seen by the reader's next one, whole."""
    session = session_of("x.a := x.a + 1; x.b := -x.a; x.text := CONCAT(x.text, 'x');", "seen := x;")
    for cycle in range(1, 5):
        session.cycle(ONE)
        session.cycle(TWO)
        assert session.read("P_Two.seen") == {"a": cycle, "b": -cycle, "text": "x" * cycle}


def test_a_cycle_that_faults_hands_over_nothing() -> None:
    """What it had written by then is not seen by others; the cycle before it is."""
    body = "x.a := x.a + 1; IF x.a = 3 THEN n := 1 / zero; END_IF x.b := x.a;"
    session = session_of(body, "seen := x;")
    session.cycle(ONE)
    session.cycle(ONE)
    fault = session.cycle(ONE)
    assert fault is not None
    assert fault.code == Fault.DIVIDE
    session.cycle(TWO)
    assert session.read("test.x.a") == 3
    assert session.read("P_Two.seen.a") == session.read("P_Two.seen.b") == 2


def test_a_reader_keeps_what_it_has_until_its_next_cycle() -> None:
    """However often the writer hands over in between, a view does not move while it is read."""
    session = session_of("x.a := x.a + 1;", "n := x.a;")
    entry = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)(session.entry_address(TWO))
    session.cycle(ONE)
    act(session, abi.take_symbol(TWO))
    for _ in range(7):
        session.cycle(ONE)
        entry(session.context(TWO))
        assert session.read("P_Two.n") == 1
    act(session, abi.take_symbol(TWO))
    entry(session.context(TWO))
    assert session.read("P_Two.n") == 8


def test_each_reader_has_its_own_view() -> None:
    """One reader's slowness is not another's, and the newest is what each gets."""
    session = session_of("x.a := x.a + 1;", "n := x.a;", "n := x.a;")
    for cycle in range(1, 10):
        session.cycle(ONE)
        session.cycle(TWO)
        if cycle % 4 == 0:
            session.cycle(THREE)
        assert session.read("P_Two.n") == cycle
        assert session.read("P_Three.n") == cycle // 4 * 4


def test_code_that_several_tasks_run_sees_each_task_s_view() -> None:
    """A function, a method and what runs under __TRY read the live data in the writer's task and the view in others."""
    declared = """
FUNCTION Told : DINT
__TRY
    Told := x.a * 10;
__CATCH
    Told := -1;
__ENDTRY
Told := Told + x.b;
END_FUNCTION
FUNCTION_BLOCK FB
    METHOD Told : DINT
        Told := x.a;
    END_METHOD
END_FUNCTION_BLOCK
"""
    variables = "x : ST; {attribute 'dinrail.no_handshake'} fb : FB;"
    session = session_of(
        "x.a := x.a + 1; x.b := 5; n := Told(); m := fb.Told();",
        "n := Told(); m := fb.Told();",
        variables=variables,
        declared=declared,
    )
    assert [each.path for each in session.program.handovers[0].variables] == ["test.x"]
    session.cycle(TWO)
    for cycle in range(1, 4):
        session.cycle(ONE)
        entry = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)(session.entry_address(ONE))
        assert (session.read("P_One.n"), session.read("P_One.m")) == (cycle * 10 + 5, cycle)
        session.cycle(TWO)
        assert (session.read("P_Two.n"), session.read("P_Two.m")) == (cycle * 10 + 5, cycle)
    entry(session.context(ONE))  # without handing over
    session.cycle(TWO)
    assert (session.read("P_One.m"), session.read("P_Two.m")) == (4, 3)


def test_a_loop_reads_the_view_at_every_index() -> None:
    """Arrays, elements of them and fields of those are found in the view."""
    session = session_of(
        "FOR i := 0 TO 99 DO x[i].a := x[i].a + i; x[i].b := 1; END_FOR",
        "n := 0; FOR i := 0 TO 99 DO n := n + x[i].a * x[i].b; END_FOR m := MAX(x[3].a, x[99].a);",
        variables="x : ARRAY[0..99] OF ST;",
    )
    for cycle in range(1, 4):
        session.cycle(ONE)
        session.cycle(TWO)
        assert session.read("P_Two.n") == cycle * sum(range(100))
        assert session.read("P_Two.m") == cycle * 99


def test_both_directions_at_once() -> None:
    """Two tasks that answer each other see each other's last cycle."""
    session = session_of("ping := pong + 1;", "pong := ping * 2;", variables="ping, pong : LINT;")
    expected = 0
    for _ in range(6):
        session.cycle(ONE)
        session.cycle(TWO)
        expected = (expected + 1) * 2
        assert session.read("test.pong") == expected


def test_values_from_the_beginning_are_there_in_the_first_cycle() -> None:
    """Initial values, and what code computes before the first cycle, are seen by all; again after a reset."""
    session = session_of(
        "x.a := x.a + 1;",
        "seen := x; n := y;",
        variables="x : ST := (a := 40, text := 'first'); y : DINT := x.a * 3;",
    )
    for _ in range(2):
        session.cycle(TWO)
        assert session.read("P_Two.seen") == {"a": 40, "b": 0, "text": "first"}
        assert session.read("P_Two.n") == 120
        session.cycle(ONE)
        session.cycle(TWO)
        assert session.read("P_Two.seen.a") == 41
        session.initialise()


def test_what_clients_write_reaches_every_task() -> None:
    """A variable that no task writes is handed over by the task it belongs to."""
    session = session_of("n := x.a;", "n := x.a;")
    session.write("test.x.a", 7)
    session.cycle(ONE)
    session.cycle(TWO)
    assert session.read("P_One.n") == session.read("P_Two.n") == 7


def plain_session(*bodies: str, variables: str) -> Session:
    """As session_of, where nothing is handed over."""
    names = ("P_One", "P_Two")
    text = f"{DECLARED}VAR_GLOBAL\n{variables}\nEND_VAR\n"
    for name, body in zip(names, bodies, strict=True):
        text += f"PROGRAM {name}\nVAR\nseen : ST; n : DINT; i : DINT; on : BOOL;\nEND_VAR\n{body}\nEND_PROGRAM\n"
    program, _ = check_text(text, TASKS[:2], library_units())
    assert not program.handovers
    assert program.ordered
    return Session(program)


def test_a_handshake_in_plain_memory_keeps_its_order() -> None:
    """Words of every width, bits, floats and parts of structures are what they were, each in one step."""
    variables = (
        "ready : BOOL; x : ST; r : REAL; l : LREAL; w : WORD; b AT %MX0.1 : BOOL; c AT %MX0.2 : BOOL;"
        "many : ARRAY[0..9] OF LINT; s : SINT;"
    )
    one = (
        "IF NOT ready THEN x.a := x.a + 1; x.text := 'abc'; r := r + 0.5; l := l - 0.25; w.3 := NOT w.3; w := w OR 1;"
        "b := NOT b; i := (i + 1) MOD 10; many[i] := i; s := s - 1; ready := TRUE; END_IF"
    )
    two = (
        "IF ready THEN seen := x; c := NOT b; n := n + LREAL_TO_DINT(l * 4) + REAL_TO_DINT(r * 2) + WORD_TO_DINT(w)"
        " + SEL(b, 0, 1000) + s; ready := FALSE; END_IF many[0] := -1; w := w AND 16#FFFE; s := s AND 127;"
    )
    session = plain_session(one, two, variables=variables)
    total = down = r = w = s = 0
    b = False
    for cycle in range(1, 20):
        session.cycle(ONE)
        session.cycle(TWO)
        r, down, w, b, s = r + 1, down - 1, (w ^ 8) | 1, not b, s - 1
        total += down + r + w + (1000 if b else 0) + s
        w, s = w & 0xFFFE, s & 127
        assert session.read("P_Two.n") == total
        assert session.read("P_Two.seen.a") == cycle
        assert (session.read("test.b"), session.read("test.c")) == (b, not b)
        assert session.read("test.ready") is False


VARIABLES = [f"v{number}" for number in range(6)]


@st.composite
def task_bodies(draw: st.DrawFn) -> list[str]:
    """A body for each task. Variable n is written by task n MOD 3 alone, and read by whoever likes."""
    bodies = []
    for task in range(3):
        lines = []
        for _ in range(draw(st.integers(1, 5))):
            target = draw(st.sampled_from([name for at, name in enumerate(VARIABLES) if at % 3 == task]))
            source, other = draw(st.sampled_from(VARIABLES)), draw(st.sampled_from(VARIABLES))
            lines.append(
                draw(
                    st.sampled_from(
                        (
                            f"{target}.a := {source}.a + {draw(st.integers(1, 9))};",
                            f"{target}.b := {source}.b - {other}.a;",
                            f"{target} := {source};",
                            f"{target}.text := CONCAT({source}.text, 'x');",
                            f"IF {source}.a > {other}.a THEN {target}.a := {other}.b; END_IF",
                            f"{target}.b := Mixed({source}, {other});",
                            f"MEMCPY(ADR({target}.b), ADR({source}.a), 4);",
                        )
                    )
                )
            )
        bodies.append("\n".join(lines))
    return bodies


MIXED = """
FUNCTION Mixed : DINT
VAR_IN_OUT CONSTANT
    one, other : ST;
END_VAR
Mixed := one.a * 3 + other.b + LEN(one.text);
END_FUNCTION
"""


@pytest.mark.control
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(task_bodies(), st.lists(st.integers(0, 2), max_size=20))
def test_cycles_that_do_not_overlap_are_as_in_one_memory(bodies: list[str], schedule: list[int]) -> None:
    """Any programs, any order of cycles: what is handed over is what plain memory holds, to the last byte."""
    variables = ", ".join(VARIABLES) + " : ST;"
    names = ("P_One", "P_Two", "P_Three")
    text = f"{DECLARED}{MIXED}VAR_GLOBAL\n{variables}\nEND_VAR\n" + "".join(
        f"PROGRAM {name}\n{body}\nEND_PROGRAM\n" for name, body in zip(names, bodies, strict=True)
    )
    program, report = check_text(text, TASKS, library_units())
    said = [each for each in report.messages if each.severity is Severity.ERROR]
    assert not said, said
    handed_over = Session(program)
    plain = Session(program, None, [TaskProgram(each.name, each.programs) for each in program.tasks])
    for task in schedule:
        handed_over.cycle(task)
        plain.cycle(task)
    assert handed_over.data() == plain.data()
