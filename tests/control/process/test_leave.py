"""FB_Exit and FB_Reinit in a control: at reset and end, and of the instances that an online change copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from control_process import Running, control, wait_for
from control_st import image_of, symbol, write_image_of

from dinrail.control.channel.layout import Request, State
from dinrail.control.options import ControlOptions

pytestmark = pytest.mark.control

LEAVING = """
VAR_GLOBAL PERSISTENT
    nExits : DINT;
    nCopied : DINT;
    nAgain : DINT;
END_VAR
FUNCTION_BLOCK FB_Leaving
VAR
    total : DINT;
    (* more *)
END_VAR
METHOD FB_Init : BOOL
VAR_INPUT bInitRetains : BOOL; bInCopyCode : BOOL; END_VAR
    ;(* begin *)
END_METHOD
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
    nExits := nExits + 1;
    nCopied := nCopied + BOOL_TO_DINT(bInCopyCode);
    total := total + 1000000;
END_METHOD
METHOD FB_Reinit : BOOL
    nAgain := nAgain + 1;
    total := total + 5000000;
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Same
VAR begun : DINT; END_VAR
METHOD FB_Init : BOOL
VAR_INPUT bInitRetains : BOOL; bInCopyCode : BOOL; END_VAR
    begun := SEL(bInCopyCode, 1, 2) * 10 + SEL(bInitRetains, 1, 2);
END_METHOD
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
    nExits := nExits + 100;
    nCopied := nCopied + 100 * BOOL_TO_DINT(bInCopyCode);
END_METHOD
METHOD FB_Reinit : BOOL
    nAgain := nAgain + 100;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR
    cycles : DINT;
    one : FB_Leaving;
    stays : FB_Same;
    goes : FB_Same;
END_VAR
cycles := cycles + 1;
END_PROGRAM
"""

CHANGED = (
    LEAVING.replace("(* more *)", "learned : DINT;")
    .replace("(* begin *)", "learned := SEL(bInCopyCode, 1, 2) * 10 + SEL(bInitRetains, 1, 2);")
    .replace("goes :", "comes :")
)


def at(image: bytes, path: str) -> int:
    """The offset of a variable, or of a member of a block in MAIN."""
    names = path.split(".")
    block = symbol(image, ".".join(names[:2]))
    inside = next(one.offset_bytes for one in block.type.members if one.name == names[2]) if names[2:] else 0
    return block.offset + inside


def seen(running: Running, image: bytes, *paths: str) -> list[int]:
    return [running.value(at(image, path)) for path in paths]


def test_reset_and_the_end_leave_every_instance(tmp_path: Path) -> None:
    """Once at a reset, once at the end, with bInCopyCode FALSE; what FB_Exit writes is saved with the rest."""
    image = image_of(LEAVING)
    options = ControlOptions(
        write_image_of(tmp_path / "one.image", LEAVING), tmp_path / "channel", retain=tmp_path / "kept"
    )
    counters = ("test.nExits", "test.nCopied", "test.nAgain")
    with control(options) as running:
        running.more_cycles(5)
        assert seen(running, image, *counters) == [0, 0, 0]
        running.ask(Request.RESET)
        running.more_cycles(2)
        assert seen(running, image, *counters) == [201, 0, 0]
        assert running.ask(Request.START) == "RUN"
        running.more_cycles(2)
        assert running.end() == 0
    with control(options) as running:
        running.more_cycles(2)
        assert seen(running, image, *counters) == [402, 0, 0]


def test_an_online_change_asks_the_instances_that_it_copies(tmp_path: Path) -> None:
    """FB_Exit of the old instance, FB_Init of the new one, the copying, FB_Reinit: where the declaration changed. An
    instance of an unchanged class is left alone; one that goes is left for good, one that comes begins as ever."""
    first, second = image_of(LEAVING), image_of(CHANGED)
    options = ControlOptions(write_image_of(tmp_path / "one.image", LEAVING), tmp_path / "channel")
    (tmp_path / "two.image").write_bytes(second)
    with control(options) as running:
        running.more_cycles(5)
        assert seen(running, first, "MAIN.stays.begun", "MAIN.goes.begun") == [12, 12]
        running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        running.more_cycles(5)
        assert running.channel.state is State.RUN
        assert seen(running, second, "test.nExits", "test.nCopied", "test.nAgain") == [101, 1, 1]
        assert seen(running, second, "MAIN.one.total", "MAIN.one.learned") == [6_000_000, 21]
        assert seen(running, second, "MAIN.stays.begun", "MAIN.comes.begun") == [12, 12]
        assert running.value(at(second, "MAIN.cycles")) > 5


def test_new_code_alone_leaves_no_instance(tmp_path: Path) -> None:
    """An online change without another declaration calls neither FB_Exit nor FB_Reinit."""
    other = LEAVING.replace("cycles + 1", "cycles + 2")
    image = image_of(other)
    options = ControlOptions(write_image_of(tmp_path / "one.image", LEAVING), tmp_path / "channel")
    (tmp_path / "two.image").write_bytes(image)
    with control(options) as running:
        running.more_cycles(5)
        running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        running.more_cycles(5)
        assert seen(running, image, "test.nExits", "test.nAgain", "MAIN.one.total") == [0, 0, 0]


ENDLESS = LEAVING.replace("total := total + 1000000;", "WHILE TRUE DO total := total + 1; END_WHILE")
FAULTY = CHANGED.replace("total := total + 5000000;", "learned := learned / (total * 0); nAgain := 77;")


def test_fb_exit_without_an_end_is_ended(tmp_path: Path) -> None:
    """Its loop is told to end after a second: the reset is done, and the log says why it took so long."""
    options = ControlOptions(write_image_of(tmp_path / "one.image", ENDLESS), tmp_path / "channel")
    with control(options) as running:
        running.more_cycles(5)
        running.ask(Request.RESET)
        wait_for(lambda: "FB_Exit ended early: runaway" in running.log.read_text())
        assert running.ask(Request.START) == "RUN"
        running.more_cycles(5)


def test_a_fault_in_the_middle_of_a_change_is_the_tasks(tmp_path: Path) -> None:
    """FB_Reinit divides by zero, in another change FB_Exit never ends: the change is made, and the task stands."""
    options = ControlOptions(write_image_of(tmp_path / "one.image", LEAVING), tmp_path / "channel")
    write_image_of(tmp_path / "two.image", FAULTY)
    with control(options) as running:
        running.more_cycles(5)
        running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        wait_for(lambda: running.channel.state is State.EXCEPTION)
        wait_for(lambda: "divide" in running.log.read_text())
        running.ask(Request.RESET)
        assert running.ask(Request.START) == "RUN"
    options = ControlOptions(write_image_of(tmp_path / "three.image", ENDLESS), tmp_path / "channel2")
    write_image_of(tmp_path / "four.image", CHANGED)
    with control(options) as running:
        running.more_cycles(5)
        running.ask(Request.SWAP, str(tmp_path / "four.image").encode())
        wait_for(lambda: running.channel.state is State.EXCEPTION)
        wait_for(lambda: "runaway" in running.log.read_text())
        running.more_cycles(5)
