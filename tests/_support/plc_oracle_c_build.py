"""The second oracle, C: a checked program written, compiled by gcc and run in this process."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterable
from pathlib import Path

from plc_oracle_c_names import Names, signature
from plc_oracle_c_prelude import prelude
from plc_oracle_c_steps import Writer
from plc_oracle_faults import Clock, Ended

from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, FunctionKind, Program
from dinrail.plc.source import Place
from dinrail.plc.types.variable import Area

_FLAGS = (
    "-shared -fPIC -w -fmax-errors=3 -Werror=implicit-function-declaration -fwrapv -fno-strict-aliasing"
    " -fno-builtin -ffp-contract=off -fno-delete-null-pointer-checks"
)
_RUN = """
int oracle_run(int function) {{
    jmp_buf end; handler = &end;
    int code = setjmp(end);
    if (code) return code;
    switch (function) {{ {cases} }}
    return 0;
}}
"""


class _Clock(ctypes.Structure):
    _fields_ = (
        ("cycle_ns", ctypes.c_uint64),
        ("task_time_ns", ctypes.c_uint64),
        ("wall_time_ns", ctypes.c_uint64),
        ("cycle_count", ctypes.c_uint64),
        ("task_index", ctypes.c_int32),
        ("first_cycle", ctypes.c_uint8),
    )


def write_c(program: Program, options: Options, entries: Iterable[Function]) -> str:
    """The whole program as C. entries: what `oracle_run` can run, by their position."""
    names = Names(program, options)
    functions = [program.initialise, *(f for f in program.functions if f is not program.initialise)]
    functions = [f for f in functions if not f.is_abstract]
    names.functions = {id(function): f"run_{number}" for number, function in enumerate(functions)}
    bodies = [line for function in functions for line in Writer(names, function).whole()]
    cases = " ".join(f"case {n}: {names.function(entry)}(0); break;" for n, entry in enumerate(entries))
    return "\n".join(
        [
            prelude(),
            *_data(program),
            *(
                f"static const u8 {name}[] __attribute__((aligned(16))) = {_bytes(d)};"
                for d, name in names.constants.items()
            ),
            *(signature(function, names.function(function)) + ";" for function in functions),
            *bodies,
            _RUN.format(cases=cases),
        ]
    )


def _bytes(data: bytes) -> str:
    return "{" + ",".join(map(str, data or b"\0")) + "}"


def _data(program: Program) -> Iterable[str]:
    image = bytearray(program.data_bytes)
    for variable in program.statics:
        if variable.initial is not None:
            image[variable.offset_bytes : variable.offset_bytes + len(variable.initial)] = variable.initial
    yield f"u8 oracle_data[{max(1, len(image))}] __attribute__((aligned(4096))) = {_bytes(image)};"
    for area in Area:
        size = program.area_bytes.get(area.value, 0)
        yield f"u8 oracle_{area.value}[{max(1, size)}] __attribute__((aligned(4096)));"


class CompiledC:
    """The program in this process. entries: as for write_c, the initialiser always first. level: gcc's -O."""

    def __init__(
        self, program: Program, options: Options, entries: list[Function], folder: Path, level: int = 0
    ) -> None:
        self.entries = [program.initialise, *entries]
        assert all(entry.kind in (FunctionKind.INITIALISER, FunctionKind.PROGRAM) for entry in self.entries)
        self.program = program
        source, library = folder / "oracle.c", folder / "oracle.so"
        source.write_text(write_c(program, options, self.entries))
        subprocess.run(["gcc", f"-O{level}", *_FLAGS.split(), "-o", str(library), str(source), "-lm"], check=True)
        self.library = ctypes.CDLL(str(library))
        self._data = (ctypes.c_uint8 * max(1, program.data_bytes)).in_dll(self.library, "oracle_data")
        self.clock = _Clock.in_dll(self.library, "oracle_clock")

    @property
    def data_address(self) -> int:
        return ctypes.addressof(self._data)

    @property
    def data(self) -> bytes:
        """The statics' bytes as they are now."""
        return bytes(self._data)[: self.program.data_bytes]

    def set_clock(self, clock: Clock) -> None:
        for name, _ in _Clock._fields_:
            setattr(self.clock, name, getattr(clock, name))

    def run(self, function: Function) -> Ended:
        """One of `entries`, or the initialiser."""
        number = next(n for n, entry in enumerate(self.entries) if entry is function)
        code: int = self.library.oracle_run(number)
        if not code:
            return Ended(0, Place(0))
        values = (ctypes.c_int64 * 3).in_dll(self.library, "fault_values")
        at = ctypes.c_uint64.in_dll(self.library, "fault_at").value
        return Ended(code, Place(at), (values[0], values[1], values[2]))
