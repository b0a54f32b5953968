"""An application in this very process, cycle by cycle on a clock that the caller moves: for tests and quick runs.

There is no thread, no executive and no real time, and a wild pointer ends the process: `control` is for that.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Sequence

from llvmlite import binding

from dinrail.control import context
from dinrail.control.context import FaultRecord, fault_of
from dinrail.errors import BadRequest
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Program, TaskProgram
from dinrail.plc.emit import abi
from dinrail.plc.emit.machine import object_code, target_machine
from dinrail.plc.emit.module import write_module
from dinrail.plc.emit.paths import Bases, Spot, find
from dinrail.plc.emit.rpc import OUTPUTS_AT
from dinrail.plc.emit.values import Value, decode, encode
from dinrail.plc.types.variable import Area

_ACT = ctypes.CFUNCTYPE(None)
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)
_GUARD = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Session:
    """tasks None: the program's own, or when it has none one that calls every program in Program.entry's order."""

    def __init__(
        self, program: Program, options: Options | None = None, tasks: Sequence[TaskProgram] | None = None
    ) -> None:
        self.program = program
        self.options = options or Options()
        own = program.tasks or [TaskProgram("PlcTask", list(program.entry.values()))]
        self.tasks = list(own if tasks is None else tasks)
        module = write_module(program, self.tasks, self.options)
        self._engine = binding.create_mcjit_compiler(
            binding.parse_assembly("", context=binding.create_context()), target_machine(self.options)
        )
        self._engine.add_object_file(binding.ObjectFileRef.from_data(object_code(module.text, self.options)))
        self._engine.finalize_object()
        self._entries = [_ENTRY(self._address(abi.task_symbol(index))) for index in range(len(self.tasks))]
        self._initialise = _ENTRY(self._address(abi.INITIALISE))
        hands_over = bool(program.handovers) and self.tasks == program.tasks
        self._takes, self._gives = (
            [_ACT(self._address(symbol(index))) for index in range(len(self.tasks))] if hands_over else []
            for symbol in (abi.take_symbol, abi.give_symbol)
        )
        self._seed = _ACT(self._address(abi.SEED)) if hands_over else None
        self._contexts = self._address(abi.CONTEXTS)
        self._bases = Bases(
            self._address(abi.DATA),
            {area: self._address(name) for area, name in abi.AREAS.items()},
            lambda at: ctypes.c_uint64.from_address(at).value,
        )
        self.has_heap = module.has_heap
        heap = self._address(abi.HEAP) if self.has_heap else 0
        self._arena = ctypes.create_string_buffer(self.options.heap_bytes if heap else 0)
        if heap:
            where = struct.pack("<QQ", ctypes.addressof(self._arena) + 15 & ~15, self.options.heap_bytes - 16)
            ctypes.memmove(heap, where, len(where))
        self._images = {at: ctypes.string_at(at, size) for at, size in self._memory()}
        self.initialise()

    def _address(self, name: str) -> int:
        found = int(self._engine.get_function_address(name))
        if not found:
            raise BadRequest(f"the module has no {name}")
        return found

    def _memory(self) -> list[tuple[int, int]]:
        areas = [(self._bases.areas[area], self.program.area_bytes.get(area.value, 0)) for area in Area]
        return [(self._bases.data, self.program.data_bytes), *areas]

    def initialise(self, *, wall_ns: int = 0) -> FaultRecord | None:
        """Everything as before the first cycle; None, or the fault of the initialisation."""
        for at, image in self._images.items():
            ctypes.memmove(at, image, len(image))
        ctypes.memset(self._arena, 0, len(self._arena))
        for index in range(len(self.tasks)):
            ctypes.memset(self.context(index), 0, context.END)
            self.set_context(index, context.INDEX, 4, index + 1)
            self.set_context(index, context.CYCLE_NS, 8, 10_000_000)
            self.set_context(index, context.FIRST_CYCLE, 1, 1)
            self.set_context(index, context.INJECTED, 1, 1)
            self.set_context(index, context.WALL_TIME_NS, 8, wall_ns)
        if not self.tasks:
            return None
        return self._run(self._initialise, 0, None)

    def leave(self) -> FaultRecord | None:
        """FB_Exit of all instances, as at the control's end; None, or the fault of it."""
        return self._run(_ENTRY(self._address(abi.EXIT)), 0, None) if self.program.leave.body else None

    def entry_address(self, task: int) -> int:
        """The address of a task's cycle, `u32 (ctx)`: for whoever times it."""
        return self._address(abi.task_symbol(task))

    def context(self, task: int) -> int:
        """The address of a task's record (control.context)."""
        return self._contexts + task * context.STRIDE_BYTES

    def set_context(self, task: int, offset: int, size_bytes: int, value: int) -> None:
        """Sets a field of a task's record."""
        ctypes.memmove(self.context(task) + offset, value.to_bytes(size_bytes, "little"), size_bytes)

    def cycle(
        self, task: int = 0, *, now_ns: int = 0, wall_ns: int | None = None, limit_s: float | None = None
    ) -> FaultRecord | None:
        """One cycle of a task that begins at now_ns; None, or the fault that ended it.

        limit_s: after so many seconds the abort flag is set, as a supervisor would do: Fault.RUNAWAY.
        """
        self.set_context(task, context.TASK_TIME_NS, 8, now_ns)
        self.set_context(task, context.WALL_TIME_NS, 8, now_ns if wall_ns is None else wall_ns)
        if self._takes:
            self._takes[task]()
        fault = self._run(self._entries[task], task, limit_s)
        if self._gives and fault is None:
            self._gives[task]()
        count = ctypes.c_uint64.from_address(self.context(task) + context.CYCLE_COUNT)
        count.value += 1
        self.set_context(task, context.FIRST_CYCLE, 1, 0)
        return fault

    def _run(self, entry: ctypes._FuncPointer, task: int, limit_s: float | None) -> FaultRecord | None:
        abort = ctypes.c_uint32.from_address(self.context(task) + context.ABORT)
        abort.value = 0
        if limit_s is None:
            code = entry(self.context(task))
        else:
            timer = threading.Timer(limit_s, lambda: setattr(abort, "value", 1))
            timer.daemon = True
            timer.start()
            code = entry(self.context(task))
            timer.cancel()
        return fault_of(ctypes.string_at(self.context(task), context.END)) if code else None

    @property
    def data_address(self) -> int:
        """Where the statics lie in this process: what pointers into them are relative to."""
        return self._bases.data

    def call(self, stub: int, instance: str, inputs: bytes, task: int = 0) -> tuple[int, bytes]:
        """A method from outside (emit.rpc): (its fault or 0, OUTPUTS_AT bytes of outputs)."""
        frame = ctypes.create_string_buffer(inputs, 2 * OUTPUTS_AT)
        at = ctypes.c_uint64.from_address(self._address("dinrail_rpc") + 8 * stub).value
        guard = _GUARD(self._address(abi.GUARD))
        both = guard(self.context(task), at, self.spot(instance).address, ctypes.addressof(frame))
        return both & 0xFFFFFFFF, frame.raw[OUTPUTS_AT:]

    def data(self) -> bytes:
        """All statics, as they are now."""
        return ctypes.string_at(self._bases.data, self.program.data_bytes)

    def area(self, area: Area) -> bytes:
        """An area of the process image."""
        return ctypes.string_at(self._bases.areas[area], self.program.area_bytes.get(area.value, 0))

    def write_data(self, offset: int, data: bytes) -> None:
        """Bytes into the statics."""
        if offset < 0 or offset + len(data) > self.program.data_bytes:
            raise BadRequest(f"{offset} and {len(data)} bytes lie outside of the data")
        ctypes.memmove(self._bases.data + offset, data, len(data))
        self._written()

    def spot(self, path: str) -> Spot:
        """Where `MAIN.fb.x[2]` is. Raises BadRequest."""
        return find(self.program, path, self._bases)

    def read(self, path: str) -> Value:
        """A variable's value. Raises BadRequest."""
        spot = self.spot(path)
        if spot.bit >= 0:
            return bool(ctypes.string_at(spot.address + spot.bit // 8, 1)[0] >> spot.bit % 8 & 1)
        return decode(spot.type, ctypes.string_at(spot.address, spot.type.size_bytes))

    def write(self, path: str, value: Value) -> None:
        """Sets a variable: a scalar, a text, an array of them. Raises BadRequest, TypeError."""
        spot = self.spot(path)
        if spot.bit < 0:
            data = encode(spot.type, value)
            ctypes.memmove(spot.address, data, len(data))
            self._written()
            return
        byte = ctypes.c_uint8.from_address(spot.address + spot.bit // 8)
        mask = 1 << spot.bit % 8
        byte.value = byte.value | mask if value else byte.value & ~mask
        self._written()

    def _written(self) -> None:
        if self._seed is not None:
            self._seed()
