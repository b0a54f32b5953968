"""Counters, edges, bistables."""

from __future__ import annotations

import pytest
from plc_run import run_table

TYPED = ["INT", "DINT", "LINT", "UINT", "UDINT", "ULINT"]
RANGES = {"INT": (-(2**15), 2**15 - 1), "DINT": (-(2**31), 2**31 - 1), "LINT": (-(2**63), 2**63 - 1)}
RANGES |= {"UINT": (0, 2**16 - 1), "UDINT": (0, 2**32 - 1), "ULINT": (0, 2**64 - 1), "WORD": (0, 2**16 - 1)}
BLOCKS = [("", "WORD", "RESET", "LOAD"), *((f"_{kind}", kind, "R", "LD") for kind in TYPED)]


def program(block: str, inputs: dict[str, str]) -> str:
    variables = "".join(f"i{name} : {kind}; " for name, kind in inputs.items())
    arguments = ", ".join(f"{name} := i{name}" for name in inputs)
    return f"PROGRAM MAIN\nVAR c : {block}; {variables}END_VAR\nc({arguments});\nEND_PROGRAM"


@pytest.mark.parametrize(("suffix", "kind", "reset", "_load"), BLOCKS)
def test_ctu_counts_rising_edges_up(suffix: str, kind: str, reset: str, _load: str) -> None:
    """Q with PV; reset wins over an edge; the type's largest value is the end."""
    text = program(f"CTU{suffix}", {"CU": "BOOL", reset: "BOOL", "PV": kind})
    rows = [
        {"MAIN.iPV": 2, "MAIN.iCU": False, "MAIN.c.CV": 0, "MAIN.c.Q": False},
        {"MAIN.iCU": True, "MAIN.c.CV": 1, "MAIN.c.Q": False},
        {"MAIN.iCU": True, "MAIN.c.CV": 1},
        {"MAIN.iCU": False, "MAIN.c.CV": 1},
        {"MAIN.iCU": True, "MAIN.c.CV": 2, "MAIN.c.Q": True},
        {"MAIN.iCU": False},
        {"MAIN.iCU": True, "MAIN.c.CV": 3, "MAIN.c.Q": True},
        {f"MAIN.i{reset}": True, "MAIN.c.CV": 0, "MAIN.c.Q": False},
        {"MAIN.iCU": False},
        {"MAIN.iCU": True, "MAIN.c.CV": 0},
        {f"MAIN.i{reset}": False, "MAIN.c.CV": 0},
        {"MAIN.iPV": 0, "MAIN.c.Q": True},
    ]
    run_table(text, rows, expect=["MAIN.c.CV", "MAIN.c.Q"])


@pytest.mark.parametrize(("suffix", "kind", "_reset", "load"), BLOCKS)
def test_ctd_counts_rising_edges_down(suffix: str, kind: str, _reset: str, load: str) -> None:
    """From PV, which is loaded, to the type's smallest value; Q at 0 and below."""
    low = RANGES[kind][0]
    text = program(f"CTD{suffix}", {"CD": "BOOL", load: "BOOL", "PV": kind})
    rows = [
        {"MAIN.iPV": 2, f"MAIN.i{load}": True, "MAIN.c.CV": 2, "MAIN.c.Q": False},
        {"MAIN.iCD": True, "MAIN.c.CV": 2},
        {f"MAIN.i{load}": False, "MAIN.c.CV": 2},
        {"MAIN.iCD": False},
        {"MAIN.iCD": True, "MAIN.c.CV": 1, "MAIN.c.Q": False},
        {"MAIN.iCD": False},
        {"MAIN.iCD": True, "MAIN.c.CV": 0, "MAIN.c.Q": True},
        {"MAIN.iCD": False, "MAIN.iPV": low, f"MAIN.i{load}": True, "MAIN.c.CV": low, "MAIN.c.Q": True},
        {"MAIN.iCD": True, f"MAIN.i{load}": False, "MAIN.c.CV": low},
    ]
    run_table(text, rows, expect=["MAIN.c.CV", "MAIN.c.Q"])


@pytest.mark.parametrize(("suffix", "kind", "reset", "load"), BLOCKS)
def test_ctud_counts_both_ways(suffix: str, kind: str, reset: str, load: str) -> None:
    """Reset before load before edges; both edges at once count nothing; the type's ends hold."""
    high = RANGES[kind][1]
    text = program(f"CTUD{suffix}", {"CU": "BOOL", "CD": "BOOL", reset: "BOOL", load: "BOOL", "PV": kind})
    rows = [
        {"MAIN.iPV": 1, "MAIN.iCU": True, "MAIN.c.CV": 1, "MAIN.c.QU": True, "MAIN.c.QD": False},
        {"MAIN.iCU": False, "MAIN.iCD": True, "MAIN.c.CV": 0, "MAIN.c.QU": False, "MAIN.c.QD": True},
        {"MAIN.iCD": False},
        {"MAIN.iCU": True, "MAIN.iCD": True, "MAIN.c.CV": 0},
        {"MAIN.iCU": False, "MAIN.iCD": False, "MAIN.iPV": high, f"MAIN.i{load}": True, "MAIN.c.CV": high},
        {f"MAIN.i{load}": False, "MAIN.iCU": True, "MAIN.c.CV": high, "MAIN.c.QU": True},
        {f"MAIN.i{load}": True, f"MAIN.i{reset}": True, "MAIN.c.CV": 0, "MAIN.c.QD": True},
    ]
    run_table(text, rows, expect=["MAIN.c.CV", "MAIN.c.QU", "MAIN.c.QD"])


def test_ctu_stops_at_its_type_s_end() -> None:
    """65535 for WORD: it does not begin again."""
    body = "FOR n := 1 TO 70000 DO\nc(CU := TRUE);\nc(CU := FALSE);\nEND_FOR"
    text = f"PROGRAM MAIN\nVAR c : CTU; i : BOOL; n : DINT; END_VAR\n{body}\nEND_PROGRAM"
    run_table(text, [{"MAIN.c.CV": 65535}], expect=["MAIN.c.CV"])


def test_edges() -> None:
    """Each is seen in one call; a first TRUE is a rising edge, a first FALSE no falling one (as TwinCAT has it)."""
    text = "PROGRAM MAIN\nVAR r : R_TRIG; f : F_TRIG; i : BOOL; END_VAR\nr(CLK := i);\nf(CLK := i);\nEND_PROGRAM"
    pattern = [(0, 0, 0), (1, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, 0), (1, 1, 0), (0, 0, 1)]
    rows = [{"MAIN.i": bool(i), "MAIN.r.Q": bool(r), "MAIN.f.Q": bool(f)} for i, r, f in pattern]
    run_table(text, rows, expect=["MAIN.r.Q", "MAIN.f.Q"])
    first = "PROGRAM MAIN\nVAR r : R_TRIG; END_VAR\nr(CLK := TRUE);\nEND_PROGRAM"
    run_table(first, [{"MAIN.r.Q": True}, {"MAIN.r.Q": False}], expect=["MAIN.r.Q"])


def test_bistables() -> None:
    """Of SR the set wins, of RS the reset."""
    text = """PROGRAM MAIN
VAR s : SR; r : RS; set1 : BOOL; reset1 : BOOL; END_VAR
s(SET1 := set1, RESET := reset1);
r(SET := set1, RESET1 := reset1);
END_PROGRAM"""
    pattern = [(0, 0, 0, 0), (1, 0, 1, 1), (0, 0, 1, 1), (0, 1, 0, 0), (1, 1, 1, 0), (0, 0, 1, 0), (0, 1, 0, 0)]
    rows = [
        {"MAIN.set1": bool(a), "MAIN.reset1": bool(b), "MAIN.s.Q1": bool(c), "MAIN.r.Q1": bool(d)}
        for a, b, c, d in pattern
    ]
    run_table(text, rows, expect=["MAIN.s.Q1", "MAIN.r.Q1"])


def test_a_semaphore_is_busy_for_all_but_the_first() -> None:
    """Until it is released."""
    text = "PROGRAM MAIN\nVAR s : SEMA; c : BOOL; r : BOOL; END_VAR\ns(CLAIM := c, RELEASE := r);\nEND_PROGRAM"
    pattern = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 0, 0), (1, 1, 0), (0, 0, 1)]
    rows = [{"MAIN.c": bool(c), "MAIN.r": bool(r), "MAIN.s.BUSY": bool(b)} for c, r, b in pattern]
    run_table(text, rows, expect=["MAIN.s.BUSY"])
