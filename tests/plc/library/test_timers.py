"""Timers: the standard's timing diagrams, cycle by cycle on a clock of the test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from plc_run import run_st

MS = 1_000_000
STEP_MS = 10
PT_MS = 25


def run(block: str, inputs: Sequence[bool], *, pt: str = f"{PT_MS}ms", start_ns: int = 0) -> list[tuple[bool, int]]:
    """(Q, ET in ms) after each cycle of 10 ms."""
    is_long = block.startswith("L")
    literal = f"LTIME#{pt}" if is_long else f"T#{pt}"
    text = f"PROGRAM MAIN\nVAR t : {block}; i : BOOL; END_VAR\nt(IN := i, PT := {literal});\nEND_PROGRAM"
    seen = run_st(text, ["MAIN.t.Q", "MAIN.t.ET"], len(inputs), inputs={"MAIN.i": inputs}, start_ns=start_ns)
    unit = MS if is_long else 1
    return [(bool(q), int(str(et)) // unit) for q, et in zip(seen["MAIN.t.Q"], seen["MAIN.t.ET"], strict=True)]


def bits(text: str) -> list[bool]:
    return [char == "1" for char in text]


@pytest.mark.parametrize("block", ["TON", "LTON"])
def test_ton_delays_the_rising_edge(block: str) -> None:
    """Q comes PT after IN; a shorter IN gives nothing; ET counts to PT and falls with IN."""
    seen = run(block, bits("0111110011000"))
    assert [et for _, et in seen] == [0, 0, 10, 20, 25, 25, 0, 0, 0, 10, 0, 0, 0]
    assert [q for q, _ in seen] == bits("0000110000000")


@pytest.mark.parametrize("block", ["TOF", "LTOF"])
def test_tof_delays_the_falling_edge(block: str) -> None:
    """Q goes PT after IN; a shorter gap is bridged; ET counts to PT and stays until IN."""
    seen = run(block, bits("0110011000000"))
    assert [et for _, et in seen] == [0, 0, 0, 0, 10, 0, 0, 0, 10, 20, 25, 25, 25]
    assert [q for q, _ in seen] == bits("0111111111000")


@pytest.mark.parametrize("block", ["TP", "LTP"])
def test_tp_makes_a_pulse_of_its_own_length(block: str) -> None:
    """However long IN is, and whatever it does meanwhile; ET stays at PT until IN is FALSE."""
    seen = run(block, bits("0100001111100101011"))
    assert [q for q, _ in seen] == bits("0111001110000111011")
    assert [et for _, et in seen] == [0, 0, 10, 20, 0, 0, 0, 10, 20, 25, 25, 0, 0, 0, 10, 20, 0, 0, 10]


@pytest.mark.parametrize(
    ("block", "q"),
    [("TON", "0110"), ("TOF", "0110"), ("TP", "0000"), ("LTON", "0110"), ("LTOF", "0110"), ("LTP", "0000")],
)
def test_no_time_is_no_delay(block: str, q: str) -> None:
    """With PT 0 delays follow IN at once, and a pulse has no length."""
    assert [each for each, _ in run(block, bits("0110"), pt="0ms")] == bits(q)


@pytest.mark.parametrize("block", ["TON", "TOF", "TP"])
def test_time_goes_on_where_32_bits_of_ms_end(block: str) -> None:
    """A delay across 2^32 ms after the start is like any other."""
    inputs = bits("01111110000000")
    assert run(block, inputs, start_ns=(2**32 - 40) * MS) == run(block, inputs)


def test_long_delays_reach_their_end() -> None:
    """The largest TIME is counted up to."""
    step_ms = 2**32 // 3 - 1
    text = "PROGRAM MAIN\nVAR t : TON; END_VAR\nt(IN := TRUE, PT := T#49d17h2m47s295ms);\nEND_PROGRAM"
    seen = run_st(text, ["MAIN.t.Q", "MAIN.t.ET"], 5, step_ns=step_ms * MS)
    assert seen["MAIN.t.Q"] == [False, False, False, False, True]
    assert seen["MAIN.t.ET"] == [0, step_ms, 2 * step_ms, 3 * step_ms, 2**32 - 1]


@pytest.mark.control
def test_timers_do_what_their_definitions_say_over_a_long_random_input() -> None:
    """Against the history of IN: how long it has been as it is, and when the last pulse began."""
    chance = int.from_bytes(hashlib.shake_128(b"61131").digest(150), "little")
    inputs = [bool(chance >> at & 1) for at in range(1200)]
    seen = {block: run(block, inputs) for block in ("TON", "TOF", "TP")}
    high, low, pulse, was = -1, 10**6, -(10**6), False
    for cycle, value in enumerate(inputs):
        high = high + 1 if value else -1
        low = low + 1 if not value and low < 10**6 else (10**6 if not value else -1)
        since = (cycle - pulse) * STEP_MS
        if value and not was and since >= PT_MS:
            pulse, since = cycle, 0
        was = value
        assert seen["TON"][cycle][0] == (high * STEP_MS >= PT_MS), cycle
        assert seen["TOF"][cycle][0] == (value or low * STEP_MS < PT_MS), cycle
        assert seen["TP"][cycle][0] == (since < PT_MS), cycle


def test_rtc_counts_on_from_the_time_it_is_given() -> None:
    """From the rising edge of EN; at the begin of 1970 while EN is FALSE."""
    text = "PROGRAM MAIN\nVAR c : RTC; e : BOOL; END_VAR\nc(EN := e, PDT := DT#2024-02-28-23:59:59);\nEND_PROGRAM"
    seen = run_st(
        text, ["MAIN.c.Q", "MAIN.c.CDT"], 7, step_ns=500 * MS, inputs={"MAIN.e": bits("0111101")}, start_ns=7 * MS
    )
    first = 1_709_164_799  # 2024-02-28 23:59:59
    assert seen["MAIN.c.CDT"] == [0, first, first, first + 1, first + 1, 0, first]
    assert seen["MAIN.c.Q"] == bits("0111101")
