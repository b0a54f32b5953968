"""What a project may decide about its code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What a project may decide about its code.

    wide_intermediates: TwinCAT's native-width arithmetic (dialect).
    cpu:                LLVM's name of a processor; `host`: this machine's, with all it can do.
    heap_bytes:         what __NEW may use in all; it is there from the start, and locked like all memory.
    """

    check_bounds: bool = True
    check_null: bool = True
    check_divide: bool = True
    check_float_divide: bool = True
    loop_abort: bool = True
    wide_intermediates: bool = True
    optimise: int = 2
    cpu: str = "host"
    recursion_limit: int = 64
    heap_bytes: int = 1 << 20
