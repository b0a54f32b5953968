"""Online change of Structured Text: pointers, references, interfaces, blocks and __NEW in a running application."""

from __future__ import annotations

from pathlib import Path

import pytest
from control_process import control
from control_st import image_of, symbol, write_image_of

from dinrail.control.channel.layout import Request, State
from dinrail.control.options import ControlOptions
from dinrail.errors import Refused

pytestmark = pytest.mark.control

FIRST = """
INTERFACE I_Step
    METHOD Step : DINT
    END_METHOD
END_INTERFACE
FUNCTION_BLOCK FB_One IMPLEMENTS I_Step
VAR
    total : DINT;
END_VAR
    METHOD Step : DINT
        total := total + 1;
        Step := total;
    END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Two IMPLEMENTS I_Step
VAR
    total : DINT;
END_VAR
    METHOD Step : DINT
        total := total + 100;
        Step := total;
    END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR
    started : BOOL;
    cycles : DINT;
    one : FB_One;
    two : FB_Two;
    values : ARRAY [0..3] OF DINT;
    pointer_ : POINTER TO DINT;
    reference_ : REFERENCE TO FB_One;
    step : I_Step;
    made : POINTER TO DINT;
    seen : DINT;
END_VAR
IF NOT started THEN
    pointer_ := ADR(values[2]);
    reference_ REF= one;
    step := two;
    made := __NEW(DINT);
    started := TRUE;
END_IF
cycles := cycles + 1;
pointer_^ := pointer_^ + 1;
reference_.Step();
made^ := made^ + 1;
seen := step.Step();
END_PROGRAM
"""

MOVED = (
    FIRST.replace("    started : BOOL;", "    filler : ARRAY [0..99] OF LREAL := [100(1.5)];\n    started : BOOL;")
    .replace("VAR\n    total : DINT;", "VAR\n    more : LREAL := 2.5;\n    total : DINT;", 1)
    .replace("total := total + 100;", "total := total + 1000;")
)


def values(running: object, image: bytes, task: int = 0) -> dict[str, int]:
    """MAIN's numbers of one cycle, by name."""
    from control_process import Running

    assert isinstance(running, Running)
    snapshot = running.channel.snapshot(task)
    assert snapshot is not None

    def at(offset: int) -> int:
        return int.from_bytes(snapshot.data[offset : offset + 4], "little", signed=True)

    out = {name: at(symbol(image, f"MAIN.{name}").offset) for name in ("cycles", "seen")}
    out["indexed"] = at(symbol(image, "MAIN.values").offset + 8)
    for name in ("one", "two"):
        block = symbol(image, f"MAIN.{name}")
        out[name] = at(block.offset + next(one.offset_bytes for one in block.type.members if one.name == "total"))
    return out


def test_addresses_follow_what_they_pointed_to(tmp_path: Path) -> None:
    """POINTER, REFERENCE, interface and __NEW's memory mean the same things after everything has moved, and an
    interface's method is the new code."""
    first, second = image_of(FIRST), image_of(MOVED)
    (tmp_path / "two.image").write_bytes(second)
    options = ControlOptions(tmp_path / "one.image", tmp_path / "channel")
    options.image.write_bytes(first)
    with control(options) as running:
        running.more_cycles(50)
        before = values(running, first)
        assert before["cycles"] == before["indexed"] == before["one"]
        assert before["two"] == 100 * before["cycles"] == before["seen"]
        running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        running.more_cycles(50)
        after = values(running, second)
        assert running.channel.state == State.RUN
        assert after["cycles"] >= before["cycles"] + 50
        assert after["cycles"] == after["indexed"] == after["one"]
        assert after["two"] == after["seen"]
        assert after["two"] % 1000 == before["two"] % 1000 or after["two"] > before["two"]
        assert (after["two"] - 100 * after["cycles"]) % 900 == 0


def test_blocks_that_came_are_refused_where_new_is_used(tmp_path: Path) -> None:
    """__NEW may have made a block whose class has another number now: the change is refused and says so."""
    options = ControlOptions(write_image_of(tmp_path / "one.image", FIRST), tmp_path / "channel")
    more = FIRST.replace("FUNCTION_BLOCK FB_One", "FUNCTION_BLOCK FB_Nil\nEND_FUNCTION_BLOCK\nFUNCTION_BLOCK FB_One", 1)
    more = more.replace("    one : FB_One;", "    nil : FB_Nil;\n    one : FB_One;")
    write_image_of(tmp_path / "two.image", more)
    with control(options) as running:
        running.more_cycles(5)
        with pytest.raises(Refused) as caught:
            running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        assert "__NEW" in "\n".join(caught.value.details)
        running.more_cycles(5)


def test_a_new_image_whose_beginning_fails_is_refused(tmp_path: Path) -> None:
    """FB_Init of the new application divides by zero: the old one goes on."""
    text = "PROGRAM MAIN\nVAR\n n : DINT;\nEND_VAR\nn := n + 1;\nEND_PROGRAM\n"
    bad = (
        "FUNCTION_BLOCK FB_Bad\nVAR\n zero, n : DINT;\nEND_VAR\nMETHOD FB_Init : BOOL\nVAR_INPUT\n"
        " bInitRetains : BOOL;\n bInCopyCode : BOOL;\nEND_VAR\n n := 1 / zero;\nEND_METHOD\nEND_FUNCTION_BLOCK\n"
        "PROGRAM MAIN\nVAR\n n : DINT;\n bad : FB_Bad;\nEND_VAR\nn := n + 1;\nEND_PROGRAM\n"
    )
    options = ControlOptions(write_image_of(tmp_path / "one.image", text), tmp_path / "channel")
    write_image_of(tmp_path / "two.image", bad)
    with control(options) as running:
        running.more_cycles(5)
        with pytest.raises(Refused, match="initialisation fails: divide"):
            running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        running.more_cycles(5)
        assert running.channel.header.online_change_count == 0


ANEW = """
FUNCTION_BLOCK FB_Part
VAR
    kept : DINT;
    {attribute 'no_copy'}
    anew : DINT := 1000;
END_VAR
kept := kept + 1;
anew := anew + 1;
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR
    cycles : DINT;
    part : FB_Part;
    {attribute 'init_on_onlchange'}
    own : DINT := 5000;
END_VAR
cycles := cycles + 1;
own := own + 1;
part();
END_PROGRAM
"""


def test_what_says_so_starts_anew(tmp_path: Path) -> None:
    """`no_copy` and `init_on_onlchange`: these begin as declared, all else goes on."""
    first, second = image_of(ANEW), image_of(ANEW.replace("    cycles :", "    more : LREAL;\n    cycles :"))
    (tmp_path / "two.image").write_bytes(second)
    options = ControlOptions(tmp_path / "one.image", tmp_path / "channel")
    options.image.write_bytes(first)
    with control(options) as running:
        running.more_cycles(200)
        running.ask(Request.SWAP, str(tmp_path / "two.image").encode())
        running.more_cycles(5)
        snapshot = running.channel.snapshot(0)
        assert snapshot is not None
        part = symbol(second, "MAIN.part")
        offsets = {f"part.{one.name}": part.offset + one.offset_bytes for one in part.type.members}
        offsets |= {name: symbol(second, f"MAIN.{name}").offset for name in ("cycles", "own")}
        found = {name: int.from_bytes(snapshot.data[at : at + 4], "little") for name, at in offsets.items()}
        assert found["cycles"] == found["part.kept"] > 200
        since = found["own"] - 5000
        assert 0 < since < found["cycles"] - 150
        assert found["part.anew"] == 1000 + since
