"""What variables start with, as the running code finds it: constants, references, FB_Init in its order, addresses."""

from __future__ import annotations

import pytest
from plc_run import Refused, checked, run_st


def first(text: str, *watch: str) -> list[object]:
    """The values after one cycle, in order."""
    found = run_st(text, watch=list(watch), cycles=1)
    return [found[name][0] for name in watch]


CONSTRUCTED = """
    FUNCTION_BLOCK FB_Base
    VAR_INPUT
        n : INT := 4;
    END_VAR
    VAR
        seen : INT;
        order : INT;
    END_VAR
        METHOD FB_Init : BOOL
        VAR_INPUT
            bInitRetains : BOOL;
            bInCopyCode : BOOL;
        END_VAR
            seen := n * 10;
            order := 1;
            IF bInitRetains AND NOT bInCopyCode THEN
                seen := seen + 1;
            END_IF
        END_METHOD
    END_FUNCTION_BLOCK
    FUNCTION_BLOCK FB_Sub EXTENDS FB_Base
    VAR
        id : INT;
    END_VAR
        METHOD FB_Init : BOOL
        VAR_INPUT
            bInitRetains : BOOL;
            bInCopyCode : BOOL;
            nId : INT;
        END_VAR
            order := order * 10 + 2;
            id := nId;
        END_METHOD
    END_FUNCTION_BLOCK
"""


def test_fb_init_runs_base_first_and_does_not_see_the_instance_s_values() -> None:
    """The base's FB_Init runs, then the derived one; values given to inputs in the declaration come behind both."""
    text = f"""{CONSTRUCTED}
        PROGRAM MAIN
        VAR
            fb : FB_Sub(nId := 7) := (n := 6);
        END_VAR
        END_PROGRAM
    """
    assert first(text, "MAIN.fb.seen", "MAIN.fb.order", "MAIN.fb.id", "MAIN.fb.n") == [41, 12, 7, 6]


def test_fb_init_runs_for_instances_wherever_they_lie() -> None:
    """In arrays with arguments for all or for each, in structures, and in other instances."""
    text = f"""{CONSTRUCTED}
        TYPE ST_Pair : STRUCT
            left : FB_Sub(1);
            right : FB_Sub(nId := 2) := (n := 5);
        END_STRUCT END_TYPE
        FUNCTION_BLOCK FB_Owner
        VAR
            inner : FB_Sub(3);
        END_VAR
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            same : ARRAY [0..2] OF FB_Sub(nId := 8);
            each : ARRAY [0..1] OF FB_Sub[(nId := 11), (nId := 12)];
            pairs : ARRAY [0..1] OF ST_Pair;
            owner : FB_Owner;
        END_VAR
        END_PROGRAM
    """
    watch = {
        "MAIN.same[0].id": 8,
        "MAIN.same[2].id": 8,
        "MAIN.each[0].id": 11,
        "MAIN.each[1].id": 12,
        "MAIN.pairs[1].left.id": 1,
        "MAIN.pairs[1].right.id": 2,
        "MAIN.pairs[1].right.n": 5,
        "MAIN.pairs[0].right.seen": 41,
        "MAIN.owner.inner.id": 3,
        "MAIN.owner.inner.order": 12,
    }
    assert first(text, *watch) == list(watch.values())


def test_references_and_pointers_are_bound_before_the_first_cycle() -> None:
    """In programs, in instances, and in structures; what they refer to is written through them."""
    text = """
        VAR_GLOBAL
            g : INT := 40;
        END_VAR
        TYPE ST_Link : STRUCT
            p : POINTER TO INT := ADR(g);
        END_STRUCT END_TYPE
        FUNCTION_BLOCK FB_A
        VAR_INPUT
            step : INT;
        END_VAR
        VAR
            own : INT := 3;
            r : REFERENCE TO INT := own;
            p : POINTER TO FB_A := THIS;
        END_VAR
            r := r + 1;
            p^.step := 10;
            own := own + step;
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            r : REFERENCE TO INT := g;
            link : ST_Link;
            a, b : FB_A;
            sum : INT;
        END_VAR
            r := r + 1;
            link.p^ := link.p^ + 1;
            a();
            sum := g;
        END_PROGRAM
    """
    assert first(text, "MAIN.sum", "MAIN.a.own", "MAIN.b.own") == [42, 14, 3]


def test_an_interface_is_set_to_an_instance() -> None:
    """An interface's initial value is the instance, and calls reach its class."""
    text = """
        INTERFACE I_Number
            METHOD Get : INT
            END_METHOD
        END_INTERFACE
        FUNCTION_BLOCK FB_Five IMPLEMENTS I_Number
            METHOD Get : INT
                Get := 5;
            END_METHOD
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            five : FB_Five;
            number : I_Number := five;
            n : INT;
        END_VAR
            n := number.Get();
        END_PROGRAM
    """
    assert first(text, "MAIN.n") == [5]


def test_initial_values_that_only_code_can_make() -> None:
    """Calls, other variables and texts made of others; in declared order, globals first."""
    text = """
        VAR_GLOBAL
            base : INT := F_Next(40);
        END_VAR
        FUNCTION F_Next : INT
        VAR_INPUT
            n : INT;
        END_VAR
            F_Next := n + 1;
        END_FUNCTION
        PROGRAM MAIN
        VAR
            n : INT := base + 1;
            list : ARRAY [0..3] OF INT := [1, 2(n), F_Next(9)];
            s : STRING := CONCAT('a', 'b');
        END_VAR
        END_PROGRAM
    """
    watch = ("MAIN.n", "MAIN.list[0]", "MAIN.list[1]", "MAIN.list[2]", "MAIN.list[3]", "MAIN.s")
    assert first(text, *watch) == [42, 1, 42, 42, 10, "ab"]


def test_locals_and_temporaries_start_anew_and_statics_do_not() -> None:
    """Locals, outputs, results and VAR_TEMP start with their values at each call; VAR_STAT and VAR_INST keep theirs."""
    text = """
        TYPE ST_A : STRUCT
            x : INT := 5;
        END_STRUCT END_TYPE
        FUNCTION F_A : INT
        VAR_INPUT
            n : INT;
        END_VAR
        VAR_OUTPUT
            out : INT := 9;
        END_VAR
        VAR
            local : ST_A;
            list : ARRAY [0..1] OF INT := [1, 2];
        END_VAR
        VAR_STAT
            calls : INT := 100;
        END_VAR
            calls := calls + 1;
            local.x := local.x + n;
            list[1] := list[1] + n;
            IF n > 1 THEN
                F_A := local.x * 100 + list[1];
                out := calls;
            END_IF
        END_FUNCTION
        FUNCTION_BLOCK FB_A
        VAR
            body : INT;
        END_VAR
        VAR_TEMP
            t : INT := 7;
        END_VAR
            t := t + 1;
            body := t;
            METHOD Count : INT
            VAR_INST
                kept : INT := 10;
            END_VAR
                kept := kept + 1;
                Count := kept;
            END_METHOD
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            one, two, outOne, outTwo, countA, countB : INT;
            a, b : FB_A;
        END_VAR
            one := F_A(1, out => outOne);
            two := F_A(2, out => outTwo);
            a();
            a();
            a.Count();
            countA := a.Count();
            countB := b.Count();
        END_PROGRAM
    """
    watch = ("one", "two", "outOne", "outTwo", "a.body", "countA", "countB")
    values = run_st(text, watch=[f"MAIN.{name}" for name in watch], cycles=2)
    assert {name: values[f"MAIN.{name}"] for name in watch} == {
        "one": [0, 0],
        "two": [704, 704],
        "outOne": [9, 9],
        "outTwo": [102, 104],
        "a.body": [8, 8],
        "countA": [12, 14],
        "countB": [11, 12],
    }


def test_instances_in_a_method_s_locals_are_made_whole_at_each_call() -> None:
    """A local instance has its class, its defaults and its FB_Init each time."""
    text = f"""{CONSTRUCTED}
        FUNCTION F_A : INT
        VAR
            fb : FB_Sub(5);
        END_VAR
            fb.n := fb.n + 1;
            F_A := fb.n * 1000 + fb.id * 100 + fb.order;
        END_FUNCTION
        PROGRAM MAIN
        VAR
            n : INT;
        END_VAR
            n := F_A();
            n := F_A();
        END_PROGRAM
    """
    assert first(text, "MAIN.n") == [5512]


def test_fields_with_an_address_are_each_instance_s_own() -> None:
    """A field AT %Q* refers to a place of its own in the image for each instance, in arrays and structures too."""
    text = """
        TYPE ST_Io : STRUCT
            lamp AT %Q* : INT;
        END_STRUCT END_TYPE
        FUNCTION_BLOCK FB_A
        VAR
            out AT %Q* : INT;
            io : ST_Io;
        END_VAR
        VAR_INPUT
            n : INT;
        END_VAR
            out := n;
            io.lamp := n + 1;
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb : ARRAY [1..2] OF FB_A;
            own AT %QW0 : INT := 77;
        END_VAR
            fb[1](n := 10);
            fb[2](n := 20);
        END_PROGRAM
    """
    watch = ("MAIN.own", "MAIN.fb[1].out", "MAIN.fb[1].io.lamp", "MAIN.fb[2].out", "MAIN.fb[2].io.lamp")
    assert first(text, *watch) == [77, 10, 11, 20, 21]


def test_addresses_overlap_as_bytes() -> None:
    """Byte addresses: %MW2 is the upper half of %MD0, %MX2.0 its lowest bit."""
    text = """
        PROGRAM MAIN
        VAR
            whole AT %MD0 : DWORD;
            upper AT %MW2 : WORD;
            bit AT %MX2.0 : BOOL;
            start AT %MX9.5 : BOOL := TRUE;
            byte_ AT %MB9 : BYTE;
        END_VAR
            whole := 16#0001_FFFF;
        END_PROGRAM
    """
    assert first(text, "MAIN.upper", "MAIN.bit", "MAIN.byte_") == [1, True, 32]


def test_a_constant_says_how_often_a_value_stands_there() -> None:
    """`[cN(7)]` is cN times 7, of a program's and of a function's own variable; `cN()` leaves the defaults; a function
    of that form is called as ever."""
    text = """
    FUNCTION F_Ten : INT
    VAR_INPUT x : INT; END_VAR
    VAR CONSTANT cTwo : INT := 2; END_VAR
    VAR q : ARRAY [0..2] OF INT := [cTwo(5)]; END_VAR
        F_Ten := x * 10 + q[0] + q[1] + q[2];
    END_FUNCTION
    PROGRAM MAIN
    VAR CONSTANT cN : DINT := 3; END_VAR
    VAR
        a : ARRAY [0..5] OF INT := [cN(7), 1, 2(4)];
        b : ARRAY [0..3] OF INT := [cN(), 9];
        c : ARRAY [0..1] OF INT := [F_Ten(1), F_Ten(2)];
        d : ARRAY [0..3] OF INT := [cN(F_Ten(3)), cN];
        sums : ARRAY [0..3] OF LINT;
        i : DINT;
    END_VAR
        FOR i := 0 TO 5 DO
            sums[0] := sums[0] * 10 + a[i];
        END_FOR
        FOR i := 0 TO 3 DO
            sums[1] := sums[1] * 10 + b[i];
            sums[3] := sums[3] * 100 + d[i];
        END_FOR
        sums[2] := c[0] * 100 + c[1];
    END_PROGRAM
    """
    names = [f"MAIN.sums[{number}]" for number in range(4)]
    assert run_st(text, names) == dict(zip(names, ([777144], [9], [2030], [40404003]), strict=True))


def test_more_repetitions_than_elements_are_refused() -> None:
    """By a constant's name as by a number."""
    text = """
    PROGRAM MAIN
    VAR CONSTANT cN : INT := 4; END_VAR
    VAR a : ARRAY [0..2] OF INT := [cN(7)]; END_VAR
    END_PROGRAM
    """
    with pytest.raises(Refused, match="3 elements; more are given"):
        checked(text)
