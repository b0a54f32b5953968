"""A large module in several parts: the same application, and the same bytes each time."""

from __future__ import annotations

import ctypes
import io
import os
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from plc_run import checked, session_of

from dinrail.control import context
from dinrail.control.context import fault_of
from dinrail.control.debugmap import DebugMap
from dinrail.control.native import load_address
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault, Program, TaskProgram
from dinrail.plc.emit import abi
from dinrail.plc.emit.apart import objects_of
from dinrail.plc.emit.debugmap import debug_map
from dinrail.plc.emit.failure import EmitFault
from dinrail.plc.emit.link import Linked, link
from dinrail.plc.emit.module import Module, write_module
from dinrail.plc.emit.parts import MOST_PARTS, parts_of
from dinrail.plc.emit.stack import deepest, frames_of
from dinrail.plc.source import Source

TEXT = """
INTERFACE I_Step
    METHOD Step : DINT
    END_METHOD
END_INTERFACE
FUNCTION_BLOCK FB_One IMPLEMENTS I_Step
VAR
    n : DINT;
END_VAR
    METHOD Step : DINT
        n := n + 1;
        Step := n;
    END_METHOD
    {attribute 'TcRpcEnable'}
    METHOD Called : DINT
        Called := n * 2;
    END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Two EXTENDS FB_One
    METHOD Step : DINT
        n := n + 100;
        Step := SUPER^.Step();
    END_METHOD
END_FUNCTION_BLOCK
FUNCTION memcpy : DINT
VAR_INPUT
    a : DINT;
END_VAR
memcpy := a * 3;
END_FUNCTION
FUNCTION strnlen : DINT
VAR_INPUT
    s : STRING;
END_VAR
VAR
    i : DINT;
END_VAR
WHILE i < 80 AND s[i] <> 0 DO
    i := i + 1;
END_WHILE
strnlen := i;
END_FUNCTION
{attribute 'dinrail.recursive'}
FUNCTION Deeper : DINT
VAR_INPUT
    n : DINT;
END_VAR
IF n > 0 THEN
    Deeper := Deeper(n - 1) + 1;
END_IF
END_FUNCTION
FUNCTION Divided : DINT
VAR_INPUT
    a, b : DINT;
END_VAR
Divided := a / b;
END_FUNCTION
FUNCTION Attempt : DINT
VAR_INPUT
    a, b : DINT;
END_VAR
__TRY
    Attempt := Divided(a, b);
__CATCH
    Attempt := -1;
__FINALLY
    Attempt := Attempt * 10;
__ENDTRY
END_FUNCTION
PROGRAM MAIN
VAR
    one : FB_One;
    two : FB_Two;
    step : I_Step;
    cycle, sum, copied, length, tried, depth, top : DINT;
    text, other : STRING := 'begin';
    sorted : ARRAY[0..49] OF DINT;
    i, k, x : DINT;
    fail : BOOL;
    zero : DINT;
    at_out AT %QD0 : DINT;
    at_mark AT %MW4 : INT;
END_VAR
cycle := cycle + 1;
step := one;
sum := sum + step.Step();
step := two;
sum := sum + step.Step();
text := CONCAT(text, 'x');
other := text;
length := strnlen(other);
copied := memcpy(cycle);
tried := Attempt(cycle, cycle MOD 3);
depth := Deeper(cycle);
FOR i := 0 TO 49 DO
    sorted[i] := (i * 7919 + cycle) MOD 101;
END_FOR
FOR i := 0 TO 48 DO
    FOR k := 0 TO 48 - i DO
        IF sorted[k] > sorted[k + 1] THEN
            x := sorted[k];
            sorted[k] := sorted[k + 1];
            sorted[k + 1] := x;
        END_IF
    END_FOR
END_FOR
top := sorted[49];
at_out := sum;
at_mark := DINT_TO_INT(cycle);
IF fail THEN
    top := Divided(1, zero);
END_IF
END_PROGRAM
"""
NUMBERS = ("cycle", "sum", "copied", "length", "tried", "depth", "top")
CYCLES = 12


def module_of(options: Options) -> tuple[Program, Module]:
    program, _ = checked(TEXT)
    return program, write_module(program, [TaskProgram("PlcTask", [program.entry["MAIN"]])], options)


def linked_in(parts: int, options: Options) -> tuple[Program, Module, Linked]:
    """The application from so many objects."""
    program, module = module_of(options)
    texts = parts_of(module, options, part_lines=module.text.count("\n") // parts)
    assert len(texts) > 1
    return program, module, link(objects_of(texts, options))


class Loaded:
    """A shared object in this process."""

    def __init__(self, path: Path, program: Program, linked: Linked) -> None:
        path.write_bytes(linked.code)
        self.program = program
        self.library = ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL)
        self.data = self.at(abi.DATA)
        self.context = self.at(abi.CONTEXTS)
        self.run(abi.INITIALISE)

    def at(self, name: str) -> int:
        return ctypes.addressof(ctypes.c_char.in_dll(self.library, name))

    def run(self, name: str) -> int:
        return int(ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)(self.at(name))(self.context))

    def number(self, name: str) -> int:
        variable = next(each for each in self.program.statics if each.path == f"MAIN.{name}")
        return ctypes.c_int32.from_address(self.data + variable.offset_bytes).value

    def set(self, name: str, value: int) -> None:
        variable = next(each for each in self.program.statics if each.path == f"MAIN.{name}")
        ctypes.c_uint8.from_address(self.data + variable.offset_bytes).value = value


@pytest.mark.control
@pytest.mark.parametrize("parts", [2, 5, 60])
def test_a_module_in_parts_does_what_it_does_in_one(tmp_path: Path, parts: int) -> None:
    """Dispatch, strings, handlers, recursion, areas and stubs across the bounds of the parts."""
    options = Options()
    program, _, linked = linked_in(parts, options)
    loaded = Loaded(tmp_path / "x.so", program, linked)
    session = session_of(TEXT)
    for _ in range(CYCLES):
        assert loaded.run(abi.task_symbol(0)) == 0
        assert session.cycle() is None
        assert {name: loaded.number(name) for name in NUMBERS} == {
            name: session.read(f"MAIN.{name}") for name in NUMBERS
        }
    assert ctypes.c_int32.from_address(loaded.at(abi.OUTPUTS)).value == loaded.number("sum")
    assert ctypes.c_int16.from_address(loaded.at(abi.MARKERS) + 4).value == CYCLES
    assert ctypes.c_uint32.from_address(loaded.at("dinrail_rpc_count")).value == 1


@pytest.mark.control
def test_a_fault_in_another_part_is_told_with_its_path(tmp_path: Path) -> None:
    """The handler, the record and the debug map are those of the whole."""
    program, _, linked = linked_in(60, Options())
    loaded = Loaded(tmp_path / "x.so", program, linked)
    loaded.set("fail", 1)
    assert loaded.run(abi.task_symbol(0)) == Fault.DIVIDE
    fault = fault_of(ctypes.string_at(loaded.context, context.END))
    found = DebugMap(debug_map(linked.whole, [Source("test.st", TEXT, 1)]))
    base = load_address(loaded.context)
    names = [step.name for frame in fault.frames for step in found.calls_at(frame - 1 - base)]
    assert names[:2] == ["Divided", "MAIN"]


@pytest.mark.control
def test_the_depth_of_the_stack_is_known_across_parts() -> None:
    """Frames and calls of all parts are counted: never less than in one piece without what is taken in."""
    options = Options(optimise=0)
    _, module, linked = linked_in(60, options)
    whole = link(objects_of([module.text], options))
    start = f"@{abi.task_symbol(0)}"
    depths = [deepest(module.calls, frames_of(each.whole), start, 64) for each in (linked, whole)]
    assert depths[0] == depths[1] > 64 * 16


def test_what_is_shared_by_parts_is_known_to_nobody_else() -> None:
    """The shared object exports the same names, however many parts it came from."""
    options = Options(optimise=1)
    _, module, linked = linked_in(3, options)
    exported = []
    for each in (linked, link(objects_of([module.text], options))):
        table = ELFFile(io.BytesIO(each.code)).get_section_by_name(".dynsym")
        exported.append({one.name for one in table.iter_symbols() if one["st_shndx"] != "SHN_UNDEF"})
    assert exported[0] == exported[1]


def test_parts_depend_on_the_text_alone() -> None:
    """Equal text gives equal parts, no more than MOST_PARTS; all optimisation is left whole."""
    _, module = module_of(Options())
    _, again = module_of(Options())
    assert parts_of(module, Options(), part_lines=100) == parts_of(again, Options(), part_lines=100)
    assert len(parts_of(module, Options(), part_lines=1)) == MOST_PARTS
    assert parts_of(module, Options()) == [module.text]
    assert parts_of(module, Options(optimise=3), part_lines=1) == [module.text]


def test_a_part_that_llvm_refuses_is_one_clear_error() -> None:
    """What a worker says is in the error, and no worker is left."""
    good = "define i32 @f() {\nret i32 0\n}"
    with pytest.raises(EmitFault) as caught:
        objects_of([good, "define i32 @g() { ret i64 0 }", good], Options())
    assert "LLVM refuses" in str(caught.value) + (caught.value.why or "")
