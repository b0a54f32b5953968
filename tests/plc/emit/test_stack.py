"""How deep the stack can get is known from the code, and is what it really gets."""

from __future__ import annotations

import ctypes
import threading

import pytest
from plc_run import checked

from dinrail.control import context
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import TaskProgram
from dinrail.plc.emit.link import link
from dinrail.plc.emit.machine import object_code
from dinrail.plc.emit.module import write_module
from dinrail.plc.emit.session import Session
from dinrail.plc.emit.stack import CALL_BYTES, LIBRARY_BYTES, deepest, frame_bytes, frames_of


@pytest.mark.parametrize(
    ("code", "size_bytes"),
    [
        ("554889e5", 8),  # push rbp; mov rbp, rsp
        ("554889e5415741565053", 8 * 5),  # push r15, r14, rax, rbx
        ("554889e54883ec20c3", 8 + 32),  # sub rsp, 0x20
        ("554889e54881ec00040000", 8 + 1024),
        ("554889e54883e4e04883ec40", 8 + 32 + 64),  # and rsp, -32
        ("554889e54881ec0010000048c70424000000004883ec08", 8 + 4096 + 8),  # one page probed, then the rest
        (
            "554889e54989e34981eb002000004881ec0010000048c70424000000004c39dc75ec4883ec10",
            8 + 8192 + 16,
        ),  # a probing loop
        ("554889e5904881ec00010000", 8 + 256),  # further down than expected: counted
        ("c3", 0),
    ],
)
def test_a_frame_is_read_from_the_first_instructions(code: str, size_bytes: int) -> None:
    """Each way in which LLVM allocates a frame is understood."""
    assert frame_bytes(bytes.fromhex(code)) == size_bytes


def test_the_deepest_path_counts_and_a_circle_counts_as_often_as_it_may_turn() -> None:
    """The sum along the dearest path; functions that call each other, times the limit."""
    calls = {'@"A"': {'@"B"', '@"C"'}, '@"B"': {'@"D"'}, '@"C"': {'@"C"', '@"D"'}}
    frames = {"A": 16, "B": 1000, "C": 100, "D": 32}
    shallow = 16 + 32 + 2 * CALL_BYTES
    assert deepest(calls, frames, '@"A"', 4) == shallow + 1000 + CALL_BYTES + LIBRARY_BYTES
    assert deepest(calls, frames, '@"A"', 64) == shallow + 64 * (100 + CALL_BYTES) + LIBRARY_BYTES


TEXT = """
{attribute 'dinrail.recursive'}
FUNCTION F_Deep : LINT
VAR_INPUT n : LINT; END_VAR
VAR a : ARRAY [0..99] OF LINT; i : LINT; END_VAR
FOR i := 0 TO 99 DO
    a[i] := i * n;
END_FOR
IF n > 0 THEN
    F_Deep := F_Deep(n - 1) + a[n] + a[99 - n];
END_IF
END_FUNCTION
FUNCTION F_Large : LINT
VAR a : ARRAY [0..4999] OF LINT; i : LINT; END_VAR
FOR i := 0 TO 4999 DO
    a[i] := i;
END_FOR
F_Large := a[F_Deep(40) MOD 5000];
END_FUNCTION
PROGRAM MAIN
VAR x : LINT; END_VAR
x := F_Large();
END_PROGRAM
"""


def test_what_a_task_really_uses_is_below_what_was_said_and_not_far_below() -> None:
    """A stack that was painted before the cycle shows how deep the cycle went."""
    options = Options(recursion_limit=41)
    program, _ = checked(TEXT, options)
    tasks = [TaskProgram("PlcTask", [program.entry["MAIN"]])]
    module = write_module(program, tasks, options)
    whole = link([object_code(module.text, options)]).whole
    said = deepest(module.calls, frames_of(whole), "@dinrail_task_0", options.recursion_limit)
    session = Session(program, options, tasks)
    used: list[int] = []

    def work() -> None:
        used.append(painted(session))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said - LIBRARY_BYTES <= 2 * used[0]
    assert used[0] <= said


def painted(session: Session) -> int:
    """Bytes of stack that a cycle used, found by a pattern below the guard's frame."""
    assert session.cycle() is None
    high = ctypes.c_uint64.from_address(session.context(0) + context.STACK_HIGH).value
    room = 256 * 1024
    ctypes.memset(high - room, 0xA5, room - 4096)
    assert session.cycle() is None
    left = ctypes.string_at(high - room, room)
    return room - next(at for at in range(room) if left[at] != 0xA5)
