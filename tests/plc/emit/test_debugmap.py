"""A fault tells its call path: through calls that LLVM took into their callers, and through those that it did not."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from plc_run import checked

from dinrail.control import context
from dinrail.control.context import FaultRecord, fault_of
from dinrail.control.debugmap import Call, DebugMap, FunctionRange, Inlined, Line, describe, write_map
from dinrail.errors import FormatError
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault, TaskProgram
from dinrail.plc.emit.debugmap import debug_map
from dinrail.plc.emit.link import link
from dinrail.plc.emit.machine import object_code
from dinrail.plc.emit.module import write_module
from dinrail.plc.source import Source

TEXT = """FUNCTION F_Inner : INT
VAR_INPUT n : INT; END_VAR
VAR a : ARRAY [0..2] OF INT; END_VAR
F_Inner := 1;
F_Inner := a[n];
END_FUNCTION
FUNCTION_BLOCK FB_Axis
VAR n : INT; END_VAR
METHOD Reset : INT
n := n + 1;
Reset := F_Inner(n);
END_METHOD
METHOD Work
VAR i : INT; END_VAR
FOR i := 1 TO 10 DO
    Reset();
END_FOR
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR fb : ARRAY [0..1] OF FB_Axis; k : INT; END_VAR
k := k + 1;
fb[k].Work();
END_PROGRAM
"""


@pytest.mark.parametrize("optimise", [0, 2])
def test_a_fault_names_every_call_on_its_way(tmp_path: Path, optimise: int) -> None:
    """With and without optimisation the path is the source's, innermost first, with the line of each call."""
    options = Options(optimise=optimise)
    program, _ = checked(TEXT, options, name="plc/x.st")
    module = write_module(program, [TaskProgram("PlcTask", [program.entry["MAIN"]])], options)
    linked = link([object_code(module.text, options)])
    found = DebugMap(debug_map(linked.whole, [Source("plc/x.st", TEXT, 1)]))
    path = tmp_path / "code.so"
    path.write_bytes(linked.code)
    fault, base = run(path)
    assert fault.code == Fault.BOUNDS
    assert fault.values == (3, 0, 2)
    lines = describe(found, fault.frames, fault.place, base)
    assert lines == [
        "F_Inner line 5 (plc/x.st:5)",
        "FB_Axis.Reset line 11 (plc/x.st:11)",
        "FB_Axis.Work line 16 (plc/x.st:16)",
        "MAIN line 23 (plc/x.st:23)",
    ]


def run(path: Path) -> tuple[FaultRecord, int]:
    """One cycle in a shared object; (its fault, where the object lies)."""
    library = ctypes.CDLL(str(path))
    at = ctypes.addressof(ctypes.c_char.in_dll(library, "dinrail_contexts"))
    assert library.dinrail_initialise(ctypes.c_void_p(at)) == 0
    assert library.dinrail_task_0(ctypes.c_void_p(at)) != 0
    base = next(
        int(line.split("-", 1)[0], 16)
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(path))
    )
    return fault_of(ctypes.string_at(at, context.END)), base


def test_a_map_reads_back_what_was_written() -> None:
    """Functions, lines, and nested inlined calls, from addresses to names and places."""
    functions = [FunctionRange(0x100, 0x200, "MAIN"), FunctionRange(0x200, 0x210, "F")]
    lines = [Line(0x100, 1, 10), Line(0x120, 1, 3), Line(0x130, 2, 5), Line(0x140, 1, 11)]
    inlined = [Inlined(0x120, 0x140, 0, "A", 1, 10), Inlined(0x130, 0x140, 1, "B", 1, 3)]
    found = DebugMap(write_map(functions, lines, inlined, {1: "a.st", 2: "b.st", 3: "never.st"}))
    assert found.calls_at(0x105) == [Call("MAIN", "a.st", 10)]
    assert found.calls_at(0x12F) == [Call("A", "a.st", 3), Call("MAIN", "a.st", 10)]
    assert found.calls_at(0x130) == [Call("B", "b.st", 5), Call("A", "a.st", 3), Call("MAIN", "a.st", 10)]
    assert found.calls_at(0x1FF) == [Call("MAIN", "a.st", 11)]
    assert found.calls_at(0x205) == []
    assert found.calls_at(0x50) == found.calls_at(0x300) == []
    assert found.file(3) == ""


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"functions":[[1]]}', b'{"functions":[[0,1,5]]}', b'{"lines":[["a",1,1]]}']
)
def test_a_damaged_map_is_refused_whole(data: bytes) -> None:
    """What is no map is one FormatError."""
    with pytest.raises(FormatError):
        DebugMap(data)


def test_no_map_names_nothing() -> None:
    """Without a map there is no path, and no error."""
    assert describe(DebugMap(b""), [0x1000], 0) == []
