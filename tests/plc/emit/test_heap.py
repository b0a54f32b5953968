"""The heap of __NEW: zeroed, bounded, given back, and shared by tasks without a lock."""

from __future__ import annotations

import threading
from dataclasses import replace

from plc_run import checked, run_st, session_of

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import TaskProgram
from dinrail.plc.emit.session import Session

NODE = "TYPE ST_Node : STRUCT n : LINT; a : ARRAY [0..9] OF LINT; END_STRUCT END_TYPE\n"


def test_new_memory_is_zero_and_aligned_also_when_it_was_used_before() -> None:
    """What __DELETE gave back comes again, and nothing of its old content with it."""
    text = f"""{NODE}
    PROGRAM MAIN
    VAR p : POINTER TO ST_Node; first : ULINT; again : BOOL; dirt : LINT; aligned : BOOL; END_VAR
    p := __NEW(ST_Node);
    first := p;
    aligned := (first MOD 16) = 0;
    p^.n := 5; p^.a[9] := 6;
    __DELETE(p);
    p := __NEW(ST_Node);
    again := p = first;
    dirt := p^.n + p^.a[9];
    __DELETE(p);
    END_PROGRAM
    """
    seen = run_st(text, ["MAIN.aligned", "MAIN.again", "MAIN.dirt", "MAIN.p"])
    assert seen == {"MAIN.aligned": [True], "MAIN.again": [True], "MAIN.dirt": [0], "MAIN.p": [0]}


def test_a_full_heap_gives_0_and_can_be_used_again_once_something_is_given_back() -> None:
    """__NEW never takes more than the option says; blocks of one size go round for ever."""
    text = f"""{NODE}
    PROGRAM MAIN
    VAR p : ARRAY [0..99] OF POINTER TO ST_Node; n : INT; i : INT; full : BOOL; total : DINT; END_VAR
    n := 0;
    full := FALSE;
    WHILE NOT full AND n < 100 DO
        p[n] := __NEW(ST_Node);
        IF p[n] = 0 THEN full := TRUE; ELSE n := n + 1; END_IF
    END_WHILE
    total := n;
    FOR i := 0 TO n - 1 DO
        __DELETE(p[i]);
    END_FOR
    END_PROGRAM
    """
    # 88 bytes and 16 of the heap's own lie in blocks of 128; the arena has a header of 1024 and is cut to 16 bytes.
    options = replace(Options(), heap_bytes=8192)
    room = (8192 - 16 - 1024) // 128
    seen = run_st(text, ["MAIN.total", "MAIN.full"], 50, options=options)
    assert seen == {"MAIN.total": [room] * 50, "MAIN.full": [True] * 50}


def test_a_pointer_that_is_not_the_heap_s_is_not_given_back() -> None:
    """__DELETE of a static's address, and of an address twice, changes nothing."""
    text = f"""{NODE}
    PROGRAM MAIN
    VAR s : ST_Node; p : POINTER TO ST_Node; q : POINTER TO ST_Node; r : POINTER TO ST_Node; t : POINTER TO ST_Node;
        differ : BOOL;
    END_VAR
    p := ADR(s);
    __DELETE(p);
    p := __NEW(ST_Node);
    q := p;
    __DELETE(p);
    __DELETE(q);
    r := __NEW(ST_Node);
    t := __NEW(ST_Node);
    differ := r <> t;
    __DELETE(r);
    __DELETE(t);
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.differ"], 3) == {"MAIN.differ": [True] * 3}


TWO = """
TYPE ST_Node : STRUCT n : LINT; a : ARRAY [0..9] OF LINT; END_STRUCT END_TYPE
FUNCTION_BLOCK FB_Churn
VAR_INPUT mark : LINT; END_VAR
VAR p : ARRAY [0..15] OF POINTER TO ST_Node; i : INT; k : INT; bad : DINT; rounds : DINT; END_VAR
FOR k := 0 TO 2000 DO
    FOR i := 0 TO 15 DO
        p[i] := __NEW(ST_Node);
        IF p[i] <> 0 THEN
            IF p[i]^.n <> 0 OR p[i]^.a[9] <> 0 THEN bad := bad + 1; END_IF
            p[i]^.n := mark + i;
            p[i]^.a[9] := mark + i;
        END_IF
    END_FOR
    FOR i := 0 TO 15 DO
        IF p[i] <> 0 THEN
            IF p[i]^.n <> mark + i OR p[i]^.a[9] <> mark + i THEN bad := bad + 1; END_IF
            __DELETE(p[i]);
        ELSE
            bad := bad + 1;
        END_IF
    END_FOR
    rounds := rounds + 1;
END_FOR
END_FUNCTION_BLOCK
PROGRAM FIRST
VAR fb : FB_Churn; END_VAR
fb(mark := 1000);
END_PROGRAM
PROGRAM SECOND
VAR fb : FB_Churn; END_VAR
fb(mark := 2000);
END_PROGRAM
"""


def test_two_tasks_that_allocate_at_once_never_share_a_block() -> None:
    """Two threads take and give back at the same time: each finds its blocks zero, and later as it left them."""
    program, _ = checked(TWO)
    tasks = [TaskProgram(name, [program.entry[name]]) for name in ("FIRST", "SECOND")]
    session = Session(program, replace(Options(), heap_bytes=16384), tasks)
    threads = [threading.Thread(target=session.cycle, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("FIRST", "SECOND"):
        assert session.read(f"{name}.fb.bad") == 0
        assert session.read(f"{name}.fb.rounds") == 2001


def test_an_application_without_new_has_no_heap() -> None:
    """No heap is made for code that does not ask for one."""
    session = session_of("PROGRAM MAIN\nVAR x : INT; END_VAR\nx := x + 1;\nEND_PROGRAM")
    assert not session.has_heap
