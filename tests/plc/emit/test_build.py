"""From text to the file: the same every time, and as it says it is."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from plc_run import checked

from dinrail.control.elf import read_sections
from dinrail.control.image import read_image
from dinrail.control.settings import TaskSettings
from dinrail.errors import HostError
from dinrail.plc.core.options import Options
from dinrail.plc.emit import abi
from dinrail.plc.emit.build import build_image
from dinrail.plc.emit.failure import EmitFault
from dinrail.plc.emit.link import link
from dinrail.plc.emit.machine import object_code
from dinrail.plc.emit.module import constant_image, write_module
from dinrail.plc.source import Source

TEXT = """
VAR_GLOBAL RETAIN gKept : DINT := 7; END_VAR
FUNCTION_BLOCK FB_A
VAR_INPUT x : LREAL; END_VAR
VAR_OUTPUT y : LREAL; END_VAR
VAR t : TON; s : STRING := 'text'; END_VAR
t(IN := x > 1.0, PT := T#1s);
y := SIN(x) * 2.0;
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR fb : ARRAY [1..3] OF FB_A; f : LREAL; i : INT; w : WORD; q AT %QW2 : WORD; e AT %IX0.1 : BOOL; END_VAR
FOR i := 1 TO 3 DO
    f := f + 0.25;
    fb[i](x := f);
END_FOR
w := ROL(w, 1) OR 1;
q := w;
gKept := gKept + 1;
END_PROGRAM
"""

SCRIPT = """
import hashlib, sys
from plc_run import checked
from dinrail.plc.core.options import Options
from dinrail.plc.emit.machine import object_code
from dinrail.plc.emit.module import write_module
program, _ = checked(open(sys.argv[1]).read())
text = write_module(program, program.tasks, Options()).text
print(hashlib.sha256(text.encode()).hexdigest(), hashlib.sha256(object_code(text, Options())).hexdigest())
"""


def test_equal_source_gives_equal_text_and_equal_code_in_every_process(tmp_path: Path) -> None:
    """Nothing depends on hashes, addresses or the order of sets: three processes, three hash seeds, one result."""
    path = tmp_path / "x.st"
    path.write_text(TEXT)
    support = str(Path(__file__).resolve().parents[2] / "_support")
    answers = set()
    for seed in ("0", "1", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": support}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path)], env=environment, capture_output=True, text=True, check=True
        )
        answers.add(done.stdout)
    assert len(answers) == 1


@pytest.mark.control
def test_an_image_says_what_is_in_it_and_is_the_same_at_every_build() -> None:
    """Tasks, sizes, retained variables, sources and options; built twice, byte by byte equal."""
    program, _ = checked(TEXT)
    source = Source("x.st", TEXT, 1)
    images = [
        build_image(program, [TaskSettings(name="PlcTask")], Options(), name="demo", sources=[source]) for _ in range(2)
    ]
    assert images[0] == images[1]
    image = read_image(images[0])
    assert image.name == "demo"
    assert (image.data_bytes, image.output_bytes, image.input_bytes) == (program.data_bytes, 4, 1)
    assert [(each.path, each.type, each.size_bytes) for each in image.retained] == [("test.gKept", "DINT", 4)]
    assert image.sources == (("x.st", hashlib.sha256(TEXT.encode()).hexdigest()),)
    assert dict(image.options)["check_bounds"] == "True"
    assert image.heap_bytes == 0
    (task,) = image.tasks
    assert 4096 < task.stack_bytes < 16384
    assert sum(segment.size_bytes for segment in task.segments) == program.data_bytes + 5


@pytest.mark.control
def test_the_shared_object_has_no_text_relocations_and_only_what_the_executive_asks_for() -> None:
    """Exports are the documented ones; nothing of the compiler's own names is left in it."""
    program, _ = checked(TEXT)
    module = write_module(program, program.tasks, Options())
    linked = link([object_code(module.text, Options())])
    assert b"FB_A" not in linked.code
    table = ELFFile(io.BytesIO(linked.code)).get_section_by_name(".dynsym")
    names = {symbol.name for symbol in table.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}
    assert names == {
        *(abi.DATA, abi.INPUTS, abi.OUTPUTS, abi.MARKERS, abi.CONTEXTS),
        *(abi.INITIALISE, abi.GUARD, abi.TRAP, "dinrail_task_0"),
    }
    assert ".symtab" not in read_sections(linked.code)


def test_the_constant_image_holds_each_initial_value_at_its_place() -> None:
    """What the statics are before the first cycle, class numbers included."""
    program, _ = checked(TEXT)
    image = constant_image(program)
    for variable in program.statics:
        size = variable.type.size_bytes
        there = image[variable.offset_bytes : variable.offset_bytes + size]
        assert there == (variable.initial or bytes(size))
    kept = next(each for each in program.statics if each.path == "test.gKept")
    assert image[kept.offset_bytes : kept.offset_bytes + 4] == (7).to_bytes(4, "little")


def test_a_portable_image_uses_only_what_every_machine_has(tmp_path: Path) -> None:
    """Code for any processor has no instruction of AVX, whatever this machine has."""
    program, _ = checked(TEXT)
    options = replace(Options(), cpu="portable")
    path = tmp_path / "x.o"
    path.write_bytes(object_code(write_module(program, program.tasks, options).text, options))
    listing = subprocess.run(["objdump", "-d", str(path)], capture_output=True, text=True, check=True).stdout
    mnemonics = {line.split("\t")[2].split(" ")[0] for line in listing.splitlines() if line.count("\t") > 1}
    assert "addsd" in mnemonics  # twice the sine
    assert not [each for each in mnemonics if each.startswith("v")]


def test_text_that_llvm_refuses_is_one_clear_error() -> None:
    """A module that cannot be read is an EmitFault with LLVM's own words."""
    with pytest.raises(EmitFault, match="LLVM refuses"):
        object_code("define i32 @f() { ret i64 0 }", Options())


def test_an_object_that_does_not_link_is_one_clear_error() -> None:
    """ld's refusal is told, and what is missing named."""
    code = object_code(
        "declare void @nobody_has_this()\ndefine void @f() { call void @nobody_has_this() ret void }", Options()
    )
    with pytest.raises(HostError) as caught:
        link([code])
    assert "nobody_has_this" in str(caught.value.why)
