"""What is handed over between two tasks as a whole, and what is not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from plc_wrong import check_text

from dinrail.plc.core.program import Program
from dinrail.plc.library import library_units
from dinrail.plc.source import Severity

TASKS = [("One", ["P_One"]), ("Two", ["P_Two"])]
DECLARED = """
TYPE ST : STRUCT
    a, b : LREAL;
    n : DINT;
END_STRUCT END_TYPE
FUNCTION_BLOCK FB
VAR_OUTPUT
    done : BOOL;
END_VAR
VAR
    n : DINT;
END_VAR
    METHOD Reset : BOOL
        n := 0;
    END_METHOD
    METHOD Told : DINT
        Told := n;
    END_METHOD
n := n + 1;
done := n > 3;
END_FUNCTION_BLOCK
FUNCTION Sum : LREAL
VAR_IN_OUT CONSTANT
    given : ST;
END_VAR
Sum := given.a + given.b;
END_FUNCTION
FUNCTION SumBelow : LREAL
VAR_IN_OUT CONSTANT
    given : ST;
END_VAR
SumBelow := Sum(given);
END_FUNCTION
FUNCTION Kept : POINTER TO ST
VAR_IN_OUT CONSTANT
    given : ST;
END_VAR
Kept := ADR(given);
END_FUNCTION
FUNCTION KeptBelow : POINTER TO ST
VAR_IN_OUT CONSTANT
    given : ST;
END_VAR
KeptBelow := Kept(given);
END_FUNCTION
"""


def program_of(one: str, two: str, variables: str = "x : ST; y : ST; w : DINT;", more: str = "") -> Program:
    """Two tasks with a body each."""
    text = (
        f"{DECLARED}{more}\nVAR_GLOBAL\n{variables}\nEND_VAR\n"
        f"PROGRAM P_One\nVAR\n mine : ST; p : POINTER TO ST; f : LREAL; fb1 : FB;\nEND_VAR\n{one}\nEND_PROGRAM\n"
        f"PROGRAM P_Two\nVAR\n mine : ST; p : POINTER TO ST; f : LREAL; i : DINT; q : BOOL;\nEND_VAR\n{two}\n"
        "END_PROGRAM\n"
    )
    return checked(text, TASKS)


def checked(text: str, tasks: list[tuple[str, list[str]]]) -> Program:
    """Without errors."""
    program, report = check_text(text, tasks, library_units())
    errors = [each for each in report.messages if each.severity is Severity.ERROR]
    assert not errors, errors
    return program


def handed_over(program: Program) -> list[str]:
    """`name: writer -> readers`."""
    return [
        f"{variable.path.removeprefix('test.')}: {each.writer} -> {', '.join(map(str, each.readers))}"
        for each in program.handovers
        for variable in each.variables
    ]


HANDED_OVER = {
    "one writes, the other reads": ("x.a := 1;", "mine := x;", ["x: 0 -> 1"]),
    "single words, too": ("w := 1;", "mine.n := w;", ["w: 0 -> 1"]),
    "both directions": ("x.a := y.a;", "y.a := x.a;", ["x: 0 -> 1", "y: 1 -> 0"]),
    "a part of it read": ("x := mine;", "f := x.b;", ["x: 0 -> 1"]),
    "what a program declares": ("fb1();", "q := P_One.fb1.done;", ["P_One.fb1: 0 -> 1"]),
    "its writer takes the address": ("p := ADR(x); p^.a := 1;", "mine := x;", ["x: 0 -> 1"]),
    "a library's copy from it": ("x.a := 1;", "MEMCPY(ADR(mine), ADR(x), SIZEOF(mine));", ["x: 0 -> 1"]),
    "by address to what keeps none": ("x.a := 1;", "f := SumBelow(x);", ["x: 0 -> 1"]),
    "what only clients write": ("f := x.a;", "f := x.a;", ["x: 0 -> 1"]),
    "a program's, that only clients write": ("f := P_Two.mine.a;", "f := mine.a;", ["P_Two.mine: 1 -> 0"]),
}


@pytest.mark.parametrize(("one", "two", "expected"), HANDED_OVER.values(), ids=HANDED_OVER.keys())
def test_what_one_task_alone_writes_is_handed_over_to_those_that_read(one: str, two: str, expected: list[str]) -> None:
    """A variable with one writing task goes to each other task that reads it."""
    assert handed_over(program_of(one, two)) == expected


PLAIN = {
    "both write it": ("x.a := 1;", "x.b := x.a;", "x : ST;"),
    "its reader keeps the address": ("x.a := 1;", "p := ADR(x); mine := p^;", "x : ST;"),
    "its reader passes it to what keeps it": ("x.a := 1;", "p := KeptBelow(x);", "x : ST;"),
    "the beginning keeps the address": ("x.a := 1;", "mine := x;", "x : ST; p : POINTER TO ST := ADR(x);"),
    "the reader calls its method": ("x();", "i := x.Told();", "x : FB;"),
    "it lies in an area": ("x := 1;", "i := x;", "x AT %MD0 : DINT;"),
    "it is large": ("x[1] := mine;", "mine := x[1];", "x : ARRAY[0..4095] OF ST;"),
    "nobody else reads it": ("x.a := x.b;", "f := 1;", "x : ST;"),
    "it is a constant": ("f := x.a;", "f := x.a;", ""),
}


@pytest.mark.parametrize(("one", "two", "variables"), PLAIN.values(), ids=PLAIN.keys())
def test_what_cannot_be_handed_over_stays_plain_memory(one: str, two: str, variables: str) -> None:
    """Two writers, a kept address, an area or too many bytes: nothing is handed over."""
    constant = "" if variables else "VAR_GLOBAL CONSTANT\nx : ST := (a := 2);\nEND_VAR\n"
    assert handed_over(program_of(one, two, variables or "y : ST;", constant)) == []


def test_between_two_tasks_all_is_handed_over_or_nothing() -> None:
    """A flag that both write keeps the data beside it plain, so that none is seen before what it speaks of."""
    one, two = "IF w = 0 THEN x.a := 1; w := 1; END_IF", "IF w = 1 THEN mine := x; w := 0; END_IF"
    assert handed_over(program_of(one, two)) == []


def test_what_is_no_handshake_does_not_count() -> None:
    """A counter that both write and that tells nobody anything does not keep the rest from being handed over."""
    variables = "x : ST; {attribute 'dinrail.no_handshake'} w : DINT;"
    assert handed_over(program_of("x.a := 1; w := w + 1;", "mine := x; w := w + 1;", variables)) == ["x: 0 -> 1"]


def test_a_method_that_clients_call_is_run_by_every_task() -> None:
    """What it writes has more than one writer."""
    more = """
FUNCTION_BLOCK FB_Called
    {attribute 'TcRpcEnable'}
    METHOD Set : BOOL
        x.a := 5;
    END_METHOD
END_FUNCTION_BLOCK
"""
    program = program_of("x.a := 1; called();", "mine := x;", "x : ST; called : FB_Called;", more)
    assert handed_over(program) == []


def test_pairs_are_told_apart() -> None:
    """With three tasks, one that shares a flag with the writer sees plain memory, the other one does not."""
    text = DECLARED + (
        "VAR_GLOBAL\n x : ST; w : DINT;\nEND_VAR\n"
        "PROGRAM P_One\n x.a := x.a + 1; w := w + 1;\nEND_PROGRAM\n"
        "PROGRAM P_Two\nVAR\n mine : ST;\nEND_VAR\n mine := x; w := w - 1;\nEND_PROGRAM\n"
        "PROGRAM P_Three\nVAR\n mine : ST;\nEND_VAR\n mine := x;\nEND_PROGRAM\n"
    )
    program = checked(text, [*TASKS, ("Three", ["P_Three"])])
    assert handed_over(program) == ["x: 0 -> 2"]


def test_what_is_handed_over_lies_together_in_its_writers_data() -> None:
    """Its offsets are inside the handover, the handover is inside the writer's segment."""
    program = program_of("x.a := y.a; w := 1; mine.n := 2;", "y.a := x.a + w;")
    for each in program.handovers:
        end = each.offset_bytes + each.size_bytes
        (segment,) = (one for one in program.segments if one.task_index == each.writer)
        assert segment.offset_bytes <= each.offset_bytes
        assert end <= segment.offset_bytes + segment.size_bytes
        assert each.offset_bytes % 64 == each.size_bytes % 64 == 0
        for variable in each.variables:
            assert each.offset_bytes <= variable.offset_bytes
            assert variable.offset_bytes + variable.type.size_bytes <= end
    inside = {one for each in program.handovers for one in each.variables}
    spans = sorted((one.offset_bytes, one.offset_bytes + one.type.size_bytes) for one in program.statics)
    assert len(inside) == 3
    assert all(low >= high for (_, high), (low, _) in pairwise(spans))


def ordered(program: Program) -> list[str]:
    """What is plain memory between tasks."""
    return sorted(each.path.removeprefix("test.") for each in program.ordered)


def test_plain_memory_that_tasks_share_is_ordered() -> None:
    """Flag and data of a handshake are, what one task has for itself or hands over is not."""
    one, two = "IF w = 0 THEN x.a := 1; w := 1; END_IF y.a := 1; f := y.a;", "IF w = 1 THEN mine := x; w := 0; END_IF"
    assert ordered(program_of(one, two)) == ["w", "x"]
    assert ordered(program_of("x.a := 1; w := 2;", "mine := x;")) == []


def test_bits_of_one_byte_that_tasks_write_are_ordered() -> None:
    """Two tasks that write neighbours write one byte; bits of other bytes are none of their business."""
    bits = "x AT %MX0.0 : BOOL; y AT %MX0.7 : BOOL; z AT %MX1.0 : BOOL; w AT %MX2.1 : BOOL; v AT %MX2.2 : BOOL;"
    assert ordered(program_of("x := TRUE; z := TRUE; w := v;", "y := TRUE;", bits)) == ["x", "y"]


def test_a_single_task_orders_nothing() -> None:
    """Nobody else sees its data."""
    program = checked("PROGRAM P_One\nVAR\n a : BOOL;\nEND_VAR\n a := NOT a;\nEND_PROGRAM\n", TASKS[:1])
    assert (program.ordered, program.handovers) == (frozenset(), [])
