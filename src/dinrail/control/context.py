"""What each task's code and its executive share, apart from the application's data: one record per task.

The records lie in the shared object (`dinrail_contexts`, STRIDE_BYTES apart, zero at load). Compiled code gets its own
one's address as the first argument of every function. Little-endian, natural alignment. Offsets below are bytes from
the record's start; who writes a field is said with it.

A fault is recorded once, by the code in the task's own thread, and then longjmp goes to the innermost handler:

    table at CHANGES:   0 first, 8 last + 1 address of the data u64 | 16 count u64 | 24 then, by address: an instance's
                        address u64, NEW_OR_GONE or COPIED u64; those in the data that it does not name are STAYS

    handler record (on the stack of whoever guards):   0 previous handler u64 | 8 depth u32 | 16 jmp_buf

`frames` are return addresses, innermost first: whoever looks one up takes the address - 1. (The address of a trap
itself is put there + 1, so that the same holds.)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

STRIDE_BYTES = 4096
"""From one task's record to the next one's: a page each, so that no two tasks share a cache line."""

ABORT = 0  # u32, supervisor: not 0 ends the task's loops with Fault.RUNAWAY at their next round
INDEX = 4  # u32, executive: the task's number, from 1
CYCLE_NS = 8  # u64, executive: its cycle time
TASK_TIME_NS = 16  # u64, executive, each cycle: CLOCK_MONOTONIC at its begin
WALL_TIME_NS = 24  # u64, executive, each cycle: since 1970
CYCLE_COUNT = 32  # u64, executive, each cycle: counts cycles, 0 in the first
FIRST_CYCLE = 40  # u8, executive: 1 in the first cycle after start or reset
INJECTED = 41  # u8, whoever steps cycle by cycle: 1: the clock is the one it gives, also for what asks how late it is
DEPTH = 44  # u32, code: how deep functions stand that may call themselves
STACK_LOW = 48  # u64, executive: the stack's lowest usable address; 0: not known
STACK_HIGH = 56  # u64, the outermost guard: where walks through the frames end
HANDLER = 64  # u64, guards: the innermost handler record; 0: nobody guards
FAULT_CODE = 72  # u32, fault: core.program.Fault
FRAME_COUNT = 76  # u32, fault: how many of `frames` are there
FAULT_PLACE = 80  # u64, fault: plc.source.Place; 0 for a trap, whose place is its address's
FAULT_VALUES = 88  # i64[3], fault: of BOUNDS the index, lower, upper bound; of a trap the address it touched
FRAMES = 112  # u64[FRAMES_MAX], fault
FRAMES_MAX = 64
CHANGES = FRAMES + 8 * FRAMES_MAX  # u64, whoever makes an online change: address of a table of instances; 0: none
END = CHANGES + 8
VIEWS = 1024  # u64[VIEWS_MAX], code: where this task finds what another one hands over, one for each Program.handovers
VIEWS_MAX = (STRIDE_BYTES - VIEWS) // 8
"""Behind END: a record is cleared up to there, and the views stay."""

NEW_OR_GONE, COPIED, STAYS = 1, 2, 3
"""What an online change does to an instance: COPIED into another declaration of its class, STAYS in the same one."""

HANDLER_PREVIOUS = 0
HANDLER_DEPTH = 8
HANDLER_BUFFER = 16
HANDLER_BYTES = 224
"""Room for jmp_buf of glibc on x86-64 (200 bytes), or FreeBSD (96)."""

LOG_ENTRIES = 256
LOG_ENTRY_BYTES = 256
LOG_HEADER_BYTES = 64
LOG_TEXT_BYTES = LOG_ENTRY_BYTES - 24
"""`dinrail_log`: u64 next (how many entries were ever begun; 64 bytes), then a ring of entries:

    0  sequence u64: number of the entry from 1, stored last; 0 while it is being written
    8  time_ns u64: the task's wall time
    16 level u32 | 20 task u32
    24 text, NUL-ended
"""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What code has logged (ADSLOGSTR, ASSERT). task: its number, from 1."""

    time_ns: int
    level: int
    task: int
    text: str


def log_entries(ring: bytes) -> list[LogEntry]:
    """What is in a copy of `dinrail_log`, oldest first; an entry that was being written ends it."""
    begun = int.from_bytes(ring[:8], "little")
    found = []
    for number in range(max(begun - LOG_ENTRIES, 0), begun):
        entry = ring[log_place(number) : log_place(number) + LOG_ENTRY_BYTES]
        if int.from_bytes(entry[:8], "little") != number + 1:
            break
        time_ns, level, task = struct.unpack_from("<QII", entry, 8)
        found.append(LogEntry(time_ns, level, task, entry[24:].split(b"\0", 1)[0].decode("cp1252", "replace")))
    return found


def log_place(number: int) -> int:
    """Where the entry of that number (from 0) begins in the ring."""
    return LOG_HEADER_BYTES + number % LOG_ENTRIES * LOG_ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """What a task left behind when it stopped. code: core.program.Fault; frames: see the module."""

    code: int
    place: int
    values: tuple[int, int, int]
    frames: tuple[int, ...]


def fault_of(record: bytes) -> FaultRecord:
    """The fault in a context record (at least END bytes)."""
    code, count, place = struct.unpack_from("<IIQ", record, FAULT_CODE)
    values = struct.unpack_from("<3q", record, FAULT_VALUES)
    frames = struct.unpack_from(f"<{min(count, FRAMES_MAX)}Q", record, FRAMES)
    return FaultRecord(code, place, (values[0], values[1], values[2]), frames)
