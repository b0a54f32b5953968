"""What tasks hand over to each other, with real threads that overlap as they please."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from control_process import Running, control, wait_for
from control_st import image_of, symbol

from dinrail.control.channel.layout import Request, Space, State
from dinrail.control.channel.writer import Writer
from dinrail.control.options import ControlOptions
from dinrail.control.settings import TaskSettings

pytestmark = pytest.mark.control

FAST = TaskSettings("Fast", cycle_ns=200_000, priority=10, programs=("Giver",), watchdog_cycles=0)
SLOW = TaskSettings("Slow", cycle_ns=230_000, priority=11, programs=("Taker",), watchdog_cycles=0)
TASKS = (FAST, SLOW)
RACE = """
VAR_GLOBAL
    whole : ARRAY[0..7999] OF LINT;
    flag : LINT;
    {attribute 'dinrail.no_handshake'}
    plain : ARRAY[0..8999] OF LINT;
END_VAR
PROGRAM Giver
VAR
    cycle : LINT;
    i : DINT;
END_VAR
cycle := cycle + 1;
flag := cycle;
FOR i := 0 TO 7999 DO
    whole[i] := cycle;
    plain[i] := cycle;
END_FOR
END_PROGRAM
PROGRAM Taker
VAR
    i : DINT;
    first : LINT;
    cycles, changes, torn, plain_torn, back : LINT;
    is_torn : BOOL;
END_VAR
cycles := cycles + 1;
IF flag <> first THEN
    changes := changes + 1;
END_IF
IF flag < first THEN
    back := back + 1;
END_IF
first := flag;
is_torn := FALSE;
FOR i := 0 TO 7999 DO
    is_torn := is_torn OR whole[i] <> first;
END_FOR
IF is_torn OR flag <> first THEN
    torn := torn + 1;
END_IF
is_torn := FALSE;
FOR i := 1 TO 7999 DO
    is_torn := is_torn OR plain[i] <> plain[0];
END_FOR
IF is_torn THEN
    plain_torn := plain_torn + 1;
END_IF
END_PROGRAM
"""


def value(running: Running, image: bytes, name: str, size_bytes: int = 8) -> int:
    """An integer as its task has published it."""
    offset = symbol(image, name).offset
    layout = running.channel.layout()
    (segment,) = (
        one for one in layout.segments if one.space == Space.DATA and one.offset <= offset < one.offset + one.size_bytes
    )
    wait_for(lambda: running.channel.publication(segment.task) > 0)
    snapshot = running.channel.snapshot(segment.task)
    assert snapshot is not None
    at = segment.position + offset - segment.offset
    return int.from_bytes(snapshot.data[at : at + size_bytes], "little", signed=True)


def options_of(directory: Path, image: bytes, name: str = "one", retain: Path | None = None) -> ControlOptions:
    path = directory / f"{name}.image"
    path.write_bytes(image)
    return ControlOptions(path, directory / "channel", retain=retain)


def test_nothing_is_torn_between_two_tasks(tmp_path: Path) -> None:
    """A flag and 64 000 bytes beside it are of one cycle, each time; plain memory, which the same two use in the same
    cycles, is not."""
    image = image_of(RACE, tasks=TASKS)
    with control(options_of(tmp_path, image)) as running:
        wait_for(lambda: value(running, image, "Taker.plain_torn") >= 20, seconds=60)
        wait_for(lambda: value(running, image, "Taker.changes") >= 500, seconds=60)
        assert value(running, image, "Taker.torn") == 0
        assert value(running, image, "Taker.back") == 0
        assert running.channel.state == State.RUN


COUNTING = """
VAR_GLOBAL
    shared : ST_Shared;
    given : DINT := 5;
END_VAR
VAR_GLOBAL RETAIN
    kept : ARRAY[0..3] OF DINT;
END_VAR
TYPE ST_Shared : STRUCT
    count, twice : DINT;
END_STRUCT END_TYPE
PROGRAM Giver
shared.count := shared.count + 1;
shared.twice := 2 * shared.count;
kept[0] := kept[0] + 1;
kept[3] := kept[0];
END_PROGRAM
PROGRAM Taker
VAR
    cycles, seen, wrong, first_kept, gave, back : DINT;
END_VAR
cycles := cycles + 1;
IF cycles = 1 THEN
    first_kept := kept[0];
END_IF
IF shared.twice <> 2 * shared.count OR kept[3] <> kept[0] THEN
    wrong := wrong + 1;
END_IF
IF shared.count < seen THEN
    back := back + 1;
END_IF
seen := shared.count;
gave := given;
END_PROGRAM
"""


def test_an_online_change_carries_over_what_is_under_way(tmp_path: Path) -> None:
    """The reader's first cycle with the new code finds the values where they were, though everything has moved."""
    first = image_of(COUNTING, tasks=TASKS)
    more = COUNTING.replace("    shared : ST_Shared;", "    filler : ARRAY[0..9] OF LREAL;\n    shared : ST_Shared;")
    more = more.replace("shared.twice := 2", "filler[3] := shared.count;\nshared.twice := 2")
    more = more.replace("gave := given;", "gave := given + 1000;\nIF filler[3] > shared.count THEN wrong := -1; END_IF")
    second = image_of(more, tasks=TASKS)
    (tmp_path / "two.image").write_bytes(second)
    with control(options_of(tmp_path, first)) as running:
        wait_for(lambda: value(running, first, "Taker.seen", 4) >= 50)
        before = value(running, first, "Taker.seen", 4)
        running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        wait_for(lambda: value(running, second, "Taker.gave", 4) == 1005)
        wait_for(lambda: value(running, second, "Taker.seen", 4) >= before + 50)
        assert value(running, second, "Taker.wrong", 4) == 0
        assert value(running, second, "Taker.back", 4) == 0


def test_retained_values_are_there_in_the_reader_s_first_cycle(tmp_path: Path) -> None:
    """What the file restores is seen by every task from its first cycle on."""
    image = image_of(COUNTING, tasks=TASKS)
    options = options_of(tmp_path, image, retain=tmp_path / "kept")
    with control(options) as running:
        wait_for(lambda: value(running, image, "test.kept", 4) >= 50)
        assert running.end() == 0
    with control(options) as running:
        wait_for(lambda: value(running, image, "Taker.cycles", 4) >= 1)
        assert value(running, image, "Taker.first_kept", 4) >= 50
        assert value(running, image, "Taker.wrong", 4) == 0


def test_what_is_written_while_stopped_is_seen_when_it_runs(tmp_path: Path) -> None:
    """A client's write to what only clients write reaches the other task, in STOP as in RUN."""
    image = image_of(
        COUNTING.replace("PROGRAM Giver\n", "PROGRAM Giver\nVAR own : DINT; END_VAR\nown := given;\n"), tasks=TASKS
    )
    offset = symbol(image, "test.given").offset
    with control(options_of(tmp_path, image)) as running, Writer.open(running.options.channel) as writer:
        wait_for(lambda: value(running, image, "Taker.gave", 4) == 5)
        writer.write(0, Space.DATA, offset, struct.pack("<i", 6))
        wait_for(lambda: value(running, image, "Taker.gave", 4) == 6)
        running.ask(Request.STOP)
        wait_for(lambda: running.channel.state == State.STOP)
        at = writer.write(0, Space.DATA, offset, struct.pack("<i", 7))
        wait_for(lambda: writer.applied(0, at))
        running.ask(Request.START)
        wait_for(lambda: value(running, image, "Taker.gave", 4) == 7)
        assert value(running, image, "Taker.wrong", 4) == 0


def test_a_forced_value_is_what_is_handed_over(tmp_path: Path) -> None:
    """The writer's code writes another value in each cycle: the reader sees the forced one."""
    image = image_of(COUNTING, tasks=TASKS)
    offset = symbol(image, "test.shared").offset
    with control(options_of(tmp_path, image)) as running, Writer.open(running.options.channel) as writer:
        wait_for(lambda: value(running, image, "Taker.seen", 4) >= 20)
        writer.force(0, Space.DATA, offset, b"\xff" * 8, struct.pack("<ii", 1_000_000, 2_000_000))
        wait_for(lambda: value(running, image, "Taker.seen", 4) == 1_000_000)
        running.more_cycles(100, 1)
        assert value(running, image, "Taker.seen", 4) == 1_000_000
        assert value(running, image, "Taker.wrong", 4) == 0
        assert value(running, image, "Taker.back", 4) == 0


LOCKED = """
VAR_GLOBAL
    lock, naive : BOOL;
    counted, miscounted : LINT;
    left AT %MX0.0 : BOOL;
    right AT %MX0.1 : BOOL;
END_VAR
PROGRAM Giver
VAR
    own, own_naive, cycles, lost : LINT;
    i : DINT;
END_VAR
cycles := cycles + 1;
FOR i := 1 TO 2000 DO
    left := NOT left;
    IF left <> (i MOD 2 = 1) THEN
        lost := lost + 1;
    END_IF
    IF TestAndSet(lock) THEN
        counted := counted + 1;
        own := own + 1;
        lock := FALSE;
    END_IF
    IF NOT naive THEN
        naive := TRUE;
        miscounted := miscounted + 1;
        own_naive := own_naive + 1;
        naive := FALSE;
    END_IF
END_FOR
END_PROGRAM
"""
LOCKED += LOCKED[LOCKED.index("PROGRAM Giver") :].replace("Giver", "Taker").replace("left", "right")


def test_what_tasks_guard_by_test_and_set_is_counted_right(tmp_path: Path) -> None:
    """Two threads count under one flag: none is lost; under a flag that is looked at and set in two steps, some are.
    Bits that lie in one byte do not disturb each other, nor does a client that writes a third one."""
    image = image_of(LOCKED, tasks=TASKS)
    with control(options_of(tmp_path, image)) as running, Writer.open(running.options.channel) as writer:

        def difference(own: str, shared: str) -> int:
            counts = [value(running, image, f"{program}.{own}") for program in ("Giver", "Taker")]
            return sum(counts) - value(running, image, shared)

        def have_raced() -> bool:
            for number in range(400):
                writer.write_bits(0, Space.MARKER, 0, b"\x04", bytes([4 * (number & 1)]))
                running.more_cycles(1)
            running.ask(Request.STOP)
            running.more_cycles(3, 0)
            running.more_cycles(3, 1)
            assert difference("own", "test.counted") == 0
            found = difference("own_naive", "test.miscounted") != 0
            running.ask(Request.START)
            return found

        wait_for(have_raced, seconds=60)
        assert value(running, image, "Giver.lost") == value(running, image, "Taker.lost") == 0
        assert min(value(running, image, "Giver.own"), value(running, image, "Taker.own")) > 1000
