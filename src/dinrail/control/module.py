"""A loaded image: the addresses of what its shared object exports, and its data as they were at load."""

from __future__ import annotations

import _ctypes
import ctypes
import os
from pathlib import Path

from dinrail.control import context
from dinrail.control.elf import code_range
from dinrail.control.image import Image
from dinrail.control.native import PAGE_BYTES, load_address
from dinrail.errors import FormatError

_SPACES = ("dinrail_data", "dinrail_inputs", "dinrail_outputs", "dinrail_markers")
"""In the order of channel.layout.Space. Names: plc.emit.abi."""


class Module:
    """One shared object in this process. Raises FormatError when it does not load, or lacks what it must export."""

    def __init__(self, path: Path, image: Image) -> None:
        self.path = path
        self.image = image
        try:
            self._library = ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL)
        except OSError as fault:
            raise FormatError("the image does not load", structure="Image", where=str(path), why=str(fault)) from fault
        self.bases = tuple(self.address(name) for name in _SPACES)
        self.contexts = self.address("dinrail_contexts")
        self.bodies = tuple(self.address(f"dinrail_task_{index}") for index in range(len(image.tasks)))
        self.load_address = load_address(self.contexts)
        """Where the object begins in memory: what the debug map's addresses count from."""
        self.takes = tuple(self.find(f"dinrail_take_{index}") for index in range(len(image.tasks)))
        self.gives = tuple(self.find(f"dinrail_give_{index}") for index in range(len(image.tasks)))
        code = code_range(ctypes.string_at(self.load_address, PAGE_BYTES))
        self.code = range(self.load_address + code.start, self.load_address + code.stop)
        """Addresses of its code, in memory."""
        self.guard = self.address("dinrail_guard")
        self.trap = self.address("dinrail_trap")
        self.read_inputs = self.find("dinrail_read_inputs")
        self.write_outputs = self.find("dinrail_write_outputs")
        self.leave = self.find("dinrail_exit")
        self.reinitialise = self.find("dinrail_reinitialise")
        self.seed_at = self.find("dinrail_seed")
        self.stubs = self.find("dinrail_rpc")
        self.stub_count = self._stub_count()
        self.log = self.find("dinrail_log")
        sizes = (image.data_bytes, image.input_bytes, image.output_bytes, image.marker_bytes)
        self._pristine = tuple(ctypes.string_at(base, size) for base, size in zip(self.bases, sizes, strict=True))

    def address(self, name: str) -> int:
        """Of an exported symbol. Raises FormatError."""
        found = self.find(name)
        if not found:
            raise FormatError(f"the image does not export {name}", structure="Image", where=str(self.path))
        return found

    def find(self, name: str) -> int:
        """0 when it is not there."""
        try:
            return ctypes.addressof(ctypes.c_char.in_dll(self._library, name))
        except ValueError:
            return 0

    def function(self, name: str, returns: type | None, *parameters: type) -> ctypes._FuncPointer:
        """An exported function, callable."""
        kind = ctypes.CFUNCTYPE(returns, *parameters)
        return kind(self.address(name))

    def context(self, task: int) -> int:
        """The address of a task's context record."""
        return self.contexts + task * context.STRIDE_BYTES

    def restore(self) -> None:
        """All spaces as they were at load."""
        for base, data in zip(self.bases, self._pristine, strict=True):
            ctypes.memmove(base, data, len(data))

    def give_heap(self, address: int, size_bytes: int) -> None:
        """Where __NEW takes its memory from (before `initialise`); nothing to do for code without __NEW."""
        at = self.find("dinrail_heap")
        if at:
            ctypes.c_uint64.from_address(at).value = address
            ctypes.c_uint64.from_address(at + 8).value = size_bytes

    def initialise(self) -> int:
        """What the constant image cannot do, under the code's own handler. The fault's number, 0: none."""
        return int(self.function("dinrail_initialise", ctypes.c_uint32, ctypes.c_void_p)(self.context(0)))

    def seed(self) -> None:
        """Let all tasks see the data as they are, while none runs: behind what others than the code have written."""
        if self.seed_at:
            self.function("dinrail_seed", None)()

    def exit(self) -> int:
        """FB_Exit of all instances, likewise. The fault's number, 0: none."""
        if not self.leave:
            return 0
        return int(self.function("dinrail_exit", ctypes.c_uint32, ctypes.c_void_p)(self.context(0)))

    def close(self) -> None:
        """Unload it. Nothing may be in it any more, now or later."""
        _ctypes.dlclose(self._library._handle)

    def _stub_count(self) -> int:
        at = self.find("dinrail_rpc_count")
        return ctypes.c_uint32.from_address(at).value if at and self.stubs else 0
